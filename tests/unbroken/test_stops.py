"""When a job stops"""

from pathlib import Path

import numpy as np
import pytest

from unbroken import stops
from unbroken.errors import Missing, Misuse
from unbroken.stops import PUBLIC, Stops


def drawn(stops: Stops, number: int, seed: int = 0) -> tuple[list[float], list[bool]]:
    moments, noticed = stops.moments(np.random.default_rng(seed), number)
    return moments.tolist(), noticed.tolist()


def test_random_stops_are_as_far_apart_as_asked_on_average_and_as_the_exponential_law_says() -> None:
    gaps = np.diff(drawn(Stops(50.0), 20_000)[0])
    assert gaps.mean() == pytest.approx(50.0, rel=0.03)
    assert (gaps > 100).mean() == pytest.approx(np.exp(-2), abs=0.01)


def test_the_share_that_is_noticed_is_as_asked() -> None:
    assert np.mean(drawn(Stops(1.0, noticed=0.3), 20_000)[1]) == pytest.approx(0.3, abs=0.02)
    assert not any(drawn(Stops(1.0), 100)[1])
    assert all(drawn(Stops(1.0, noticed=1.0), 100)[1])


def test_recorded_stops_are_played_again_in_their_order_around_and_around() -> None:
    recorded = (10.0, 11.0, 40.0)
    for seed in range(20):
        moments, _ = drawn(Stops(40 / 3, recorded=recorded), 10, seed)
        gaps = np.diff(moments).round(6).tolist()
        assert gaps[:3] in ([10, 1, 29], [1, 29, 10], [29, 10, 1])
        assert gaps[:3] * 3 == gaps
        assert moments[0] <= 29


def test_recorded_stops_begin_anywhere_in_the_recording() -> None:
    first = [drawn(Stops(40 / 3, recorded=(10.0, 40.0)), 1, seed)[0][0] for seed in range(4000)]
    assert np.mean(first) == pytest.approx(0.75 * 15 + 0.25 * 5, abs=0.5)  # half of the gap that is met


def test_a_file_names_a_moment_a_line(tmp_path: Path) -> None:
    (tmp_path / "stops.txt").write_text("12.5\n\n3\n1e2\n")
    assert stops.recorded(str(tmp_path / "stops.txt")) == (3.0, 12.5, 100.0)


@pytest.mark.parametrize("text", ["", "one\n", "-1\n5\n", "0\n", "nan\n", "inf\n", "5\nnan\n"])
def test_a_file_that_names_none_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "stops.txt").write_text(text)
    with pytest.raises(Misuse, match=r"stops\.txt: "):
        stops.recorded(str(tmp_path / "stops.txt"))


def test_a_name_that_is_neither_a_file_nor_public_is_missing() -> None:
    with pytest.raises(Missing, match="--trace spot-v99: neither a file nor one of spot-v100, llama3"):
        stops.recorded("spot-v99")


@pytest.mark.parametrize(("mean", "noticed"), [(0.0, 0.0), (-1.0, 0.0), (float("inf"), 0.0), (1.0, 1.1), (1.0, -0.1)])
def test_what_cannot_be_is_refused(mean: float, noticed: float) -> None:
    with pytest.raises(Misuse, match="more than 0, and 0 to 1"):
        Stops(mean, noticed)


def test_the_public_figures_are_those_that_their_sources_give() -> None:
    assert {name: (f.worst / 3600, f.best / 3600) for name, f in PUBLIC.items()} == {
        "spot-v100": (1.36, 3.2), "llama3": pytest.approx((50680, 50680), rel=1e-4),
    }  # fmt: skip
    assert PUBLIC["llama3"].worst / 16384 == pytest.approx(54 * 86400 / 419)
