"""Which compounds of a block can still reach the top list: bounds of a mixture's prediction that cost little.

Of processes and trees the mean is that of the prediction. The standard deviation is never below the prediction's: of
the Gaussian processes only the directions that explain most are subtracted, of the trees the spread is bounded by
look-ups. An acquisition that rises with the standard deviation is then bounded too, and log P(forms) is never above
zero. Networks have no bound that cheap: see `screening.ranking.sketch`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from screening.surrogates.ensembles import TreesComponent
from screening.surrogates.gaussian_process import (
    CONSTANT_VARIANCE,
    JITTER,
    LENGTH,
    LINEAR,
    SIGNAL,
    KernelSpec,
    covariance,
)
from screening.surrogates.model import MixtureModel, ProcessComponent

Array = NDArray[np.float64]
Single = NDArray[np.float32]
#: Directions a process that count as explained; with 8 the bound lets 0.02% of a drawn space through where 0.015% is
#: right, with 4 it is 0.2%.
_DIRECTIONS = 8
#: Numbers of one working array: what stays in a processor's second cache.
_CACHED = 160_000


class ProcessBounds(torch.nn.Module):
    """Weighted first moment and bounded second moment of the processes with plain kernels of one mixture, together in
    single precision, in its standardised units."""

    sees = "ranked"

    def __init__(self, processes: Sequence[ProcessComponent], weights: Array, directions: int = _DIRECTIONS) -> None:
        """Copy processes of the same features, with their weights (c,); all directions leave nothing to a bound."""
        super().__init__()
        self._d = processes[0].x.shape[-1]
        ordered = sorted(zip(processes, weights.tolist(), strict=True), key=lambda pair: pair[0].spec.rough)
        parts = [_Part(process, weight, self._d, directions) for process, weight in ordered]
        self._distance = np.vstack([part.distance for part in parts]).astype(np.float32)
        self._smooth = sum(part.k for part in parts if not part.rough)
        self._ends = np.cumsum([0] + [part.k for part in parts])
        self._trend = np.vstack([part.trend for part in parts]).astype(np.float32)
        # w m is a row of its own; the squares of the other rows lower the variance, that of m raises the second moment
        self._first = np.concatenate([part.first for part in parts]).astype(np.float32)
        self._squares = np.concatenate([part.squares for part in parts]).astype(np.float32)
        self._constant = float(sum(part.weight * (part.constant + JITTER) for part in parts))
        self._square = float(sum(part.weight * part.linear for part in parts)) / self._d
        self._parts = parts
        self._chunk = max(64, _CACHED // len(self._distance))

    @classmethod
    def of(cls, model: Any, directions: int = _DIRECTIONS) -> tuple[ProcessBounds | None, list[tuple[Any, float]]]:
        """Those of a model's processes, None of a model without; and its other candidates, each with its weight."""
        parts = list(zip(model.components, model.weights.double().cpu().numpy(), strict=True))
        plain = [(part, weight) for part, weight in parts if type(getattr(part, "spec", None)) is KernelSpec]
        weights = np.array([weight for _, weight in plain])
        own = cls([part for part, _ in plain], weights, directions) if plain else None
        return own, [pair for pair in parts if pair not in plain]

    def marginal(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As a candidate of a mixture, where all weights are one: mean (m,) and latent variance (m,) of rows (m, d)."""
        first, second = (torch.from_numpy(moment) for moment in self.moments(z.numpy()))
        return first, (second - first**2).clamp_min(JITTER)

    def moments(self, z: NDArray[np.floating]) -> tuple[Single, Single]:
        """At rows as processes see them (m, d): sums of w m and, from above, of w (v + m^2), (m,)."""
        first, second = np.empty(len(z), np.float32), np.empty(len(z), np.float32)
        size = min(self._chunk, max(1, len(z)))
        work = (
            np.ones((2 * self._d + 1, size), np.float32),
            *(np.empty((len(self._distance), size), np.float32) for _ in range(3)),
        )
        for start in range(0, len(z), size):
            rows = slice(start, start + size)
            first[rows], second[rows] = self._some(z[rows], *work)
        return first, second

    def _some(self, z: NDArray[np.floating], *work: Single) -> tuple[Single, Single]:
        d = self._d
        point, distance, decay, spare = (part[:, : len(z)] for part in work)
        point[:d] = z.T
        np.multiply(point[:d], point[:d], out=point[d : 2 * d])
        np.maximum(np.matmul(self._distance, point, out=distance), np.float32(0.0), out=distance)
        np.sqrt(distance, out=distance)
        np.exp(np.negative(distance, out=decay), out=decay)
        r, polynomial = distance[: self._smooth], spare[: self._smooth]
        np.multiply(r, np.float32(1.0 / 3.0), out=polynomial)
        polynomial += np.float32(1.0)
        polynomial *= r
        polynomial += np.float32(1.0)
        decay[: self._smooth] *= polynomial
        told = self._trend @ point
        row = 0
        for part, (start, stop) in zip(self._parts, pairwise(self._ends), strict=True):
            told[row : row + len(part.told)] += part.single @ decay[start:stop]
            row += len(part.told)
        first: Single = self._first @ told
        second: Single = self._squares @ np.square(told, out=told)
        second += np.float32(self._constant) + np.float32(self._square) * point[d : 2 * d].sum(axis=0)
        return first, second


class _Part:
    """One process as matrices that act on (z, z^2, 1) and on its Matern values."""

    def __init__(self, process: ProcessComponent, weight: float, d: int, directions: int) -> None:
        theta = np.exp(process.theta.double().cpu().numpy())
        x, alpha = process.x.double().cpu().numpy(), process.alpha.double().cpu().numpy()
        signal, linear, self.k = float(theta[SIGNAL]), float(theta[LINEAR]), len(x)
        self.weight, self.rough, self.linear = weight, process.spec.rough, linear
        self.constant = CONSTANT_VARIANCE + signal
        scale = (1.0 if self.rough else 5.0) / np.broadcast_to(theta[LENGTH:], (d,)) ** 2
        self.distance = np.column_stack([-2.0 * x * scale, np.broadcast_to(scale, x.shape), (x**2 * scale).sum(axis=1)])
        rows = np.vstack([alpha, np.sqrt(weight) * _directions(process, directions)])
        self.told = signal * rows
        self.single = self.told.astype(np.float32)
        trend = np.column_stack([linear * x / d, np.zeros((self.k, d)), np.full(self.k, CONSTANT_VARIANCE)])
        self.trend = rows @ trend
        self.first = np.append(weight, np.zeros(len(rows) - 1))
        self.squares = np.append(weight, -np.ones(len(rows) - 1))


def _directions(process: ProcessComponent, n: int) -> Array:
    """Rows b with explained variance >= sum of (b . covariance)^2, most of it at the training rows; (directions, k)."""
    root = np.linalg.cholesky(process.inverse.double().cpu().numpy()).T
    with torch.no_grad():
        x = process.x.double().cpu()
        own = covariance(process.spec, process.theta.double().cpu(), x, x).numpy()
    turn = np.linalg.svd(root @ own)[0][:, :n]
    rows: Array = turn.T @ root
    return rows


def join_processes(model: Any) -> None:
    """Make the plain processes of a mixture one candidate, for `marginal` on the CPU: their distances and decays are
    worked out together, in a third of the time. Other models stay as they are."""
    if isinstance(model, MixtureModel) and not model.is_conditioned:
        own, others = ProcessBounds.of(model, directions=sys.maxsize)
        if own is not None:
            model.components = torch.nn.ModuleList([own, *(part for part, _ in others)])
            model.weights = model.weights.new_tensor([1.0, *(weight for _, weight in others)])


Pair = tuple[int, int]


class TreeBounds:
    """Mean and largest spread of one fold's trees at raw features."""

    def __init__(self, trees: TreesComponent) -> None:
        thresholds = trees.thresholds.double().cpu().numpy()
        n, d = trees.n_codes, len(thresholds)
        tables = trees.table.double().cpu().numpy().reshape(-1, n, n, trees.table.shape[-1])
        own = {(int(a), int(b)): table for (a, b), table in zip(trees.pairs.cpu().numpy(), tables, strict=True)}
        self._edges = [row[np.isfinite(row)].astype(np.float32) for row in thresholds]
        self._n = n
        self._triples = [
            (features, *_mean_and_spread(features, {pair: own[pair] for pair in pairs}, n))
            for features, pairs in _cover(sorted(own), d)
        ]

    def mean_and_spread(self, x: NDArray[np.float64]) -> tuple[Single, Single]:
        """Mean over members and an upper bound of their standard deviation at finite rows x (m, d), each (m,)."""
        codes = self._codes(x)
        mean, spread = np.zeros(len(x), np.float32), np.zeros(len(x), np.float32)
        for features, means, spreads in self._triples:
            place = codes[features[0]]
            for feature in features[1:]:
                place = place * self._n + codes[feature]
            mean += means.take(place)
            spread += spreads.take(place)
        return mean, spread

    def _codes(self, x: NDArray[np.float64]) -> NDArray[np.int32]:
        """How many thresholds each feature is above, shape (d, m); single precision, as the trees compare."""
        columns = np.ascontiguousarray(x.T, dtype=np.float32)
        codes, above = np.zeros(columns.shape, np.int8), np.empty(len(x), bool)
        for column, code, edges in zip(columns, codes, self._edges, strict=True):
            for edge in edges:
                np.greater(column, edge, out=above)
                code += above.view(np.int8)
        return codes.astype(np.int32)


def _cover(pairs: Sequence[Pair], d: int) -> list[tuple[tuple[int, ...], list[Pair]]]:
    """Triples of features, each with pairs of its own, that hold every pair once; the fullest first."""
    left, cover = set(pairs), []
    size = min(3, d)
    while left:
        options = [
            (features, [p for p in combinations(features, 2) if p in left]) for features in combinations(range(d), size)
        ]
        features, held = max(options, key=lambda option: len(option[1]))
        cover.append((features, held))
        left -= set(held)
    return cover


def _mean_and_spread(
    features: tuple[int, ...], tables: dict[Pair, NDArray[np.float64]], n: int
) -> tuple[Single, Single]:
    """Mean and standard deviation over members of the sum of some tables, at every code of the features, flat."""
    members = next(iter(tables.values())).shape[-1]
    total = np.zeros((n,) * len(features) + (members,))
    for pair, table in tables.items():
        shape = [n if feature in pair else 1 for feature in features]
        total += table.reshape(*shape, members)
    return total.mean(-1).ravel().astype(np.float32), total.std(-1).ravel().astype(np.float32)


class PredictionBounds:
    """Bounds of one mixture of Gaussian processes and trees; made by `of`."""

    def __init__(self, model: MixtureModel, processes: ProcessBounds, trees: TreeBounds | None, weight: float) -> None:
        self._model, self._processes, self._trees, self._weight = model, processes, trees, np.float32(weight)
        self._y_mean, self._y_sd = float(model.y_mean), float(model.y_sd)

    @classmethod
    def of(cls, model: Any) -> PredictionBounds | None:
        """Bounds of a model's latent prediction; None of a model that is no mixture of processes and trees."""
        if not isinstance(model, MixtureModel) or model.is_conditioned or model.fixed.numel():
            return None
        processes, others = ProcessBounds.of(model)
        if processes is None or len(others) > 1 or not all(isinstance(part, TreesComponent) for part, _ in others):
            return None
        trees, weight = (TreeBounds(others[0][0]), others[0][1]) if others else (None, 0.0)
        return cls(model, processes, trees, weight)

    def mean_and_sd(self, x: Array) -> tuple[Array, Array]:
        """Mean, and an upper bound of the latent standard deviation, of finite features x (m, d), in log10 units."""
        first, second = self._processes.moments(self._model.views(torch.from_numpy(x))["ranked"].numpy())
        if self._trees is not None:
            mean, spread = self._trees.mean_and_spread(x)
            first += self._weight * mean
            second += self._weight * (spread**2 + mean**2)
        variance = np.maximum(second.astype(np.float64) - first.astype(np.float64) ** 2, JITTER)
        return self._y_mean + self._y_sd * first.astype(np.float64), self._model.calibration * self._y_sd * np.sqrt(
            variance
        )
