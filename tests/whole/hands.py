"""The main job as its command runs it, with the moments named at which it may be killed

python -m tests.whole.hands [the options of train_per_part.py]
"""

from functools import partial
from typing import Any

import unbroken
from perpart import forms, train
from tests.whole import jobs
from unbroken import testing


def main() -> None:
    say, evaluate, losses = train.announce, train.evaluate, dict(forms.LOSSES)
    runs = list[unbroken.Run]()

    def announce(run: unbroken.Run, *arguments: Any) -> None:
        runs.append(run)
        say(run, *arguments)

    def passing(name: str, *arguments: Any) -> Any:  # between forward and backward
        testing.passing("batch")
        jobs.announce(runs[0])
        return losses[name](*arguments)

    def validate(model: Any, data: Any, device: Any, objective: partial[Any], **options: Any) -> Any:
        testing.passing("valid")
        return evaluate(model, data, device, losses[objective.args[0]], **options)

    train.announce, train.evaluate = announce, validate
    forms.LOSSES.update({name: partial(passing, name) for name in losses})
    train.main()


if __name__ == "__main__":
    main()
