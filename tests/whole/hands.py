"""The main job as its command runs it, with the moments named at which it may be killed

python -m tests.whole.hands [the options of train_per_part.py]
"""

from typing import Any

import unbroken
from perpart import train
from tests.whole import jobs
from unbroken import testing


def main() -> None:
    say, objective, evaluate = train.announce, train.objective, train.evaluate
    runs = list[unbroken.Run]()

    def announce(run: unbroken.Run, *arguments: Any) -> None:
        runs.append(run)
        say(run, *arguments)

    def passing(*arguments: Any) -> Any:  # between forward and backward
        testing.passing("batch")
        jobs.announce(runs[0])
        return objective(*arguments)

    def validate(*arguments: Any, **options: Any) -> Any:
        testing.passing("valid")
        return evaluate(*arguments, **options)

    train.announce, train.objective, train.evaluate = announce, passing, validate
    train.main()


if __name__ == "__main__":
    main()
