"""`spinscreen oracle`: descriptors of cations without a campaign, and the store they are kept in."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from campaigns.cli import console
from campaigns.cli.options import (
    NEW_FILE,
    AsJson,
    Dask,
    OptionGroup,
    OracleStorePath,
    PrintingOptions,
    ProtonationOptions,
    Workers,
    takes,
)

if TYPE_CHECKING:
    from oracle import CationRecord, OracleStore, Protocol

app = typer.Typer(help="Compute, export and import the xTB descriptors of cations.", no_args_is_help=True)


class ProtocolOptions(OptionGroup):
    """How cations are computed; named as the fields of `oracle.Protocol`."""

    engine: Annotated[str, "tblite, xtb-python, xtb or pyscf."] = "tblite"
    method: Annotated[str, "Level of theory. Default: the engine's."] = ""
    solvent: Annotated[str | None, "ALPB solvent. Default: gas phase."] = None
    n_conformers: Annotated[int | None, "--conformers", "Conformers embedded. Default: 24.", {"min": 1}] = None
    n_optimised: Annotated[int | None, "--optimised", "Conformers optimised. Default: 5.", {"min": 1}] = None
    conformer_solvent: Annotated[str | None, "ALPB solvent in which conformers are chosen, or gas. Default: dmf."] = (
        None
    )
    conformer_search: Annotated[
        str | None, "torsions/1 turns chains and embeds rings, embedded embeds all. Default: torsions/1."
    ] = None
    stretch: Annotated[
        float | None, "What an angstrom of half its length gains a conformer, kcal/mol. Default: 6.", {"min": 0.0}
    ] = None
    seed: Annotated[int, "Seed of the conformers.", {"min": 0}] = 42
    polarizability: Annotated[str, "D4 or finite-field."] = "D4"
    follow_saddles: Annotated[bool, "Leave saddle points downhill."] = False

    def protocol(self) -> Protocol:
        """The protocol."""
        from oracle import Protocol, ProtocolError

        given = {name: value for name, value in vars(self).items() if value is not None}
        if self.conformer_solvent == "gas":
            given["conformer_solvent"] = None
        try:
            return Protocol(**given)
        except ProtocolError as problem:
            raise typer.BadParameter(str(problem)) from None


class DescribeOptions(OptionGroup):
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT", help="SMILES, or files (.smi, .csv, .tsv, .parquet).")]
    workers: Workers = 2
    theory: ProtocolOptions
    protons: ProtonationOptions
    dask: Dask = None
    time_limit: Annotated[float, "Seconds one cation may take.", {"min": 0.0}] = 600.0
    memory_limit: Annotated[float, "Megabytes one worker may take.", {"min": 0.0}] = 2048.0
    oracle_store: OracleStorePath = None
    as_json: AsJson = False
    csv: Annotated[Path | None, "Write a CSV file.", NEW_FILE] = None
    parquet: Annotated[Path | None, "Write a Parquet file.", NEW_FILE] = None


@app.command()
@takes(DescribeOptions)
def describe(options: DescribeOptions) -> None:
    """Compute the descriptors of cations; what the store holds is not computed again.

    Exit code 3 where some cations failed, 1 where all did.

    Examples:

      spinscreen oracle describe "[NH3+]CCc1ccccc1" --json

      spinscreen oracle describe amines.smi --workers 8 --parquet descriptors.parquet
    """
    if sum((options.as_json, options.csv is not None, options.parquet is not None)) > 1:
        raise typer.BadParameter("give one of --json, --csv and --parquet")
    from oracle.describe import is_file_name

    if absent := [text for text in options.inputs if is_file_name(text) and not Path(text).is_file()]:
        raise typer.BadParameter(f"there is no file {absent[0]}")
    protocol = options.theory.protocol()
    with _opened(options.oracle_store) as opened:
        records = _run(options, protocol, opened)
    _deliver(records, options)
    if not all(record.ok for record in records):
        raise typer.Exit(3 if any(record.ok for record in records) else 1)


class StoreOptions(PrintingOptions):
    """Of a command on the store."""

    oracle_store: OracleStorePath = None


class ExportOptions(StoreOptions):
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Parquet file to write.", **NEW_FILE)]


@app.command("export")
@takes(ExportOptions, keeps=False)
def export_store(options: ExportOptions) -> None:
    """Write every record of the store, geometries included, to a Parquet file.

    Example: spinscreen oracle export records.parquet
    """
    from oracle.store import export_records

    with _opened(options.oracle_store) as opened:
        count = export_records(opened, options.path)
    answer = {"file": str(options.path), "records": count}
    console.answer(answer, lambda: console.note(f"{count} records written to {options.path}"))


class ImportOptions(StoreOptions):
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="Another store, or an exported Parquet file.", dir_okay=False)
    ]


@app.command("import")
@takes(ImportOptions)
def import_store(options: ImportOptions) -> None:
    """Merge another store, or an exported Parquet file, into the store; results that are there stay.

    Example: spinscreen oracle import cluster.db
    """
    from oracle.store import import_records

    with _opened(options.oracle_store) as opened:
        read, added = import_records(opened, options.path)
    text = f"{read} records read from {options.path}, {added} of them new"
    console.answer({"file": str(options.path), "read": read, "added": added}, lambda: console.note(text))


@contextmanager
def _opened(path: Path | None) -> Iterator[OracleStore]:
    from oracle import OracleStore, default_store_path

    with OracleStore(path or default_store_path()) as store:
        yield store


def _run(options: DescribeOptions, protocol: Protocol, store: OracleStore) -> list[CationRecord]:
    """One record for each input, in the order of the inputs."""
    from chemspace.cation import Cation
    from oracle import Limits, describe_each
    from oracle.describe import read_inputs

    read = list(read_inputs(options.inputs, protocol, dications=options.protons.dications))
    cations = [each for each in read if isinstance(each, Cation)]
    total = len({cation.inchikey for cation in cations})
    by_key: dict[str, CationRecord] = {}
    limits = Limits(options.time_limit, options.memory_limit)
    computed = describe_each(cations, protocol, store, workers=options.workers, limits=limits, dask=options.dask)
    for record in _watched(computed, total):
        by_key[record.inchikey] = record
    return [by_key[each.inchikey] if isinstance(each, Cation) else each for each in read]


def _watched(records: Iterable[CationRecord], total: int) -> Iterator[CationRecord]:
    """Passes the records on behind a bar that shows done, failed, rate and time left."""
    failed, start = 0, time.monotonic()
    with console.bar("cations") as update:
        for done, record in enumerate(records, start=1):
            failed += not record.ok
            rate = done / max(time.monotonic() - start, 1e-9)
            update(done, total, f"{failed} failed, {rate:.1f} a second")
            yield record


def _deliver(records: list[CationRecord], options: DescribeOptions) -> None:
    rows = [record.to_row() for record in records]
    for record in records:
        for text in record.warnings if record.ok else (record.error,):
            console.warn(f"{record.smiles}: {text}")
    if options.csv is None and options.parquet is None:
        console.answer(console.finite(rows), lambda: _print(records))
        return
    import pandas as pd

    from chemspace.tables.frame import write_csv

    frame = pd.DataFrame(rows)
    if options.csv is not None:
        write_csv(frame, options.csv)
    if options.parquet is not None:
        options.parquet.write_bytes(frame.to_parquet(index=False))
    console.note(f"{len(rows)} rows written to {options.csv or options.parquet}")


def _print(records: list[CationRecord]) -> None:
    columns = {
        "HOMO (eV)": "homo_ev",
        "LUMO (eV)": "lumo_ev",
        "gap (eV)": "gap_ev",
        "dipole (D)": "dipole_debye",
        "polarizability (bohr³)": "polarizability_bohr3",
        "radius (Å)": "radius_angstrom",
    }
    table = console.table("SMILES", *columns)
    for record in records:
        values = [getattr(record, name) for name in columns.values()]
        table.add_row(escape(record.smiles), *("" if value is None else f"{value:.3f}" for value in values))
    console.out.print(table)
