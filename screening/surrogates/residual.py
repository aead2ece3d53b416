"""The other way to join: a Gaussian process on what the ensemble gets wrong on groups its members had not seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from screening.surrogates.components import EnsembleComponent, ProcessComponent
from screening.surrogates.ensemble import EnsembleConfig, Ensembles, fit_ensembles
from screening.surrogates.gaussian_process import GaussianProcesses, fit_gaussian_processes
from screening.surrogates.kernels import KernelSpec
from screening.surrogates.model import MixtureModel
from screening.surrogates.problem import Problem
from screening.surrogates.standardise import Scaling, fit_scaling
from screening.surrogates.threads import one_thread

__all__ = ["ResidualFits", "ResidualRecipe"]


class SumComponent(nn.Module):
    """Ensemble mean plus a process on its residuals; the process alone carries the uncertainty."""

    takes_raw = False

    def __init__(self, ensemble: EnsembleComponent, process: ProcessComponent) -> None:
        super().__init__()
        self.ensemble, self.process = ensemble, process

    def joint(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (..., q) and latent covariance (..., q, q)."""
        mean, cov = self.process.joint(z)
        return mean + self.ensemble.joint(z)[0], cov

    def marginal(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (m,) and latent variance (m,) of rows z (m, d)."""
        mean, variance = self.process.marginal(z)
        return mean + self.ensemble.marginal(z)[0], variance

    def unexplained(self) -> Tensor:
        """Nugget of the process, a scalar."""
        return self.process.unexplained()


@dataclass(frozen=True)
class ResidualFits:
    """Ensembles and the processes on their residuals, every fold."""

    ensembles: Ensembles
    processes: GaussianProcesses
    scaling: Scaling

    def predict(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and variance of a new compound's log10 rate by every fold, each (f, m); x is (m, d)."""
        z = self.scaling.x(torch.from_numpy(x))
        mean, variance = self.processes.predict(z)
        mean = mean + self.ensembles.predict(z)[0]
        variance = variance + self.processes.nugget()[:, None]
        scale = self.scaling.y_sd
        return (self.scaling.y_mean + scale * mean).numpy(), (scale**2 * variance).numpy()

    def model(self, fold: int, noise_variance: float, calibration: float) -> MixtureModel:
        """BoTorch model of one fold."""
        part = SumComponent(EnsembleComponent(self.ensembles, fold), ProcessComponent(self.processes, fold))
        weight = torch.ones(1, dtype=torch.float64)
        return MixtureModel([part], weight, self.scaling.fold(fold), noise_variance, calibration)

    def describe(self, fold: int) -> dict[str, Any]:
        """Steps of the ensemble and nugget of the process."""
        return {
            "steps": int(self.ensembles.steps[fold]),
            "nugget_variance": round(float(self.processes.nugget()[fold]), 5),
        }


@dataclass(frozen=True)
class ResidualRecipe:
    """Ensemble first, then a process on its out-of-group residuals.

    Attributes:
        name: the name in tables, commands and provenance.
        kernel: of the process.
        ensemble: of the networks.
        device: where both are fitted, "cpu" or a CUDA device.
    """

    name: str
    kernel: KernelSpec
    ensemble: EnsembleConfig = field(default_factory=EnsembleConfig)
    device: str = "cpu"

    def fit(self, problem: Problem, mask: NDArray[np.bool_], seed: int) -> ResidualFits:
        """Fit every fold; mask is (f, k)."""
        with one_thread():
            x, y, noise = (torch.from_numpy(a) for a in (problem.x, problem.y, problem.noise_variance))
            rows = torch.from_numpy(mask & ~problem.censored)  # bounds do not train this one
            scaling = fit_scaling(x, y, rows)
            groups = torch.from_numpy(problem.groups)
            ensembles = fit_ensembles(self.ensemble, scaling, x, y, groups, rows, seed, self.device)
            residual = (scaling.y(y) - ensembles.out_of_group).nan_to_num(0.0)
            processes = fit_gaussian_processes(
                self.kernel, scaling, x, y, noise, rows, standardised=residual, device=self.device
            )
        return ResidualFits(ensembles, processes, scaling)
