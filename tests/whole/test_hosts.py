"""Two hosts, one cut off and returned: nobody is told, and the job ends by itself with the same bits

The host that leads is the one that is cut: it holds the work dir, and another has to take over. The other way round,
both in one run, and without virtual ranks: `python -m tests.whole.hosts`.
"""

from pathlib import Path

import pytest

from tests.whole import hosts, wires
from unbroken import testing


@pytest.mark.skipif(bool(wires.missing()), reason=f"hosts are network namespaces, and here {wires.missing()}")
def test_a_run_whose_leading_host_is_cut_off_and_returns_ends_by_itself_with_the_same_bits(tmp_path: Path) -> None:
    told: list[str] = []
    left = hosts.disturbed(tmp_path, ["lead"], virtual=4, patience=6.0, tell=told.append)
    calm = hosts.undisturbed(tmp_path, virtual=4)
    assert testing.compare(str(calm), str(left)) == [], "\n".join(told)
    assert testing.records(str(calm)) == testing.records(str(left))
