"""A fitted mixture of processes and networks as arrays: its predictions without torch, whose import takes a CPU second.

Shapes: m rows asked for, k training rows, d features, s members, b bins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from screening.surrogate import Surrogate

__all__ = ["FrozenSurrogate", "freeze", "thaw"]

Array = NDArray[np.float64]

#: As in `screening.surrogates`, whose import would load torch; a test holds them equal.
JITTER, TINY, CONSTANT, LEAST_WIDTH = 1e-6, 1e-12, 1.0, 1e-6
#: Rows taken at once: what they need stays in the processor's cache.
BLOCK = 512
#: Log hyperparameters before the length scales: signal, linear and nugget variance.
SCALARS = 3


@dataclass(frozen=True)
class FrozenProcess:
    """A Gaussian process in standardised units, Matern 1/2 if `is_rough`, else 5/2: log hyperparameters `theta` (4,) or
    (3 + d,), training features x (k, d), inverse of their covariance (k, k), and that times the targets, `alpha`."""

    is_rough: bool
    theta: Array
    x: Array
    inverse: Array
    alpha: Array

    @classmethod
    def of(cls, theta: Array, x: Array, y: Array, noise_variance: float) -> FrozenProcess:
        """The smooth process of given hyperparameters on targets y (k,)."""
        bare = cls(False, theta, x, np.empty(0), np.empty(0))
        own = float(np.exp(theta[2])) + noise_variance + JITTER
        inverse = np.asarray(np.linalg.inv(bare.covariance(x) + own * np.eye(len(y))), dtype=np.float64)
        return cls(False, theta, x, inverse, inverse @ y)

    def covariance(self, z: Array) -> Array:
        """Prior covariance of rows z (m, d) with the training rows, shape (m, k)."""
        signal, linear, _ = np.exp(self.theta[:SCALARS])
        scale = np.exp(self.theta[SCALARS:])
        a, b = z / scale, self.x / scale
        squared = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2.0 * a @ b.T
        r = np.sqrt((1.0 if self.is_rough else 5.0) * squared.clip(TINY))
        shape = np.exp(-r) if self.is_rough else (1.0 + r + r * r / 3.0) * np.exp(-r)
        result: Array = CONSTANT + linear * (z @ self.x.T / z.shape[1]) + signal * shape
        return result

    def predict(self, z: Array) -> tuple[Array, Array]:
        """Mean and latent variance, each (m,), at standardised rows z (m, d)."""
        cross = self.covariance(z)
        signal, linear, _ = np.exp(self.theta[:SCALARS])
        prior = CONSTANT + linear * (z**2).mean(1) + signal
        return cross @ self.alpha, (prior - ((cross @ self.inverse) * cross).sum(1)).clip(JITTER)


@dataclass(frozen=True)
class FrozenSurrogate:
    """A fitted surrogate of what `freeze` gave: scaling, weights, and the parts of each candidate by its number."""

    arrays: Mapping[str, Any]

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of a new measurement's log10 rate, each (m,), at features x (m, d): those of
        `Surrogate.predict` but for rounding."""
        blocks = [self._block(x[start : start + BLOCK]) for start in range(0, max(len(x), 1), BLOCK)]
        return np.concatenate([mean for mean, _ in blocks]), np.concatenate([sd for _, sd in blocks])

    def _block(self, x: Array) -> tuple[Array, Array]:
        of = self.arrays
        fixed = np.broadcast_to(of["fixed"], (len(x), len(of["fixed"])))
        z = np.nan_to_num((np.column_stack([x, fixed]) - of["x_mean"]) / of["x_sd"])
        ranked = by_ranks(z, of["knots"], of["scores"]) if "knots" in of else z
        parts = [self._candidate(number, z, ranked) for number in range(len(of["weights"]))]
        means, variances = np.array([mean for mean, _ in parts]), np.array([variance for _, variance in parts])
        mean = of["weights"] @ means
        latent = (of["weights"] @ (variances + means**2) - mean**2).clip(JITTER)
        calibrated = (of["calibration"] * of["y_sd"]) ** 2 * latent + of["unexplained"]
        return of["y_mean"] + of["y_sd"] * mean, np.sqrt(calibrated)

    def _candidate(self, number: int, z: Array, ranked: Array) -> tuple[Array, Array]:
        part = {name.split("/")[1]: value for name, value in self.arrays.items() if name.startswith(f"{number}/")}
        if "theta" in part:
            return FrozenProcess(**part).predict(ranked)
        values = _members(part, z)
        return values.mean(0), values.var(0)


def by_ranks(z: NDArray[Any], knots: Array, scores: Array) -> Array:
    """Standardised features (m, d) by ranks, as `screening.surrogates.observations` has them."""
    lines = zip(z.T, knots, scores, strict=True)
    return np.array([np.interp(own, at, to) + own - own.clip(at[0], at[-1]) for own, at, to in lines]).T


def _members(part: Mapping[str, Any], z: Array) -> Array:
    """Outputs of the networks, shape (s, m)."""
    low, width = part["edges"][:, :-1], np.diff(part["edges"], axis=-1)
    inside = ((z[:, :, None] - low) / width.clip(LEAST_WIDTH)).clip(0.0, 1.0)
    h = np.concatenate([z, (2.0 * inside - 1.0).reshape(len(z), -1)], axis=1).T[None]
    layers = sum(name.startswith("weight") for name in part)
    for layer in range(layers):
        if layer:  # a sigmoid, without scipy.special
            h = 0.5 * np.tanh(np.multiply(h, 0.5, out=h), out=h) + 0.5
        h = part[f"weight_{layer}"] @ h + part[f"bias_{layer}"]
    result: Array = h[:, 0]
    return result


def freeze(surrogate: Surrogate) -> dict[str, Any] | None:
    """The arrays of a surrogate; None of one with other candidates than processes and networks."""
    from screening.surrogates.model import EnsembleComponent, MixtureModel, ProcessComponent

    model = surrogate.model
    if not isinstance(model, MixtureModel) or model.is_conditioned:
        return None
    arrays: dict[str, Any] = {
        name: getattr(model, name).numpy() for name in ("weights", "x_mean", "x_sd", "y_mean", "y_sd", "fixed")
    }
    if model.knots.numel():
        arrays |= {"knots": model.knots.numpy(), "scores": model.scores.numpy()}
    arrays |= {"calibration": model.calibration, "unexplained": float(model.unexplained_variance())}
    specs: list[Any] = []
    for number, part in enumerate(model.components):
        if not isinstance(part, EnsembleComponent | ProcessComponent):
            return None
        own: dict[str, Any] = {name: value.numpy() for name, value in part.named_buffers()}
        apart = {name: own.pop(name) for name in ("nugget", "error_variance") if name in own}
        specs.append(asdict(part.spec) if isinstance(part, ProcessComponent) else None)
        own |= {"is_rough": part.spec.rough} if isinstance(part, ProcessComponent) else {}
        arrays |= {f"{number}/{name}": value for name, value in own.items()}
        arrays |= {f"unexplained/{number}/{name}": value for name, value in apart.items()}
    about = {name: getattr(surrogate, name) for name in ("name", "n_rows", "n_features", "seed", "details")}
    return arrays | {"about": about, "specs": specs, "noise_variance": model.noise_variance}


def thaw(arrays: Mapping[str, Any]) -> Surrogate:
    """The surrogate that `freeze` made these arrays of, to the bit; nothing is trained."""
    import torch

    from screening.surrogate import Surrogate
    from screening.surrogates.gaussian_process import KernelSpec
    from screening.surrogates.model import EnsembleComponent, MixtureModel, ProcessComponent
    from screening.surrogates.observations import Scaling

    tensors = {name: torch.as_tensor(value) for name, value in arrays.items() if isinstance(value, np.ndarray)}
    parts: list[EnsembleComponent | ProcessComponent] = []
    for number, spec in enumerate(arrays["specs"]):
        prefixes = f"{number}/", f"unexplained/{number}/"
        own = {name.split("/")[-1]: value for name, value in tensors.items() if name.startswith(prefixes)}
        parts.append(EnsembleComponent(own) if spec is None else ProcessComponent(own, KernelSpec(**spec)))
    none = tensors["x_mean"].new_empty(0)
    named = (tensors.get(name, none) for name in ("x_mean", "x_sd", "y_mean", "y_sd", "knots", "scores"))
    x_mean, x_sd, y_mean, y_sd, knots, scores = named
    scaling = Scaling(x_mean[None], x_sd[None], y_mean[None, None], y_sd[None, None], knots[None], scores[None])
    model = MixtureModel(parts, tensors["weights"], scaling, arrays["noise_variance"], arrays["calibration"])
    model.fixed = tensors["fixed"]
    return Surrogate(model=model.eval(), calibration=arrays["calibration"], **arrays["about"])
