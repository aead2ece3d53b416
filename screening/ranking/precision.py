"""A surrogate's prediction in single precision, on the processor or a CUDA device, for passes over large spaces."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screening.devices import usable_device
from screening.errors import RankingError

__all__ = ["SinglePrecision"]

Array = NDArray[np.float64]


class SinglePrecision:
    """Copies a surrogate's model to float32 and predicts with it; the surrogate itself is left alone.

    The model must have `marginal(x) -> (mean, latent variance)`, as the shipped surrogates' models do. `predict` gives
    the standard deviation of a new measurement, like the surrogate's own.
    """

    def __init__(self, surrogate: Any, device: str = "cpu") -> None:
        """Copy the model.

        Raises:
            RankingError: for a surrogate whose model has no `marginal`. DeviceError: for a device that is not there.
        """
        import torch

        if not hasattr(getattr(surrogate, "model", None), "marginal"):
            raise RankingError("single precision needs a surrogate whose model has `marginal`; rank in float64 instead")
        self._device = usable_device(device)
        self._unexplained = float(surrogate.model.unexplained_variance())
        self.model = copy.deepcopy(surrogate.model).to(device=device, dtype=torch.float32).eval()

    def predict(self, x: Array, chunk: int = 65536) -> tuple[Array, Array]:
        """Mean and standard deviation of a new measurement, shapes (m,), float64 numbers of float32 accuracy."""
        import torch

        from screening.surrogates.threads import one_thread

        mean, sd = np.empty(len(x)), np.empty(len(x))
        with torch.no_grad(), one_thread():
            for start in range(0, len(x), chunk):
                rows = slice(start, start + chunk)
                points = torch.as_tensor(x[rows], device=self._device).to(torch.float32)
                centre, variance = self.model.marginal(points)
                mean[rows] = centre.cpu().numpy()
                sd[rows] = np.sqrt(np.maximum(variance.cpu().numpy().astype(np.float64), 0.0) + self._unexplained)
        return mean, sd
