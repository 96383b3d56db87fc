"""A tree's sharded tensors, taken out and put back"""

from typing import Any

import pytest
import torch
from torch import nn
from torch.distributed import tensor as distributed
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard

from tests.unbroken import worlds
from unbroken import ranks, slices, state
from unbroken.errors import Misuse
from unbroken.manifest import Absent

dtensors: Any = distributed


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_rows_are_cut_as_torch_cuts_them(size: int) -> None:
    for length in range(12):
        chunks = [len(chunk) for chunk in torch.chunk(torch.empty(length), size)] if length else []
        cut = [slices.begins(length, rank + 1, size) - slices.begins(length, rank, size) for rank in range(size)]
        assert [n for n in cut if n] == [n for n in chunks if n]


def test_a_tree_without_sharded_tensors_stays_as_it_is() -> None:
    tree = {"a": [torch.ones(2), (1, None)]}
    assert slices.parted(tree, 0, 1) == (tree, {})


def test_whole_tensors_in_shards_are_read_whole_where_nothing_is_sharded() -> None:
    saved = {"state": {0: {"exp_avg": Absent("m", (), "float64", (2, 3), 0)}}, "param_groups": [{"params": [0]}]}

    def read(wanted: dict[str, torch.Tensor]) -> None:
        wanted["m"].fill_(2)

    for part in (None, torch.optim.Adam([nn.Parameter(torch.ones(2, 3))])):
        filled = slices.filled(saved, part, read)["state"][0]["exp_avg"]
        assert (filled.dtype, filled.tolist()) == (torch.float64, [[2.0] * 3] * 2)


def test_slices_are_taken_out_and_put_back_in_several_processes() -> None:
    assert worlds.good(3, shared) == ["good\n"] * 3


def shared() -> None:
    with ranks.joined(30) as world:
        whole = torch.arange(14.0).reshape(7, 2)
        mine = dtensors.distribute_tensor(whole, world.mesh, [Shard(0)])
        every = dtensors.distribute_tensor(whole, world.mesh, [Replicate()])
        module = nn.Linear(2, 7, bias=False)
        module.weight = nn.Parameter(mine)
        optimizer = torch.optim.Adam(module.parameters())
        rows = slice(slices.begins(7, world.rank, 3), slices.begins(7, world.rank + 1, 3))

        tree, found = slices.parted({"a": {"w": mine, "all": every, "n": 1}}, world.rank, 3)
        assert tree == {"a": {"w": None, "all": None, "n": 1}}
        assert found["a.w"].whole == Absent("a.w", ("a", "w"), "float32", (7, 2), 0)
        assert torch.equal(found["a.w"].values, whole[rows])
        assert found["a.w"].offsets == (rows.start, 0)
        assert found["a.all"].values.numel() == (14 if world.lead else 0)  # one speaks for all

        # from shards, by what the part has there: a weight, and a moment that is not there yet
        def read(wanted: dict[str, torch.Tensor]) -> None:
            for tensor in wanted.values():
                state.local(tensor).fill_(world.rank)

        absent = Absent("w", ("weight",), "float32", (7, 2), 0)
        for saved, part in (({"weight": absent}, module), ({"state": {0: {"exp_avg": absent}}}, optimizer)):
            (leaf,) = (leaf for _, leaf in state.leaves(slices.filled(saved, part, read)) if hasattr(leaf, "shape"))
            assert isinstance(leaf, DTensor)
            assert (leaf.shape, tuple(leaf.placements)) == (whole.shape, (Shard(0),))
            assert state.local(leaf).tolist() == [[world.rank] * 2] * len(whole[rows])

        # from one file
        cut = slices.filled({"weight": whole}, module, read)["weight"]
        assert isinstance(cut, DTensor)
        assert torch.equal(state.local(cut), whole[rows])
        moment = slices.filled({"state": {0: {"exp_avg": whole, "step": torch.tensor(1.0)}}}, optimizer, read)
        assert isinstance(moment["state"][0]["exp_avg"], DTensor)
        assert not isinstance(moment["state"][0]["step"], DTensor)

        refused({"w": DTensor.from_local(whole, world.mesh, [Partial()])}, "in another way than")
        refused({"a": {"b.c": mine}, "a.b": {"c": mine}}, "names two sharded tensors")
    print("good")


def refused(tree: dict[str, Any], words: str) -> None:
    rank = torch.distributed.get_rank()
    with pytest.raises(Misuse, match=words):
        slices.parted(tree, rank, 3)
