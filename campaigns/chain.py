"""The chain of a log: every event carries a hash over itself and over the hash of the event before it.

What is hashed is what the database holds, byte by byte, so that a changed one is seen whatever it meant. Beside a
SQLite file stand sums over its blocks: a byte that changed where no event and no kept file stands is seen by nothing
else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, cast

from campaigns.errors import StoreError
from campaigns.files import write_whole

#: What the first event has in place of the hash of an event before it.
START = ""

#: The columns of an event as bytes, times as SQLite keeps them: 2026-11-29 16:29:21.721324, UTC.
_COLUMNS = {
    "sqlite": "CAST(at AS BLOB), CAST(actor AS BLOB), CAST(kind AS BLOB), CAST(key AS BLOB), CAST(payload AS BLOB)",
    "postgresql": "convert_to(to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), 'UTF8'), "
    "convert_to(actor, 'UTF8'), convert_to(kind, 'UTF8'), convert_to(key, 'UTF8'), convert_to(payload::text, 'UTF8')",
}


class Connection(Protocol):
    """What connections to SQLite and to PostgreSQL have in common."""

    dialect: str  # "sqlite" or "postgresql"

    def execute(self, sql: str, parameters: Any = ..., /) -> Any:
        """Rows of a statement; its parameters are written `:name`."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as the database holds it: its time, actor, kind, key (None for none) and payload as bytes, and the hash
    that it carries, None where a spinscreen wrote it that knew of none."""

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
    columns = f"id, {_COLUMNS[connection.dialect]}, {'CAST(hash AS TEXT)' if hashed else 'NULL'}"
    rows = connection.execute(f"SELECT {columns} FROM event WHERE id > :after ORDER BY id", {"after": after})
    return (StoredEvent(id_, tuple(held), hash_) for id_, *held, hash_ in rows)


def hash_of(connection: Connection, number: int) -> str:
    """The hash that the event with this id has, carried or not; `START` for 0."""
    if number == 0:  # no event has this number, whatever a damaged file says
        return START
    row = connection.execute("SELECT CAST(hash AS TEXT) FROM event WHERE id = :id", {"id": number}).fetchone()
    if row is not None and row[0] is not None:
        return str(row[0])
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
    connection.execute("UPDATE event SET hash = :hash WHERE id = :id", {"hash": hash_, "id": number})


def breaks(events: Iterable[StoredEvent], previous: str = START) -> Iterator[StoredEvent]:
    """The events whose hash is not theirs, in order; one that carries none is vouched for by the next one's."""
    trusted: tuple[str, ...] = (previous,)  # after a break, what should have been carried and what is
    for event in events:
        wanted = [event.sealed(before) for before in trusted]
        if event.hash is None or event.hash in wanted:
            trusted = (event.hash or wanted[0],)
        else:
            yield event
            trusted = (event.hash, *wanted)


#: The sums in a campaign's folder; whoever deletes them loses this check until the next event.
SUMS = "campaign.sums"
_BLOCK = 1 << 16
_LEFT_OUT = "bytes of the database that hold neither an event nor a file were not compared"


def write_sums(database: Path, number: int, hash_: str) -> None:
    """Keep the sums of the file after this event; not beside a write-ahead log, whose process writes them after."""
    with suppress(OSError, StoreError):
        if not _has_log(database):
            content = {"event": number, "hash": hash_, "blocks": _blocks(database)}
            sums = json.dumps([content, _sum(content)])
            write_whole(database.with_name(SUMS), lambda draft: draft.write_text(sums, encoding="utf-8"))


def last_written(database: Path) -> int:
    """Number of the last event that was written here by the sums; 0 where they do not tell."""
    with suppress(OSError, ValueError, TypeError):
        return int(_sums(database)["event"])
    return 0


def compare_sums(database: Path, number: int, hash_: str) -> tuple[str, str]:
    """What is wrong by the sums, and why they say nothing; "" for each where it is not so."""
    path = database.with_name(SUMS)
    try:
        content = _sums(database)
    except FileNotFoundError:
        return "", f"{path} is not there; {_LEFT_OUT}"
    except (OSError, ValueError, TypeError) as error:
        return f"{path} is damaged ({error}); the next event writes it anew", ""
    if content["event"] > number:
        return f"{database}: event {content['event']} was written here and is gone; the last one now is {number}", ""
    if content["event"] < number or _has_log(database):
        return (
            "",
            f"{path} is of event {content['event']}: bytes of {database.name} between its events were not compared",
        )
    if content["hash"] != hash_:
        return f"{database}: event {number} is another one than was written here", ""
    blocks = _blocks(database)
    wrong = next((i for i, pair in enumerate(zip(content["blocks"], blocks, strict=False)) if pair[0] != pair[1]), None)
    if wrong is None and len(blocks) == len(content["blocks"]):
        return "", ""
    start = (min(len(blocks), len(content["blocks"])) if wrong is None else wrong) * _BLOCK
    return f"{database} changed after event {number} was written, in the {_BLOCK // 1024} kB from byte {start:,} on", ""


def _sums(database: Path) -> dict[str, Any]:
    content, recorded_sum = json.loads(database.with_name(SUMS).read_text(encoding="utf-8"))
    if recorded_sum != _sum(content):
        raise ValueError("its own sum is another")
    return cast("dict[str, Any]", content)


def _has_log(database: Path) -> bool:
    return any(database.with_name(f"{database.name}-{end}").exists() for end in ("wal", "journal"))


def _blocks(path: Path) -> list[str]:
    with path.open("rb") as stream:
        return [sha256(block).hexdigest()[:16] for block in iter(lambda: stream.read(_BLOCK), b"")]


def _sum(content: dict[str, Any]) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
