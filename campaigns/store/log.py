"""The append-only event log of one campaign, through SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from campaigns.errors import CampaignNotFoundError, OvertakenError, SchemaError, StoreError
from campaigns.store.actor import actor
from campaigns.store.engine import explain, sqlite_engine
from campaigns.store.events import Event, EventKind
from campaigns.store.migrate import revision_of, upgrade
from campaigns.store.schema import HEAD_REVISION, EventRow, FileRow

__all__ = ["EventLog"]


class EventLog:
    """Everything a campaign knows, in the order it happened.

    An `append` that returned is on disk: a kill at any later moment does not lose it. Several processes may append
    to one log; a key that is already there is refused by the database itself.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name

    @classmethod
    def create(cls, path: Path) -> EventLog:
        """Create the SQLite file at `path` or open it where it exists.

        Raises:
            StoreError: if the file cannot be created or is no campaign file; none is left behind then.
            SchemaError: if a newer spinscreen wrote it.
        """
        made = not path.parent.exists()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{path.parent}: cannot create the campaign folder ({error.strerror})") from error
        try:
            return cls.on(sqlite_engine(path), str(path))
        except StoreError:
            _remove_if_empty(path, with_folder=made)
            raise

    @classmethod
    def open(cls, path: Path) -> EventLog:
        """Open an existing SQLite file.

        Raises:
            CampaignNotFoundError: if there is none.
            StoreError, SchemaError: as in `create`.
        """
        try:
            there = path.is_file()
        except OSError as error:
            raise StoreError(f"{path.parent} cannot be read ({error.strerror})") from error
        if not there:
            raise CampaignNotFoundError(
                f"{path.parent} holds no campaign; start one with: spinscreen launch {path.parent}"
            )
        return cls.create(path)

    @classmethod
    def on(cls, engine: Engine, name: str) -> EventLog:
        """The log in a database, brought to the newest schema; `name` is for messages.

        Raises:
            StoreError, SchemaError: as in `create`.
        """
        log = cls(engine, name)
        log._migrate()
        return log

    def append(
        self,
        kind: EventKind,
        payload: dict[str, Any],
        *,
        key: str | None = None,
        files: Sequence[tuple[str, bytes]] = (),
        after: int | None = None,
    ) -> bool:
        """Add one event, with the raw files it came from, in one transaction.

        Args:
            kind: what kind of thing happened.
            payload: what happened, JSON-serialisable.
            key: identity of the event, if it must not happen twice.
            files: (name, content) of each file handed in; the event's payload gets their names and hashes as `files`.
            after: id of the last event this one was made from; None for an event that holds whatever came before.

        Returns:
            False if an event with this key is already in the log (nothing was written then), else True.

        Raises:
            OvertakenError: if the log went on after event `after`: look again, then append.
            StoreError: if the database refuses (read-only folder, full disk, damaged file).
        """
        with self._session(writing=True) as session:
            if key is not None and session.scalar(select(EventRow.id).where(EventRow.key == key)) is not None:
                return False
            if after is not None and after != (last := session.scalar(select(func.max(EventRow.id))) or 0):
                raise OvertakenError(
                    f"{self._name} went on from event {after} to {last} meanwhile; nothing was written"
                )
            kept = [{"name": name, "sha256": _keep(session, name, content)} for name, content in files]
            full = payload | {"files": kept} if kept else payload
            session.add(EventRow(at=datetime.now(UTC), actor=actor(), kind=kind.value, key=key, payload=full))
            try:
                session.commit()
            except IntegrityError:  # another process was faster with the same key
                return False
        return True

    def has(self, key: str) -> bool:
        """Whether the log holds an event with this key."""
        with self._session() as session:
            return session.scalar(select(EventRow.id).where(EventRow.key == key)) is not None

    def events(self, after: int = 0) -> tuple[Event, ...]:
        """Every event after the one with this id, oldest first; 0 for all of them."""
        with self._session() as session:
            rows = session.scalars(select(EventRow).where(EventRow.id > after).order_by(EventRow.id)).all()
            return tuple(self._event(row) for row in rows)

    def file(self, digest: str) -> bytes:
        """Content of a kept file.

        Raises:
            StoreError: if no file with this SHA-256 is kept.
        """
        with self._session() as session:
            row = session.get(FileRow, digest)
            if row is None:
                raise StoreError(f"{self._name} keeps no file with SHA-256 {digest}")
            return row.content

    def file_names(self) -> dict[str, str]:
        """Name of every kept file, as it was handed in first, by its SHA-256."""
        with self._session() as session:
            return {row.sha256: row.name for row in session.execute(select(FileRow.sha256, FileRow.name))}

    def close(self) -> None:
        """Release the database."""
        self._engine.dispose()

    @contextmanager
    def _session(self, *, writing: bool = False) -> Iterator[Session]:
        engine = self._engine.execution_options(sqlite_begin="IMMEDIATE") if writing else self._engine
        try:
            with Session(engine) as session:
                if writing and engine.dialect.name == "postgresql":  # one writer at a time, as SQLite's IMMEDIATE
                    session.execute(text("LOCK TABLE event IN EXCLUSIVE MODE"))
                yield session
        except SQLAlchemyError as error:
            raise StoreError(explain(self._name, error)) from error

    def _event(self, row: EventRow) -> Event:
        try:
            kind = EventKind(row.kind)
        except ValueError:
            raise SchemaError(
                f"{self._name}: event {row.id} is of the kind {row.kind!r}, which this spinscreen does not know; "
                "upgrade spinscreen to open it"
            ) from None
        # SQLite gives the time without its zone (UTC), PostgreSQL in the server's zone.
        at = row.at.replace(tzinfo=UTC) if row.at.tzinfo is None else row.at.astimezone(UTC)
        return Event(row.id, at, row.actor, kind, row.key, row.payload)

    def _migrate(self) -> None:
        try:
            found = revision_of(self._engine)
            if found is not None and found > HEAD_REVISION:
                raise SchemaError(
                    f"{self._name} was written by a newer spinscreen (schema {found}, this one knows {HEAD_REVISION}); "
                    "upgrade spinscreen to open it"
                )
            if found != HEAD_REVISION:
                upgrade(self._engine.execution_options(sqlite_begin="IMMEDIATE"))
        except SQLAlchemyError as error:
            raise StoreError(explain(self._name, error)) from error


def _keep(session: Session, name: str, content: bytes) -> str:
    digest = sha256(content).hexdigest()
    if session.get(FileRow, digest) is None:
        session.add(FileRow(sha256=digest, name=name, content=content))
        session.flush()
    return digest


def _remove_if_empty(path: Path, *, with_folder: bool) -> None:
    """Take away the file of a database that could not be begun, and its folder; what has content is left alone."""
    with suppress(OSError):
        if path.stat().st_size == 0:
            path.unlink()
    with suppress(OSError):
        if with_folder:
            path.parent.rmdir()
