"""Hosts that are network namespaces, each with its own name, address and cable; a cut cable swallows packets, unsaid"""

import os
import subprocess
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.tree import ROOT

NET = "10.99.0"


def missing() -> str:
    """Why no such host can be made here; empty where it can."""
    for words in (["ip", "-Version"], ["unshare", "--net", "--uts", "true"]):
        try:
            tried = subprocess.run(words, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return f"{words[0]} is not installed"
        if tried.returncode:
            return tried.stderr.strip()
    return ""


class Host:
    """A network and a name of its own, on the disk and the processors of this machine. It goes with the process that
    holds it: nothing is left behind, however a test ends."""

    def __init__(self, name: str, number: int) -> None:
        self.name, self.address, self.cable = name, f"{NET}.{number}", f"cable{number}"
        hold = f"hostname {name} && echo there && exec sleep 3600"
        self._holder = subprocess.Popen(
            ["unshare", "--net", "--uts", "sh", "-c", hold], stdout=subprocess.PIPE, start_new_session=True
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"there\n", f"there is no host {name}"
        self.ip("link", "set", "lo", "up")

    @property
    def pid(self) -> str:
        return str(self._holder.pid)

    def start(self, words: Sequence[str], out: Path, **environment: str) -> subprocess.Popen[bytes]:
        """Start a command on this host, in a group of its own, and let it say what it says into a file."""
        with out.open("ab") as file:
            return subprocess.Popen(
                [*self._inside, *words], cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                stdout=file, stderr=file, start_new_session=True,
            )  # fmt: skip

    def ip(self, *words: str) -> None:
        subprocess.run([*self._inside, "ip", *words], check=True)

    def cut(self) -> None:
        """From here on no packet comes in or goes out, and nobody is told."""
        self.ip("link", "set", self.cable, "down")

    def mend(self) -> None:
        self.ip("link", "set", self.cable, "up")

    def close(self) -> None:
        self._holder.kill()
        self._holder.wait()
        assert self._holder.stdout is not None
        self._holder.stdout.close()

    @property
    def _inside(self) -> list[str]:
        return ["nsenter", "--target", self.pid, "--net", "--uts"]


@contextmanager
def network(*names: str) -> Generator[list[Host]]:
    """Hosts on one wire. The first is its middle, whose cable is never cut."""
    with ExitStack() as stack:
        hosts: list[Host] = []
        for number, name in enumerate(names, 1):
            hosts.append(Host(name, number))
            stack.callback(hosts[-1].close)
        middle = hosts[0]
        middle.ip("link", "add", middle.cable, "type", "bridge")
        _address(middle)
        for host in hosts[1:]:
            end = f"to-{host.name}"
            middle.ip("link", "add", end, "type", "veth", "peer", "name", host.cable, "netns", host.pid)
            middle.ip("link", "set", end, "master", middle.cable, "up")
            _address(host)
        yield hosts


def _address(host: Host) -> None:
    host.ip("address", "add", f"{host.address}/24", "dev", host.cable)
    host.ip("link", "set", host.cable, "up")
