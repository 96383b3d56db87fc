"""The verbs of a module as one command line: its help has a line for each of them, a verb's own help tells all"""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import tyro


def obeyed(verbs: Mapping[str, Callable[..., Any]], module: str, told: str | None, words: Sequence[str]) -> Any:
    """Do what the words ask for, and give what the verb gives. `told` is the module's own help."""
    asked = verbs if words[:1] and words[0] in verbs else {name: brief(verb) for name, verb in verbs.items()}
    return tyro.extras.subcommand_cli_from_dict(
        dict(asked), prog=f"python -m {module}", description=told, args=list(words)
    )


def brief(verb: Callable[..., Any]) -> Callable[..., Any]:
    """The verb with the first paragraph of its help."""

    @wraps(verb)
    def same(*arguments: Any, **options: Any) -> Any:
        return verb(*arguments, **options)

    same.__doc__ = (verb.__doc__ or "").partition("\n\n")[0]
    return same
