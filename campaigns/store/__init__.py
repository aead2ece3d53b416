"""The campaign's memory: one append-only event log and the raw files, in SQLite or PostgreSQL."""

from campaigns.store.actor import acting_as
from campaigns.store.events import Event, EventKind
from campaigns.store.location import DATABASE, POINTER, create_store, open_store, point_to
from campaigns.store.log import EventLog

__all__ = [
    "DATABASE",
    "POINTER",
    "Event",
    "EventKind",
    "EventLog",
    "acting_as",
    "create_store",
    "open_store",
    "point_to",
]
