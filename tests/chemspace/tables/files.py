"""Results tables as bytes, in each of the formats that labs hand in."""

from __future__ import annotations

import io
from collections.abc import Sequence

from openpyxl import Workbook

__all__ = ["workbook"]


def workbook(**sheets: Sequence[Sequence[object]]) -> bytes:
    """An Excel workbook of these sheets, each a list of rows."""
    book = Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()
