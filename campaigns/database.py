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
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from campaigns import chain
from campaigns.chain import SUMS, Connection, StoredEvent, last_written, write_sums
from campaigns.errors import (
    CampaignNotFoundError,
    DamagedError,
    OvertakenError,
    SchemaError,
    StoreError,
    check_recordable,
    check_words,
)
from campaigns.events import Event, EventKind, upcast
from campaigns.files import write_whole
from chemspace.mounts import mount_of
from chemspace.tables.cells import printable

if TYPE_CHECKING:
    from campaigns.postgres import PostgresDatabase

__all__ = ["DATABASE", "acting_as"]

T = TypeVar("T")

#: The migrations in `campaigns/migrations/versions`; a test holds the two together.
REVISIONS = ("0001", "0002")
HEAD_REVISION = REVISIONS[-1]


#: Seconds a writer waits for the others; each holds the file for milliseconds.
_BUSY_S = 60.0
#: Bytes that must be free for a database to be opened for writing.
_ROOM = 100_000
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
        ("not a database", "malformed", "codec can't decode", "Could not decode", "no such table", "no such column"),
        "is not a campaign file or is damaged ({cause})",
    ),
    (
        ("connection failed", "connection is bad", "could not translate", "Connection refused", "timeout expired"),
        "the database cannot be reached ({cause}); check the address, and the password in ~/.pgpass or PGPASSWORD",
    ),
)

#: Half an emoji or a control character, as JSON writes them, and the one that it writes as it is.
_UNREADABLE = re.compile(r"\\u(?:d[89a-f]|00[01]|007f|00[89]|20[26])|\\r|\x7f", re.IGNORECASE)


def readable_json(text: str) -> Any:
    """The value of a JSON text; what cannot be written as UTF-8 or would steer a terminal is shown as U+FFFD. Such text
    is refused where it comes in; logs of 0.1.0 may hold some."""
    value = json.loads(text)
    return printable(value) if _UNREADABLE.search(text) else value


class _SqliteConnection(sqlite3.Connection):
    dialect = "sqlite"


class SqliteFile:
    """The tables of a log (`event`, `file`, as the migrations make them) in a SQLite file; read-only where its folder
    cannot be written or its disk is full. In WAL mode, but on a file system that several machines share, where only a
    rollback journal is safe. Without SQLAlchemy, whose import takes a quarter of a second of each short command."""

    #: What it raises where it refuses, where text in it is none, and where an event's key is there already.
    refusals: tuple[type[Exception], ...] = (sqlite3.Error, UnicodeDecodeError)
    duplicate: type[Exception] = sqlite3.IntegrityError

    def __init__(self, path: Path) -> None:
        if problem := mount_of(path.parent.absolute()).lock_problem:
            raise StoreError(
                f"{path.parent} {problem}; put the campaign on a local disk, or its log into PostgreSQL "
                "(launch --store)"
            )
        self._path = path

    @contextmanager
    def session(self, *, writing: bool = False) -> Iterator[_SqliteConnection]:
        """A transaction on a connection of its own, so that a forked or spawned child never shares one."""
        connection = _connect(self._path)
        try:
            connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
            yield connection
            connection.commit()
        finally:
            connection.close()

    def has_schema(self, connection: Connection) -> bool:
        """Whether there are tables in it. DamagedError for views and triggers: writes would not do what they say."""
        kinds = {str(kind) for (kind,) in connection.execute("SELECT type FROM sqlite_master").fetchall()}
        if foreign := kinds & {"view", "trigger"}:
            raise DamagedError(f"{self._path} is damaged: no spinscreen makes a {max(foreign)} in it; {_ADVICE}")
        return bool(kinds)

    def upgrade(self) -> None:
        """Apply every migration it has not seen, in one transaction."""
        from campaigns.postgres import migrate_sqlite

        migrate_sqlite(lambda: _connect(self._path))

    def close(self) -> None:
        """No connection is open."""


def explain(name: str, error: Exception) -> str:
    """One sentence about a database's refusal."""
    cause = " ".join(str(getattr(error, "orig", None) or error).split())
    if any(word in cause for word in ("disk I/O error", "readonly", "unable to open")) and _is_full(Path(name).parent):
        cause = "disk is full"
    for words, meaning in _CAUSES:
        if any(word in cause for word in words):
            return f"{name}: {meaning.format(cause=cause)}"
    return f"{name}: the database refused ({cause})"


def _connect(path: Path) -> _SqliteConnection:
    # Even to read, SQLite needs room for the 32 kB of shared memory that WAL mode keeps beside the file.
    read_only = path.exists() and (not os.access(path.parent, os.W_OK) or _is_full(path.parent))
    # A WAL file with content belongs to the database: without write access it cannot be read, and SQLite says so.
    settled = not path.with_name(f"{path.name}-wal").exists()
    mode = "?mode=ro&immutable=1" if read_only and settled else ""
    uri = f"{path.absolute().as_uri()}{mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, factory=_SqliteConnection)
    connection.isolation_level = None  # the driver's own transactions leave out DDL; ours are begun above
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


@dataclass
class _Request:
    name: Callable[[], str]
    recorded: int = 0


_request: ContextVar[_Request | None] = ContextVar("request", default=None)


@contextmanager
def asked_by(request: Callable[[], str]) -> Iterator[None]:
    """While this is open, events of this thread or task that have no key carry one of the request, whose name is asked
    for then: what it has recorded already, before a server died, it does not record again."""
    token = _request.set(_Request(request))
    try:
        yield
    finally:
        _request.reset(token)


def _is_repeat(request: _Request | None) -> bool:
    """Whether a known key is that of a request, which goes on to its next event then."""
    if request is not None:
        request.recorded += 1
    return request is not None


def actor() -> str:
    """The name that an event written now carries."""
    return _actor.get() or account()


def account() -> str:
    """Name of the account this process runs under, as the system has it: environment variables are anybody's."""
    try:
        import pwd
    except ImportError:  # Windows
        return getpass.getuser()
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container without a passwd entry
        return "unknown"


class EventLog:
    """Everything a campaign knows, in the order it happened. An `append` that returned is on disk: a kill at any later
    moment does not lose it. Several processes may append; the database itself refuses a key that is there already."""

    def __init__(self, database: SqliteFile | PostgresDatabase, name: str, path: Path | None = None) -> None:
        """Of a database; brought to the newest schema by `on`."""
        self._database = database
        self._name = name
        self._path = path
        self._is_chained = True
        #: Told each event that this log, not another process, has added.
        self.listener: Callable[[EventKind, Mapping[str, Any]], None] | None = None

    @classmethod
    def create(cls, path: Path) -> EventLog:
        """Create the SQLite file or open it where it exists. StoreError if it cannot be; none is left behind then."""
        made = not path.parent.exists()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{path.parent}: cannot create the campaign folder ({error.strerror})") from error
        try:
            return cls.on(SqliteFile(path), str(path), path)
        except StoreError:
            _remove_if_empty(path, with_folder=made)
            raise

    @classmethod
    def open(cls, path: Path) -> EventLog:
        """Open an existing SQLite file. Raises CampaignNotFoundError; StoreError, SchemaError as `create`."""
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
    def on(cls, database: SqliteFile | PostgresDatabase, name: str, path: Path | None = None) -> EventLog:
        """The log in a database, brought to the newest schema; `name` is for messages, `path` the file of SQLite."""
        log = cls(database, name, path)
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
        is already in the log (nothing was written then), else True, as where the same request wrote it before (see
        `asked_by`). OvertakenError if the log went on after event `after` (look again), StoreError if it is refused."""
        check_recordable(payload)
        for field in ("reason", "made"):
            check_words(payload.get(field) or "", field)
        request = _request.get() if key is None else None
        if request is not None:
            key = f"{request.name()}-{request.recorded}"
        try:
            with self._session(writing=True) as session:
                if key is not None and session.execute(_KNOWN, {"key": key}).fetchone() is not None:
                    return _is_repeat(request)
                ((last,),) = session.execute("SELECT coalesce(max(id), 0) FROM event")
                if after is not None and after != last:
                    raise OvertakenError(
                        f"{self._name} went on from event {after} to {last} meanwhile; nothing was written"
                    )
                stored = [{"name": printable(name), "sha256": _keep(session, name, content)} for name, content in files]
                full = payload | {"files": stored} if stored else payload
                at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f" + ("" if session.dialect == "sqlite" else "+00"))
                row = (at, printable(actor()), kind.value, key, json.dumps(full))
                ((number,),) = session.execute(_ADD, dict(zip(_FIELDS, row, strict=True)))
                hash_ = chain.seal_last(session, number, chain.hash_of(session, last))
        except self._database.duplicate as error:
            with self._session() as session:
                if key is None or session.execute(_KNOWN, {"key": key}).fetchone() is None:
                    raise StoreError(explain(self._name, error)) from error
            return _is_repeat(request)  # another process was faster with the same key
        if request is not None:
            request.recorded += 1
        self._sum_up(number, hash_)
        if self.listener is not None:
            self.listener(kind, full)
        return True

    def events(self, after: int = 0) -> tuple[Event, ...]:
        """Every event after the one with this id, oldest first; 0 for all of them."""
        stored = self._patiently(lambda: self._stored(after))
        return tuple(self._event(row) for row in stored)

    def file(self, digest: str) -> bytes:
        """Content of a kept file. StoreError if none has this SHA-256; DamagedError if it is not what came in."""
        with self._session() as session:
            row = session.execute(f"{_files(session)} WHERE sha256 = :digest", {"digest": digest}).fetchone()
            if row is None:
                raise StoreError(f"{self._name} keeps no file with SHA-256 {digest}")
            _, name, content = row
            if sha256(content or b"").hexdigest() != digest:
                raise DamagedError(
                    f"{self._name} is damaged: the kept file {printable(name)} is not what was handed in"
                )
            return content or b""

    def file_names(self) -> dict[str, str]:
        """Name of every kept file, as it was handed in first, by its SHA-256."""
        with self._session() as session:
            return dict(iter(session.execute("SELECT sha256, name FROM file")))

    def raw_events(self) -> list[StoredEvent]:
        """Every event as the database holds it, sound or not."""
        with self._session() as session:
            return list(chain.stored_events(session, hashed=self._is_chained))

    def raw_files(self) -> dict[str, tuple[str, bytes]]:
        """Name and content of every kept file by the SHA-256 it is kept under, sound or not."""
        with self._session() as session:
            files = session.execute(_files(session))
            return {digest: (printable(name), content or b"") for digest, name, content in files}

    def close(self) -> None:
        """Release the database."""
        self._database.close()

    @contextmanager
    def _session(self, *, writing: bool = False) -> Iterator[Connection]:
        try:
            with self._database.session(writing=writing) as session:
                yield session
        except self._database.duplicate:
            raise
        except self._database.refusals as error:
            raise StoreError(explain(self._name, error)) from error

    def _sum_up(self, number: int, hash_: str) -> None:
        """Keep the sums of the file, as it is after the event with this number and hash."""
        if self._path is not None:
            write_sums(self._path, number, hash_)

    def _stored(self, after: int) -> list[StoredEvent]:
        """The events as they stand in the database, the chain checked, and its end where all are asked for."""
        written = 0 if after or self._path is None else last_written(self._path)  # first: others go on meanwhile
        with self._session() as session:
            previous = chain.hash_of(session, after) if self._is_chained else chain.START
            stored = list(chain.stored_events(session, after, hashed=self._is_chained))
        if (broken := next(chain.breaks(stored, previous), None)) is not None:
            raise DamagedError(f"{self._name} is damaged: {broken} is not what was recorded; {_ADVICE}")
        if written > (number := stored[-1].id if stored else 0):
            raise DamagedError(
                f"{self._name} is damaged: event {written} was written here and is gone, the last one now is {number}; "
                f"{_ADVICE}. Where an older copy was put back on purpose, delete {SUMS} beside it"
            )
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
        revision = self._patiently(self._revision)
        if revision == HEAD_REVISION:
            return
        try:
            self._database.upgrade()
            if stored := self.raw_events():
                self._sum_up(stored[-1].id, stored[-1].hash or "")
        except self._database.refusals as error:
            if revision is None or not any(word in str(error) for words, _ in _CAUSES[:2] for word in words):
                raise StoreError(explain(self._name, error)) from error
            self._is_chained = False  # as it is: what cannot be written can still be looked at

    def _revision(self) -> str | None:
        """The schema of the database, None for an empty one."""
        with self._session() as session:
            if not self._database.has_schema(session):
                return None
            row = session.execute("SELECT version_num FROM alembic_version").fetchone()
        revision = "" if row is None else str(row[0])
        if revision in REVISIONS:
            return revision
        if re.fullmatch("[0-9]{4}", revision) and revision > HEAD_REVISION:
            raise SchemaError(
                f"{self._name} was written by a newer spinscreen (schema {revision}, this one knows {HEAD_REVISION}); "
                "upgrade spinscreen to open it"
            )
        raise DamagedError(f"{self._name} is damaged: no spinscreen has a schema {revision[:40]!r}; {_ADVICE}")


_KNOWN = "SELECT 1 FROM event WHERE key = :key"
_FIELDS = ("at", "actor", "kind", "key", "payload")
_ADD = f"INSERT INTO event ({', '.join(_FIELDS)}) VALUES (:{', :'.join(_FIELDS)}) RETURNING id"


def _files(session: Connection) -> str:
    """Hash, name and content of kept files; bytes, whatever type a damaged SQLite file makes of them."""
    return f"SELECT sha256, name, CAST(content AS {'BLOB' if session.dialect == 'sqlite' else 'BYTEA'}) FROM file"


def _keep(session: Connection, name: str, content: bytes) -> str:
    digest = sha256(content).hexdigest()
    file = {"digest": digest, "name": name, "content": content}
    session.execute("INSERT INTO file VALUES (:digest, :name, :content) ON CONFLICT DO NOTHING", file)
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
    """Create the store of the campaign in `folder`, or open it. Raises StoreError if that cannot be."""
    pointer = _pointer(folder)
    if url is not None:
        from campaigns.postgres import shown, without_password

        if (folder / DATABASE).exists():
            raise StoreError(
                f"{folder} keeps its campaign in {DATABASE}; a campaign in a database needs another folder"
            )
        if pointer is not None and without_password(url) != pointer:
            raise StoreError(f"{folder} keeps its campaign in {pointer}, not in {shown(url)}; take another folder")
    address = url or pointer
    if address is None:
        return EventLog.create(folder / DATABASE)
    log = _in_postgres(address)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot create the campaign folder ({error.strerror})") from error
    return log


def point_to(folder: Path, url: str | None) -> None:
    """Write the address of the campaign's store into its folder, without the password; None is a file that is there."""
    if url is not None and _pointer(folder) is None:
        from campaigns.postgres import without_password

        address = without_password(url)
        write_whole(folder / POINTER, lambda path: path.write_text(f"{address}\n", encoding="utf-8"))


def open_store(folder: Path) -> EventLog:
    """Open the store of the campaign in `folder`."""
    address = _pointer(folder)
    if address is not None:
        return _in_postgres(address)
    return EventLog.open(folder / DATABASE)


def _in_postgres(address: str) -> EventLog:
    from campaigns.postgres import PostgresDatabase, shown

    return EventLog.on(PostgresDatabase(address), shown(address))


def _pointer(folder: Path) -> str | None:
    try:
        return (folder / POINTER).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise StoreError(f"{folder / POINTER} cannot be read ({why}); it holds the address of the database") from error
