"""Strategies of mean and spread: expected improvement and its kin, their forms for batches, a random order; BoTorch's
own classes for what needs joint posteriors, set up for minimisation.

Shapes: m candidates, d features, k observations, p pending or chosen points, s samples.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import log, pi, sqrt
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from screening.errors import BatchError, RankingError
from screening.strategies.strategy import Chosen, Numbers, Shortlist, Strategy, StrategyInputs, register_strategy

__all__ = ["choose_with", "log_gain"]


Array = NDArray[np.float64]
_HALF_LOG_2PI = 0.5 * log(2.0 * pi)
_HALF_LOG_HALF_PI = 0.5 * log(pi / 2.0)
#: Below this u the difference 1 - sqrt(pi/2) |u| erfcx(|u|/sqrt 2) has lost its digits; its limit 1/u^2 takes over.
_ASYMPTOTIC = -1.0e5
_SMALLEST_SD = 1.0e-12
#: Chance to form that values which are no logarithms ask for. As a penalty of ln P in decades of the rate it decided
#: alone: over the compounds of a campaign ln P varies four times as much as the mean (1.04 to 0.26), and the order by
#: greedy had a rank correlation of 0.93 with P and of -0.01 with the predicted rate.
FLOOR = 0.5
#: What the others lose, in decades: more than any two predictions are apart.
_BEHIND = 1000.0
#: Standard deviations of an optimistic bound.
_BETA = 2.0
#: Quasi-random samples of what is pending.
_SAMPLES = 256
#: Binary digits of a Sobol point.
_BITS = 30
#: Added to the diagonal of the pending covariance, relative to its mean, so that duplicates do not break Cholesky.
_JITTER = 1.0e-8
#: Points of the shortlist that the variance is integrated over, and candidates at once: a batch of 5 from 1,000 takes
#: 36 CPU s and 1.5 GB with 128 points and 512 candidates.
_SPACE_POINTS, _AT_ONCE = 48, 128
#: A reduction of the integrated variance below this share of it counts as none.
_LEAST_REDUCTION = 1.0e-12


class Acquisition(Strategy):
    """A strategy by mean and spread of the predicted log10(rate)."""

    takes = frozenset({"wishes"})
    #: Whether values are logarithms, so that log P(forms) adds to them as a product. The others keep to the order that
    #: they are named after: what forms with a chance below `FLOOR` stands behind everything else.
    logarithmic: ClassVar[bool] = True
    is_joint: ClassVar[bool] = False  #: whether a batch asks the model for more than means and covariances

    @abstractmethod
    def value(self, mean: Array, sd: Array, best: float | Array) -> Array:
        """What a candidate is worth, shape (m,), by mean and sd (m,) of the latent target and the best value so far."""

    def next_value(self, shortlist: Shortlist, chosen: Chosen) -> Array:
        """The same given what is pending or chosen, shape (m,): with the variance that is left once it is measured, for
        what is expected of the mean does not change by that."""
        mean, variance, _, covariance, cross = _moments(shortlist, chosen)
        after = variance_after(variance, covariance, cross, _noise(shortlist.model))
        return self.value(mean, np.sqrt(after), shortlist.best)

    def score(self, numbers: Numbers) -> Array:
        """The value with P(forms), shape (m,)."""
        return self._weighed(numbers.of_rows(self.value(numbers.row_mean, numbers.row_sd, numbers.best)), numbers.log_p)

    def gains(self, shortlist: Shortlist, chosen: Chosen) -> Array:
        """The value given what is pending or chosen, with P(forms), shape (m,)."""
        value = self.next_value(shortlist, chosen)
        return value if shortlist.log_p is None else self._weighed(value, shortlist.log_p)

    @property
    def ranked_by(self) -> str:
        """What a ranking is by, in words."""
        behind = f"; what forms with a chance below {FLOOR:.0%} stands behind all others"
        return super().ranked_by if self.logarithmic else self.words + behind

    def _weighed(self, value: Array, log_p: Array) -> Array:
        return value + log_p if self.logarithmic else value - np.where(log_p < log(FLOOR), _BEHIND, 0.0)


class _Improvement(Acquisition):
    """Improvement on the best of what is measured, pending and chosen; what is not measured yet is sampled."""

    def next_value(self, shortlist: Shortlist, chosen: Chosen) -> Array:
        """The gain beyond everything pending and chosen, shape (m,)."""
        mean, variance, *pending = _moments(shortlist, chosen)
        return log_gain(mean, variance, shortlist.best, (*pending,), shortlist.seed, self.value)


@register_strategy
class LogExpectedImprovement(_Improvement):
    """Logarithm of the expected improvement on the best so far (arXiv 2310.20708)."""

    name = "log_ei"
    words = "largest expected improvement on the best so far"
    rises_with_sd = True

    def value(self, mean: Array, sd: Array, best: float | Array) -> Array:
        """`log_expected_improvement`, shape (m,)."""
        return log_expected_improvement(mean, sd, best)


@register_strategy
class LogProbabilityOfImprovement(_Improvement):
    """Logarithm of the chance to beat the best so far (Kushner (1964), doi 10.1115/1.3653121)."""

    name = "log_pi"
    words = "most likely to beat the best so far"

    def value(self, mean: Array, sd: Array, best: float | Array) -> Array:
        """log Phi((best - mean) / sd), shape (m,)."""
        return special("log_ndtr", (best - np.asarray(mean)) / np.maximum(sd, _SMALLEST_SD))


@register_strategy
class LowerConfidenceBound(Acquisition):
    """Lowest optimistic bound of the rate, two standard deviations below its mean (arXiv 0912.3995)."""

    name = "lcb"
    words = "lowest optimistic bound, two standard deviations"
    rises_with_sd = True
    logarithmic = False

    def value(self, mean: Array, sd: Array, best: float | Array) -> Array:
        """Minus the bound, shape (m,)."""
        value: Array = _BETA * np.asarray(sd) - np.asarray(mean)
        return value


@register_strategy
class Greedy(Acquisition):
    """Lowest predicted rate, whatever its uncertainty."""

    name = "greedy"
    words = "lowest predicted value, whatever its uncertainty"
    rises_with_sd = True
    logarithmic = False

    def value(self, mean: Array, sd: Array, best: float | Array) -> Array:
        """Minus the mean, shape (m,)."""
        return -mean


@register_strategy
class MaxVariance(Acquisition):
    """Largest uncertainty, whatever is predicted."""

    name = "max_variance"
    words = "largest uncertainty, whatever its prediction"
    rises_with_sd = True

    def value(self, mean: Array, sd: Array, best: float | Array) -> Array:
        """Logarithm of the variance, shape (m,)."""
        value: Array = 2.0 * np.log(np.maximum(sd, _SMALLEST_SD))
        return value


@register_strategy
class NoisyExpectedImprovement(LogExpectedImprovement):
    """BoTorch's qLogNEI for batches: improvement on what is measured, its noise counted (arXiv 2310.20708)."""

    name = "qlog_nei"
    is_joint = True

    def next_value(self, shortlist: Shortlist, chosen: Chosen) -> Array:
        """BoTorch's value with the points as its pending ones, shape (m,)."""
        observed = shortlist.observed
        if observed is None or not len(observed):
            raise BatchError("qlog_nei compares with what is measured: give `observed`, features of the measurements")
        return values_with(noisy_improvement(shortlist.model, observed, chosen.x, shortlist.seed), shortlist.x)


@register_strategy
class IntegratedVariance(MaxVariance):
    """Largest fall of the variance over the shortlist, for batches that teach (doi 10.1109/IJCNN.2000.861310)."""

    name = "qnipv"
    is_joint = True

    def next_value(self, shortlist: Shortlist, chosen: Chosen) -> Array:
        """Logarithm of how much the variance falls, by BoTorch's qNegIntegratedPosteriorVariance, shape (m,)."""
        model, x = shortlist.model, shortlist.x
        space = x if shortlist.space is None else shortlist.space
        every = space[np.linspace(0, len(space) - 1, min(len(space), _SPACE_POINTS)).astype(np.int64)]
        acquisition = integrated_variance(model, every, chosen.x, shortlist.seed)
        left = -values_with(acquisition, x, _AT_ONCE)
        _, variance, _, covariance, cross = gaussian_moments(model, every, chosen.x)
        now = max(float(variance_after(variance, covariance, cross, _noise(model)).mean()), float(left.max()))
        value: Array = np.log(np.maximum(now - left, _LEAST_REDUCTION * now))
        return value


@register_strategy
class Thompson(LowerConfidenceBound):
    """Best of one function drawn from the posterior, another one for each member (doi 10.1093/biomet/25.3-4.285)."""

    name = "thompson"
    is_joint = True

    def next_value(self, shortlist: Shortlist, chosen: Chosen) -> Array:
        """Minus the drawn function, shape (m,)."""
        return drawn_values(shortlist.model, shortlist.x, shortlist.seed + chosen.n_picked)


@register_strategy
@dataclass(frozen=True)
class RandomStrategy(Strategy):
    """A random order: nothing is predicted, and P(forms) does not count.

    The score is the logarithm of a number between 0 and 1 that depends on the seed and a compound's index alone. So the
    order needs no memory, does not depend on how the space is cut into blocks, and what is excluded makes room for what
    comes next. A batch is drawn by its own seed. SplitMix64 of the index: Steele, Lea and Flood, OOPSLA (2014),
    doi 10.1145/2660193.2660195.
    """

    name = "random"
    words = "drawn at random, whatever is predicted"
    predicts = False

    seed: int = 0

    @classmethod
    def make(cls, inputs: StrategyInputs) -> RandomStrategy:
        """An order by the seed of the inputs."""
        return cls(inputs.seed)

    def score(self, numbers: Numbers) -> Array:
        """The number of each compound, shape (m,)."""
        return self.values(numbers.compounds.index)

    def gains(self, shortlist: Shortlist, chosen: Chosen) -> Array:
        """The number of each candidate by the seed of the batch, shape (m,)."""
        return RandomStrategy(shortlist.seed).values(shortlist.index)

    def values(self, index: NDArray[np.int64]) -> Array:
        """Those of compounds with these indices, shape (m,)."""
        start = np.uint64(np.random.SeedSequence(self.seed).generate_state(1, np.uint64)[0])
        with np.errstate(over="ignore"):  # arithmetic modulo 2^64 is meant
            z = start + (index.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z ^= z >> np.uint64(31)
        value: Array = np.log(((z >> np.uint64(11)).astype(np.float64) + 1.0) * 2.0**-53)
        return value

    @property
    def asked(self) -> str:
        """That nothing predicted decides."""
        return "random, as the campaign's description asks: drawn by lot, no prediction decides"

    @property
    def ranked_by(self) -> str:
        """That it is drawn."""
        return self.words


def special(name: str, values: Array, *further: int) -> Array:
    """A function of `torch.special` by its name, values (n,) to values (n,); to load scipy.special takes 0.2 CPU s."""
    import torch

    result: Array = getattr(torch.special, name)(torch.from_numpy(np.asarray(values)), *further).numpy()
    return result


def log_expected_improvement(mean: Array, sd: Array, best: float | Array) -> Array:
    """Logarithm of the expected amount by which each candidate of mean and sd (m,) falls below the best value so far,
    shape (m,): log EI = log sd + log(phi(u) + u Phi(u)), u = (best - mean) / sd.

    Finite and with a useful slope where EI itself underflows to zero, so far candidates still have an order (Ament et
    al., Advances in Neural Information Processing Systems 36 (2023), arXiv 2310.20708, section 4.1).
    """
    spread = np.maximum(np.asarray(sd, dtype=np.float64), _SMALLEST_SD)
    value: Array = np.log(spread) + _log_h((best - np.asarray(mean, dtype=np.float64)) / spread)
    return value


def _log_h(u: Array) -> Array:
    """log(phi(u) + u Phi(u)) without cancellation, in three ranges of u."""
    u = np.asarray(u, dtype=np.float64)
    result = np.empty_like(u)
    near = u > -1.0
    result[near] = np.log(np.exp(-0.5 * u[near] ** 2 - _HALF_LOG_2PI) + u[near] * special("ndtr", u[near]))
    far = u <= _ASYMPTOTIC
    result[far] = -0.5 * u[far] ** 2 - _HALF_LOG_2PI - 2.0 * np.log(-u[far])
    middle = ~(near | far)
    a = -u[middle]
    # phi(a) (1 - sqrt(pi/2) a erfcx(a / sqrt 2)); the bracket equals Mills' ratio's remainder, > 0 here.
    tail = np.exp(_HALF_LOG_HALF_PI) * a * special("erfcx", a / sqrt(2.0))
    result[middle] = -0.5 * a**2 - _HALF_LOG_2PI + np.log1p(-np.minimum(tail, 1.0 - 1e-16))
    return result


def log_gain(
    mean: Array,
    variance: Array,
    best: float,
    pending: tuple[Array, ...] | None,
    seed: int,
    value: Callable[[Array, Array, float | Array], Array] = log_expected_improvement,
) -> Array:
    """Logarithm of the gain of each candidate of mean and variance (m,), shape (m,), beyond the lowest observed value
    and pending points, told by mean (p,), covariance (p, p) and covariance with the candidates (m, p).

    `value` is of (mean, sd, best); with the logarithm of the probability of improvement in place of that of the
    expected improvement, the gain is the probability to beat everything pending as well. `seed` is of the Sobol
    sequence.
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
    return special("logsumexp", each, -1) - log(len(z))


def variance_after(variance: Array, covariance: Array, cross: Array, noise: float) -> Array:
    """Variance (m,) of candidates of variance (m,) once the pending points, of covariance (p, p) and covariance with
    the candidates (m, p), are measured with `noise` variance, whatever comes out.

    What is expected of the mean does not change by that, so an acquisition of both may be taken with this variance
    (Desautels et al., J. Mach. Learn. Res. 15, 4053 (2014)).
    """
    if not len(covariance):
        return variance
    jitter = noise + _JITTER * max(float(np.trace(covariance)) / len(covariance), 1e-12)
    weights = np.linalg.solve(np.linalg.cholesky(covariance + jitter * np.eye(len(covariance))), cross.T)
    after: Array = np.maximum(variance - (weights**2).sum(axis=0), _JITTER * variance)
    return after


@lru_cache(maxsize=32)
def normal_samples(dimension: int, seed: int) -> Array:
    """Standard normal quasi-random samples, shape (256, dimension); the global generators are left alone.

    Of points that are to the bit those of `scipy.stats.qmc.Sobol`, whose package takes 0.6 CPU s to load: directions by
    Joe and Kuo, doi 10.1137/070709359; scrambled as by Matousek, doi 10.1006/jcom.1998.0489.
    """
    from torch.quasirandom import SobolEngine

    steps, powers = _SAMPLES.bit_length() - 1, np.arange(_BITS)
    direction = SobolEngine(dimension).sobolstate[:, :steps].numpy()  # type: ignore[no-untyped-call]
    generator = np.random.default_rng(seed).spawn(1)[0]
    points = generator.integers(2, size=(dimension, _BITS), dtype=np.uint32) @ 2**powers
    mixing = np.tril(generator.integers(2, size=(dimension, _BITS, _BITS), dtype=np.uint32), -1) + np.eye(_BITS)
    bits = direction[..., None] >> powers[::-1] & 1
    mixed = (bits @ mixing.mT % 2.0).astype(np.int64) @ 2 ** powers[::-1]
    gray = np.arange(_SAMPLES) ^ np.arange(_SAMPLES) >> 1
    chosen = np.where(gray[:, None, None] >> np.arange(steps) & 1, mixed, 0)
    uniform = (points ^ np.bitwise_xor.reduce(chosen, axis=2)) * 0.5**_BITS
    return special("ndtri", np.clip(uniform, 1e-9, 1.0 - 1e-9))


_FEW = 200  #: Of so few all covariances are worked out at once.


def gaussian_moments(model: Any, x: Array, pending: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Moments of a one-outcome BoTorch model's posterior at candidates x (m, d) and pending points (p, d) together:
    mean (m,), variance (m,), mean at pending (p,), covariance of pending (p, p), cross covariance (m, p)."""
    import torch

    rows, points = (torch.as_tensor(part, dtype=torch.float64, device=_device(model)) for part in (x, pending))
    m = len(rows)
    with torch.no_grad():
        if hasattr(model, "joint_moments"):  # only what is asked for of the covariance
            told = *model.joint_moments(torch.cat([rows, points]), m), model.marginal(rows)[1]
            mean, covariance, variance = (part.cpu().numpy() for part in told)
        else:
            (mean,), (whole,) = joint_moments(model, torch.cat([rows, points]).unsqueeze(0))
            covariance, variance = whole[:, m:], whole.diagonal()[:m]
    return mean[:m], variance, mean[m:], covariance[m:], covariance[:m]


def _moments(shortlist: Shortlist, chosen: Chosen) -> tuple[Array, Array, Array, Array, Array]:
    known = shortlist.moments
    return gaussian_moments(shortlist.model, shortlist.x, chosen.x) if known is None else known()


class SharedMoments:
    """What the picks of one batch share: moments of its shortlist (s, d) beside what is pending (p, d) and picked."""

    def __init__(self, model: Any, x: Array, pending: Array) -> None:
        self._model, self._x, self._pending = model, x, pending
        self._place = {row: len(pending) + row for row in range(len(x) if len(x) <= _FEW else 0)}

    def __call__(self, rows: NDArray[np.int64], picked: Sequence[int]) -> tuple[Array, Array, Array, Array, Array]:
        """`gaussian_moments` of these rows of the shortlist, m of them, beside what is pending and picked."""
        for row in picked:
            if row not in self._place:
                mean, variance, centre, covariance, cross = self._known
                _, _, own_mean, own, column = gaussian_moments(self._model, self._x, self._x[[row]])
                covariance = np.block([[covariance, cross[[row]].T], [cross[[row]], own]])
                self._place[row] = len(centre)
                self._known = mean, variance, np.append(centre, own_mean), covariance, np.hstack([cross, column])
        beside = np.array([*range(len(self._pending)), *(self._place[row] for row in picked)], dtype=np.int64)
        mean, variance, centre, covariance, cross = self._known
        return mean[rows], variance[rows], centre[beside], covariance[np.ix_(beside, beside)], cross[rows][:, beside]

    @cached_property
    def _known(self) -> tuple[Array, Array, Array, Array, Array]:
        return gaussian_moments(self._model, self._x, np.vstack([self._pending, self._x[: len(self._place)]]))


def joint_moments(model: Any, x: Any) -> tuple[Array, Array]:
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
    values = posterior.values.squeeze(-1)  # b x s x q, one curve a member
    mean = values.mean(dim=-2)
    centred = values - mean.unsqueeze(-2)
    covariance = centred.transpose(-1, -2) @ centred / max(values.shape[-2] - 1, 1)
    return mean.cpu().double().numpy(), covariance.cpu().double().numpy()


def _device(model: Any) -> Any:
    tensor = next(iter(model.parameters()), None)
    return None if tensor is None else tensor.device


def _noise(model: Any) -> float:
    """Variance of a measurement around the latent target, as far as the model tells it."""
    unexplained = getattr(model, "unexplained_variance", None)
    return 0.0 if unexplained is None else float(unexplained())


#: Samples of an improvement, and of a hypervolume, of which each needs a decomposition of its own.
_VOLUMES = 64


def noisy_improvement(model: Any, x_observed: Array, pending: Array | None = None, seed: int = 42) -> Any:
    """BoTorch's qLogNEI (arXiv 2310.20708), b x q x d -> b, given observations (k, d) and what awaits (p, d)."""
    import torch
    from botorch.acquisition.logei import qLogNoisyExpectedImprovement
    from botorch.acquisition.objective import GenericMCObjective
    from botorch.sampling.normal import SobolQMCNormalSampler

    with _jitter_is_fine():
        return qLogNoisyExpectedImprovement(
            model,
            X_baseline=_tensor(x_observed),
            prune_baseline=False,
            cache_root=False,
            X_pending=_awaited(pending),
            objective=GenericMCObjective(_negate),
            sampler=SobolQMCNormalSampler(torch.Size([_SAMPLES]), seed=seed),
        )


def integrated_variance(model: Any, x_space: Array, pending: Array | None = None, seed: int = 42) -> Any:
    """Minus the variance over `x_space` (s, d) once a batch is measured (doi 10.1109/IJCNN.2000.861310)."""
    import torch
    from botorch.acquisition.active_learning import qNegIntegratedPosteriorVariance
    from botorch.sampling.normal import SobolQMCNormalSampler

    sampler = SobolQMCNormalSampler(torch.Size([1]), seed=seed)
    return qNegIntegratedPosteriorVariance(
        model, mc_points=_tensor(x_space), sampler=sampler, X_pending=_awaited(pending)
    )


def choose_with(acquisition: Any, x: Array, q: int, chunk: int = 512) -> NDArray[np.int64]:
    """Rows (q,) of a shortlist (m, d) chosen one after the other by a BoTorch acquisition, the earlier picks pending;
    its own pending points are kept and restored."""
    import torch

    points, before = _tensor(x), acquisition.X_pending
    chosen: list[int] = []
    try:
        for _ in range(min(q, len(x))):
            parts = [points[chosen]] if before is None else [before, points[chosen]]
            acquisition.set_X_pending(torch.cat(parts) if chosen or before is not None else None)
            value = values_with(acquisition, x, chunk)
            value[chosen] = -np.inf
            chosen.append(int(value.argmax()))
    finally:
        acquisition.set_X_pending(before)
    return np.array(chosen, dtype=np.int64)


def values_with(acquisition: Any, x: Array, chunk: int = 512) -> Array:
    """Values of single candidates (m, d) under a BoTorch acquisition and its own pending points, shape (m,)."""
    import torch

    with torch.no_grad(), _jitter_is_fine():
        parts = [acquisition(part.unsqueeze(1)) for part in _tensor(x).split(chunk)]
    value: Array = torch.cat(parts).double().cpu().numpy()
    return value


def drawn_values(model: Any, x: Array, seed: int) -> Array:
    """Minus a function of the posterior at a shortlist (m, d), (m,) (Thompson, doi 10.1093/biomet/25.3-4.285)."""
    import torch

    with torch.no_grad():
        distribution = model.posterior(_tensor(x)).distribution
        mean, covariance = distribution.mean.double().numpy(), distribution.covariance_matrix.double().numpy()
    spectrum, vectors = np.linalg.eigh(covariance)
    noise = np.random.default_rng(seed).standard_normal(len(x))
    draw: Array = mean + vectors @ (np.sqrt(np.maximum(spectrum, 0.0)) * noise)
    return -draw


def hypervolume_improvement(
    models: list[Any],
    signs: list[float],
    x_observed: Array,
    reference: list[float],
    seed: int = 42,
    pending: Array | None = None,
) -> Any:
    """qLogNEHVI over several properties, for `choose_with` and `values_with` (Daulton et al., NeurIPS (2021), arXiv
    2105.08195; Ament et al. (2023), arXiv 2310.20708).

    The first properties are measured ones, each with a model over the same d features. Where there are more signs (-1
    minimises, +1 maximises) than models, the last n columns of every point, observed (k, d + n) or pending (p, d + n),
    are the others: numbers that are known before anything is measured, such as a price. `reference` is the worst value
    of each that is still of interest. A `RankingError` if signs and reference differ in number, or there are more
    models, or less than two properties.
    """
    import torch
    from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
    from botorch.acquisition.multi_objective.objective import GenericMCMultiOutputObjective
    from botorch.models.model import ModelList
    from botorch.sampling.list_sampler import ListSampler
    from botorch.sampling.normal import SobolQMCNormalSampler

    n_known = len(signs) - len(models)
    if len(signs) != len(reference) or n_known < 0 or len(signs) < 2:
        raise RankingError(
            f"{len(signs)} signs, {len(reference)} reference values, {len(models)} models: one of each a property, two "
            "properties at least; only the last of them may do without a model"
        )
    weights = torch.tensor([float(np.sign(sign)) for sign in signs], dtype=torch.float64)
    if not weights.all():
        raise RankingError("a sign of 0: -1 minimises a property, +1 maximises it")

    def towards_the_better(samples: Any, X: Any) -> Any:  # BoTorch calls it by this name
        known = X[..., X.shape[-1] - n_known :].expand(*samples.shape[:-1], n_known)
        return weights * torch.cat([samples, known], dim=-1)

    samplers = [SobolQMCNormalSampler(torch.Size([_VOLUMES]), seed=seed + place) for place in range(len(models))]
    _compile_nothing()
    with _jitter_is_fine():
        return qLogNoisyExpectedHypervolumeImprovement(
            ModelList(*(_of_features(model, n_known) for model in models)),
            ref_point=(weights * torch.tensor(reference, dtype=torch.float64)).tolist(),
            X_baseline=_tensor(x_observed),
            sampler=ListSampler(*samplers),
            objective=GenericMCMultiOutputObjective(towards_the_better),
            prune_baseline=False,
            cache_root=False,
            X_pending=_awaited(pending),
        )


def _of_features(model: Any, n_known: int) -> Any:
    """A BoTorch model that looks past the last columns of its points."""
    from botorch.models.model import Model

    class OfFeatures(Model):
        num_outputs = 1

        def posterior(self, X: Any, *args: Any, **options: Any) -> Any:  # BoTorch calls it by this name
            return model.posterior(X[..., : X.shape[-1] - n_known], *args, **options)

    return OfFeatures() if n_known else model


def _compile_nothing() -> None:
    """Keeps BoTorch from compiling C++ at the first hypervolume.

    That takes a minute and more, warns where there is no compiler, and waits for ever on the lock that a killed
    process has left.
    """
    from botorch.acquisition.multi_objective import logei

    logei._load_attempted = True


@contextmanager
def _jitter_is_fine() -> Iterator[None]:
    """Equal points (a candidate that is observed or pending) make a covariance singular; jitter is the right answer."""
    from linear_operator.utils.warnings import NumericalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumericalWarning)
        yield


def _negate(samples: Any, X: Any = None) -> Any:  # BoTorch calls it by this name
    return -samples[..., 0]


def _awaited(pending: Array | None) -> Any:
    return None if pending is None or not len(pending) else _tensor(pending)


def _tensor(values: Array) -> Any:
    import torch

    return torch.as_tensor(np.asarray(values, dtype=np.float64))
