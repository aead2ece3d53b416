"""What stands in a campaign's database, as one number."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path


def fingerprint(folder: Path) -> str:
    """Hash of every table of a campaign's log, rows and all."""
    with closing(sqlite3.connect(folder / "campaign.db")) as database:
        return sha256("\n".join(database.iterdump()).encode()).hexdigest()
