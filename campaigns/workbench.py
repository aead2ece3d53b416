"""What a campaign computes from its state and keeps for the next question; on disk there are only copies of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from campaigns.artifacts import Kept, data_key, digest
from campaigns.budget import Budget
from campaigns.config import CampaignConfig
from campaigns.space import hazards_of, prices_of, space_of, with_builtin
from campaigns.state import CampaignState
from campaigns.summary import Described
from chemspace import Cation, CationLibrary, Compound, CompoundSpace, parse_formula
from chemspace.progress import Progress
from oracle import CationRecord, OracleStore, describe

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from campaigns.prediction import Prediction
    from campaigns.round import Round
    from campaigns.summary import Suggestion
    from campaigns.targets import LearntProperty
    from oracle.descriptors import CationTable
    from screening.dataset import SpinDataset
    from screening.feasibility import SpacerTraits
    from screening.validation.card import FullCard

__all__ = ["geometries"]


def geometries(compound: Compound, records: Mapping[str, CationRecord]) -> dict[str, NDArray[np.float64]]:
    """xTB geometries of a compound's cations by InChIKey, shape (atoms, 3), angstrom.

    A cation without a record, or whose record is of another drawing of it (another order of atoms), is left out.
    """
    found: dict[str, NDArray[np.float64]] = {}
    for cation, _ in compound.cation_counts:
        record = records.get(cation.inchikey)
        if record is not None and record.geometry and record.smiles == cation.smiles:
            found[cation.inchikey] = _coordinates(record.geometry.splitlines()[2:])
    return found


def _coordinates(lines: Iterable[str]) -> NDArray[np.float64]:
    """Positions of an XYZ block's atoms."""
    return np.array([[float(value) for value in line.split()[1:4]] for line in lines if line.strip()])


class Workbench:
    """Space, descriptors and rounds of one campaign, each computed when first asked for.

    Every method takes the state it works on, so that an old state can be worked on beside the present one.
    """

    def __init__(
        self, config: CampaignConfig, library: CationLibrary, oracle_store: Path, folder: Path | None = None
    ) -> None:
        """Bind a campaign's description, its library, the file of computed descriptors, and a folder for copies."""
        self._folder = folder
        self.config = config
        self.library = library
        self._oracle_store = oracle_store
        self._records: dict[str, CationRecord] = {}
        self._round: tuple[str, Round] | None = None
        #: Compounds that have a value of a property, and the values they are those of.
        self._valued: tuple[object, list[Compound]] | None = None
        self._kept = Kept(folder)

    def afresh(self) -> Workbench:
        """Another one that knows nothing yet and believes no copies, to compute the same again."""
        return Workbench(self.config, self.library, self._oracle_store)

    @cached_property
    def names(self) -> CationLibrary:
        """Every cation a formula may name: the library's and the built-in ones."""
        return with_builtin(self.library)

    @cached_property
    def budget(self) -> Budget:
        """What a batch may cost, by the price table."""
        return Budget(self.config.budget, prices_of(self.config, self.names), hazards_of(self.config, self.names))

    @cached_property
    def traits(self) -> SpacerTraits:
        """What feasibility reads off the spacers; of a large library they are kept in the campaign's folder."""
        from campaigns.space import spacer_traits

        return spacer_traits(self.space.spacers, self._folder)

    @cached_property
    def space(self) -> CompoundSpace:
        """The compounds the campaign may suggest."""
        return space_of(self.config, self.library)

    def data_key(self, state: CampaignState) -> str:
        """Key of a fit on this state."""
        protocol, code = self.config.protocol.key, version("spinscreen")
        return data_key(self.config, state.measurements, state.outcomes, protocol, code, state.properties)

    def dataset(self, state: CampaignState) -> SpinDataset:
        """The published measurements and the campaign's own."""
        from campaigns.propose import measured_dataset

        return measured_dataset(state.measurements, self.names)

    def best_observed(self, state: CampaignState) -> tuple[str, float] | None:
        """Formula and lifetime (ps) of the slowest measured compound inside the space, among rows that may train."""
        from campaigns.propose import measured_dataset

        numbers = [m for m in state.measurements if not m.is_upper_bound]
        dataset = measured_dataset(numbers, self.names).trainable(self.config.include_flagged)
        rows = zip(dataset.compounds, dataset.table["lifetime_ps"], strict=True)
        inside = ((c.formula, float(t)) for c, t in rows if c is not None and c in self.space)
        return max(inside, key=lambda pair: pair[1], default=None)

    def describe(
        self,
        state: CampaignState,
        *,
        also: Sequence[Compound] = (),
        workers: int = 2,
        progress: Progress | None = None,
    ) -> Described:
        """Compute the descriptors of every organic cation of the space, of what is measured, and of `also`."""
        cations = self._cations(state, also)
        known = self._kept.tables(self._tables_key)
        if known is None:
            failures = self._describe(cations, workers, progress)
        else:
            found = self._describe(needed_cations((), [*self._measured(state), *also]), workers, progress)
            failures = tuple(dict.fromkeys((*known[2], *found)))
        return Described(len(cations), failures)

    def records(
        self, state: CampaignState, also: Sequence[Compound] = (), progress: Progress | None = None
    ) -> dict[str, CationRecord]:
        """Records of every cation of the space, of what is measured and of `also`, by InChIKey; missing ones are
        computed."""
        return self._look_up(self._cations(state, also), progress)

    def tables(self, progress: Progress | None = None) -> tuple[CationTable, CationTable]:
        """Descriptors of the space's spacers and of its cage cations; missing ones are computed."""
        from campaigns.propose import cation_tables

        if (known := self._kept.tables(self._tables_key)) is not None:
            return known[0], known[1]
        records = self._look_up(self._of_space, progress)
        spacers, cages = cation_tables(self.space, records)
        own = [records[cation.inchikey] for cation in self._of_space]
        if not any(record.retry for record in own):  # else the next command may have more luck
            self._kept.keep_tables(self._tables_key, spacers, cages, self._failures(self._of_space))
        return spacers, cages

    def learn(
        self, state: CampaignState, pending: Sequence[str], progress: Progress | None = None, dask: str | None = None
    ) -> Round:
        """The round on this state; kept, since the next step of a command asks for it again.

        Args:
            state: to work on.
            pending: formulas whose result is awaited.
            progress: called while training and ranking.
            dask: address or scheduler file of a Dask cluster that passes over the space, where no copy spares that.
        """
        from campaigns.round import learn_and_rank
        from oracle.cluster import connected
        from oracle.descriptors import CationTable

        data_key = self.data_key(state)
        key = f"{data_key} {' '.join(sorted(pending))} {' '.join(sorted(state.barred))}"
        if self._round is None or self._round[0] != key:
            tables = self.tables(progress)
            measured = needed_cations((), self._measured(state))
            records = self._look_up(measured, progress)
            described = digest(CationTable.from_records(measured, list(records.values())))
            fit_key, rank_key = f"{data_key} {described}", f"{key} {described} {digest(*tables)}"
            validation, ranking = self._kept.validation(fit_key), self._kept.ranking(rank_key)
            with connected(dask if ranking is None else None) as client:
                done = learn_and_rank(
                    self.config,
                    self.names,
                    self.space,
                    tables,
                    records,
                    state,
                    pending,
                    progress,
                    traits=self.traits,
                    validation=validation,
                    ranking=ranking,
                    properties=self._properties(state, fit_key, records),
                    client=client,
                )
            if validation is None:
                self._kept.keep_validation(fit_key, done.validation)
            if ranking is None:
                self._kept.keep_ranking(rank_key, done.ranking)
            self._round = (key, done)
        return self._round[1]

    def _properties(
        self, state: CampaignState, fit_key: str, records: dict[str, CationRecord]
    ) -> tuple[LearntProperty, ...]:
        """What is learnt of the further measured properties; how well, from copies where there are any."""
        if not state.properties:
            return ()
        from campaigns.targets import learn_property

        learnt = []
        for name, measured in state.properties.items():
            known = self._kept.validation(fit_key, f"validation_{name}")
            learnt.append(learn_property(name, measured, self.names, records, self.config.seed, known))
            if known is None:
                self._kept.keep_validation(fit_key, learnt[-1].validation, f"validation_{name}")
        return tuple(learnt)

    def suggest(
        self,
        state: CampaignState,
        pending: Sequence[str],
        batch_size: int,
        seed: int,
        progress: Progress | None = None,
        dask: str | None = None,
    ) -> tuple[Suggestion, ...]:
        """The next compounds to make on this state, within the campaign's budget; `dask` as for `learn`."""
        from campaigns.round import suggestions

        return suggestions(self.learn(state, pending, progress, dask), batch_size, seed, self.budget)

    def validate(self, state: CampaignState, progress: Progress | None = None) -> FullCard:
        """The full score card of the surrogate on the rows that train on this state."""
        from campaigns.round import full_card

        records = self._look_up(needed_cations((), self._measured(state)), progress)
        return full_card(self.config, self.names, records, state, progress)

    def structure(self, state: CampaignState, compound: Compound, progress: Progress | None = None) -> Structure:
        """An idealised crystal with the oracle's geometries of its cations, those it has."""
        from chemspace.crystal import build_structure

        return build_structure(compound, geometries(compound, self._look_up(needed_cations((), [compound]), progress)))

    def predict(self, state: CampaignState, formula: str | Compound, progress: Progress | None = None) -> Prediction:
        """What the model trained on this state expects of a compound, in the space or not."""
        from campaigns.prediction import predict

        compound = parse_formula(formula, self.names) if isinstance(formula, str) else formula
        done = self.learn(state, state.pending_before(self.data_key(state)), progress)
        return predict(done, compound, self._look_up(needed_cations((), [compound]), progress))

    @cached_property
    def _of_space(self) -> tuple[Cation, ...]:
        return needed_cations((*self.space.spacers, *self.space.cage_cations), ())

    @cached_property
    def _tables_key(self) -> str:
        return "\n".join([self.config.protocol.key, *(cation.inchikey for cation in self._of_space)])

    def _measured(self, state: CampaignState) -> list[Compound]:
        """What a lifetime or a further property is measured of."""
        lifetimes = [compound for compound in self.dataset(state).compounds if compound is not None]
        return lifetimes + self._with_properties(state)

    def _with_properties(self, state: CampaignState) -> list[Compound]:
        if not state.properties:
            return []
        from campaigns.targets import property_compounds

        if self._valued is None or self._valued[0] is not state.property_values:
            self._valued = (state.property_values, property_compounds(state.properties, self.names))
        return self._valued[1]

    def _cations(self, state: CampaignState, also: Sequence[Compound]) -> tuple[Cation, ...]:
        return needed_cations(self._of_space, [*self._measured(state), *also])

    def _look_up(self, cations: Sequence[Cation], progress: Progress | None) -> dict[str, CationRecord]:
        if any(cation.inchikey not in self._records for cation in cations):
            self._describe(cations, 2, progress)
        return self._records

    def _describe(self, cations: Sequence[Cation], workers: int, progress: Progress | None) -> tuple[str, ...]:
        """Compute what the store does not hold; a line for each cation that has no descriptors."""
        with OracleStore(self._oracle_store) as store:
            found = describe(cations, self.config.protocol, store, workers=workers, progress=progress)
        self._records |= {record.inchikey: record for record in found}
        return self._failures(cations)

    def _failures(self, cations: Sequence[Cation]) -> tuple[str, ...]:
        told = ((cation, self._records[cation.inchikey]) for cation in cations)
        return tuple(f"{c.abbreviation} has no descriptors: {record.error}" for c, record in told if not record.ok)


def needed_cations(cations: Sequence[Cation], compounds: Sequence[Compound]) -> tuple[Cation, ...]:
    """The organic ones among cations and those of compounds, each once."""
    of_compounds = (cation for compound in compounds for cation, _ in compound.cation_counts)
    return tuple(cation for cation in dict.fromkeys((*cations, *of_compounds)) if cation.is_organic)
