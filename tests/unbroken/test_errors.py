"""What can go wrong"""

import inspect

import pytest

from unbroken import Stopped, errors
from unbroken.errors import Error

CLASSES = [value for value in vars(errors).values() if inspect.isclass(value)]


def test_every_class_is_drawn_in_the_tree() -> None:
    drawn = [line.strip("├└─ ").split()[0] for line in (errors.__doc__ or "").splitlines()[2:]]
    assert drawn == [kind.__name__ for kind in CLASSES]


@pytest.mark.parametrize("kind", CLASSES)
def test_all_but_the_stop_are_errors_that_a_person_can_mend(kind: type) -> None:
    assert issubclass(kind, Error) != (kind is Stopped)


def test_a_stop_leaves_the_program_with_its_code_and_is_no_error() -> None:
    with pytest.raises(SystemExit) as stop:
        raise Stopped(143)
    assert stop.value.code == 143
    assert not isinstance(stop.value, Exception)
