"""What can happen in a campaign."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

__all__ = ["Event", "EventKind"]


class EventKind(StrEnum):
    """The kinds of event in the log."""

    CREATED = "created"
    MEASURED = "measured"
    FITTED = "fitted"
    SUGGESTED = "suggested"
    STEPPED = "stepped"
    RETRACTED = "retracted"
    PROPERTY_MEASURED = "property_measured"
    PROPERTY_RETRACTED = "property_retracted"


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the log.

    Attributes:
        id: its place in the log, from 1.
        at: when, UTC.
        actor: who (the login name).
        kind: what kind of thing happened.
        key: identity; the log holds each key once. None where repetition is meant.
        payload: what happened, as JSON.
    """

    id: int
    at: datetime
    actor: str
    kind: EventKind
    key: str | None
    payload: dict[str, Any]
