"""Looking a campaign over for damage, and copying it while it is in use."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from campaigns.artifacts import CACHE
from campaigns.chain import StoredEvent, breaks, compare_sums
from campaigns.database import DATABASE, POINTER, EventLog, open_store
from campaigns.errors import CampaignNotFoundError, StoreError
from campaigns.files import RANKING, read_ranking, write_whole
from campaigns.state import replay
from chemspace.tables.cells import printable
from oracle import OracleError, OracleStore

#: Sentences of SQLite's own check that are told.
_N_TOLD = 10


@dataclass(frozen=True)
class Findings:
    """What a look at a campaign found: how many events, files and records were looked at, a sentence for all that
    is not what was written, and notes on what could not be looked at or is damaged and made anew by itself."""

    events: int
    files: int
    records: int
    damage: tuple[str, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def look_over(folder: Path, oracle_store: Path) -> Findings:
    """Compare everything a campaign keeps with what was written: events, files handed in, the database, the records of
    the oracle; and see whether what is computed from them can be read. Raises CampaignNotFoundError if there is no
    campaign in `folder`."""
    damage: list[str] = []
    notes = list(_derived(folder))
    records = 0
    if oracle_store.exists():
        try:
            with OracleStore(oracle_store) as store:
                records, broken = len(store), store.damaged()
            damage += [f"{oracle_store}: the record of {name} is not what was computed" for name in broken]
        except OracleError as error:
            damage.append(str(error))
    database = folder / DATABASE
    if database.is_file():
        damage += _by_sqlite(database)
    try:
        with closing(open_store(folder)) as log:
            stored, files = log.raw_events(), log.raw_files()
            name = database if database.is_file() else folder
            damage += [
                f"{name}: {broken} is not what was recorded, or one before it is gone" for broken in breaks(stored)
            ]
            without = [event for event in stored if event.hash is None]
            damage += [
                f"{name}: {event} carries no hash: an older spinscreen wrote it, or it lost it" for event in without
            ]
            damage += _files(folder, stored, files)
            if database.is_file() and stored:
                wrong, untold = compare_sums(database, stored[-1].id, stored[-1].hash or "")
                damage += [wrong] if wrong else []
                notes += [untold] if untold else []
            if not damage:
                replay(log.events())
            return Findings(len(stored), len(files), records, tuple(damage), tuple(notes))
    except CampaignNotFoundError:
        raise
    except StoreError as error:
        return Findings(0, 0, records, (*damage, str(error)), tuple(notes))


def _by_sqlite(path: Path) -> Iterator[str]:
    """What SQLite's own check of a file says against it."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute(f"PRAGMA integrity_check({_N_TOLD})").fetchall()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        yield f"{path}: SQLite cannot read it ({error})"
        return
    yield from (f"{path}: SQLite finds {' '.join(str(line).split())}" for (line,) in found if line != "ok")


def _files(folder: Path, stored: list[StoredEvent], files: dict[str, tuple[str, bytes]]) -> Iterator[str]:
    """What is wrong with the files that were handed in."""
    said = b"\n".join(event.columns[4] or b"" for event in stored)
    for digest, (name, content) in files.items():
        if sha256(content).hexdigest() != digest:
            yield f"{folder}: the kept file {name} is not what was handed in"
        elif f'"{digest}"'.encode() not in said:
            yield f"{folder}: the kept file {name} belongs to no event"
    for event in stored:
        try:
            handed = json.loads(event.columns[4] or b"{}").get("files", ())
            missing = [file for file in handed if file["sha256"] not in files]
        except (ValueError, TypeError, KeyError, AttributeError):
            continue  # the event's hash has told, or its reading will
        yield from (f"{folder}: {file['name']}, handed in with {event}, is gone" for file in missing)


def _derived(folder: Path) -> Iterator[str]:
    """Damaged files that are made anew."""
    for path in sorted((folder / CACHE).glob("*.npz")):
        try:
            with ZipFile(path if path.is_file() else BytesIO()) as held:
                broken = held.testzip()
        except (OSError, BadZipFile, NotImplementedError) as error:
            broken = str(error)
        if broken is not None:
            yield f"{path} is damaged and is computed anew when it is needed"
    if (path := folder / RANKING[0]).exists() and read_ranking(folder) is None:
        yield f"{path} is damaged; the next training writes it anew"


def back_up(folder: Path, target: Path) -> int:
    """Copy the log and the files of a campaign into one file, whole and checked, while others may write to it; the
    number of events. An older backup gives way once the new one is whole. Raises CampaignNotFoundError; DamagedError if
    the campaign is damaged (the older backup stands then); StoreError for one in PostgreSQL (the message says how it is
    copied), or if the file cannot be written or holds something else."""
    if (folder / POINTER).exists():
        address = (folder / POINTER).read_text(encoding="utf-8").strip()
        raise StoreError(f"{folder} keeps its log in PostgreSQL; {_dump(address)}")
    with closing(open_store(folder)) as log:
        log.events()  # there, of this schema, and whole
    if target.exists() and (target.samefile(folder / DATABASE) or not _is_backup(target)):
        raise StoreError(f"{target} is there and is no backup; name another file")
    told: list[int] = []

    def copy(draft: Path) -> None:
        _copy(folder / DATABASE, draft)
        with closing(EventLog.open(draft)) as log:
            told.append(len(log.events()))
            for digest in log.file_names():
                log.file(digest)
        with closing(sqlite3.connect(draft)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it

    write_whole(target, copy)
    return told[0]


def _copy(source: Path, draft: Path) -> None:
    try:
        with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(draft)) as there:
            here.backup(there)
    except sqlite3.Error as error:
        raise StoreError(f"{source} cannot be copied ({error})") from error


def _is_backup(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("SELECT count(*) FROM alembic_version")
    except sqlite3.Error:
        return False
    return True


def _dump(address: str) -> str:
    """How a schema of PostgreSQL is copied."""
    from sqlalchemy import make_url

    url = make_url(address)
    schema = url.query.get("schema", "public")
    plain = printable(url.difference_update_query(["schema"]).render_as_string())
    return (
        f"copy it with: pg_dump --schema={schema} --format=custom --file=FILE '{plain}'; "
        "pg_restore puts it back, and store.url leads to it"
    )
