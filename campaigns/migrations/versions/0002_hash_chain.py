"""A hash in every event; those of older releases are taken over as they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from campaigns.chain import seal
from campaigns.postgres import AnyConnection

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    connection = op.get_bind()
    if "hash" not in (column["name"] for column in sa.inspect(connection).get_columns("event")):
        op.add_column("event", sa.Column("hash", sa.String(64)))
    seal(AnyConnection(connection))
