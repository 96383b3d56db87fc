"""Spans of time"""

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken import spans


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("80ms", 0.08), ("30s", 30.0), ("7min", 420.0), ("3h", 10800.0), ("1.5d", 129600.0), (" .5s ", 0.5), ("0s", 0.0)],
)
def test_a_span_is_a_number_and_its_unit(text: str, seconds: float) -> None:
    assert spans.seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "3", "3x", "h", "-3h", "3 h 4", "1e3s", "nan s", "3m", "٣s٣"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(
        argparse.ArgumentTypeError, match="is no span of time: write a number and its unit, such as 80ms"
    ):
        spans.seconds(text)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.0, "0 s"), (0.0804, "80.4 ms"), (0.9999, "1 s"), (12, "12 s"), (450, "7.5 min"), (10800, "3 h"),
     (1e6, "11.6 d"), (182476800, "2,112 d")],
)  # fmt: skip
def test_a_span_is_told_in_three_digits(seconds: float, told: str) -> None:
    assert spans.told(seconds) == told


@given(st.floats(0.001, 1e9))
def test_what_is_told_can_be_read_again(seconds: float) -> None:
    assert spans.seconds(spans.told(seconds).replace(" ", "").replace(",", "")) == pytest.approx(seconds, rel=0.006)
