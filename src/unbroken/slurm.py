"""Slurm: a job that is told to leave by SIGUSR1 puts itself back into the queue"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable


def requeue(say: Callable[[str], None]) -> None:
    """Inside a Slurm job, ask for its requeueing and say what came of it; elsewhere do nothing."""
    job = os.environ.get("SLURM_JOB_ID")
    if not job:
        return
    command = ["scontrol", "requeue", job]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as reason:
        say(f"Warning: job {job} is not requeued ({reason}); submit it again, and it goes on")
        return
    if asked.returncode:
        words = (asked.stderr or asked.stdout).strip() or f"exit code {asked.returncode}"
        say(f"Warning: job {job} is not requeued ({' '.join(words.split())}); submit it again, and it goes on")
    else:
        say(f"Requeued job {job}: it goes on when Slurm starts it again")
