"""Shards are compared by all processes together"""

from pathlib import Path

import torch

from tests.unbroken import worlds
from unbroken import audit, manifest, ranks
from unbroken.errors import Damaged


def state(folder: Path) -> dict[str, object]:
    (folder / "shards" / "1").mkdir(parents=True)
    names = [".metadata", "__0_0.distcp", "__1_0.distcp"]
    for name in names:
        (folder / "shards" / "1" / name).write_text(name)
    files = {name: list(manifest.hashed(str(folder / "shards" / "1" / name))) for name in names}
    return {"shards": {"folder": "shards/1", "files": files, "tensors": {}}}


def test_whoever_finds_damage_the_lead_refuses_the_state(tmp_path: Path) -> None:
    tree = state(tmp_path)
    lead, other = worlds.good(2, look, str(tmp_path), tree)
    assert lead == "whole\nread ['.metadata', '__1_0.distcp']\n"
    assert other == "read ['__0_0.distcp']\n"
    (tmp_path / "shards" / "1" / "__0_0.distcp").write_text("__0_0.distcP")
    lead, other = worlds.good(2, look, str(tmp_path), tree)
    assert lead.startswith("damaged: "), lead
    assert "__0_0.distcp does not match its hash" in lead


def look(folder: str, tree: dict[str, object]) -> None:
    read: list[str] = []
    hashed = manifest.hashed
    manifest.hashed = lambda path: (read.append(Path(path).name), hashed(path))[1]  # pyright: ignore
    with ranks.joined(30) as world:

        def act() -> str:
            try:
                audit.verify(world, folder + "/checkpoint.pt", tree)
            except Damaged as reason:
                return f"damaged: {reason}"
            return "whole"

        told = world.led(act)
        assert torch.distributed.is_initialized()
    if world.lead:
        print(told)
    print("read", sorted(read))


def test_alone_all_of_it_is_read(tmp_path: Path) -> None:
    tree = state(tmp_path)
    audit.verify(ranks.World(), str(tmp_path / "checkpoint.pt"), tree)
    audit.verify(ranks.World(), str(tmp_path / "checkpoint.pt"), {})
