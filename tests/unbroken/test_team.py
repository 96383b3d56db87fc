"""The processes of a run, and what they share"""

import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed, nn

import unbroken
from tests.unbroken import tiny, worlds
from unbroken import ranks
from unbroken.errors import Misuse
from unbroken.ranks import World
from unbroken.team import Team


def test_an_optimizer_whose_model_nobody_shares_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match=r"keep\(optimizer=…\) trains what no run.parallel\(model\) shares"):
        tiny.train(tmp_path, virtual_ranks=2)


def test_alone_a_model_is_itself_and_a_batch_its_only_piece(tmp_path: Path) -> None:
    with unbroken.Run(str(tmp_path), tiny.feed(), epochs=1) as run:
        model, optimizer, _ = tiny.parts()
        assert run.parallel(model) is model
        run.keep(model=model, optimizer=optimizer)
        for epoch in run:
            for batch in epoch:
                assert list(run.pieces(batch)) == [batch]


def test_a_model_is_shared_before_the_loop(tmp_path: Path) -> None:
    with unbroken.Run(str(tmp_path), tiny.feed(), epochs=1) as run:
        run.keep(model=tiny.parts()[0])
        for epoch in run:
            with pytest.raises(Misuse, match=r"parallel\(model\): inside the with block, and before the loop"):
                run.parallel(nn.Linear(1, 1))
            list(epoch)


def test_pieces_of_one_batch_are_the_batch() -> None:
    team = Team(World(), tiny.feed(), seed=0, virtual=2)
    assert team.batches == 5
    with pytest.raises(Misuse, match="2 samples cannot be cut into 3 pieces"):
        Team(World(), tiny.feed(), seed=0, virtual=3)


@pytest.mark.parametrize("workers", [0, 1])
def test_every_process_sees_its_share_of_the_same_batches_in_the_same_order(workers: int, tmp_path: Path) -> None:
    alone = _seen(worlds.good(1, seeing, str(tmp_path / "1"), workers))
    assert _seen(worlds.good(2, seeing, str(tmp_path / "2"), workers)) == alone
    assert len(alone) == 2 * 10


def seeing(folder: str, workers: int) -> None:
    with unbroken.Run(folder, tiny.feed(workers=workers), epochs=2) as run:
        run.keep(model=run.parallel(nn.Linear(1, 1)))
        for epoch in run:
            for batch in epoch:
                for sample in batch.tolist():
                    print(f"seen {epoch.step} {sample}")


def _seen(outs: list[str]) -> list[tuple[str, ...]]:
    """The samples of all processes, step by step, each with its random numbers."""
    return sorted(match.groups() for out in outs for match in re.finditer(r"seen (\d+) (.*)", out))


def test_workers_are_forked_once_the_threads_of_the_group_have_come_to_rest(tmp_path: Path) -> None:
    """One that enters python at that moment can leave a worker, and with it the run, waiting forever."""
    for out in worlds.good(2, forking, str(tmp_path)):
        assert re.findall(r"rested (.*)", out) == ["True"]


def forking(folder: str) -> None:
    spoken = [0.0]

    def noting(word: Any) -> Any:
        def speak(*told: Any, **options: Any) -> Any:
            answer = word(*told, **options)
            spoken.append(time.monotonic())
            return answer

        return speak

    def fork() -> None:
        print(f"rested {time.monotonic() - spoken[-1] >= ranks.LETTING_GO}")

    for name in ("all_gather_object", "all_reduce", "broadcast", "broadcast_object_list"):
        setattr(distributed, name, noting(getattr(distributed, name)))
    os.register_at_fork(before=fork)
    with unbroken.Run(folder, tiny.feed(workers=1), epochs=1) as run:
        run.keep(model=run.parallel(nn.Linear(1, 1)))
        for epoch in run:
            assert len(list(epoch)) == 5
    assert len(spoken) > 5


def test_gradients_that_differ_between_processes_are_refused_where_a_state_is_taken(tmp_path: Path) -> None:
    ended = worlds.run(2, unsynced, str(tmp_path))
    assert "the kept gradients differ between the processes at a seam" in ended[0].out + ended[1].out
    assert all(each.code == 1 for each in ended)


def unsynced(folder: str) -> None:
    with unbroken.Run(folder, tiny.feed(), epochs=1, save=unbroken.Every(minutes=1e-9)) as run:
        net = nn.Linear(4, 1, dtype=torch.float64)
        model: Any = run.parallel(net)
        run.keep(model=net, gradients=unbroken.Gradients(net))
        for epoch in run:
            for batch in epoch:
                with model.no_sync():
                    model(batch).mean().backward()


@pytest.mark.parametrize(
    ("mistake", "part"), [("bare", "model"), ("noise", "model"), ("unfrozen", "model"), ("own loss", "scheduler")]
)
def test_what_has_drifted_apart_is_refused_after_the_epoch(mistake: str, part: str, tmp_path: Path) -> None:
    lead, other = worlds.run(2, drifting, str(tmp_path), mistake)
    assert f"after this epoch {part} is not the same in processes 0 and 1" in lead.out + other.out
    assert (lead.code, other.code) == (1, 1)
    assert "Stopped" not in lead.out


def test_a_loop_without_such_a_mistake_is_not(tmp_path: Path) -> None:
    assert "Finished" in worlds.good(2, drifting, str(tmp_path), "none")[0]


def drifting(folder: str, mistake: str) -> None:
    with unbroken.Run(folder, tiny.feed(), epochs=1) as run:
        net = nn.Sequential(nn.Linear(4, 3, dtype=torch.float64), nn.Linear(3, 1, dtype=torch.float64))
        net[0].requires_grad_(mistake != "unfrozen")
        model = run.parallel(net)
        net.requires_grad_()
        optimizer = torch.optim.SGD(net.parameters(), lr=1e-2)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
        run.keep(model=net, optimizer=optimizer, scheduler=scheduler)
        for epoch in run:
            for batch in epoch:
                loss = (net if mistake == "bare" else model)(batch).square().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                if mistake == "noise":
                    torch.nn.init.normal_(net[0].weight)
            scheduler.step(float(loss) if mistake == "own loss" else 1.0)


def test_an_average_with_its_buffers_is_the_same_everywhere(tmp_path: Path) -> None:
    """It is taken between a step and the next forward pass: the buffers must have been levelled by then."""
    assert "Finished" in worlds.good(2, averaging, str(tmp_path))[0]


def averaging(folder: str) -> None:
    with unbroken.Run(folder, unbroken.Feed(tiny.Noisy(), batch_size=4), epochs=2) as run:
        net = nn.Sequential(nn.Linear(4, 3, dtype=torch.float64), nn.BatchNorm1d(3, dtype=torch.float64))
        model = run.parallel(net)
        average = torch.optim.swa_utils.AveragedModel(net, use_buffers=True)
        run.keep(model=net, average=average)
        for epoch in run:
            for batch in epoch:
                model(batch).square().sum().backward()
                average.update_parameters(net)


def test_a_model_is_shared_once_and_with_dense_gradients(tmp_path: Path) -> None:
    with unbroken.Run(str(tmp_path), tiny.feed(), epochs=1, virtual_ranks=2) as run:
        model = nn.Linear(1, 1)
        run.parallel(model)
        with pytest.raises(Misuse, match="this model is shared already"):
            run.parallel(model)
        with pytest.raises(Misuse, match="make it with sparse=False"):
            run.parallel(nn.Embedding(3, 3, sparse=True))


def test_pieces_that_were_left_are_noticed_at_the_next_batch(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="was left before its last piece"):
        leaving(str(tmp_path))


def leaving(folder: str) -> None:
    with unbroken.Run(folder, tiny.feed(), epochs=1, virtual_ranks=2) as run:
        run.keep(model=run.parallel(nn.Linear(4, 1)))
        for epoch in run:
            for batch in epoch:
                for _ in run.pieces(batch):
                    break


def test_after_an_epoch_all_measure_with_the_same_running_statistics(tmp_path: Path) -> None:
    outs = worlds.good(2, measuring, str(tmp_path))
    first, second = (re.findall(r"measured (.*)", out) for out in outs)
    assert first == second
    assert len(first) == 2


def measuring(folder: str) -> None:
    feed = unbroken.Feed(tiny.Noisy(), batch_size=4)
    with unbroken.Run(folder, feed, epochs=2) as run:
        net = nn.BatchNorm1d(4, dtype=torch.float64)
        model = run.parallel(net)
        run.keep(model=net)
        for epoch in run:
            for batch in epoch:
                model(batch).sum().backward()
            print("measured", net.running_mean.tolist() if net.running_mean is not None else None)
