"""Write the golden files anew, with this tree's code or that of another checkout.

    python -m tests.golden.make [--code ROOT] WHAT...

WHAT is a folder beside this file, or `logs` (the campaigns of a release) or `traces` (those that are fitted): these two
are made once, with that release's code. After a change that users are meant to see, write anew the folder that a test
complains of, and look at the difference.
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
from tests.golden.asked import ASKED, answer_to, write_asked
from tests.golden.commands import GOLDEN, ROOT, Commands
from tests.golden.comparison import as_text
from tests.golden.fits import draw_traces, fits
from tests.golden.interface import help_texts, openapi, rest_answers, served
from tests.golden.rounds import first_round
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
                }
                write(GOLDEN / RELEASE / name, files | goes_on(run, name))


def make_interface(code: Path) -> None:
    """Help texts, the OpenAPI document, answers of the server."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        store = copies(folder)
        with Commands(folder, store, code) as run:
            shutil.rmtree(GOLDEN / "help", ignore_errors=True)
            write(GOLDEN / "help", help_texts(run))
        with served(folder, store, ("lab", "tin"), code) as client:
            write(GOLDEN / "rest", {"openapi.json": openapi(client), "answers.json": rest_answers(client)})


def make_rounds(code: Path) -> None:
    """A first round by each acquisition."""
    with tempfile.TemporaryDirectory() as work, Commands(Path(work), copies(Path(work)), code) as run:
        write(GOLDEN / "rounds", {f"{name}.json": first_round(run, name) for name in logs.ACQUISITIONS})


def make_asked(code: Path) -> None:
    """Answers of commands outside the loop, and refusals."""
    with tempfile.TemporaryDirectory() as work, Commands(Path(work), copies(Path(work)), code) as run:
        write_asked(Path(work))
        write(GOLDEN / "asked", {f"{name}.json": answer_to(run, name) for name in ASKED})


def make_fits(code: Path) -> None:
    """What is fitted to the traces."""
    with tempfile.TemporaryDirectory() as work, Commands(Path(work), Path(work) / "oracle.db", code) as run:
        write(GOLDEN / "fits", {"fits.json": fits(run)})


MAKERS = {
    "logs": make_logs,
    "traces": draw_traces,
    RELEASE: make_views,
    "help": make_interface,
    "rest": make_interface,
    "rounds": make_rounds,
    "fits": make_fits,
    "asked": make_asked,
}


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
