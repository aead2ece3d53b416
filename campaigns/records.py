"""The oracle's records of a campaign's cations: read from its store, computed where it holds none; which spacers are
computed where a budget does not grant them all: round by round those that a learned oracle asks for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from campaigns.artifacts import Artifacts, Form, digest
from campaigns.errors import CampaignError
from campaigns.summary import Described, SpacerRound
from oracle import OracleStore, describe
from oracle.descriptors import CationTable, DescriptorSet
from screening.errors import TrainingDataError

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from campaigns.config import CampaignConfig
    from campaigns.state import CampaignState
    from chemspace import Cation, Compound, CompoundSpace
    from chemspace.progress import Progress
    from oracle import CationRecord
    from screening.learned_oracle import Known, SpacerFeatures, StartShapes
    from screening.ranking import Candidates, PassSettings

__all__ = ["geometries"]


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


#: Spacers of fewer than this have their features worked out faster than read.
_WORTH_KEEPING = 2000


class SpacerSearch:
    """Rounds of calculations over the spacers of one space."""

    def __init__(self, config: CampaignConfig, space: CompoundSpace, store: Path, artifacts: Artifacts) -> None:
        """Bind the description, the space, the file of computed descriptors, and what is kept."""
        self._config, self._space, self._store, self._artifacts = config, space, store, artifacts
        self._budget = config.budget.calculations or 0
        self._shapes: StartShapes | None = None

    def next_round(
        self,
        state: CampaignState,
        data_key: str,
        chosen: NDArray[np.bool_],
        candidates: Callable[[], Candidates],
        settings: PassSettings,
        progress: Progress | None = None,
    ) -> SpacerRound | None:
        """The next spacers to compute on these data; None where the search on them has ended.

        It follows from the log and the oracle's store alone, so a search that was stopped goes on as it would have.
        `chosen` says of each spacer whether it was chosen, shape (m,); `candidates` hold nothing that is ruled out;
        `settings` are those of a pass over the space.
        """
        from screening.learned_oracle import plan_round

        rounds, left = state.spacer_rounds, state.calculations_left
        on_these_data = [one for one in rounds if one.data_key == data_key]
        if on_these_data and not on_these_data[-1].spacers and (on_these_data[-1].is_stable or not left):
            return None
        number, seed = len(rounds) + 1, self._config.seed
        if not rounds:
            return self._first(data_key)
        if chosen.all():
            return SpacerRound(number=number, data_key=data_key, spacers=(), open_places=0.0, is_stable=True)

        try:
            choice = plan_round(
                candidates(), self._known(chosen, progress), self._budget, left, (seed, number), settings
            )
        except TrainingDataError:  # most of what was computed failed: others are tried until the budget ends
            others = np.random.default_rng([seed, number]).permutation(np.flatnonzero(~chosen))
            return self._round(number, data_key, others[: min(left, self._budget // 10 + 1)])
        planned = self._round(number, data_key, choice.spacers[: 0 if choice.is_stable else None])
        told: dict[str, Any] = {
            "list_size": choice.list_size,
            "open_places": round(choice.open_places, 3),
            "is_stable": choice.is_stable,
            "n_far": 0 if choice.is_stable else choice.n_far,
            "scores": {score.name: {k: v for k, v in asdict(score).items() if k != "name"} for score in choice.scores},
        }
        return planned.model_copy(update=told)

    def _round(self, number: int, data_key: str, places: NDArray[np.integer[Any]]) -> SpacerRound:
        """A round of these spacers, which cost nothing where the store holds them."""
        keys = tuple(self._space.spacers[int(place)].inchikey for place in places)
        return SpacerRound(number=number, data_key=data_key, spacers=keys, n_known=len(self._held(keys)))

    def _held(self, keys: Sequence[str]) -> set[str]:
        with OracleStore(self._store) as store:
            return {key for key, record in store.get_many(keys, self._config.protocol).items() if not record.retry}

    def _first(self, data_key: str) -> SpacerRound:
        """What the oracle's store holds already, and as many more as a model can begin with."""
        from screening.learned_oracle import first_spacers

        keys = [spacer.inchikey for spacer in self._space.spacers]
        in_store = self._held(keys)
        is_known = np.fromiter((key in in_store for key in keys), np.bool_, len(keys))
        if int((~is_known).sum()) <= self._budget:
            further = np.flatnonzero(~is_known)
        else:
            charges = np.array([spacer.charge for spacer in self._space.spacers])
            further = first_spacers(is_known, charges, self._budget, self._config.seed)
        if not is_known.any() and not further.size:
            raise CampaignError(
                f"a budget of {self._budget} calculations computes no spacer, and the oracle's store holds none of the "
                f"{len(keys)}; grant some calculations (--budget)"
            )
        return self._round(1, data_key, np.concatenate([np.flatnonzero(is_known), further]))

    def _known(self, chosen: NDArray[np.bool_], progress: Progress | None) -> Known:
        from screening.learned_oracle import Known, StartShapes, spacer_features

        self._shapes = self._shapes or StartShapes(self._config.protocol, 2)
        smiles = [spacer.smiles for spacer in self._space.spacers]
        key = sha256("\n".join(["2", version("rdkit"), *smiles]).encode()).hexdigest()  # second kind of features
        features = self._artifacts.get(
            "spacer_features",
            key,
            lambda: spacer_features(smiles, 2, progress),
            _FEATURES if len(smiles) >= _WORTH_KEEPING else None,
        )
        return Known(features, chosen, self._shapes)


def _pack(features: SpacerFeatures) -> dict[str, Any]:
    counts = {name: getattr(features.counts, name) for name in ("data", "indices", "indptr")}
    return {"numbers": features.numbers, "formula": features.formula, "bits": features.counts.shape[1], **counts}


def _unpack(held: Mapping[str, Any]) -> SpacerFeatures:
    from scipy.sparse import csr_matrix

    from screening.learned_oracle import SpacerFeatures

    shape = (len(held["numbers"]), held["bits"])
    counts = csr_matrix((held["data"], held["indices"], held["indptr"]), shape=shape)
    return SpacerFeatures(held["numbers"], counts, held["formula"])


_FEATURES: Form[SpacerFeatures] = Form(_pack, _unpack)
