"""Strategies of several properties: wishes met together, and the rate traded off by the growth of a hypervolume.

Expected hypervolume improvement of independent normal predictions, by a decomposition of what is not dominated yet into
boxes: Emmerich et al., IEEE CEC (2011), doi 10.1109/CEC.2011.5949880; Daulton et al., NeurIPS (2020), arXiv 2006.05078.
Shapes: m compounds, k observations, d features, g measured properties beside the rate, n fixed ones, p = 1 + g + n
properties with the rate, c boxes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from screening.errors import RankingError
from screening.strategies.acquisitions import (
    Acquisition,
    LogExpectedImprovement,
    hypervolume_improvement,
    log_expected_improvement,
    special,
    values_with,
)
from screening.strategies.strategy import (
    STRATEGIES,
    Chosen,
    Columns,
    FixedObjective,
    Numbers,
    PropertyObjective,
    Shortlist,
    Strategy,
    StrategyInputs,
    Wish,
    latent_sd,
    predict,
    register_strategy,
    unexplained_variance,
)

Array = NDArray[np.float64]
#: A wish that is not met at all leaves this share of the whole, so that candidates failing it still have an order.
_FLOOR = 1.0e-6
#: Candidates of a shortlist whose joint posterior with everything observed is held at once.
_AT_ONCE = 128
#: Compounds times boxes held at once in a pass: five properties of fifty compounds make five hundred boxes.
_CELLS = 1_000_000


def make_strategy(name: str, inputs: StrategyInputs) -> Strategy:
    """The strategy of a name for one round; wishes are met by means of it. A `RankingError` for a name that is not
    known, or inputs that it cannot be made from."""
    strategy = STRATEGIES.get(name).make(inputs)
    if not inputs.wishes:
        return strategy
    if not isinstance(strategy, Acquisition):
        raise RankingError(f"{name} leaves no place for wishes; give one or the other")
    return Desirability(inputs.wishes, inputs.columns, strategy)


@dataclass(frozen=True)
class Desirability(Strategy):
    """Wishes met together: the weighted geometric mean of how far each is met."""

    name = "wishes"
    words = "how far the wishes of the description are met together"

    wishes: tuple[Wish, ...]  #: at least one
    source: Columns = field(default_factory=Columns)  #: where the wished columns come from
    acquisition: Acquisition = field(default_factory=LogExpectedImprovement)  #: what a wish on "acquisition" is about

    def __post_init__(self) -> None:
        """Refuses (`RankingError`) no wishes, one on an unknown column, and novelty where nothing is measured."""
        if not self.wishes:
            raise RankingError(f"no wishes; give some on {', '.join(self.source.names)}")
        self.source.check(self.reads, "to wish for")

    def score(self, numbers: Numbers) -> Array:
        """Logarithm of the desirability, shape (m,); -inf where a column is not known."""
        return log_desirability(self.columns(numbers), self.wishes)

    def columns(self, numbers: Numbers) -> dict[str, Array]:
        """The wished columns, each (m,)."""
        return {
            name: self._acquisition(numbers) if name == "acquisition" else self.source.of(name, numbers)
            for name in self.reads
        }

    def gains(self, shortlist: Shortlist, chosen: Chosen) -> Array:
        """Desirability with what one more experiment changes, the acquisition and the novelty; shape (m,)."""
        values = {
            name: self.acquisition.next_value(shortlist, chosen)
            if name == "acquisition"
            else self.source.given(name, shortlist.frame, shortlist.x, chosen.x)
            for name in self.reads
        }
        return log_desirability(values, self.wishes)

    @property
    def reads(self) -> tuple[str, ...]:
        """The wished columns."""
        return tuple(wish.column for wish in self.wishes)

    @property
    def asked(self) -> str:
        """The wishes and their weights."""
        told = ", ".join(f"{wish.column} (weight {wish.weight:g})" for wish in self.wishes)
        return f"wishes, as the campaign's description asks, met together: {told}"

    @property
    def ranked_by(self) -> str:
        """That it is the wishes."""
        return self.words

    @property
    def leaves_out(self) -> str:
        """Compounds of which a wished column is not known."""
        return "of the others a wished column is not known"

    def _acquisition(self, numbers: Numbers) -> Array:
        return numbers.of_rows(self.acquisition.value(numbers.row_mean, numbers.row_sd, numbers.best))


def log_desirability(values: Mapping[str, Array], wishes: Sequence[Wish]) -> Array:
    """Logarithm of the weighted geometric mean of how far each wish is met, shape (m,); -inf where a value is NaN. A
    RankingError without wishes, or for a column that is not there. Source: Derringer and Suich, J. Qual. Technol. 12,
    214 (1980), doi 10.1080/00224065.1980.11980968; the weights, Derringer, Qual. Prog. 27 (6), 51 (1994)."""
    if not wishes:
        raise RankingError("no wishes: name at least one column to be desired")
    missing = [wish.column for wish in wishes if wish.column not in values]
    if missing:
        raise RankingError(f"no column {missing[0]!r} to wish for; there are {', '.join(values)}")
    total = sum(wish.weight for wish in wishes)
    result = np.zeros(len(values[wishes[0].column]))
    for wish in wishes:
        met = np.clip((np.asarray(values[wish.column]) - wish.useless) / (wish.perfect - wish.useless), _FLOOR, 1.0)
        result = result + wish.weight / total * np.log(met)
    return np.where(np.isnan(result), -np.inf, result)


@register_strategy
@dataclass(frozen=True)
class Hypervolume(Strategy):
    """Rate, measured and fixed properties at once: the expected growth of the volume that the best ones dominate.

    Made by `make`.
    """

    name = "qlog_nehvi"
    words = "largest expected growth of the volume that the best compromises of the properties dominate"
    takes = frozenset({"tradeoff"})

    goals: tuple[PropertyObjective, ...]  #: the measured properties beside the rate, g of them
    x_observed: Array  #: features of the compounds whose rate is measured, and their fixed properties, shape (k, d + n)
    reference: Array  #: the worst rate (log10) and the worst value of each property that are of interest, shape (p,)
    #: Lower and upper corners of what no observed compound dominates, every axis pointing to the better, shape (2, c,
    #: p).
    boxes: Array
    fixed: tuple[FixedObjective, ...] = ()  #: properties known before anything is measured, n of them
    source: Columns = field(default_factory=Columns)  #: where the fixed properties come from

    @classmethod
    def make(cls, inputs: StrategyInputs) -> Hypervolume:
        """Look at what is observed; each measured property of it is what its model says. A worst value that is not
        given lies a tenth of the front's range below its worst point (the rule of BoTorch's `infer_reference_point`:
        Ishibuchi et al., GECCO (2011), doi 10.1145/2001576.2001678). A `RankingError` without objectives or
        observations, for a fixed property that nothing tells, or for a surrogate that predicts no number."""
        import torch
        from botorch.utils.multi_objective.box_decompositions.non_dominated import FastNondominatedPartitioning
        from botorch.utils.multi_objective.hypervolume import infer_reference_point
        from botorch.utils.multi_objective.pareto import is_non_dominated

        x_observed, source = inputs.x_observed, inputs.columns
        if not inputs.objectives or not len(x_observed):
            raise RankingError("a tradeoff needs a property beside the rate, and compounds whose rate is measured")
        goals = tuple(one for one in inputs.objectives if isinstance(one, PropertyObjective))
        fixed = tuple(one for one in inputs.objectives if isinstance(one, FixedObjective))
        source.check([one.name for one in fixed], "to trade off")
        values = [_observed(one, x_observed, source) for one in fixed]
        points = np.unique(np.column_stack([x_observed, *values]), axis=0)
        x = points[:, : x_observed.shape[1]]
        signs = _signs(goals, fixed)
        modelled = [predict(part, x)[0] for part in (inputs.surrogate, *(goal.surrogate for goal in goals))]
        observed = torch.from_numpy(signs * np.column_stack([*modelled, points[:, x.shape[1] :]]))
        inferred = infer_reference_point(observed[is_non_dominated(observed)]).numpy()
        given = (inputs.worst_log10_rate, *(goal.worst for goal in goals), *(one.worst for one in fixed))
        worst = np.array([i if w is None else s * w for i, w, s in zip(inferred, given, signs, strict=True)])
        boxes = FastNondominatedPartitioning(torch.from_numpy(worst), observed).hypercell_bounds.numpy()
        return cls(goals, points, signs * worst, boxes, fixed, source)

    def score(self, numbers: Numbers) -> Array:
        """log(expected hypervolume improvement), shape (m,), plus log P(forms) unless that is one of the properties;
        -inf where a fixed property is not known or worse than the worst of interest."""
        predicted = [(numbers.mean, numbers.sd), *(self._latent(goal, numbers.x) for goal in self.goals)]
        fixed = [self.source.of(one.name, numbers) for one in self.fixed]
        m = len(numbers.log_p)
        step = max(1, _CELLS // self.boxes.shape[1])
        grown = [
            self._log_growth(
                [(mean[first : first + step], sd[first : first + step]) for mean, sd in predicted],
                [values[first : first + step] for values in fixed],
            )
            for first in range(0, m, step)
        ]
        value: Array = np.concatenate([*grown, np.empty(0)]) + self._weight(numbers.log_p)
        return value

    def gains(self, shortlist: Shortlist, chosen: Chosen) -> Array:
        """What each candidate adds to everything observed, pending and chosen: BoTorch's qLogNEHVI, shape (m,)."""
        models = [shortlist.model, *(goal.surrogate.model for goal in self.goals)]
        x, frame, points = shortlist.x, shortlist.frame, chosen.x
        own = np.column_stack([x, *(self.source.given(one.name, frame, x, points) for one in self.fixed)])
        others = np.column_stack([points, *(self._of_points(one, chosen) for one in self.fixed)])
        signs, reference = _signs(self.goals, self.fixed).tolist(), self.reference.tolist()
        acquisition = hypervolume_improvement(models, signs, self.x_observed, reference, shortlist.seed, others)
        value = values_with(acquisition, own, _AT_ONCE)
        return value if shortlist.log_p is None else value + self._weight(shortlist.log_p)

    def columns(self, numbers: Numbers) -> dict[str, Array]:
        """Predicted mean of each measured property and the fixed ones, shape (m,)."""
        predicted = {goal.name: predict(goal.surrogate, numbers.x)[0] for goal in self.goals}
        return predicted | {one.name: self.source.of(one.name, numbers) for one in self.fixed}

    @property
    def pending_names(self) -> tuple[str, ...]:
        """The fixed properties that features do not tell."""
        return tuple(one.name for one in self.fixed if one.name != "novelty")

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns of the properties."""
        return (*(goal.name for goal in self.goals), *(one.name for one in self.fixed))

    @property
    def asked(self) -> str:
        """What is traded off."""
        goals = ", ".join([*(goal.words for goal in self.goals), *(one.words for one in self.fixed)])
        return f"{self.name}, as the campaign's description asks: slow relaxation traded off against: {goals}"

    @property
    def leaves_out(self) -> str:
        """Compounds that are worse than what is still of interest."""
        if not self.fixed:
            return ""
        worst = ", ".join(f"{one.name} {one.worst:g}" for one in self.fixed)
        return f"the others are worse than the worst still of interest ({worst}) or not known"

    def _log_growth(self, predicted: Sequence[tuple[Array, Array]], fixed: Sequence[Array]) -> Array:
        """log(expected hypervolume improvement), shape (m,), from what is predicted (mean, sd) and what is fixed."""
        total = np.zeros((len(predicted[0][0]), self.boxes.shape[1]))
        signs = _signs(self.goals, self.fixed)
        for axis, (mean, sd) in enumerate(predicted):
            total += _log_expected_length(signs[axis] * mean, sd, *self.boxes[:, :, axis])
        for axis, values in enumerate(fixed, start=len(predicted)):
            total += _log_length(signs[axis] * values, *self.boxes[:, :, axis])
        return special("logsumexp", total, -1)

    def _weight(self, log_p: Array) -> Array:
        """log P(forms) where it multiplies what a compound adds, shape (m,); zeros where it is a property itself."""
        return np.zeros_like(log_p) if "feasibility" in {one.name for one in self.fixed} else log_p

    def _of_points(self, one: FixedObjective, chosen: Chosen) -> Array:
        """A fixed property of what is pending or chosen, shape (p,); where it is not known, its worst value."""
        if one.name != "novelty":
            values = chosen.columns[one.name].to_numpy(dtype=np.float64)
            return np.where(np.isfinite(values), values, one.worst)
        points, rows = chosen.x, range(len(chosen.x))
        apart = [self.source.novelty(points[[row]], np.delete(points, row, axis=0)) for row in rows]
        return np.array(apart).reshape(len(points))

    def _latent(self, goal: PropertyObjective, x: Array) -> tuple[Array, Array]:
        mean, sd = predict(goal.surrogate, x)
        return mean, latent_sd(sd, unexplained_variance(goal.surrogate))


def _signs(goals: Sequence[PropertyObjective], fixed: Sequence[FixedObjective]) -> Array:
    """-1 for the rate, and the sign of each property, shape (p,)."""
    return np.array([-1.0, *(goal.sign for goal in goals), *(one.sign for one in fixed)])


def _observed(one: FixedObjective, x: Array, source: Columns) -> Array:
    """A fixed property of the compounds whose rate is measured, shape (k,)."""
    if one.observed is not None:
        values = np.asarray(one.observed, dtype=np.float64)
        if values.shape != (len(x),):
            raise RankingError(f"{one.name}: {values.shape} observed values for {len(x)} compounds: one each")
    elif one.name == "novelty" and source.measured is not None:
        alone = source.measured.alone(x)
        values = np.where(np.isfinite(alone), alone, 0.0)  # nothing else is measured
    elif one.name == "feasibility":
        values = np.ones(len(x))
    else:
        raise RankingError(f"{one.name}: give `observed`, its values for the compounds whose rate is measured")
    return np.where(np.isfinite(values), values, one.worst)


def _log_length(value: Array, low: Array, high: Array) -> Array:
    """Logarithm of the length of intervals [low, high], (c,), below a number (m,), shape (m, c); -inf for NaN."""
    length = np.minimum(np.nan_to_num(value, nan=-np.inf)[:, None], high[None, :]) - low[None, :]
    logarithm: Array = np.log(length, out=np.full(length.shape, -np.inf), where=length > 0.0)
    return logarithm


def _log_expected_length(mean: Array, sd: Array, low: Array, high: Array) -> Array:
    """Logarithm of the expected length of that part below a normal number of mean and sd (m,), shape (m, c)."""
    above_low = log_expected_improvement(-mean[:, None], sd[:, None], -low[None, :])
    ends = np.where(np.isfinite(high), high, 0.0)
    above_high = log_expected_improvement(-mean[:, None], sd[:, None], -ends[None, :])
    share = np.where(np.isfinite(high), np.minimum(above_high - above_low, -1e-15), -np.inf)
    value: Array = above_low + np.log1p(-np.exp(share))
    return value
