"""Several processes, killed in every way, their number changed: the bits, the order"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.unbroken import worlds
from tests.whole import thorns
from tests.whole.campaign import alike, equal
from tests.whole.fates import Fate
from tests.whole.world import started
from unbroken import testing

EPOCHS = 2
Ended = Sequence[Any]


def work(arguments: list[str], victim: int, moment: str, order: str) -> None:
    """Be one process of the job; perhaps the one that dies."""
    if victim == int(os.environ["RANK"]):
        os.environ[testing.DIE_AT] = moment
    if order:
        os.makedirs(order, exist_ok=True)
    sys.argv = ["thorns", "--epochs", str(EPOCHS), *arguments, *(["--order", order] if order else [])]
    thorns.main()


def train(work_dir: Path, size: int, *arguments: object, order: Path | None = None) -> None:
    """Let so many processes train a run to its end."""
    worlds.good(size, work, [str(work_dir), *map(str, arguments)], -1, "", str(order or ""))


def killed(
    work_dir: Path, size: int, moment: str, *arguments: object, victim: int = 0, order: Path | None = None
) -> None:
    """Let so many processes train until one of them dies; the others must end of that."""
    ended = worlds.run(size, work, [str(work_dir), *map(str, arguments)], victim, moment, str(order or ""))
    assert ended[victim].code == -signal.SIGKILL, ended[victim].out
    others = [each for rank, each in enumerate(ended) if rank != victim]
    assert all(each.code == 1 for each in others), [each.out for each in others]


# ---- the same number of processes


def test_under_torchrun_killed_in_every_way_no_bit_differs(tmp_path: Path) -> None:
    """One process, all of them, torchrun itself; `python -m tests.whole.world` draws more of these."""
    train(tmp_path / "undisturbed", 2)
    fates = [Fate(1, "batch 5"), Fate("all", "step 4"), Fate("torchrun", 0.4)]
    for planned, finished in ((fates, False), ([], True)):
        ended = started(2, tmp_path / "run", planned, tmp_path, "--epochs", EPOCHS)
        assert ended == (finished, len(planned))
    alike(tmp_path / "undisturbed", tmp_path / "run")


@pytest.mark.parametrize("remedy", ["settled", "unsettled"])
def test_buckets_that_are_rebuilt_after_a_start_are_seen_with_three_processes(remedy: str, tmp_path: Path) -> None:
    more = ["--wait", *(["--unsettled"] if remedy == "unsettled" else [])]
    train(tmp_path / "undisturbed", 3, *more)
    killed(tmp_path / "run", 3, "batch 12", *more)
    train(tmp_path / "run", 3, *more)
    assert equal(tmp_path / "undisturbed", tmp_path / "run") == (remedy == "settled")


@pytest.mark.parametrize("victim", [0, 2])
def test_parameters_without_a_gradient_in_some_steps_are_exact_too(victim: int, tmp_path: Path) -> None:
    train(tmp_path / "undisturbed", 3, "--unused")
    killed(tmp_path / "run", 3, "batch 9", "--unused", victim=victim)
    train(tmp_path / "run", 3, "--unused", "--workers", 1)
    alike(tmp_path / "undisturbed", tmp_path / "run")


# ---- another number of processes


def test_from_four_to_two_to_three_to_one_process_the_order_is_the_same_and_the_loss_close(tmp_path: Path) -> None:
    long = ("--epochs", 12, "--plain")
    train(tmp_path / "undisturbed", 1, *long, order=tmp_path / "order")
    undisturbed = had(tmp_path / "order", 1)
    for size in (4, 2, 3):
        killed(tmp_path / "run", size, "batch 24", *long, order=tmp_path / f"order {size}")
    train(tmp_path / "run", 1, *long, order=tmp_path / "order 1")
    seen = dict[tuple[int, int], list[int]]()
    for size in (4, 2, 3, 1):
        for place, samples in had(tmp_path / f"order {size}", size).items():
            assert samples[: len(undisturbed[place])] == undisturbed[place], (size, place)
            seen[place] = samples
    assert sorted(seen) == sorted(undisturbed)
    assert loss(tmp_path / "run") == pytest.approx(loss(tmp_path / "undisturbed"), rel=1e-6)


@pytest.mark.parametrize("sizes", [(4, 1, 2), (3, 2, 4)])
def test_with_virtual_ranks_any_number_of_processes_ends_in_the_bits_of_one(
    sizes: tuple[int, ...], tmp_path: Path
) -> None:
    *first, last = sizes
    train(tmp_path / "undisturbed", 1, "--virtual-ranks", 4)
    for size in first:
        killed(tmp_path / "run", size, "batch 5", "--virtual-ranks", 4, victim=size - 1)
    train(tmp_path / "run", last, "--virtual-ranks", 4)
    alike(tmp_path / "undisturbed", tmp_path / "run")


def had(folder: Path, size: int) -> dict[tuple[int, int], list[int]]:
    """The samples of each batch by its place, as all processes had them in hand; of those that all of them began."""
    shares = dict[tuple[int, int], dict[int, list[int]]]()
    for line in [line for path in folder.iterdir() for line in path.read_text().splitlines()]:
        _, epoch, batch, rank, samples = json.loads(line)
        shares.setdefault((epoch, batch), {})[rank] = samples
    whole = {place: each for place, each in shares.items() if len(each) == size}
    return {place: [i for rank in range(size) for i in each[rank]] for place, each in whole.items()}


def loss(work_dir: Path) -> float:
    return json.loads(testing.records(str(work_dir))[-1])["train"]["loss"]
