import re

from perpart.evaluate import TALLIES
from perpart.scores.intervals import resamplings
from perpart.scores.table import lines, number, text
from perpart.scores.tallies import GUESSES, NAMES
from tests.perpart.invented import PLAIN, invented


def printed(*things) -> str:
    tallies = [tally(len(things), PLAIN) for tally in TALLIES]
    for tally in tallies:
        for row, thing in enumerate(things):
            tally.add(thing, row)
    weights = resamplings(len(things), 100)
    return text([figure for tally in tallies for figure in tally.figures(weights)])


def test_there_is_a_line_for_each_guesser_and_each_part_with_intervals():
    said = printed(invented(0), invented(1))
    begins = [line[:17].rstrip() for line in said.splitlines()]
    assert set(GUESSES) | set(NAMES) <= set(begins)
    assert "1.000 [1.000, 1.000]" in said
    assert "3 [3, 3] active units" in said


def test_what_is_not_known_is_a_dash():
    said = printed(invented(0, grasps=3))
    assert "thumb1" in said
    assert "–" in said
    assert number(float("nan"), 3) == "–"
    assert number(-0.0001, 3) == "0.000"


def test_a_difference_of_distances_has_a_digit_more():
    rows = {line.split("  ")[0]: line for line in printed(invented(0), invented(1)).splitlines()}
    more, draw = rows["draws - nearest"], rows["draws"]
    assert re.search(r"\.\d{4} \[-?0\.\d{4}, ", more)
    assert not re.search(r"\.\d{4}", draw)


def test_without_an_object_of_four_grasps_it_is_said_why_no_set_is_told():
    said = printed(invented(0, grasps=3), invented(1, grasps=3))
    assert "sets, per object: none, as no object has four grasps here or more" in said
    assert "sets, per object: none" not in printed(invented(0, grasps=3), invented(1, grasps=4))


def test_columns_are_as_wide_as_they_must_be():
    assert lines(["a", "b"], [["long", "1"], ["c", "22"], ["d"]]) == "a      b\nlong   1\nc     22\nd"
