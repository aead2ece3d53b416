"""The paper's network and grid: multilayer perceptrons on the rate, every fold and setting in one batched program.

The settings are those that the paper's public script hands to scikit-learn's MLPRegressor (its grid of layers,
activations and penalties, full-batch Adam, at most 5,000 epochs, stop after ten epochs without progress of 1e-4); the
training here follows that class's documentation. Weights start from other random numbers, so scores agree in
distribution, not digit by digit; a test compares the two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from screening.surrogates.threads import one_thread

__all__ = ["GRID", "Setting", "fit_predict"]

#: Adam's step, most epochs, least progress of the loss and epochs without it before a network stops.
LEARNING_RATE, MAX_EPOCHS, TOLERANCE, PATIENCE = 1e-3, 5000, 1e-4, 10
#: Stopped networks leave the batch every so many epochs.
SWEEP = 50


@dataclass(frozen=True)
class Setting:
    """One point of the grid: widths of hidden layers, "relu" or "tanh", penalty on squared weights."""

    hidden: tuple[int, ...]
    activation: str
    alpha: float

    def __str__(self) -> str:
        return f"{'x'.join(map(str, self.hidden))} {self.activation} alpha {self.alpha:g}"


#: The 36 settings of the public script's search.
GRID = tuple(
    Setting(hidden, activation, alpha)
    for hidden, activation, alpha in product(
        ((20,), (30,), (50,), (100,), (10, 10), (40, 10)), ("relu", "tanh"), (1e-4, 1e-3, 1e-2)
    )
)


def fit_predict(
    x: NDArray[np.float64],
    rate: NDArray[np.float64],
    masks: NDArray[np.bool_],
    settings: Sequence[Setting],
    seed: int,
) -> NDArray[np.float64]:
    """Predicted rates of every row by every setting trained on every fold.

    Args:
        x: raw descriptors, shape (k, d), standardised inside each fold.
        rate: in 1/ps, shape (k,).
        masks: which rows train, shape (f, k).
        settings: s points of the grid.
        seed: of the starting weights.

    Returns:
        Rates in 1/ps, negative ones set to zero as the script does, shape (s, f, k).
    """
    told = np.empty((len(settings), len(masks), len(rate)))
    shapes = dict.fromkeys((setting.hidden, setting.activation) for setting in settings)
    with one_thread():
        for hidden, activation in shapes:
            own = [i for i, s in enumerate(settings) if (s.hidden, s.activation) == (hidden, activation)]
            alphas = [settings[i].alpha for i in own]
            told[own] = _batch(x, rate, masks, hidden, activation, alphas, seed)
    return np.maximum(told, 0.0)


def _batch(
    x: NDArray[np.float64],
    rate: NDArray[np.float64],
    masks: NDArray[np.bool_],
    hidden: tuple[int, ...],
    activation: str,
    alphas: Sequence[float],
    seed: int,
) -> NDArray[np.float64]:
    rows = torch.from_numpy(masks).float().repeat(len(alphas), 1)
    alpha = torch.tensor(alphas, dtype=torch.float32).repeat_interleave(len(masks))
    z, target = _standardised(x, masks).repeat(len(alphas), 1, 1), torch.tensor(rate, dtype=torch.float32)
    generator = torch.Generator().manual_seed(seed)
    start: list[Tensor] = []
    for fan_in, fan_out in pairwise((x.shape[1], *hidden, 1)):
        bound = math.sqrt(6.0 / (fan_in + fan_out))
        for shape in ((fan_in, fan_out), (1, fan_out)):
            drawn = bound * (2.0 * torch.rand(shape, generator=generator) - 1.0)
            start.append(drawn.expand(len(rows), *shape).clone())
    weights = _train(start, z, target, rows, alpha, activation)
    with torch.no_grad():
        output = _forward(weights, z, activation)
    return output.double().numpy().reshape(len(alphas), len(masks), -1)


def _standardised(x: NDArray[np.float64], masks: NDArray[np.bool_]) -> Tensor:
    told = []
    for rows in masks:
        spread = x[rows].std(0)
        told.append((x - x[rows].mean(0)) / np.where(spread > 0.0, spread, 1.0))
    return torch.from_numpy(np.array(told)).float()


def _forward(weights: Sequence[Tensor], z: Tensor, activation: str) -> Tensor:
    h = z
    for i in range(0, len(weights), 2):
        h = torch.baddbmm(weights[i + 1], h, weights[i])
        if i < len(weights) - 2:
            h = torch.relu(h) if activation == "relu" else torch.tanh(h)
    return h[..., 0]


def _train(
    start: list[Tensor], z: Tensor, target: Tensor, rows: Tensor, alpha: Tensor, activation: str
) -> list[Tensor]:
    final = [w.clone() for w in start]
    alive = torch.arange(len(rows))
    weights, moments = start, [(torch.zeros_like(w), torch.zeros_like(w)) for w in start]
    least, idle = torch.full((len(rows),), math.inf), torch.zeros(len(rows))
    for epoch in range(1, MAX_EPOCHS + 1):
        loss = _step(weights, moments, z, target, rows, alpha, activation, epoch)
        idle = torch.where(loss > least - TOLERANCE, idle + 1.0, torch.zeros_like(idle))
        least = torch.minimum(least, loss)
        stopped = idle == PATIENCE + 1
        if bool(stopped.any()):
            for f, w in zip(final, weights, strict=True):
                f[alive[stopped]] = w[stopped]
        if epoch % SWEEP == 0:
            keep = idle <= PATIENCE
            if not bool(keep.any()):
                return final
            alive, z, rows, alpha, least, idle = (t[keep] for t in (alive, z, rows, alpha, least, idle))
            weights = [w[keep] for w in weights]
            moments = [(m[keep], v[keep]) for m, v in moments]
    unfinished = idle <= PATIENCE
    for f, w in zip(final, weights, strict=True):
        f[alive[unfinished]] = w[unfinished]
    return final


def _step(
    weights: list[Tensor],
    moments: list[tuple[Tensor, Tensor]],
    z: Tensor,
    target: Tensor,
    rows: Tensor,
    alpha: Tensor,
    activation: str,
    epoch: int,
) -> Tensor:
    """One epoch of Adam, in place; the loss of each network before it."""
    for w in weights:
        w.requires_grad_(True)
    n = rows.sum(-1)
    penalty = sum((w**2).sum((-2, -1)) for w in weights[::2])
    loss = 0.5 * ((rows * (_forward(weights, z, activation) - target) ** 2).sum(-1) + alpha * penalty) / n
    gradients = torch.autograd.grad(loss.sum(), weights)
    step = LEARNING_RATE * math.sqrt(1.0 - 0.999**epoch) / (1.0 - 0.9**epoch)
    with torch.no_grad():
        for w, g, (m, v) in zip(weights, gradients, moments, strict=True):
            w.requires_grad_(False)
            m.mul_(0.9).add_(g, alpha=0.1)
            v.mul_(0.999).addcmul_(g, g, value=0.001)
            w.sub_(step * m / (v.sqrt() + 1e-8))
    return loss.detach()
