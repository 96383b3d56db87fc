"""How processes of a torchrun die: one, all, or torchrun itself; at a moment, or by the clock"""

import json
import os
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from unbroken import testing


@dataclass(frozen=True)
class Fate:
    """who: the number of a process, "all" or "torchrun". when: a moment, such as "batch 7", or seconds after the
    processes have begun, imports done; then the blow comes from outside, in the middle of whatever they do."""

    who: int | str
    when: str | float


def write(path: Path, fates: list[Fate]) -> None:
    """For each start of the processes, the first one and those that torchrun makes of itself, its fate."""
    path.write_text(json.dumps([asdict(fate) for fate in fates]))


def meet(path: str | None) -> None:
    """In a process that torchrun started, perhaps not for the first time: let what is to come come."""
    start, rank = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")), int(os.environ.get("RANK", "0"))
    if rank == 0:
        os.write(1, f"start: {start}\n".encode())
    if path is None:
        return
    planned = [Fate(**each) for each in json.loads(Path(path).read_text())]
    if start < len(planned):
        _meet(planned[start], rank)


def _meet(fate: Fate, rank: int) -> None:
    if isinstance(fate.when, str):
        if fate.who in (rank, "all"):
            os.environ[testing.DIE_AT] = fate.when
    elif fate.who in (rank, "all"):
        _blow(os.getpid(), fate.when)
    elif fate.who == "torchrun" and rank == 0:
        _blow(os.getppid(), fate.when)


def _blow(victim: int, seconds: float) -> None:
    """From outside: nothing that the victim is in the middle of could hold it back. Not once this process has ended:
    the victim's number may be another's by then."""
    mine = f"read -r _ _ _ parent _ < /proc/$$/stat && [ $parent = {os.getpid()} ]"
    subprocess.Popen(["sh", "-c", f"sleep {seconds}; {mine} && kill -9 {victim}"], start_new_session=True)
