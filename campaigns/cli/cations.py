"""`spinscreen library`: look into a cation library, read or convert one, or make one of virtual spacers; `spinscreen
oracle`: descriptors of cations without a campaign, and the store they are kept in."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    ReadingOptions,
    Workers,
    takes,
)

if TYPE_CHECKING:
    from chemspace import Cation, CationLibrary
    from oracle import CationRecord, OracleStore, Protocol

LIBRARY = typer.Typer(
    help="Look into cation libraries, read and convert them, make virtual spacers.", no_args_is_help=True
)

#: Refusals that are shown; a reject file holds all.
N_SHOWN = 10


class LibraryOptions(PrintingOptions):
    """Of a command that reads a library."""

    source: Annotated[
        str,
        typer.Argument(
            metavar="LIBRARY", help="A file .csv, .tsv, .smi, .sdf, .mol (also .gz), .xlsx or .parquet, or builtin."
        ),
    ]
    protons: ReadingOptions
    rejects: Annotated[Path | None, "Write every refused row with its reason (CSV)."] = None


@LIBRARY.command()
@takes(LibraryOptions, keeps=False)
def show(options: LibraryOptions) -> None:
    """Read a library and say what is in it: counts, roles, names that are shared, refused rows with their reasons.

    Examples:

      spinscreen library show builtin

      spinscreen library show amines.smi --dications --rejects rejects.csv

      spinscreen library show vendor.xlsx --map smiles=Structure --map name=Code
    """
    library = _read(options.source, options.protons, options.rejects)
    cations = list(library)
    sizes = sorted(cation.n_heavy_atoms for cation in cations)
    summary = {
        "library": options.source,
        "cations": len(cations),
        "charges": {f"{charge:+d}": n for charge, n in sorted(Counter(c.charge for c in cations).items())},
        "roles": dict(sorted(Counter(c.role for c in cations).items())),
        "heavy_atoms": {"least": sizes[0], "median": sizes[len(sizes) // 2], "most": sizes[-1]},
        "content_hash": library.content_hash,
        "examples": [f"{c.abbreviation} {c.smiles}" for c in cations[:5]],
        "report": _report(library),
    }
    console.answer(summary, lambda: _show(summary, () if library.report is None else library.report.clashes))


class FindOptions(PrintingOptions):
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Abbreviations, aliases, names or SMILES.")]
    source: Annotated[str, "--in", "A file, or builtin.", {"metavar": "LIBRARY"}] = "builtin"
    protons: ReadingOptions


@LIBRARY.command()
@takes(FindOptions, keeps=False)
def find(options: FindOptions) -> None:
    """Look cations up by any of their names, or read a SMILES as the library would.

    Examples:

      spinscreen library find PEA BZA

      spinscreen library find "NCc1ccc(CN)cc1" --dications
    """
    library = _read(options.source, options.protons, None)
    rows = [{"asked": name, **_row(_found(name, library, options.protons.dications))} for name in options.names]
    console.answer(rows, "\n".join(map(_lines, rows)))


def _lines(row: dict[str, Any]) -> str:
    known = f", also {', '.join(row['names'])}" if row["names"] else ""
    return (
        f"{row['asked']}: {row['abbreviation']} ({row['role']}, {row['charge']:+d}){known}\n"
        f"  {row['smiles']}  {row['inchikey']}  {row['molar_mass_g_mol']:.2f} g/mol"
    )


Output = Annotated[Path, typer.Argument(metavar="FILE", help="Ends in .csv, .smi or .parquet.", **NEW_FILE)]


class ConvertOptions(LibraryOptions):
    output: Output


@LIBRARY.command()
@takes(ConvertOptions, keeps=False)
def convert(options: ConvertOptions) -> None:
    """Read a library and write it as another kind of file: salts stripped, protonated, duplicates merged.

    Example: spinscreen library convert amines.smi.gz amines.csv --dications
    """
    _check_output(options.output)
    library = _read(options.source, options.protons, options.rejects)
    _write(library, options.output)
    _done(options.output, len(library), {"report": _report(library)})


class VirtualOptions(PrintingOptions):
    output: Output
    count: Annotated[int, "Spacers to make.", {"min": 1}] = 1000
    seed: Annotated[int | None, "Order of the combinations. Default: the plainest first.", {"min": 0}] = None
    workers: Annotated[int, "Processes that build molecules.", {"min": 1}] = 1


@LIBRARY.command()
@takes(VirtualOptions, keeps=False)
def virtual(options: VirtualOptions) -> None:
    """Make new spacers from scaffolds, linkers, head groups and substituents, filtered as a chemist would.

    The same seed gives the same spacers in the same order, and a longer file begins with a shorter one.

    Example: spinscreen library virtual new.csv --count 10000 --seed 7
    """
    from chemspace.virtual import GenerationReport, VirtualSpacers

    _check_output(options.output)
    report = GenerationReport()
    with console.bar("virtual spacers") as progress:
        made = list(VirtualSpacers(seed=options.seed).generate(options.count, report, progress, options.workers))
    _write(made, options.output)
    refused = dict(report.refused.most_common())
    if not options.as_json:
        console.line(f"{report.n_tried:,} combinations tried, {report.n_repeated:,} repeated")
        for reason, number in refused.items():
            console.line(f"{number:8,}  {reason}")
    if len(made) < options.count:
        console.warn(f"there are no more than {len(made):,} such spacers")
    counts = {"tried": report.n_tried, "repeated": report.n_repeated, "refused": refused}
    _done(options.output, len(made), counts)


def _read(source: str, reading: ReadingOptions, rejects: Path | None) -> CationLibrary:
    from campaigns.config import BUILTIN
    from chemspace import CationLibrary

    if source == BUILTIN:
        return CationLibrary.builtin()
    with console.bar("rows") as progress:
        return CationLibrary.read(
            source, columns=reading.columns, dications=reading.dications, rejects=rejects, progress=progress
        )


def _found(name: str, library: CationLibrary, dications: bool | None) -> Cation:
    from chemspace import Cation, StructureError, UnknownCationError

    try:
        return library[name]
    except UnknownCationError as unknown:
        try:
            read = Cation.from_catalogue(name, dications)
        except StructureError:
            raise unknown from None
    return library.get_by_inchikey(read.inchikey) or read


def _report(library: CationLibrary) -> dict[str, Any] | None:
    report = library.report
    if report is None:
        return None
    return {
        "rows": report.n_in,
        "kept": report.n_kept,
        "merged": report.n_merged,
        "rejected": report.n_rejected,
        "kinds": dict(report.kinds.most_common()),
        "charges": dict(sorted(report.charges.items())),
        "shared": report.shared,
        "rejections": [{"row": r.row, "text": r.text, "reason": r.reason} for r in report.rejections],
    }


def _show(summary: dict[str, Any], clashes: tuple[str, ...]) -> None:
    charges = ", ".join(f"{number:,} of {charge}" for charge, number in summary["charges"].items())
    roles = ", ".join(f"{number:,} {role}" for role, number in summary["roles"].items())
    sizes = summary["heavy_atoms"]
    for line in (
        f"{summary['library']}: {summary['cations']:,} cations ({charges}; roles: {roles})",
        f"heavy atoms: {sizes['least']} to {sizes['most']}, median {sizes['median']}",
        f"content hash {summary['content_hash']}",
        *(f"  {example}" for example in summary["examples"]),
    ):
        console.line(line)
    report = summary["report"]
    if report is None:
        return
    console.line(
        f"{report['rows']:,} rows: {report['kept']:,} kept, {report['merged']:,} merged, "
        f"{report['rejected']:,} rejected"
    )
    counted = ", ".join(f"{number:,} {kind}" for kind, number in report["charges"].items())
    console.line(f"charges: {counted}")
    for clash in clashes[:N_SHOWN]:
        console.warn(clash)
    for refused in report["rejections"][:N_SHOWN]:
        console.line(f"  row {refused['row']}: {refused['text']}: {refused['reason']}")
    if report["rejected"] > N_SHOWN:
        console.line(f"  and {report['rejected'] - N_SHOWN:,} more; --rejects FILE writes all")


def _row(cation: Cation) -> dict[str, Any]:
    return {
        "abbreviation": cation.abbreviation,
        "smiles": cation.smiles,
        "charge": cation.charge,
        "role": cation.role,
        "names": list(cation.names),
        "inchikey": cation.inchikey,
        "formula": cation.formula,
        "molar_mass_g_mol": round(cation.molar_mass_g_mol, 3),
        "source": cation.source,
    }


def _check_output(path: Path) -> None:
    if path.suffix not in (".csv", ".smi", ".parquet"):
        raise typer.BadParameter(f"{path.name} must end in .csv, .smi or .parquet", param_hint="FILE")


def _write(cations: Iterable[Cation], path: Path) -> None:
    import pandas as pd

    from campaigns.files import write_whole
    from chemspace.tables.frame import write_csv

    rows = [
        {
            "smiles": cation.smiles,
            "abbreviation": cation.abbreviation,
            "aliases": ";".join(cation.names),
            "role": cation.role,
            "source": cation.source,
        }
        for cation in cations
    ]
    frame = pd.DataFrame(rows)
    writers: dict[str, Callable[[Path], object]] = {
        ".csv": partial(write_csv, frame),
        ".parquet": lambda target: target.write_bytes(frame.to_parquet(index=False)),
        ".smi": lambda target: target.write_text(
            "".join(f"{row['smiles']} {row['abbreviation']}\n" for row in rows), encoding="utf-8"
        ),
    }
    write_whole(path, writers[path.suffix])


def _done(path: Path, count: int, further: dict[str, Any]) -> None:
    console.answer({"file": str(path), "cations": count, **further}, f"{count:,} cations in {path}")


ORACLE = typer.Typer(help="Compute, export and import the xTB descriptors of cations.", no_args_is_help=True)


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


@ORACLE.command()
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
    from oracle.store import is_file_name

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


@ORACLE.command("export")
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


@ORACLE.command("import")
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
    from oracle.store import read_inputs

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
