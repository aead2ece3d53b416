"""Rate and further properties at once: the expected growth of the volume that the best compromises dominate.

A property is measured and has a model (a band gap), or is known before anything is made (a price, P(forms), novelty).
Expected hypervolume improvement of independent normal predictions, by a decomposition of what is not dominated yet into
boxes: Emmerich et al., IEEE CEC (2011), doi 10.1109/CEC.2011.5949880; Daulton et al., NeurIPS (2020), arXiv 2006.05078.
Shapes: m compounds, k observations, d features, g measured properties beside the rate, n known ones, p = 1 + g + n
properties with the rate, c boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp

from screening.errors import RankingError
from screening.ranking.aims import Columns, Numbers
from screening.ranking.stream import latent_sd, predict, unexplained_variance
from screening.strategies.acquisition import log_expected_improvement
from screening.strategies.joint import hypervolume_improvement, values_with

__all__ = ["Tradeoff"]

Array = NDArray[np.float64]
#: Candidates of a shortlist whose joint posterior with everything observed is held at once.
_AT_ONCE = 128
#: Compounds times boxes held at once in a pass: five properties of fifty compounds make five hundred boxes.
_CELLS = 1_000_000


@dataclass(frozen=True)
class Goal:
    """A measured property beside the rate.

    Attributes:
        name: of its column in a ranking.
        surrogate: predicts it, `predict(x, chunk) -> (mean, sd)` over the features of the rate's; for batches it has a
            BoTorch `model`.
        sign: +1 where large values are good, -1 where small ones are.
        worst: the worst value still of interest; None takes it from what is observed.
    """

    name: str
    surrogate: Any
    sign: float
    worst: float | None = None

    def __post_init__(self) -> None:
        _check_sign(self.name, self.sign)


@dataclass(frozen=True)
class Known:
    """A property that is known of a compound before it is made.

    Attributes:
        name: "feasibility", "novelty", or a further one of the tradeoff's columns, such as a price.
        sign: +1 where large values are good, -1 where small ones are.
        worst: the worst value still of interest: what is worse is left out.
        observed: its values for the compounds whose rate is measured, shape (k,), NaN where it is not known: such a
            compound dominates nothing. None for "feasibility", since what is measured has formed (1), and for
            "novelty", which is then the distance to the nearest other measured compound.
    """

    name: str
    sign: float
    worst: float
    observed: Array | None = None

    def __post_init__(self) -> None:
        _check_sign(self.name, self.sign)
        if not np.isfinite(self.worst):
            raise RankingError(f"{self.name}: the worst value still of interest is {self.worst}; give a number")


@dataclass(frozen=True)
class Tradeoff:
    """A slow rate traded off against further properties; made by `of`.

    Attributes:
        goals: the measured properties beside the rate, g of them. known: the known ones, n of them.
        x_observed: features of the compounds whose rate is measured, and their known properties, shape (k, d + n).
        reference: the worst rate (log10) and the worst value of each property that are of interest, shape (p,).
        boxes: lower and upper corners of what no observed compound dominates, every axis pointing to the better,
            shape (2, c, p).
        source: where the known properties come from.
    """

    goals: tuple[Goal, ...]
    x_observed: Array
    reference: Array
    boxes: Array
    known: tuple[Known, ...] = ()
    source: Columns = field(default_factory=Columns)

    @classmethod
    def of(
        cls,
        surrogate: Any,
        goals: Sequence[Goal],
        x_observed: Array,
        worst_log10_rate: float | None = None,
        known: Sequence[Known] = (),
        source: Columns | None = None,
    ) -> Tradeoff:
        """Look at what is observed.

        Args:
            surrogate: of the rate.
            goals: the measured properties beside it.
            x_observed: features of the compounds whose rate is measured, shape (k, d); each measured property is what
                its model says of them.
            worst_log10_rate: the worst rate still of interest; None takes it from what is observed.
            known: the known properties beside it.
            source: where those come from.

        A worst value that is not given lies a tenth of the front's range below its worst point (the rule of BoTorch's
        `infer_reference_point`: Ishibuchi et al., GECCO (2011), doi 10.1145/2001576.2001678).

        Raises:
            RankingError: without goals or observations, for a known property that nothing tells, or for a surrogate
                that predicts no number.
        """
        import torch
        from botorch.utils.multi_objective.box_decompositions.non_dominated import FastNondominatedPartitioning
        from botorch.utils.multi_objective.hypervolume import infer_reference_point
        from botorch.utils.multi_objective.pareto import is_non_dominated

        if not (goals or known) or not len(x_observed):
            raise RankingError("a tradeoff needs a property beside the rate, and compounds whose rate is measured")
        source = source or Columns()
        source.check([one.name for one in known], "to trade off")
        told = [_observed(one, x_observed, source) for one in known]
        points = np.unique(np.column_stack([x_observed, *told]), axis=0)
        x = points[:, : x_observed.shape[1]]
        every: list[Goal | Known] = [*goals, *known]
        signs = np.array([-1.0, *(one.sign for one in every)])
        modelled = [predict(part, x)[0] for part in (surrogate, *(goal.surrogate for goal in goals))]
        observed = torch.from_numpy(signs * np.column_stack([*modelled, points[:, x.shape[1] :]]))
        inferred = infer_reference_point(observed[is_non_dominated(observed)]).numpy()
        given = (worst_log10_rate, *(one.worst for one in every))
        worst = np.array([i if w is None else s * w for i, w, s in zip(inferred, given, signs, strict=True)])
        boxes = FastNondominatedPartitioning(torch.from_numpy(worst), observed).hypercell_bounds.numpy()
        return cls(tuple(goals), points, signs * worst, boxes, tuple(known), source)

    @property
    def awaits(self) -> tuple[str, ...]:
        """Known properties of pending compounds that a batch has to be told, because features do not tell them."""
        return tuple(one.name for one in self.known if one.name != "novelty")

    def log_values(self, numbers: Numbers) -> Array:
        """log(expected hypervolume improvement) of the compounds of a block, shape (m,), plus log P(forms) unless that
        is one of the properties; -inf where a known property is not known or worse than the worst of interest."""
        told = [(numbers.mean, numbers.sd), *(self._latent(goal, numbers.x) for goal in self.goals)]
        known = [self.source.of(one.name, numbers) for one in self.known]
        m = len(numbers.x)
        step = max(1, _CELLS // self.boxes.shape[1])
        grown = [
            self._log_growth(
                [(mean[first : first + step], sd[first : first + step]) for mean, sd in told],
                [values[first : first + step] for values in known],
            )
            for first in range(0, m, step)
        ]
        value: Array = np.concatenate([*grown, np.empty(0)]) + self.weight(numbers.log_p)
        return value

    def _log_growth(self, told: Sequence[tuple[Array, Array]], known: Sequence[Array]) -> Array:
        """log(expected hypervolume improvement), shape (m,), from what is predicted (mean, sd) and what is known."""
        total = np.zeros((len(told[0][0]), self.boxes.shape[1]))
        signs = self._signs
        for axis, (mean, sd) in enumerate(told):
            total += _log_expected_length(signs[axis] * mean, sd, *self.boxes[:, :, axis])
        for axis, values in enumerate(known, start=len(told)):
            total += _log_length(signs[axis] * values, *self.boxes[:, :, axis])
        value: Array = logsumexp(total, axis=1)
        return value

    def columns(self, numbers: Numbers) -> dict[str, Array]:
        """Predicted mean of each measured property and the known ones, shape (m,)."""
        told = {goal.name: predict(goal.surrogate, numbers.x)[0] for goal in self.goals}
        return told | self.known_columns(numbers)

    def known_columns(self, numbers: Numbers) -> dict[str, Array]:
        """The known properties of the compounds of a block, shape (m,)."""
        return {one.name: self.source.of(one.name, numbers) for one in self.known}

    def batch_values(
        self, model: Any, frame: pd.DataFrame, x: Array, points: Array, awaited: pd.DataFrame, seed: int
    ) -> Array:
        """What each candidate adds to everything observed, pending and chosen: BoTorch's qLogNEHVI, shape (m,).

        Args:
            model: BoTorch model of the rate.
            frame: m rows of a ranking by this tradeoff.
            x: their features, shape (m, d). points: of what is pending or chosen, shape (q, d).
            awaited: the columns `awaits` of the points.
            seed: of the quasi-random samples.
        """
        models = [model, *(goal.surrogate.model for goal in self.goals)]
        own = np.column_stack([x, *(self.source.given(one.name, frame, x, points) for one in self.known)])
        others = np.column_stack([points, *(self._of_points(one, points, awaited) for one in self.known)])
        acquisition = hypervolume_improvement(
            models, self._signs.tolist(), self.x_observed, self.reference.tolist(), seed, pending=others
        )
        return values_with(acquisition, own, _AT_ONCE)

    def weight(self, log_p: Array) -> Array:
        """log P(forms) where it multiplies what a compound adds, shape (m,); zeros where it is a property itself."""
        return np.zeros_like(log_p) if "feasibility" in {one.name for one in self.known} else log_p

    def _of_points(self, one: Known, points: Array, awaited: pd.DataFrame) -> Array:
        """A known property of what is pending or chosen, shape (q,); where it is not known, its worst value."""
        if one.name != "novelty":
            values = awaited[one.name].to_numpy(dtype=np.float64)
            return np.where(np.isfinite(values), values, one.worst)
        rows = range(len(points))
        apart = [self.source.novelty(points[[row]], np.delete(points, row, axis=0)) for row in rows]
        return np.array(apart).reshape(len(points))

    @property
    def _signs(self) -> Array:
        every: list[Goal | Known] = [*self.goals, *self.known]
        return np.array([-1.0, *(one.sign for one in every)])

    def _latent(self, goal: Goal, x: Array) -> tuple[Array, Array]:
        mean, sd = predict(goal.surrogate, x)
        return mean, latent_sd(sd, unexplained_variance(goal.surrogate))


def _check_sign(name: str, sign: float) -> None:
    if sign not in (-1.0, 1.0):
        raise RankingError(f"{name}: its sign is {sign}; -1 minimises a property, +1 maximises it")


def _observed(one: Known, x: Array, source: Columns) -> Array:
    """A known property of the compounds whose rate is measured, shape (k,)."""
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
    """Logarithm of the length of the part of each interval that lies below a number, shape (m, c); -inf for NaN.

    Args:
        value: the numbers, shape (m,).
        low, high: ends of the intervals, shape (c,); high may be infinite.
    """
    length = np.minimum(np.nan_to_num(value, nan=-np.inf)[:, None], high[None, :]) - low[None, :]
    logarithm: Array = np.log(length, out=np.full(length.shape, -np.inf), where=length > 0.0)
    return logarithm


def _log_expected_length(mean: Array, sd: Array, low: Array, high: Array) -> Array:
    """Logarithm of the expected length of the part of each interval that lies below a normal number, shape (m, c).

    Args:
        mean, sd: of the numbers, shape (m,).
        low, high: ends of the intervals, shape (c,); high may be infinite.
    """
    above_low = log_expected_improvement(-mean[:, None], sd[:, None], -low[None, :])
    ends = np.where(np.isfinite(high), high, 0.0)
    above_high = log_expected_improvement(-mean[:, None], sd[:, None], -ends[None, :])
    share = np.where(np.isfinite(high), np.minimum(above_high - above_low, -1e-15), -np.inf)
    value: Array = above_low + np.log1p(-np.exp(share))
    return value
