"""An ensemble of small neural networks; every member of every fold trains in one batched tensor program.

Each member is anchored: its weights are drawn to a random starting point of their own, so that members agree where
data speak and differ where they do not (Pearce et al., AISTATS 2020, arXiv 1810.05546). Each member also trains
without some of the groups, in turn, so every training row has predictions by members that never saw its group.
Those serve for early stopping and for weighing the ensemble against other surrogates; the held-out rows of a fold
take no part in either. Rows of related tasks enter with a one in a further input, which stays zero for the predicted
task and is gone once the networks are trained.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from screening.devices import map_blocks, training_threads
from screening.surrogates.gaussian_process import cosine
from screening.surrogates.observations import LEAST_VARIANCE, Folds, Sites, member_rows, out_of_group, plain_sites

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
