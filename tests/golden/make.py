"""Write the golden files anew, with this tree's code or that of another checkout.

    python -m tests.golden.make [--code ROOT] WHAT...

WHAT is `logs` (campaigns of a release, once, with that release's code) or `0.1.0` (what is said of them). After a
change that users are meant to see, write anew what a test complains of and look at the difference.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.golden import logs
from tests.golden.commands import GOLDEN, ROOT, Commands
from tests.golden.comparison import as_text
from tests.golden.views import RELEASE, copies, goes_on, read_views, replays, suggested_again


def write(folder: Path, files: Mapping[str, Any]) -> None:
    """Write each value into the file of its name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (folder / name).write_text(as_text(value), encoding="utf-8")


def make_logs(code: Path) -> None:
    """The campaigns, and the store of descriptors."""
    with tempfile.TemporaryDirectory() as work:
        folder, store = Path(work), Path(work) / "oracle.db"
        logs.write_inputs(folder)
        with Commands(folder, store, code) as run:
            for make in logs.CAMPAIGNS.values():
                make(run)
        for name in logs.CAMPAIGNS:
            (GOLDEN / RELEASE / name).mkdir(parents=True, exist_ok=True)
            _copy_database(folder / name / "campaign.db", GOLDEN / RELEASE / name / "campaign.db")
        _copy_database(store, GOLDEN / "oracle.db")


def _copy_database(source: Path, to: Path) -> None:
    """Copy a database whole, whatever stands in its write-ahead log."""
    to.unlink(missing_ok=True)
    with sqlite3.connect(source) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("VACUUM")
    connection.close()
    shutil.copy(source, to)


def make_views(code: Path) -> None:
    """What is said of the campaigns of the release."""
    with tempfile.TemporaryDirectory() as work:
        store = copies(Path(work))
        with Commands(Path(work), store, code) as run:
            for name in logs.CAMPAIGNS:
                files = read_views(run, name)
                files |= {
                    "suggested.json": suggested_again(run, name),
                    "replays.json": replays(run, name),
                    "goes_on.json": goes_on(run, name),
                }
                write(GOLDEN / RELEASE / name, files)


MAKERS = {"logs": make_logs, RELEASE: make_views}


def main() -> None:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--code", type=Path, default=ROOT, help="root of the checkout whose code is run")
    parser.add_argument("what", nargs="+", choices=MAKERS)
    asked = parser.parse_args()
    for what in asked.what:
        MAKERS[what](asked.code.resolve())


if __name__ == "__main__":
    main()
