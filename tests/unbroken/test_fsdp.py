"""Models of which every process holds a part"""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.distributed.tensor import DTensor

import unbroken
from tests.unbroken import larger, tiny, worlds
from unbroken import fsdp, ranks, seeds
from unbroken.errors import Misuse
from unbroken.parallel import Share


def test_alone_a_model_is_itself_and_its_states_are_single_files(tmp_path: Path) -> None:
    larger.train(tmp_path, epochs=1)
    assert not (tmp_path / "shards").exists()
    assert unbroken.load(str(tmp_path / "checkpoint.pt"))["format"] == 1


@pytest.mark.parametrize("size", [2, 3])
def test_gradients_are_those_of_the_mean_over_the_global_batch_and_no_bit_differs_from_run_to_run(size: int) -> None:
    first, second = (worlds.good(size, gradients, counts) for counts in ([3, 2, 2][:size],) * 2)
    assert first == second
    assert all(line.startswith("near") for line in first)


def gradients(counts: list[int]) -> None:
    """Shares of different sizes, against one process that has the whole batch."""
    samples = sum(counts)
    with ranks.joined(30) as world:
        seeds.sow(0, seeds.For.BIRTH)
        x, alone, model = torch.randn(samples, 4), nn.Sequential(*blocks()), nn.Sequential(*blocks())
        model.load_state_dict(alone.state_dict())
        share = Share()
        share.weight = counts[world.rank] * world.size / samples
        for module in (model[0], model):
            fsdp.sharded(module, world, share, {})
        alone(x).square().mean().backward()
        model(x.split(counts)[world.rank]).square().mean().backward()
        grads = [whole(p.grad) for p in model.parameters()]
        worst = max(float((g - p.grad).abs().max()) for g, p in zip(grads, alone.parameters(), strict=True))  # type: ignore[operator]
        bits = hashlib.sha256(b"".join(g.numpy().tobytes() for g in grads)).hexdigest()
        print("near" if worst < 1e-6 else f"far by {worst}", bits)


def blocks() -> list[nn.Module]:
    return [nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)]


def whole(grad: Any) -> torch.Tensor:
    assert isinstance(grad, DTensor)
    return grad.full_tensor()


def test_a_mesh_of_ones_own_is_refused() -> None:
    with pytest.raises(Misuse, match="leave the mesh to it"):
        fsdp.sharded(nn.Linear(1, 1), ranks.World(), Share(), {"mesh": None})


def test_virtual_ranks_compute_with_whole_models(tmp_path: Path) -> None:
    refused = pytest.raises(Misuse, match="virtual ranks compute with whole models")
    with unbroken.Run(str(tmp_path), tiny.feed(), epochs=1, virtual_ranks=2) as run, refused:
        run.parallel(nn.Linear(1, 1), shard=True)


def test_a_model_that_was_never_whole_anywhere_is_trained(tmp_path: Path) -> None:
    """Made on the meta device, sharded, then filled, each process its part."""
    first, _ = worlds.good(2, from_nothing, str(tmp_path), 1)
    assert "Finished" in first
    again, _ = worlds.good(2, from_nothing, str(tmp_path), 2)
    assert "Loaded optimizer state" in again


def from_nothing(folder: str, epochs: int) -> None:
    with unbroken.Run(folder, tiny.feed(), epochs=epochs) as run:
        with torch.device("meta"):
            model = nn.Sequential(*blocks())
        run.parallel(model, shard=True)
        model.to_empty(device="cpu")
        for parameter in model.parameters():
            nn.init.constant_(parameter, 0.1)
        optimizer = torch.optim.Adam(model.parameters())
        run.keep(model=model, optimizer=optimizer)
        for epoch in run:
            for batch in epoch:
                optimizer.zero_grad()
                model(batch.float()).square().mean().backward()
                optimizer.step()


def test_every_batch_begins_with_the_leads_buffers_in_all_processes(tmp_path: Path) -> None:
    """Which are those that a state holds: who comes back has no others."""
    assert [out.splitlines()[-1] for out in worlds.good(2, measured, str(tmp_path))] == ["alike in 12 batches"] * 2


def measured(folder: str) -> None:
    kept, alike = dict[str, Any](), list[bool]()

    def inside(epoch: object) -> None:
        mine = kept["model"][1][1].running_mean
        every = [torch.empty_like(mine) for _ in range(2)]
        torch.distributed.all_gather(every, mine)
        alike.append(torch.equal(*every))

    larger.train(Path(folder), inside=inside, kept=kept)
    print(f"alike in {sum(alike)} batches")
