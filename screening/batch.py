"""Batches that teach and win: sequential-greedy expected improvement, conditioned on what is pending, within limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import norm, qmc

from screening.errors import BatchError
from screening.ranking.aims import Aim, Desire, Lot
from screening.ranking.frame import Ranking
from screening.ranking.tradeoff import Tradeoff
from screening.seeds import check_seed
from screening.strategies.acquisition import (
    ACQUISITIONS,
    BATCH_ACQUISITIONS,
    log_expected_improvement,
    log_probability_of_improvement,
)
from screening.strategies.joint import build_acquisition, drawn_values, values_with

__all__ = ["BatchLimits", "choose_batch"]


Array = NDArray[np.float64]
_SAMPLES = 256
#: Added to the diagonal of the pending covariance, relative to its mean, so that duplicates do not break Cholesky.
_JITTER = 1.0e-8


def log_gain(
    mean: Array,
    variance: Array,
    best: float,
    pending: tuple[Array, Array, Array] | None,
    seed: int,
    value: Callable[[Array, Array, float | Array], Array] = log_expected_improvement,
) -> Array:
    """Logarithm of the gain of each candidate, shape (m,).

    Args:
        mean: predicted mean of each candidate, shape (m,).
        variance: predicted variance, shape (m,).
        best: lowest observed value.
        pending: mean (p,), covariance (p, p) and covariance with the candidates (m, p) of the pending points; None or
            p = 0 gives plain log expected improvement.
        seed: of the Sobol sequence.
        value: of (mean, sd, best); with the logarithm of the probability of improvement in place of that of the
            expected improvement, the gain is the probability to beat everything pending as well.
    """
    if pending is None or not len(pending[0]):
        return value(mean, np.sqrt(variance), best)
    centre, covariance, cross = pending
    z = normal_samples(len(centre), seed)
    jitter = _JITTER * max(float(np.trace(covariance)) / len(centre), 1e-12)
    root = np.linalg.cholesky(covariance + jitter * np.eye(len(centre)))
    weights = np.linalg.solve(root, cross.T)  # (p, m)
    sd = np.sqrt(np.maximum(variance - (weights**2).sum(axis=0), _JITTER * variance))
    incumbent = np.minimum(best, (centre + z @ root.T).min(axis=1))  # (s,)
    shifted = mean[:, None] + (z @ weights).T  # (m, s)
    each = value(shifted, np.broadcast_to(sd[:, None], shifted.shape), incumbent[None, :])
    result: Array = logsumexp(each, axis=1) - np.log(len(z))
    return result


def variance_after(variance: Array, covariance: Array, cross: Array, noise: float) -> Array:
    """Variance of each candidate once the pending points are measured, whatever comes out, shape (m,).

    What is expected of the mean does not change by that, so an acquisition of both may be taken with this variance
    (Desautels et al., J. Mach. Learn. Res. 15, 4053 (2014)).

    Args:
        variance: of the candidates, shape (m,).
        covariance: of the pending points, shape (p, p). cross: covariance with the candidates, shape (m, p).
        noise: variance of a measurement around the latent target.
    """
    if not len(covariance):
        return variance
    jitter = noise + _JITTER * max(float(np.trace(covariance)) / len(covariance), 1e-12)
    weights = np.linalg.solve(np.linalg.cholesky(covariance + jitter * np.eye(len(covariance))), cross.T)
    after: Array = np.maximum(variance - (weights**2).sum(axis=0), _JITTER * variance)
    return after


def normal_samples(dimension: int, seed: int) -> Array:
    """Standard normal quasi-random samples, shape (256, dimension); the global generators are left alone."""
    uniform = qmc.Sobol(dimension, scramble=True, rng=np.random.default_rng(seed)).random(_SAMPLES)
    samples: Array = norm.ppf(np.clip(uniform, 1e-9, 1.0 - 1e-9))
    return samples


def gaussian_moments(
    model: Any, x: Array, pending: Array, chunk: int = 512
) -> tuple[Array, Array, Array, Array, Array]:
    """Moments of a BoTorch model's posterior at candidates and pending points together.

    Args:
        model: a `botorch.models.model.Model` with one outcome.
        x: candidates, shape (m, d).
        pending: shape (p, d).

    Returns:
        mean (m,), variance (m,), mean at pending (p,), covariance of pending (p, p), cross covariance (m, p).
    """
    import torch

    device, parts = _device(model), []
    points = torch.as_tensor(pending, dtype=torch.float64, device=device)
    with torch.no_grad():
        for start in range(0, len(x), chunk):
            block = torch.as_tensor(x[start : start + chunk], dtype=torch.float64, device=device).unsqueeze(1)
            joint = torch.cat([block, points.expand(len(block), *points.shape)], dim=1)
            parts.append(_joint_moments(model, joint))
    mean, covariance = (np.concatenate(column) for column in zip(*parts, strict=True))
    return mean[:, 0], covariance[:, 0, 0], mean[0, 1:], covariance[0, 1:, 1:], covariance[:, 0, 1:]


def _joint_moments(model: Any, x: Any) -> tuple[Array, Array]:
    """Mean (b, q) and covariance (b, q, q); a mixture over members gets the moments of the mixture."""
    if hasattr(model, "joint_moments"):
        mean, covariance = model.joint_moments(x)
        return mean.cpu().numpy(), covariance.cpu().numpy()
    posterior = model.posterior(x)
    distribution = getattr(posterior, "distribution", None)
    if distribution is not None and hasattr(distribution, "covariance_matrix"):
        mean, covariance = distribution.mean, distribution.covariance_matrix
        if mean.dim() > 2:  # members in dimension -2 of the mean: b x s x q
            total = covariance.mean(dim=-3)
            centred = mean - mean.mean(dim=-2, keepdim=True)
            covariance = total + centred.transpose(-1, -2) @ centred / mean.shape[-2]
            mean = mean.mean(dim=-2)
        return mean.cpu().double().numpy(), covariance.cpu().double().numpy()
    values = posterior.values.squeeze(-1)  # noqa: PD011  # b x s x q, one curve a member
    mean = values.mean(dim=-2)
    centred = values - mean.unsqueeze(-2)
    covariance = centred.transpose(-1, -2) @ centred / max(values.shape[-2] - 1, 1)
    return mean.cpu().double().numpy(), covariance.cpu().double().numpy()


def _device(model: Any) -> Any:
    tensor = next(iter(model.parameters()), None)
    return None if tensor is None else tensor.device


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Limits of one batch; None means unlimited.

    Attributes:
        max_per_spacer: compounds of one spacer in the batch.
        min_distance: smallest distance between two chosen compounds, and between a chosen and a pending one; root mean
            square over the features of the difference in standard deviations of the ranked candidates.
        max_cost: money for the whole batch, in the unit of `cost`.
        max_days: longest lead time of any member, in days.
    """

    max_per_spacer: int | None = None
    min_distance: float | None = None
    max_cost: float | None = None
    max_days: float | None = None

    def __post_init__(self) -> None:
        if self.max_per_spacer is not None and self.max_per_spacer < 1:
            raise BatchError(f"max_per_spacer is {self.max_per_spacer}; at least 1 lets a batch be chosen")
        for name in ("min_distance", "max_cost", "max_days"):
            value = getattr(self, name)
            if value is not None and not value >= 0.0:
                raise BatchError(f"{name} is {value}; it is a number of 0 or more")


class Used:
    """Keeps count of what a growing batch has used, and says which candidates still fit.

    Shapes: m candidates, d features. A candidate whose cost or lead time is NaN (unknown) does not fit a limited batch.
    """

    def __init__(
        self,
        limits: BatchLimits,
        spacer: NDArray[np.int64],
        x: NDArray[np.float64],
        pending: NDArray[np.float64],
        cost: NDArray[np.float64] | None,
        days: NDArray[np.float64] | None,
    ) -> None:
        if limits.max_cost is not None and cost is None:
            raise BatchError("max_cost is set but no candidate has a cost: give `cost`, one number a candidate")
        if limits.max_days is not None and days is None:
            raise BatchError("max_days is set but no candidate has a lead time: give `days`, one number a candidate")
        spread = x.std(axis=0)
        self._scale = np.where(spread > 0.0, spread, 1.0)
        self._limits, self._spacer, self._x, self._cost = limits, spacer, x, cost
        self._taken = np.zeros(len(x), dtype=bool)
        self._far = np.ones(len(x), dtype=bool)
        self._in_time = np.ones(len(x), dtype=bool)
        if limits.max_days is not None and days is not None:
            self._in_time = days <= limits.max_days
        self._count: Counter[int] = Counter()
        self._spent = 0.0
        for row in pending:
            self._keep_away(row)

    def fits(self) -> NDArray[np.bool_]:
        """Candidates that may still be added, shape (m,)."""
        allowed = ~self._taken & self._far & self._in_time
        if self._limits.max_per_spacer is not None:
            full = [spacer for spacer, count in self._count.items() if count >= self._limits.max_per_spacer]
            allowed &= ~np.isin(self._spacer, full)
        if self._limits.max_cost is not None and self._cost is not None:
            allowed &= self._spent + self._cost <= self._limits.max_cost
        return allowed

    def take(self, row: int) -> None:
        """Add one candidate to the batch."""
        self._taken[row] = True
        self._count[int(self._spacer[row])] += 1
        self._spent += float(self._cost[row]) if self._cost is not None else 0.0
        self._keep_away(self._x[row])

    def _keep_away(self, point: NDArray[np.float64]) -> None:
        if self._limits.min_distance:
            distance = np.sqrt((((self._x - point) / self._scale) ** 2).mean(axis=1))
            self._far &= distance >= self._limits.min_distance


_IMPROVEMENT = {"log_ei": log_expected_improvement, "log_pi": log_probability_of_improvement}
#: Points of the shortlist that the variance is integrated over, and candidates at once: a batch of 5 from 1,000 takes
#: 36 CPU s and 1.5 GB with 128 points and 512 candidates.
_SPACE_POINTS, _AT_ONCE = 48, 128
#: A reduction of the integrated variance below this share of it counts as none.
_LEAST_REDUCTION = 1.0e-12


def next_values(
    name: str,
    model: Any,
    x: Array,
    points: Array,
    best: float,
    seed: int,
    observed: Array | None = None,
    space: Array | None = None,
) -> Array:
    """Value of each candidate given what is pending or chosen already, shape (m,); to be maximised.

    - "log_ei", "log_pi": on the best of what is measured, pending and chosen; the values of what is not measured yet
      are sampled.
    - "lcb", "greedy", "max_variance": with the variance that is left once everything pending is measured.
    - "qlog_nei": BoTorch's, with the points as its pending ones. "qnipv": logarithm of how much the variance over the
      candidates falls, by BoTorch's qNegIntegratedPosteriorVariance.
    - "thompson": minus one function drawn from the posterior; the seed has to differ from pick to pick.

    Args:
        name: one of `screening.strategies.BATCH_ACQUISITIONS`.
        model: a BoTorch model of a target to be minimised.
        x: candidates, shape (m, d). points: pending or chosen, shape (p, d).
        best: lowest observed target.
        seed: of the samples.
        observed: features of what is measured, shape (k, d), for "qlog_nei".
        space: what "qnipv" integrates the variance over, evenly thinned, shape (s, d); the candidates where None.

    Raises:
        BatchError: for an unknown name, or "qlog_nei" without `observed`.
    """
    if name == "thompson":
        return drawn_values(model, x, seed)
    if name == "qlog_nei":
        if observed is None or not len(observed):
            raise BatchError("qlog_nei compares with what is measured: give `observed`, features of the measurements")
        return values_with(build_acquisition(name, model, observed, best, pending=points, seed=seed), x)
    if name == "qnipv":
        return _log_reduction(model, x, points, seed, x if space is None else space)
    if name not in ACQUISITIONS:
        raise BatchError(f"no batch is chosen by {name!r}; known: {', '.join(BATCH_ACQUISITIONS)}")
    mean, variance, centre, covariance, cross = gaussian_moments(model, x, points)
    if name in _IMPROVEMENT:
        return log_gain(mean, variance, best, (centre, covariance, cross), seed, _IMPROVEMENT[name])
    after = variance_after(variance, covariance, cross, _noise(model))
    return ACQUISITIONS[name](mean, np.sqrt(after), best)


def _noise(model: Any) -> float:
    """Variance of a measurement around the latent target, as far as the model tells it."""
    unexplained = getattr(model, "unexplained_variance", None)
    return 0.0 if unexplained is None else float(unexplained())


def _log_reduction(model: Any, x: Array, points: Array, seed: int, space: Array) -> Array:
    every = space[np.linspace(0, len(space) - 1, min(len(space), _SPACE_POINTS)).astype(np.int64)]
    acquisition = build_acquisition("qnipv", model, x[:0], 0.0, x_space=every, pending=points, seed=seed)
    left = -values_with(acquisition, x, _AT_ONCE)
    _, variance, _, covariance, cross = gaussian_moments(model, every, points)
    now = max(float(variance_after(variance, covariance, cross, _noise(model)).mean()), float(left.max()))
    value: Array = np.log(np.maximum(now - left, _LEAST_REDUCTION * now))
    return value


class HasModel(Protocol):
    """What a batch needs of a surrogate: its BoTorch model of log10(rate), for joint posteriors."""

    @property
    def model(self) -> Any:
        """The BoTorch model behind the surrogate."""
        ...


def choose_batch(
    ranking: Ranking,
    surrogate: HasModel,
    pending: Array | None = None,
    q: int = 5,
    seed: int = 42,
    max_per_spacer: int | None = None,
    *,
    limits: BatchLimits | None = None,
    cost: Array | None = None,
    days: Array | None = None,
    shortlist: int = 1000,
    acquisition: str = "log_ei",
    observed: Array | None = None,
    barred: NDArray[np.bool_] | None = None,
    aim: Aim | Lot | None = None,
    awaited: pd.DataFrame | None = None,
) -> NDArray[np.int64]:
    """Indices of q compounds of the ranked space, in the order they were chosen.

    Sequential greedy: each pick maximises its value given everything pending and everything picked before, plus
    log P(forms) (`screening.batch`). By default the value is the logarithm of the expected improvement beyond
    all of them; greedy selection by that gain alone is within 1 - 1/e of the best batch (Wilson et al., NeurIPS (2018),
    arXiv 1805.10196), and the first pick with nothing pending is the head of the ranking.

    Args:
        ranking: from `screening.ranking.rank`; its first `shortlist` rows compete.
        surrogate: the model that made the ranking.
        pending: features of compounds whose results are awaited, shape (p, d).
        q: batch size.
        seed: of the quasi-random samples.
        max_per_spacer: compounds of one spacer in the batch; short for `limits.max_per_spacer`.
        limits: further limits.
        cost: money a candidate, shape (k,) like the ranking; NaN unknown.
        days: lead time a candidate, shape (k,).
        acquisition: one of `screening.strategies.BATCH_ACQUISITIONS`.
        observed: features of what is measured, shape (o, d), for "qlog_nei".
        barred: candidates that may not be chosen (a hazard, say), shape (k,).
        aim: what the ranking is by, where it is no acquisition: `Desire` and `Tradeoff` value each pick given what is
            pending and picked before; a `Lot` draws by the seed of the batch.
        awaited: what a tradeoff has to be told of the pending compounds (`Tradeoff.awaits`), one row each.

    Raises:
        BatchError: if q is below 1, the seed is no whole number of 0 or more, something of the pending compounds is not
            told, or the limits leave fewer than q compounds; nothing is relaxed silently.
    """
    bounds, seed = _limits(limits, max_per_spacer), check_seed(seed, BatchError)
    size = min(shortlist, len(ranking))
    if q < 1:
        raise BatchError(f"a batch of {q} compounds: ask for at least 1")
    x = ranking.x[:size]
    points = np.empty((0, x.shape[1])) if pending is None else np.atleast_2d(np.asarray(pending, dtype=np.float64))
    if points.size and points.shape[1] != x.shape[1]:
        raise BatchError(f"pending features have {points.shape[1]} columns, the ranking's {x.shape[1]}")
    used = Used(bounds, ranking.spacer[:size], x, points, _head(cost, size), _head(days, size))
    free = np.ones(size, dtype=bool) if barred is None else ~np.asarray(barred, dtype=bool)[:size]
    told = _told(aim, points, awaited)
    rivals = _Rivals(ranking, size, surrogate.model, acquisition, seed, observed, aim, points, told)
    chosen: list[int] = []
    while len(chosen) < q:
        fits = np.flatnonzero(used.fits() & free)
        if not fits.size:
            raise BatchError(
                f"only {len(chosen)} of {q} compounds fit the limits ({bounds}) among the {size} best ranked: "
                "loosen a limit, ask for fewer, or rank more (top_k)"
            )
        value = rivals.values(fits, chosen)
        row = int(fits[np.argmax(value)])
        used.take(row)
        chosen.append(row)
    return rivals.index[chosen]


@dataclass(frozen=True)
class _Rivals:
    """What competes for a place in a batch: the first `size` rows of a ranking, and what they are valued by; `pending`
    are the features of what is awaited (p, d), and `awaited` what a tradeoff is told of it."""

    ranking: Ranking
    size: int
    model: Any
    acquisition: str
    seed: int
    observed: Array | None
    aim: Aim | Lot | None
    pending: Array
    awaited: pd.DataFrame

    @cached_property
    def index(self) -> NDArray[np.int64]:
        """Their indices in the space, shape (size,)."""
        return self.ranking.frame["index"].to_numpy(dtype=np.int64)[: self.size]

    def values(self, rows: NDArray[np.int64], picked: list[int]) -> Array:
        """Value of some rows (m,) as the next pick after those rows, shape (m,)."""
        x, log_p = self.ranking.x[rows], self.ranking.log_feasibility[rows]
        points = np.vstack([self.pending, self.ranking.x[picked]])
        if isinstance(self.aim, Lot):
            return Lot(self.seed).values(self.index[rows])
        frame = self.ranking.frame.iloc[rows]
        if isinstance(self.aim, Tradeoff):
            awaited = pd.concat([self.awaited, self.ranking.frame.iloc[picked][[*self.aim.awaits]]])
            value = self.aim.batch_values(self.model, frame, x, points, awaited, self.seed)
            return value + self.aim.weight(log_p)
        if isinstance(self.aim, Desire):
            return self.aim.batch_values(frame, x, points, lambda: self._acquisition(x, points, len(picked)))
        return self._acquisition(x, points, len(picked)) + log_p

    def _acquisition(self, x: Array, points: Array, pick: int) -> Array:
        seed = self.seed + pick if self.acquisition == "thompson" else self.seed  # another function for each pick
        space, best = self.ranking.x[: self.size], self.ranking.best_observed
        return next_values(self.acquisition, self.model, x, points, best, seed, self.observed, space)


def _told(aim: Aim | Lot | None, points: Array, awaited: pd.DataFrame | None) -> pd.DataFrame:
    """What a tradeoff is told of the pending compounds, points (p, d)."""
    names = [*aim.awaits] if isinstance(aim, Tradeoff) else []
    if awaited is None and not (names and len(points)):
        return pd.DataFrame(np.empty((0, len(names))), columns=names)
    if awaited is None or len(awaited) != len(points) or set(names) - set(awaited):
        raise BatchError(
            f"{len(points)} compounds are pending: give `awaited`, one row each with the columns {', '.join(names)}"
        )
    return awaited[names].astype(np.float64)


def _limits(limits: BatchLimits | None, max_per_spacer: int | None) -> BatchLimits:
    if limits is not None and max_per_spacer is not None:
        raise BatchError("give max_per_spacer either by itself or inside limits, not both")
    return BatchLimits(max_per_spacer=max_per_spacer) if limits is None else limits


def _head(values: Array | None, size: int) -> Array | None:
    return None if values is None else np.asarray(values, dtype=np.float64)[:size]
