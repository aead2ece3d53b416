"""Text that can be recorded: valid Unicode without control characters. What an older log holds is shown with U+FFFD."""

from __future__ import annotations

import re
from typing import Any

from campaigns.errors import UnfitTextError

#: Halves of characters, and control characters but for tabs and line ends: no file can hold the former, and a terminal
#: obeys the latter.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def text_problem(text: str) -> str:
    """Why a text cannot be recorded, as the end of a sentence about it; "" where it can."""
    if (found := _UNFIT.search(text)) is None:
        return ""
    code = ord(found[0])
    if code >= 0xD800:
        return f"holds half a character (U+{code:04X}), which is no valid text; write it anew"
    return f"holds the control character U+{code:04X}; delete it"


def printable(value: Any) -> Any:
    """`value` (text, or lists and dictionaries of it) with U+FFFD for every character that cannot be recorded."""
    if isinstance(value, str):
        return _UNFIT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {printable(name): printable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [printable(part) for part in value]
    return value


def check_recordable(value: Any, where: str = "") -> None:
    """Refuse what holds text that cannot be recorded. Raises UnfitTextError naming the place and the character."""
    if isinstance(value, str):
        if problem := text_problem(value):
            raise UnfitTextError(f"{where or 'the text'}: it {problem}")
    elif isinstance(value, dict):
        for name, part in value.items():
            check_recordable(name, where)
            check_recordable(part, f"{where}.{name}" if where else str(name))
    elif isinstance(value, list | tuple):
        for place, part in enumerate(value, start=1):
            check_recordable(part, f"{where}, entry {place}")
