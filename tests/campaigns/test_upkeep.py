"""Damage is seen: by opening, by `check`; and a backup holds what was there."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from benchmarks.campaign_damage import try_bytes
from campaigns import Campaign
from campaigns.database import EventLog
from campaigns.errors import DamagedError, StoreError
from campaigns.events import Stage
from campaigns.files import write_whole
from campaigns.upkeep import back_up, look_over
from chemspace.mounts import Mount
from tests.campaigns.small import created

NO_STORE = Path("none.db")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A campaign with a table, a step and a retraction."""
    campaign = created(tmp_path / "small")
    results = tmp_path / "results.csv"
    results.write_text("formula,lifetime_ps,sample\n(PA)2PbI4,0.5000,K1\n(BA)2PbI4,0.7,K2\n")
    campaign.ingest(results)
    campaign.step("(EOA)2PbI4", Stage.ACCEPTED)
    campaign.retract(2, "wrong crystal")
    return campaign.folder


def change(folder: Path, statement: str, *values: Any) -> None:
    """Write to a campaign's file behind its back."""
    with closing(sqlite3.connect(folder / "campaign.db")) as connection, connection:
        assert connection.execute(statement, values).rowcount == 1


def damage(folder: Path) -> tuple[str, ...]:
    return look_over(folder, NO_STORE).damage


def test_a_campaign_that_nobody_touched_is_as_it_was_written(folder: Path) -> None:
    found = look_over(folder, NO_STORE)
    assert (found.events, found.files, found.damage, found.notes) == (4, 2, (), ())


@pytest.mark.parametrize(
    ("statement", "event"),
    [
        ("UPDATE event SET payload = replace(payload, '0.5', '9.5') WHERE id = 2", "event 2 (observed"),
        ("UPDATE event SET actor = 'boss' WHERE id = 3", "event 3 (stepped"),
        ("UPDATE event SET at = replace(at, '20', '19') WHERE id = 1", "event 1 (created"),
        ("UPDATE event SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE id = 2", "event 2 (observed"),
        ("DELETE FROM event WHERE id = 3", "event 4 (taken_back"),
        ("UPDATE event SET id = 7 WHERE id = 4", "event 7 (taken_back"),
        ("UPDATE event SET payload = substr(payload, 3) WHERE id = 4", "event 4 (taken_back"),
    ],
)
def test_a_changed_event_is_named_by_opening_and_by_check(folder: Path, statement: str, event: str) -> None:
    change(folder, statement)
    with pytest.raises(DamagedError) as told:
        Campaign.open(folder)
    assert f"{event}, " in str(told.value)
    assert "spinscreen check" in str(told.value)
    assert sum("is not what was recorded" in line for line in damage(folder)) == 1


def test_a_kept_file_that_changed_is_not_handed_out(folder: Path) -> None:
    change(folder, "UPDATE file SET content = replace(content, '0.5', '9.5') WHERE name = 'results.csv'")
    with pytest.raises(DamagedError, match=r"the kept file results\.csv is not what was handed in"):
        dict(Campaign.open(folder).raw_files())
    assert f"{folder}: the kept file results.csv is not what was handed in" in damage(folder)


def test_a_kept_file_that_is_gone_is_named_with_its_event(folder: Path) -> None:
    change(folder, "DELETE FROM file WHERE name = 'results.csv'")
    assert any("results.csv, handed in with event 2 (observed" in line for line in damage(folder))


def test_a_last_event_that_is_gone_is_seen(folder: Path) -> None:
    change(folder, "DELETE FROM event WHERE id = 4")
    assert any("event 4 was written here and is gone; the last one now is 3" in line for line in damage(folder))
    for use in (Campaign.open, lambda there: back_up(there, there / "copy.db")):
        with pytest.raises(DamagedError, match=r"event 4 was written here and is gone.*put back on purpose"):
            use(folder)
    (folder / "campaign.sums").unlink()
    assert len(Campaign.open(folder).history()) == 3


def test_an_event_that_the_database_refuses_is_not_taken_for_one_that_is_there(folder: Path) -> None:
    with Campaign.open(folder) as campaign, closing(sqlite3.connect(folder / "campaign.db")) as connection:
        connection.execute("CREATE TRIGGER no BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'not today'); END")
        with pytest.raises(StoreError, match="not today"):
            campaign.step("(BA)2PbI4", Stage.ACCEPTED)


def test_an_event_before_the_first_is_no_event(folder: Path) -> None:
    """A byte of the file's tree made this of the first event's number; it was an AttributeError."""
    change(folder, "UPDATE event SET id = 0, hash = NULL WHERE id = 1")
    with pytest.raises(DamagedError, match=r"event 2 .* is not what was recorded"):
        EventLog.open(folder / "campaign.db").events()


def test_an_event_without_a_hash_is_told_and_the_next_one_vouches_for_it(folder: Path) -> None:
    change(folder, "UPDATE event SET hash = NULL WHERE id = 2")
    assert len(Campaign.open(folder).state.record) == 2
    assert any("event 2" in line and "carries no hash" in line for line in damage(folder))
    change(folder, "UPDATE event SET payload = replace(payload, '0.5', '9.5') WHERE id = 2")
    with pytest.raises(DamagedError, match=r"event 3 \(stepped"):
        Campaign.open(folder)


def test_what_an_older_process_wrote_meanwhile_is_followed_by_sealed_events(folder: Path) -> None:
    change(folder, "UPDATE event SET hash = NULL WHERE id = 4")
    Campaign.open(folder).step("(BA)2PbI4", Stage.ACCEPTED)
    assert len(Campaign.open(folder).history()) == 5
    (line,) = damage(folder)
    assert "event 4" in line


def test_every_changed_byte_is_noticed(folder: Path) -> None:
    told, lines = try_bytes(folder, tries=25, seed=3)
    assert lines == []
    assert told["opening"] + told["check"] == 25


def test_damaged_files_of_results_are_notes_and_stop_nothing(folder: Path) -> None:
    (folder / "cache").mkdir()
    (folder / "cache" / "round-0123456789abcdef.npz").write_bytes(b"PK\x03\x04 cut short")
    (folder / "campaign.sums").unlink()
    found = look_over(folder, NO_STORE)
    assert found.damage == ()
    assert len(found.notes) == 2
    assert "computed anew" in found.notes[0]
    assert "campaign.sums is not there" in found.notes[1]


def test_damaged_sums_are_told_and_written_anew_with_the_next_event(folder: Path) -> None:
    sums = folder / "campaign.sums"
    sums.write_text(sums.read_text().replace("0", "1"))
    assert "campaign.sums is damaged" in damage(folder)[0]
    Campaign.open(folder).step("(PEA)2PbI4", Stage.ACCEPTED)
    assert look_over(folder, NO_STORE).notes == ()


@pytest.mark.parametrize("name", ["small/campaign.db", "results.csv"])
def test_a_backup_replaces_nothing_but_a_backup(folder: Path, tmp_path: Path, name: str) -> None:
    before = (tmp_path / name).read_bytes()
    with pytest.raises(StoreError, match="is there and is no backup"):
        back_up(folder, tmp_path / name)
    assert (tmp_path / name).read_bytes() == before


def test_a_backup_made_between_writes_is_a_campaign_as_it_stood(folder: Path, tmp_path: Path) -> None:
    copy, restored = tmp_path / "copy.db", tmp_path / "restored"
    restored.mkdir()
    with closing(sqlite3.connect(folder / "campaign.db")) as busy:  # keeps the write-ahead log beside the file
        busy.execute("SELECT count(*) FROM event").fetchone()
        Campaign.open(folder).step("(PEA)2PbI4", Stage.ACCEPTED)
        assert back_up(folder, copy) == 5
        Campaign.open(folder).step("(BA)2PbI4", Stage.ACCEPTED)
        assert back_up(folder, copy) == 6
    assert sorted(path.name for path in tmp_path.iterdir() if "copy" in path.name) == ["copy.db"]
    shutil.copy(copy, restored / "campaign.db")
    assert Campaign.open(restored).history() == Campaign.open(folder).history()
    assert damage(restored) == ()


def test_a_damaged_campaign_does_not_replace_its_backup(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    back_up(folder, copy)
    before = copy.read_bytes()
    change(folder, "UPDATE event SET payload = replace(payload, '0.5', '9.5') WHERE id = 2")
    with pytest.raises(DamagedError, match="event 2"):
        back_up(folder, copy)
    assert copy.read_bytes() == before


def test_a_campaign_in_postgresql_says_how_it_is_copied(tmp_path: Path) -> None:
    (tmp_path / "store.url").write_text("postgresql://lab@server/spin?schema=demo\n")
    with pytest.raises(StoreError, match=r"pg_dump --schema=demo .* 'postgresql://lab@server/spin'"):
        back_up(tmp_path, tmp_path / "copy.db")


@pytest.mark.parametrize(("kind", "journal"), [("ext4", "wal"), ("nfs4", "delete")])
def test_the_journal_is_one_that_is_safe_on_the_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, journal: str
) -> None:
    monkeypatch.setattr("campaigns.database.mount_of", lambda _: Mount(kind))
    campaign = created(tmp_path / "small")
    campaign.step("(PA)2PbI4", Stage.ACCEPTED)
    with closing(sqlite3.connect(campaign.folder / "campaign.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == (journal,)
    assert damage(campaign.folder) == ()


def test_a_file_system_whose_locks_do_not_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.database.mount_of", lambda _: Mount("fuse.sshfs"))
    with pytest.raises(StoreError, match=r"lies on fuse\.sshfs.*local disk.*PostgreSQL"):
        EventLog.create(tmp_path / "new" / "campaign.db")


def test_a_file_is_on_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    synced: Callable[[int], None] = lambda _: done.append("sync")  # noqa: E731
    monkeypatch.setattr("campaigns.files.os.fsync", synced)
    path = tmp_path / "report.html"
    write_whole(path, lambda draft: (draft.write_text("x"), done.append(f"there: {path.exists()}")))
    assert done == ["there: False", "sync", "sync"]


def test_a_device_is_not_replaced_by_a_file() -> None:
    with pytest.raises(StoreError, match="no ordinary file"):
        write_whole(Path("/dev/null"), lambda draft: draft.write_text("x"))


def test_findings_are_json(folder: Path) -> None:
    assert json.loads(json.dumps(look_over(folder, NO_STORE).to_dict()))["events"] == 4
