"""From cations to records: what the store holds comes from there, the rest is computed by worker processes.

SMILES and files of SMILES, as given on a command line, become cations; what cannot be one becomes a failed record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from chemspace.errors import SpinscreenError, StructureError
from chemspace.progress import Progress
from oracle.errors import InputError
from oracle.record import CationRecord, Limits, Protocol, Task, failure

if TYPE_CHECKING:
    from chemspace.cation import Cation
    from oracle.store import OracleStore

__all__ = ["is_file_name", "read_inputs"]


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


#: Cations looked up in the store at once.
BLOCK = 1000


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
