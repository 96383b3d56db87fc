"""What a session has spent"""

import subprocess
import sys
import time

from unbroken import spent
from unbroken.spent import Spent


def test_a_session_without_saves_has_spent_nothing_on_them() -> None:
    assert Spent().told(1.5, 7) == {"age": 1.5, "steps": 7, "saves": 0, "stalled": 0.0, "written": 0.0}


def test_saves_add_up_and_the_last_one_is_known() -> None:
    sums = Spent()
    assert sums.last is None
    sums.add(0.25, 2.0)
    sums.add(0.5, 3.0)
    assert time.monotonic() - 4.0 < (sums.last or 0.0) <= time.monotonic() - 3.0, "when it was taken, not written"
    assert sums.told(9.0, 3) == {"age": 9.0, "steps": 3, "saves": 2, "stalled": 0.75, "written": 5.0}


def test_a_process_was_born_when_it_was_started_not_when_it_asks() -> None:
    program = "import time; time.sleep(0.5); from unbroken.spent import born; print(time.monotonic() - born())"
    began = time.monotonic()
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert 0.5 <= float(told) <= time.monotonic() - began + 0.02  # the system counts in hundredths


def test_where_the_system_does_not_tell_the_import_counts() -> None:
    assert spent.born() <= spent.IMPORTED <= time.monotonic()
