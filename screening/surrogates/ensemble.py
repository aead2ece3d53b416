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

from screening.surrogates.gaussian_process import cosine
from screening.surrogates.observations import LEAST_VARIANCE, Folds, Sites, member_rows, out_of_group, plain_sites

#: Numbers of one layer's activations that a block of folds may hold, 0.4 MB in single precision: with weights and
#: moments a block fits a cache of one or two megabytes, and takes four fifths of the time of all folds at once.
MAX_BLOCK_NUMBERS = 100_000
#: The same on a CUDA device, which is idle in small blocks: 80 MB, of which a block holds about six at a time.
MAX_DEVICE_BLOCK_NUMBERS = 20_000_000
#: Least width of a bin, standardised: the many equal values of a feature make a step.
LEAST_WIDTH = 1e-6


@dataclass(frozen=True)
class EnsembleConfig:
    """Shape and training of the ensemble.

    Attributes:
        members: networks s a fold.
        hidden: widths of the hidden layers.
        iterations: most steps of full-batch Adam; early stopping keeps the best of the snapshots.
        learning_rate: its step, lowered to a tenth by a cosine.
        parts: every member leaves one of this many parts of the groups out; 1 leaves nothing out (no early stopping).
        noise: variance of the target's error in units of its spread, which sets how much the anchors hold.
        check_every: steps between snapshots.
        gain: spread of the starting weights, times one over the root of the inputs of a neuron.
        bins: quantile bins of each feature whose piecewise-linear encoding stands beside it; 0 for none.
    """

    members: int = 24
    hidden: tuple[int, ...] = (16, 16)
    iterations: int = 160
    learning_rate: float = 0.02
    parts: int = 12
    noise: float = 0.1
    check_every: int = 10
    gain: float = 2.0
    bins: int = 0


@dataclass(frozen=True)
class Ensembles:
    """Trained ensembles, one a fold, in standardised units.

    Attributes:
        weights: for each layer, weight (f, s, in, out) and bias (f, s, 1, out).
        out_of_group: mean over the members that did not see the row's group, shape (f, k); NaN where there are none.
        error_variance: mean squared error of `out_of_group` less the members' spread, shape (f,).
        spread: variance over the members that did not see the row's group, shape (f, k).
        steps: steps kept by early stopping, shape (f,).
        edges: of the bins of each feature, standardised, shape (f, d, b + 1); b = 0 for none.
    """

    weights: tuple[tuple[Tensor, Tensor], ...]
    out_of_group: Tensor
    error_variance: Tensor
    spread: Tensor
    steps: Tensor
    edges: Tensor

    def members(self, z: Tensor) -> Tensor:
        """Predictions of every member at standardised features z (f, m, d), shape (f, s, m)."""
        return _forward(self.weights, encode(z, self.edges)[:, None])

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
    start = _initial(config, inputs.shape[-1], generator)
    anchors = [w.expand(mask.shape[0], *w.shape[1:]).to(device) for w in start]
    absent = mask[:, None] & ~seen & asked.known & (folds.tasks == 0)
    weight = (seen * asked.weights[:, None]).to(z)
    best, steps = _train(config, anchors, z, target, weight, absent.to(z))
    weights = tuple((best[i].double().cpu(), best[i + 1].double().cpu()) for i in range(0, len(best), 2))
    output = _forward(weights, inputs[:, None])
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


def _initial(config: EnsembleConfig, d: int, generator: torch.Generator) -> list[Tensor]:
    """Weights and biases of the members, drawn from the prior that also anchors them."""
    widths = (d, *config.hidden, 1)
    drawn: list[Tensor] = []
    for fan_in, fan_out in pairwise(widths):
        scale = config.gain / math.sqrt(fan_in)
        drawn.append(scale * torch.randn(1, config.members, fan_in, fan_out, generator=generator))
        drawn.append(scale * torch.randn(1, config.members, 1, fan_out, generator=generator))
    return drawn


def _forward(weights: tuple[tuple[Tensor, Tensor], ...], z: Tensor) -> Tensor:
    """Outputs of all members, shape (f, s, m); z is (f, 1 or s, m, d)."""
    f, s = weights[0][0].shape[:2]
    h = z.expand(f, s, *z.shape[2:]).reshape(f * s, *z.shape[2:])
    for i, (w, b) in enumerate(weights):
        h = torch.baddbmm(b.flatten(0, 1), h, w.flatten(0, 1))
        if i < len(weights) - 1:
            h = torch.tanh(h)
    return h.reshape(f, s, -1)


def _train(
    config: EnsembleConfig, anchors: list[Tensor], z: Tensor, target: Tensor, weight: Tensor, absent: Tensor
) -> tuple[list[Tensor], Tensor]:
    """Full-batch Adam; each fold's snapshot with the least out-of-group error, its step, in cache-sized blocks."""
    most = MAX_BLOCK_NUMBERS if z.device.type == "cpu" else MAX_DEVICE_BLOCK_NUMBERS
    size = max(1, most // (weight.shape[1] * weight.shape[2] * max(config.hidden, default=1)))
    told = []
    for start in range(0, len(weight), size):
        own = slice(start, start + size)
        block = _Block(config, [a[own] for a in anchors], z[own], weight[own], target[own])
        told.append(block.train(target[own], absent[own]))
    weights = [torch.cat(parts) for parts in zip(*(w for w, _ in told), strict=True)]
    return weights, torch.cat([steps for _, steps in told])


class _Block:
    """Networks of some folds, n = folds times members, and the buffers of their training.

    A layer's weight and bias are one matrix (n, in + 1, out), its input has a last column of ones: one product gives
    both gradients. Gradients are written out; autograd would keep four more arrays of activations a layer.
    """

    def __init__(
        self, config: EnsembleConfig, anchors: list[Tensor], z: Tensor, weight: Tensor, target: Tensor
    ) -> None:
        self.config = config
        self.f, self.s, k = weight.shape
        joined = [torch.cat([w, b], -2).flatten(0, 1) for w, b in zip(anchors[::2], anchors[1::2], strict=True)]
        flat = torch.cat([w.flatten() for w in joined])
        self.parameters = flat.clone()
        self.slopes = torch.empty_like(flat)
        shapes = [w.shape for w in joined]
        self.layers, self.gradients = _views(self.parameters, shapes), _views(self.slopes, shapes)
        # Losses are sums over rows: Adam takes the same step whatever factor a network's loss carries.
        self.share = weight.flatten(0, 1)[..., None] * 2.0
        self.wanted = target.expand(self.f, self.s, k).flatten(0, 1)[..., None]
        self.pulls = [2.0 * config.noise * (w.shape[-2] - 1) / config.gain**2 for w in joined]
        self.anchored = torch.cat([p * w.flatten() for p, w in zip(self.pulls, joined, strict=True)])
        n = self.f * self.s
        inputs = z.expand(self.f, self.s, *z.shape[2:]).flatten(0, 1)
        ones = [inputs.new_ones(n, k, 1 + w.shape[-1]) for w in joined[:-1]]
        self.activations = [torch.cat([inputs, inputs.new_ones(n, k, 1)], -1), *ones]
        self.minus_one = inputs.new_tensor(-1.0)

    def train(self, target: Tensor, absent: Tensor) -> tuple[list[Tensor], Tensor]:
        """Weights and biases (f, s, in or 1, out) of the best snapshot of each fold, and its step (f,)."""
        config, best = self.config, self.parameters.clone()
        adam = _Adam(self.layers, self.gradients, self.pulls)
        least = torch.full((self.f,), math.inf).to(target)
        steps = torch.zeros(self.f, dtype=torch.long, device=target.device)
        stops_early = bool(absent.any())
        for step in range(1, config.iterations + 1):
            self._slope(self.share * (self._output() - self.wanted))
            self.slopes.sub_(self.anchored)
            part = (step - 1) / config.iterations
            adam.step(cosine(config.learning_rate, 0.1 * config.learning_rate, part))
            if stops_early and step % config.check_every == 0:
                output = self._output().reshape(self.f, self.s, -1)
                count = absent.sum(1)
                mean = (absent * output).sum(1) / count.clamp_min(1.0)
                known = (count > 0).to(target)
                error = (known * (mean - target[:, 0]) ** 2).sum(-1) / known.sum(-1).clamp_min(1.0)
                better = error < least
                least, steps = torch.where(better, error, least), torch.where(better, step, steps)
                chosen = better.repeat_interleave(self.s)
                for b, p in zip(_views(best, [w.shape for w in self.layers]), self.layers, strict=True):
                    b[chosen] = p[chosen]
        if not stops_early:
            best, steps = self.parameters, steps + config.iterations
        told = []
        for w in _views(best, [w.shape for w in self.layers]):
            matrix = w.reshape(self.f, self.s, *w.shape[1:]).detach()
            told += [matrix[..., :-1, :].contiguous(), matrix[..., -1:, :].contiguous()]
        return told, steps

    def _output(self) -> Tensor:
        """Outputs (n, k, 1); hidden activations stay in their buffers."""
        for before, w, after in zip(self.activations[:-1], self.layers[:-1], self.activations[1:], strict=True):
            # tanh(a) = 2 sigmoid(2a) - 1; torch's sigmoid is vectorised on CPUs, its tanh takes ten times as long.
            half = torch.bmm(before, w).mul_(2.0).sigmoid_()
            torch.add(self.minus_one, half, alpha=2.0, out=after[..., :-1])
        # A row times a matrix takes a fifth of the time of a matrix times a column.
        return torch.bmm(self.layers[-1].mT, self.activations[-1].mT).mT

    def _slope(self, slope: Tensor) -> None:
        """Gradients of all weights from the slope of the loss in the output (n, k, 1)."""
        torch.bmm(slope.mT, self.activations[-1], out=self.gradients[-1].mT)
        for i in range(len(self.layers) - 1, 0, -1):
            before, w = self.activations[i][..., :-1], self.layers[i][:, :-1].mT
            slope = slope * w if w.shape[1] == 1 else torch.bmm(slope, w)
            slope = torch.ops.aten.tanh_backward(slope, before)
            torch.bmm(self.activations[i - 1].mT, slope, out=self.gradients[i - 1])


class _Adam:
    """Adam (Kingma and Ba, arXiv 1412.6980) in torch's fused kernel, weights decaying by a factor of their layer.

    Not `torch.optim.Adam`, which is this kernel and loads torch's compiler, two CPU seconds in every process.
    """

    def __init__(self, parameters: list[Tensor], gradients: list[Tensor], decays: list[float]) -> None:
        self._parameters, self._gradients, self._decays = parameters, gradients, decays
        self._mean, self._square = ([torch.zeros_like(w) for w in parameters] for _ in range(2))
        self._steps = [w.new_zeros(()) for w in parameters]

    def step(self, step_size: float) -> None:
        """One step down the gradients."""
        torch._foreach_add_(self._steps, 1.0)
        for moments in zip(
            self._parameters, self._gradients, self._mean, self._square, self._steps, self._decays, strict=True
        ):
            *tensors, decay = moments
            parameter, gradient, mean, square, steps = ([tensor] for tensor in tensors)
            torch._fused_adam_(
                parameter, gradient, mean, square, [], steps, lr=step_size, beta1=0.9, beta2=0.999, weight_decay=decay,
                eps=1e-8, amsgrad=False, maximize=False,
            )  # fmt: skip


def _views(flat: Tensor, shapes: list[torch.Size]) -> list[Tensor]:
    """Parts of a flat tensor in the given shapes, one after the other."""
    parts = torch.split(flat, [shape.numel() for shape in shapes])
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
