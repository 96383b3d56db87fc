"""For your own tests: die at a named moment, run a command twice, and compare what is left bit by bit

Name the moments of your loop, which costs next to nothing where nobody dies:

    for batch in epoch:
        testing.passing("batch")
        ...

and hold what a killed and restarted run leaves against the undisturbed one:

    command = [sys.executable, "train.py", "--out", "{work_dir}"]
    assert testing.twice(command, tmp_path, die_at=["batch 7", "batch 3"]) == []
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Sequence

from .differ import KINDS, Difference, difference
from .errors import Error, Misuse
from .places import Places

__all__ = ["DIE_AT", "Difference", "compare", "difference", "passed", "passing", "records", "run", "twice"]

DIE_AT = "UNBROKEN_DIE_AT"  # the environment's name for the moment to die at, such as "batch 7": the seventh batch
NOT_LAST = os.path.basename(Places("").previous)
_passed: Counter[str] = Counter()


def passing(moment: str) -> None:
    """A moment of this name passes; perhaps the last one: SIGKILL, as a scheduler or the kernel sends it."""
    _passed[moment] += 1
    if os.environ.get(DIE_AT) == f"{moment} {_passed[moment]}":
        os.kill(os.getpid(), signal.SIGKILL)


def passed() -> list[tuple[str, int]]:
    """The moments that have passed in this process, in the order of their first time, and how often each has."""
    return list(_passed.items())


def twice(command: Sequence[str], folder: str | os.PathLike[str], die_at: Sequence[str]) -> list[str]:
    """Run a command undisturbed, and again with a death at each of the moments and a start after each; what differs.

    command: its words; `{work_dir}` in them becomes a folder inside `folder`, which is empty. die_at: such as
    "batch 7", each counted from the start of its own process. One line for each file that differs; none is good.
    Raises Misuse when a run fails by itself, or ends before its moment has come.
    """
    undisturbed, killed = (os.path.join(folder, name) for name in ("undisturbed", "killed"))
    for work_dir, moments in ((undisturbed, [""]), (killed, [*die_at, ""])):
        os.makedirs(work_dir)
        for moment in moments:
            ended = run(command, work_dir, moment)
            if ended.returncode != (-signal.SIGKILL if moment else 0):
                wish = f"to die at {moment!r}" if moment else "to end with 0"
                raise Misuse(f"{command} was {wish}, but ended with {ended.returncode}:\n{ended.stdout}")
    return compare(undisturbed, killed)


def run(command: Sequence[str], work_dir: str, die_at: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command once, `{work_dir}` replaced in its words, and perhaps to its death; stdout holds all it printed."""
    words = [word.replace("{work_dir}", work_dir) for word in command]
    environment = {**os.environ, DIE_AT: die_at}
    return subprocess.run(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def compare(undisturbed: str, killed: str) -> list[str]:
    """Hold every state that a run left against the same file of another; one line for each that differs.

    States are files that end in .pt, .pth, .ckpt or .safetensors, in subfolders too; but not checkpoint.prev.pt, which
    holds the save before the last one, wherever that fell. Files that only the second run left do not count.
    """
    return [line for name in states(undisturbed) if (line := _unlike(name, undisturbed, killed)) is not None]


def states(folder: str) -> list[str]:
    """The states in a folder, as paths inside it."""
    walk = [(parent, name) for parent, _, names in os.walk(folder) for name in names]
    found = [os.path.join(parent, name) for parent, name in walk if name.endswith(KINDS) and name != NOT_LAST]
    return sorted(os.path.relpath(path, folder) for path in found)


def records(work_dir: str) -> list[str]:
    """The lines of a work dir's journal without the fields that are times."""
    with open(os.path.join(work_dir, "journal.jsonl"), encoding="utf-8") as file:
        return [json.dumps({k: v for k, v in json.loads(line).items() if k != "time"}) for line in file]


def _unlike(name: str, undisturbed: str, killed: str) -> str | None:
    there = os.path.join(killed, name)
    if not os.path.exists(there):
        return f"{name} is missing in {killed}"
    try:
        found = difference(os.path.join(undisturbed, name), there)
    except Error as reason:
        return str(reason)
    return f"{name}: {found.told('undisturbed', 'killed')}" if found else None
