"""Rows that the tests of the surrogates share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from screening.dataset import SpinDataset, published_descriptors
from screening.features import to_features
from screening.surrogates import TrainingRows
from screening.surrogates.observations import Folds, fit_scaling


@dataclass(frozen=True)
class Rows:
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    noise: NDArray[np.float64]
    groups: tuple[str, ...]

    @property
    def training(self) -> TrainingRows:
        """As a surrogate takes them."""
        return TrainingRows.of(self.x, self.y, self.noise, self.groups)


@cache
def published_rows() -> Rows:
    """The default rows of the published table with corrected descriptors."""
    kept = SpinDataset.published().trainable()
    names, descriptors = published_descriptors()
    rows = np.isin(names, kept.rows["material_id"])
    return Rows(to_features(descriptors[rows]), kept.log10_rate, kept.noise, kept.groups)


def smooth_rows(k: int = 24, d: int = 3, seed: int = 0) -> Rows:
    """A smooth target with a little noise; two rows share a group."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(k, d))
    y = np.sin(x[:, 0]) + 0.5 * x[:, 1] + 0.05 * generator.normal(size=k)
    return Rows(x, y, np.full(k, 0.05), tuple(str(i // 2) for i in range(k)))


def folds_of(
    mask: Tensor,
    x: Tensor,
    y: Tensor,
    noise_variance: Tensor | None = None,
    groups: Tensor | None = None,
    censored: Tensor | None = None,
) -> Folds:
    """Folds of tensors; without noise, groups and bounds where none are given."""
    groups = torch.arange(len(y)) if groups is None else groups
    noise_variance = torch.zeros_like(y) if noise_variance is None else noise_variance
    censored = torch.zeros(len(y), dtype=torch.bool) if censored is None else censored
    tasks = torch.zeros_like(groups)
    return Folds(x, y, noise_variance, groups, mask, censored, tasks, fit_scaling(x, y, mask & ~censored))
