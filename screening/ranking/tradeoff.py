"""Rate and further measured properties at once: the expected growth of the volume that the best compromises dominate.

Expected hypervolume improvement of independent normal predictions, by a decomposition of what is not dominated yet into
boxes: Emmerich et al., IEEE CEC (2011), doi 10.1109/CEC.2011.5949880; Daulton et al., NeurIPS (2020), arXiv 2006.05078.
Shapes: m compounds, k observations, d features, p properties with the rate, c boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from screening.acquisition.analytic import log_expected_improvement
from screening.acquisition.joint import hypervolume_improvement, values_with
from screening.errors import RankingError
from screening.ranking.aims import Numbers
from screening.ranking.stream import latent_sd, predict, unexplained_variance

__all__ = ["Goal", "Tradeoff"]

Array = NDArray[np.float64]
#: Candidates of a shortlist whose joint posterior with everything observed is held at once.
_AT_ONCE = 128


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
        if self.sign not in (-1.0, 1.0):
            raise RankingError(f"{self.name}: its sign is {self.sign}; -1 minimises a property, +1 maximises it")


@dataclass(frozen=True)
class Tradeoff:
    """A slow rate traded off against further properties; made by `of`.

    Attributes:
        goals: the properties beside the rate, at least one.
        x_observed: features of the compounds whose rate is measured, shape (k, d).
        reference: the worst rate (log10) and the worst value of each goal that are of interest, shape (p,).
        boxes: lower and upper corners of what no observed compound dominates, every axis pointing to the better,
            shape (2, c, p).
    """

    goals: tuple[Goal, ...]
    x_observed: Array
    reference: Array
    boxes: Array

    @classmethod
    def of(
        cls, surrogate: Any, goals: Sequence[Goal], x_observed: Array, worst_log10_rate: float | None = None
    ) -> Tradeoff:
        """Look at what is observed.

        Args:
            surrogate: of the rate.
            goals: the properties beside it.
            x_observed: features of the compounds whose rate is measured, shape (k, d); each property is what its model
                says of them.
            worst_log10_rate: the worst rate still of interest; None takes it from what is observed.

        A worst value that is not given lies a tenth of the front's range below its worst point (the rule of BoTorch's
        `infer_reference_point`: Ishibuchi et al., GECCO (2011), doi 10.1145/2001576.2001678).

        Raises:
            RankingError: without goals or observations, or for a surrogate that predicts no number.
        """
        import torch
        from botorch.utils.multi_objective.box_decompositions.non_dominated import FastNondominatedPartitioning
        from botorch.utils.multi_objective.hypervolume import infer_reference_point
        from botorch.utils.multi_objective.pareto import is_non_dominated

        if not goals or not len(x_observed):
            raise RankingError("a tradeoff needs a property beside the rate, and compounds whose rate is measured")
        x = np.unique(x_observed, axis=0)
        signs = _signs(goals)
        observed = torch.from_numpy(
            signs * np.column_stack([predict(part, x)[0] for part in (surrogate, *_surrogates(goals))])
        )
        front = observed[is_non_dominated(observed)]
        given = (worst_log10_rate, *(goal.worst for goal in goals))
        inferred = infer_reference_point(front).numpy()
        worst = np.array([i if w is None else s * w for i, w, s in zip(inferred, given, signs, strict=True)])
        boxes = FastNondominatedPartitioning(torch.from_numpy(worst), observed).hypercell_bounds.numpy()
        return cls(tuple(goals), x, signs * worst, boxes)

    def log_values(self, numbers: Numbers) -> Array:
        """log(expected hypervolume improvement) + log P(forms) of the compounds of a block, shape (m,)."""
        told = [(numbers.mean, numbers.sd), *(self._latent(goal, numbers.x) for goal in self.goals)]
        total = np.zeros((len(numbers.x), self.boxes.shape[1]))
        for axis, ((mean, sd), sign) in enumerate(zip(told, _signs(self.goals), strict=True)):
            total += _log_expected_length(sign * mean, sd, *self.boxes[:, :, axis])
        value: Array = logsumexp(total, axis=1) + numbers.log_p
        return value

    def columns(self, numbers: Numbers) -> dict[str, Array]:
        """Predicted mean of each goal, shape (m,)."""
        return {goal.name: predict(goal.surrogate, numbers.x)[0] for goal in self.goals}

    def batch_values(self, model: Any, x: Array, points: Array, seed: int) -> Array:
        """What each candidate adds to everything observed, pending and chosen: BoTorch's qLogNEHVI, shape (m,).

        Args:
            model: BoTorch model of the rate.
            x: candidates, shape (m, d). points: pending or chosen, shape (n, d).
            seed: of the quasi-random samples.
        """
        models = [model, *(goal.surrogate.model for goal in self.goals)]
        signs, reference = _signs(self.goals).tolist(), self.reference.tolist()
        acquisition = hypervolume_improvement(models, signs, self.x_observed, reference, seed, pending=points)
        return values_with(acquisition, x, _AT_ONCE)

    def _latent(self, goal: Goal, x: Array) -> tuple[Array, Array]:
        mean, sd = predict(goal.surrogate, x)
        return mean, latent_sd(sd, unexplained_variance(goal.surrogate))


def _signs(goals: Sequence[Goal]) -> Array:
    return np.array([-1.0, *(goal.sign for goal in goals)])


def _surrogates(goals: Sequence[Goal]) -> list[Any]:
    return [goal.surrogate for goal in goals]


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
