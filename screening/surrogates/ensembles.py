"""Ensembles of small neural networks and of boosted trees; every member of every fold trains in one batched tensor
program, without some of the groups, so that every training row has predictions by members that never saw its group.
Those serve for early stopping and for weighing an ensemble against other surrogates; the held-out rows of a fold take
no part in either.

Each network is anchored: its weights are drawn to a random starting point of their own, so that members agree where
data speak and differ where they do not (Pearce et al., AISTATS 2020, arXiv 1810.05546). Rows of related tasks enter
with a one in a further input, which stays zero for the predicted task and is gone once the networks are trained.

Trees have depth two, so one depends on a pair of features only, and a fitted ensemble is a sum of tables, one a pair: a
prediction takes as many look-ups as there are pairs, however many trees were grown. Boosting follows Friedman, Ann.
Stat. 29, 1189 (2001), doi 10.1214/aos/1013203451, with the penalised leaves of Chen and Guestrin, KDD 2016, doi
10.1145/2939672.2939785.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from screening.devices import map_blocks, training_threads
from screening.surrogates.gaussian_process import cosine
from screening.surrogates.observations import LEAST_VARIANCE, Folds, Sites, member_rows, out_of_group, plain_sites

__all__ = ["TreesComponent"]

#: Numbers of one layer's activations that a block of folds may hold, 0.16 MB in single precision: with weights and
#: moments a block fits a cache of two megabytes, and a fold alone in it stops where it stops.
MAX_BLOCK_NUMBERS = 40_000
#: The same on a CUDA device, which is idle in small blocks: 80 MB, of which a block holds about six at a time.
MAX_DEVICE_BLOCK_NUMBERS = 20_000_000
#: Least width of a bin, standardised: the many equal values of a feature make a step.
LEAST_WIDTH = 1e-6


@dataclass(frozen=True)
class EnsembleConfig:
    """Shape and training of the ensemble."""

    members: int = 24  #: networks s a fold
    hidden: tuple[int, ...] = (16, 16)  #: widths of the hidden layers
    iterations: int = 160  #: most steps of full-batch Adam; early stopping keeps the best of the snapshots
    learning_rate: float = 0.02  #: its step, lowered to a tenth by a cosine
    #: Every member leaves one of this many parts of the groups out; 1 leaves nothing out (no early stopping).
    parts: int = 12
    noise: float = 0.1  #: variance of the target's error in units of its spread, which sets how much the anchors hold
    check_every: int = 10  #: steps between snapshots
    patience: int = 160  #: steps after its best snapshot at which a fold is done; no fewer than `check_every`
    gain: float = 2.0  #: spread of the starting weights, times one over the root of the inputs of a neuron
    bins: int = 0  #: quantile bins of each feature whose piecewise-linear encoding stands beside it; 0 for none


@dataclass(frozen=True)
class Ensembles:
    """Trained ensembles, one a fold, in standardised units."""

    weights: tuple[tuple[Tensor, Tensor], ...]  #: for each layer, weight (f, s, in, out) and bias (f, s, 1, out)
    #: Mean over the members that did not see the row's group, shape (f, k); NaN where there are none.
    out_of_group: Tensor
    error_variance: Tensor  #: mean squared error of `out_of_group` less the members' spread, shape (f,)
    spread: Tensor  #: variance over the members that did not see the row's group, shape (f, k)
    steps: Tensor  #: steps kept by early stopping, shape (f,)
    edges: Tensor  #: of the bins of each feature, standardised, shape (f, d, b + 1); b = 0 for none

    def members(self, z: Tensor) -> Tensor:
        """Predictions of every member at standardised features z (f, m, d), shape (f, s, m)."""
        return _forward(self.weights, encode(z, self.edges))

    def predict(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance over members at standardised features z (f, m, d), each (f, m)."""
        values = self.members(z)
        return values.mean(1), values.var(1, correction=0)


def fit_ensembles(
    config: EnsembleConfig, folds: Folds, seed: int, sites: Sites | None = None, device: str = "cpu"
) -> Ensembles:
    """Train all members of all folds together, every fold from the same draw by `seed`; `sites` are targets and weights
    where some rows are bounds. Weights are drawn on the processor, so that every device starts from the same numbers,
    and come back to it."""
    asked, mask = plain_sites(folds) if sites is None else sites, folds.mask
    generator = torch.Generator().manual_seed(seed)
    seen = member_rows(config.members, config.parts, folds, asked.known, generator)
    plain = folds.scaling.x(folds.x)
    edges = bin_edges(plain, folds.measured, config.bins)
    standardised = encode(plain, edges)
    tasks = torch.nn.functional.one_hot(folds.tasks)[:, 1:].to(standardised).expand(len(mask), -1, -1)
    inputs, d = torch.cat([standardised, tasks], -1), standardised.shape[-1]
    z = inputs.to(device, torch.float32)[:, None]
    target = asked.targets.to(device, torch.float32)[:, None]
    anchors = []  # weights above biases, drawn from the prior that also anchors them
    for fan_in, fan_out in pairwise((inputs.shape[-1], *config.hidden, 1)):
        drawn = [torch.randn(1, config.members, rows, fan_out, generator=generator) for rows in (fan_in, 1)]
        layer = config.gain / math.sqrt(fan_in) * torch.cat(drawn, -2)
        anchors.append(layer.expand(len(mask), -1, -1, -1).to(device))
    absent = mask[:, None] & ~seen & asked.known & (folds.tasks == 0)
    weight = (seen * asked.weights[:, None]).to(z)
    best, steps = _train(config, anchors, z, target, weight, absent.to(z))
    weights = tuple((layer[..., :-1, :], layer[..., -1:, :]) for layer in (w.double().cpu() for w in best))
    output = _forward(weights, inputs)
    weights = ((weights[0][0][..., :d, :], weights[0][1]), *weights[1:])
    mean, error, spread = out_of_group(output, asked.targets[:, None], absent)
    return Ensembles(weights, mean, error.clamp_min(LEAST_VARIANCE), spread, steps.cpu(), edges)


def bin_edges(z: Tensor, mask: Tensor, bins: int) -> Tensor:
    """Quantiles of each standardised feature z (f, k, d) among the rows that train (f, k), shape (f, d, bins + 1)."""
    if not bins:
        return z.new_zeros(*z[:, 0].shape, 1)
    at = torch.linspace(0.0, 1.0, bins + 1, dtype=z.dtype)
    return torch.stack([torch.quantile(own[rows], at, dim=0).T for own, rows in zip(z, mask, strict=True)])


def encode(z: Tensor, edges: Tensor) -> Tensor:
    """Features z (..., m, d) beside their piecewise-linear encoding by edges (..., d, b + 1), shape (..., m, d (1 +
    b)).

    A bin's column rises from -1 to 1 inside the bin and stays there, so a network can bend at every edge: what trees
    have in single features (Gorishniy, Rubachev and Babenko, NeurIPS 2022, arXiv 2203.05556).
    """
    low, width = edges[..., None, :, :-1], edges.diff(dim=-1)[..., None, :, :]
    inside = ((z[..., None] - low) / width.clamp_min(LEAST_WIDTH)).clamp(0.0, 1.0)
    return torch.cat([z, (2.0 * inside - 1.0).flatten(-2)], -1)


def _forward(weights: tuple[tuple[Tensor, Tensor], ...], z: Tensor) -> Tensor:
    """Outputs of all members, shape (f, s, m), at inputs z (f, m, d)."""
    f, s = weights[0][0].shape[:2]
    h = z.mT
    for i, (w, b) in enumerate(weights):
        bias, weight = (part.mT.reshape(len(h), -1, part.shape[-2]) for part in (b, w))
        h = torch.baddbmm(bias, weight, h).reshape(f * s, w.shape[-1], -1)
        if i < len(weights) - 1:
            h = torch.tanh(h)
    return h.reshape(f, s, -1)


def _train(
    config: EnsembleConfig, anchors: list[Tensor], z: Tensor, target: Tensor, weight: Tensor, absent: Tensor
) -> tuple[list[Tensor], Tensor]:
    """Full-batch Adam; each fold's snapshot with the least out-of-group error, its step, in cache-sized blocks."""
    most = MAX_BLOCK_NUMBERS if z.device.type == "cpu" else MAX_DEVICE_BLOCK_NUMBERS
    size = max(1, most // (weight.shape[1] * weight.shape[2] * max(config.hidden, default=1)))

    def train(start: int) -> tuple[list[Tensor], Tensor]:
        own = slice(start, start + size)
        block = _Block(config, [a[own] for a in anchors], z[own], weight[own], target[own])
        return block.train(target[own], absent[own])

    told = list(map_blocks(train, range(0, len(weight), size), training_threads(z.device.type)))
    weights = [torch.cat(parts) for parts in zip(*(w for w, _ in told), strict=True)]
    return weights, torch.cat([steps for _, steps in told])


class _Block:
    """Networks of some folds, n = folds times members, and the buffers of their training.

    Values of a layer lie neuron by neuron above a row of ones, (n, out + 1, k): a bias is the last row of its weights
    (n, in + 1, out), those of the first layer (f, in + 1, s out). Gradients are written out; autograd would keep four
    more arrays of activations a layer.
    """

    def __init__(
        self, config: EnsembleConfig, anchors: list[Tensor], z: Tensor, weight: Tensor, target: Tensor
    ) -> None:
        self.config = config
        self.f, self.s, k = weight.shape
        n = self.f * self.s
        # The first layer of all members is one product with the inputs that they share.
        turned = [anchors[0].transpose(1, 2).flatten(2), *(layer.flatten(0, 1) for layer in anchors[1:])]
        self.shapes = [layer.shape for layer in turned]
        self.anchors = torch.cat([layer.flatten() for layer in turned])
        self.parameters, self.slopes = self.anchors.clone(), torch.empty_like(self.anchors)
        self.layers, gradients = (_views(flat, self.shapes) for flat in (self.parameters, self.slopes))
        # Losses are sums over rows: Adam takes the same step whatever factor a network's loss carries.
        self.share, self.wanted = weight.reshape(n, 1, k) * 2.0, target.expand(self.f, self.s, k).reshape(n, 1, k)
        # Values and their slopes have buffers and views that last: what is made anew in every step costs as much as
        # the sums.
        widths = [layer.shape[-1] for layer in anchors]
        values = [torch.cat([z[:, 0].mT, z.new_ones(self.f, 1, k)], 1)]
        values += [z.new_ones(n, width + 1, k) for width in widths[:-1]]
        self.sums = [z.new_empty(n, width, k) for width in widths]
        rows = [own.view(len(layer), -1, k) for own, layer in zip(self.sums, turned, strict=True)]
        self.forward = list(zip((layer.mT for layer in self.layers), values, rows, strict=True))
        self.hidden = [(own, after[:, :-1]) for own, after in zip(self.sums, values[1:], strict=False)]
        # A product of one output's row with a matrix is faster than that of the matrix with a column.
        self.backward = [
            (gradient.mT, own, before.mT) if width == 1 else (gradient, before, own.mT)
            for gradient, own, before, width in zip(gradients, rows, values, widths, strict=True)
        ]
        self.pulls = [2.0 * config.noise * (layer.shape[2] - 1) / config.gain**2 for layer in anchors]

    def train(self, target: Tensor, absent: Tensor) -> tuple[list[Tensor], Tensor]:
        """Weights (f, s, in + 1, out), biases their last row, of the best snapshot of each fold, and its step (f,)."""
        config, best = self.config, self.parameters.clone()
        mean, square = torch.zeros_like(self.anchors), torch.zeros_like(self.anchors)
        counts = torch.arange(1.0, config.iterations + 1.0, device=target.device).unbind()
        least = torch.full((self.f,), math.inf).to(target)
        steps = torch.zeros(self.f, dtype=torch.long, device=target.device)
        stops_early, count = bool(absent.any()), absent.sum(1)
        known = (count > 0).to(target)
        for step in range(config.iterations + 1):
            output = self._output()
            if stops_early and step and step % config.check_every == 0:
                off = (absent * output.view(self.f, self.s, -1)).sum(1) / count.clamp_min(1.0) - target[:, 0]
                error = (known * off**2).sum(-1) / known.sum(-1).clamp_min(1.0)
                better = (error < least) & (step - steps <= config.patience)
                least, steps = torch.where(better, error, least), torch.where(better, step, steps)
                for b, p in zip(_views(best, self.shapes), self.layers, strict=True):
                    b.view(self.f, -1)[better] = p.view(self.f, -1)[better]
                if bool((step - steps >= config.patience).all()):
                    break
            if step == config.iterations:
                break
            output.sub_(self.wanted).mul_(self.share)
            self._gradients()
            # Adam (Kingma and Ba, arXiv 1412.6980) in torch's fused kernel. Not `torch.optim.Adam`, which is this
            # kernel and loads torch's compiler, two CPU seconds in every process.
            size = cosine(config.learning_rate, 0.1 * config.learning_rate, step / config.iterations)
            torch._fused_adam_(
                [self.parameters], [self.slopes], [mean], [square], [], [counts[step]], lr=size, beta1=0.9, beta2=0.999,
                weight_decay=0.0, eps=1e-8, amsgrad=False, maximize=False,
            )  # fmt: skip
        if not stops_early:
            best, steps = self.parameters, steps + config.iterations
        first, *others = _views(best, self.shapes)
        first = first.view(self.f, -1, self.s, first.shape[-1] // self.s).transpose(1, 2)
        return [first, *(layer.view(self.f, self.s, *layer.shape[1:]) for layer in others)], steps

    def _output(self) -> Tensor:
        """Outputs (n, 1, k); hidden activations stay in their buffers."""
        for i, (weights, before, own) in enumerate(self.forward):
            torch.bmm(weights, before, out=own)
            if i < len(self.hidden):
                torch.tanh(self.hidden[i][0], out=self.hidden[i][1])
        return self.sums[-1]

    def _gradients(self) -> None:
        """Gradients of all weights, the pull of the anchors among them, from the slope of the loss in the outputs,
        which stands in their place."""
        torch.sub(self.parameters, self.anchors, out=self.slopes)
        for i in range(len(self.pulls) - 1, -1, -1):
            gradient, left, right = self.backward[i]
            gradient.baddbmm_(left, right, beta=self.pulls[i])
            if i:
                (below, value), slope = self.hidden[i - 1], self.sums[i]
                weights = self.layers[i][:, :-1]
                torch.mul(weights, slope, out=below) if slope.shape[1] == 1 else torch.bmm(weights, slope, out=below)
                torch.ops.aten.tanh_backward.grad_input(below, value, grad_input=below)


def _views(flat: Tensor, shapes: list[torch.Size]) -> list[Tensor]:
    """Parts of a flat tensor in the given shapes, one after the other."""
    parts = torch.split(flat, [shape.numel() for shape in shapes])
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]


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
