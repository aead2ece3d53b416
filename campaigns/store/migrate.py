"""Bring a campaign database to the newest schema, with Alembic."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

__all__ = ["revision_of", "upgrade"]


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
