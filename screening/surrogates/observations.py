"""What processes, networks and trees share: folds, their scaling, bounds as sites, members without some groups."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from screening.surrogates.recipe import TrainingRows

#: Spread under which a column counts as constant, relative to its size: rounding leaves about 1e-16.
CONSTANT_COLUMN = 1e-10


@dataclass(frozen=True)
class Scaling:
    """Location and scale of features and targets, a row a fold."""

    #: `x_mean`, `x_sd`: shape (f, 1, d).
    x_mean: Tensor
    x_sd: Tensor
    #: `y_mean`, `y_sd`: shape (f, 1).
    y_mean: Tensor
    y_sd: Tensor
    #: `knots`, `scores`: standardised features and their normal scores by rank, shape (f, d, r); r = 0 without ranks.
    knots: Tensor
    scores: Tensor

    def x(self, x: Tensor) -> Tensor:
        """Standardise features, shape (..., m, d) broadcast against (f, 1, d); NaN becomes 0, the fold's mean."""
        return ((x - self.x_mean) / self.x_sd).nan_to_num(0.0)

    def ranked(self, x: Tensor) -> Tensor:
        """As `x`, by ranks where there are some; same shape."""
        return by_ranks(self.x(x), self.knots, self.scores)

    def y(self, y: Tensor) -> Tensor:
        """Standardise targets, shape (..., m) broadcast against (f, 1)."""
        return (y - self.y_mean) / self.y_sd

    def fold(self, i: int) -> Scaling:
        """The scaling of one fold, still with a leading fold axis of one."""
        return Scaling(*(getattr(self, part.name)[i : i + 1] for part in fields(Scaling)))


def fit_scaling(x: Tensor, y: Tensor, mask: Tensor) -> Scaling:
    """Scaling of each fold from targets y (k,) and features x (k, d), NaN left out, of training rows (f, k)."""
    weight = mask.to(x) / mask.sum(-1, keepdim=True).clamp_min(1)
    known = (~x.isnan()).to(x)
    share = (weight @ known)[:, None, :].clamp_min(torch.finfo(x.dtype).tiny)
    x_mean = (weight @ x.nan_to_num(0.0))[:, None, :] / share
    apart = (known * (x.nan_to_num(0.0) - x_mean)) ** 2
    x_sd = ((weight[..., None] * apart).sum(-2, keepdim=True) / share).sqrt()
    y_mean = (weight @ y)[:, None]
    y_sd = (weight * (y - y_mean) ** 2).sum(-1, keepdim=True).sqrt()
    none = x.new_empty(len(mask), x.shape[-1], 0)
    return Scaling(x_mean, _no_zero(x_sd, x_mean), y_mean, _no_zero(y_sd, y_mean), none, none)


def by_ranks(z: Tensor, knots: Tensor, scores: Tensor) -> Tensor:
    """Standardised features (..., m, d) on the lines through knots and scores (..., d, r), beyond which they go on as
    they are: ranks would stay where they end, and so would a process' doubt."""
    if not knots.shape[-1]:
        return z
    columns = z.reshape(*knots.shape[:-2], -1, z.shape[-1]).mT.contiguous()
    above = torch.searchsorted(knots, columns).clamp(1, knots.shape[-1] - 1)
    (low, high), (start, end) = ((part.gather(-1, above - 1), part.gather(-1, above)) for part in (knots, scores))
    share = ((columns - low) / (high - low).clamp_min(CONSTANT_COLUMN)).clamp(0.0, 1.0)
    beyond = columns - columns.clamp(knots[..., :1], knots[..., -1:])
    ranked: Tensor = torch.lerp(start, end, share) + beyond
    return ranked.mT.reshape(z.shape)


def with_ranks(folds: Folds) -> Folds:
    """The folds with normal scores of each feature among measured rows that train, of mean zero and variance one, so
    that a feature of two values stays as it is."""
    columns, mask = folds.scaling.x(folds.x).mT, folds.measured[:, None]
    count = mask.sum(-1, keepdim=True).clamp_min(1)
    values = columns.masked_fill(~mask, torch.inf).sort(-1).values
    knots = values.minimum(values.gather(-1, (count - 1).expand(-1, columns.shape[1], -1))).nan_to_num(posinf=0.0)
    ranks = torch.searchsorted(values, knots) + torch.searchsorted(values, knots, right=True)
    scores = torch.special.ndtri(0.5 * ranks.to(columns) / count)
    weight = (torch.arange(columns.shape[-1]) < count).to(columns) / count
    scores = scores - (weight * scores).sum(-1, keepdim=True)
    sd = (weight * scores**2).sum(-1, keepdim=True).sqrt()
    scores = (scores / _no_zero(sd, sd)).nan_to_num(0.0, 0.0, 0.0)  # where no row trains
    return replace(folds, scaling=replace(folds.scaling, knots=knots, scores=scores))


def _no_zero(sd: Tensor, mean: Tensor) -> Tensor:
    return torch.where(sd > CONSTANT_COLUMN * (1.0 + mean.abs()), sd, torch.ones_like(sd))


@dataclass(frozen=True)
class Folds:
    """Rows and folds of them as tensors: raw features x (k, d), targets y (k,) and variance of their errors (k,), codes
    of `groups` (k,), which rows train (`mask`, (f, k)), which targets are only lower bounds (`censored`, (k,)), `tasks`
    (k,), 0 for the predicted one, and the `scaling` of each fold by rows of that task."""

    x: Tensor
    y: Tensor
    noise_variance: Tensor
    groups: Tensor
    mask: Tensor
    censored: Tensor
    tasks: Tensor
    scaling: Scaling

    @classmethod
    def of(cls, training: TrainingRows, mask: NDArray[np.bool_]) -> Folds:
        """Folds of checked rows; mask is (f, k)."""
        x, y, noise, groups, censored, tasks, measured = (
            torch.from_numpy(array)
            for array in (
                *(training.x, training.y, training.noise_variance, training.groups),
                *(training.censored, training.tasks, training.measured),
            )
        )
        rows = torch.from_numpy(mask)
        return cls(x, y, noise, groups, rows, censored, tasks, fit_scaling(x, y, rows & measured))

    @property
    def measured(self) -> Tensor:
        """Rows that train and are measurements of the predicted task, shape (f, k)."""
        return self.mask & ~self.censored & (self.tasks == 0)

    @property
    def noise(self) -> Tensor:
        """Variance of each target's error, standardised, shape (f, k)."""
        return self.noise_variance / self.scaling.y_sd**2

    def part(self, rows: Tensor) -> Folds:
        """Some of the rows, given by their numbers, shape (r,), under the same scaling."""
        return Folds(
            self.x[rows],
            self.y[rows],
            self.noise_variance[rows],
            self.groups[rows],
            self.mask[:, rows],
            self.censored[rows],
            self.tasks[rows],
            self.scaling,
        )

    def without_bounds(self) -> Folds:
        """The same with bounds that train nothing; so do rows of related tasks."""
        return replace(self, mask=self.measured, censored=torch.zeros_like(self.censored))


def drop_correlated(folds: Folds, most: float) -> Folds:
    """The folds without features that repeat an earlier one with |r| above `most` in training rows, as the reference
    paper: 0.9 (doi 10.1039/d5sc07406a)."""
    scaling, x, mask = folds.scaling, folds.x, folds.measured
    z = scaling.x(x) * mask[..., None]
    correlation = (z.mT @ z / mask.sum(-1)[:, None, None]).abs()
    dropped = torch.zeros(len(mask), x.shape[1], dtype=torch.bool)
    for feature in range(1, x.shape[1]):
        repeats = (correlation[:, feature, :feature] > most) & ~dropped[:, :feature]
        dropped[:, feature] = repeats.any(-1)
    x_sd = scaling.x_sd.masked_fill(dropped[:, None], torch.inf)
    return replace(folds, scaling=replace(scaling, x_sd=x_sd))


#: Sweeps of expectation propagation and share of each update that is taken; sites move by less than 1e-6 after it.
SWEEPS, DAMPING = 40, 0.7
#: Least precision of a site that counts (standardised target).
LEAST_PRECISION = 1e-9


@dataclass(frozen=True)
class Sites:
    """Standardised targets of every fold (f, k), of a bound the mean of its site; weights from 0 to 1 (f, k), of a
    bound how precise its site is beside a measurement; and which rows are measurements, not bounds (`known`, (k,))."""

    targets: Tensor
    weights: Tensor
    known: Tensor


def plain_sites(folds: Folds) -> Sites:
    """Sites of measurements: targets as they are, all of weight one."""
    targets = folds.scaling.y(folds.y)
    return Sites(targets, torch.ones_like(targets), torch.ones_like(folds.y, dtype=torch.bool))


def bound_sites(
    prior: Tensor, targets: Tensor, variance: Tensor, mask: Tensor, censored: Tensor
) -> tuple[Tensor, Tensor]:
    """Targets and variances, each (f, k), in which bounds `censored` (k,) are replaced by their sites; a bound that
    says nothing has a variance of 1 / `LEAST_PRECISION`. `prior` (f, k, k) is the covariance of the latent target,
    `variance` (f, k) that of each target around it, `mask` (f, k) says which rows train."""
    measured = torch.where(mask & ~censored, 1.0 / variance, 0.0)
    at = torch.nonzero(censored)[:, 0]
    bound, error, rows = targets[:, at], variance[:, at], mask[:, at]
    precision, shift = torch.zeros_like(bound), torch.zeros_like(bound)
    for _ in range(SWEEPS):
        total, pull = measured.clone(), measured * targets
        total[:, at], pull[:, at] = precision, shift
        mean, spread = _posterior(prior, total, pull, at)
        cavity = (1.0 / spread - precision).clamp_min(LEAST_PRECISION)
        centre, width = (mean / spread - shift) / cavity, 1.0 / cavity
        new_mean, new_spread = _above(centre, width, bound, error)
        new_precision = torch.where(rows, (1.0 / new_spread - cavity).clamp_min(0.0), 0.0)
        new_shift = torch.where(new_precision > 0.0, new_mean / new_spread - centre * cavity, 0.0)
        precision = torch.lerp(precision, new_precision, DAMPING)
        shift = torch.lerp(shift, new_shift, DAMPING)
    informs = precision > LEAST_PRECISION
    out_targets, out_variance = targets.clone(), variance.clone()
    out_targets[:, at] = torch.where(informs, shift / precision.clamp_min(LEAST_PRECISION), 0.0)
    out_variance[:, at] = torch.where(informs, 1.0 / precision.clamp_min(LEAST_PRECISION), 1.0 / LEAST_PRECISION)
    return out_targets, out_variance


def _posterior(prior: Tensor, precision: Tensor, pull: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of the latent target at rows `at`; Rasmussen and Williams 2006, eq. 3.53 and 3.68."""
    root = precision.sqrt()
    scaled = prior * root[:, :, None] * root[:, None, :]
    factor = torch.linalg.cholesky(scaled + torch.eye(prior.shape[-1]).to(prior))
    half = torch.linalg.solve_triangular(factor, root[:, :, None] * prior, upper=False)
    covariance = prior - half.mT @ half
    mean = (covariance @ pull[..., None])[..., 0]
    return mean[:, at], torch.diagonal(covariance, dim1=-2, dim2=-1)[:, at].clamp_min(LEAST_PRECISION)


def _above(mean: Tensor, variance: Tensor, bound: Tensor, error: Tensor) -> tuple[Tensor, Tensor]:
    """Moments of a normal latent target, given that it plus an error of variance `error` lies above the bound."""
    total = (variance + error).sqrt()
    z = (mean - bound) / total
    hazard = torch.exp(-0.5 * z**2 - 0.5 * math.log(2.0 * math.pi) - torch.special.log_ndtr(z))
    new_mean = mean + variance * hazard / total
    new_variance = variance - variance**2 * hazard * (z + hazard) / total**2
    return new_mean, new_variance.clamp_min(LEAST_PRECISION)


#: Least variance of an ensemble's error (standardised target).
LEAST_VARIANCE = 1e-4


def member_rows(members: int, parts: int, folds: Folds, known: Tensor, generator: torch.Generator) -> Tensor:
    """Which rows each member trains on, shape (f, s, k): each leaves one of `parts` parts of the groups out. Bounds,
    not `known` (k,), of groups without any measurement are left out by no member, so that they change no draw."""
    groups, mask = folds.groups, folds.mask
    own = torch.unique(groups[known])
    place = torch.searchsorted(own, groups).clamp_max(len(own) - 1)
    dealt = own[place] == groups
    seen = torch.ones(members, groups.numel(), dtype=torch.bool)
    parts = min(parts, len(own))
    if parts > 1:
        for member in range(members):
            if member % parts == 0:
                part = torch.randperm(len(own), generator=generator) % parts
            seen[member] = (part[place] != member % parts) | ~dealt
    rows = mask[:, None] & seen
    return torch.where((rows & known).any(-1, keepdim=True), rows, mask[:, None])


def out_of_group(output: Tensor, target: Tensor, absent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (f, k) of the members' outputs (f, s, k) that did not see a row's group, `absent` (f, s, k), its mean
    squared error from the target (f, 1, k) less their spread, (f,), and their spread (f, k)."""
    held = absent.to(output)
    count = held.sum(1)
    mean = (held * output).sum(1) / count
    spread = (held * (output - mean[:, None]) ** 2).sum(1) / count
    error = torch.nanmean((mean - target[:, 0]) ** 2 - spread, -1).nan_to_num(1.0)
    return mean, error, spread
