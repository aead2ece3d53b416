"""The result store: round trips, many processes, and files that are not right."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chemspace.mounts import Mount
from oracle import CationRecord, OracleStore, Protocol
from oracle.errors import StoreCorruptError, StoreError, StoreFullError, StoreSchemaError
from oracle.store import export_records, import_records

PROTOCOL = Protocol()
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20)


def record(inchikey: str = "A", status: str = "ok", **values: object) -> CationRecord:
    base = CationRecord(inchikey, "C[NH3+]", 1, status, PROTOCOL.label, PROTOCOL.key, homo_ev=-18.6, seconds=0.1)
    return replace(base, **values)  # type: ignore[arg-type]  # fields by name


records = st.builds(
    CationRecord,
    inchikey=words.filter(bool),
    smiles=words,
    charge=st.integers(-3, 3),
    status=st.sampled_from(["ok", "failed"]),
    protocol=words,
    protocol_key=st.just(PROTOCOL.key),
    homo_ev=numbers,
    dipole_debye=numbers,
    n_conformers=st.integers(0, 99),
    geometry=st.none() | words,
    warnings=st.lists(words.filter(bool), max_size=3).map(tuple),
    error=st.none() | words,
    retry=st.booleans(),
    seconds=st.floats(0, 1e6),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=records)
def test_a_record_comes_back_as_it_went_in(tmp_path: Path, kept: CationRecord) -> None:
    path = tmp_path / "hypothesis.db"
    path.unlink(missing_ok=True)
    with OracleStore(path) as store:
        store.put(kept)
        found = store.get_many([kept.inchikey], PROTOCOL)[kept.inchikey]
    assert found == kept
    assert found.seconds == kept.seconds


def test_another_protocol_finds_nothing(store: OracleStore) -> None:
    store.put(record())
    assert store.get_many(["A"], Protocol(seed=1)) == {}


def test_a_result_is_never_replaced_and_a_failure_gives_way(store: OracleStore) -> None:
    store.put(record(status="failed", homo_ev=None))
    store.put(record(homo_ev=-1.0))
    store.put(record(homo_ev=-2.0))
    store.put(record(status="failed", homo_ev=None))
    assert store.get_many(["A"], PROTOCOL)["A"].homo_ev == -1.0


def test_more_keys_than_one_query_holds(store: OracleStore) -> None:
    store.put_many(record(f"K{i}") for i in range(1700))
    assert len(store) == 1700
    assert len(store.get_many((f"K{i}" for i in range(3000)), PROTOCOL)) == 1700
    assert len({kept.inchikey for kept in store}) == 1700


def test_many_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    program = (
        "import sys\n"
        "from oracle import CationRecord, OracleStore\n"
        "with OracleStore(sys.argv[1]) as store:\n"
        "    for i in range(50):\n"
        "        store.put(CationRecord(f'{sys.argv[2]}-{i}', 'C', 1, 'ok', 'p', 'k'))\n"
    )
    root = Path(__file__).parents[2]
    crowd = [subprocess.Popen([sys.executable, "-c", program, str(path), str(n)], cwd=root) for n in range(4)]
    assert [process.wait() for process in crowd] == [0, 0, 0, 0]
    with OracleStore(path) as store:
        assert len(store) == 200


def test_a_text_file_is_no_store(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("not a database at all, but long enough to look at\n" * 20)
    with pytest.raises(StoreCorruptError, match=r"notes\.db is damaged or no result store"):
        OracleStore(path)


def test_a_damaged_store_is_named(tmp_path: Path) -> None:
    path = tmp_path / "damaged.db"
    with OracleStore(path) as store:
        store.put_many(record(f"K{i}", geometry="x" * 500) for i in range(200))
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreCorruptError, match=r"damaged\.db"), OracleStore(path) as store:
        list(store)


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "music.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE songs (name TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreCorruptError, match="no result store of spinscreen"):
        OracleStore(path)
    assert path.read_bytes() == before


def test_a_store_of_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "future.db"
    OracleStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreSchemaError, match="schema 99, this spinscreen knows 2"):
        OracleStore(path)


def test_a_changed_record_is_not_used_and_gives_way_to_the_one_computed_again(tmp_path: Path) -> None:
    path = tmp_path / "flipped.db"
    with OracleStore(path) as store:
        store.put_many([record("A"), record("B")])
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE records SET homo_ev = homo_ev * 1000 WHERE inchikey = 'A'")
    connection.close()
    with OracleStore(path) as store:
        assert list(store.get_many(["A", "B"], PROTOCOL)) == ["B"]
        assert store.damaged() == ["A"]
        assert [kept.inchikey for kept in store] == ["B"]
        store.put(record("A"))
        assert store.damaged() == []
        assert store.get_many(["A"], PROTOCOL)["A"] == record("A")


def test_a_store_of_the_first_schema_is_taken_over_with_its_records(tmp_path: Path) -> None:
    path = tmp_path / "first.db"
    with OracleStore(path) as store:
        store.put_many([record("A"), record("B", warnings=("one", "two"))])
        before = list(store)
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE records DROP COLUMN sha256")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    with OracleStore(path) as store:
        assert list(store) == before
        assert store.damaged() == []


def test_where_several_machines_share_a_disk_the_store_keeps_a_rollback_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oracle.store.mount_of", lambda _: Mount("nfs4"))
    with OracleStore(tmp_path / "shared.db") as store:
        store.put(record())
        assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    monkeypatch.setattr("oracle.store.mount_of", lambda _: Mount("fuse.sshfs"))
    with pytest.raises(StoreError, match=r"lies on fuse\.sshfs, where locks do not hold"):
        OracleStore(tmp_path / "shared.db")


def test_a_full_disk_keeps_what_was_there(tmp_path: Path) -> None:
    with OracleStore(tmp_path / "full.db") as store:
        store.put(record())
        # SQLite answers a limit on its pages exactly as it answers a full disk.
        store._connection.execute("PRAGMA max_page_count = 6")
        with pytest.raises(StoreFullError, match="free some space"):
            store.put_many(record(f"K{i}", geometry="x" * 4000) for i in range(50))
        assert len(store) == 1
        assert store.get_many(["A"], PROTOCOL)["A"].ok
    assert StoreFullError.retry


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made"):
        OracleStore(tmp_path / "file" / "oracle.db")


def test_export_and_import_bring_everything_back(store: OracleStore, tmp_path: Path) -> None:
    store.put_many(
        [record("A", warnings=("careful",), geometry="1\n\nH 0 0 0\n"), record("B", status="failed", retry=True)]
    )
    assert export_records(store, tmp_path / "out.parquet") == 2
    with OracleStore(tmp_path / "second.db") as second:
        assert import_records(second, tmp_path / "out.parquet") == (2, 2)
        assert import_records(second, store.path) == (2, 0)
        assert list(second) == list(store)


def test_an_export_replaces_no_device(store: OracleStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "device")
    with pytest.raises(StoreError, match="no ordinary file and stays as it is"):
        export_records(store, tmp_path / "device")
    assert (tmp_path / "device").is_fifo()
    assert [path.name for path in tmp_path.glob("device*")] == ["device"]


def test_import_of_something_else_is_refused(store: OracleStore, tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(StoreCorruptError, match="no Parquet file"):
        import_records(store, tmp_path / "bad.parquet")
    with pytest.raises(StoreError, match="there is no file"):
        import_records(store, tmp_path / "absent.db")
