"""Proof on your own job: run it in peace and with kills at random moments, and compare what both leave

    python -m unbroken prove --kills 5 -- python train.py --out {work_dir}

Works for any command that leaves .pt, .pth, .ckpt or .safetensors files, whether or not it uses this package. Exit code
0: every state is equal bit by bit; 1: one differs, is missing, or the killed run could not go on; 2: the command fails
by itself, leaves no states, cannot be started, or ends too soon to be killed that often.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass

from . import testing
from .errors import Error, Misuse

PATIENCE = 10  # sessions that may end before their moment, for each kill that was asked for


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.usage = "%(prog)s [-h] [--kills N] [--seed S] [--out DIR] -- COMMAND"
    parser.add_argument(
        "--kills", metavar="N", type=int, default=5, help="how often to kill it; 0 compares two undisturbed runs"
    )
    parser.add_argument("--seed", metavar="S", type=int, default=0, help="decides the moments")
    parser.add_argument(
        "--out", metavar="DIR", help="an empty or new folder for what the runs leave; by default it is removed"
    )
    parser.add_argument(
        "command", nargs="+", metavar="COMMAND",
        help="{work_dir} in it is replaced by the folder of each run; without it, the command runs inside that folder",
    )  # fmt: skip


def prove(options: argparse.Namespace) -> int:
    """Run the proof and print how it goes; the exit code."""
    code, folder = 2, options.out or tempfile.mkdtemp(prefix="unbroken-prove-")
    try:
        proof = Proof(options.command, _empty(folder))
        differing = proof.run(options.kills, random.Random(options.seed))
        code = 1 if differing else 0 if proof.landed >= options.kills else 2
        if code == 2:
            print("NOT PROVED: the command ends too soon to be killed that often; let it run longer, or ask for less")
        for line in differing:
            print(line)
        if differing:
            print(f"NOT EQUAL: see {folder} (--kills 0 tells whether two undisturbed runs of the command are equal)")
    except Error as reason:
        print(f"error: {reason}", file=sys.stderr)
    finally:
        if options.out is None and code != 1:
            shutil.rmtree(folder)
    return code


@dataclass(frozen=True)
class Session:
    """How one start of the command ended: its exit code, -9 where it was killed, and after how many seconds."""

    code: int
    seconds: float
    wrote: float  # seconds until something changed in its folder


class Proof:
    """One command, and the folder in which its runs leave what they leave."""

    def __init__(self, command: list[str], folder: str) -> None:
        self.command, self.folder = command, folder
        self.landed = self.started = 0  # kills, and starts of the run that is killed
        self.inside = not any("{work_dir}" in word for word in command)

    def run(self, kills: int, draw: random.Random) -> list[str]:
        """Every difference that was found, a line each. Raises Misuse."""
        if kills < 0:
            raise Misuse(f"--kills is {kills}: it is at least 0")
        calm, differing, runs = self._undisturbed(), list[str](), 0
        # A run that ends before its moments leaves kills over: they fall on a fresh one.
        while runs == 0 or (not differing and self.landed < kills and self.started < PATIENCE * kills):
            runs += 1
            differing = self._killed(f"killed-{runs}", kills, calm, draw)
        print(f"{self.landed} of {kills} kills, runs: {runs}, states that differ: {len(differing)}", flush=True)
        return differing

    def session(self, name: str, moment: float = math.inf) -> Session:
        """Start the command once; kill it and all its processes so many seconds after it first changed something in
        its folder, unless it has ended: an interpreter that is still importing has nothing to lose."""
        work_dir, wrote = os.path.join(self.folder, name), math.inf
        before, process, began = _look(work_dir), self._start(work_dir), time.monotonic()
        try:
            while process.poll() is None and (seconds := time.monotonic() - began) < wrote + moment:
                if wrote == math.inf and _look(work_dir) != before:
                    wrote = seconds
                time.sleep(0.005)
        finally:
            if process.poll() is None:  # its moment has come, or ours
                _end(process)
        seconds = time.monotonic() - began
        return Session(process.wait(), seconds, min(wrote, seconds))

    def _undisturbed(self) -> Session:
        calm, found = self.session("undisturbed"), testing.states(os.path.join(self.folder, "undisturbed"))
        if calm.code != 0:
            raise Misuse(f"the command fails by itself, with exit code {calm.code}:\n{self._last('undisturbed')}")
        if not found:
            kinds = ", ".join(testing.KINDS)
            raise Misuse(f"the command left no {kinds} in its folder: does it write to {{work_dir}}?")
        when = f"{calm.seconds:.1f} s, its first file after {calm.wrote:.1f} s"
        print(f"undisturbed: ended after {when}, states: {len(found)}", flush=True)
        return calm

    def _killed(self, name: str, kills: int, calm: Session, draw: random.Random) -> list[str]:
        """One run in a fresh folder, killed and started until it ends; its differences."""
        while True:
            moment = draw.uniform(0.0, calm.seconds - calm.wrote) if self.landed < kills else math.inf
            ended = self.session(name, moment)
            self.started += 1
            if ended.code != -signal.SIGKILL or moment == math.inf:
                break
            self.landed += 1
            print(f"{name}: kill {self.landed} after {ended.seconds:.1f} s", flush=True)
        early = "" if moment == math.inf else f", not killed: that was due {moment:.1f} s after its first file"
        print(f"{name}: ended by itself after {ended.seconds:.1f} s with exit code {ended.code}{early}", flush=True)
        if ended.code != 0:
            return [f"{name} could not go on after kill {self.landed}: exit code {ended.code}\n{self._last(name)}"]
        return testing.compare(os.path.join(self.folder, "undisturbed"), os.path.join(self.folder, name))

    def _start(self, work_dir: str) -> subprocess.Popen[bytes]:
        os.makedirs(work_dir, exist_ok=True)
        words, environment = [self._word(word, work_dir) for word in self.command], {**os.environ}
        if self.inside:  # `python -m package` finds it where the command was typed
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, [os.getcwd(), os.environ.get("PYTHONPATH")]))
        with open(work_dir + ".txt", "ab") as out:
            try:
                # A group of its own, so that data workers and children of a shell die with it.
                return subprocess.Popen(
                    words, cwd=work_dir if self.inside else None, env=environment, stdin=subprocess.DEVNULL,
                    stdout=out, stderr=out, start_new_session=True,
                )  # fmt: skip
            except OSError as reason:
                raise Misuse(f"{words[0]} cannot be started: {reason.strerror}") from reason

    def _word(self, word: str, work_dir: str) -> str:
        """A word as the run sees it. A script is found from any folder; but a folder that is named stays relative,
        or the killed runs would write into the user's own."""
        if self.inside:
            return os.path.abspath(word) if os.path.isfile(word) else word
        return word.replace("{work_dir}", work_dir)

    def _last(self, name: str) -> str:
        """The last lines that a run printed."""
        with open(os.path.join(self.folder, name + ".txt"), encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-5:]).rstrip()


def _look(folder: str) -> set[tuple[str, int, int]]:
    """Every file with its size and the time of its last change."""
    found = set[tuple[str, int, int]]()
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # replaced meanwhile
                known = os.stat(os.path.join(parent, name))
                found.add((os.path.join(parent, name), known.st_size, known.st_mtime_ns))
    return found


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a whole group, and wait until none of it is left: what has not yet died still holds its locks."""
    patience = time.monotonic() + 10.0  # where nobody buries the dead, they are counted for ever
    with suppress(ProcessLookupError):
        while time.monotonic() < patience:
            os.killpg(process.pid, signal.SIGKILL)
            process.poll()
            time.sleep(0.002)


def _empty(folder: str) -> str:
    try:
        os.makedirs(folder, exist_ok=True)
        taken = os.listdir(folder)
    except OSError as reason:
        raise Misuse(f"--out {folder} cannot be used: {reason.strerror}") from reason
    if taken:
        raise Misuse(f"--out {folder} is not empty: name an empty or a new folder")
    return os.path.abspath(folder)
