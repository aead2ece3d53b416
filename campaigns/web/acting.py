"""In whose name something is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from campaigns.web.tokens import Identity

__all__ = ["acting"]


@contextmanager
def acting(known: Identity) -> Iterator[Identity]:
    """While this is open, what the present thread writes to a campaign is written in the name of `known`."""
    yield known
