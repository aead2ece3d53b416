"""Where a campaign's store is: a file in its folder, or a PostgreSQL database that a file in its folder names.

Everything that cannot be computed again (events, the library's file, raw traces and tables) is in the store, wherever
it is. The folder of a campaign in PostgreSQL holds its address and what can be written again: ranking, report, figures.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    JSON,
    URL,
    Connection,
    DateTime,
    Engine,
    LargeBinary,
    String,
    cast,
    create_engine,
    event,
    func,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import NullPool

from campaigns import chain
from campaigns.chain import StoredEvent, write_sums
from campaigns.errors import CampaignNotFoundError, DamagedError, OvertakenError, SchemaError, StoreError
from campaigns.events import Event, EventKind, upcast
from campaigns.files import write_whole
from campaigns.text import check_recordable, check_words
from chemspace.mounts import mount_of
from chemspace.text import printable

__all__ = ["DATABASE", "Base", "acting_as"]

T = TypeVar("T")

#: The migrations in `campaigns/migrations/versions`; a test holds the two together.
REVISIONS = ("0001", "0002")
HEAD_REVISION = REVISIONS[-1]


class Base(DeclarativeBase):
    """Registry of the tables below."""


class FileRow(Base):
    """A file as it was handed in, kept by its content hash."""

    __tablename__ = "file"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    content: Mapped[bytes] = mapped_column(LargeBinary)


class EventRow(Base):
    """One thing that happened. Rows are added, never changed or removed."""

    __tablename__ = "event"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    actor: Mapped[str] = mapped_column(String(255))
    kind: Mapped[str] = mapped_column(String(64), index=True)
    #: What makes this event the same as another (a content hash, say): a second one is refused by the database.
    key: Mapped[str | None] = mapped_column(String(255), unique=True)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: Over this event and the one before it, as in `campaigns.chain`.
    hash: Mapped[str | None] = mapped_column(String(64))


#: Hash, name and content of kept files; bytes, whatever type a damaged SQLite file makes of them.
_FILES = select(FileRow.sha256, FileRow.name, cast(FileRow.content, LargeBinary))


def revision_of(engine: Engine) -> str | None:
    """The schema revision a database carries, or None for an empty one."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def upgrade(engine: Engine) -> None:
    """Apply every migration the database has not seen, in one transaction."""
    from alembic import command  # takes 0.2 s to import and is needed once per campaign
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            _prepare(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _prepare(connection: Connection) -> None:
    """One migration at a time, into a schema that is there."""
    schema = connection.get_execution_options().get("schema_name", "public")
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"spinscreen {schema}"})
    connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))


#: Seconds a writer waits for the others; each holds the file for milliseconds.
_BUSY_S = 60.0
_CONNECT_S = 10
#: Bytes that must be free for a database to be opened for writing.
_ROOM = 100_000
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
#: How often, and after how long (s), somebody who may not write looks again.
_LOOKS, _PAUSE_S = 5, 0.05
_ADVICE = "`spinscreen check` says what else is, a backup holds it as it was"

#: What the databases say (SQLite, PostgreSQL), and what that means.
_CAUSES = (
    (("disk is full", "No space left", "could not extend file"), "the disk is full; nothing was written"),
    (
        ("readonly", "read-only", "unable to open", "permission denied"),
        "cannot write here ({cause}); check the permissions of the folder or of the database's role",
    ),
    (
        ("not a database", "malformed", "codec can't decode", "Could not decode"),
        "is not a campaign file or is damaged ({cause})",
    ),
    (
        ("connection failed", "connection is bad", "could not translate", "Connection refused", "timeout expired"),
        "the database cannot be reached ({cause}); check the address, and the password in ~/.pgpass or PGPASSWORD",
    ),
)

#: Half an emoji or a control character, as JSON writes them, and the one that it writes as it is.
_UNREADABLE = re.compile(r"\\u(?:d[89a-f]|00[01]|007f|00[89]|20[26])|\\r|\x7f", re.IGNORECASE)


def readable_json(text: str | bytes) -> Any:
    """The value of a JSON text; what cannot be written as UTF-8 or would steer a terminal is shown as U+FFFD.

    Such text is refused where it comes in; logs of 0.1.0 may hold some.
    """
    text = text if isinstance(text, str) else text.decode("utf-8")  # psycopg hands bytes over
    value = json.loads(text)
    return printable(value) if _UNREADABLE.search(text) else value


def sqlite_engine(path: Path) -> Engine:
    """Engine of a SQLite file; read-only where its folder cannot be written or its disk is full.

    In WAL mode, but on a file system that several machines share, where only a rollback journal is safe.
    """
    if problem := mount_of(path.parent.absolute()).lock_problem:
        raise StoreError(
            f"{path.parent} {problem}; put the campaign on a local disk, or its log into PostgreSQL (launch --store)"
        )
    # NullPool: no connection outlives its transaction, so a forked or spawned child never shares one.
    engine = create_engine(
        "sqlite://", poolclass=NullPool, creator=lambda: _connect(path), json_deserializer=readable_json
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('sqlite_begin', 'DEFERRED')}")

    return engine


def postgres_engine(url: str) -> Engine:
    """Engine of a PostgreSQL database."""
    address = _parsed(url)
    if address.get_backend_name() != "postgresql":
        raise StoreError(
            f"a campaign's store is a file or PostgreSQL, not {address.get_backend_name()}; write "
            "postgresql://user@host/database"
        )
    schema = address.query.get("schema", "public")
    if not isinstance(schema, str) or not _SCHEMA.fullmatch(schema):
        raise StoreError(f"{schema!r} is no name of a schema; use lower-case letters, digits and _")
    try:
        import psycopg  # noqa: F401  # SQLAlchemy's own message does not say how to install it
    except ImportError:
        raise StoreError("a PostgreSQL store needs psycopg: pip install 'spinscreen[postgres]'") from None
    return create_engine(
        address.set(drivername="postgresql+psycopg").difference_update_query(["schema"]),
        poolclass=NullPool,
        json_deserializer=readable_json,
        connect_args={"connect_timeout": _CONNECT_S, "options": f"-csearch_path={schema}"},
        execution_options={"schema_name": schema},
    )


def without_password(url: str) -> str:
    """The address with its password left out, as it may be kept in a folder; libpq finds the password itself."""
    # `set(password=None)` means "as it is".
    return _parsed(url)._replace(password=None).render_as_string(hide_password=False)


def shown(url: str) -> str:
    """The address as it may be shown: the password as stars."""
    return _parsed(url).render_as_string()


#: What reading may raise: of the database, and of text in it that is none.
_REFUSALS = (SQLAlchemyError, UnicodeDecodeError)


def explain(name: str, error: Exception) -> str:
    """One sentence about a database's refusal."""
    cause = " ".join(str(getattr(error, "orig", None) or error).split())
    if any(word in cause for word in ("disk I/O error", "readonly", "unable to open")) and _is_full(Path(name).parent):
        cause = "disk is full"
    for words, meaning in _CAUSES:
        if any(word in cause for word in words):
            return f"{name}: {meaning.format(cause=cause)}"
    return f"{name}: the database refused ({cause})"


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:
        raise StoreError(f"{url!r} is no address of a database; write postgresql://user@host/database") from None


def _connect(path: Path) -> sqlite3.Connection:
    # Even to read, SQLite needs room for the 32 kB of shared memory that WAL mode keeps beside the file.
    read_only = path.exists() and (not os.access(path.parent, os.W_OK) or _is_full(path.parent))
    # A WAL file with content belongs to the database: without write access it cannot be read, and SQLite says so.
    settled = not path.with_name(f"{path.name}-wal").exists()
    mode = "?mode=ro&immutable=1" if read_only and settled else ""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}{mode}", uri=True, timeout=_BUSY_S)
    connection.isolation_level = None  # the driver's own transactions leave out DDL; ours are begun by the engine
    try:
        _prepare_sqlite(connection, read_only=read_only, shared=mount_of(path.parent.absolute()).is_shared)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _ROOM
    except OSError:  # the address of another kind of database, or a folder that is not there
        return False


def _prepare_sqlite(connection: Any, *, read_only: bool, shared: bool) -> None:
    if not read_only:
        connection.execute(f"PRAGMA journal_mode={'DELETE' if shared else 'WAL'}")
        connection.execute(f"PRAGMA synchronous={'EXTRA' if shared else 'FULL'}")  # EXTRA: the journal's end too
    connection.execute("PRAGMA foreign_keys=ON")


_actor: ContextVar[str] = ContextVar("actor", default="")


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """While this is open, events of this thread or task are written in the name of `name`."""
    token = _actor.set(name)
    try:
        yield
    finally:
        _actor.reset(token)


def actor() -> str:
    """The name that an event written now carries."""
    if name := _actor.get():
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a passwd entry
        return "unknown"


class EventLog:
    """Everything a campaign knows, in the order it happened.

    An `append` that returned is on disk: a kill at any later moment does not lose it. Several processes may append
    to one log; a key that is already there is refused by the database itself.
    """

    def __init__(self, engine: Engine, name: str, path: Path | None = None) -> None:
        self._engine = engine
        self._name = name
        self._path = path
        self._is_chained = True
        #: Told each event that this log, not another process, has added.
        self.listener: Callable[[EventKind, Mapping[str, Any]], None] | None = None

    @classmethod
    def create(cls, path: Path) -> EventLog:
        """Create the SQLite file at `path` or open it where it exists. Raises StoreError if the file cannot be created
        or is no campaign file; none is left behind then."""
        made = not path.parent.exists()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{path.parent}: cannot create the campaign folder ({error.strerror})") from error
        try:
            return cls.on(sqlite_engine(path), str(path), path)
        except StoreError:
            _remove_if_empty(path, with_folder=made)
            raise

    @classmethod
    def open(cls, path: Path) -> EventLog:
        """Open an existing SQLite file. Raises CampaignNotFoundError if there is none; StoreError, SchemaError as in
        `create`."""
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
    def on(cls, engine: Engine, name: str, path: Path | None = None) -> EventLog:
        """The log in a database, brought to the newest schema; `name` is for messages, `path` the file of SQLite."""
        log = cls(engine, name, path)
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
        """Add one event, with the raw files it came from, in one transaction. Returns False if an event with this key
        is already in the log (nothing was written then), else True. Raises OvertakenError if the log went on after
        event `after`: look again, then append."""
        check_recordable(payload)
        for field in ("reason", "made"):
            check_words(payload.get(field) or "", field)
        with self._session(writing=True) as session:
            if key is not None and session.scalar(select(EventRow.id).where(EventRow.key == key)) is not None:
                return False
            if after is not None and after != (last := session.scalar(select(func.max(EventRow.id))) or 0):
                raise OvertakenError(
                    f"{self._name} went on from event {after} to {last} meanwhile; nothing was written"
                )
            stored = [{"name": printable(name), "sha256": _keep(session, name, content)} for name, content in files]
            full = payload | {"files": stored} if stored else payload
            row = EventRow(at=datetime.now(UTC), actor=printable(actor()), kind=kind.value, key=key, payload=full)
            last = session.scalar(select(func.max(EventRow.id))) or 0
            session.add(row)
            try:
                session.flush()
                number, connection = row.id, session.connection()
                hash_ = chain.seal_last(connection, number, chain.hash_of(connection, last))
                session.commit()
            except IntegrityError:  # another process was faster with the same key
                return False
        self._sum_up(number, hash_)
        if self.listener is not None:
            self.listener(kind, full)
        return True

    def has(self, key: str) -> bool:
        """Whether the log holds an event with this key."""
        with self._session() as session:
            return session.scalar(select(EventRow.id).where(EventRow.key == key)) is not None

    def events(self, after: int = 0) -> tuple[Event, ...]:
        """Every event after the one with this id, oldest first; 0 for all of them."""
        stored = self._patiently(lambda: self._stored(after))
        return tuple(self._event(row) for row in stored)

    def file(self, digest: str) -> bytes:
        """Content of a kept file. Raises StoreError if no file with this SHA-256 is kept; DamagedError if its content
        is not what was handed in."""
        with self._session() as session:
            row = session.execute(_FILES.where(FileRow.sha256 == digest)).one_or_none()
            if row is None:
                raise StoreError(f"{self._name} keeps no file with SHA-256 {digest}")
            _, name, content = row
            if sha256(content).hexdigest() != digest:
                raise DamagedError(
                    f"{self._name} is damaged: the kept file {printable(name)} is not what was handed in"
                )
            return bytes(content)

    def file_names(self) -> dict[str, str]:
        """Name of every kept file, as it was handed in first, by its SHA-256."""
        with self._session() as session:
            return {row.sha256: row.name for row in session.execute(select(FileRow.sha256, FileRow.name))}

    def raw_events(self) -> list[StoredEvent]:
        """Every event as the database holds it, sound or not."""
        with self._session() as session:
            return list(chain.stored_events(session.connection(), hashed=self._is_chained))

    def raw_files(self) -> dict[str, tuple[str, bytes]]:
        """Name and content of every kept file by the SHA-256 it is kept under, sound or not."""
        with self._session() as session:
            return {digest: (printable(name), content or b"") for digest, name, content in session.execute(_FILES)}

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
        except _REFUSALS as error:
            raise StoreError(explain(self._name, error)) from error

    def _sum_up(self, number: int, hash_: str) -> None:
        """Keep the sums of the file, as it is after the event with this number and hash."""
        if self._path is not None:
            write_sums(self._path, number, hash_)

    def _stored(self, after: int) -> list[StoredEvent]:
        """The events as they stand in the database, the chain checked."""
        with self._session() as session:
            connection = session.connection()
            previous = chain.hash_of(connection, after) if self._is_chained else chain.START
            stored = list(chain.stored_events(connection, after, hashed=self._is_chained))
        if (broken := next(chain.breaks(stored, previous), None)) is not None:
            raise DamagedError(f"{self._name} is damaged: {broken} is not what was recorded; {_ADVICE}")
        return stored

    def _patiently(self, read: Callable[[], T]) -> T:
        """What `read` gives. Who may not write cannot hold a writer back, and looks again where it came between."""
        for _ in range(_LOOKS if self._path is not None and not os.access(self._path.parent, os.W_OK) else 0):
            with suppress(StoreError):
                return read()
            time.sleep(_PAUSE_S)
        return read()

    def _event(self, row: StoredEvent) -> Event:
        try:
            at, actor, kind, payload = (bytes(row.columns[place] or b"").decode() for place in (0, 1, 2, 4))
            key = None if row.columns[3] is None else row.columns[3].decode()
            when, content = datetime.fromisoformat(at), readable_json(payload)
        except ValueError:
            raise DamagedError(f"{self._name} is damaged: {row} cannot be read; {_ADVICE}") from None
        try:
            known, content = upcast(kind, content)
        except ValueError:
            raise SchemaError(
                f"{self._name}: event {row.id} is of the kind {kind!r}, which this spinscreen does not know; "
                "upgrade spinscreen to open it"
            ) from None
        return Event(row.id, when.replace(tzinfo=UTC), printable(actor), known, key, content)

    def _migrate(self) -> None:
        try:
            revision = self._patiently(self._revision)
            if revision == HEAD_REVISION:
                return
            try:
                upgrade(self._engine.execution_options(sqlite_begin="IMMEDIATE"))
                if stored := self.raw_events():
                    self._sum_up(stored[-1].id, stored[-1].hash or "")
            except SQLAlchemyError as error:
                if revision is None or not _cannot_write(error):
                    raise
                self._is_chained = False  # as it is: what cannot be written can still be looked at
        except _REFUSALS as error:
            raise StoreError(explain(self._name, error)) from error

    def _revision(self) -> str | None:
        """The schema of the database, None for an empty one."""
        try:
            revision = revision_of(self._engine)
        except _REFUSALS as error:
            raise StoreError(explain(self._name, error)) from error
        if revision is None or revision in REVISIONS:
            return revision
        if revision > HEAD_REVISION:
            raise SchemaError(
                f"{self._name} was written by a newer spinscreen (schema {revision}, this one knows {HEAD_REVISION}); "
                "upgrade spinscreen to open it"
            )
        raise DamagedError(f"{self._name} is damaged: no spinscreen has a schema {revision!r}; {_ADVICE}")


def _cannot_write(error: SQLAlchemyError) -> bool:
    """Whether a database refused because nothing can be written to it."""
    return any(word in str(error) for words, _ in _CAUSES[:2] for word in words)


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


#: The SQLite file in a campaign's folder.
DATABASE = "campaign.db"
#: Holds the address of a store that is elsewhere, without its password.
POINTER = "store.url"


def create_store(folder: Path, url: str | None = None) -> EventLog:
    """Create the store of the campaign in `folder`, or open the one it has. Raises StoreError if the store cannot be
    made or reached, or the folder has another one."""
    pointer = _pointer(folder)
    if url is not None and (folder / DATABASE).exists():
        raise StoreError(f"{folder} keeps its campaign in {DATABASE}; a campaign in a database needs another folder")
    if url is not None and pointer is not None and without_password(url) != pointer:
        raise StoreError(f"{folder} keeps its campaign in {pointer}, not in {shown(url)}; take another folder")
    address = url or pointer
    if address is None:
        return EventLog.create(folder / DATABASE)
    log = EventLog.on(postgres_engine(address), shown(address))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot create the campaign folder ({error.strerror})") from error
    return log


def point_to(folder: Path, url: str | None) -> None:
    """Write the address of the campaign's store into its folder, without the password; None is a file that is there."""
    if url is not None and _pointer(folder) is None:
        address = without_password(url)
        write_whole(folder / POINTER, lambda path: path.write_text(f"{address}\n", encoding="utf-8"))


def open_store(folder: Path) -> EventLog:
    """Open the store of the campaign in `folder`."""
    address = _pointer(folder)
    if address is not None:
        return EventLog.on(postgres_engine(address), shown(address))
    return EventLog.open(folder / DATABASE)


def _pointer(folder: Path) -> str | None:
    try:
        return (folder / POINTER).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise StoreError(f"{folder / POINTER} cannot be read ({why}); it holds the address of the database") from error
