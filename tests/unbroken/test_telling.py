"""What the lead tells all others"""

from typing import Any

import torch

from tests.unbroken import worlds
from unbroken import ranks, telling

TREE = {
    "whole": torch.arange(6).reshape(2, 3),
    "turned": torch.arange(6.0).reshape(2, 3).t(),
    "half": torch.tensor([1.5, -0.0], dtype=torch.bfloat16),
    "single": torch.tensor(7),
    "none": torch.empty(0, 4),
    "large": torch.arange(telling.CHUNK // 4 + 5, dtype=torch.float32),
    "words": ["a", None, 1.5, (True,)],
}


def test_what_the_lead_makes_is_told_to_all_bit_by_bit() -> None:
    worlds.good(3, led)


def led() -> None:
    with ranks.joined(60) as world:
        told: Any = world.led(lambda: TREE)
        assert told["words"] == TREE["words"]
        for name in TREE.keys() - {"words"}:
            assert torch.equal(told[name], TREE[name]), name
            assert told[name].dtype == TREE[name].dtype
