"""The commands that bring other people's grasps into a data folder: GRAB's, and contact maps

python -m perpart.data import-grab grab_data --mano MANO_RIGHT.pkl --out DIR
python -m perpart.data import-contacts SRC --unit mm --order ours --out DIR
"""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from perpart.data import foreign, grab
from perpart.errors import Mistake


def import_grab(
    source: Annotated[Path, tyro.conf.Positional], /, *, mano: Path, out: Path, most: int | None = None
) -> None:
    """Bring in GRAB as ContactGen and GrabNet have it, with your own MANO file. Nothing in either file is run.

    Three examples:

    python -m perpart.data import-grab grab_data --mano MANO_RIGHT.pkl --out data

    python -m perpart.data import-grab grab_data --mano models/MANO_RIGHT.pkl --out grab --most 2000

    python -m perpart.data import-grab grab_data --mano MANO_RIGHT.pkl --out few --most 100

    Args:
        source: the folder with train, val, test, obj_meshes and sbj_info.npy.
        mano: your MANO_RIGHT.pkl, version 1.2.
        out: the data folder to write; it must not hold a data set yet.
        most: frames of each split, evenly spread; all of them if not said (10 kB each).
    """
    vacant(out)
    print(*grab.bring(source, mano, out, most), sep="\n")


def import_contacts(
    source: Annotated[Path, tyro.conf.Positional],
    /,
    *,
    unit: Literal["m", "cm", "mm"],
    order: Literal["ours", "mano"],
    out: Path,
    up: Literal["z", "y"] = "z",
    valid: tuple[str, ...] = (),
    test: tuple[str, ...] = (),
) -> None:
    """Bring in contact maps that you have: a mesh for each object, and arrays [P, 16] or [G, P, 16] beside it.

    Three examples:

    python -m perpart.data import-contacts maps --unit mm --order ours --out data

    python -m perpart.data import-contacts maps --unit m --order mano --up y --out data

    python -m perpart.data import-contacts maps --unit mm --order ours --valid cup --test mug --out data

    Args:
        source: the folder with <object>.ply and <object>.npz, or a folder <object> with one file for each grasp.
        unit: of the meshes and points.
        order: of the sixteen parts: ours is palm, thumb, index, middle, ring, little; mano is MANO's.
        out: the data folder to write; it must not hold a data set yet.
        up: the axis of the meshes and points that points up.
        valid: the objects to validate on.
        test: the objects to test on; all others are trained on.
    """
    vacant(out)
    splits = dict.fromkeys(valid, "valid") | dict.fromkeys(test, "test")
    print(*foreign.bring(source, out, unit=unit, up=up, order=order, splits=splits), sep="\n")


def vacant(out: Path) -> None:
    """Raises Mistake where a data set is already: an import takes long, and so may what was there."""
    if (out / "grasps.json").exists():
        raise Mistake(f"{out}: holds a data set already; pass another --out, or remove it first")


COMMANDS = {"import-grab": import_grab, "import-contacts": import_contacts}
