"""A campaign in PostgreSQL is the same campaign: on a real server, started for these tests."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import psycopg
import pytest

from campaigns import Campaign, CampaignConfig
from campaigns.config import SpaceRules
from campaigns.database import create_store, open_store
from campaigns.errors import CampaignExistsError, DamagedError, SchemaError, StoreError
from campaigns.events import EventKind, Stage
from campaigns.upkeep import look_over
from tests.campaigns.processes import all_at_once, append_forever, create, ingest, process
from tests.campaigns.small import created
from tests.campaigns.test_ingest_trace import files

TABLE = "formula,lifetime_ps,lifetime_stderr_ps,sample\n(PA)2PbI4,0.4,0.02,a\n(PA)2PbI4,<0.9,,b\n"


def live(campaign: Campaign, folder: Path) -> Campaign:
    """A table, a trace, a step, a retraction."""
    results = folder / "results.csv"
    results.write_text(TABLE)
    campaign.ingest(results)
    paths, fit = files(folder, 2.0)
    campaign.ingest_trace("(BA)2PbI4", fit, paths, sample="µ", accept_extreme=True)
    campaign.step("(EOA)2PbI4", Stage.MIXED_PHASES, reason="n = 2 in the pattern")
    campaign.retract(1, "wrong crystal")
    return campaign


def told(campaign: Campaign) -> list[object]:
    """Everything a campaign knows but the times."""
    record = [(r.number, r.observation, r.file, r.retracted, r.files) for r in campaign.state.record]
    events = [(event["kind"], event["what"], event["actor"]) for event in campaign.history()]
    return [campaign.config, record, campaign.state.stages, campaign.state.outcomes, events]


def test_the_same_life_is_the_same_campaign_in_either_database(address: str, tmp_path: Path) -> None:
    there = live(created(tmp_path / "there", address), tmp_path)
    here = live(created(tmp_path / "here"), tmp_path)
    assert told(there) == told(here)
    assert told(Campaign.open(tmp_path / "there")) == told(here)
    assert not (tmp_path / "there" / "campaign.db").exists()


def test_times_come_back_in_utc(address: str, tmp_path: Path) -> None:
    log = create_store(tmp_path, address)
    log.append(EventKind.CREATED, {})
    (event,) = log.events()
    assert event.at.utcoffset() is not None
    assert abs(event.at.timestamp() - time.time()) < 60


def test_the_folder_holds_the_address_without_the_password_and_nothing_that_could_be_lost(
    address: str, tmp_path: Path
) -> None:
    before = live(created(tmp_path / "there", address), tmp_path)
    assert "secret" not in (tmp_path / "there" / "store.url").read_text()
    digests = before.state.record[-1].files
    shutil.rmtree(tmp_path / "there")
    again = created(tmp_path / "there", address)
    assert told(again) == told(before)
    kept = [again._log.file(digest) for digest in digests]
    assert kept == [(tmp_path / name).read_bytes() for name in ("SC.csv", "CC.csv")]
    assert [cation.abbreviation for cation in Campaign.open(tmp_path / "there").library][:2] == ["PEA", "BA"]


def test_another_description_at_the_same_address_is_refused(address: str, tmp_path: Path) -> None:
    created(tmp_path / "one", address)
    with pytest.raises(CampaignExistsError, match="another description"):
        Campaign.create(tmp_path / "two", CampaignConfig(space=SpaceRules(n_layers=(1,))), store=address)
    assert not (tmp_path / "two" / "store.url").exists()


def test_schemas_keep_campaigns_of_one_database_apart(server: Path, tmp_path: Path) -> None:
    for name in ("apart_a", "apart_b"):
        created(tmp_path / name, f"postgresql://lab@/postgres?host={server}&schema={name}")
    results = tmp_path / "results.csv"
    results.write_text(TABLE)
    Campaign.open(tmp_path / "apart_a").ingest(results)
    assert [len(Campaign.open(tmp_path / name).state.record) for name in ("apart_a", "apart_b")] == [2, 0]


def test_eight_processes_ingest_at_once_and_every_row_is_there_once(address: str, tmp_path: Path) -> None:
    created(tmp_path / "there", address)
    head, tables = "formula,lifetime_ps,sample\n", []
    shared = "".join(f"(PA)2PbI4,0.{i + 1},shared{i}\n" for i in range(3))
    for worker in range(8):
        path = tmp_path / f"w{worker}.csv"
        path.write_text(head + shared + "".join(f"(BA)2PbI4,0.{i + 1},w{worker}-{i}\n" for i in range(3)))
        tables.append((tmp_path / "there", [path]))
    assert all_at_once(ingest, tables) == [0] * 8
    samples = [row.observation.sample for row in Campaign.open(tmp_path / "there").state.record]
    assert len(samples) == len(set(samples)) == 3 + 8 * 3


def test_several_processes_may_create_the_same_store(address: str, tmp_path: Path) -> None:
    assert all_at_once(create, [(tmp_path / str(i), address) for i in range(4)]) == [0] * 4
    assert len(create_store(tmp_path / "after", address).events()) == 1


def test_a_kill_loses_nothing_that_was_acknowledged(address: str, tmp_path: Path) -> None:
    said = tmp_path / "acknowledged"
    said.touch()
    writer = process(append_forever, tmp_path, address, said)
    writer.start()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and said.read_text().count("\n") < 10:
        time.sleep(0.01)
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join(10)
    keys = [event.key for event in create_store(tmp_path, address).events()]
    assert set(said.read_text().split("\n")[:-1]) <= set(keys)
    assert len(keys) == len(set(keys)) >= 10


def test_a_newer_schema_is_refused(server: Path, tmp_path: Path) -> None:
    address = f"postgresql://lab@/postgres?host={server}&schema=newer"
    created(tmp_path / "there", address)
    with psycopg.connect(f"postgresql://lab@/postgres?host={server}") as connection:
        connection.execute("UPDATE newer.alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaError, match=r"schema=newer was written by a newer spinscreen \(schema 9999"):
        open_store(tmp_path / "there")


def test_a_role_that_may_not_write_is_told(server: Path, tmp_path: Path) -> None:
    created(tmp_path / "there", f"postgresql://lab@/postgres?host={server}&schema=closed")
    with psycopg.connect(f"postgresql://lab@/postgres?host={server}") as connection:
        connection.execute("CREATE ROLE guest LOGIN")
        connection.execute("GRANT USAGE ON SCHEMA closed TO guest")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA closed TO guest")
    pointer = tmp_path / "there" / "store.url"
    pointer.write_text(pointer.read_text().replace("lab@", "guest@"))
    campaign = Campaign.open(tmp_path / "there")
    with pytest.raises(StoreError, match=r"cannot write here .*permission denied.*role"):
        campaign.step("(PA)2PbI4", Stage.ACCEPTED)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("postgresql://lab@/postgres?host=/nowhere", "the database cannot be reached"),
        ("mysql://lab@host/db", "a file or PostgreSQL, not mysql"),
        ("campaign.db", "is no address of a database; write postgresql://user@host/database"),
        ("postgresql://[::bad/x", "is no address of a database; write postgresql://user@host/database"),
        ("postgresql://lab@host/db?schema=Robert'); --", "is no name of a schema"),
    ],
)
def test_an_address_that_leads_nowhere_is_refused(tmp_path: Path, address: str, says: str) -> None:
    with pytest.raises(StoreError, match=says):
        create_store(tmp_path / "new", address)
    assert not (tmp_path / "new" / "store.url").exists()


def test_the_password_is_in_no_message(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        create_store(tmp_path / "new", "postgresql://lab:secret@/postgres?host=/nowhere")
    assert "secret" not in str(caught.value)


def test_a_folder_has_one_store(tmp_path: Path, address: str) -> None:
    created(tmp_path / "file")
    with pytest.raises(StoreError, match=r"keeps its campaign in campaign\.db"):
        create_store(tmp_path / "file", address)
    created(tmp_path / "there", address)
    with pytest.raises(StoreError, match="take another folder"):
        create_store(tmp_path / "there", address.replace("schema=", "schema=other_"))


def test_a_log_of_the_first_schema_is_taken_over_and_a_changed_event_is_named(server: Path, tmp_path: Path) -> None:
    address = f"postgresql://lab@/postgres?host={server}&schema=chained"
    live(created(tmp_path / "there", address), tmp_path)
    with psycopg.connect(f"postgresql://lab@/postgres?host={server}") as connection:
        before = connection.execute("SELECT id, hash FROM chained.event ORDER BY id").fetchall()
        connection.execute("ALTER TABLE chained.event DROP COLUMN hash")
        connection.execute("UPDATE chained.alembic_version SET version_num = '0001'")
    Campaign.open(tmp_path / "there").close()
    with psycopg.connect(f"postgresql://lab@/postgres?host={server}") as connection:
        assert connection.execute("SELECT id, hash FROM chained.event ORDER BY id").fetchall() == before
        assert all(len(hash_) == 64 for _, hash_ in before)
    assert look_over(tmp_path / "there", tmp_path / "none.db").damage == ()
    with psycopg.connect(f"postgresql://lab@/postgres?host={server}") as connection:
        connection.execute("UPDATE chained.event SET payload = replace(payload::text, '0.4', '9.4')::json WHERE id = 2")
    with pytest.raises(DamagedError, match=r"event 2 \(observed.*is not what was recorded"):
        Campaign.open(tmp_path / "there")
