import pytest

from perpart.data.defects import Defect, refuse
from perpart.errors import Mistake


def test_a_defect_that_forbids_training_is_refused_in_one_line():
    with pytest.raises(Mistake, match=r"^here: is wrong; mend it$"):
        refuse(Defect("here", "is wrong", "mend it"))


def test_one_that_only_costs_quality_passes():
    refuse(Defect("here", "could be better", "mend it", fatal=False))
