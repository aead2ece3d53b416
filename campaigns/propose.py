"""From a surrogate to the ranking and the next batch: the deciding half of a round. Stateless."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log10, nan
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from campaigns.config import BudgetRules, CampaignConfig
from campaigns.errors import CampaignError, NothingToSuggestError
from campaigns.targets import LearntProperty, Measurement
from chemspace import CationLibrary, Compound, CompoundSpace, parse_formula
from chemspace.progress import Progress
from chemspace.space import SpaceBlock
from oracle import CationRecord
from oracle.descriptors import CationTable
from screening.batch import BatchLimits, choose_batch
from screening.dataset import EXCLUDING_FLAGS, UPPER_BOUND, SpinDataset, excluding_flags
from screening.errors import BatchError
from screening.feasibility import FeasibilityModel
from screening.features import to_features
from screening.ranking import (
    Aim,
    Columns,
    Desire,
    Goal,
    Known,
    Lot,
    MeasuredSet,
    Numbers,
    Ranking,
    Tradeoff,
    price_of,
    price_property,
    rank,
    space_features,
)
from screening.ranking.aims import Property
from screening.strategies import HYPERVOLUME, RANDOM, Acquisition, Wish

if TYPE_CHECKING:
    from screening.surrogates import Surrogate
    from screening.validation import Validation

__all__ = ["cation_tables", "measured_dataset"]


#: Below this nothing can be validated: every fold must keep a handful of rows.
MIN_ROWS = 8


@dataclass(frozen=True)
class TrainingSet:
    """Rows that train, as arrays.

    Attributes:
        dataset: the k rows.
        x: features, shape (k, d).
        left_out: one line for each measured row that does not train, with the reason.
    """

    dataset: SpinDataset
    x: NDArray[np.float64]
    left_out: tuple[str, ...]

    @property
    def formulas(self) -> tuple[str, ...]:
        """Canonical formula of each row; a published row whose halides are uncertain keeps its filed one."""
        filed = self.dataset.table["formula"]
        return tuple(f if c is None else c.formula for c, f in zip(self.dataset.compounds, filed, strict=True))


def measured_dataset(measurements: Sequence[Measurement], library: CationLibrary) -> SpinDataset:
    """The published rows and a campaign's own."""
    published = SpinDataset.published()
    if not measurements:
        return published
    rows = pd.DataFrame([measurement.to_dict() for measurement in measurements])
    rows["flags"] = np.where(rows.pop("is_upper_bound"), UPPER_BOUND, "")
    rows = rows.rename(columns={"sample": "material_id", "source": "doi"})
    for column in ("lifetime_stderr_ps", "temperature_k"):
        rows[column] = pd.to_numeric(rows[column])
    return published.append(rows, library, confirm_range=True)


def layered_ions(compounds: Sequence[Compound]) -> frozenset[str]:
    """Metals and halides that the layered ones among `compounds` hold."""
    layered = [compound for compound in compounds if compound.spacer is not None]
    halides = {symbol for compound in layered for symbol, _ in compound.halide}
    return frozenset({compound.b_site for compound in layered} | halides)


def training_set(dataset: SpinDataset, records: Mapping[str, CationRecord], config: CampaignConfig) -> TrainingSet:
    """Rows of `dataset` that train, with their features.

    Args:
        dataset: every measured row.
        records: the oracle's records by InChIKey.
        config: says whether flagged rows train.

    Raises:
        CampaignError: if fewer than `MIN_ROWS` rows are left that are measurements, not bounds.
    """
    from oracle.descriptors import compound_descriptors

    compounds = dataset.compounds
    known = np.array([compound is not None for compound in compounds])
    x = np.full((len(dataset), to_features(np.empty((0, 10))).shape[1]), np.nan)
    x[known] = to_features(compound_descriptors([c for c in compounds if c is not None], records))
    reasons = [
        _why_not(flags, bool(row.all()), config.include_flagged)
        for flags, row in zip(dataset.table["flags"], np.isfinite(x), strict=True)
    ]
    keep = np.array([reason is None for reason in reasons])
    numbers = int((keep & ~dataset.censored).sum())
    if numbers < MIN_ROWS:
        raise CampaignError(f"only {numbers} measured rows can train a model; at least {MIN_ROWS} are needed")
    names = zip(dataset.table["material_id"], dataset.table["formula"], reasons, strict=True)
    left_out = tuple(f"{name} {formula}: {reason}".strip() for name, formula, reason in names if reason is not None)
    return TrainingSet(dataset.subset(keep), x[keep], left_out)


def validate(training: TrainingSet, config: CampaignConfig) -> Validation:
    """Out-of-fold predictions and score cards, leaving out one row and one spacer at a time."""
    from screening.validation import cross_validate

    data = training.dataset
    return cross_validate(
        training.x,
        data.log10_rate,
        data.noise,
        data.groups,
        seed=config.seed,
        name=config.surrogate,
        censored=data.censored,
    )


def fit(training: TrainingSet, config: CampaignConfig, validation: Validation) -> Surrogate:
    """The surrogate on all rows, its intervals recalibrated by the out-of-fold errors of `validation`."""
    from screening.surrogates import fit_surrogate

    data = training.dataset
    return fit_surrogate(
        training.x,
        data.log10_rate,
        data.noise,
        data.groups,
        seed=config.seed,
        name=config.surrogate,
        validation=validation,
        censored=data.censored,
    )


def _why_not(flags: str, described: bool, include_flagged: bool) -> str | None:
    """Why a row does not train, None if it does."""
    excluding = excluding_flags(flags)
    if excluding and not include_flagged:
        return "; ".join(EXCLUDING_FLAGS[flag] for flag in excluding)
    if not described:
        return "no descriptors: its composition is uncertain or the oracle failed for one of its cations"
    return None


#: Rows of the ranking that are kept.
TOP_K = 1000

#: Two crystals with one spacer teach less than two with different ones; one synthesis route failing costs only one.
MAX_PER_SPACER = 1

#: From this size on a space is passed over in single precision; the result is that of double precision.
LARGE = 200_000

#: Known properties that may be traded off against the rate: sign of the better, and what is sought, in words.
KNOWN_GOALS = {"price": (-1.0, "low price"), "feasibility": (1.0, "chance to form"), "novelty": (1.0, "novelty")}

#: Rows of the ranking that compete for a place in the batch.
SHORTLIST = 1000


def rank_space(
    space: CompoundSpace,
    tables: tuple[CationTable, CationTable],
    training: TrainingSet,
    surrogate: Surrogate,
    *,
    acquisition: Acquisition,
    feasibility: FeasibilityModel,
    exclude: NDArray[np.int64],
    goal_lifetime_ps: float | None = None,
    aim: Aim | Lot | None = None,
    progress: Progress | None = None,
    client: Any = None,
) -> Ranking:
    """The best `TOP_K` compounds by acquisition times feasibility, or by an aim.

    Args:
        space: the compounds.
        tables: descriptors of its spacers and of its cage cations.
        training: rows the surrogate was trained on; its best compound inside the space is what must be beaten.
        surrogate: predicts log10 rate.
        acquisition: what to rank by.
        feasibility: multiplies it.
        exclude: indices in `space` that are measured, pending or ruled out, shape (e,).
        goal_lifetime_ps: where it is beyond the best compound, it must be beaten instead, ps.
        aim: takes the place of the acquisition times feasibility.
        progress: called after each block.
        client: a `distributed.Client` whose workers make the pass; None makes it here.

    Raises:
        NothingLeftError: if nothing is left to rank.
    """
    best = best_observed(space, training)
    return rank(
        space,
        *tables,
        surrogate,
        feasibility,
        best_observed=best if goal_lifetime_ps is None else min(best, -log10(goal_lifetime_ps)),
        top_k=TOP_K,
        exclude=exclude,
        measured=MeasuredSet(training.formulas, training.x),
        score=acquisition,
        single_precision=len(space) >= LARGE,
        aim=aim,
        progress=progress,
        client=client,
    )


def aim_of(
    config: CampaignConfig,
    acquisition: str,
    space: CompoundSpace,
    training: TrainingSet,
    surrogate: Surrogate,
    properties: Sequence[LearntProperty],
    prices: Mapping[str, float],
) -> Aim | Lot | None:
    """What the description ranks by instead of an acquisition times feasibility, None where it is that.

    Args:
        config: the description.
        acquisition: the one that its surrogate has earned or that it asks for.
        space: the compounds.
        training: rows whose rate is measured.
        surrogate: of the rate.
        properties: what was learnt of the further measured ones.
        prices: money a mole of each cation by InChIKey, for a ranking that asks for the price.
    """
    if config.objective.wishes:
        return _desire(config, space, training, properties, prices)
    if acquisition == RANDOM:
        return Lot(config.seed)
    if acquisition == HYPERVOLUME:
        return _tradeoff(config, space, training, surrogate, properties, prices)
    return None


def _desire(
    config: CampaignConfig,
    space: CompoundSpace,
    training: TrainingSet,
    properties: Sequence[LearntProperty],
    prices: Mapping[str, float],
) -> Desire:
    wishes = tuple(Wish(wish.column, wish.useless, wish.perfect, wish.weight) for wish in config.objective.wishes)
    known: dict[str, Property] = {learnt.name: _mean_of(learnt) for learnt in properties}
    known["price"] = price_property(space, prices)
    return Desire(wishes, known, MeasuredSet(training.formulas, training.x))


def _tradeoff(
    config: CampaignConfig,
    space: CompoundSpace,
    training: TrainingSet,
    surrogate: Surrogate,
    properties: Sequence[LearntProperty],
    prices: Mapping[str, float],
) -> Tradeoff:
    goals = [
        Goal(learnt.name, learnt.surrogate, 1.0 if learnt.goal == "maximize" else -1.0, learnt.worst)
        for learnt in properties
        if learnt.goal is not None
    ]
    goal_ps, measured = config.objective.goal_lifetime_ps, ~training.dataset.censored
    per_mol = np.array([nan if c is None else price_of(c, prices) for c in training.dataset.compounds])
    known = [
        Known(name, KNOWN_GOALS[name][0], worst, per_mol[measured] if name == "price" else None)
        for name, worst in config.objective.tradeoff.items()
    ]
    source = Columns({"price": price_property(space, prices)}, MeasuredSet(training.formulas, training.x))
    worst_rate = None if goal_ps is None else -log10(goal_ps)
    return Tradeoff.of(surrogate, goals, training.x[measured], worst_rate, known, source)


def awaited_columns(
    aim: Aim | Lot | None,
    space: CompoundSpace,
    waiting: NDArray[np.int64],
    x: NDArray[np.float64],
    feasibility: FeasibilityModel,
) -> pd.DataFrame | None:
    """What a batch by a tradeoff is told of the compounds that are awaited, one row each; None for other aims.

    Args:
        aim: what is ranked by.
        space: the compounds.
        waiting: indices of those awaited, shape (p,).
        x: their features, shape (p, d).
        feasibility: tells their chance to form.
    """
    if not isinstance(aim, Tradeoff):
        return None
    block, none = space.take(waiting), np.full(len(waiting), nan)
    numbers = Numbers(block, x, none, none, none, feasibility.bind(space).log_probability(block))
    return pd.DataFrame({name: aim.source.of(name, numbers) for name in aim.awaits}, index=range(len(waiting)))


def _mean_of(learnt: LearntProperty) -> Property:
    def mean(block: SpaceBlock, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return learnt.predict(x)[0]

    return mean


def best_observed(space: CompoundSpace, training: TrainingSet) -> float:
    """Lowest measured log10 rate of a compound inside the space; of all rows where none is inside. Bounds do not
    count: such a lifetime may be any shorter."""
    data = training.dataset.subset(~training.dataset.censored)
    rates = data.log10_rate
    inside = np.array([compound in space for compound in data.compounds])
    return float(rates[inside].min() if inside.any() else rates.min())


def cation_tables(space: CompoundSpace, records: Mapping[str, CationRecord]) -> tuple[CationTable, CationTable]:
    """Descriptors of the space's spacers and of its cage cations."""
    every = list(records.values())
    return CationTable.from_records(space.spacers, every), CationTable.from_records(space.cage_cations, every)


def pending_features(
    space: CompoundSpace, pending: NDArray[np.int64], tables: tuple[CationTable, CationTable]
) -> NDArray[np.float64]:
    """Features of the pending compounds, shape (p, d)."""
    return space_features(space, pending, *tables)


def choose(
    ranking: Ranking,
    surrogate: Surrogate,
    pending: NDArray[np.float64],
    batch_size: int,
    seed: int,
    *,
    acquisition: str = "log_ei",
    aim: Aim | Lot | None = None,
    observed: NDArray[np.float64] | None = None,
    limits: BudgetRules | None = None,
    cost: NDArray[np.float64] | None = None,
    days: NDArray[np.float64] | None = None,
    barred: NDArray[np.bool_] | None = None,
    awaited: pd.DataFrame | None = None,
) -> NDArray[np.int64]:
    """Rows of the ranking's frame to make next, in the order they were chosen, shape (q,).

    At most `MAX_PER_SPACER` of one spacer unless the limits say otherwise; where the ranking has too few spacers for
    that, the cap rises until the batch is full. Limits that are given hold strictly.

    Args:
        ranking: its first `SHORTLIST` rows compete.
        surrogate: the model behind it.
        pending: features of what is awaited, shape (p, d).
        batch_size: q.
        seed: of the choice.
        acquisition: one of `screening.strategies.BATCH_ACQUISITIONS`: each member for what it adds to the others and
            to what is pending.
        aim: what the ranking is by instead.
        observed: features of what is measured, shape (k, d), for "qlog_nei".
        limits: of the campaign.
        cost, days: money and days of each row, shape (m,), at least `SHORTLIST` or all rows; NaN unknown.
        barred: rows that may not be chosen, shape as of cost.
        awaited: from `awaited_columns`.

    Raises:
        NothingToSuggestError: if the ranking or the limits leave fewer than `batch_size` compounds.
    """
    if len(ranking) < batch_size:
        raise NothingToSuggestError(f"only {len(ranking)} compounds are left to suggest, {batch_size} were asked for")
    bounds = _bounds(limits or BudgetRules(), ranking.spacer[:SHORTLIST], batch_size)
    try:
        chosen = choose_batch(
            ranking,
            surrogate,
            pending,
            batch_size,
            seed,
            limits=bounds,
            cost=cost,
            days=days,
            shortlist=SHORTLIST,
            acquisition=acquisition,
            observed=observed,
            barred=barred,
            aim=aim,
            awaited=awaited,
        )
    except BatchError as error:
        raise NothingToSuggestError(f"the budget of the campaign leaves no whole batch: {error}") from error
    place = {int(index): row for row, index in enumerate(ranking.frame["index"])}
    return np.array([place[int(index)] for index in chosen], dtype=np.int64)


def _bounds(limits: BudgetRules, spacer: NDArray[np.int64], batch_size: int) -> BatchLimits:
    cap = limits.max_per_spacer
    if cap is None:
        _, per_spacer = np.unique(spacer, return_counts=True)
        cap = next(c for c in range(MAX_PER_SPACER, SHORTLIST + 1) if np.minimum(per_spacer, c).sum() >= batch_size)
    return BatchLimits(cap, limits.min_distance, limits.max_cost, limits.max_days)


def indices_in(space: CompoundSpace, formulas: Sequence[str], library: CationLibrary) -> NDArray[np.int64]:
    """Indices in `space` of those `formulas` that it holds, shape (e,)."""
    return indices_of(space, (parse_formula(formula, library) for formula in formulas))


def indices_of(space: CompoundSpace, compounds: Iterable[Compound]) -> NDArray[np.int64]:
    """Indices in `space` of those `compounds` that it holds, shape (e,)."""
    return np.array([space.index(compound) for compound in compounds if compound in space], dtype=np.int64)
