"""What a campaign's log takes in: text that can be kept, and finite numbers."""

from __future__ import annotations

from math import isfinite
from typing import Any

from campaigns.errors import UnfitTextError
from chemspace.text import one_line, text_problem

#: A longer reason is a text of its own.
LONGEST = 2_000


def check_words(text: str, where: str) -> None:
    """Refuse what is more than a line that can be recorded, by an UnfitTextError that names the place."""
    check_recordable(text, where)
    if one_line(text) != text:
        raise UnfitTextError(f"{where}: it holds a line end or a tab; write it in one line")
    if len(text) > LONGEST:
        raise UnfitTextError(f"{where}: it has {len(text):,} characters; at most {LONGEST:,} are recorded")


def check_recordable(value: Any, where: str = "") -> None:
    """Refuse unrecordable text and numbers that are not finite, by an UnfitTextError naming place and what."""
    if isinstance(value, str):
        if problem := text_problem(value):
            raise UnfitTextError(f"{where or 'the text'}: it {problem}")
    elif isinstance(value, float) and not isfinite(value):
        raise UnfitTextError(f"{where or 'the number'}: {value} is no finite number")
    elif isinstance(value, dict):
        for name, part in value.items():
            check_recordable(name, where)
            check_recordable(part, f"{where}.{name}" if where else str(name))
    elif isinstance(value, list | tuple):
        for place, part in enumerate(value, start=1):
            check_recordable(part, f"{where}, entry {place}")
