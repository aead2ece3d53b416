"""Which compounds of a block can still reach the top list: bounds of a mixture's prediction that cost little.

The mean is that of the prediction. The standard deviation is never below the prediction's: of the Gaussian processes
only the directions that explain most are subtracted, of the trees the spread is bounded by look-ups. An acquisition
that rises with the standard deviation is then bounded too, and log P(forms) is never above zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from screening.ranking.processes import ProcessBounds, has_plain_kernel
from screening.ranking.tree_bounds import TreeBounds
from screening.surrogates.components import ProcessComponent
from screening.surrogates.model import JITTER, MixtureModel
from screening.surrogates.tables import TreesComponent

__all__ = ["PredictionBounds"]

Array = NDArray[np.float64]


class PredictionBounds:
    """Bounds of one mixture of Gaussian processes and trees; made by `of`."""

    def __init__(self, model: MixtureModel, processes: ProcessBounds, trees: TreeBounds | None, weight: float) -> None:
        self._processes, self._trees, self._weight = processes, trees, np.float32(weight)
        self._y_mean, self._y_sd = float(model.y_mean), float(model.y_sd)
        self._scale = model.calibration * self._y_sd

    @classmethod
    def of(cls, model: Any) -> PredictionBounds | None:
        """Bounds of a model's latent prediction; None of a model that is no plain mixture of processes and trees."""
        if not isinstance(model, MixtureModel) or model.is_conditioned:
            return None
        parts = list(zip(model.components, model.weights.double().cpu().numpy(), strict=True))
        processes = [(c, w) for c, w in parts if isinstance(c, ProcessComponent) and has_plain_kernel(c.spec)]
        trees = [(c, w) for c, w in parts if isinstance(c, TreesComponent)]
        if not processes or len(trees) > 1 or len(processes) + len(trees) < len(parts):
            return None
        mean, sd = (value.double().cpu().numpy().reshape(-1) for value in (model.x_mean, model.x_sd))
        bounds = ProcessBounds([c for c, _ in processes], np.array([w for _, w in processes]), mean, sd)
        return cls(model, bounds, TreeBounds(trees[0][0]) if trees else None, trees[0][1] if trees else 0.0)

    def mean_and_sd(self, x: Array) -> tuple[Array, Array]:
        """Mean, and an upper bound of the latent standard deviation, of finite features x (m, d), in log10 units."""
        first, second = self._processes.moments(x)
        if self._trees is not None:
            mean, spread = self._trees.mean_and_spread(x)
            first += self._weight * mean
            second += self._weight * (spread**2 + mean**2)
        variance = np.maximum(second.astype(np.float64) - first.astype(np.float64) ** 2, JITTER)
        return self._y_mean + self._y_sd * first.astype(np.float64), self._scale * np.sqrt(variance)
