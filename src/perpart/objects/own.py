"""A person's own categories: recipes in a file of theirs, used beside ours"""

import hashlib
import runpy
from pathlib import Path
from typing import Any

from perpart.errors import Mistake
from perpart.objects import CATEGORIES, Recipe

_adopted: dict[str, str] = {}  # category: the file that it came from


def adopt(path: str) -> tuple[str, ...]:
    """Add the recipes in a file's `CATEGORIES` (a dict of `objects.Recipe` by name) to ours, and give their names.

    The file is a program and is run, as its owner asked for it by name. Raises Mistake when it cannot be run, has no
    such dict, or takes a name that is ours.
    """
    found = _recipes(path)
    for name, recipe in found.items():
        if name in CATEGORIES and _adopted.get(name) != path:
            raise Mistake(f"{path}: a category is called {name!r} already; take another name")
        if not isinstance(name, str) or not name.isidentifier() or not isinstance(recipe, Recipe):
            raise Mistake(f"{path}: CATEGORIES[{name!r}] is no objects.Recipe by a plain name, such as 'spork'")
    for name, recipe in found.items():
        CATEGORIES[name], _adopted[name] = recipe, path
    return tuple(found)


def adopted(category: str) -> bool:
    """Whether a category is a person's own."""
    return category in _adopted


def digest(path: str) -> str:
    """Tells a python file from another one, such as recipes that changed. Raises Mistake when it is not there."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
    except OSError as reason:
        raise Mistake(f"{path}: cannot be read ({reason.strerror}); give a python file with CATEGORIES") from reason


def _recipes(path: str) -> dict[Any, Any]:
    digest(path)
    try:
        found = runpy.run_path(path).get("CATEGORIES")
    except Exception as error:  # a person's program may fail in any way
        raise Mistake(f"{path}: fails with {type(error).__name__}: {' '.join(str(error).split())[:120]}") from error
    if not isinstance(found, dict) or not found:
        raise Mistake(f"{path}: has no CATEGORIES, a dict of objects.Recipe by name; docs/data.md shows one")
    return found
