"""The chain of a log: every event carries a hash over itself and over the hash of the event before it.

What is hashed is what the database holds, byte by byte, so that a changed one is seen whatever it meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, text

#: What the first event has in place of the hash of an event before it.
START = ""

#: The columns of an event as bytes, times as SQLite keeps them: 2026-11-29 16:29:21.721324, UTC.
_COLUMNS = {
    "sqlite": "CAST(at AS BLOB), CAST(actor AS BLOB), CAST(kind AS BLOB), CAST(key AS BLOB), CAST(payload AS BLOB)",
    "postgresql": "convert_to(to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), 'UTF8'), "
    "convert_to(actor, 'UTF8'), convert_to(kind, 'UTF8'), convert_to(key, 'UTF8'), convert_to(payload::text, 'UTF8')",
}


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as the database holds it.

    Attributes:
        id: its place in the log.
        columns: time, actor, kind, key and payload as bytes; None for a missing key.
        hash: that it carries; None where a spinscreen wrote it that knew of none.
    """

    id: int
    columns: tuple[bytes | None, ...]
    hash: str | None

    def sealed(self, previous: str) -> str:
        """The hash it should carry after an event with the hash `previous`."""
        parts = (previous.encode(), str(self.id).encode(), *self.columns)
        # Each with its length: no two events give the same bytes.
        return sha256(b"".join(b"-" if p is None else b"%d:%b" % (len(p), p) for p in parts)).hexdigest()

    def __str__(self) -> str:
        at, _, kind = (b"" if part is None else part for part in self.columns[:3])
        return f"event {self.id} ({kind.decode(errors='replace')}, {at.decode(errors='replace')[:19]})"


def stored_events(connection: Connection, after: int = 0, *, hashed: bool = True) -> Iterator[StoredEvent]:
    """Every event after the one with this id, oldest first."""
    columns = f"id, {_COLUMNS[connection.dialect.name]}, {'CAST(hash AS TEXT)' if hashed else 'NULL'}"
    found = connection.execute(text(f"SELECT {columns} FROM event WHERE id > :after ORDER BY id"), {"after": after})
    return (StoredEvent(id_, tuple(held), hash_) for id_, *held, hash_ in found)


def hash_of(connection: Connection, number: int) -> str:
    """The hash that the event with this id has, carried or not; `START` for 0."""
    carried = connection.execute(text("SELECT CAST(hash AS TEXT) FROM event WHERE id = :id"), {"id": number}).scalar()
    if number == 0 or carried is not None:
        return carried or START
    previous = START
    for event in stored_events(connection):
        if event.id <= number:
            previous = event.hash or event.sealed(previous)
    return previous


def seal(connection: Connection) -> None:
    """Give every event that carries no hash the one it should carry."""
    previous = START
    for event in list(stored_events(connection)):
        wanted = event.sealed(previous)
        if event.hash is None:
            _carry(connection, event.id, wanted)
        previous = event.hash or wanted


def seal_last(connection: Connection, number: int, previous: str) -> str:
    """Give the event with this id its hash after an event with the hash `previous`; the hash."""
    (event,) = stored_events(connection, number - 1)
    _carry(connection, number, hash_ := event.sealed(previous))
    return hash_


def _carry(connection: Connection, number: int, hash_: str) -> None:
    connection.execute(text("UPDATE event SET hash = :hash WHERE id = :id"), {"hash": hash_, "id": number})


def breaks(events: Iterable[StoredEvent], previous: str = START) -> Iterator[StoredEvent]:
    """The events whose hash is not the one they should carry, in order.

    One that carries none is taken as it is, and the next one's hash vouches for it.
    """
    trusted: tuple[str, ...] = (previous,)  # after a break, what should have been carried and what is
    for event in events:
        wanted = [event.sealed(before) for before in trusted]
        if event.hash is None or event.hash in wanted:
            trusted = (event.hash or wanted[0],)
        else:
            yield event
            trusted = (event.hash, *wanted)
