"""The BoTorch models that surrogates end as: mixtures of weighed candidates, of which the first two moments are kept,
and independent predictions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from botorch.models.model import Model
from botorch.posteriors.gpytorch import GPyTorchPosterior
from botorch.sampling.base import MCSampler
from gpytorch.distributions import MultivariateNormal
from numpy.typing import NDArray
from torch import Tensor, nn

from screening.surrogates.ensembles import Ensembles, encode
from screening.surrogates.gaussian_process import JITTER, GaussianProcesses, KernelSpec, covariance, diagonal
from screening.surrogates.observations import Scaling, by_ranks

__all__ = ["MixtureModel", "ProcessComponent"]


#: Rows that an ensemble predicts at once: its layers stay in a processor's second cache.
_CACHED_ROWS = 256


class Component(Protocol):
    """A candidate with mean and covariance functions; z is (..., q, d), what it `sees` of `MixtureModel.views`."""

    sees: str

    def joint(self, z: Tensor, first: int = 0) -> tuple[Tensor, Tensor]:
        """Mean (..., q) and latent covariance (..., q, q - first) with the points from `first` on."""

    def marginal(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (m,) and latent variance (m,) of rows z (m, d)."""

    def unexplained(self) -> Tensor:
        """Variance of what the features do not explain, a scalar."""


class ProcessComponent(nn.Module):
    """The Gaussian process of one fold."""

    sees = "ranked"
    theta: Tensor
    x: Tensor
    inverse: Tensor
    alpha: Tensor
    nugget: Tensor

    def __init__(self, parts: Mapping[str, Tensor], spec: KernelSpec) -> None:
        """Bind the buffers by their names, and the covariance."""
        super().__init__()
        self.spec = spec
        for name, part in parts.items():
            self.register_buffer(name, part)

    @classmethod
    def of(cls, fitted: GaussianProcesses, fold: int) -> ProcessComponent:
        """That of one fold."""
        rows = fitted.mask[fold]
        relation = fitted.relation[fold][rows]  # in the weights, so that one task is all that is left of several
        parts = {
            "theta": fitted.theta[fold],
            "x": fitted.x[fold][rows],
            "inverse": relation[:, None] * fitted.inverse[fold][rows][:, rows] * relation,
            "alpha": relation * fitted.alpha[fold][rows],
            "nugget": fitted.nugget()[fold],
        }
        return cls(parts, fitted.spec)

    def joint(self, z: Tensor, first: int = 0) -> tuple[Tensor, Tensor]:
        """Mean (..., q) and latent covariance (..., q, q - first) with the points from `first` on."""
        cross = covariance(self.spec, self.theta, z, self.x)
        prior = covariance(self.spec, self.theta, z, z[..., first:, :])
        return (cross @ self.alpha), prior - cross @ self.inverse @ cross[..., first:, :].mT

    def marginal(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (m,) and latent variance (m,) of rows z (m, d)."""
        cross = covariance(self.spec, self.theta, z, self.x)
        explained = ((cross @ self.inverse) * cross).sum(-1)
        return cross @ self.alpha, (diagonal(self.theta, z) - explained).clamp_min(JITTER)

    def unexplained(self) -> Tensor:
        """Variance of what the features do not explain, a scalar."""
        return self.nugget


class EnsembleComponent(nn.Module):
    """The network ensemble of one fold: its members are equally likely functions."""

    sees = "standardised"
    error_variance: Tensor
    edges: Tensor

    def __init__(self, parts: Mapping[str, Tensor]) -> None:
        """Bind the buffers by their names."""
        super().__init__()
        self.n_layers = sum(name.startswith("weight") for name in parts)
        for name, part in parts.items():
            self.register_buffer(name, part)

    @classmethod
    def of(cls, fitted: Ensembles, fold: int) -> EnsembleComponent:
        """That of one fold."""
        parts = {"edges": fitted.edges[fold]}
        for i, (weight, bias) in enumerate(fitted.weights):
            w, b = weight[fold].mT, bias[fold].mT
            # What enters is a sigmoid s and tanh(a) = 2 s(2a) - 1, ten times as fast on CPUs: the factors are the
            # weights' own.
            into = 1.0 if i == 0 else 2.0
            out = 1.0 if i == len(fitted.weights) - 1 else 2.0
            parts[f"weight_{i}"] = (into * out * w).contiguous()
            parts[f"bias_{i}"] = out * (b if i == 0 else b - w.sum(-1, keepdim=True))
        return cls(parts | {"error_variance": fitted.error_variance[fold]})

    def joint(self, z: Tensor, first: int = 0) -> tuple[Tensor, Tensor]:
        """Mean (..., q) and covariance over members (..., q, q - first) with the points from `first` on."""
        parts = [self._members(part) for part in torch.split(z.reshape(-1, z.shape[-1]), _CACHED_ROWS)]
        values = torch.cat(parts, -1).reshape(-1, *z.shape[:-1])
        mean = values.mean(0)
        apart = values - mean
        return mean, torch.einsum("s...i,s...j->...ij", apart, apart[..., first:]) / values.shape[0]

    def marginal(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (m,) and variance over members (m,) of rows z (m, d)."""
        moments = list[Tensor]()
        for part in torch.split(z, _CACHED_ROWS):
            values = self._members(part)
            mean = values.mean(0)
            moments.append(torch.stack([mean, (values - mean).square().mean(0)]))
        first, second = torch.cat(moments, -1)
        return first, second

    def unexplained(self) -> Tensor:
        """Mean squared error out of group beyond the members' spread, a scalar."""
        return self.error_variance

    def _members(self, z: Tensor) -> Tensor:
        """Outputs (s, m) at standardised rows z (m, d); rows are columns inside, so that each layer is one product."""
        first, bias = self.get_buffer("weight_0"), self.get_buffer("bias_0")
        h = torch.addmm(bias.flatten(0, 1), first.flatten(0, 1), encode(z, self.edges).mT).view(*first.shape[:2], -1)
        for i in range(1, self.n_layers):
            h = torch.baddbmm(self.get_buffer(f"bias_{i}"), self.get_buffer(f"weight_{i}"), h.sigmoid_())
        told: Tensor = h[:, 0]
        return told


class NormalModel(Model):
    """One target, log10 rate, whose values at any points are jointly normal."""

    @property
    def num_outputs(self) -> int:
        """One target."""
        return 1

    @property
    def batch_shape(self) -> torch.Size:
        """No batch of fantasies."""
        return torch.Size()

    @abstractmethod
    def unexplained_variance(self) -> Tensor:
        """Variance that a measurement has beyond the latent target, log10 units squared, a scalar tensor."""

    @abstractmethod
    def _moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (..., q) and covariance (..., q, q) of the latent target at raw features (..., q, d)."""

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: Any | None = None,
    ) -> GPyTorchPosterior:
        """Joint posterior over log10 rate at raw features X, batch_shape x q x d, of shape batch_shape x q x 1;
        `observation_noise` True adds `unexplained_variance`, a tensor, batch_shape x q x 1, is added as it is."""
        del output_indices
        mean, cov = self._moments(X)
        extra: Tensor | None = None
        if isinstance(observation_noise, Tensor):
            extra = observation_noise.to(mean)[..., 0].expand_as(mean)
        elif observation_noise:
            extra = self.unexplained_variance().expand_as(mean)
        if extra is not None:
            cov = cov + torch.diag_embed(extra)
        posterior = GPyTorchPosterior(MultivariateNormal(mean, cov))
        return posterior if posterior_transform is None else posterior_transform(posterior)


class MixtureModel(NormalModel):
    """Gaussian mixture over log10 rate, matched by one joint Gaussian a batch of points.

    With weights w_c, means m_c and covariances C_c of the candidates, the mean is sum w_c m_c and the covariance
    sum w_c (C_c + m_c m_c^T) minus the product of the mean with itself: candidates that disagree widen it.

    `posterior` is over the latent target: what the features explain. `observation_noise=True` adds what they do
    not explain and the error of a typical measurement. All variances carry the square of `calibration`.
    """

    weights: Tensor
    x_mean: Tensor
    x_sd: Tensor
    y_mean: Tensor
    y_sd: Tensor
    knots: Tensor
    scores: Tensor
    fixed: Tensor

    def __init__(
        self,
        components: Sequence[Component],
        weights: Tensor,
        scaling: Scaling,
        noise_variance: float = 0.0,
        calibration: float = 1.0,
    ) -> None:
        """Bind c fitted candidates of one fold, standardised, their weights (c,), the scaling, variance and factor."""
        super().__init__()
        self.components = nn.ModuleList([c for c in components if isinstance(c, nn.Module)])
        self.register_buffer("weights", weights)
        self.register_buffer("x_mean", scaling.x_mean[0])
        self.register_buffer("x_sd", scaling.x_sd[0])
        self.register_buffer("y_mean", scaling.y_mean[0, 0])
        self.register_buffer("y_sd", scaling.y_sd[0, 0])
        self.register_buffer("knots", scaling.knots[0])
        self.register_buffer("scores", scaling.scores[0])
        self.register_buffer("fixed", scaling.x_mean.new_empty(0))
        self.noise_variance = float(noise_variance)
        self.calibration = float(calibration)
        self._x_known: Tensor | None = None
        self._y_known: Tensor | None = None
        self._noise_known: Tensor | None = None

    def at(self, values: Sequence[float]) -> MixtureModel:
        """The model whose last features have these values and are not asked for any more."""
        other = self._copy()
        other.fixed = torch.cat([self.x_mean.new_tensor(list(values)), self.fixed])
        return other

    @property
    def batch_shape(self) -> torch.Size:
        """Batch shape of fantasies, empty for a plain model."""
        return torch.Size() if self._y_known is None else self._y_known.shape[:-1]

    @property
    def is_conditioned(self) -> bool:
        """Whether observations were taken in after the fit."""
        return self._y_known is not None

    def unexplained_variance(self) -> Tensor:
        """Variance in log10 units squared that a new measurement has beyond the latent target, a scalar tensor."""
        own = torch.stack([c.unexplained() for c in self._candidates()])
        return self.calibration**2 * ((self.weights * own).sum() * self.y_sd**2 + self.noise_variance)

    def marginal(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and latent variance, each (m,), log10 units, of raw rows x (m, d) one by one: the quick way through many
        candidates. A conditioned model gives the same as `posterior`, slower."""
        if self._y_known is not None:
            mean, cov = self.joint_moments(x[:, None, :])
            return mean[..., 0], cov[..., 0, 0]
        views = self.views(x)
        first, second = torch.zeros_like(x[..., 0]), torch.zeros_like(x[..., 0])
        for weight, component in zip(self.weights, self._candidates(), strict=True):
            mean, variance = component.marginal(views[component.sees])
            first = first + weight * mean
            second = second + weight * (variance + mean**2)
        spread = (second - first**2).clamp_min(JITTER)
        return self.y_mean + self.y_sd * first, (self.calibration * self.y_sd) ** 2 * spread

    def condition_on_observations(self, X: Tensor, Y: Tensor, **kwargs: Any) -> MixtureModel:
        """The model after further observations Y, (fantasies x) (batch) x n x 1, of log10 rate at raw features X,
        (batch) x n x d, with variances `noise` of Y's shape, absent `unexplained_variance`; hyperparameters and weights
        kept, exact for the matched Gaussian."""
        y = Y[..., 0]
        x = X.to(y).expand(*y.shape[:-1], *X.shape[-2:])
        noise = kwargs.get("noise")
        variance = self.unexplained_variance().expand_as(y) if noise is None else noise[..., 0].expand_as(y)
        other = self._copy()
        if self._x_known is not None and self._y_known is not None and self._noise_known is not None:
            lead = np.broadcast_shapes(self._y_known.shape[:-1], y.shape[:-1])
            x = torch.cat([self._x_known.expand(*lead, -1, -1), x.expand(*lead, -1, -1)], -2)
            y = torch.cat([self._y_known.expand(*lead, -1), y.expand(*lead, -1)], -1)
            variance = torch.cat([self._noise_known.expand(*lead, -1), variance.expand(*lead, -1)], -1)
        other._x_known, other._y_known, other._noise_known = x, y, variance
        return other

    def fantasize(
        self, X: Tensor, sampler: MCSampler, observation_noise: Tensor | None = None, **kwargs: Any
    ) -> MixtureModel:
        """The model after imagined outcomes at X, shape (q, d), one copy a sample (BoTorch's convention)."""
        del kwargs
        noise: bool | Tensor = True if observation_noise is None else observation_noise
        with torch.no_grad():
            y = sampler(self.posterior(X, observation_noise=noise))
        if observation_noise is None:
            return self.condition_on_observations(X, y)
        return self.condition_on_observations(X, y, noise=observation_noise)

    def subset_output(self, idcs: list[int]) -> MixtureModel:
        """The model itself: there is one output."""
        del idcs
        return self

    def _candidates(self) -> list[Any]:
        return list(self.components)

    def _copy(self) -> MixtureModel:
        x, y, ranks = (self.x_mean, self.x_sd), (self.y_mean[None], self.y_sd[None]), (self.knots, self.scores)
        scaling = Scaling(*(value[None] for value in (*x, *y, *ranks)))
        other = MixtureModel(self._candidates(), self.weights, scaling, self.noise_variance, self.calibration)
        other.fixed = self.fixed
        return other

    def joint_moments(self, x: Tensor, first: int = 0) -> tuple[Tensor, Tensor]:
        """What `posterior` holds: mean (..., q) and covariance (..., q, q - first), with the points from `first` on, in
        log10 units at raw features (..., q, d).

        Without the posterior around them, whose class loads a computer algebra system, half a second a process.
        """
        if self._x_known is None or self._y_known is None or self._noise_known is None:
            return self._prior_moments(x, first)
        lead = np.broadcast_shapes(self._x_known.shape[:-2], x.shape[:-2])
        n = self._x_known.shape[-2]
        both = torch.cat([self._x_known.expand(*lead, -1, -1), x.to(self._x_known).expand(*lead, -1, -1)], -2)
        mean, cov = self._prior_moments(both)
        root = torch.linalg.cholesky(cov[..., :n, :n] + torch.diag_embed(self._noise_known.expand(*lead, -1)))
        gain = torch.cholesky_solve(cov[..., :n, n:], root).mT
        residual = self._y_known.expand(*lead, -1) - mean[..., :n]
        after = cov[..., n:, n:] - gain @ cov[..., :n, n:]
        return mean[..., n:] + (gain @ residual[..., None])[..., 0], 0.5 * (after + after.mT)[..., first:]

    _moments = joint_moments

    def views(self, x: Tensor) -> dict[str, Tensor]:
        """Features (..., q, d) as candidates see them, with those that are fixed."""
        x = torch.cat([x, self.fixed.to(x).expand(*x.shape[:-1], -1)], -1) if self.fixed.numel() else x
        z = ((x - self.x_mean) / self.x_sd).nan_to_num(0.0)
        return {"raw": x, "standardised": z, "ranked": by_ranks(z, self.knots, self.scores)}

    def _prior_moments(self, x: Tensor, first: int = 0) -> tuple[Tensor, Tensor]:
        views = self.views(x)
        parts = [component.joint(views[component.sees], first) for component in self._candidates()]
        mean = sum((w * m for w, (m, _) in zip(self.weights, parts, strict=True)), torch.zeros_like(x[..., 0]))
        cov = JITTER * torch.eye(x.shape[-2]).to(x)[:, first:]
        for w, (m, c) in zip(self.weights, parts, strict=True):
            apart = m - mean
            cov = cov + w * (c + apart[..., :, None] * apart[..., None, first:])
        return self.y_mean + self.y_sd * mean, (self.calibration * self.y_sd) ** 2 * cov


class IndependentModel(NormalModel):
    """Normal distributions, independent from point to point; no gradient passes through."""

    def __init__(
        self, mean: Callable[[NDArray[np.float64]], NDArray[np.float64]], variance: float, noise_variance: float
    ) -> None:
        """Bind a predictor from raw features (m, d) to log10 rates (m,), and variances around it, squared units."""
        super().__init__()
        self._mean = mean
        self.variance = variance
        self.noise_variance = noise_variance

    def unexplained_variance(self) -> Tensor:
        """Measurement variance in log10 units squared, a scalar tensor."""
        return torch.tensor(self.noise_variance, dtype=torch.float64)

    def marginal(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (m,) and variance (m,) of rows x (m, d)."""
        mean = torch.from_numpy(np.array(self._mean(x.detach().numpy()), dtype=np.float64))
        return mean, torch.full_like(mean, self.variance)

    def _moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, variance = (t.reshape(x.shape[:-1]) for t in self.marginal(x.reshape(-1, x.shape[-1])))
        return mean, torch.diag_embed(variance)
