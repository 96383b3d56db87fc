"""The page of `show` in a real browser, from disk, without a network: what its controls say is what they do"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

from perpart import clouds
from perpart.anatomy import PARTS
from perpart.colours import colour
from perpart.objects import build
from perpart.sampled import Sampled
from perpart.shown.grips import Fitted
from perpart.shown.page import Shown, page
from perpart.shown.surface import surface
from tests.whole import browser

NO = browser.missing()
pytestmark = pytest.mark.skipif(bool(NO), reason=f"pages are opened in a browser, and here {NO}")
SAMPLES, POINTS = 50, 2048
SIZE = (1100, 700)
SOON = 30_000  # ms until a page is there, where others share the processors and nothing draws but they
MUG = build("mug", 0).mesh
AREA = MUG.area * 1e4


def sampled(n: int) -> Sampled:
    """n samples on a mug; part k touches around a spot of its own, which moves a little from sample to sample."""
    rng = np.random.default_rng(0)
    cloud = clouds.surface(MUG, POINTS, rng).astype(np.float32)
    spots = cloud[rng.integers(POINTS, size=16), :3] + rng.normal(scale=0.006, size=(n, 16, 3))
    gap = np.linalg.norm(cloud[None, :, None, :3] - spots[:, None], axis=3)
    contact = np.clip(1.5 - gap / 0.015, 0, 1).astype(np.float32)
    meta = {"object": "mug.ply", "seed": 0}
    return Sampled(cloud, contact, gap.argmin(axis=2), np.tile(cloud[:, 3:], (n, 1, 1)), meta)


def ball(around: float = -60, away: float = 0.08) -> Fitted:
    """A hand that is a ball of the thumb's tip, as a rule in front of the mug."""
    mesh = trimesh.creation.icosphere(3, 0.03, vertex_normals=True)
    toward = away * np.array([np.cos(np.radians(around)), np.sin(np.radians(around)), 0.4])
    corners = np.concatenate([mesh.vertices + toward, mesh.vertex_normals], axis=1)
    return Fitted(0, corners, mesh.faces, np.full(len(corners), 3))


@pytest.fixture(scope="module")
def shown() -> Shown:
    found = sampled(SAMPLES)
    return Shown(found, MUG.area, sampled(3).contact[1:], surface(MUG, found.points), [ball()])


@pytest.fixture(scope="module")
def path(shown: Shown, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("show") / "mug.html"
    place.write_text(page(shown))
    return place


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    with browser.Browser(tmp_path_factory.mktemp("home"), SIZE) as one:
        yield one


@pytest.fixture
def seen(opened: browser.Browser, path: Path) -> Iterator[browser.Browser]:
    """The page, just opened; whatever is done with it, its console stays empty and it asks for nothing but itself."""
    opened.told.clear()
    opened.asked.clear()
    opened.open(path)
    yield opened
    opened.do("1")
    assert opened.told == []
    assert {url.partition("#")[0] for url in opened.asked if not url.startswith("about:")} == {path.as_uri()}


def quantised(shown: Shown) -> np.ndarray:
    maps = shown.sampled.contact if shown.truth is None else np.concatenate([shown.sampled.contact, shown.truth])
    return np.round(maps * 255)


def area(maps: np.ndarray, threshold: float) -> float:
    """cm² of which a point stands for the same share each."""
    return float((maps >= np.ceil(threshold * 255 - 1e-9)).sum() * AREA / POINTS)


def coloured(pixels: np.ndarray) -> float:
    """The share of pixels that are no shade of grey."""
    return float((np.ptp(within(pixels), axis=2) > 0.15).mean())


def within(pixels: np.ndarray) -> np.ndarray:
    """The view without its legend and the ring that shows where the focus is."""
    return pixels[8:-110, 8:-8]


def test_fifty_samples_are_there_soon(seen: browser.Browser) -> None:
    took = float(seen.do("document.documentElement.dataset.ready"))
    print(f"usable after {took:.0f} ms")
    assert took < SOON
    assert seen.do("document.getElementById('trouble').hidden"), "drawn by WebGL"
    assert coloured(seen.pixels("#view")) > 0.01
    assert seen.text("h1") == "mug.ply"
    assert "50 samples and 2 true maps on 2,048 points" in seen.text("#facts")


def test_the_areas_are_those_of_the_maps_at_the_threshold(seen: browser.Browser, shown: Shown) -> None:
    maps = quantised(shown)
    for threshold in (0.5, 0.2, 0.98):
        seen.slide("#threshold", threshold)
        assert seen.text("#level") == f"{threshold:.2f}"
        for k, part in enumerate(PARTS):
            assert seen.text(f"#area-{part}") == f"{area(maps[0, :, k], threshold):.1f}", (part, threshold)
        assert seen.text("#together") == f"{area(maps[0].max(axis=1), threshold):.1f}"


def test_the_scrubber_goes_through_samples_and_true_maps(seen: browser.Browser, shown: Shown) -> None:
    maps = quantised(shown)
    before = seen.pixels("#view")
    seen.slide("#map", 7)
    assert seen.text("#which b") == "sample 7"
    assert seen.text("#area-thumb3") == f"{area(maps[7, :, 3], 0.5):.1f}"
    assert abs(seen.pixels("#view") - before).max() > 0.2
    seen.press("ArrowRight")
    assert seen.text("#which b") == "sample 8"
    seen.click("#before")
    assert seen.text("#which b") == "sample 7"
    seen.press("End")
    assert seen.text("#which b") == "true map 1"
    assert seen.text("#area-thumb3") == f"{area(maps[51, :, 3], 0.5):.1f}"
    seen.press("Home")
    assert seen.text("#which b") == "sample 0"


def test_parts_and_fingers_are_switched_off_and_on(seen: browser.Browser, shown: Shown) -> None:
    maps = quantised(shown)[0]

    def pressed(name: str) -> str:
        return seen.do(f"document.getElementById('{name}').getAttribute('aria-pressed')")

    seen.click("#part-index2")
    assert (pressed("part-index2"), pressed("digit-index"), pressed("every")) == ("false", "mixed", "mixed")
    rest = np.delete(maps, 5, axis=1).max(axis=1)
    assert seen.text("#together") == f"{area(rest, 0.5):.1f}"
    seen.press("2")
    assert pressed("part-index2") == "true"
    seen.press("2")
    assert [pressed(f"part-index{i}") for i in (1, 2, 3)] == ["false"] * 3
    seen.press("2")
    seen.click("#every")
    assert seen.text("#together") == "0.0"
    seen.press("h")
    assert coloured(seen.pixels("#view")) < 0.001, "no part is shown: the object is grey"
    seen.click("#digit-thumb")
    assert seen.text("#together") == f"{area(maps[:, 1:4].max(axis=1), 0.5):.1f}"
    assert coloured(seen.pixels("#view")) > 0.001


def test_each_way_to_colour_is_one(seen: browser.Browser) -> None:
    seen.press("h")
    pictures = {}
    names = {"c": "contact", "p": "part", "n": "nearest", "o": "one", "u": "uncertainty", "d": "difference"}
    for key, name in names.items():
        seen.press(key)
        assert seen.do(f"document.getElementById('mode-{name}').checked")
        pictures[name] = seen.pixels("#view")
    for one, other in itertools.combinations(pictures, 2):
        assert abs(pictures[one] - pictures[other]).mean() > 0.001, (one, other)
    assert "the nearest of 2" in seen.text("#scale")
    seen.click("#means")
    assert "mean of the samples minus mean of the true maps" in seen.text("#scale")


def nearest(pixels: np.ndarray, hue: np.ndarray) -> bool:
    """Whether a colour is there, in any light: its direction from black."""
    lengths = np.linalg.norm(pixels, axis=2, keepdims=True)
    return bool(((pixels / np.maximum(lengths, 0.2)) @ (hue / np.linalg.norm(hue))).max() > 0.999)


def test_one_part_has_its_own_colour_and_no_other(seen: browser.Browser) -> None:
    seen.press("h")
    seen.press("l")
    seen.slide("#part", 3)
    seen.do("document.getElementById('view').focus()")
    found = [False, False]
    for _ in range(6):  # from all sides: from one of them the spot is seen
        seen.press("ArrowLeft", 10)
        pixels = within(seen.pixels("#view"))
        found = [was or nearest(pixels, colour(part)) for was, part in zip(found, ("thumb3", "middle3"), strict=True)]
    assert found == [True, False]


def test_what_is_below_the_threshold_is_left_uncoloured(seen: browser.Browser) -> None:
    seen.press("h")
    whole = coloured(seen.pixels("#view"))
    seen.press("e")
    assert seen.do("document.getElementById('only').checked")
    part = coloured(seen.pixels("#view"))
    seen.slide("#threshold", 0.98)
    assert whole > part > coloured(seen.pixels("#view"))


def test_a_point_under_the_pointer_tells_its_values(seen: browser.Browser, shown: Shown) -> None:
    x, y, wide, high = seen.box("#view")
    maps, points = quantised(shown) / 255, shown.sampled.points
    toward = np.array([np.cos(np.radians(-60)), np.sin(np.radians(-60)), np.tan(np.radians(22))])
    touched = 0
    for across, down in itertools.product((0.4, 0.45, 0.5), (0.45, 0.5, 0.55)):
        seen.mouse("mouseMoved", x + across * wide, y + down * high)
        seen.wait("!document.getElementById('tip').hidden")
        seen.settle()
        text, rows = seen.text("#tip"), seen.do("document.getElementById('tip').innerHTML")
        p = int(re.findall(r"sample 0, point (\d+)", text)[0])
        place = [float(v) for v in re.findall(r"x, y, z: (-?[\d.]+), (-?[\d.]+), (-?[\d.]+) mm", text)[0]]
        assert place == pytest.approx(points[p, :3] * 1000, abs=0.06)
        assert points[p, 3:] @ toward > 0, "of the side that is seen"
        told = dict(re.findall(r"<td><i[^>]*></i>([a-z]+ ?\d?)</td><td>([\d.]+)</td>", rows))
        strongest = [k for k in np.argsort(-maps[0, p]) if maps[0, p, k] >= 0.02][:6]
        assert told == {re.sub(r"(\d)$", r" \1", PARTS[k]): f"{maps[0, p, k]:.2f}" for k in strongest}
        spread = maps[:SAMPLES, p].max(axis=1)
        assert f"all samples: {spread.mean():.2f} ± {spread.std():.2f}" in text
        touched += bool(told)
    assert touched, "the pointer was where something touches"
    seen.mouse("mouseMoved", x + 5, y + 5)
    seen.wait("document.getElementById('tip').hidden")


def test_a_drag_turns_the_wheel_zooms_and_r_brings_the_view_back(seen: browser.Browser) -> None:
    before = seen.pixels("#view")
    x, y = seen.box("#view")[0] + 300, seen.box("#view")[1] + 300
    seen.mouse("mousePressed", x, y, button="left", clickCount=1)
    seen.mouse("mouseMoved", x + 120, y + 30, button="left", buttons=1)
    seen.mouse("mouseReleased", x + 120, y + 30, button="left", clickCount=1)
    seen.mouse("mouseWheel", x, y, deltaX=0, deltaY=-300)
    seen.settle()
    assert abs(seen.pixels("#view") - before).mean() > 0.02
    assert "look=" in seen.do("location.hash")
    seen.press("r")
    seen.mouse("mouseMoved", 2, 2)
    seen.settle()
    assert abs(within(seen.pixels("#view")) - within(before)).mean() < 0.001


def test_the_first_view_holds_hands_that_reach_far_out(opened: browser.Browser, shown: Shown, tmp_path: Path) -> None:
    for around in (30, -150, -90):
        (tmp_path / "far.html").write_text(page(replace(shown, hands=[ball(around, 0.15)])))
        opened.open(tmp_path / "far.html")
        opened.press("b")
        view = opened.pixels("#view")
        assert nearest(view[8:-8, 8:-8], colour("thumb3"))
        edge = np.concatenate([view[8:12, 8:-8].reshape(-1, 3), view[8:-110, [8, 9, -10, -9]].reshape(-1, 3)])
        assert np.ptp(edge, axis=0).max() < 0.02, "nothing is cut off"


def test_the_fitted_hand_is_shown_and_hidden(seen: browser.Browser) -> None:
    thumb = colour("thumb3")
    seen.press("b")
    shown = seen.pixels("#view")
    assert nearest(within(shown), thumb)
    seen.press("h")
    hidden = seen.pixels("#view")
    assert abs(shown - hidden).max() > 0.2
    assert not nearest(within(hidden), thumb)
    seen.press("h")
    assert abs(seen.pixels("#view") - shown).max() < 0.02
    seen.slide("#map", 1)
    assert not nearest(within(seen.pixels("#view")), thumb), "sample 1 has no hand, and that is no error"


def test_all_maps_stand_side_by_side_and_one_is_chosen(seen: browser.Browser) -> None:
    seen.click("#grid")
    assert seen.do("document.querySelectorAll('#cells button').length") == SAMPLES + 2
    assert seen.do("[...document.querySelectorAll('#cells button')].pop().textContent") == "true 1"
    assert coloured(seen.pixels("#view")) > 0.005
    seen.click("#cells button:nth-child(13)")
    assert seen.text("#which b") == "sample 12"
    assert seen.do("document.querySelectorAll('#cells button').length") == 0


def test_a_link_shows_the_same_view(seen: browser.Browser, path: Path) -> None:
    seen.press("p")
    seen.press("1")
    seen.slide("#map", 4)
    seen.slide("#threshold", 0.3)
    before, link = seen.pixels("#view"), seen.do("location.hash")
    seen.open(path, link)
    seen.settle()
    assert seen.do("location.hash") == link
    assert seen.text("#which b") == "sample 4"
    assert abs(seen.pixels("#view") - before).mean() < 0.001


def test_a_picture_is_saved(seen: browser.Browser, tmp_path: Path) -> None:
    seen.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    seen.press("x")
    name, size, _ = seen.wait("document.documentElement.dataset.saved").split()
    assert name == "mug_sample_0_contact.png"
    seen.do("new Promise((done) => setTimeout(() => done(1), 500))")
    wide, high = seen.box("#view")[2:]
    assert size == f"{round(wide)}x{round(high) + 46 + 64}"
    assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_the_keys_are_written_in_the_page(seen: browser.Browser) -> None:
    seen.press("?")
    assert seen.do("document.getElementById('keys').open")
    for key in ("g", "c", "p", "o", "n", "u", "d", "0 … 5", "a", "[ ]", "e", "s", "v", "h", "b", "l", "r", "x", "t"):
        assert key in seen.do("[...document.querySelectorAll('dt')].map((d) => d.textContent)"), key
    assert f"{AREA / POINTS:.4f} cm²" in seen.text("#notes")
    seen.press("Escape")


def test_light_and_dark_follow_the_system_and_the_button(opened: browser.Browser, path: Path) -> None:
    for dark in (True, False):
        opened.dark(dark)
        opened.open(path)
        opened.settle()
        corner = opened.pixels("#view")[4, 20].mean()
        assert corner < 0.2 if dark else corner > 0.8
        opened.press("t")
        assert opened.pixels("#view")[4, 20].mean() > 0.8 if dark else opened.pixels("#view")[4, 20].mean() < 0.2


@pytest.mark.parametrize("wide", [1000, 1600])
def test_nothing_is_cut_off_at_the_sides(opened: browser.Browser, path: Path, wide: int) -> None:
    opened.size(wide, 800)
    opened.open(path)
    assert opened.do("document.documentElement.scrollWidth") == wide
    for chosen in ("#view", "#panel", "#scrub", "#picture", "#help", "#grid"):
        x, _, width, height = opened.box(chosen)
        assert x >= 0, chosen
        assert x + width <= wide, chosen
        assert height > 0, chosen
    assert opened.do("document.getElementById('panel').scrollWidth <= document.getElementById('panel').clientWidth")
    opened.size(*SIZE)


def test_without_webgl_the_points_are_drawn_and_that_is_said(path: Path, tmp_path: Path) -> None:
    with browser.Browser(tmp_path, (1000, 700), "--disable-3d-apis") as plain:
        plain.open(path)
        plain.settle()
        assert "no WebGL" in plain.text("#trouble")
        assert not plain.do("document.getElementById('trouble').hidden")
        assert coloured(plain.pixels("#view")) > 0.005
        x, y, wide, high = plain.box("#view")
        plain.mouse("mouseMoved", x + 0.45 * wide, y + 0.55 * high)
        plain.wait("!document.getElementById('tip').hidden")
        assert plain.told == [] or all("WebGL" in line or "webgl" in line for line in plain.told)
