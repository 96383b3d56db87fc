"""Where output goes: refused before the work where it cannot be written, and old output stays until new is whole"""

import json
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from perpart.errors import Mistake


def folder(name: str) -> Path:
    """The folder to write to, which need not be there yet. Raises Mistake where it cannot be made or written to."""
    if not name:
        raise Mistake("--out is empty: name a folder to write to")
    path = here = Path(name)
    while not here.exists() and here != here.parent:
        here = here.parent
    if not here.is_dir():
        raise Mistake(f"--out {path}: {here} is a file; name a folder to write to")
    _writable(path, here)
    return path


def page(name: str) -> Path:
    """The HTML file to write. Raises Mistake for another kind of file, which must not be lost, and where its folder is
    not there or cannot be written to."""
    path = Path(name)
    if path.suffix.lower() not in (".html", ".htm") or "\0" in name:
        raise Mistake(f"--out {name!r}: is no name of a page; give one that ends in .html")
    if path.is_dir() or not path.parent.is_dir():
        where = f"{path} is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise Mistake(f"--out {path}: {where}; name a file to write")
    _writable(path, path.parent)
    return path


def _writable(path: Path, folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Mistake(f"--out {path}: {folder} cannot be written to; name another folder")


@contextmanager
def replaced(folder: Path, record: str, what: str, *more: str) -> Generator[Path]:
    """A fresh folder to write to; once all is there, it takes the place of what the record of an earlier run in
    `folder` lists, and of `more` beside it. Until then nothing of that is lost, and other files never are.

    Raises Mistake where the record is none of an earlier `what`, and where nothing can be written.
    """
    fresh = folder / ".unbroken-tmp"
    old = [*_listed(folder, record, what), *more]
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        yield fresh
        for name in old:
            (folder / name).unlink(missing_ok=True)
        for path in sorted(fresh.iterdir(), key=lambda path: path.name == record):  # a folder with a record is whole
            path.replace(folder / path.name)
    except OSError as error:
        raise Mistake(f"{folder}: cannot be written ({error.strerror}); give another --out") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _listed(folder: Path, record: str, what: str) -> list[str]:
    """The files that an earlier run's record lists, itself the first: three samples must not lie beside five older
    ones. Without a record none."""
    if not (folder / record).is_file():
        return []
    try:
        names = json.loads((folder / record).read_text())["files"]
        return [record, *(name for name in names if Path(name).name == name)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Mistake(f"{folder / record}: is not the record of an earlier {what}; give another --out") from error
