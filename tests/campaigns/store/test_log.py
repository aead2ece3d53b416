"""The event log: nothing acknowledged is lost, nothing happens twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from hashlib import sha256
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

import campaigns.database
from campaigns.database import HEAD_REVISION, EventLog
from campaigns.errors import CampaignNotFoundError, SchemaError, StoreError
from campaigns.events import EventKind
from tests.campaigns.processes import all_at_once, append_forever, append_many, process


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "campaign.db"


def test_events_come_back_in_order_with_who_and_when(path: Path) -> None:
    log = EventLog.create(path)
    log.append(EventKind.CREATED, {"seed": 1})
    log.append(EventKind.OBSERVED, {"rows": []})
    first, second = EventLog.open(path).events()
    assert (first.kind, second.kind) == (EventKind.CREATED, EventKind.OBSERVED)
    assert first.payload == {"seed": 1}
    assert first.actor
    assert first.at <= second.at
    assert first.at.tzinfo is not None


def test_a_key_happens_once(path: Path) -> None:
    log = EventLog.create(path)
    assert log.append(EventKind.OBSERVED, {"rows": [1]}, key="file-1")
    assert not log.append(EventKind.OBSERVED, {"rows": [2]}, key="file-1")
    assert [event.payload for event in log.events()] == [{"rows": [1]}]


def test_the_file_behind_an_event_is_kept_by_its_hash(path: Path) -> None:
    log = EventLog.create(path)
    log.append(EventKind.OBSERVED, {}, key="a", files=[("r.csv", b"formula")])
    log.append(EventKind.OBSERVED, {}, key="b", files=[("copy.csv", b"formula")])
    digest = sha256(b"formula").hexdigest()
    assert log.file(digest) == b"formula"
    assert [event.payload["files"][0] for event in log.events()] == [
        {"name": "r.csv", "sha256": digest},
        {"name": "copy.csv", "sha256": digest},
    ]
    with pytest.raises(StoreError, match="keeps no file"):
        log.file("0" * 64)


def test_opening_nothing_says_how_to_start(path: Path) -> None:
    with pytest.raises(CampaignNotFoundError, match="spinscreen launch"):
        EventLog.open(path)


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"%PDF-1.4 this is not a campaign" * 50)
    with pytest.raises(StoreError, match="not a campaign file"):
        EventLog.open(path)


def test_a_file_of_a_newer_spinscreen_is_refused(path: Path) -> None:
    EventLog.create(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaError, match="newer spinscreen"):
        EventLog.open(path)


def test_the_newest_migration_is_the_one_the_code_knows() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(campaigns.database.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD_REVISION


def test_eight_processes_append_at_once_and_every_event_is_there_once(path: Path) -> None:
    assert all_at_once(append_many, [(path.parent, worker, 5) for worker in range(8)]) == [0] * 8
    keys = [event.key for event in EventLog.open(path).events()]
    assert len(keys) == len(set(keys)) == 8 * 5 + 5


def test_a_kill_loses_nothing_that_was_acknowledged(path: Path, tmp_path: Path) -> None:
    acknowledged = tmp_path / "acknowledged"
    writer = process(append_forever, path.parent, None, acknowledged)
    writer.start()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (acknowledged.exists() and acknowledged.read_text().count("\n") > 5):
        time.sleep(0.01)
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join(10)
    said = [line for line in acknowledged.read_text().split("\n")[:-1] if line]
    assert len(said) > 5
    kept = {event.key for event in EventLog.open(path).events()}
    assert set(said) <= kept
