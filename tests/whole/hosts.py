"""Two hosts train one run, the network of one is cut and comes back: the job ends by itself, with the same bits

python -m tests.whole.hosts [--cut follower lead ...] [--virtual-ranks V] [--patience S] [--out DIR]

Each host is a network namespace, and runs one torchrun in `examples/forever.sh`; they meet at a store on a third one.
The host is cut within an epoch, and comes back once the other has gone on without it. The work dir is on the disk of
the one machine beneath, which stands for a shared file system that the cut does not reach.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.tree import ROOT
from tests.whole import wires
from tests.whole.wires import Host
from unbroken import testing

PORT = "29400"
MEET = "is_host=0,last_call_timeout=1,keep_alive_interval=1,keep_alive_max_attempt=3,read_timeout=10"
STORE = """
import sys, time, torch.distributed as d
store = d.TCPStore(sys.argv[1], int(sys.argv[2]), is_master=True, wait_for_workers=False)
time.sleep(3600)
"""
EPOCHS = "30"  # as many as it takes: it rests in every batch until all has happened, and then makes haste


class Job:
    """One run that two hosts train; hosts: the place where they meet, and the two. The first of them leads."""

    def __init__(self, folder: Path, hosts: Sequence[Host], virtual: int, patience: float) -> None:
        self.work_dir, self.hurry, self._folder = folder / "run", folder / "hurry", folder
        middle, *hosts = hosts
        self._store = middle.start([sys.executable, "-c", STORE, middle.address, PORT], folder / "store.txt")
        arguments = [
            "--work-dir", str(self.work_dir), "--epochs", EPOCHS, "--rest-until", str(self.hurry),
            "--virtual-ranks", str(virtual), "--patience", str(patience),
        ]  # fmt: skip
        self._loops = [self._start(host, f"{middle.address}:{PORT}", arguments) for host in hosts]

    def _start(self, host: Host, meet: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        torchrun = [
            sys.executable, "-m", "torch.distributed.run", "--nnodes", "1:2", "--nproc-per-node", "1",
            "--max-restarts", "99", "--rdzv-backend", "c10d", "--rdzv-endpoint", meet, "--rdzv-id", "run",
            "--rdzv-conf", MEET, "--monitor-interval", "0.3", "--local-addr", host.address,
            "-m", "tests.whole.squares", *arguments,
        ]  # fmt: skip
        settings = {
            "GLOO_SOCKET_IFNAME": host.cable, "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1", "OMP_NUM_THREADS": "1",
            "PYTHON": sys.executable, "TRIES": "99", "LONGEST": "2",
        }  # fmt: skip
        loop = [str(ROOT / "examples" / "forever.sh"), str(self.work_dir), *torchrun]
        return host.start(loop, self._folder / f"{host.name}.txt", **settings)

    def steps(self) -> int:
        """The last step that the journal tells of."""
        return int(([0, *re.findall(r'"step": (\d+)', self._read("run/journal.jsonl"))])[-1])

    def world(self) -> tuple[str, int]:
        """The host that leads, and how many processes there are; none between two sessions."""
        with suppress(ValueError):
            record = json.loads(self._read("run/run.json"))
            if not (last := record["sessions"][-1])["ended"]:
                return last["host"], record["environment"]["processes"]
        return "", 0

    def until(self, host: str, processes: int) -> None:
        """Wait until a world that this host leads has trained for some batches, and stands within an epoch."""
        _wait(f"{host} leads {processes}", lambda: self.world() == (host, processes), self.told)
        before = self.steps()
        _wait("it trains", lambda: self.steps() > before + 3 and self.steps() % 16 > 2, self.told)

    def end(self) -> list[int]:
        """Let it end by itself; the exit code of each host's loop."""
        self.hurry.touch()
        return [loop.wait(120) for loop in self._loops]

    def told(self) -> str:
        return "\n".join(f"---- {p.name}\n{p.read_text()}" for p in sorted(self._folder.glob("*.txt")))

    def _read(self, name: str) -> str:
        path = self._folder / name
        return path.read_text() if path.exists() else ""

    def close(self) -> None:
        """Whatever is left of it ends. torchrun's processes have groups of their own, and die of its SIGTERM."""
        for process in (*self._loops, self._store):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in (*self._loops, self._store):
            process.wait(60)


def disturbed(folder: Path, cuts: Sequence[str], virtual: int, patience: float, tell: Callable[[str], None]) -> Path:
    """Train on two hosts with these cuts, of `lead` or `follower`, and a return after each; the work dir."""
    with wires.network("middle", "first", "second") as hosts, ExitStack() as stack:
        job = Job(folder, hosts, virtual, patience)
        stack.callback(job.close)
        for cut in cuts:
            job.until("first", 2)
            lost, other = (hosts[1], hosts[2]) if cut == "lead" else (hosts[2], hosts[1])
            tell(f"the {cut}'s host {lost.name} is cut off at step {job.steps()}")
            lost.cut()
            job.until(other.name, 1)
            tell(f"{other.name} goes on alone; {lost.name} comes back at step {job.steps()}")
            lost.mend()
        job.until("first", 2)
        tell(f"both train again at step {job.steps()}")
        codes = job.end()
        assert codes == [0, 0], job.told()
        tell(f"ended by themselves, exit codes {codes}")
        return job.work_dir


def undisturbed(folder: Path, virtual: int) -> Path:
    """The same run by one process, in peace; the work dir."""
    words = ["--work-dir", str(folder / "peace"), "--epochs", EPOCHS, "--virtual-ranks", str(virtual)]
    subprocess.run([sys.executable, "-m", "tests.whole.squares", *words], cwd=ROOT, check=True, capture_output=True)
    return folder / "peace"


def _wait(what: str, true: Callable[[], bool], told: Callable[[], str], seconds: float = 180.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what}: not within {seconds} s\n{told()}"
        time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cut", choices=["follower", "lead"], nargs="+", default=["follower", "lead"])
    parser.add_argument("--virtual-ranks", type=int, default=4)
    parser.add_argument("--patience", type=float, default=6.0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    folder: Path = given.out or Path(tempfile.mkdtemp(prefix="hosts-"))
    folder.mkdir(exist_ok=True)
    began = time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True)

    left = disturbed(folder, given.cut, given.virtual_ranks, given.patience, tell)
    calm = undisturbed(folder, given.virtual_ranks)
    tell("; ".join(testing.compare(str(calm), str(left))) or "equal to the undisturbed run, bit by bit")
    tell(f"journals: {_apart(calm, left)}")


def _apart(calm: Path, left: Path) -> str:
    """How far two journals are apart."""
    pairs = [[json.loads(line) for line in testing.records(str(path))] for path in (calm, left)]
    places = [[(r["at"], r["epoch"], r["step"]) for r in records] for records in pairs]
    losses = zip(*([r["train"]["loss"] for r in records] for records in pairs), strict=True)
    most = max(abs(a - b) / a for a, b in losses)
    return f"{'the same' if places[0] == places[1] else 'other'} places, losses at most {most:.1e} apart"


if __name__ == "__main__":
    main()
