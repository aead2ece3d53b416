"""From the rows of a library file to cations: protonated, deduplicated, and every refusal reported."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from chemspace.cation import ABBREVIATION, Cation, also_called, under_own_name
from chemspace.errors import LibraryError, StructureError
from chemspace.library_rows import Row, read_rows
from chemspace.progress import Progress
from chemspace.protonation import cation_form
from chemspace.structure_check import check_charges, parse_smiles

__all__ = ["ReadReport", "Rejection", "read_cations", "stream_cations"]

#: Rejections kept in the report; the reject file holds all of them.
KEPT_REJECTIONS = 100
_PROGRESS_EVERY = 1000


@dataclass(frozen=True, slots=True)
class Rejection:
    """One row that became no cation: its number in the file, its text, and why."""

    row: int
    text: str
    reason: str


@dataclass
class ReadReport:
    """What became of a file's rows: `n_in` = `n_kept` + `n_merged` + `n_rejected`.

    `kinds` counts the rejections by the kind of refusal; `rejections` holds the first of them.
    """

    path: str
    n_in: int = 0
    n_kept: int = 0
    n_merged: int = 0
    n_rejected: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    rejections: list[Rejection] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.path}: {self.n_in} rows, {self.n_kept} kept, {self.n_merged} merged, {self.n_rejected} rejected"


class _Writer(Protocol):
    def writerow(self, row: list[str | int], /) -> object: ...


def read_cations(
    path: str | Path,
    *,
    dications: bool = False,
    rejects: str | Path | None = None,
    progress: Progress | None = None,
) -> tuple[list[Cation], ReadReport]:
    """Cations of a file, the names of duplicates merged, and the report. Arguments and errors as `stream_cations`.

    Raises:
        LibraryError: also if no row became a cation; the message gives the first reason.
    """
    report = ReadReport(Path(path).name)
    kept: dict[str, Cation] = {}
    for cation, new in _each(path, report, dications, rejects, progress):
        if new:
            kept[cation.inchikey] = cation
        else:
            kept[cation.inchikey] = also_called(kept[cation.inchikey], cation)
    if not kept:
        why = f"; row {report.rejections[0].row}: {report.rejections[0].reason}" if report.rejections else ""
        raise LibraryError(f"{report.path} holds no cation in {report.n_in} rows{why}")
    return list(kept.values()), report


def stream_cations(
    path: str | Path,
    report: ReadReport,
    *,
    dications: bool = False,
    rejects: str | Path | None = None,
    progress: Progress | None = None,
) -> Iterator[Cation]:
    """Cations of a file as they are read, each InChIKey once; only the keys and names seen stay in memory.

    Args:
        path: a .csv, .tsv, .smi (each also .gz) or .parquet file.
        report: filled while the rows pass.
        dications: whether diamines take two protons. A cation drawn with its charge stays as drawn otherwise.
        rejects: CSV file to write: row, text, kind and reason of every refused row.
        progress: called every 1,000 rows with (rows, 0, note): the total is not known before the end.

    Raises:
        LibraryError: if the file cannot be read at all, or the reject file not be written.
    """
    return (cation for cation, new in _each(path, report, dications, rejects, progress) if new)


def _each(
    path: str | Path, report: ReadReport, dications: bool, rejects: str | Path | None, progress: Progress | None
) -> Iterator[tuple[Cation, bool]]:
    """Every cation read, and whether its InChIKey is new."""
    names: set[str] = set()
    seen: set[str] = set()
    with _reject_writer(rejects) as writer:
        for row in read_rows(path):
            report.n_in += 1
            if progress is not None and report.n_in % _PROGRESS_EVERY == 0:
                progress(report.n_in, 0, f"{report.n_kept} cations")
            try:
                cation = _cation(row, dications)
            except StructureError as error:
                _reject(report, writer, row, error)
                continue
            new = cation.inchikey not in seen
            if new:
                seen.add(cation.inchikey)
                if cation.abbreviation in names:
                    cation = under_own_name(cation)
                names.add(cation.abbreviation)
                report.n_kept += 1
            else:
                report.n_merged += 1
            yield cation, new


def _cation(row: Row, dications: bool) -> Cation:
    if row.problem:
        raise StructureError(row.problem)
    smiles = row.fields.get("smiles", "")
    try:
        mol = cation_form(parse_smiles(smiles), smiles, dications)
        charge = check_charges(mol, smiles)
        abbreviation = row.fields.get("abbreviation", "")
        names = [part.strip() for part in row.fields.get("aliases", "").split(";")] + [row.fields.get("name", "")]
        if abbreviation and not ABBREVIATION.fullmatch(abbreviation):
            names, abbreviation = [abbreviation, *names], ""
        return Cation.from_checked_mol(
            mol,
            charge,
            abbreviation or None,
            tuple(name for name in names if name),
            row.fields.get("role") or None,
            row.fields.get("source", ""),
        )
    except (ValueError, RuntimeError) as error:  # RDKit's own refusals
        raise StructureError(f"RDKit refuses {smiles[:80]!r}: {str(error).strip()[:200]}") from error


def _reject(report: ReadReport, writer: _Writer | None, row: Row, error: StructureError) -> None:
    report.n_rejected += 1
    report.kinds[type(error).__name__] += 1
    if len(report.rejections) < KEPT_REJECTIONS:
        report.rejections.append(Rejection(row.number, row.text[:200], str(error)))
    if writer is not None:
        writer.writerow([row.number, row.text, type(error).__name__, str(error)])


@contextmanager
def _reject_writer(rejects: str | Path | None) -> Iterator[_Writer | None]:
    if rejects is None:
        yield None
        return
    try:
        with open(rejects, "w", encoding="utf-8", errors="replace", newline="") as stream:
            writer: _Writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(["row", "text", "kind", "reason"])
            yield writer
    except OSError as error:
        raise LibraryError(f"the reject file {rejects} cannot be written: {error.strerror}") from error
