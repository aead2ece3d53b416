"""Exact Gaussian processes with a noise level a row, all folds fitted as one batched tensor program.

A fold is a mask over one table: rows held out become independent of everything (their row of the covariance is
that of the identity), so folds of any size share one batch. Hyperparameters are the maximum of the marginal
likelihood times the priors of `kernels`, fold by fold; the gradient of the likelihood with respect to the
covariance is taken in closed form (Rasmussen and Williams 2006, eq. 5.9), the rest by autograd.

Rows of related tasks join by an intrinsic coregionalisation kernel (Bonilla, Chai and Williams, NeurIPS 2007): the
covariance of two rows is that of their features times the correlation of their tasks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from screening.surrogates.observations import Folds, Sites, bound_sites

__all__ = ["KernelSpec", "covariance"]


#: Keeps a step finite where every gradient so far was zero.
EPSILON = 1e-8


class Adam:
    """Moments of the gradients of one tensor (Kingma and Ba, arXiv 1412.6980, algorithm 1).

    Not torch.optim's: its first step loads torch's compiler, a CPU second in every process.
    """

    def __init__(self, parameters: Tensor, decay: tuple[float, float] = (0.9, 0.999)) -> None:
        """Bind the parameters, any shape, changed in place by `step`; `decay` is that of mean and square."""
        self._parameters = parameters
        self._decay = decay
        self._mean = torch.zeros_like(parameters)
        self._square = torch.zeros_like(parameters)
        self._steps = 0

    @torch.no_grad()
    def step(self, gradient: Tensor, step_size: float) -> None:
        """One step down the gradient, of the parameters' shape."""
        self._steps += 1
        first, second = self._decay
        self._mean.lerp_(gradient, 1.0 - first)
        self._square.mul_(second).addcmul_(gradient, gradient, value=1.0 - second)
        scale = (self._square.sqrt() / math.sqrt(1.0 - second**self._steps)).add_(EPSILON)
        self._parameters.addcdiv_(self._mean, scale, value=-step_size / (1.0 - first**self._steps))


def cosine(start: float, end: float, part: float) -> float:
    """Step size that falls along half a cosine, `part` of the way from `start` to `end`."""
    return end + 0.5 * (start - end) * (1.0 + math.cos(math.pi * part))


#: Keeps the gradient of a distance finite where two rows are equal.
TINY_SQUARED_DISTANCE = 1e-12
#: Variance of the constant: the mean of standardised targets is known to about one standard deviation.
CONSTANT_VARIANCE = 1.0
#: Positions of the three scalar hyperparameters; the log length scales follow.
SIGNAL, LINEAR, NUGGET, LENGTH = 0, 1, 2, 3
#: Normal priors (mean, sd) on the logs of signal, linear and nugget variance, in units of the target's variance:
#: most of the spread is signal, a tenth is linear trend or unexplained, each within a factor of about e.
SCALAR_PRIOR = ((math.log(0.7), 1.0), (math.log(0.1), 1.0), (math.log(0.1), 1.0))
#: Normal prior on log length scales around log(sqrt d): distances between standardised rows grow as sqrt d
#: (the scaling of Hvarfner et al., arXiv 2402.02229, whose spread sqrt 3 is narrowed for tables this small).
LENGTH_PRIOR_SHIFT, LENGTH_PRIOR_SD = 0.5, 0.7
#: Normal prior on the deviation of each log length scale from their mean: one feature matters about e^0.5 more or
#: less than another. Wider lets fifty rows choose eight scales, and intervals shrink below what they hold.
DEVIATION_PRIOR_SD = 0.5
#: Normal prior (mean, sd) on the log odds of a related task's correlation with the predicted one, and variance of its
#: own constant (standardised target): another metal or laboratory shifts all lifetimes.
RELATION_PRIOR, OFFSET_VARIANCE = (1.0, 1.5), 1.0


@dataclass(frozen=True)
class KernelSpec:
    """One candidate covariance: constant + linear + Matern."""

    name: str  #: what provenance calls it
    ard: bool = False  #: one length scale a feature instead of one for all
    rough: bool = False  #: Matern 1/2 instead of 5/2, for targets that jump between similar compounds
    #: Hyperparameters by BFGS, a quarter of Adam's steps and to the end; Adam is what release 0.1.0 searched by.
    bfgs: bool = False

    def n_lengths(self, d: int) -> int:
        """How many length scales d features have."""
        return d if self.ard else 1


def log_prior(spec: KernelSpec, theta: Tensor, d: int) -> Tensor:
    """Log density of the hyperparameters up to a constant, shape (f,)."""
    mean = torch.tensor([m for m, _ in SCALAR_PRIOR]).to(theta)
    sd = torch.tensor([s for _, s in SCALAR_PRIOR]).to(theta)
    scalars = (((theta[..., :LENGTH] - mean) / sd) ** 2).sum(-1)
    lengths = theta[..., LENGTH:]
    common = lengths.mean(-1, keepdim=True)
    shared = ((common[..., 0] - _length_mean(spec, d)) / LENGTH_PRIOR_SD) ** 2
    return -0.5 * (scalars + shared + (((lengths - common) / DEVIATION_PRIOR_SD) ** 2).sum(-1))


def covariance(spec: KernelSpec, theta: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Covariance without the nugget, (..., m, k), of a (..., m, d) and b (..., k, d); log hyperparameters theta (f, p)
    or (p,)."""
    scalars = theta[..., :LENGTH].exp()[..., None, None]
    linear = a @ b.mT / a.shape[-1]
    return (
        CONSTANT_VARIANCE
        + scalars[..., LINEAR, :, :] * linear
        + scalars[..., SIGNAL, :, :] * _stationary(spec, theta[..., LENGTH:].exp(), a, b)
    )


def relations(odds: Tensor, tasks: Tensor) -> Tensor:
    """Correlation of each row's task (k,), 0 the predicted one, with that, shape (f, k), by log odds (f, t)."""
    return torch.cat([odds.new_ones(len(odds), 1), odds.sigmoid()], -1)[:, tasks]


def task_covariance(prior: Tensor, odds: Tensor, tasks: Tensor) -> Tensor:
    """Covariance of rows of several tasks, shape (f, k, k), of that of their features, of the same shape; two related
    tasks have the product of their correlations with the predicted one."""
    if not odds.shape[-1]:
        return prior
    share, same = relations(odds, tasks), tasks[:, None] == tasks
    shared = torch.where(same, 1.0, share[:, :, None] * share[:, None, :])
    return prior * shared + OFFSET_VARIANCE * (same & (tasks > 0)).to(prior)


def diagonal(theta: Tensor, a: Tensor) -> Tensor:
    """Diagonal of `covariance(a, a)`, shape (..., m)."""
    scalars = theta[..., :LENGTH].exp()[..., None]
    return CONSTANT_VARIANCE + scalars[..., LINEAR, :] * (a**2).mean(-1) + scalars[..., SIGNAL, :]


def _length_mean(spec: KernelSpec, d: int) -> float:
    del spec
    return LENGTH_PRIOR_SHIFT + 0.5 * math.log(d)


def _stationary(spec: KernelSpec, lengths: Tensor, a: Tensor, b: Tensor) -> Tensor:
    scale = lengths[..., None, :]
    return _matern(spec, _squared_distance(a / scale, b / scale))


def _squared_distance(a: Tensor, b: Tensor) -> Tensor:
    return (a**2).sum(-1)[..., :, None] + (b**2).sum(-1)[..., None, :] - 2.0 * a @ b.mT


def _matern(spec: KernelSpec, squared: Tensor) -> Tensor:
    if spec.rough:
        return torch.exp(-squared.clamp_min(TINY_SQUARED_DISTANCE).sqrt())
    r = (5.0 * squared.clamp_min(TINY_SQUARED_DISTANCE)).sqrt()
    return (1.0 + r + r * r / 3.0) * torch.exp(-r)


#: Added to every training variance (standardised target): equal rows with zero error stay positive definite.
JITTER = 1e-6
#: Steps and step size of the search; a test holds the gradient small at the end.
STEPS, STEP_SIZE = 70, 0.12
#: Steps and step size of a fold's search from the hyperparameters of all rows, and the rows from which it starts so.
WARM, MAX_COLD_ROWS = (12, 0.04), 60
#: BFGS (Nocedal and Wright, doi 10.1007/978-0-387-40065-5, chapter 6): steps from the prior and from a start, the most
#: that one moves a logarithm, the variance it begins with, and what a second derivative is at least.
BFGS_STEPS, MOST_MOVED, FIRST_VARIANCE, LEAST_CURVATURE = (18, 8), 0.5, 0.25, 0.05
#: A slope of the log posterior in every logarithm below which the search is done.
FLAT = 1e-5
#: Rows above which hyperparameters are sought on a subset; the posterior still conditions on every row. The long search
#: from the prior looks at fewer still, and a short one on the larger subset follows.
MAX_SEARCH_ROWS, MAX_START_ROWS = 256, 128


@dataclass(frozen=True)
class GaussianProcesses:
    """Fitted processes, one a fold, in standardised units."""

    spec: KernelSpec  #: the covariance
    theta: Tensor  #: log hyperparameters, shape (f, p)
    x: Tensor  #: standardised training features, shape (f, k, d)
    inverse: Tensor  #: inverse of the masked training covariance, shape (f, k, k)
    alpha: Tensor  #: inverse times masked targets, shape (f, k)
    targets: Tensor  #: masked standardised targets, shape (f, k); of bounds, those of their sites
    #: Of each target around the latent one, standardised, shape (f, k); of bounds, that of their sites.
    variance: Tensor
    mask: Tensor  #: which rows train, shape (f, k)
    relation: Tensor  #: correlation of each row's task with the predicted one, shape (f, k)

    def predict(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance, each (f, m), of the latent target (no nugget, no noise) at standardised z (f, m, d)."""
        cross = covariance(self.spec, self.theta, z, self.x) * (self.mask * self.relation)[:, None, :]
        mean = (cross @ self.alpha[..., None])[..., 0]
        explained = ((cross @ self.inverse) * cross).sum(-1)
        return mean, (diagonal(self.theta, z) - explained).clamp_min(JITTER)

    def nugget(self) -> Tensor:
        """Variance of what the features do not explain, shape (f,)."""
        return self.theta[..., NUGGET].exp()

    def sites(self, folds: Folds) -> Sites:
        """What the rows it was fitted to ask of other learners: bounds as this process has come to see them."""
        plain = self.nugget()[:, None] + folds.noise + JITTER
        weights = torch.where(folds.censored, (plain / self.variance).clamp_max(1.0), 1.0)
        return Sites(self.targets, weights, ~folds.censored)

    def leave_groups_out(self, groups: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and predictive variance (nugget and row noise included), each (f, k), of training rows by the process
        without their group (codes (k,)), hyperparameters kept: with P the inverse covariance and S a group, mean y_S -
        P_SS^-1 (P y)_S and covariance P_SS^-1 (Rasmussen and Williams 2006, section 5.4.2)."""
        if torch.unique(groups).numel() == groups.numel():
            own = 1.0 / torch.diagonal(self.inverse, dim1=-2, dim2=-1)
            return self.targets - own * self.alpha, own.clamp_min(JITTER)
        mean, variance = torch.empty_like(self.targets), torch.empty_like(self.targets)
        for code in torch.unique(groups):
            rows = torch.nonzero(groups == code)[:, 0]
            block = torch.linalg.inv(self.inverse[:, rows][:, :, rows])
            mean[:, rows] = self.targets[:, rows] - (block @ self.alpha[:, rows, None])[..., 0]
            variance[:, rows] = torch.diagonal(block, dim1=-2, dim2=-1)
        return mean, variance.clamp_min(JITTER)


def fit_gaussian_processes(
    spec: KernelSpec, folds: Folds, targets: Tensor | None = None, device: str = "cpu"
) -> GaussianProcesses:
    """Fit one process a fold, in double precision on "cpu" or a CUDA device, and bring it back to the processor;
    hyperparameters come from measurements, bounds join by expectation propagation. `targets` (f, k), standardised,
    stand in for the rows' own."""
    own = folds.scaling.y(folds.y) if targets is None else targets
    z, targets, noise, mask, bounds, tasks = (
        tensor.to(device)
        for tensor in (folds.scaling.ranked(folds.x), own, folds.noise, folds.mask, folds.censored, folds.tasks)
    )
    weight, measured = mask.to(z), (mask & ~bounds).to(z)
    keep, few = _spread(tasks, MAX_SEARCH_ROWS), _spread(tasks, MAX_START_ROWS)
    rows = _Rows(z[:, keep], (targets * measured)[:, keep], noise[:, keep], measured[:, keep], tasks[keep])
    start = None
    if len(folds.y) > (MAX_COLD_ROWS if len(mask) > 1 else MAX_START_ROWS):
        every = measured[:, few].amax(0, keepdim=True)  # of the first fold's scale, which moves a start, not an end
        whole = _Rows(z[:1, few], (targets * ~bounds)[:1, few], noise[:1, few], every, tasks[few])
        start = _search(spec, whole).expand(len(mask), -1)
    theta, odds = _search(spec, rows, start).split_with_sizes(_sizes(spec, z, tasks), -1)
    variance = theta[:, NUGGET, None].exp() + noise + JITTER
    prior = task_covariance(covariance(spec, theta, z, z), odds, tasks)
    if bool(bounds.any()):
        targets, variance = bound_sites(prior, targets, variance, mask, bounds)
    targets = targets * weight
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(_masked(prior, variance, weight)))
    alpha = (inverse @ targets[..., None])[..., 0]
    parts = (theta, z, inverse, alpha, targets, variance, mask, relations(odds, tasks))
    return GaussianProcesses(spec, *(tensor.cpu() for tensor in parts))


def _sizes(spec: KernelSpec, z: Tensor, tasks: Tensor) -> list[int]:
    """How many hyperparameters the kernel has, and how many related tasks there are."""
    return [LENGTH + spec.n_lengths(z.shape[-1]), int(tasks.max())]


def _spread(tasks: Tensor, most: int) -> Tensor:
    """Evenly spaced ones of all rows, about so many; one of the last task is among them."""
    even = torch.linspace(0, len(tasks) - 1, min(len(tasks), most), device=tasks.device).round().long()
    chosen: Tensor = torch.unique(torch.cat([even, tasks.argmax()[None]]))
    return chosen


def _masked(prior: Tensor, variance: Tensor, weight: Tensor) -> Tensor:
    """Training covariance of every fold; rows that do not train are independent with variance one."""
    own = variance * weight + (1.0 - weight)
    return prior * weight[:, :, None] * weight[:, None, :] + torch.diag_embed(own)


class _Rows(NamedTuple):
    """What hyperparameters are sought on: features (f, k, d), targets, error and weight (f, k), tasks (k,)."""

    z: Tensor
    targets: Tensor
    noise: Tensor
    weight: Tensor
    tasks: Tensor


def _search(spec: KernelSpec, rows: _Rows, start: Tensor | None = None) -> Tensor:
    """Maximum a posteriori hyperparameters, shape (f, p); near a start (f, p) fewer steps do."""
    steps, (adam_steps, size) = BFGS_STEPS[start is not None], (STEPS, STEP_SIZE) if start is None else WARM
    if start is None:
        f, _, d = rows.z.shape
        lengths, odds = [_length_mean(spec, d)] * spec.n_lengths(d), [RELATION_PRIOR[0]] * int(rows.tasks.max())
        means = [mean for mean, _ in SCALAR_PRIOR] + lengths + odds
        start = torch.tensor(means, dtype=torch.float64).expand(f, -1)
    theta = start.to(rows.z).clone()
    if spec.bfgs:
        return _bfgs(spec, rows, theta, steps)
    adam = Adam(theta, decay=(0.8, 0.95))
    for step in range(adam_steps):
        adam.step(_slope(spec, rows, theta), cosine(size, 0.01 * size, step / adam_steps))
    return theta


def _bfgs(spec: KernelSpec, rows: _Rows, theta: Tensor, steps: int) -> Tensor:
    one, slope = torch.eye(theta.shape[-1]).to(theta), _slope(spec, rows, theta)
    inverse = (FIRST_VARIANCE * one).expand(len(theta), -1, -1)
    for _ in range(steps):
        moving = (slope.abs() >= FLAT).any(-1)[:, None, None]  # each fold ends by itself: none sees another's rows
        if not bool(moving.any()):
            break
        step = -(inverse @ slope[..., None]).clamp(-MOST_MOVED, MOST_MOVED) * moving
        theta, before = theta + step[..., 0], slope
        slope = _slope(spec, rows, theta)
        change = (slope - before)[..., None]
        product = (change.mT @ step).maximum(LEAST_CURVATURE * (step.mT @ step)).clamp_min(1e-24)
        turned = one - step @ change.mT / product
        inverse = turned @ inverse @ turned.mT + step @ step.mT / product
    return theta


def _slope(spec: KernelSpec, rows: _Rows, theta: Tensor) -> Tensor:
    """Gradient of the negative log posterior at hyperparameters (f, p), of the same shape."""
    z, targets, noise, weight, tasks = rows
    sizes, (mean, sd) = _sizes(spec, z, tasks), RELATION_PRIOR
    theta = theta.clone().requires_grad_(True)
    kernel, odds = theta.split_with_sizes(sizes, -1)
    prior = task_covariance(covariance(spec, kernel, z, z), odds, tasks)
    k = _masked(prior, theta[:, NUGGET, None].exp() + noise + JITTER, weight)
    with torch.no_grad():
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(k)).mT  # symmetric; in memory as the others, row by row
        alpha = inverse @ targets[..., None]
        slope = 0.5 * (inverse - alpha @ alpha.mT)
    loss = (slope * k).sum() - log_prior(spec, kernel, z.shape[-1]).sum() + 0.5 * (((odds - mean) / sd) ** 2).sum()
    (gradient,) = torch.autograd.grad(loss, theta)
    return gradient
