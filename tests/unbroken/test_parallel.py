"""A model that several processes train together"""

import pytest
import torch
from torch import Tensor, nn

from tests.unbroken import worlds
from unbroken import parallel, ranks, seeds
from unbroken.errors import Misuse
from unbroken.parallel import Share
from unbroken.shares import Shares

SAMPLES = 13


def test_a_graph_that_the_first_backward_pass_decides_is_refused() -> None:
    with pytest.raises(Misuse, match="static_graph=True"):
        parallel.wrapped(nn.Linear(1, 1), Share(), {"static_graph": True}, bool)


def test_what_is_not_wrapped_is_bare() -> None:
    model = nn.Linear(1, 1)
    assert parallel.bare(model) is model
    assert parallel.bare("word") == "word"


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(*[nn.Linear(6, 6, dtype=torch.float64) for _ in range(8)])
        self.unused = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def net() -> Net:
    seeds.sow(3, seeds.For.BIRTH)
    return Net()


def data() -> Tensor:
    return torch.linspace(0, 9, SAMPLES * 6, dtype=torch.float64).reshape(SAMPLES, 6).cos()


@pytest.mark.parametrize("size", [2, 3])
def test_gradients_are_those_of_the_mean_over_the_global_batch_where_shares_differ_too(size: int) -> None:
    model = net()
    model(data()).square().mean().backward()
    worlds.good(size, shared, [p.grad for p in model.layers.parameters()])


def shared(expected: list[Tensor]) -> None:
    with ranks.joined(60) as world:
        model, share = net(), Share()
        whole = parallel.wrapped(model, share, {"bucket_cap_mb": 0.0005, "find_unused_parameters": True}, bool)
        assert parallel.bare(whole) is model
        assert all(p.grad is None for p in model.parameters()), "settling leaves no trace"
        assert "forward" not in vars(model)
        shares = Shares(SAMPLES, world.rank, world.size)
        share.weight = shares.counts(SAMPLES)[0] * world.size / SAMPLES
        whole(data()[shares.cut(SAMPLES)[0]]).square().mean().backward()
        for parameter, grad in zip(model.layers.parameters(), expected, strict=True):
            torch.testing.assert_close(parameter.grad, grad, rtol=1e-12, atol=1e-15)


def test_its_first_step_sums_as_its_later_ones_do() -> None:
    """The reason why it settles: from three processes on DDP's first sums would come in another order."""
    worlds.good(3, twice)


def twice() -> None:
    with ranks.joined(60) as world:
        seeds.sow(3, seeds.For.BIRTH)
        model = nn.Sequential(*[nn.Linear(7, 7) for _ in range(20)])
        whole = parallel.wrapped(model, Share(), {"bucket_cap_mb": 0.001}, bool)
        seeds.sow(5, seeds.For.STEP, world.rank)
        x, grads = torch.randn(16, 7), list[list[Tensor]]()
        for _ in range(3):
            model.zero_grad()
            whole(x).square().mean().backward()
            grads.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
        for first, later in zip(grads[0], grads[2], strict=True):
            assert torch.equal(first, later)
