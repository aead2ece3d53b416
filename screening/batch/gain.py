"""What one more experiment adds to a batch: expected improvement beyond everything pending or already chosen.

gain(x) = E[ max(0, min(best, f(pending)) - f(x)) ]

This is the increment of the batch expected improvement, qEI(pending + x) - qEI(pending). The values at the pending
points are sampled (scrambled Sobol, fixed seed); given them f(x) is normal and its expected improvement has a closed
form, so the sampling error is that of the pending points only and the value stays smooth where qEI is flat. Ginsbourger
et al. (2010), doi 10.1007/978-3-642-10701-6_6 (qEI); Snoek et al., NIPS (2012), arXiv 1206.2944 (the mean over what is
pending); Ament et al. (2023), arXiv 2310.20708 (the logarithm).
Shapes: m candidates, p pending points, s samples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import norm, qmc

from screening.acquisition.analytic import log_expected_improvement

__all__ = ["gaussian_moments", "log_gain", "normal_samples", "variance_after"]

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
    values = posterior.values.squeeze(-1)  # an ensemble posterior: b x s x q, one curve a member
    mean = values.mean(dim=-2)
    centred = values - mean.unsqueeze(-2)
    covariance = centred.transpose(-1, -2) @ centred / max(values.shape[-2] - 1, 1)
    return mean.cpu().double().numpy(), covariance.cpu().double().numpy()


def _device(model: Any) -> Any:
    tensor = next(iter(model.parameters()), None)
    return None if tensor is None else tensor.device
