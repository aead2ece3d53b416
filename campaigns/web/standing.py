"""Where a campaign stands, for pages and answers: cheap to work out from its state at every request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from campaigns.lifecycle import AWAITED, NEVER_AGAIN, Stage
from campaigns.property_value import property_standings
from campaigns.state import CampaignState
from campaigns.summary import FitSummary
from campaigns.web.errors import NotServedError
from chemspace import parse_formula

if TYPE_CHECKING:
    from campaigns.campaign import Campaign
    from campaigns.state import Recorded
    from campaigns.suggestion import SuggestionBatch

__all__ = ["Stander", "Standing"]

#: Where something is to be done, whose turn it is, and what to do.
TURNS = {
    Stage.SUGGESTED: ("group meeting", "accept or decline"),
    Stage.ACCEPTED: ("synthesis", "start growing"),
    Stage.IN_SYNTHESIS: ("synthesis", "say how it ended"),
    Stage.FORMED: ("laser", "measure"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A campaign at one moment.

    Attributes:
        state: everything it knows.
        stages: where each compound stands that was ever mentioned.
        fit: on the present data, None while it has to be learnt from.
        best_observed: (formula, lifetime_ps) of the slowest measured compound inside the space.
        n_measured: rows known, published and its own.
        taken: indices in the space of what is measured, awaited or ruled out, ascending.
        measured: lifetimes (ps) that stand by formula, published rows too.
        bounds: upper bounds (ps) of lifetimes that stand, by formula.
    """

    state: CampaignState
    stages: Mapping[str, Stage]
    fit: FitSummary | None
    best_observed: tuple[str, float] | None
    n_measured: int
    taken: tuple[int, ...]
    measured: Mapping[str, tuple[float, ...]]
    bounds: Mapping[str, tuple[float, ...]]

    @property
    def properties(self) -> dict[str, dict[str, Any]]:
        """How many values there are of each further measured property, and what came since the launch."""
        return property_standings(self.state.config.properties, self.state.property_values)

    @property
    def batch(self) -> SuggestionBatch | None:
        """The last suggestions."""
        return self.state.batches[-1] if self.state.batches else None

    def round(self, number: int | None = None) -> SuggestionBatch:
        """The suggestions of a round, the last by default.

        Raises:
            NotServedError: if there is no such round, or none at all yet.
        """
        batches = self.state.batches
        if not batches:
            raise NotServedError("nothing has been suggested yet")
        at = len(batches) if number is None else number
        if not 1 <= at <= len(batches):
            raise NotServedError(f"there is no round {at}; the campaign has had {len(batches)}")
        return batches[at - 1]

    @property
    def is_outdated(self) -> bool:
        """Whether results have come in since the last suggestions were made."""
        return self.batch is None or self.fit is None or self.batch.data_key != self.fit.data_key

    @property
    def last_fit(self) -> FitSummary | None:
        """The present fit or, while there is none, the one before."""
        if self.fit is not None or not self.state.fits:
            return self.fit
        return FitSummary.from_dict(dict(list(self.state.fits.values())[-1]))

    @property
    def waiting(self) -> dict[str, list[tuple[str, Stage, str]]]:
        """What waits for whom: (formula, stage, what to do) by whose turn it is."""
        turns: dict[str, list[tuple[str, Stage, str]]] = {"group meeting": [], "synthesis": [], "laser": []}
        for formula, stage in self.stages.items():
            if stage in TURNS:
                who, what = TURNS[stage]
                turns[who].append((formula, stage, what))
        return turns


@dataclass(frozen=True, slots=True)
class _Measured:
    """What follows from the record alone."""

    record: tuple[Recorded, ...]
    best: tuple[str, float] | None
    n_rows: int
    lifetimes: Mapping[str, tuple[float, ...]]
    bounds: Mapping[str, tuple[float, ...]]


class Stander:
    """Works out the standing of one campaign, and again only what a new event can have changed."""

    def __init__(self) -> None:
        self._measured: _Measured | None = None
        self._standing: Standing | None = None
        self._index_of: dict[str, int | None] = {}

    def stand(self, campaign: Campaign) -> Standing:
        """The standing now."""
        state, known = campaign.state, self._standing
        if known is not None and known.state is state:
            return known
        measured = self._measured
        if measured is None or measured.record != state.record:
            measured = _measure(campaign, state)
            self._measured = measured
        stages = state.stages
        taken = {f for f, stage in stages.items() if stage in AWAITED | NEVER_AGAIN or stage is Stage.MEASURED}
        standing = Standing(
            state=state,
            stages=MappingProxyType(stages),
            fit=campaign.fit(),
            best_observed=measured.best,
            n_measured=measured.n_rows,
            taken=self._indices(taken | measured.lifetimes.keys() | measured.bounds.keys(), campaign),
            measured=measured.lifetimes,
            bounds=measured.bounds,
        )
        self._standing = standing
        return standing

    def _indices(self, formulas: set[str], campaign: Campaign) -> tuple[int, ...]:
        """Indices in the space of those formulas that it holds, ascending; each is looked up once."""
        space = campaign.space
        for formula in formulas - self._index_of.keys():
            compound = parse_formula(formula, campaign.names)
            self._index_of[formula] = space.index(compound) if compound in space else None
        found = (self._index_of[formula] for formula in formulas)
        return tuple(sorted(index for index in found if index is not None))


def _measure(campaign: Campaign, state: CampaignState) -> _Measured:
    from campaigns.learning import measured_dataset

    dataset = measured_dataset(state.measurements, campaign.names)
    lifetimes: dict[str, tuple[float, ...]] = {}
    bounds: dict[str, tuple[float, ...]] = {}
    rows = zip(dataset.compounds, dataset.table["lifetime_ps"], dataset.censored, strict=True)
    for compound, value, is_bound in rows:
        if compound is not None:
            held = bounds if is_bound else lifetimes
            held[compound.formula] = (*held.get(compound.formula, ()), float(value))
    return _Measured(state.record, campaign.status().best_observed, len(dataset), lifetimes, bounds)
