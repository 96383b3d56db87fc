"""Spans of time as people write them: 80ms, 30s, 7min, 3h, 1.5d"""

from __future__ import annotations

import argparse
import re

UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
WRITTEN = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(ms|s|min|h|d)")


def seconds(text: str) -> float:
    """The seconds that a text such as 1.5d means. Raises ArgumentTypeError, which a command line's parser tells."""
    if not (found := WRITTEN.fullmatch(text.strip())):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no span of time: write a number and its unit, such as 80ms, 30s, 7min, 3h or 1.5d"
        )
    return float(found[1]) * UNITS[found[2]]


def told(span: float) -> str:
    """Seconds as a person reads them, to three digits: `80 ms`, `7.5 min`, `3 h`."""
    if span < 0.9995:
        return f"{1000 * span:.3g} ms" if span else "0 s"
    for unit, least in (("s", 120), ("min", 7200), ("h", 48 * 3600)):
        if span < least:
            return f"{span / UNITS[unit]:.3g} {unit}"
    days = span / UNITS["d"]
    return f"{days:,.0f} d" if days >= 100 else f"{days:.3g} d"
