"""What goes wrong with input: one line that says what, where, and what to do"""

import sys
from collections.abc import Generator
from contextlib import contextmanager


class Mistake(ValueError):
    """A bad input, told to the person in one line; the commands print it and exit with 2."""


@contextmanager
def told(*kinds: type[Exception]) -> Generator[None]:
    """Tell a Mistake, or an error of these kinds too, without a traceback, and leave with exit code 2."""
    try:
        yield
    except (Mistake, *kinds) as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:  # before a run is there to heed it
        raise SystemExit(130) from None
