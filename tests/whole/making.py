"""A set of grasps, made in one go and made with kills at any moment: the same bytes

python -m tests.whole.making --grasps 200 --kills 5 --seed 0
"""

import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tyro

FILES = ("grasps.npz", "grasps.json")


def main(grasps: int = 200, kills: int = 5, seed: int = 0, instances: int = 1, jobs: int = 2) -> None:
    """Make the set undisturbed with one process, then with so many SIGKILLs and `jobs` processes; compare."""
    with tempfile.TemporaryDirectory() as folder:
        whole, broken = Path(folder, "whole"), Path(folder, "broken")
        wish = f"--grasps {grasps} --instances {instances}"
        command = [sys.executable, "-m", "perpart.grasps", "make", *wish.split()]
        start = time.monotonic()
        subprocess.run([*command, "--jobs", "1", "--out", whole], check=True, stdout=subprocess.DEVNULL)
        span = (time.monotonic() - start) / jobs
        again = [*command, "--jobs", str(jobs), "--out", broken]
        done = sum(_killed(again, random.Random(seed + i).uniform(0, 2 * span / kills), broken) for i in range(kills))
        print(subprocess.run(again, check=True, capture_output=True, text=True).stdout)
        same = all((whole / name).read_bytes() == (broken / name).read_bytes() for name in FILES)
        print(f"{done} kills: {'the same bytes' if same else 'OTHER BYTES'}")
        if not same:
            raise SystemExit(1)
        sys.exit(not same)


def _killed(command: list, after: float, folder: Path) -> bool:
    """Whether the process was still at it when the kill came, so many seconds after it began to work."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while not (folder / "making" / "terms.json").exists() and process.poll() is None:
            time.sleep(0.01)
        try:
            return process.wait(after) == -signal.SIGKILL
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait() == -signal.SIGKILL


if __name__ == "__main__":
    tyro.cli(main)
