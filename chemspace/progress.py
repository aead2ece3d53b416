"""The one signature by which long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Announcement", "Progress", "silent"]

#: Called with (done, total, note); `note` names what was just finished.
Progress: TypeAlias = Callable[[int, int, str], None]


class Announcement(str):
    """A note that deserves a line of its own: what long work will cost, told before it begins."""

    __slots__ = ()


def silent(done: int, total: int, note: str) -> None:
    """Tells nobody: what work calls that was given no progress."""
    del done, total, note
