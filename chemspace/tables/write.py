"""Tables for people: text that a spreadsheet would run as a formula is written as text, and read back as it was.

Spreadsheets take a cell that begins with = + - @ or a tab for a formula; a quote before it says that it is text.
Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["guarded", "write_csv"]

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", re.IGNORECASE)


def guarded(cell: object) -> object:
    """A cell to be written: text that would be a formula with a quote before it; numbers, also as text, as they are.

    Example:
        >>> from chemspace.tables.write import guarded
        >>> guarded("=1+1"), guarded("-1.5"), guarded("K1")
        ("'=1+1", '-1.5', 'K1')
    """
    is_formula = isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell


def write_csv(frame: pd.DataFrame, path: Path, float_format: str | None = None) -> None:
    """Write a frame as CSV, its headings and texts guarded."""
    texts = frame.select_dtypes(exclude=["number", "bool", "datetime"]).columns
    safe = frame.assign(
        **{name: frame[name].map(guarded, na_action="ignore") for name in texts if isinstance(name, str)}
    )
    safe.rename(columns=guarded).to_csv(path, index=False, float_format=float_format)
