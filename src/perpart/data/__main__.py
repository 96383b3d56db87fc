"""A person's own data: commands that tell what is wrong with a data folder, and that bring other data into one

python -m perpart.data check data --picture check.png

python -m perpart.data import-grab grab_data --mano MANO_RIGHT.pkl --out data

python -m perpart.data import-contacts maps --unit mm --order ours --out data
"""

from collections.abc import Sequence
from pathlib import Path

import tyro

from perpart import verbs
from perpart.data import check as checking
from perpart.data import imports
from perpart.data.survey import survey
from perpart.errors import Mistake, told


def check(folder: tyro.conf.Positional[Path], picture: Path = Path("check.png")) -> int:
    """Tell all that is wrong with a data folder, one line each, then a summary; draw its objects and their touches.

    Exit code 0: nothing is wrong; 1: something is; 2: the command itself is wrong.

    Three examples:

    python -m perpart.data check data

    python -m perpart.data check data --picture data/check.png

    python -m perpart.data check grasps

    Args:
        folder: the data folder, with grasps.json and grasps.npz.
        picture: the PNG to write.
    """
    if not folder.is_dir():
        raise Mistake(f"{folder}: there is no such folder; give a data folder")
    if picture.suffix != ".png" or not picture.absolute().parent.is_dir():
        raise Mistake(f"{picture}: no PNG can be written there; give --picture the name of a .png in a folder")
    report = checking.check(folder)
    print(*report.defects, sep="\n", end="\n" * bool(report.defects))
    print(report.summary)
    for note in report.placed.notes if report.placed else ():
        print(note)
    survey(report, picture)
    print(f"drawn in {picture}")
    return int(bool(report.defects))


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line. A Mistake is told in one line and ends with exit code 2."""
    with told(arguments) as words:
        code = verbs.obeyed({"check": check, **imports.COMMANDS}, "perpart.data", __doc__, words)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
