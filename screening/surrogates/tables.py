"""Trees of depth two as sums of tables over pairs of features: the quick way through millions of rows."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from screening.surrogates.trees import Trees

__all__ = ["TreesComponent"]


class TreesComponent(nn.Module):
    """The trees of one fold: its members are equally likely functions. Takes raw features.

    Thresholds are compared in single precision, so a copy of the model in single precision sends every row the same
    way as the model in double precision does; their values differ by rounding only.
    """

    takes_raw = True
    thresholds: Tensor
    centre: Tensor
    table: Tensor
    pairs: Tensor
    offsets: Tensor
    error_variance: Tensor

    def __init__(self, fitted: Trees, fold: int) -> None:
        super().__init__()
        table, pairs = _pair_tables(fitted, fold)
        n_codes = fitted.thresholds.shape[-1] + 1
        self.n_codes = n_codes
        self.register_buffer("thresholds", fitted.thresholds[fold].double())
        self.register_buffer("centre", fitted.centre[fold])
        self.register_buffer("table", torch.from_numpy(table))
        self.register_buffer("pairs", torch.from_numpy(pairs))
        self.register_buffer("offsets", torch.arange(len(pairs)) * n_codes**2)
        self.register_buffer("error_variance", fitted.error_variance[fold])

    def joint(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (..., q) and covariance over members (..., q, q) at raw features x (..., q, d)."""
        values = self._members(x.reshape(-1, x.shape[-1])).reshape(*x.shape[:-1], -1)
        mean = values.mean(-1)
        apart = values - mean[..., None]
        return mean, apart @ apart.mT / values.shape[-1]

    def marginal(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (m,) and variance over members (m,) of rows x (m, d)."""
        values = self._members(x)
        return values.mean(-1), values.var(-1, correction=0)

    def unexplained(self) -> Tensor:
        """Mean squared error out of group beyond the members' spread, a scalar."""
        return self.error_variance

    def _members(self, x: Tensor) -> Tensor:
        """Predictions of every member, shape (m, s)."""
        columns = torch.where(x.isnan(), self.centre, x).float().mT.contiguous()
        edges = self.thresholds.float()
        codes = torch.stack([torch.bucketize(c, e) for c, e in zip(columns, edges, strict=True)])
        places = codes[self.pairs[:, 0]] * self.n_codes + codes[self.pairs[:, 1]] + self.offsets[:, None]
        return embedding_bag(places.mT.contiguous(), self.table, mode="sum")


def _pair_tables(fitted: Trees, fold: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Tables (pairs x codes x codes, s) and their features (pairs, 2); a tree's value is the sum of two tables."""
    d, t = fitted.thresholds.shape[1:]
    splits = fitted.splits[:, fold].numpy().reshape(-1, 3)
    leaves = fitted.leaves[:, fold].numpy().reshape(-1, 4)
    members = fitted.splits.shape[2]
    below = np.arange(t + 1) <= np.arange(t)[:, None]
    tables: dict[tuple[int, int], NDArray[np.float64]] = {}
    for i, ((root, low, high), leaf) in enumerate(zip(splits, leaves, strict=True)):
        first, side = root // t, below[root % t].astype(np.float64)
        for child, inside, (a, b) in ((low, side, leaf[:2]), (high, 1.0 - side, leaf[2:])):
            second = child // t
            value = np.where(below[child % t], a, b)
            if first == second:
                key, own = (first, (first + 1) % d), np.repeat((inside * value)[:, None], t + 1, 1)
            else:
                key, own = (first, second), np.outer(inside, value)
            if key[0] > key[1]:
                key, own = (key[1], key[0]), own.T
            table = tables.setdefault(key, np.zeros((t + 1, t + 1, members)))
            table[..., i % members] += own
    pairs = sorted(tables)
    return np.concatenate([tables[p].reshape(-1, members) for p in pairs]), np.array(pairs, dtype=np.int64)
