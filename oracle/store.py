"""From cations to records: what the store holds comes from there, the rest is computed by worker processes; and the
store that computes nothing twice.

SMILES and files of SMILES, as given on a command line, become cations; what cannot be one becomes a failed record.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chemspace.errors import SpinscreenError, StructureError
from chemspace.mounts import mount_of
from chemspace.progress import Progress
from oracle.errors import InputError, StoreCorruptError, StoreError, StoreFullError, StoreSchemaError
from oracle.record import CationRecord, Limits, Protocol, Task, failure

if TYPE_CHECKING:
    from chemspace.cation import Cation

__all__ = ["export_records", "import_records", "is_file_name", "read_inputs"]

#: Endings that mark an argument as a file, whether it exists or not.
FILE_ENDINGS = (".smi", ".csv", ".tsv", ".xlsx", ".parquet", ".gz")


def read_inputs(
    inputs: Iterable[str], protocol: Protocol, *, dications: bool | None = None
) -> Iterator[Cation | CationRecord]:
    """One cation, or one failed record that says why, for each SMILES or row of a file (.smi, .csv, .tsv, each also
    .gz, or .parquet); neutral amines are protonated and counter-ions removed as for a cation library (`dications` as
    there). Raises InputError if a file does not exist; LibraryError if a file cannot be read at all."""
    for text in inputs:
        if is_file_name(text):
            yield from _file(Path(text), protocol, dications)
        else:
            yield _one(text, "", protocol, dications)


def is_file_name(text: str) -> bool:
    """Whether an input names a file, by its ending; everything else is a SMILES."""
    return Path(text).suffix.lower() in FILE_ENDINGS


def _file(path: Path, protocol: Protocol, dications: bool | None) -> Iterator[Cation | CationRecord]:
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    from chemspace.library import read_cells

    for row in read_cells(path):
        where = f"{path.name} row {row.number}: "
        if row.problem:
            yield _refusal(row.cells.get("smiles", ""), StructureError(where + row.problem), protocol)
        else:
            yield _one(row.cells.get("smiles", ""), where, protocol, dications)


def _one(smiles: str, where: str, protocol: Protocol, dications: bool | None) -> Cation | CationRecord:
    from chemspace.cation import Cation

    try:
        return Cation.from_catalogue(smiles, dications)
    except SpinscreenError as error:
        return _refusal(smiles, type(error)(where + str(error)), protocol)


def _refusal(smiles: str, error: SpinscreenError, protocol: Protocol) -> CationRecord:
    return replace(failure(Task("", smiles, 0), protocol, error, retry=False), versions="")  # nothing was computed


def describe(
    cations: Sequence[Cation],
    protocol: Protocol | None = None,
    store: OracleStore | None = None,
    workers: int = 2,
    progress: Progress | None = None,
    limits: Limits | None = None,
    dask: str | None = None,
) -> list[CationRecord]:
    """One record for each cation, in the order given; failures are records too.

    The numbers depend on the SMILES and the protocol alone, never on the number of workers or the order.

    Args:
        cations: k cations; repeated ones are computed once.
        protocol: how to compute; None takes the default.
        store: where finished records are found and kept, each as soon as it is finished; None keeps nothing.
        workers: processes.
        progress: called after each cation with (done, total, what was finished).
        limits: time and memory one cation may cost.
        dask: address or scheduler file of a Dask cluster that does the work instead of local processes.

    Raises:
        ProtocolError: if something must be computed and other versions are installed than the protocol names.
        StoreError: if the store cannot be used; what was finished before is kept.
        WorkerCrashError: if workers cannot be started at all.

    Example:
        >>> from chemspace import CationLibrary
        >>> from oracle import describe
        >>> (record,) = describe([CationLibrary.builtin()["MA"]], workers=1)
        >>> record.ok, round(record.homo_ev)
        (True, -19)
    """
    protocol = protocol or Protocol()
    names = {cation.inchikey: cation.abbreviation for cation in cations}
    records: dict[str, CationRecord] = {}
    for record in describe_each(cations, protocol, store, workers=workers, limits=limits, dask=dask):
        records[record.inchikey] = record
        if progress is not None:
            progress(len(records), len(names), names[record.inchikey])
    return [records[cation.inchikey] for cation in cations]


def describe_each(
    cations: Iterable[Cation],
    protocol: Protocol | None = None,
    store: OracleStore | None = None,
    *,
    workers: int = 2,
    limits: Limits | None = None,
    dask: str | None = None,
) -> Iterator[CationRecord]:
    """Yields the record of each distinct cation as it is there, in no fixed order. Raises as `describe`."""
    from oracle.workers import run_dask, run_local

    protocol = protocol or Protocol()
    known: list[CationRecord] = []
    tasks, limits = _missing(cations, protocol, store, known), limits or Limits()
    if dask is None:
        finished = run_local(tasks, protocol, workers=workers, limits=limits)
    else:
        finished = run_dask(tasks, protocol, address=dask, limits=limits)
    try:
        for record in finished:
            if store is not None:
                store.put(record)
            yield from _drain(known)
            yield record
        yield from _drain(known)
    finally:
        finished.close()


def _missing(
    cations: Iterable[Cation], protocol: Protocol, store: OracleStore | None, known: list[CationRecord]
) -> Iterator[Task]:
    """The tasks that remain; what the store answers goes to `known`."""
    seen: set[str] = set()
    remaining = iter(cations)
    while block := list(islice(remaining, BLOCK)):
        fresh = {cation.inchikey: cation for cation in block if cation.inchikey not in seen}
        seen.update(fresh)
        stored, siblings = dict[str, CationRecord](), dict[str, CationRecord]()
        if store is not None:
            stored = store.get_many(fresh, protocol)
            for other in protocol.siblings:
                siblings |= store.get_many(fresh.keys() - stored.keys() - siblings.keys(), other)
        # The largest first: a long one that starts last would leave the other workers idle at the end.
        for inchikey, cation in sorted(fresh.items(), key=lambda item: -len(item[1].smiles)):
            record = stored.get(inchikey)
            if record is not None and not record.retry:
                known.append(record)
            else:
                same = siblings.get(inchikey)
                shared = same is not None and same.ok and same.geometry and same.smiles == cation.smiles
                yield Task(inchikey, cation.smiles, cation.charge, same if shared else None)


def _drain(known: list[CationRecord]) -> Iterator[CationRecord]:
    while known:
        yield known.pop(0)


#: Marks the file as ours (SQLite application_id): "sPin" in ASCII.
APPLICATION_ID = 0x7350696E
SCHEMA_VERSION = 2

#: Seconds a writer waits for another one.
PATIENCE = 60.0

#: Keys of one look-up query; SQLite allows 32766 variables.
CHUNK = 500

_COLUMNS = tuple(f.name for f in fields(CationRecord))
_KINDS = {"charge": "INTEGER", "n_conformers": "INTEGER", "retry": "INTEGER"}
_TEXT_COLUMNS = (
    *("inchikey", "smiles", "status", "protocol", "protocol_key", "geometry", "versions"),
    *("error", "error_type"),
)
_TEXT = {*_TEXT_COLUMNS, "warnings"}
_CREATE = "CREATE TABLE records ({}, sha256 TEXT, PRIMARY KEY (protocol_key, inchikey)) WITHOUT ROWID".format(
    ", ".join(f"{name} {_KINDS.get(name, 'TEXT' if name in _TEXT else 'REAL')}" for name in _COLUMNS)
)
_STORED = (*_COLUMNS, "sha256")
#: A result is never replaced by a failure, and never by another result: the first stays.
_PUT = (
    f"INSERT INTO records ({', '.join(_STORED)}) VALUES ({', '.join('?' * len(_STORED))}) "
    f"ON CONFLICT DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in _STORED)} WHERE status <> 'ok'"
)
#: Warnings are kept as one text; no warning holds a line feed.
_SEPARATOR = "\n"


class OracleStore(contextlib.AbstractContextManager["OracleStore"]):
    """Records on disk. Every `put` is durable before it returns; readers never wait for writers.

    One object belongs to one thread; open one each.

    Example:
        >>> import tempfile
        >>> from oracle import OracleStore, Protocol
        >>> with tempfile.TemporaryDirectory() as folder, OracleStore(f"{folder}/oracle.db") as store:
        ...     len(store), store.get_many(["BHHGXPLMPWCGHP-UHFFFAOYSA-O"], Protocol())
        (0, {})
    """

    def __init__(self, path: Path | str) -> None:
        """Opens the store, creating the file and its folder where there is none. Raises StoreCorruptError if the file
        is not a store, or a damaged one; StoreSchemaError if a newer spinscreen wrote it; StoreError if it cannot be
        opened, or lies where locks do not hold."""
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"the folder of the store {self.path} cannot be made: {error}") from error
        self._is_hashed = True
        mount = mount_of(self.path.parent.absolute())
        if mount.lock_problem:
            raise StoreError(f"{self.path} {mount.lock_problem}; name a store on a local disk (--oracle-store)")
        self._journal = "DELETE" if mount.is_shared else "WAL"
        with self._translated():
            self._connection = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)
            self._connection.text_factory = lambda text: text.decode("utf-8", "replace")  # a damaged one is told below
        try:
            with self._translated():
                self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def get_many(self, inchikeys: Iterable[str], protocol: Protocol) -> dict[str, CationRecord]:
        """The records that the store holds of these cations under this protocol, failures included. One that is not as
        it was written is left out, and gives way to the one that is computed in its place."""
        keys = list(dict.fromkeys(inchikeys))
        found: dict[str, CationRecord] = {}
        for start in range(0, len(keys), CHUNK):
            part = keys[start : start + CHUNK]
            marks = ", ".join("?" * len(part))
            query = f"SELECT * FROM records WHERE protocol_key = ? AND inchikey IN ({marks})"
            with self._translated():
                rows = self._connection.execute(query, (protocol.key, *part)).fetchall()
            found.update((row[0], _from_row(row)) for row in rows if self._is_sound(row))
        return found

    def put(self, record: CationRecord) -> None:
        """Keeps one record; see `put_many`."""
        self.put_many([record])

    def put_many(self, records: Iterable[CationRecord]) -> None:
        """Keeps records, all or none. A result that is already there stays; a failure gives way to anything. Raises
        StoreFullError if the disk is full; nothing of the call is kept and the store stays readable."""
        rows = [_to_row(record) for record in records]
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                keys = [(row[0], row[_PROTOCOL_KEY]) for row in rows]
                query = "SELECT * FROM records WHERE inchikey = ? AND protocol_key = ?"
                there = ((key, self._connection.execute(query, key).fetchone()) for key in keys)
                self._connection.executemany(
                    "DELETE FROM records WHERE inchikey = ? AND protocol_key = ?",
                    [key for key, row in there if row is not None and not self._is_sound(row)],
                )
                self._connection.executemany(_PUT, rows)
                self._connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    def __len__(self) -> int:
        with self._translated():
            return int(self._connection.execute("SELECT count(*) FROM records").fetchone()[0])

    def __iter__(self) -> Iterator[CationRecord]:
        """Every record that is as it was written, in the order of protocol and InChIKey, without loading them all."""
        return (_from_row(row) for row in self._rows() if self._is_sound(row))

    def damaged(self) -> list[str]:
        """InChIKeys of the records that are not as they were written, as far as they can be read."""
        return [str(row[0]) for row in self._rows() if not self._is_sound(row)]

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        with self._translated():
            cursor = self._connection.execute("SELECT * FROM records ORDER BY protocol_key, inchikey")
        while True:
            with self._translated():
                rows = cursor.fetchmany(CHUNK)
            if not rows:
                return
            yield from rows

    def _is_sound(self, row: tuple[Any, ...]) -> bool:
        return not self._is_hashed or row[-1] == _hash(row[:-1])

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self) -> None:
        self._refuse_others()
        self._write_ahead()
        # Durable against a killed process; a power cut may cost the last records, which are computed again.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        if self._pragma("user_version") == SCHEMA_VERSION:
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if "readonly" not in str(error) or self._pragma("user_version") == 0:
                raise
            self._is_hashed = False  # an older store that may only be read
            return
        version = self._pragma("user_version")  # asked again: another process may have been first
        if version == 0:
            self._connection.execute(_CREATE)
            self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        if version == 1:
            self._connection.execute("ALTER TABLE records ADD COLUMN sha256 TEXT")
            hashes = [(_hash(row[:-1]), row[0], row[_PROTOCOL_KEY]) for row in self._rows()]
            self._connection.executemany(
                "UPDATE records SET sha256 = ? WHERE inchikey = ? AND protocol_key = ?", hashes
            )
        self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self._connection.execute("COMMIT")

    def _refuse_others(self) -> None:
        tables = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and self._pragma("application_id") != APPLICATION_ID:
            raise StoreCorruptError(
                f"{self.path} is an SQLite file, but no result store of spinscreen; name another file"
            )
        version = self._pragma("user_version")
        if version > SCHEMA_VERSION:
            raise StoreSchemaError(
                f"{self.path} has schema {version}, this spinscreen knows {SCHEMA_VERSION}; "
                "update spinscreen or name another file"
            )

    def _write_ahead(self) -> None:
        """Switches to write-ahead logging, or on a shared disk to a rollback journal; waits for others that do."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._connection.execute(f"PRAGMA journal_mode = {self._journal}")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Turns SQLite's errors into those of the oracle."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if "disk is full" in str(error):
                raise StoreFullError(
                    f"no space left for the store {self.path}; what it held is intact: free some space and run again"
                ) from error
            raise StoreError(f"the store {self.path} cannot be used: {error}") from error
        except sqlite3.DatabaseError as error:
            raise StoreCorruptError(
                f"{self.path} is damaged or no result store ({error}); move it away, and import what can be saved"
            ) from error


def default_store_path() -> Path:
    """The store that all campaigns of a user share, in the cache folder of the platform."""
    from platformdirs import user_cache_path

    return user_cache_path("spinscreen") / "oracle.db"


def _to_row(record: CationRecord) -> tuple[Any, ...]:
    values = [getattr(record, name) for name in _COLUMNS]
    values[_WARNINGS] = _SEPARATOR.join(record.warnings)
    values = [_as_kept(name, value) for name, value in zip(_COLUMNS, values, strict=True)]
    return (*values, _hash(values))


def _as_kept(name: str, value: Any) -> Any:
    """A value as SQLite gives it back."""
    if value is None or name in _TEXT:
        return value
    return int(value) if name in _KINDS else None if value != value else float(value)


def _hash(values: Sequence[Any]) -> str:
    """Of the values of a row, as they are kept."""
    return sha256(json.dumps(values, default=repr).encode()).hexdigest()


def _from_row(row: tuple[Any, ...]) -> CationRecord:
    values = list(row[: len(_COLUMNS)])
    values[_WARNINGS] = tuple(values[_WARNINGS].split(_SEPARATOR)) if values[_WARNINGS] else ()
    values[_RETRY] = bool(values[_RETRY])
    return CationRecord(*values)


_WARNINGS = _COLUMNS.index("warnings")
_RETRY = _COLUMNS.index("retry")
_PROTOCOL_KEY = _COLUMNS.index("protocol_key")


#: Cations looked up, records written or merged at once.
BLOCK = 1000

_WHOLE = ("charge", "n_conformers")


def export_records(store: Iterable[CationRecord], path: Path) -> int:
    """Writes every record to a Parquet file, geometries included; returns how many. The file appears under its name
    when it is complete. Raises StoreError if the file cannot be written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    part, schema, count = path.with_name(path.name + ".part"), _schema(), 0
    try:
        if path.exists() and not path.is_file():  # a device would become a file
            raise StoreError(f"{path} is no ordinary file and stays as it is; name another one")
        with pq.ParquetWriter(part, schema) as writer:
            for block in _blocks(store):
                writer.write_table(pa.Table.from_pylist([asdict(record) for record in block], schema=schema))
                count += len(block)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StoreError(f"{path} cannot be written: {error}") from error
    return count


def import_records(store: OracleStore, path: Path) -> tuple[int, int]:
    """Merges another store, or a Parquet file of `export_records`, into `store`. A result that `store` already holds
    stays; a failure gives way to a result. Returns records read, and records that `store` holds more than before.
    Raises StoreCorruptError if the file is neither a store nor such a Parquet file; StoreSchemaError if a newer
    spinscreen wrote it; StoreError if there is no such file."""
    if not path.is_file():
        raise StoreError(f"there is no file {path}")
    before, read = len(store), 0
    for block in _blocks(_read(path)):
        store.put_many(block)
        read += len(block)
    return read, len(store) - before


def _read(path: Path) -> Iterator[CationRecord]:
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == b"PAR1":
        yield from _read_parquet(path)
        return
    with OracleStore(path) as other:
        yield from other


def _read_parquet(path: Path) -> Iterator[CationRecord]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        missing = {f.name for f in fields(CationRecord)} - set(file.schema_arrow.names)
        if missing:
            raise StoreCorruptError(
                f"{path} lacks the column {sorted(missing)[0]}; write it with spinscreen oracle export"
            )
        for batch in file.iter_batches(BLOCK, columns=[f.name for f in fields(CationRecord)]):
            for row in batch.to_pylist():
                yield CationRecord(**{**row, "warnings": tuple(row["warnings"])})
    except pa.ArrowException as error:
        raise StoreCorruptError(f"{path} is damaged or no Parquet file: {error}") from error


def _schema() -> Any:
    import pyarrow as pa

    kinds = dict.fromkeys(_TEXT_COLUMNS, pa.string()) | dict.fromkeys(_WHOLE, pa.int64())
    kinds |= {"retry": pa.bool_(), "warnings": pa.list_(pa.string())}
    return pa.schema([(f.name, kinds.get(f.name, pa.float64())) for f in fields(CationRecord)])


def _blocks(records: Iterable[CationRecord]) -> Iterator[list[CationRecord]]:
    remaining = iter(records)
    while block := list(islice(remaining, BLOCK)):
        yield block
