"""Adam for one tensor of parameters: torch's own loads its compiler first, two seconds of every process that fits."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["Adam", "cosine"]

#: Keeps a step finite where every gradient so far was zero.
EPSILON = 1e-8


class Adam:
    """Moments of the gradients of one tensor (Kingma and Ba, arXiv 1412.6980, algorithm 1)."""

    def __init__(self, parameters: Tensor, decay: tuple[float, float] = (0.9, 0.999)) -> None:
        """Bind the parameters, any shape, changed in place by `step`; `decay` is that of mean and square."""
        self._parameters = parameters
        self._decay = decay
        self._mean = torch.zeros_like(parameters)
        self._square = torch.zeros_like(parameters)
        self._steps = 0

    @torch.no_grad()
    def step(self, gradient: Tensor, step_size: float) -> None:
        """One step down the gradient, of the parameters' shape."""
        self._steps += 1
        first, second = self._decay
        self._mean.lerp_(gradient, 1.0 - first)
        self._square.mul_(second).addcmul_(gradient, gradient, value=1.0 - second)
        scale = (self._square.sqrt() / math.sqrt(1.0 - second**self._steps)).add_(EPSILON)
        self._parameters.addcdiv_(self._mean, scale, value=-step_size / (1.0 - first**self._steps))


def cosine(start: float, end: float, part: float) -> float:
    """Step size that falls along half a cosine, `part` of the way from `start` to `end`."""
    return end + 0.5 * (start - end) * (1.0 + math.cos(math.pi * part))
