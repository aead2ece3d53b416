"""The oracle's records of a campaign's cations: read from its store, computed where it holds none."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from campaigns.artifacts import Artifacts, Form, digest
from campaigns.summary import Described
from oracle import describe
from oracle.descriptors import CationTable, DescriptorSet

__all__ = ["geometries"]

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from campaigns.config import CampaignConfig
    from chemspace import Cation, Compound, CompoundSpace
    from chemspace.progress import Progress
    from oracle import CationRecord


@dataclass(frozen=True)
class SpaceTables:
    """Descriptors of a space's cations."""

    #: `spacers`, `cages`: rows aligned with the space's spacers and cage cations.
    spacers: CationTable
    cages: CationTable
    failures: tuple[str, ...] = ()  #: a line for each cation that has no descriptors, with the reason
    is_final: bool = True  #: whether computing the failed ones again would fail again

    @cached_property
    def digest(self) -> str:
        """Hash of the numbers."""
        return digest(self.spacers, self.cages)


def tables_form(descriptors: DescriptorSet) -> Form[SpaceTables]:
    """How these descriptors of a space are kept."""

    def pack(tables: SpaceTables) -> dict[str, object]:
        return {
            "spacers": tables.spacers.values,
            "organic_spacers": np.asarray(tables.spacers.organic),
            "cages": tables.cages.values,
            "organic_cages": np.asarray(tables.cages.organic),
            "failures": list(tables.failures),
        }

    return Form(
        pack,
        lambda held: SpaceTables(
            CationTable(held["spacers"], held["organic_spacers"], descriptors),
            CationTable(held["cages"], held["organic_cages"], descriptors),
            tuple(held["failures"]),
        ),
    )


class CationRecords:
    """Records of the cations of one space and of what is measured beside it."""

    def __init__(
        self,
        config: CampaignConfig,
        space: CompoundSpace,
        store: Path,
        artifacts: Artifacts,
        chosen: Collection[str] | None = None,
    ) -> None:
        """Bind how cations are described, the space, the store, and the InChIKeys that are computed (None: all)."""
        self._protocol, self._descriptors = config.protocol, config.descriptor_set
        self._space, self._store, self._artifacts = space, store, artifacts
        self._chosen = chosen
        self._records: dict[str, CationRecord] = {}

    @cached_property
    def of_space(self) -> tuple[Cation, ...]:
        """The space's organic cations that are computed, each once."""
        return needed_cations((*self._spacers, *self._space.cage_cations), ())

    @cached_property
    def is_chosen(self) -> NDArray[np.bool_]:
        """Which of the space's spacers are computed, failures among them, shape (m,)."""
        spacers = self._space.spacers
        if self._chosen is None:
            return np.ones(len(spacers), dtype=np.bool_)
        return np.fromiter((spacer.inchikey in self._chosen for spacer in spacers), np.bool_, len(spacers))

    @cached_property
    def _spacers(self) -> Sequence[Cation]:
        spacers = self._space.spacers
        return spacers if self._chosen is None else tuple(spacers[int(i)] for i in np.flatnonzero(self.is_chosen))

    def _spacer_table(self, records: Sequence[CationRecord]) -> CationTable:
        """Descriptors of every spacer of the space; NaN where they are not computed."""
        table = CationTable.from_records(self._spacers, records, self._descriptors)
        if self._chosen is None:
            return table
        spacers = self._space.spacers
        values = np.full((len(spacers), table.values.shape[1]), np.nan)
        values[self.is_chosen] = table.values
        organic = np.fromiter((spacer.is_organic for spacer in spacers), np.bool_, len(spacers))
        return CationTable(values, organic, self._descriptors)

    def of(self, cations: Sequence[Cation], progress: Progress | None = None) -> dict[str, CationRecord]:
        """Records by InChIKey that hold at least these cations; missing ones are computed."""
        if any(cation.inchikey not in self._records for cation in cations):
            self._describe(cations, 2, progress)
        return self._records

    def tables(self, progress: Progress | None = None) -> SpaceTables:
        """Descriptors of the space's cations; missing ones are computed."""
        return self._artifacts.get(
            "descriptors",
            self._tables_key,
            lambda: self.fresh_tables(progress),
            tables_form(self._descriptors),
            if_worth=lambda tables: tables.is_final,
        )

    def fresh_tables(self, progress: Progress | None = None) -> SpaceTables:
        """`tables`, kept nowhere."""
        records = list(self.of(self.of_space, progress).values())
        own = [self._records[cation.inchikey] for cation in self.of_space]
        return SpaceTables(
            self._spacer_table(records),
            CationTable.from_records(self._space.cage_cations, records, self._descriptors),
            self._failures(self.of_space),
            not any(record.retry for record in own),  # else the next command may have more luck
        )

    def describe(
        self,
        compounds: Sequence[Compound],
        *,
        workers: int = 2,
        progress: Progress | None = None,
        dask: str | None = None,
    ) -> Described:
        """Compute the descriptors of every organic cation of the space and of these compounds that are not known."""
        cations = needed_cations(self.of_space, compounds)
        kept_tables = self._artifacts.find("descriptors", self._tables_key, tables_form(self._descriptors))
        if kept_tables is None:
            failures = self._describe(cations, workers, progress, dask)
        else:
            further = self._describe(needed_cations((), compounds), workers, progress, dask)
            failures = tuple(dict.fromkeys((*kept_tables.failures, *further)))
        return Described(len(cations), failures)

    def failed(self) -> frozenset[str]:
        """InChIKeys of the space's cations that stand in the store without a result."""
        if not self._store.is_file():
            return frozenset()
        from oracle import OracleStore

        with OracleStore(self._store) as store:
            stored = store.get_many([cation.inchikey for cation in self.of_space], self._protocol)
        return frozenset(key for key, record in stored.items() if not record.ok)

    @cached_property
    def _tables_key(self) -> str:
        further = self._descriptors.further_sources
        return "\n".join([self._protocol.key, *further, *(cation.inchikey for cation in self.of_space)])

    def _describe(
        self, cations: Sequence[Cation], workers: int, progress: Progress | None, dask: str | None = None
    ) -> tuple[str, ...]:
        """Compute what the store does not hold; a line for each cation that has no descriptors."""
        from oracle import OracleStore

        with OracleStore(self._store) as store:
            computed = describe(cations, self._protocol, store, workers=workers, progress=progress, dask=dask)
        self._records |= {record.inchikey: record for record in computed}
        return self._failures(cations)

    def _failures(self, cations: Sequence[Cation]) -> tuple[str, ...]:
        described = ((cation, self._records[cation.inchikey]) for cation in cations)
        return tuple(f"{c.abbreviation} has no descriptors: {record.error}" for c, record in described if not record.ok)


def needed_cations(cations: Sequence[Cation], compounds: Sequence[Compound]) -> tuple[Cation, ...]:
    """The organic ones among cations and those of compounds, each once."""
    of_compounds = (cation for compound in compounds for cation, _ in compound.cation_counts)
    return tuple(cation for cation in dict.fromkeys((*cations, *of_compounds)) if cation.is_organic)


def geometries(compound: Compound, records: Mapping[str, CationRecord]) -> dict[str, NDArray[np.float64]]:
    """xTB geometries of a compound's cations by InChIKey, shape (atoms, 3), angstrom.

    A cation without a record, or whose record is of another drawing of it (another order of atoms), is left out.
    """
    pairs = ((cation, records.get(cation.inchikey)) for cation, _ in compound.cation_counts)
    return {
        cation.inchikey: record.positions
        for cation, record in pairs
        if record is not None and record.positions is not None and record.smiles == cation.smiles
    }


def starting_structure(compound: Compound, records: Mapping[str, CationRecord], tilted: bool) -> Structure:
    """An idealised crystal; with the tilts of the filed crystals of its halide and number of layers where asked for.

    Raises:
        GeometryError: as `chemspace.crystal.build_structure`, or where no crystal says how far octahedra tilt.
    """
    from chemspace import GeometryError
    from chemspace.crystal import build_structure

    given = geometries(compound, records)
    if not tilted:
        return build_structure(compound, given)
    from screening.crystals import usual_bridge_angle

    usual = usual_bridge_angle(compound)
    if usual is None:
        raise GeometryError(
            f"{compound.formula} is no layered compound of one halide; how far octahedra tilt is known of those only"
        )
    return build_structure(compound, given, bridge_angle_deg=usual.degrees)
