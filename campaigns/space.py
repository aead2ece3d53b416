"""From a campaign's description to its cations and their names, its space, and what making a compound costs."""

from __future__ import annotations

import csv
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from functools import cached_property
from io import StringIO
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from campaigns.artifacts import Artifacts, Form
from campaigns.config import BUILTIN, BudgetRules, CampaignConfig, problems
from campaigns.errors import ConfigError
from campaigns.events import EDITIONS, FIRST, NEWEST, Edition
from campaigns.summary import RuledOut
from chemspace import Cation, CationLibrary, Compound, CompoundSpace, LibraryError, SpaceError, UnknownCationError
from chemspace.cation import also_called, under_own_name
from chemspace.errors import TableError
from chemspace.library import COLUMNS, ReadReport, read_cells
from chemspace.registry import nearest
from chemspace.tables.grid import MAX_LIBRARY_BYTES, bytes_of

if TYPE_CHECKING:
    from chemspace.constraints import Constraint
    from screening.batch import BatchLimits

__all__ = ["Budget", "Gathered", "gather"]


#: Two crystals with one spacer teach less than two with different ones; one synthesis route failing costs only one.
MAX_PER_SPACER = 1


@dataclass(frozen=True)
class Budget:
    """The limits of a batch and the price table."""

    limits: BudgetRules  #: of the campaign
    #: Money a mole and days until delivery by InChIKey of a cation; None unknown.
    prices: Mapping[str, tuple[float | None, float | None]]
    #: Hazard flags by InChIKey of a cation; one that is not there carries none.
    hazards: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def cost(self, compound: Compound) -> float:
        """Money for the cations of `limits.mass_g` of a compound; NaN where one has no price."""
        moles = self.limits.mass_g / compound.molar_mass_g_mol
        return sum(moles * float(count) * self._price(cation.inchikey, 0) for cation, count in compound.cation_counts)

    def days(self, compound: Compound) -> float:
        """Days until the last of its cations is there; NaN where one's delivery is unknown."""
        return float(np.max([self._price(cation.inchikey, 1) for cation, _ in compound.cation_counts]))

    def excludes(self, compound: Compound) -> str:
        """Which limit no batch with this compound can keep, in words; "" where there is none."""
        limits = self.limits
        if self.refused(compound):
            return "refused for a hazard"
        if limits.max_cost is not None and not self.cost(compound) <= limits.max_cost:
            return "too dear or without a price"
        if limits.max_days is not None and not self.days(compound) <= limits.max_days:
            return "too late or without a delivery time"
        return ""

    def refused(self, compound: Compound) -> bool:
        """Whether one of its cations carries a hazard flag that the limits refuse."""
        flags = set(self.limits.refused_hazards)
        return any(self.hazards.get(cation.inchikey, frozenset()) & flags for cation, _ in compound.cation_counts)

    def limits_of(self, spacer: NDArray[np.int64], batch_size: int) -> BatchLimits:
        """Limits of a batch from rows of these spacers, shape (m,): at most `MAX_PER_SPACER` of one spacer unless the
        limits say otherwise; where that leaves too few, the cap rises until the batch is full."""
        from screening.batch import BatchLimits

        cap = self.limits.max_per_spacer
        if cap is None:
            _, rows = np.unique(spacer, return_counts=True)
            caps = range(MAX_PER_SPACER, len(spacer) + 1)
            cap = next((cap for cap in caps if np.minimum(rows, cap).sum() >= batch_size), len(spacer))
        return BatchLimits(cap, self.limits.min_distance, self.limits.max_cost, self.limits.max_days)

    def of(self, space: CompoundSpace, indices: NDArray[np.int64]) -> dict[str, Any]:
        """Cost, days and what is barred of some compounds, as arguments of `screening.batch.choose_batch`; each (m,),
        worked out where a limit asks for it."""
        bounds: dict[str, Any] = {}
        if self.limits.max_cost is not None:
            bounds["cost"] = np.array([self.cost(space[int(index)]) for index in indices])
        if self.limits.max_days is not None:
            bounds["days"] = np.array([self.days(space[int(index)]) for index in indices])
        if self.limits.refused_hazards:
            bounds["barred"] = np.array([self.refused(space[int(index)]) for index in indices], dtype=bool)
        return bounds

    def _price(self, inchikey: str, which: int) -> float:
        value = self.prices.get(inchikey, (None, None))[which]
        return nan if value is None else value


#: A library to read: "builtin", the path of a file, or its name and content.
Source: TypeAlias = str | Path | tuple[str, bytes]
_INCHIKEY = re.compile(r"[A-Z]{14}-[A-Z]{10}-[A-Z]")


def library_from_content(
    name: str, content: bytes, rejects: Path | None = None, *, dications: bool | None = None
) -> CationLibrary:
    """The library in a kept file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return CationLibrary.read(path, rejects=rejects, dications=dications)


def with_columns(path: Path, columns: Mapping[str, str]) -> tuple[str, bytes]:
    """Name and content of a library whose columns are headed otherwise, under the headings that a campaign reads;
    `columns` as `CationLibrary.read`. Raises LibraryError if the file cannot be read or lacks a column."""
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in read_cells(path, columns):
        values = [row.cells.get(name, "") for name in COLUMNS]
        writer.writerow([*values, row.problem] if row.problem else values)  # one field too many: refused again
    return f"{path.stem}.csv", text.getvalue().encode()


def merged(libraries: Sequence[CationLibrary]) -> CationLibrary:
    """Every cation of `libraries` once, by its first abbreviation, or its InChIKey where another has that; later ones
    alias."""
    if len(libraries) == 1:
        return libraries[0]
    by_key: dict[str, Cation] = {}
    taken: set[str] = set()
    for cation in (cation for library in libraries for cation in library):
        if cation.inchikey in by_key:
            by_key[cation.inchikey] = also_called(by_key[cation.inchikey], cation)
            continue
        if cation.abbreviation in taken:
            cation = under_own_name(cation)
        by_key[cation.inchikey] = cation
        taken.add(cation.abbreviation)
    return CationLibrary(by_key.values())


def with_builtin(library: CationLibrary, edition: Edition) -> CationLibrary:
    """`library`, its cations known by their built-in names too, and every built-in cation it does not have.

    The user's names hold: a built-in name that the library gives to another cation is that one's alone, and a built-in
    cation that loses its abbreviation so is called by its InChIKey.
    """
    builtin = edition.library
    if library is builtin:
        return library
    meant = _meant(library, builtin)
    builtin_by_key = {}
    for cation in builtin:
        free = tuple(name for name in cation.names if meant.get(name, cation.inchikey) == cation.inchikey)
        builtin_by_key[cation.inchikey] = replace(cation, names=free)
    cations = list(library)
    for place, cation in enumerate(cations):
        if (same := builtin_by_key.pop(cation.inchikey, None)) is not None:
            if meant.get(same.abbreviation, cation.inchikey) != cation.inchikey:
                same = replace(same, abbreviation=cation.abbreviation)
            cations[place] = also_called(cation, same)
    taken = {cation.abbreviation for cation in library} if edition.number == FIRST else meant
    cations += (
        under_own_name(cation) if cation.abbreviation in taken else cation for cation in builtin_by_key.values()
    )
    return CationLibrary(cations, {name: keys for name, keys in builtin.ambiguous.items() if name not in meant})


def _meant(library: CationLibrary, builtin: CationLibrary) -> dict[str, str]:
    """The built-in names that `library` has itself, with the InChIKey each means there; "" for one of several."""
    theirs = {name for cation in builtin for name in (cation.abbreviation, *cation.names)} | set(builtin.ambiguous)
    meant: dict[str, str] = {}
    for cation in library:
        for name in theirs.intersection(cation.names):
            meant[name] = cation.inchikey if meant.get(name, cation.inchikey) == cation.inchikey else ""
    return meant | {c.abbreviation: c.inchikey for c in library if c.abbreviation in theirs}


def space_of(config: CampaignConfig, library: CationLibrary) -> CompoundSpace:
    """The compounds a campaign may suggest.

    Spacers are the library's; cage cations the named ones, or every organic one of charge +1 (an inorganic cage has no
    orbital descriptors). A library without cage cations takes the built-in ones. Raises ConfigError for an unknown
    cation, or a constraint that cannot be.
    """
    rules = config.space
    names_cations = rules.cages or rules.cage_mixtures or rules.constraints or config.prices
    names = with_builtin(library, config.defaults) if names_cations else library
    if not library.spacers:
        told = "libraries: they hold cage cations alone; give a spacer, or say `spacer` in a column `role`"
        raise ConfigError(told, ("libraries",))
    space = CompoundSpace(
        spacers=library.spacers,
        cages=_cages(config, library, names),
        n_layers=rules.n_layers,
        b_sites=rules.b_sites,
        halides=rules.halides,
        cage_mixtures=_cage_mixtures(config, names),
        halide_mixtures=tuple(tuple((ion, Fraction(part)) for ion, part in mixed) for mixed in rules.halide_mixtures),
        constraints=tuple(_constraint(place, rule, names, config) for place, rule in enumerate(rules.constraints)),
    )
    if rules.constraints and space.n_allowed == 0:
        where = ("space", "constraints")
        raise ConfigError(f"constraints: they leave none of {len(space):,} compounds; loosen one", where)
    return space


def prices_of(config: CampaignConfig, names: CationLibrary) -> dict[str, tuple[float | None, float | None]]:
    """Money a mole and days until delivery of each cation in the price table, by InChIKey."""
    return {
        _inchikey(name, names, ("prices", name)): (price.per_mol, price.days) for name, price in config.prices.items()
    }


def hazards_of(config: CampaignConfig, names: CationLibrary) -> dict[str, frozenset[str]]:
    """Hazard flags of each cation in the price table, by InChIKey."""
    return {_inchikey(name, names, ("prices", name)): frozenset(price.hazards) for name, price in config.prices.items()}


def without(space: CompoundSpace, ruled_out: Sequence[RuledOut]) -> CompoundSpace:
    """`space` without the compounds that hold one of these cations in its place; indices stay."""
    if not ruled_out:
        return space
    from chemspace.constraints import ExcludedCations

    places = {place: tuple(one.inchikey for one in ruled_out if one.place == place) for place in ("spacer", "cage")}
    barred = ExcludedCations(places["spacer"], places["cage"])
    return replace(space, constraints=(*space.constraints, barred))


def _cages(config: CampaignConfig, library: CationLibrary, names: CationLibrary) -> tuple[Cation, ...]:
    if max(config.space.n_layers) == 1:
        return ()
    if config.space.cages is not None:
        return tuple(_named(name, names, ("space", "cages", place)) for place, name in enumerate(config.space.cages))
    # A library in which nothing is marked as a cage cation (a bare list of amines) means its entries as spacers.
    marked = any(c.role == "cage" for c in library.cages)
    return tuple(c for c in (library if marked else config.defaults.library).cages if c.is_organic)


def _cage_mixtures(config: CampaignConfig, names: CationLibrary) -> tuple[tuple[tuple[Cation, Fraction], ...], ...]:
    if max(config.space.n_layers) == 1:
        return ()
    return tuple(
        tuple((_named(name, names, ("space", "cage_mixtures", place)), Fraction(part)) for name, part in mixture)
        for place, mixture in enumerate(config.space.cage_mixtures)
    )


def _named(name: str, names: CationLibrary, path: tuple[str | int, ...]) -> Cation:
    try:
        return names[name]
    except UnknownCationError as error:
        field = path[1] if path[0] == "space" else path[0]
        raise ConfigError(f"{field}: {error}", path) from error


def _inchikey(name: str, names: CationLibrary, path: tuple[str | int, ...]) -> str:
    return name if _INCHIKEY.fullmatch(name) else _named(name, names, path).inchikey


def _constraint(place: int, rule: dict[str, Any], names: CationLibrary, config: CampaignConfig) -> Constraint:
    """One constraint of `chemspace.constraints`; cations named in it become InChIKeys, prices come from the table."""

    from chemspace.constraints import CONSTRAINT_KINDS

    ((name, given),) = rule.items()
    path = ("space", "constraints", place, name)
    if name not in CONSTRAINT_KINDS:
        raise ConfigError(f"constraints: there is none called {name!r}{nearest(name, CONSTRAINT_KINDS)}", path)
    kind = CONSTRAINT_KINDS[name]
    values = dict(given) if isinstance(given, dict) else {}
    field_names = [field.name for field in fields(kind)]
    if not isinstance(given, dict) or (unknown := [key for key in values if key not in field_names]):
        what = f"has no field {unknown[0]!r}; it has" if values else "takes"
        raise ConfigError(f"constraints.{name} {what} {', '.join(field_names)}", path)
    if "pairs" in values:
        values["pairs"] = [[_inchikey(str(one), names, path) for one in pair] for pair in _list(values["pairs"])]
    for side in ("spacers", "cages"):
        if side in values:
            values[side] = [_inchikey(str(one), names, path) for one in _list(values[side])]
    if "per_mol" in field_names:
        values["per_mol"] = _priced(values.get("per_mol"), names, config, path)
    try:
        made: Constraint = TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        raise ConfigError(f"constraints.{name}.{problems(error)[0]}", path) from error
    except SpaceError as error:
        raise ConfigError(f"constraints: {error}", path) from error
    return made


def _priced(
    given: Any, names: CationLibrary, config: CampaignConfig, path: tuple[str | int, ...]
) -> list[tuple[str, Any]]:
    """Prices per mole by InChIKey: the constraint's own, else those of the campaign's table."""
    if given is None:
        return [(key, per_mol) for key, (per_mol, _) in prices_of(config, names).items() if per_mol is not None]
    pairs = given.items() if isinstance(given, dict) else (tuple(pair) for pair in _list(given))
    return [(_inchikey(str(name), names, path), price) for name, price in pairs]


def _list(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else ()


#: Libraries smaller than this are read faster than a copy of what was read.
_WORTH_KEEPING = 500
_COLUMNS = ("smiles", "charge", "inchikey", "abbreviation", "names", "role", "source")


@dataclass(frozen=True)
class Gathered:
    """Libraries as read."""

    files: tuple[tuple[str, bytes | None], ...]  #: (name, content) of each; content None for the built-in library
    library: CationLibrary  #: all of them merged; its report tells what became of the rows of the files


def gather(
    sources: Sequence[Source], *, dications: bool | None = None, edition: Edition = EDITIONS[NEWEST]
) -> Gathered:
    """Read libraries: "builtin" (of the edition), the path, or name and content of each; `dications` as in
    descriptions. Raises LibraryError if a file cannot be read or holds no cation."""
    files = tuple(
        source if isinstance(source, tuple) else (BUILTIN, None) if source == BUILTIN else _content(Path(source))
        for source in sources
    )
    return Gathered(files, _merged(files, dications, edition))


def kept_library(
    config: CampaignConfig, file: Callable[[str], bytes], artifacts: Artifacts, keep: int = 1
) -> CationLibrary:
    """The library of a campaign from its files, as read before where it was: a large one takes minutes to protonate."""
    if all(named.sha256 is None for named in config.libraries):
        return config.defaults.library

    def read() -> CationLibrary:
        files = tuple((named.name, None if named.sha256 is None else file(named.sha256)) for named in config.libraries)
        return _merged(files, config.dications, config.defaults)

    return artifacts.get("library", _key(config), read, _LIBRARY, keep=keep, if_worth=_is_large)


def keep_library(config: CampaignConfig, library: CationLibrary, artifacts: Artifacts) -> None:
    """Keep what was read of a large library, for `kept_library`."""
    if _is_large(library) and any(named.sha256 is not None for named in config.libraries):
        artifacts.put("library", _key(config), library, _LIBRARY)


def _is_large(library: CationLibrary) -> bool:
    return len(library) >= _WORTH_KEEPING


def write_rejects(library: CationLibrary, config: CampaignConfig, file: Callable[[str], bytes], target: Path) -> bool:
    """Write the rows of the user's files that became no cation, each with its reason; False if there are none."""
    if library.report is None or not library.report.n_rejected:
        return False
    texts: list[str] = []
    for named in config.libraries:
        if named.sha256 is None:
            continue
        library_from_content(named.name, file(named.sha256), rejects=target, dications=config.dications)
        lines = target.read_text(encoding="utf-8").splitlines(keepends=True)
        texts += lines[bool(texts) :]
    target.write_text("".join(texts), encoding="utf-8")
    return True


def _content(path: Path) -> tuple[str, bytes]:
    try:
        return path.name, bytes_of(path, MAX_LIBRARY_BYTES)
    except TableError as error:
        raise LibraryError(str(error)) from None
    except OSError as error:
        raise LibraryError(f"{path} cannot be read: {error.strerror}") from error


def _merged(files: Sequence[tuple[str, bytes | None]], dications: bool | None, edition: Edition) -> CationLibrary:
    read = [
        edition.library if content is None else library_from_content(name, content, dications=dications)
        for name, content in files
    ]
    library = merged(read)
    if len(read) > 1:
        library.report = _joined([one for one in read if one.report is not None])
    return library


def _joined(libraries: Sequence[CationLibrary]) -> ReadReport | None:
    """What became of the rows of several files together, and the names that two of them give to different cations."""
    reports = [library.report for library in libraries if library.report is not None]
    if not reports:
        return None
    called: dict[str, dict[str, str]] = {}
    for cation in (cation for library in libraries for cation in library) if len(libraries) > 1 else ():
        called.setdefault(cation.abbreviation, {})[cation.inchikey] = cation.smiles
    shared = {name: list(smiles.values()) for name, smiles in called.items() if len(smiles) > 1}
    for report in reports:
        for name, structures in report.shared.items():
            shared[name] = list(dict.fromkeys((*structures, *shared.get(name, ()))))
    return ReadReport(
        path=" and ".join(report.path for report in reports),
        n_in=sum(report.n_in for report in reports),
        n_kept=sum(report.n_kept for report in reports),
        n_merged=sum(report.n_merged for report in reports),
        n_rejected=sum(report.n_rejected for report in reports),
        kinds=sum((report.kinds for report in reports), Counter()),
        rejections=[rejection for report in reports for rejection in report.rejections],
        charges=sum((report.charges for report in reports), Counter()),
        shared=shared,
    )


def _key(config: CampaignConfig) -> str:
    """What a library is read from: the files and the setting."""
    edition = [] if config.edition == FIRST else [str(config.edition)]
    return "\n".join([str(config.dications), *edition, *(f"{file.name} {file.sha256}" for file in config.libraries)])


def _unpack(columns: Mapping[str, Any]) -> CationLibrary:
    rows = zip(*(columns[name] for name in _COLUMNS), strict=True)
    return CationLibrary(
        Cation(smiles, charge, inchikey, abbreviation, tuple(names), role, source)
        for smiles, charge, inchikey, abbreviation, names, role, source in rows
    )


_LIBRARY = Form[CationLibrary](
    lambda cations: {name: [getattr(c, name) for c in cations] for name in _COLUMNS}, _unpack
)


@dataclass(frozen=True, eq=False)
class Scope:
    """The cations, the space and the budget of one description."""

    config: CampaignConfig  #: the description
    library: CationLibrary  #: its cations, each called as the campaign has called it from the first
    #: Every cation a formula may name: the library's, the built-in ones, and those of other descriptions that the
    #: campaign had.
    names: CationLibrary

    @classmethod
    def of(
        cls,
        config: CampaignConfig,
        descriptions: Sequence[CampaignConfig],
        file: Callable[[str], bytes],
        artifacts: Artifacts,
        library: CationLibrary | None = None,
    ) -> Scope:
        """That of a description among all that a campaign had."""
        sources = {_sources(one): one for one in (*descriptions, config)}

        def read(described: CampaignConfig) -> CationLibrary:
            if library is not None and _sources(described) == _sources(config):
                return library
            return kept_library(described, file, artifacts, keep=len(sources))

        as_read = read(config)
        if len(sources) == 1:
            return cls(config, as_read, with_builtin(as_read, config.defaults))
        first, *later = sources.values()
        names = with_builtin(read(first), first.defaults)
        for described in later:
            names = merged([names, with_builtin(read(described), described.defaults)])
        called = {cation.inchikey: cation for cation in names}
        renamed = {
            c.inchikey: replace(c, abbreviation=(k := called[c.inchikey]).abbreviation, names=k.names) for c in as_read
        }
        named = CationLibrary(renamed.values())
        named.report = as_read.report
        several = with_builtin(read(first), first.defaults).ambiguous
        several = {name: keys for name, keys in several.items() if name not in names.names}
        return cls(config, named, CationLibrary((renamed.get(one.inchikey, one) for one in names), several))

    @cached_property
    def space(self) -> CompoundSpace:
        """The compounds that may be suggested."""
        return space_of(self.config, self.library)

    @cached_property
    def n_compounds(self) -> int:
        """How many compounds the constraints leave."""
        return self.space.n_allowed

    @cached_property
    def budget(self) -> Budget:
        """The price table, and the limits of a batch."""

        return Budget(self.config.budget, prices_of(self.config, self.names), hazards_of(self.config, self.names))


def _sources(config: CampaignConfig) -> object:
    """What a description's cations are read from."""
    return config.libraries, config.dications, config.edition
