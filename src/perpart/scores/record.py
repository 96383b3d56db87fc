"""Figures as files: JSON with all that is needed to compute them again, and the same figures as CSV"""

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from perpart.errors import Mistake
from perpart.scores.tallies import Figure


def write(folder: Path, name: str, facts: dict[str, Any], figures: Sequence[Figure]) -> list[Path]:
    """Write NAME.json and NAME.csv into a folder, and give their paths: the same figures, the same bytes.

    Raises Mistake where the folder cannot be written.
    """
    rows = [{key: plain(value) for key, value in asdict(figure).items()} for figure in figures]
    contents = {
        f"{name}.json": json.dumps({**facts, "figures": rows}, indent=1, ensure_ascii=False) + "\n",
        f"{name}.csv": table(rows),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in contents.items():
            (folder / file).write_text(content, encoding="utf-8", newline="")
    except OSError as error:
        raise Mistake(f"{folder}: cannot be written ({error.strerror}); give another --out") from error
    return [folder / file for file in contents]


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as CSV with a heading; what is not known is empty."""
    text = io.StringIO()
    sheet = csv.DictWriter(text, [field.name for field in fields(Figure)], lineterminator="\n")
    sheet.writeheader()
    sheet.writerows(rows)
    return text.getvalue()


def plain(value: Any) -> Any:
    """Numbers to nine digits, more than any of them means; None for nan, for which JSON has no word."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.9g}") if math.isfinite(value) else None
