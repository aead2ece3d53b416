"""`spinscreen oracle`: descriptors of cations without a campaign, and the store they are kept in."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import console
from campaigns.cli.options import AsJson, Dask, Dications, OracleStorePath, Workers

if TYPE_CHECKING:
    from oracle import CationRecord, OracleStore, Protocol


app = typer.Typer(help="Compute, export and import the xTB descriptors of cations.", no_args_is_help=True)


@app.command()
def describe(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="SMILES, or files (.smi, .csv, .tsv, .parquet).")
    ],
    workers: Workers = 2,
    engine: Annotated[str, typer.Option(help="tblite, xtb-python, xtb or pyscf.")] = "tblite",
    method: Annotated[str, typer.Option(help="Level of theory. Default: the engine's.", show_default=False)] = "",
    solvent: Annotated[str | None, typer.Option(help="ALPB solvent. Default: gas phase.", show_default=False)] = None,
    conformers: Annotated[
        int | None, typer.Option(min=1, help="Conformers embedded. Default: 20.", show_default=False)
    ] = None,
    optimised: Annotated[
        int | None, typer.Option(min=1, help="Conformers optimised. Default: 2.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the conformers.")] = 42,
    polarizability: Annotated[str, typer.Option(help="D4 or finite-field.")] = "D4",
    follow_saddles: Annotated[bool, typer.Option("--follow-saddles", help="Leave saddle points downhill.")] = False,
    dications: Dications = False,
    dask: Dask = None,
    time_limit: Annotated[float, typer.Option(min=0.0, help="Seconds one cation may take.")] = 600.0,
    memory_limit: Annotated[float, typer.Option(min=0.0, help="Megabytes one worker may take.")] = 2048.0,
    oracle_store: OracleStorePath = None,
    as_json: AsJson = False,
    csv: Annotated[Path | None, typer.Option(help="Write a CSV file.", dir_okay=False, show_default=False)] = None,
    parquet: Annotated[
        Path | None, typer.Option(help="Write a Parquet file.", dir_okay=False, show_default=False)
    ] = None,
) -> None:
    """Compute the descriptors of cations; what the store holds is not computed again.

    Examples:

      spinscreen oracle describe "[NH3+]CCc1ccccc1" --json

      spinscreen oracle describe amines.smi --workers 8 --parquet descriptors.parquet
    """
    if sum((as_json, csv is not None, parquet is not None)) > 1:
        raise typer.BadParameter("give one of --json, --csv and --parquet")
    from oracle import Limits, ProtocolError
    from oracle.reading import is_file_name

    if absent := [text for text in inputs if is_file_name(text) and not Path(text).is_file()]:
        raise typer.BadParameter(f"there is no file {absent[0]}")

    counts = {"n_conformers": conformers, "n_optimised": optimised}
    try:
        protocol = _protocol(
            engine=engine,
            method=method,
            solvent=solvent,
            seed=seed,
            polarizability=polarizability,
            follow_saddles=follow_saddles,
            **{name: count for name, count in counts.items() if count is not None},
        )
    except ProtocolError as problem:
        raise typer.BadParameter(str(problem)) from None
    with _opened(oracle_store) as opened:
        records = _run(inputs, protocol, opened, workers, Limits(time_limit, memory_limit), dask, dications)
    _deliver(records, as_json=as_json, csv=csv, parquet=parquet)
    if records and not any(record.ok for record in records):
        raise typer.Exit(1)


@app.command("export")
def export_store(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Parquet file to write.", dir_okay=False)],
    oracle_store: OracleStorePath = None,
    as_json: AsJson = False,
) -> None:
    """Write every record of the store, geometries included, to a Parquet file.

    Example: spinscreen oracle export records.parquet
    """
    from oracle.store import export_records

    with _opened(oracle_store) as opened:
        count = export_records(opened, path)
    if as_json:
        console.print_json({"file": str(path), "records": count})
    else:
        console.note(f"{count} records written to {path}")


@app.command("import")
def import_store(
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="Another store, or an exported Parquet file.", dir_okay=False)
    ],
    oracle_store: OracleStorePath = None,
    as_json: AsJson = False,
) -> None:
    """Merge another store, or an exported Parquet file, into the store; results that are there stay.

    Example: spinscreen oracle import cluster.db
    """
    from oracle.store import import_records

    with _opened(oracle_store) as opened:
        read, added = import_records(opened, path)
    if as_json:
        console.print_json({"file": str(path), "read": read, "added": added})
    else:
        console.note(f"{read} records read from {path}, {added} of them new")


def _protocol(**values: Any) -> Protocol:
    from oracle import Protocol

    return Protocol(**values)


@contextmanager
def _opened(path: Path | None) -> Iterator[OracleStore]:
    from oracle import OracleStore, default_store_path

    with OracleStore(path or default_store_path()) as store:
        yield store


def _run(
    inputs: list[str], protocol: Protocol, store: OracleStore, workers: int, limits: Any, dask: str | None, both: bool
) -> list[CationRecord]:
    """One record for each input, in the order of the inputs."""
    from chemspace.cation import Cation
    from oracle import describe_each
    from oracle.reading import read_inputs

    read = list(read_inputs(inputs, protocol, dications=both))
    cations = [each for each in read if isinstance(each, Cation)]
    total = len({cation.inchikey for cation in cations})
    done: dict[str, CationRecord] = {}
    found = describe_each(cations, protocol, store, workers=workers, limits=limits, dask=dask)
    for record in _watched(found, total):
        done[record.inchikey] = record
    return [done[each.inchikey] if isinstance(each, Cation) else each for each in read]


def _watched(records: Iterable[CationRecord], total: int) -> Iterator[CationRecord]:
    """Passes the records on behind a bar that shows done, failed, rate and time left."""
    failed, start = 0, time.monotonic()
    with console.bar("cations") as update:
        for done, record in enumerate(records, start=1):
            failed += not record.ok
            rate = done / max(time.monotonic() - start, 1e-9)
            update(done, total, f"{failed} failed, {rate:.1f} a second")
            yield record


def _deliver(records: list[CationRecord], *, as_json: bool, csv: Path | None, parquet: Path | None) -> None:
    rows = [record.to_row() for record in records]
    for record in records:
        for text in record.warnings if record.ok else (record.error,):
            console.warn(f"{record.smiles}: {text}")
    if as_json:
        console.print_json(console.finite(rows))
    elif csv is not None or parquet is not None:
        _write(rows, csv, parquet)
    else:
        _print(records)


def _write(rows: list[dict[str, Any]], csv: Path | None, parquet: Path | None) -> None:
    import pandas as pd

    frame = pd.DataFrame(rows)
    if csv is not None:
        frame.to_csv(csv, index=False)
    if parquet is not None:
        frame.to_parquet(parquet, index=False)
    console.note(f"{len(rows)} rows written to {csv or parquet}")


def _print(records: list[CationRecord]) -> None:
    from rich.table import Table

    columns = ("homo_ev", "lumo_ev", "gap_ev", "dipole_debye", "polarizability_bohr3", "radius_angstrom")
    table = Table("smiles", *columns)
    for record in records:
        values = [getattr(record, name) for name in columns]
        table.add_row(record.smiles, *("" if value is None else f"{value:.3f}" for value in values))
    console.out.print(table)
