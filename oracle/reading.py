"""SMILES and files of SMILES, as given on a command line, into cations; what cannot be one becomes a failed record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from chemspace.cation import Cation
from chemspace.errors import SpinscreenError, StructureError
from chemspace.library import read_cells
from oracle.errors import InputError
from oracle.protocol import Protocol
from oracle.record import CationRecord, Task, failure

__all__ = ["is_file_name", "read_inputs"]

#: Endings that mark an argument as a file, whether it exists or not.
FILE_ENDINGS = (".smi", ".csv", ".tsv", ".xlsx", ".parquet", ".gz")


def read_inputs(
    inputs: Iterable[str], protocol: Protocol, *, dications: bool | None = None
) -> Iterator[Cation | CationRecord]:
    """One cation, or one failed record that says why, for each SMILES; files are read row by row. Neutral amines are
    protonated and counter-ions removed as for a cation library. `inputs`: SMILES, and paths of .smi, .csv, .tsv (each
    also .gz) or .parquet files; `protocol`: named in the failed records; `dications`: whether diamines take two
    protons; None: as they do in hydriodic acid. Raises InputError if a file does not exist; LibraryError if a file
    cannot be read at all."""
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
    for row in read_cells(path):
        where = f"{path.name} row {row.number}: "
        if row.problem:
            yield _refusal(row.cells.get("smiles", ""), StructureError(where + row.problem), protocol)
        else:
            yield _one(row.cells.get("smiles", ""), where, protocol, dications)


def _one(smiles: str, where: str, protocol: Protocol, dications: bool | None) -> Cation | CationRecord:
    try:
        return Cation.from_catalogue(smiles, dications)
    except SpinscreenError as error:
        return _refusal(smiles, type(error)(where + str(error)), protocol)


def _refusal(smiles: str, error: SpinscreenError, protocol: Protocol) -> CationRecord:
    return replace(failure(Task("", smiles, 0), protocol, error, retry=False), versions="")  # nothing was computed
