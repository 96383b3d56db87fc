"""Training that continues: the same command again, and the run goes on bit for bit"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import Error, Stopped
from .every import Every
from .keep import Keep
from .position import Position
from .stop import Stop

if TYPE_CHECKING:
    from .checkpoint import load
    from .drift import environment
    from .epoch import Epoch
    from .feed import Feed
    from .history import recorded
    from .run import Run
    from .state import Gradients
    from .weights import initialise

__all__ = [
    "Epoch",
    "Error",
    "Every",
    "Feed",
    "Gradients",
    "Keep",
    "Position",
    "Run",
    "Stop",
    "Stopped",
    "environment",
    "initialise",
    "load",
    "recorded",
]

# These need torch, which takes seconds to import: they are fetched when they are first asked for.
_HOMES = {
    "Epoch": ("epoch", "Epoch"),
    "Feed": ("feed", "Feed"),
    "Gradients": ("state", "Gradients"),
    "Run": ("run", "Run"),
    "environment": ("drift", "environment"),
    "initialise": ("weights", "initialise"),
    "load": ("checkpoint", "load"),
    "recorded": ("history", "recorded"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, word = _HOMES[name]
    globals()[name] = found = getattr(import_module(f".{home}", __name__), word)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
