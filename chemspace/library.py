"""Cation libraries: the built-in table of real cations, and a user's own file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType

from chemspace.builtin_table import package_table
from chemspace.cation import Cation
from chemspace.errors import AmbiguousNameError, LibraryError, UnknownCationError
from chemspace.library_read import ReadReport, read_cations
from chemspace.progress import Progress

__all__ = ["CationLibrary"]


class CationLibrary:
    """An immutable, ordered set of cations, looked up by abbreviation or alias.

    Args:
        cations: the cations, each InChIKey once.
        ambiguous: names with several readings, for example {"MBA": ("R-MBA", "S-MBA")}.

    Raises:
        LibraryError: if two entries share an InChIKey or two cations an abbreviation.
    """

    def __init__(self, cations: Iterable[Cation], ambiguous: Mapping[str, tuple[str, ...]] | None = None) -> None:
        #: What became of the rows of the file this library was read from; None for others.
        self.report: ReadReport | None = None
        self._cations = tuple(cations)
        self._ambiguous = dict(ambiguous or {})
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

    @classmethod
    def builtin(cls) -> CationLibrary:
        """The library that comes with spinscreen: cations reported as spacers or cage cations, with their sources."""
        return _builtin()

    @classmethod
    def read(
        cls,
        path: str | Path,
        *,
        dications: bool = False,
        rejects: str | Path | None = None,
        progress: Progress | None = None,
    ) -> CationLibrary:
        """Library from a user's file; what became of its rows stands in `report`.

        Salts are stripped, neutral amines protonated (the rule stands in `chemspace.protonation`), duplicates merged;
        a bad row is reported and the rest goes on.

        Args:
            path: .csv or .tsv (column smiles; optional abbreviation, aliases, name, role, source), .smi, each also
                .gz, or .parquet with the columns of a CSV.
            dications: whether diamines take two protons.
            rejects: CSV file to write with a reason for every refused row.
            progress: called every 1,000 rows with (rows, 0, note).

        Raises:
            LibraryError: if the file cannot be read at all or holds no cation.
        """
        cations, report = read_cations(path, dications=dications, rejects=rejects, progress=progress)
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
        """Cation called `name`: exact spelling first, then without regard to case where that is unique.

        Raises:
            AmbiguousNameError: if the name has several readings; the message lists them.
            UnknownCationError: if no cation is called so; the message offers the nearest names.
        """
        found = self.names.get(name)
        if found is not None:
            return found
        readings = self.readings(name)
        if len(readings) == 1:
            return readings[0]
        if readings:
            listed = ", ".join(f"{c.abbreviation} ({_long_name(c)})" for c in readings)
            raise AmbiguousNameError(f"{name!r} may mean {listed}; write one of them")
        near = get_close_matches(name, self.names, n=3, cutoff=0.5) or get_close_matches(
            name.upper(), [key.upper() for key in self.names], n=3, cutoff=0.5
        )
        hint = f"the nearest names are {', '.join(near)}" if near else "no name is near; add it with its SMILES"
        raise UnknownCationError(f"no cation is called {name!r} in this library of {len(self)}; {hint}")

    def readings(self, name: str) -> tuple[Cation, ...]:
        """Every cation that `name` may mean, () when none does."""
        found = self.names.get(name)
        if found is not None:
            return (found,)
        if name in self._shared_names:
            return self._shared_names[name]
        return self._folded.get(name.casefold(), ())

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
        return MappingProxyType(names)

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
        for name, readings in self._ambiguous.items():
            known = tuple(abbreviations[r] for r in readings if r in abbreviations)
            if name not in abbreviations and known:
                shared[name] = known
        return shared

    @cached_property
    def _folded(self) -> dict[str, tuple[Cation, ...]]:
        folded: dict[str, dict[str, Cation]] = {}
        for name, cation in self.names.items():
            folded.setdefault(name.casefold(), {})[cation.inchikey] = cation
        for name, cations in self._shared_names.items():
            folded.setdefault(name.casefold(), {}).update({c.inchikey: c for c in cations})
        return {name: tuple(found.values()) for name, found in folded.items()}

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


@lru_cache(maxsize=1)
def _builtin() -> CationLibrary:
    cations = []
    for row in package_table("cations.csv"):
        names = (*filter(None, row["aliases"].split(";")), row["name"])
        cations.append(
            Cation(
                smiles=row["smiles"],
                charge=int(row["charge"]),
                inchikey=row["inchikey"],
                abbreviation=row["abbreviation"],
                names=names,
                role=row["role"],
                source=row["source"],
            )
        )
    ambiguous = {row["name"]: tuple(row["readings"].split(";")) for row in package_table("ambiguous_names.csv")}
    return CationLibrary(cations, ambiguous)


def _long_name(cation: Cation) -> str:
    return cation.names[-1] if cation.names else cation.smiles
