"""What SQLAlchemy and Alembic do for a log: PostgreSQL, and the migrations of either database."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy import Connection as EngineConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from campaigns.chain import Connection
from campaigns.errors import StoreError

_CONNECT_S = 10
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class AnyConnection:
    """SQLAlchemy's connection as `campaigns.chain.Connection`."""

    def __init__(self, connection: EngineConnection) -> None:
        self.connection = connection
        self.dialect = connection.dialect.name

    def execute(self, sql: str, parameters: Mapping[str, Any] = MappingProxyType({}), /) -> Any:
        """Rows of a statement; its parameters are written `:name`."""
        return self.connection.execute(text(sql), dict(parameters))


class PostgresDatabase:
    """A schema of a PostgreSQL database."""

    refusals: tuple[type[Exception], ...] = (SQLAlchemyError, UnicodeDecodeError)
    duplicate: type[Exception] = IntegrityError

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)

    @contextmanager
    def session(self, *, writing: bool = False) -> Iterator[AnyConnection]:
        """A transaction; one writer at a time, as SQLite's IMMEDIATE."""
        with self._engine.begin() as connection:
            if writing:
                connection.execute(text("LOCK TABLE event IN EXCLUSIVE MODE"))
            yield AnyConnection(connection)

    def has_schema(self, connection: Connection) -> bool:
        """Whether a spinscreen made tables in it."""
        assert isinstance(connection, AnyConnection)
        return inspect(connection.connection).has_table("alembic_version")

    def upgrade(self) -> None:
        """Apply every migration it has not seen, in one transaction, one process at a time."""
        with self._engine.begin() as connection:
            schema = connection.get_execution_options().get("schema_name", "public")
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"spinscreen {schema}"})
            connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
            _migrate(connection)

    def close(self) -> None:
        """Release it."""
        self._engine.dispose()


def migrate_sqlite(connect: Callable[[], sqlite3.Connection]) -> None:
    """Apply every migration that the SQLite file has not seen, in one transaction. Raises sqlite3.Error."""
    engine = create_engine("sqlite://", poolclass=NullPool, creator=connect)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as connection:
            _migrate(connection)
    except DBAPIError as error:
        raise (error.orig or error) from error


def _migrate(connection: EngineConnection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def without_password(url: str) -> str:
    """The address with its password left out, as it may be kept in a folder; libpq finds the password itself."""
    # `set(password=None)` means "as it is".
    return _parsed(url)._replace(password=None).render_as_string(hide_password=False)


def shown(url: str) -> str:
    """The address as it may be shown: the password as stars."""
    return _parsed(url).render_as_string()


def _engine(url: str) -> Engine:
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


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):  # the latter for a port that is no number
        raise StoreError(f"{url!r} is no address of a database; write postgresql://user@host/database") from None
