"""Acquisitions that need joint posteriors: BoTorch's own classes set up for minimisation, and the choice by them.

Shapes: k observations, d features, m candidates, s samples.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screening.errors import RankingError

__all__ = ["choose_with"]

Array = NDArray[np.float64]
#: Samples of an improvement, and of a hypervolume, of which each needs a decomposition of its own.
_SAMPLES, _VOLUMES = 256, 64


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
