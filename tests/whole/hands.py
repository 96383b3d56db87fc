"""The main job as its command runs it, with the moments named at which it may be killed

python -m tests.whole.hands [the options of train_per_part.py]
"""

from typing import Any

from perpart import train
from tests.whole import reaper


def main() -> None:
    train.objective = _passing("batch", train.objective)  # between forward and backward
    train.evaluate = _passing("valid", train.evaluate)
    train.main()


def _passing(kind: str, function: Any) -> Any:
    def passed(*arguments: Any) -> Any:
        reaper.passing(kind)
        return function(*arguments)

    return passed


if __name__ == "__main__":
    main()
