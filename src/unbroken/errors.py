"""What can go wrong, drawn as one tree; every message says what, where, and what to do

Error                   shown as one line, exit code 2; nothing in the work dir was changed
├─ Missing              there is no such file
├─ Unreadable           a file that the system does not let us read
├─ Foreign              a file, but not a state that a run can go on from
├─ Damaged              a state whose content is not what was written
├─ Hostile              a file that would run code when loaded
├─ Mismatch             a whole state that does not fit what this program keeps
├─ Drift                settings that would make another run
├─ Misuse               the loop, the feed or an argument breaks a law of the core
├─ Occupied             another trainer holds the work dir
└─ Unwritable           the work dir cannot be written
Stopped (SystemExit)    a wish to stop was obeyed; carries the exit code
"""


class Error(Exception):
    """Anything that a person can mend. One line, unless it shows a table."""


class Missing(Error): ...


class Unreadable(Error): ...


class Foreign(Error): ...


class Damaged(Error): ...


class Hostile(Error): ...


class Mismatch(Error): ...


class Drift(Error): ...


class Misuse(Error): ...


class Occupied(Error): ...


class Unwritable(Error): ...


class Stopped(SystemExit):
    """Leaves the program with 128 + signal after the state was saved; as SystemExit it prints no traceback."""
