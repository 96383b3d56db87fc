"""On whose terms a set is made"""

from collections import Counter

import pytest

from perpart.errors import Mistake
from perpart.grasps import making, terms
from perpart.grasps.search import Catch

OURS = terms.of(making.Wish(5, 0, 1, ("egg",), 1))


def test_the_first_to_come_states_the_terms_and_who_shares_them_may_go_on(tmp_path):
    terms.agree(tmp_path, OURS)
    terms.agree(tmp_path, terms.of(making.Wish(5, 0, 1, ("egg",), 1)))


def test_whatever_differs_is_named(tmp_path):
    terms.agree(tmp_path, OURS)
    for kind, name in (("arguments", "seed"), ("limits", "friction"), ("made with", "mujoco")):
        with pytest.raises(Mistake, match=rf"other {kind} \({name} .*, here 7\); give another --out"):
            terms.agree(tmp_path, OURS | {kind: OURS[kind] | {name: 7}})


def test_a_folder_without_a_set_holds_none_and_an_older_set_was_made_otherwise(tmp_path):
    assert not terms.committed(tmp_path, OURS)
    (tmp_path / "grasps.json").write_text("{}")
    with pytest.raises(Mistake, match="holds a finished set made with other arguments"):
        terms.committed(tmp_path, OURS)


def test_the_account_counts_outcomes_over_all_objects():
    catches = [Catch(reasons=Counter(accepted=2, links=5)), Catch(reasons=Counter(links=1))]
    said = terms.said(OURS, "make it", catches)
    assert said["tries"] == {"accepted": 2, "links": 6}
    assert said["command"] == "make it"
    assert said["limits"]["friction"] == 0.6


def test_all_code_that_decides_a_grasp_has_a_digest():
    assert {"perpart.grasps.search", "perpart.objects.vessels", "perpart.hand"} <= OURS["code"].keys()
    assert all(len(digest) == 16 for digest in OURS["code"].values())
