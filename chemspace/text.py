"""Text that can be kept: valid Unicode without control characters; what is kept already is shown with U+FFFD."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["one_line", "printable", "text_problem"]

#: Halves of characters, and control characters but for tabs and line feeds: no file can hold the former, and a terminal
#: obeys the latter. Among them are those that turn the direction of what follows (U+202A to U+202E, U+2066 to U+2069).
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def text_problem(text: str) -> str:
    """Why a text cannot be recorded, as the end of a sentence about it; "" where it can."""
    if (found := _UNFIT.search(text)) is None:
        return ""
    code = ord(found[0])
    if code >= 0xD800:
        return f"holds half a character (U+{code:04X}), which is no valid text; write it anew"
    return f"holds the control character U+{code:04X}; delete it"


def one_line(text: str) -> str:
    """`text` with a blank for every line end and tab, as a spreadsheet's cell may hold them."""
    return re.sub("[\t\r\n]+", " ", text)


def printable(value: Any) -> Any:
    """`value` (text, or lists and dictionaries of it) with U+FFFD for every character that cannot be recorded."""
    if isinstance(value, str):
        return _UNFIT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {printable(name): printable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [printable(part) for part in value]
    return value
