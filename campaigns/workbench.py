"""What a campaign computes from its state and keeps for the next question. Nothing here is remembered on disk."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from campaigns.budget import Budget
from campaigns.config import CampaignConfig
from campaigns.keys import data_key
from campaigns.space import prices_of, space_of, with_builtin
from campaigns.state import CampaignState
from campaigns.summary import Described
from chemspace import Cation, CationLibrary, Compound, CompoundSpace, parse_formula
from chemspace.progress import Progress
from oracle import CationRecord, OracleStore, describe

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from campaigns.prediction import Prediction
    from campaigns.round import Round
    from campaigns.suggestion import Suggestion
    from screening.dataset import SpinDataset
    from screening.feasibility import SpacerTraits
    from screening.validation.card import FullCard

__all__ = ["Workbench", "needed_cations"]


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

    @cached_property
    def names(self) -> CationLibrary:
        """Every cation a formula may name: the library's and the built-in ones."""
        return with_builtin(self.library)

    @cached_property
    def budget(self) -> Budget:
        """What a batch may cost, by the price table."""
        return Budget(self.config.limits, prices_of(self.config, self.names))

    @cached_property
    def traits(self) -> SpacerTraits:
        """What feasibility reads off the spacers; of a large library they are kept in the campaign's folder."""
        from campaigns.libraries import spacer_traits

        return spacer_traits(self.space.spacers, self._folder)

    @cached_property
    def space(self) -> CompoundSpace:
        """The compounds the campaign may suggest."""
        return space_of(self.config, self.library)

    def data_key(self, state: CampaignState) -> str:
        """Key of a fit on this state."""
        protocol, code = self.config.protocol.key, version("spinscreen")
        return data_key(self.config, state.measurements, state.outcomes, protocol, code)

    def dataset(self, state: CampaignState) -> SpinDataset:
        """The published measurements and the campaign's own."""
        from campaigns.learning import measured_dataset

        return measured_dataset(state.measurements, self.names)

    def best_observed(self, state: CampaignState) -> tuple[str, float] | None:
        """Formula and lifetime (ps) of the slowest measured compound inside the space, among rows that may train."""
        from campaigns.learning import measured_dataset

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
        store = OracleStore(self._oracle_store)
        try:
            found = describe(cations, self.config.protocol, store, workers=workers, progress=progress)
        finally:
            store.close()
        self._records |= {record.inchikey: record for record in found}
        names = {cation.inchikey: cation.abbreviation for cation in cations}
        failed = (record for record in found if not record.ok)
        return Described(len(cations), tuple(f"{names[r.inchikey]} has no descriptors: {r.error}" for r in failed))

    def records(
        self, state: CampaignState, also: Sequence[Compound] = (), progress: Progress | None = None
    ) -> dict[str, CationRecord]:
        """Records of every cation needed, by InChIKey; missing ones are computed."""
        if any(cation.inchikey not in self._records for cation in self._cations(state, also)):
            self.describe(state, also=also, progress=progress)
        return self._records

    def learn(self, state: CampaignState, pending: Sequence[str], progress: Progress | None = None) -> Round:
        """The round on this state; kept, since the next step of a command asks for it again."""
        from campaigns.round import learn_and_rank

        key = f"{self.data_key(state)} {' '.join(sorted(pending))} {' '.join(sorted(state.barred))}"
        if self._round is None or self._round[0] != key:
            records = self.records(state, progress=progress)
            done = learn_and_rank(
                self.config, self.names, self.space, records, state, pending, progress, traits=self.traits
            )
            self._round = (key, done)
        return self._round[1]

    def suggest(
        self,
        state: CampaignState,
        pending: Sequence[str],
        batch_size: int,
        seed: int,
        progress: Progress | None = None,
    ) -> tuple[Suggestion, ...]:
        """The next compounds to make on this state, within the campaign's budget."""
        from campaigns.round import suggestions

        return suggestions(self.learn(state, pending, progress), batch_size, seed, self.budget)

    def validate(self, state: CampaignState, progress: Progress | None = None) -> FullCard:
        """The full score card of the surrogate on the rows that train on this state."""
        from campaigns.score_card import full_card

        records = self.records(state, progress=progress)
        return full_card(self.config, self.names, records, state, progress)

    def structure(self, state: CampaignState, compound: Compound, progress: Progress | None = None) -> Structure:
        """An idealised crystal with the oracle's geometries of its cations, those it has."""
        from campaigns.making import geometries

        return compound.structure(geometries(compound, self.records(state, [compound], progress)))

    def predict(
        self, state: CampaignState, formula: str | Compound, progress: Progress | None = None
    ) -> Prediction:  # fmt: skip
        """What the model trained on this state expects of a compound, in the space or not."""
        from campaigns.prediction import predict

        compound = parse_formula(formula, self.names) if isinstance(formula, str) else formula
        done = self.learn(state, state.pending_before(self.data_key(state)), progress)
        return predict(done, compound, self.records(state, [compound], progress))

    def _cations(self, state: CampaignState, also: Sequence[Compound]) -> tuple[Cation, ...]:
        measured = [compound for compound in self.dataset(state).compounds if compound is not None]
        return needed_cations(self.space, [*measured, *also])


def needed_cations(space: CompoundSpace, compounds: Sequence[Compound]) -> tuple[Cation, ...]:
    """The organic cations of a space and of further compounds, each once."""
    of_compounds = (cation for compound in compounds for cation, _ in compound.cation_counts)
    every = dict.fromkeys((*space.spacers, *space.cage_cations, *of_compounds))
    return tuple(cation for cation in every if cation.is_organic)
