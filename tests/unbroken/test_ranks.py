"""Which process of how many this is, and what they tell each other"""

import os
import sys
from functools import partial

import pytest
import torch
from torch import distributed

from tests.unbroken import worlds
from unbroken import ranks
from unbroken.errors import Drift, Misuse, Stopped
from unbroken.ranks import World


def test_a_process_that_nobody_launched_is_alone_and_leads() -> None:
    with ranks.joined(60) as world:
        assert (world.rank, world.size, world.lead) == (0, 1, True)
        assert world.led(lambda: 3) == world.each(lambda: 3) == 3
        assert world.gather("a") == ["a"]


def test_a_world_of_one_is_alone_under_torchrun_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    with ranks.joined(60) as world:
        assert world.size == 1
    assert not distributed.is_initialized()


def test_a_lead_waits_for_a_lost_one_half_as_long_as_others_wait_for_it_and_only_where_worlds_are_started_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    assert ranks.forbearance(600) == 0
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "run")
    assert ranks.forbearance(600) == 300


def test_a_world_that_no_launcher_describes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with (
        pytest.raises(Misuse, match=r"WORLD_SIZE is 2, but RANK, MASTER_ADDR, MASTER_PORT is not set: .* torchrun"),
        ranks.joined(60),
    ):
        pass


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert World().device == torch.device("cuda", 1)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    with pytest.raises(Misuse, match="4 processes on a machine with 2 GPUs: start at most 2 there, or hide the GPUs"):
        _ = World().device


@pytest.mark.parametrize(
    ("error", "code"), [(Drift("other"), 2), (Stopped(138), 138), (SystemExit(0), 0), (KeyError("x"), 1)]
)
def test_where_the_lead_fails_the_others_leave_in_silence_with_its_code(error: BaseException, code: int) -> None:
    lead, other = worlds.run(2, failing, error)
    assert "leads into" in lead.out
    assert (other.code, other.out) == (code, "")


def failing(error: BaseException) -> None:
    with ranks.joined(60) as world:
        try:
            world.led(partial(_raise, error))
        except type(error) as own:
            if world.lead:
                sys.exit(f"leads into {own}")
            raise


def test_where_several_fail_the_first_of_them_speaks() -> None:
    ended = worlds.run(3, each)
    assert [each.code for each in ended] == [2, 1, 2]
    assert "rank 1 is wrong" in ended[1].out
    assert ended[0].out == ended[2].out == ""


def each() -> None:
    with ranks.joined(60) as world:
        assert world.each(lambda: world.rank) == world.rank
        world.each(lambda: _raise(Misuse(f"rank {world.rank} is wrong")) if world.rank else None)


def test_processes_that_were_given_other_commands_are_refused() -> None:
    ended = worlds.run(3, given)
    assert (
        "process 2 was started with another lr than process 0: give all the same command, and one work dir"
        in ended[2].out
    )
    assert [each.code for each in ended] == [2, 2, 1]


def given() -> None:
    with ranks.joined(60) as world:
        world.alike({"seed": 1}, "another seed")
        world.alike({"lr": 2 if world.rank == 2 else 1}, "another lr")


def test_they_exchange_numbers_tensors_and_rows() -> None:
    worlds.good(3, exchanging)


def exchanging() -> None:
    with ranks.joined(60) as world:
        assert world.gather(world.rank * 10) == [0, 10, 20]
        assert world.most([world.rank, -world.rank]) == [2, 0]
        tensor = torch.full((2,), float(world.rank))
        world.follow([tensor])
        assert tensor.tolist() == [0.0, 0.0]
        assert world.rows(torch.tensor([world.rank])).tolist() == [[0], [1], [2]]
        mine = torch.arange(3 * (world.rank + 1) * 2).reshape(3, world.rank + 1, 2) + 100 * world.rank
        received = world.exchange(mine, [1, 2, 3])
        first = [[0, 1], [100, 101], [102, 103], [200, 201], [202, 203], [204, 205]]
        steps = [2, 4, 4, 6, 6, 6]
        assert received.tolist() == [[n + world.rank * s for n in row] for row, s in zip(first, steps, strict=True)]


def test_a_group_that_is_there_is_used_and_left() -> None:
    worlds.good(2, joining)


def joining() -> None:
    distributed.init_process_group("gloo")
    with ranks.joined(60) as world:
        assert world.gather(world.size) == [2, 2]
    assert distributed.is_initialized()
    distributed.destroy_process_group()


def test_two_runs_in_one_process_meet_one_after_the_other() -> None:
    worlds.good(2, joining_twice)


def joining_twice() -> None:
    for _ in range(2):
        with ranks.joined(60) as world:
            assert world.gather(os.environ["RANK"]) == ["0", "1"]
        assert not distributed.is_initialized()


def _raise(error: BaseException) -> None:
    raise error


def left() -> None:
    with ranks.joined(60.0) as world:
        world.gather(0)
        group = distributed.group.WORLD
    print(sys.getrefcount(group))


def test_nobody_lets_go_of_a_process_group() -> None:
    """A model in DDP that did, hung now and then: the interpreter waits for a thread that waits for the interpreter."""
    assert worlds.good(2, left) == ["3\n", "3\n"], "held by the variable, by the call, and by nobody else who ends"
