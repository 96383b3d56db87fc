"""What goes wrong with input: one line that says what, where, and what to do"""

import errno
import io
import os
import signal
import sys
import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager


class Mistake(ValueError):
    """A bad input, told to the person in one line; the commands print it and exit with 2."""


DEBUG = "--debug"
"""The word by which every command tells the traceback of an error too."""


@contextmanager
def told(arguments: Sequence[str] | None, *kinds: type[Exception]) -> Generator[list[str]]:
    """Tell a Mistake, or an error of these kinds too, in one line, and leave with exit code 2.

    `arguments` are a command line, by default this process's; gives those to obey. With --debug among them the line
    comes under its traceback.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Scripts import with the system's own answer to Ctrl+C (perpart.interrupts); from here on it can be heard.
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a letter is no reason to stop
    try:
        yield [word for word in words if word != DEBUG]
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read along, such as `head`, has seen enough
        _muted()
        raise SystemExit(128 + signal.SIGPIPE) from None
    except OSError as error:
        if error.errno != errno.ENOSPC or DEBUG in words:
            raise
        _muted()
        print(f"error: output cannot be written ({error.strerror}); make room, or send it elsewhere", file=sys.stderr)
        raise SystemExit(2) from None
    except (Mistake, *kinds) as error:
        if DEBUG in words:
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:  # before a run is there to heed it
        raise SystemExit(130) from None


def _muted() -> None:
    """What is left in standard output has nowhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
