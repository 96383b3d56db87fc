"""What is wrong with a person's data: where, what, what to do, and whether training on it would be wrong

Whoever reads a folder tells each defect to a `Tell` as it is found. Training refuses the first that would make it
learn something false; `python -m perpart.data check` collects them all.
"""

from collections.abc import Callable
from dataclasses import dataclass

from perpart.errors import Mistake


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong. `fatal`: whoever trained on it would learn something false, or could not begin."""

    where: str
    what: str
    do: str
    fatal: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.do}"


Tell = Callable[[Defect], None]


def refuse(defect: Defect) -> None:
    """Raises Mistake for a defect that forbids training; lets the others pass."""
    if defect.fatal:
        raise Mistake(str(defect))
