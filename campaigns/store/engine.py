"""Connections to the two databases a campaign may live in, and what their errors mean."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from campaigns.errors import StoreError

__all__ = ["explain", "postgres_engine", "shown", "sqlite_engine", "without_password"]

#: Seconds a writer waits for the others; each holds the file for milliseconds.
_BUSY_S = 60.0
_CONNECT_S = 10
#: Bytes that must be free for a database to be opened for writing.
_ROOM = 100_000
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")

#: What the databases say (SQLite, PostgreSQL), and what that means.
_CAUSES = (
    (("disk is full", "No space left", "could not extend file"), "the disk is full; nothing was written"),
    (
        ("readonly", "read-only", "unable to open", "permission denied"),
        "cannot write here ({cause}); check the permissions of the folder or of the database's role",
    ),
    (("not a database", "malformed"), "is not a campaign file or is damaged ({cause})"),
    (
        ("connection failed", "connection is bad", "could not translate", "Connection refused", "timeout expired"),
        "the database cannot be reached ({cause}); check the address, and the password in ~/.pgpass or PGPASSWORD",
    ),
)


def sqlite_engine(path: Path) -> Engine:
    """Engine of a SQLite file in WAL mode; read-only where its folder cannot be written or its disk is full."""
    # NullPool: no connection outlives its transaction, so a forked or spawned child never shares one.
    engine = create_engine("sqlite://", poolclass=NullPool, creator=lambda: _connect(path))

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('sqlite_begin', 'DEFERRED')}")

    return engine


def postgres_engine(url: str) -> Engine:
    """Engine of a PostgreSQL database.

    Args:
        url: postgresql://user@host/database; `?schema=name` puts the campaign into a schema of its own, so that one
            database may hold many.

    Raises:
        StoreError: for another kind of URL, a schema that is no plain name, or where psycopg is not installed.
    """
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


def explain(name: str, error: SQLAlchemyError) -> str:
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
        _prepare(connection, read_only=read_only)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _ROOM
    except OSError:  # the address of another kind of database, or a folder that is not there
        return False


def _prepare(connection: Any, *, read_only: bool) -> None:
    if not read_only:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
