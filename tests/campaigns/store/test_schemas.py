"""Databases of every released schema open, and those of a later one are refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

import campaigns.database
from campaigns import Campaign
from campaigns.database import EventLog
from campaigns.errors import SchemaError, StoreError
from campaigns.events import EventKind, Stage

RELEASED = sorted(
    path.stem for path in (Path(campaigns.database.__file__).parent / "migrations/versions").glob("0*.py")
)


def database(folder: Path, revision: str) -> Path:
    """A campaign as that schema's release wrote it, from its dump beside this file."""
    (dump,) = Path(__file__).parent.glob(f"schema_{revision[:4]}.sql")
    folder.mkdir()
    with sqlite3.connect(folder / "campaign.db") as connection:
        connection.executescript(dump.read_text(encoding="utf-8"))
    connection.close()
    return folder


@pytest.mark.parametrize("revision", RELEASED)
def test_a_database_of_a_released_schema_opens_with_all_it_holds(tmp_path: Path, revision: str) -> None:
    campaign = Campaign.open(database(tmp_path / "old", revision))
    assert campaign.state.config.space.n_layers == (1, 2, 3)
    assert [cation.abbreviation for cation in campaign.library] == ["BA", "PA", "EOA", "MA"]
    record = [(r.number, r.observation.formula, r.observation.is_bound, r.retracted) for r in campaign.state.record]
    assert record == [
        (1, "(PA)2PbI4", False, "wrong file"),
        (2, "(PA)2PbI4", False, None),
        (3, "(BA)2PbI4", True, None),
    ]
    assert campaign.state.stages["(EOA)2(MA)2Pb3I10"] is Stage.DECLINED
    assert [len(batch.suggestions) for batch in campaign.state.batches] == [2, 2]
    assert len(campaign.state.fits) == 3
    assert len(campaign.history()) == 10
    assert campaign.status().rounds == 2


@pytest.mark.parametrize("revision", RELEASED)
def test_a_database_of_a_released_schema_takes_new_measurements(tmp_path: Path, revision: str) -> None:
    campaign = Campaign.open(database(tmp_path / "old", revision))
    results = tmp_path / "results.csv"
    results.write_text("formula,lifetime_ps,lifetime_stderr_ps,sample\n(PA)2PbI4,0.42,0.02,b\n(PA)2PbI4,0.5,,c\n")
    result = campaign.ingest(results)
    assert (result.added, result.skipped) == (1, 1)
    assert Campaign.open(campaign.folder).state.record[-1].number == 4


def test_a_database_of_a_newer_spinscreen_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = database(tmp_path / "new", RELEASED[-1])
    with sqlite3.connect(folder / "campaign.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = (folder / "campaign.db").read_bytes()
    with pytest.raises(SchemaError, match=r"written by a newer spinscreen \(schema 9999.*upgrade spinscreen"):
        Campaign.open(folder)
    with sqlite3.connect(folder / "campaign.db") as connection:
        assert connection.execute("SELECT count(*) FROM event").fetchone() == (10,)
    connection.close()
    assert len((folder / "campaign.db").read_bytes()) == len(before)


def test_an_event_of_a_kind_that_came_later_is_refused(tmp_path: Path) -> None:
    folder = database(tmp_path / "new", RELEASED[-1])
    with sqlite3.connect(folder / "campaign.db") as connection:
        connection.execute(
            "INSERT INTO event VALUES (11, '2027-01-01 00:00:00', 'lab', 'teleported', NULL, '{}', NULL)"
        )
    connection.close()
    with pytest.raises(SchemaError, match=r"event 11 is of the kind 'teleported'.*upgrade spinscreen"):
        Campaign.open(folder)


@pytest.mark.parametrize(
    ("kind", "payload", "says"),
    [
        (EventKind.STEPPED, {"formula": "(PA)2PbI4", "stage": "dreamt of"}, r"event 11 \(stepped\).*dreamt of"),
        (EventKind.SUGGESTED, {"suggestions": [{"colour": "red"}]}, r"event 11 \(suggested\)"),
        (EventKind.OBSERVED, {"target": "lifetime_ps", "rows": [{"colour": 1}]}, r"event 11 \(measured\)"),
    ],
)
def test_an_event_that_says_more_than_this_release_knows_is_refused(
    tmp_path: Path, kind: EventKind, payload: dict[str, Any], says: str
) -> None:
    folder = database(tmp_path / "new", RELEASED[-1])
    EventLog.open(folder / "campaign.db").append(kind, payload)
    with pytest.raises(SchemaError, match=f"{says}.*upgrade spinscreen to open it"):
        Campaign.open(folder)


@pytest.mark.parametrize(
    "change",
    [
        *(f"UPDATE alembic_version SET version_num = {schema}" for schema in ("'0000'", "'x'", "'/002'", "x'FF'", "3")),
        "DELETE FROM alembic_version",
        "DROP TABLE alembic_version",
        "ALTER TABLE alembic_version RENAME COLUMN version_num TO x",
        "DROP TABLE event",
        "CREATE TRIGGER late AFTER INSERT ON event BEGIN DELETE FROM event WHERE id = NEW.id; END",
        "CREATE VIEW events AS SELECT * FROM event",
    ],
)
def test_a_schema_that_no_release_had_is_damage(tmp_path: Path, change: str) -> None:
    folder = database(tmp_path / "odd", RELEASED[-1])
    with sqlite3.connect(folder / "campaign.db") as connection:
        connection.execute(change)
    connection.close()
    with pytest.raises(StoreError, match=r"no spinscreen (has a schema|makes a)|is not a campaign file or is damaged"):
        Campaign.open(folder)


def test_an_address_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "store.url").write_bytes(b"\xff\xfe")
    with pytest.raises(StoreError, match=r"store\.url cannot be read \(it is no text\)"):
        Campaign.open(tmp_path)


def test_a_campaign_that_was_stopped_before_it_was_created_says_so(tmp_path: Path) -> None:
    EventLog.create(tmp_path / "campaign.db")
    with pytest.raises(StoreError, match="stopped before it was created; run its launch again"):
        Campaign.open(tmp_path)


def test_a_log_that_does_not_begin_at_its_beginning_is_refused(tmp_path: Path) -> None:
    EventLog.create(tmp_path / "campaign.db").append(EventKind.RETRACTED, {"number": 1, "reason": "x"})
    with pytest.raises(StoreError, match="does not begin with the campaign's creation"):
        Campaign.open(tmp_path)
