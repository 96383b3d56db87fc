"""The server that tests fork their processes from: it has imported what they need, once

A fresh interpreter spends five seconds on imports; a campaign of kills would spend its time there and nowhere else.
There is one such server in a process, and it imports what it was told of before its first child, whoever told it: so
one list for all, and `begin` before anything else can name another.
"""

from multiprocessing import forkserver, get_context

SERVER = get_context("forkserver")
IMPORTED = [
    "hypothesis",
    "perpart.grasps.making",
    "pytest",
    "sklearn.datasets",
    "tests.unbroken.tiny",
    "tests.whole.digits",
    "tests.whole.hands",
    "torch._dynamo",  # which optimizers import when they are made
    "torch.distributed.checkpoint",
    "torch.distributed.fsdp",
    "torch.utils.tensorboard",
]
SERVER.set_forkserver_preload(IMPORTED)


def begin() -> None:
    """Start the server, which then imports beside whatever comes next."""
    forkserver.ensure_running()
