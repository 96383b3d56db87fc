"""Two hosts train one run, and the network of one is cut and comes back: the job ends by itself, with the same bits

python -m tests.whole.hosts [--cut follower|lead|both] [--virtual-ranks 4] [--away 12] [--out DIR]

A host is a network namespace with its own name, address and cable; between them is a third place, with a bridge and
the store at which they meet. Cutting means that packets vanish: nobody is told. The work dir is on the disk of the one
machine beneath, which stands for a shared file system. On each host `examples/forever.sh` runs one torchrun.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.tree import ROOT
from unbroken import testing

NET = "10.99.0"
PORT = 29400
MEET = "is_host=0,last_call_timeout=1,keep_alive_interval=1,keep_alive_max_attempt=3,read_timeout=10"
STORE = f"from torch.distributed import TCPStore as S; s = S('{NET}.1', {PORT}, is_master=True, wait_for_workers=False)"


class Host:
    """A namespace of its own; it goes with the process that holds it."""

    def __init__(self, name: str, number: int) -> None:
        self.name, self.address, self.cable = name, f"{NET}.{number}", f"cable{number}"
        hold = ["unshare", "--net", "--uts", "sh", "-c", f"hostname {name} && echo there && exec sleep 1000000"]
        self._holder = subprocess.Popen(hold, stdout=subprocess.PIPE, start_new_session=True)
        assert self._holder.stdout and self._holder.stdout.readline() == b"there\n"
        self.inside = ["nsenter", "--target", str(self._holder.pid), "--net", "--uts"]
        self.do("ip", "link", "set", "lo", "up")

    @property
    def pid(self) -> str:
        return str(self._holder.pid)

    def do(self, *words: str) -> None:
        subprocess.run([*self.inside, *words], check=True)

    def start(self, words: Sequence[str], out: Path, **environment: str) -> subprocess.Popen[bytes]:
        with out.open("ab") as file:
            return subprocess.Popen(
                [*self.inside, *words], cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                stdout=file, stderr=file, start_new_session=True,
            )  # fmt: skip

    def close(self) -> None:
        self._holder.kill()
        self._holder.wait()


def joined(middle: Host, host: Host) -> None:
    """Lay a cable between the middle and a host."""
    ends = ["ip", "link", "add", f"to-{host.name}", "type", "veth", "peer", "name", host.cable, "netns", host.pid]
    middle.do(*ends)
    middle.do("ip", "link", "set", f"to-{host.name}", "master", "bridge", "up")
    host.do("ip", "address", "add", f"{host.address}/24", "dev", host.cable)
    host.do("ip", "link", "set", host.cable, "up")


@contextmanager
def network() -> Generator[tuple[Host, Host, Host]]:
    """The middle, and two hosts."""
    with ExitStack() as stack:
        middle, *hosts = [Host(name, i) for i, name in enumerate(("middle", "first", "second"), 1)]
        for host in (middle, *hosts):
            stack.callback(host.close)
        middle.do("ip", "link", "add", "bridge", "type", "bridge")
        middle.do("ip", "address", "add", f"{middle.address}/24", "dev", "bridge")
        middle.do("ip", "link", "set", "bridge", "up")
        for host in hosts:
            joined(middle, host)
        yield middle, hosts[0], hosts[1]


class Job:
    """One run on two hosts."""

    def __init__(self, folder: Path, middle: Host, hosts: Sequence[Host], arguments: Sequence[str]) -> None:
        self.work_dir, self.hosts, self.folder = folder / "run", hosts, folder
        store = f"{STORE}; import time; print('open', flush=True); time.sleep(1e6)"
        self.processes = [middle.start([sys.executable, "-c", store], folder / "store.txt")]
        self.processes += [self._start(host, arguments) for host in hosts]

    def _start(self, host: Host, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        torchrun = [
            sys.executable, "-m", "torch.distributed.run", "--nnodes", "1:2", "--nproc-per-node", "1",
            "--max-restarts", "9", "--rdzv-backend", "c10d", "--rdzv-endpoint", f"{NET}.1:{PORT}", "--rdzv-id", "run",
            "--rdzv-conf", MEET, "--monitor-interval", "0.3", "--local-addr", host.address,
            "-m", "tests.whole.squares", str(self.work_dir), *arguments,
        ]  # fmt: skip
        loop = [str(ROOT / "examples" / "forever.sh"), str(self.work_dir), *torchrun]
        known = {"GLOO_SOCKET_IFNAME": host.cable, "OMP_NUM_THREADS": "1", "PYTHON": sys.executable, "LONGEST": "2"}
        return host.start(loop, self.folder / f"{host.name}.txt", **known)

    def steps(self) -> int:
        """How many steps the newest journal line tells of."""
        return max([int(n) for n in re.findall(r'"step": (\d+)', self._read("run/journal.jsonl"))], default=0)

    def sessions(self) -> str:
        return self._read("run/run.json")

    def told(self, host: Host) -> str:
        return self._read(f"{host.name}.txt")

    def _read(self, name: str) -> str:
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def close(self) -> None:
        for process in self.processes:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            process.wait()


def wait(what: str, true, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cut", choices=["follower", "lead", "both"], default="both")
    parser.add_argument("--virtual-ranks", type=int, default=4)
    parser.add_argument("--away", type=float, default=12)
    parser.add_argument("--out")
    given = parser.parse_args()
    folder = Path(given.out or tempfile.mkdtemp(prefix="hosts-"))
    folder.mkdir(exist_ok=True)
    t0 = time.monotonic()
    def tell(x): print(f"{time.strftime('%T')} {time.monotonic()-t0:6.1f} {x}", flush=True)
    with network() as (middle, first, second), ExitStack() as stack:
        job = Job(folder, middle, [first, second], ["--epochs", "40", "--rest", "0.05", "--patience", "3", "--virtual-ranks", str(given.virtual_ranks)])
        stack.callback(job.close)
        for cut in ([second] if given.cut == "follower" else [first] if given.cut == "lead" else [second, first]):
            at = job.steps()
            wait("begin", lambda: job.steps() > at + 20)
            tell(f"cut {cut.name} at {job.steps()}")
            cut.do("ip", "link", "set", cut.cable, "down")
            time.sleep(given.away)
            tell(f"back {cut.name} at {job.steps()}")
            cut.do("ip", "link", "set", cut.cable, "up")
            time.sleep(1)
        for process in job.processes[1:]:
            try:
                process.wait(120)
            except subprocess.TimeoutExpired: tell("timeout")
            tell(f"{process.returncode} {job.steps()}")
    tell(folder)


if __name__ == "__main__":
    main()
