"""The page of `report`: one HTML file; tables are made here, chart.js draws the curves"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from .spans import told

Facts = Mapping[str, Any]
BESIDE = Path(__file__).parent
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
PARTS = {
    "trained": ("trained for good", "steps that count, with their validation"),
    "lost": ("lost", "steps that were done again, since no state held them"),
    "behind": ("left behind", "steps that --resume went back behind"),
    "restarting": ("starts", "from the start of a process to its first step"),
    "stalled": ("stalls", "training stood still for a save"),
    "closing": ("ends", "from the last step to the end: the last save"),
    "away": ("away", "no process was there"),
}


def page(runs: Sequence[Facts], curves: Mapping[str, list[dict[str, Any]]], made: str, again: int) -> str:
    """The whole page. again: seconds after which it loads itself again; 0 for a page that stays as it is."""
    title = ", ".join(run["name"] for run in runs)
    names = _names(runs)
    data = {"again": again, "runs": [_drawn(run, names[i], curves[run["folder"]]) for i, run in enumerate(runs)]}
    blob = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    reload = f'<noscript><meta http-equiv="refresh" content="{again}"></noscript>' if again else ""
    several = len(runs) > 1
    cards = "".join(_card(run, names[i], i, "h2" if several else "h1") for i, run in enumerate(runs))
    details = (_details(run, name, several) for run, name in zip(runs, names, strict=True))
    top = f"<header>{f'<h1>{len(runs)} runs</h1>' if several else ''}<p>{_as_of(made, again)}</p></header>"
    body = "\n".join([top, f'<section class="runs">{cards}</section>', _curves(), *details])
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n{reload}\n'
        f"<title>{escape(title)}</title>\n<style>\n{_asset('page.css')}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n"
        f'<script type="application/json" id="data">{blob}</script>\n<script>\n{_asset("chart.js")}</script>\n'
        "</body>\n</html>\n"
    )


def _asset(name: str) -> str:
    return (BESIDE / name).read_text(encoding="utf-8")


def _names(runs: Sequence[Facts]) -> list[str]:
    """Short names; whole paths where two are called alike."""
    short = [run["name"] for run in runs]
    return short if len(set(short)) == len(short) else [run["folder"] for run in runs]


def _drawn(run: Facts, name: str, curves: list[dict[str, Any]]) -> dict[str, Any]:
    """What chart.js is told of a run."""
    sessions = run["session"]
    marks = [
        {
            "x": after["start"]["step"],
            "told": f"session {after['number']} goes on here; the one before: {before['how']}",
        }
        for before, after in itertools.pairwise(sessions)
    ]
    return {"name": name, "batches": run["batches"], "marks": marks, "curves": curves}


# ---- a run at a glance


def _card(run: Facts, name: str, number: int, level: str) -> str:
    spent = run["time"]
    figures = [
        ("goodput", _percent(spent["goodput"]), f"{_percent(spent['goodput_clock'])} of the time on the clock"),
        ("lost", told(spent["lost"]), f"{_count(spent['steps_lost'], 'step')} done again"),
        ("sessions", f"{run['sessions']:,}", f"{_ends(run)}"),
        ("saves", f"{spent['saves']:,}", _stall(spent)),
    ]
    cells = "".join(f"<div><dt>{head}</dt><dd>{value}<small>{more}</small></dd></div>" for head, value, more in figures)
    why = f"<span>{escape(run['why'])}</span>" if run["why"] else ""
    return (
        f'<article><{level}><i class="run c{number % 8}"></i>{escape(name)}'
        f'<b class="state {run["state"]}">{run["state"]}</b></{level}>'
        f'<p class="place">{_place(run)}{why}</p><dl class="figures">{cells}</dl>{_bar(spent)}</article>'
    )


def _place(run: Facts) -> str:
    goal = f" of {run['epochs']:,}" if run["epochs"] else ""
    parts = [f"epoch {run['epoch']:,}{goal}", f"step {run['step']:,}"]
    if run["left"] is not None:
        parts.append(f"{told(run['left'])} of training left")
    if run["unsaved"]:
        parts.append(f"{_count(run['unsaved'], 'step')} not saved yet")
    return "".join(f"<span>{part}</span>" for part in parts)


def _ends(run: Facts) -> str:
    """How many sessions were killed, stopped and so on."""
    kinds: dict[str, int] = {}
    for session in run["session"]:
        how = session["how"]
        kind = "crashed" if ": " in how else "stopped" if how.startswith("stopped by") else how
        kinds[kind] = kinds.get(kind, 0) + 1
    return ", ".join(f"{number:,} {kind}" for kind, number in kinds.items()) or "run.json tells of none"


def _stall(spent: Facts) -> str:
    if spent["stall"] is None:
        return "no save is recorded"
    return f"{told(spent['stall'])} of stall each"


def _bar(spent: Facts) -> str:
    """Where the time on the clock went, as a bar and as its legend."""
    clock = spent["clock"] or 1.0
    shown = [part for part in PARTS if spent[part] > 0]
    bar = "".join(f'<i class="{part}" style="flex-grow:{spent[part] / clock:.6f}"></i>' for part in shown)
    rows = "".join(
        f'<li title="{PARTS[part][1]}"><i class="{part}"></i>{PARTS[part][0]}<b>{told(spent[part])}</b>'
        f"<small>{_percent(spent[part] / clock)}</small></li>"
        for part in shown
    )
    return f'<div class="bar" aria-hidden="true">{bar}</div><ul class="legend">{rows}</ul>'


# ---- curves


def _curves() -> str:
    return (
        '<section id="curves"><h2>Curves</h2><form id="controls">'
        '<label>smoothing <input type="range" id="smooth" min="0" max="0.99" step="0.01" value="0">'
        '<output id="smoothed" for="smooth">0</output></label>'
        '<label><input type="checkbox" id="log"> logarithmic</label>'
        '<label><input type="checkbox" id="marks" checked> sessions</label>'
        '<label class="find">find <input type="search" id="find" autocomplete="off"></label></form>'
        '<div id="charts"></div>'
        "<noscript><p>Curves are drawn with JavaScript; the numbers below are not.</p></noscript></section>"
    )


# ---- tables


def _details(run: Facts, name: str, several: bool) -> str:
    of = f" of {escape(name)}" if several else ""
    parts = [
        (f"Sessions{of}", _sessions(run["session"])),
        (f"Notes{of}", _notes(run["session"])),
        (f"Numbers{of}", _numbers(run["numbers"])),
        (f"Settings{of}", _pairs({**run["settings"], **{f"machine: {k}": v for k, v in run["environment"].items()}})),
    ]
    return "".join(f"<section><h2>{head}</h2>{table}</section>" for head, table in parts if table)


def _sessions(sessions: Sequence[Facts]) -> str:
    if not sessions:
        return "<p>run.json tells of no session.</p>"
    head = ["", "began, UTC", "machine", "went on from", "ended", "steps", "lost", "up", "start", "saves", "stall"]
    rows = [
        [
            str(each["number"]), _when(each["born"]), _where(each), _source(each), escape(each["how"]),
            f"{each['steps']:,}", _gone(each), told(each["time"]["up"]), told(each["time"]["restarting"]),
            f"{each['saves']:,}", told(each["time"]["stalled"] / each["saves"]) if each["saves"] else "",
        ]
        for each in sessions
    ]  # fmt: skip
    return _table(head, rows, left=(1, 2, 3, 4))


def _where(session: Facts) -> str:
    return f"{escape(session['host'])} <small>{escape(session['machine'])}</small>"


def _source(session: Facts) -> str:
    if session["from"] is None:
        return "nothing, a new run"
    start = session["start"]
    inside = f", batch {start['batch']:,}" if start["batch"] else ""
    wished = ", asked for" if session["wished"] else ""
    name = escape(Path(session["from"]).name)
    return f"epoch {start['epoch']:,}{inside} <small>step {start['step']:,}, {name}{wished}</small>"


def _gone(session: Facts) -> str:
    parts = [f"{session['lost']:,} <small>{told(session['time']['lost'])}</small>"] if session["lost"] else []
    if session["behind"]:
        parts.append(f"{session['behind']:,} <small>left behind</small>")
    return ", ".join(parts)


def _notes(sessions: Sequence[Facts]) -> str:
    rows = [[str(each["number"]), escape(line)] for each in sessions for line in each["notes"]]
    return _table(["session", "what its start said"], rows, left=(0, 1)) if rows else ""


def _numbers(numbers: Mapping[str, Facts]) -> str:
    head = ["", "first", "last", "least", "at step", "greatest", "at step", "records"]
    rows: list[list[str]] = []
    for name, each in numbers.items():
        ends = [_number(each.get(key)) for key in ("first", "last", "min", "min_step", "max", "max_step")]
        odd = f" <small>{each['not_finite']:,} not finite</small>" if each["not_finite"] else ""
        rows.append([f"{escape(name)}{odd}", *ends, f"{each['points']:,}"])
    return _table(head, rows, left=(0,)) if rows else "<p>The journal holds no number yet.</p>"


def _pairs(pairs: Mapping[str, Any]) -> str:
    rows = [[escape(str(name)), f"<code>{escape(json.dumps(value))}</code>"] for name, value in pairs.items()]
    return (
        f"<details><summary>{len(rows)} of them</summary>{_table(['', ''], rows, left=(0, 1))}</details>"
        if rows
        else ""
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[int]) -> str:
    """A table whose columns are numbers, but for those named; it scrolls where it is long."""

    def line(cells: Sequence[str], tag: str) -> str:
        marked = (f"<{tag}{' class=l' if i in left else ''}>{cell}</{tag}>" for i, cell in enumerate(cells))
        return f"<tr>{''.join(marked)}</tr>"

    top = f"<thead>{line(head, 'th')}</thead>" if any(head) else ""
    body = "".join(line(row, "td") for row in rows)
    return f'<div class="table" tabindex="0"><table>{top}<tbody>{body}</tbody></table></div>'


# ---- words


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.5g}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _as_of(made: str, again: int) -> str:
    """When the page was made."""
    watched = f"; looked at again every {again} s, as long as `report --watch` runs" if again else ""
    return f"As of {_when(made)} UTC{watched}"


def _when(moment: str) -> str:
    """A moment as people read it, to the second; UTC."""
    return f'<time datetime="{escape(moment)}">{escape(moment.replace("T", " ").replace("+00:00", ""))}</time>'
