"""Full disks, folders that may not be written, files in the way: a clear message, and nothing half-written."""

from __future__ import annotations

import ctypes
import os
import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

import campaigns.database
from campaigns import Campaign
from campaigns.database import EventLog
from campaigns.errors import OvertakenError, StoreError
from campaigns.events import EventKind, Stage
from tests.campaigns.small import created

#: Linux's number of the right to write whatever a mode says, and of the layout of sets of rights (linux/capability.h).
CAP_DAC_OVERRIDE, CAPABILITIES_3 = 1, 0x20080522


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The database may not grow: SQLite then says what it says on a full disk."""

    def prepare(connection: sqlite3.Connection, **how: bool) -> None:
        prepared(connection, **how)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    prepared = campaigns.database._prepare_sqlite
    with monkeypatch.context() as patch:
        patch.setattr("campaigns.database._prepare_sqlite", prepare)
        yield


def test_a_full_disk_is_told_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = created(tmp_path / "small")
    results = tmp_path / "results.csv"
    results.write_text(
        "formula,lifetime_ps,note\n" + "".join(f"(PA)2PbI4,{1 + i / 1000},{'x' * 90}\n" for i in range(200))
    )
    with (
        full_disk(monkeypatch),
        pytest.raises(StoreError, match=r"campaign\.db: the disk is full; nothing was written"),
    ):
        campaign.ingest(results)
    assert campaign.state.record == ()
    assert Campaign.open(campaign.folder).state.record == ()
    assert Campaign.open(campaign.folder).ingest(results).added == 200  # once there is room again


def test_a_campaign_that_finds_no_room_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("campaigns.database._prepare_sqlite", full)
    with pytest.raises(StoreError, match="the disk is full"):
        EventLog.create(tmp_path / "new" / "campaign.db")
    assert list(tmp_path.iterdir()) == []


def test_on_a_full_disk_a_campaign_can_still_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = created(tmp_path / "small")
    campaign.step("(PA)2PbI4", Stage.ACCEPTED)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0))
    again = Campaign.open(campaign.folder)
    assert again.status().pending == ("(PA)2PbI4",)
    with pytest.raises(StoreError, match=r"campaign\.db: the disk is full; nothing was written"):
        again.step("(PA)2PbI4", Stage.IN_SYNTHESIS)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter, unlike pytest's."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def _as_reader(task: Callable[[Path], str], folder: Path, answer: Connection) -> None:
    if os.geteuid() == 0:  # root reads these modules in any home, and writes as modes allow it
        held = int(Path("/proc/self/status").read_text().split("CapPrm:")[1].split()[0], 16) & ~(1 << CAP_DAC_OVERRIDE)
        low, high = held & 0xFFFFFFFF, held >> 32
        sets = (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)
        assert ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(CAPABILITIES_3, 0), sets) == 0
    try:
        answer.send(task(folder))
    except StoreError as error:
        answer.send(f"StoreError: {error}")


def as_reader(task: Callable[[Path], str], folder: Path) -> str:
    """What `task` answers in a process that may read `folder` and not write there (root may write everywhere)."""
    here, there = get_context("fork").Pipe()
    process = get_context("fork").Process(target=_as_reader, args=(task, folder, there))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on a fork beside threads is warned of
        process.start()
    process.join(60)
    assert process.exitcode == 0
    return str(here.recv())


def _create(folder: Path) -> str:
    return f"created {created(folder / 'new').folder}"


def _look(folder: Path) -> str:
    return f"{len(Campaign.open(folder / 'small').state.record)} measured"


def _ingest(folder: Path) -> str:
    return f"{Campaign.open(folder / 'small').ingest(folder / 'results.csv').added} added"


def test_a_read_only_folder_can_be_looked_at_and_says_that_it_cannot_be_written(open_folder: Path) -> None:
    results = open_folder / "results.csv"
    results.write_text("formula,lifetime_ps\n(PA)2PbI4,0.4\n")
    created(open_folder / "small").ingest(results)
    results.write_text("formula,lifetime_ps\n(PA)2PbI4,0.5\n")
    for folder in (open_folder / "small", open_folder):
        folder.chmod(0o555)
    before = sorted((open_folder / "small").iterdir())
    try:
        assert as_reader(_look, open_folder) == "1 measured"
        told = as_reader(_ingest, open_folder)
    finally:
        open_folder.chmod(0o755)
    assert told.startswith(f"StoreError: {open_folder / 'small' / 'campaign.db'}: cannot write here")
    assert "check the permissions" in told
    assert sorted((open_folder / "small").iterdir()) == before


def test_a_log_of_an_older_schema_in_a_read_only_folder_can_be_looked_at(open_folder: Path) -> None:
    folder = created(open_folder / "small").folder
    with sqlite3.connect(folder / "campaign.db") as connection:
        connection.execute("ALTER TABLE event DROP COLUMN hash")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()
    folder.chmod(0o555)
    before = (folder / "campaign.db").read_bytes()
    assert as_reader(_look, open_folder) == "0 measured"
    assert (folder / "campaign.db").read_bytes() == before


def test_a_campaign_in_a_read_only_folder_is_refused(open_folder: Path) -> None:
    (open_folder / "cations.csv").write_text("")
    (open_folder / "closed").mkdir(mode=0o555)
    told = as_reader(
        lambda folder: f"created {EventLog.create(folder / 'closed' / 'new' / 'campaign.db')}", open_folder
    )
    assert (
        told == f"StoreError: {open_folder / 'closed' / 'new'}: cannot create the campaign folder (Permission denied)"
    )
    told = as_reader(lambda folder: f"created {EventLog.create(folder / 'closed' / 'campaign.db')}", open_folder)
    assert told.startswith(f"StoreError: {open_folder / 'closed' / 'campaign.db'}: cannot write here")
    assert list((open_folder / "closed").iterdir()) == []


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "small").write_text("in the way")
    with pytest.raises(StoreError, match="cannot create the campaign folder"):
        created(tmp_path / "small")


def test_an_event_made_from_an_old_state_is_refused(tmp_path: Path) -> None:
    log = EventLog.create(tmp_path / "campaign.db")
    log.append(EventKind.CREATED, {}, after=0)
    assert log.append(EventKind.OBSERVED, {}, after=1)
    with pytest.raises(OvertakenError, match="went on from event 1 to 2"):
        log.append(EventKind.OBSERVED, {}, after=1)
    assert len(log.events()) == 2
