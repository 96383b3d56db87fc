"""A trained model to ship: a state without what only training needs, its matrices in half precision, for a package"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import tyro
from torch import Tensor

import unbroken
from perpart import forms
from perpart.average import weights
from perpart.errors import Mistake, told
from unbroken import checkpoint

MODEL = str(resources.files("perpart") / "shipped" / "model.pt")
"""The model that ships with the package; docs/model.md says how it was trained and what it can do."""
TRAINING = ("optimizer", "scheduler", "parameters", "means")
"""What only the next step of training needs."""


@dataclass(frozen=True)
class Shipping:
    """Write the model of a state alone: as a state like any other, to draw from and to begin from, but not to go on.

    Its matrices are rounded to half precision: figures are those of the file, not of the state that it was made of.

    Three examples:

    python -m perpart.ship --checkpoint exp_per_part/best.pt --out model.pt

    python -m perpart.ship --checkpoint exp_per_part/checkpoints/E1000_net.pt --out E1000.pt

    python -m perpart.ship --checkpoint exp_per_part/checkpoint.pt --out model.pt
    """

    checkpoint: str
    """A state of a run: best.pt, checkpoint.pt or a snapshot."""
    out: str
    """The file to write; one that is there is replaced."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    with told(arguments, unbroken.Error) as words:
        ship(tyro.cli(Shipping, prog="python -m perpart.ship", args=words))


def ship(wish: Shipping) -> None:
    """Writes the file, and says what is in it. Raises Mistake and what reading the checkpoint raises."""
    state = unbroken.load(wish.checkpoint)
    forms.restored(state, wish.checkpoint)  # nothing that no one can draw from
    lean = {name: {} if name in TRAINING else value for name, value in state.items()}
    lean["state_dict"] = {name: small(value) for name, value in weights(state).items()}
    lean["kept"] = {name: value for name, value in state.get("kept", {}).items() if name != "average"}
    beside = Path(wish.out).with_name(Path(wish.out).name + ".new")
    try:
        checkpoint.write(lean, str(beside))
        beside.replace(wish.out)
    except OSError as error:
        raise Mistake(f"{wish.out}: cannot be written ({error.strerror}); give another --out") from error
    megabytes, digest = Path(wish.out).stat().st_size / 1e6, unbroken.load(wish.out)["digest"]
    print(f"wrote {wish.out}: epoch {state['epoch']}, {megabytes:.1f} MB, digest {digest[:12]}")


def small(value: Tensor) -> Tensor:
    """A matrix in half precision, which a model computes with in full again; anything else as it is."""
    return value.half() if value.is_floating_point() and value.dim() > 1 else value


if __name__ == "__main__":
    main()
