"""Bagged boosted trees of depth two; every member of every fold grows in one batched tensor program.

A tree of depth two depends on pairs of features only, so a fitted ensemble is a sum of tables, one a pair: a
prediction takes as many look-ups as there are pairs, however many trees were grown (`screening.surrogates.trees`).

Boosting follows Friedman, Ann. Stat. 29, 1189 (2001), doi 10.1214/aos/1013203451, with the penalised leaves of Chen and
Guestrin, KDD 2016, doi 10.1145/2939672.2939785. Like the networks, each member grows without some of the groups.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from screening.surrogates.observations import LEAST_VARIANCE, Folds, Sites, member_rows, out_of_group

__all__ = ["TreesComponent"]


#: Gains are compared in steps of this: features that order the rows alike tie exactly, whatever the rounding.
GAIN_STEP = 1e-8


@dataclass(frozen=True)
class TreesConfig:
    """Shape and training of the trees."""

    members: int = 24  #: ensembles s a fold
    rounds: int = 200  #: trees a member
    learning_rate: float = 0.1  #: share of each tree that is kept
    penalty: float = 1.0  #: rows of zero residual that every leaf holds beside its own
    features: float = 0.5  #: share of the features that a tree may split
    parts: int = 4  #: every member leaves one of this many parts of the groups out
    thresholds: int = 15  #: most thresholds t a feature


@dataclass(frozen=True)
class Trees:
    """Grown trees, one ensemble of members a fold, targets in standardised units, features raw."""

    thresholds: Tensor  #: of each feature, ascending, filled up with infinity, shape (f, d, t); single precision
    centre: Tensor  #: what stands in for NaN, shape (f, d)
    #: Position (feature x t + threshold) of the root's split and of its left and right child's, shape (rounds, f, s,
    #: 3). A row goes left if it is not above the threshold.
    splits: Tensor
    leaves: Tensor  #: values left-left, left-right, right-left, right-right, shape (rounds, f, s, 4)
    #: `out_of_group`, `error_variance`, `spread`: as of `Ensembles`.
    out_of_group: Tensor
    error_variance: Tensor
    spread: Tensor

    def members(self, x: Tensor) -> Tensor:
        """Predictions of every member at raw features x (m, d), shape (f, s, m)."""
        left = is_left(x, self.thresholds, self.centre)
        told = torch.zeros(*self.splits.shape[1:3], len(x), dtype=torch.float64)
        for split, leaf in zip(self.splits, self.leaves, strict=True):
            told += _values([_at(left, split[..., i]) for i in range(3)], leaf)
        return told

    def predict(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance over members at raw features x (m, d), each (f, m)."""
        values = self.members(x)
        return values.mean(1), values.var(1, correction=0)


def fit_trees(config: TreesConfig, folds: Folds, sites: Sites, seed: int) -> Trees:
    """Grow all members of all folds together; every fold starts from the same draw of members and features."""
    x, mask = folds.x, folds.mask
    generator = torch.Generator().manual_seed(seed)
    seen = member_rows(config.members, config.parts, folds, sites.known, generator)
    d = x.shape[1]
    chosen = max(1, math.ceil(config.features * d))
    draws = torch.rand(config.rounds, config.members, d, generator=generator)
    barred = draws.argsort(-1).argsort(-1) >= chosen
    thresholds, centre = _thresholds(config, x, mask & sites.known), folds.scaling.x_mean[:, 0]
    left = is_left(x, thresholds, centre)
    weight = seen.double() * sites.weights[:, None]
    splits, leaves, output = _boost(config, left, sites.targets[:, None], weight, barred)
    absent = mask[:, None] & ~seen & sites.known
    mean, error, spread = out_of_group(output, sites.targets[:, None], absent)
    return Trees(thresholds, centre, splits, leaves, mean, error.clamp_min(LEAST_VARIANCE), spread)


def is_left(x: Tensor, thresholds: Tensor, centre: Tensor) -> Tensor:
    """Whether rows x (m, d) are not above thresholds (f, d, t), (f, d, m x t); compared in single precision."""
    filled = torch.where(x.isnan(), centre[:, None], x).float()
    return (filled[..., None] <= thresholds[:, None]).flatten(2).double()


def _thresholds(config: TreesConfig, x: Tensor, mask: Tensor) -> Tensor:
    """Midpoints between neighbouring values of each fold's training rows, at most t evenly spaced ones."""
    told = np.full((len(mask), x.shape[1], config.thresholds), np.inf, dtype=np.float32)
    columns = x.float().double().numpy().T
    for fold, rows in enumerate(mask.numpy()):
        for feature, column in enumerate(columns):
            values = np.unique(column[rows])
            values = values[np.isfinite(values)]
            middles = 0.5 * (values[1:] + values[:-1])
            if middles.size > config.thresholds:
                middles = middles[np.linspace(0, middles.size - 1, config.thresholds).round().astype(int)]
            told[fold, feature, : middles.size] = middles
    return torch.from_numpy(told)


def _boost(
    config: TreesConfig, left: Tensor, target: Tensor, weight: Tensor, barred: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Splits (rounds, f, s, 3), leaves (rounds, f, s, 4) and predictions of every row (f, s, k)."""
    t = left.shape[-1] // barred.shape[-1]
    output = torch.zeros_like(weight)
    all_left = weight @ left
    splits, leaves = [], []
    for closed in barred.repeat_interleave(t, -1):
        slope = weight * (target - output)
        slope_left = slope @ left
        root = _Node(slope.sum(-1), weight.sum(-1), slope_left, all_left)
        split, _ = root.best(config.penalty, closed)
        side = _at(left, split)
        inside, held = slope * side, weight * side
        low = _Node(inside.sum(-1), held.sum(-1), inside @ left, held @ left)
        high = root.without(low)
        children = [(node, *node.best(config.penalty, closed)) for node in (low, high)]
        values = [value for node, place, gain in children for value in node.leaves(config.penalty, place, gain)]
        splits.append(torch.stack([split, *(place for _, place, _ in children)], -1))
        leaves.append(config.learning_rate * torch.stack(values, -1))
        output = output + _values([side, *(_at(left, place) for _, place, _ in children)], leaves[-1])
    return torch.stack(splits), torch.stack(leaves), output


@dataclass(frozen=True)
class _Node:
    """Sums over the rows of one node of every tree: of slopes and weights (f, s), and of those left of each
    threshold (f, s, d x t)."""

    slope: Tensor
    weight: Tensor
    slope_left: Tensor
    weight_left: Tensor

    def without(self, child: _Node) -> _Node:
        """The other child."""
        return _Node(
            self.slope - child.slope,
            self.weight - child.weight,
            self.slope_left - child.slope_left,
            self.weight_left - child.weight_left,
        )

    def best(self, penalty: float, closed: Tensor) -> tuple[Tensor, Tensor]:
        """Split of the greatest gain among open thresholds and the gain, each (f, s); zero or less where none helps."""
        slope_right = self.slope[..., None] - self.slope_left
        weight_right = self.weight[..., None] - self.weight_left
        gain = self.slope_left**2 / (self.weight_left + penalty)
        gain += slope_right**2 / (weight_right + penalty)
        gain -= (self.slope**2 / (self.weight + penalty))[..., None]
        empty = (self.weight_left < GAIN_STEP) | (weight_right < GAIN_STEP)
        gain = (gain / GAIN_STEP).round_().masked_fill_(empty | closed, -1.0)
        most, place = gain.max(-1)
        return place, most

    def leaves(self, penalty: float, split: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
        """Values left and right of a split, each (f, s); both the node's own where the split does not help."""
        own = self.slope / (self.weight + penalty)
        slope = self.slope_left.gather(-1, split[..., None])[..., 0]
        weight = self.weight_left.gather(-1, split[..., None])[..., 0]
        helps = gain > 0.0
        low = torch.where(helps, slope / (weight + penalty), own)
        high = torch.where(helps, (self.slope - slope) / (self.weight - weight + penalty), own)
        return low, high


def _at(left: Tensor, split: Tensor) -> Tensor:
    """Which rows go left at each member's split (f, s): shape (f, s, m)."""
    return left.gather(-1, split[:, None].expand(-1, left.shape[1], -1)).mT


def _values(sides: list[Tensor], leaf: Tensor) -> Tensor:
    """Leaf value of every row; sides of root, left and right child (f, s, m), leaf (f, s, 4)."""
    root, low, high = sides
    a, b, c, d = (leaf[..., i, None] for i in range(4))
    return root * torch.lerp(b.expand_as(low), a, low) + (1.0 - root) * torch.lerp(d.expand_as(high), c, high)


class TreesComponent(nn.Module):
    """The trees of one fold: its members are equally likely functions. Takes raw features.

    Thresholds are compared in single precision, so a copy of the model in single precision sends every row the same
    way as the model in double precision does; their values differ by rounding only.
    """

    sees = "raw"
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

    def joint(self, x: Tensor, first: int = 0) -> tuple[Tensor, Tensor]:
        """Mean (..., q) at raw features x (..., q, d), covariance over members (..., q, q - first) as of networks."""
        values = self._members(x.reshape(-1, x.shape[-1])).reshape(*x.shape[:-1], -1)
        mean = values.mean(-1)
        apart = values - mean[..., None]
        return mean, apart @ apart[..., first:, :].mT / values.shape[-1]

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
