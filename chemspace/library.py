"""Cation libraries: the built-in table of real cations, and a user's own file."""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache, cached_property
from pathlib import Path
from typing import Protocol

from rdkit import Chem, rdBase

from chemspace.cation import ABBREVIATION, Cation, acids_of, also_called, under_own_name
from chemspace.errors import AmbiguousNameError, LibraryError, StructureError, TableError, UnknownCationError
from chemspace.progress import Progress
from chemspace.spelling import ELEMENTS, Spellings, plain
from chemspace.tables.cells import one_line, text_problem
from chemspace.tables.frame import Row, guarded, read_lines, read_rows, undecodable
from chemspace.tables.grid import package_table

__all__ = ["COLUMNS", "ReadReport", "read_cells"]


#: File endings that are read; each but .parquet also with .gz.
FORMATS = (".csv", ".tsv", ".smi", ".sdf", ".mol", ".xlsx", ".parquet")
#: Columns that a table of cations may have; only the first must be there.
COLUMNS = ("smiles", "abbreviation", "aliases", "name", "role", "source")
#: A longer name that is not known is not compared with those that are: that takes milliseconds, and it is no name.
MAX_COMPARED = 40
#: How many cations are compared with a sum formula.
MAX_COMPARED_FORMULAS = 5_000
_SUM_FORMULA = re.compile(r"C\d*H\d+(?:[A-Z][a-z]?\d*)+")
#: What databases head the structures, letters only; of two the one that knows stereochemistry.
_SMILES = ("isomericsmiles", "canonicalsmiles", "smilesstring", "smilescode", "structuresmiles", "smi")


_ITEM = re.compile(r">.*?<(.+)>")
#: A record of more lines than this holds no cation.
_MAX_LINES = 20_000


def read_cells(path: str | Path, columns: Mapping[str, str] | None = None) -> Iterator[Row]:
    """Rows of one file of cations in order, their cells by `COLUMNS`, never more than a batch in memory; a row that
    cannot be decoded or split comes with a `problem`. `columns`: heading of each of `COLUMNS` that is headed otherwise;
    a `name` is the abbreviation where nothing else is. Raises LibraryError if the file cannot be read at all: missing,
    of unknown ending, binary, without column smiles or one that `columns` names."""
    path = Path(path)
    ending = next((suffix for suffix in map(str.lower, reversed(path.suffixes)) if suffix != ".gz"), "")
    if ending not in FORMATS:
        raise LibraryError(f"{path.name} has an unknown ending; a library is a file *{', *'.join(FORMATS)} or *.gz")
    try:
        if ending == ".smi":
            yield from _smi_rows(path)
        elif ending in (".sdf", ".mol"):
            yield from _structure_rows(path, lambda items: _fields(path, items, columns or {}, is_drawn=True))
        else:
            yield from read_rows(path, lambda header: _chosen(path, header, columns or {}))
    except TableError as error:
        raise LibraryError(f"{error.name}: {'; '.join(error.problems)}") from error


def _structure_rows(path: Path, choose: Callable[[list[str]], Mapping[str, str]]) -> Iterator[Row]:
    """Rows of an SDF or molfile, numbered from 1, with the fields that `choose` gives a record's data items."""
    number = 0
    for number, lines in enumerate(_records(path), start=1):
        items = {name.lower(): value for name, value in _items(lines)}
        fields = choose(list(items))
        cells = {"abbreviation": lines[0].strip()} | {fields[name]: items[name] for name in items if name in fields}
        problem = undecodable(cells)
        smiles, why = _drawn("\n".join(lines))
        yield Row(number, cells | {"smiles": smiles}, problem or why)
    if not number:
        raise TableError(path.name, "holds no structure; a record of an SDF or molfile has a line M  END")


def _records(path: Path) -> Iterator[list[str]]:
    """Lines of each record; what follows the last one without an end is no record."""
    lines: list[str] = []
    for line in read_lines(path):
        if line.startswith("$$$$"):
            yield lines or [""]
            lines = []
        elif len(lines) < _MAX_LINES:
            lines.append(line)
    if any(line.startswith("M  END") for line in lines):
        yield lines


def _items(lines: list[str]) -> Iterator[tuple[str, str]]:
    for place, line in enumerate(lines[:-1]):
        if match := _ITEM.match(line):
            yield match[1].strip(), lines[place + 1].strip()


def _drawn(block: str) -> tuple[str, str]:
    """SMILES of a record, or why it has none."""
    with rdBase.BlockLogs():
        mol = Chem.MolFromMolBlock(block)
        if mol is not None and mol.GetNumAtoms():
            return Chem.MolToSmiles(mol), ""
        drawn = Chem.MolFromMolBlock(block, sanitize=False)
        if drawn is None or not drawn.GetNumAtoms():
            return "", "the record holds no structure that can be read"
        try:
            Chem.SanitizeMol(drawn)
        except (ValueError, RuntimeError) as error:
            return "", f"RDKit refuses the record: {str(error).strip()[:200]}"
    return "", "the record cannot be read"


def _smi_rows(path: Path) -> Iterator[Row]:
    for number, line in enumerate(read_lines(path), start=1):
        if line.strip():
            smiles, *name = line.split(None, 1)
            cells = {"smiles": smiles, "abbreviation": name[0].strip() if name else ""}
            yield Row(number, cells, undecodable(cells))


def _chosen(path: Path, header: list[str], columns: Mapping[str, str]) -> dict[str, str]:
    """The field of each heading that says something of a cation."""
    fields = _fields(path, header, columns)
    if sum(fields.get(heading) == "smiles" for heading in header) > 1:
        raise LibraryError(f"{path.name} has the column smiles twice; keep one")
    if "smiles" not in fields.values():
        alike = {re.sub(r"[\W_]+", "", heading): heading for heading in header}
        usual = [alike[name] for name in _SMILES if name in alike][:1]
        near = usual or [
            alike[name] for name in alike if "smile" in name or get_close_matches(name, ["smiles"], 1, 0.8)
        ]
        if len(near) != 1:
            shown = ", ".join(name[:30] for name in near or header[:8]) or "none"
            what = (
                f"several columns that may be smiles ({shown})" if near else f"no column smiles (its columns: {shown})"
            )
            raise LibraryError(f"{path.name} has {what}; head the structures smiles, or give --map smiles=COLUMN")
        fields[near[0]] = "smiles"
    return fields


def _fields(path: Path, header: list[str], columns: Mapping[str, str], *, is_drawn: bool = False) -> dict[str, str]:
    """The field of each heading by its own name or by `columns`; a record of drawn structures need not have them."""
    fields = {heading: heading for heading in header if heading in COLUMNS and heading not in columns}
    if is_drawn:
        fields.pop("smiles", None)
    for name, heading in columns.items():
        if name not in COLUMNS or (is_drawn and name == "smiles"):
            raise LibraryError(f"{name!r} is no field of a library; there are {', '.join(COLUMNS)}")
        if heading.lower() in header:
            fields[heading.lower()] = "abbreviation" if name == "name" and "abbreviation" not in header else name
        elif not is_drawn:
            shown = ", ".join(one[:30] for one in header[:8]) or "none"
            raise LibraryError(f"{path.name} has no column {heading} (its columns: {shown})")
    return fields


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

    `kinds` counts the rejections by the kind of refusal; `rejections` holds the first of them. `charges` counts the
    cations kept by charge and where it comes from; `shared` holds the SMILES of every molecule that wants one name, the
    built-in cation of that name first where it is another one.
    """

    path: str
    n_in: int = 0
    n_kept: int = 0
    n_merged: int = 0
    n_rejected: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    rejections: list[Rejection] = field(default_factory=list)
    charges: Counter[str] = field(default_factory=Counter)
    shared: dict[str, list[str]] = field(default_factory=dict)

    @property
    def clashes(self) -> tuple[str, ...]:
        """A sentence for each name that several molecules want, with their structures."""
        return tuple(
            f"{len(structures)} molecules are called {name}: {', '.join(structures[:4])}"
            f"{', ...' if len(structures) > 4 else ''}"
            for name, structures in self.shared.items()
        )

    def __str__(self) -> str:
        return f"{self.path}: {self.n_in} rows, {self.n_kept} kept, {self.n_merged} merged, {self.n_rejected} rejected"


class _Writer(Protocol):
    def writerow(self, row: list[str | int], /) -> object: ...


def read_cations(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    dications: bool | None = None,
    rejects: str | Path | None = None,
    progress: Progress | None = None,
) -> tuple[list[Cation], ReadReport]:
    """Cations of a file, and the report; as `CationLibrary.read`, LibraryError too if no row became a cation."""
    report = ReadReport(Path(path).name)
    kept: dict[str, Cation] = {}
    for cation, new in _each(read_cells(path, columns), report, dications, rejects, progress):
        if new:
            kept[cation.inchikey] = cation
        else:
            kept[cation.inchikey] = also_called(kept[cation.inchikey], cation)
    if not kept:
        why = f"; row {report.rejections[0].row}: {report.rejections[0].reason}" if report.rejections else ""
        raise LibraryError(f"{report.path} holds no cation in {report.n_in} rows{why}")
    return list(kept.values()), report


def _each(
    rows: Iterator[Row],
    report: ReadReport,
    dications: bool | None,
    rejects: str | Path | None,
    progress: Progress | None,
) -> Iterator[tuple[Cation, bool]]:
    """Every cation read, and whether its InChIKey is new."""
    names: dict[str, str] = {}
    seen: set[str] = set()
    with _reject_writer(rejects) as writer:
        for row in rows:
            report.n_in += 1
            if progress is not None and report.n_in % _PROGRESS_EVERY == 0:
                progress(report.n_in, 0, f"{report.n_kept} cations")
            try:
                cation = _cation(row, dications)
            except StructureError as error:
                report.n_rejected += 1
                report.kinds[type(error).__name__] += 1
                if len(report.rejections) < KEPT_REJECTIONS:
                    report.rejections.append(Rejection(row.number, row.cells.get("smiles", "")[:200], str(error)))
                if writer is not None:
                    texts = (row.cells.get("smiles", ""), type(error).__name__, str(error))
                    writer.writerow([row.number, *(str(guarded(text)) for text in texts)])
                continue
            new = cation.inchikey not in seen
            if new:
                seen.add(cation.inchikey)
                if cation.abbreviation in names:
                    _tell_shared(report, cation.abbreviation, cation, names[cation.abbreviation])
                    cation = under_own_name(cation)
                builtin = CationLibrary.builtin().names
                for name in (cation.abbreviation, *cation.names):
                    if (known := builtin.get(name)) and known != cation and name not in report.shared:
                        _tell_shared(report, name, cation, known.smiles)
                names[cation.abbreviation] = cation.smiles
                report.n_kept += 1
                report.charges[f"{cation.charge:+d} {_charge_from(row.cells.get('smiles', ''), cation.charge)}"] += 1
            else:
                report.n_merged += 1
            yield cation, new


def _tell_shared(report: ReadReport, name: str, cation: Cation, other: str) -> None:
    """Note that a cation's name belongs to another molecule too; the first names only, as with rejections."""
    wanted = report.shared.get(name)
    if wanted is None and len(report.shared) < KEPT_REJECTIONS:
        wanted = report.shared[name] = [other]
    if wanted is not None and len(wanted) < KEPT_REJECTIONS:
        wanted.append(cation.smiles)


def _charge_from(smiles: str, charge: int) -> str:
    """Where the charge of a kept cation comes from, in words."""
    if "+" in smiles:
        return "as drawn"
    if "." in smiles and acids_of(smiles):
        return "by the acid of its salt"
    return "by one proton" if charge == 1 else "by two protons"


def _cation(row: Row, dications: bool | None) -> Cation:
    if row.problem:
        raise StructureError(row.problem)
    smiles = row.cells.get("smiles", "")
    cells = {heading: one_line(cell) for heading, cell in row.cells.items()}
    for heading, cell in cells.items():
        if problem := text_problem(cell):
            raise StructureError(f"column {heading}: the cell {problem}")
    abbreviation = cells.get("abbreviation", "")
    names = [part.strip() for part in cells.get("aliases", "").split(";")] + [cells.get("name", "")]
    if abbreviation and not ABBREVIATION.fullmatch(abbreviation):
        names, abbreviation = [abbreviation, *names], ""
    return Cation.from_catalogue(
        smiles,
        dications,
        abbreviation=abbreviation or None,
        names=tuple(filter(None, names)),
        role=cells.get("role") or None,
        source=cells.get("source", ""),
    )


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


class CationLibrary:
    """An immutable, ordered set of cations, looked up by abbreviation or alias.

    Args:
        cations: the cations, each InChIKey once.
        ambiguous: names with several readings, as abbreviations or InChIKeys: {"MBA": ("R-MBA", "S-MBA")}.

    Raises:
        LibraryError: if two entries share an InChIKey or two cations an abbreviation.

    Example:
        >>> from chemspace import CationLibrary
        >>> library = CationLibrary.builtin()
        >>> library["iso-BA"].abbreviation, library["C12H25NH3"].abbreviation
        ('iBA', 'DodA')
    """

    def __init__(self, cations: Iterable[Cation], ambiguous: Mapping[str, Iterable[str]] | None = None) -> None:
        #: What became of the rows of the file this library was read from; None for others.
        self.report: ReadReport | None = None
        self._cations = tuple(cations)
        self._by_inchikey: dict[str, Cation] = {}
        by_abbreviation: dict[str, Cation] = {}
        for cation in self._cations:
            if cation.inchikey in self._by_inchikey:
                first = self._by_inchikey[cation.inchikey]
                raise LibraryError(
                    f"{first.abbreviation} and {cation.abbreviation} are one cation ({cation.inchikey}); "
                    "keep one entry, with the other's name as an alias"
                )
            if cation.abbreviation in by_abbreviation:
                raise LibraryError(f"two cations are called {cation.abbreviation}; rename {cation.smiles}")
            self._by_inchikey[cation.inchikey] = cation
            by_abbreviation[cation.abbreviation] = cation
        known = self._by_inchikey | by_abbreviation if ambiguous else {}
        #: The names declared to have several readings, with the InChIKeys of those that are here.
        self.ambiguous: dict[str, tuple[str, ...]] = {
            name: tuple(known[reading].inchikey for reading in readings if reading in known)
            for name, readings in (ambiguous or {}).items()
        }

    @classmethod
    def builtin(cls, edition: int | None = None) -> CationLibrary:
        """The library that comes with spinscreen: cations reported as spacers or cage cations, with their sources.

        Args:
            edition: leaves out what a later edition of the table added; None takes all of it.
        """
        return _builtin(edition)

    @classmethod
    def read(
        cls,
        path: str | Path,
        *,
        columns: Mapping[str, str] | None = None,
        dications: bool | None = None,
        rejects: str | Path | None = None,
        progress: Progress | None = None,
    ) -> CationLibrary:
        """Library from a user's file; what became of its rows stands in `report`.

        Salts are stripped, neutral amines protonated (the rule stands in `chemspace.cation`), duplicates merged;
        a bad row is reported and the rest goes on.

        Args:
            path: .csv or .tsv (column smiles; optional abbreviation, aliases, name, role, source), .smi, .sdf or .mol,
                each also .gz, or .xlsx or .parquet with the columns of a CSV.
            columns: heading of each column that is headed otherwise, as {"smiles": "Structure", "name": "Code"}.
            dications: whether diamines take two protons; None: as they do in hydriodic acid.
            rejects: CSV file to write with a reason for every refused row.
            progress: called every 1,000 rows with (rows, 0, note).

        Raises:
            LibraryError: if the file cannot be read at all or holds no cation.
        """
        cations, report = read_cations(path, columns=columns, dications=dications, rejects=rejects, progress=progress)
        library = cls(cations)
        library.report = report
        return library

    def __len__(self) -> int:
        return len(self._cations)

    def __iter__(self) -> Iterator[Cation]:
        return iter(self._cations)

    def __contains__(self, cation: object) -> bool:
        return isinstance(cation, Cation) and cation.inchikey in self._by_inchikey

    def __getitem__(self, name: str) -> Cation:
        """Cation called `name`: exact spelling first, then other case, then other ways to write it, where unique.
        Raises AmbiguousNameError with the readings; UnknownCationError with the nearest names."""
        found = self.names.get(name)
        if found is not None:
            return found
        readings = self.readings(name)
        if len(readings) == 1 and plain(name) not in self.ambiguous:
            return readings[0]
        if readings:
            listed = ", ".join(f"{c.abbreviation} ({c.names[-1] if c.names else c.smiles})" for c in readings)
            if len(readings) == 1:
                raise AmbiguousNameError(f"{name!r} is not read as {listed}: it names other cations too; write which")
            raise AmbiguousNameError(f"{name!r} may mean {listed}; write one of them")
        swaps = (name[:i] + name[i + 1] + name[i] + name[i + 2 :] for i in range(len(name) - 1))
        near = list[str]()
        if len(name) <= MAX_COMPARED:
            near = get_close_matches(name, self.names, n=3, cutoff=0.5) or get_close_matches(
                name.upper(), [key.upper() for key in self.names], n=3, cutoff=0.5
            )
        near = list(dict.fromkeys([*(one for one in swaps if one in self.names and one != name), *near]))[:3]
        hint = f"the nearest names are {', '.join(near)}" if near else "no name is near; add it with its SMILES"
        if _SUM_FORMULA.fullmatch(name):
            same = [c.abbreviation for c in self._cations[:MAX_COMPARED_FORMULAS] if c.elements == _elements(name)]
            hint = f"a sum formula names no one cation; of these atoms: {', '.join(same) or 'none here'}"
        raise UnknownCationError(f"no cation is called {name!r} in this library of {len(self)}; {hint}")

    def readings(self, name: str) -> tuple[Cation, ...]:
        """Every cation that `name` may mean, () when none does."""
        found = self.names.get(name)
        if found is not None:
            return (found,)
        name = plain(name)
        if name in self._shared_names:
            return self._shared_names[name]
        folded = () if name in ELEMENTS else self._folded.get((name.casefold(), _lower_prefix(name)), ())
        return folded or self._spellings.readings(name)

    def get_by_inchikey(self, inchikey: str) -> Cation | None:
        """Cation with this InChIKey, or None."""
        return self._by_inchikey.get(inchikey)

    @cached_property
    def names(self) -> Mapping[str, Cation]:
        """Every unambiguous abbreviation and alias, in exact spelling."""
        names: dict[str, Cation] = {c.abbreviation: c for c in self._cations}
        for cation in self._cations:
            for alias in cation.names:
                if alias not in self._shared_names:
                    names.setdefault(alias, cation)
        return names

    @cached_property
    def _shared_names(self) -> dict[str, tuple[Cation, ...]]:
        """Names with several readings: those declared, and aliases that two cations carry."""
        abbreviations = {c.abbreviation: c for c in self._cations}
        carriers: dict[str, list[Cation]] = {}
        for cation in self._cations:
            for alias in dict.fromkeys(cation.names):
                if alias not in abbreviations:
                    carriers.setdefault(alias, []).append(cation)
        shared = {name: tuple(found) for name, found in carriers.items() if len(found) > 1}
        for name, readings in self.ambiguous.items():
            if name not in abbreviations and readings:
                shared[name] = tuple(self._by_inchikey[key] for key in readings)
        return shared

    @cached_property
    def _folded(self) -> dict[tuple[str, str], tuple[Cation, ...]]:
        """Readings by name without case and prefix; elements and mixed-case names of two letters are left out."""
        folded: dict[tuple[str, str], dict[str, Cation]] = {}
        for name, cations in self._every_name():
            if name in ELEMENTS or (len(name) < 3 and not name.isupper()):
                continue
            found = {cation.inchikey: cation for cation in cations}
            for prefix in {_lower_prefix(name), _ANY_PREFIX}:
                folded.setdefault((name.casefold(), prefix), {}).update(found)
        return {name: tuple(found.values()) for name, found in folded.items()}

    @cached_property
    def _spellings(self) -> Spellings:
        return Spellings(self.names, self._by_inchikey)

    def _every_name(self) -> Iterator[tuple[str, tuple[Cation, ...]]]:
        """Every name with its readings."""
        yield from ((name, (cation,)) for name, cation in self.names.items())
        yield from self._shared_names.items()

    @cached_property
    def spacers(self) -> tuple[Cation, ...]:
        """Cations reported or meant as spacers, in library order."""
        return tuple(c for c in self._cations if c.role != "cage")

    @cached_property
    def cages(self) -> tuple[Cation, ...]:
        """Singly charged cations reported or meant as cage cations, in library order."""
        return tuple(c for c in self._cations if c.role != "spacer" and c.charge == 1)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 (hex) of the InChIKeys, abbreviations and roles in order: what a saved space refers to."""
        digest = hashlib.sha256()
        for cation in self._cations:
            digest.update(f"{cation.inchikey} {cation.abbreviation} {cation.role}\n".encode())
        return digest.hexdigest()


@cache
def _builtin(edition: int | None) -> CationLibrary:
    cations = []
    for row in package_table("cations.csv"):
        if edition is not None and int(row["edition"]) > edition:
            continue
        names = (*filter(None, row["aliases"].split(";")), row["name"])
        same = {name: row[name] for name in ("smiles", "inchikey", "abbreviation", "role", "source")}
        cations.append(Cation(**same, charge=int(row["charge"]), names=names))
    ambiguous = {row["name"]: tuple(row["readings"].split(";")) for row in package_table("ambiguous_names.csv")}
    return CationLibrary(cations, ambiguous)


#: Stands for any prefix, in names that are all lower case.
_ANY_PREFIX = "any"
_PREFIX = re.compile(r"[inostmpr](?=[A-Z0-9])")


def _lower_prefix(name: str) -> str:
    """The letter of iBA, pFPEA or nBA that a change of case would hide; `_ANY_PREFIX` where all is lower case."""
    if name.islower():
        return _ANY_PREFIX
    match = _PREFIX.match(name)
    return match[0] if match else ""


def _elements(formula: str) -> Counter[str]:
    """Atoms of a sum formula, those written twice added up."""
    found = Counter[str]()
    for symbol, number in re.findall(r"([A-Z][a-z]?)(\d*)", formula):
        found[symbol] += int(number or 1)
    return found
