"""A fitted, recalibrated surrogate, and the one function that makes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from screening.calibration import fit_scale
from screening.devices import one_thread
from screening.errors import SurrogateError, TrainingDataError
from screening.surrogates.recipe import MIN_ROWS, Recipe, TrainingRows
from screening.surrogates.registry import DEFAULT_SURROGATE, get_recipe

if TYPE_CHECKING:
    from botorch.models.model import Model

    from screening.validation import Validation

__all__ = ["CALIBRATION_SPLIT"]

#: The split whose errors set the recalibration: what is asked of a screening surrogate is a spacer it never saw.
CALIBRATION_SPLIT = "leave_one_spacer_out"
#: With fewer rows than this, or one group, nothing is recalibrated.
FEWEST_ROWS = 5
#: With more groups than this, ten folds of rows serve for the recalibration, and of many rows two of those ten.
MAX_CALIBRATION_FOLDS, MANY_ROWS = 60, 500


@dataclass(frozen=True)
class Surrogate:
    """A fitted model over log10 rate."""

    name: str  #: of the recipe
    model: Model  #: BoTorch model; `posterior` takes raw features, batch_shape x q x d
    calibration: float  #: factor that its standard deviations carry
    #: `n_rows`, `n_features`: size of the table it learnt from.
    n_rows: int
    n_features: int
    seed: int  #: of its random draws
    details: dict[str, Any]  #: weights and hyperparameters

    def predict(self, x: ArrayLike, chunk: int = 2048) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of a new measurement's log10 rate, recalibrated.

        Args:
            x: features, shape (m, d), finite.
            chunk: rows taken at once; 2,048 stay in the processor's cache, 65,536 take twice the time.

        Returns:
            Mean and standard deviation, each (m,).

        Raises:
            TrainingDataError: if the number of columns is not that of training.
        """
        table = np.array(x, dtype=np.float64)
        if table.ndim != 2 or table.shape[1] != self.n_features:
            raise TrainingDataError(f"x has shape {table.shape}; (m, {self.n_features}) is needed, as in training")
        mean, sd = np.empty(len(table)), np.empty(len(table))
        with torch.no_grad(), one_thread():
            for start in range(0, len(table), chunk):
                rows = slice(start, start + chunk)
                mean[rows], variance = _marginal(self.model, torch.from_numpy(table[rows]))
                sd[rows] = np.sqrt(variance)
        return mean, sd

    def at(self, values: Sequence[float]) -> Surrogate:
        """The surrogate with these values of its last features. A `SurrogateError` if its model cannot hold them."""
        if not hasattr(self.model, "at"):
            raise SurrogateError(f"{self.name!r} cannot be held at a condition: choose one of networks or processes")
        model: Any = self.model
        return replace(self, model=model.at(values).eval(), n_features=self.n_features - len(values))

    def describe(self) -> dict[str, Any]:
        """Provenance as plain JSON values."""
        return {
            "name": self.name,
            "calibration": round(self.calibration, 4),
            "n_rows": self.n_rows,
            "n_features": self.n_features,
            "seed": self.seed,
            "details": self.details,
        }


def fit_surrogate(
    training: TrainingRows,
    name: str = DEFAULT_SURROGATE,
    seed: int = 42,
    *,
    validation: Validation | None = None,
    device: str = "cpu",
) -> Surrogate:
    """Fit a surrogate on all rows and recalibrate it by its out-of-fold errors.

    Args:
        training: rows to learn from.
        name: of the surrogate, one of `surrogate_names`.
        seed: of every random draw; the same seed on the same device gives the same surrogate to the bit.
        validation: `cross_validate` of the same rows and name, whose errors then serve for the recalibration instead
            of being computed again.
        device: where Gaussian processes and networks are fitted, "cpu" or a CUDA device ("cuda", "cuda:1"). Random
            draws, trees and the candidates' weights stay on the processor, and the surrogate predicts there wherever
            it was fitted.

    Raises:
        TrainingDataError: if the validation is of other rows. UnknownSurrogateError: for the name.
        DeviceError: if the device is not there, or nothing of this surrogate (trees, baselines) would run on it.

    Example:
        >>> from screening import TrainingRows, fit_surrogate
        >>> x = [[0.0], [0.2], [0.4], [0.6], [0.8]]
        >>> surrogate = fit_surrogate(TrainingRows.of(x, [0.0, 0.2, 0.4, 0.6, 0.8]), "gp")
        >>> mean, sd = surrogate.predict([[0.5]])
        >>> bool(0.4 < mean[0] < 0.6)
        True
    """
    recipe = get_recipe(name, device, tasks=bool(training.tasks.any()))
    scale = _calibration(recipe, training, seed) if validation is None else _reuse(validation, recipe, training)
    fits = recipe.fit(training, training.full_mask(), seed)
    noise_variance = float(np.median(training.noise_variance[training.measured]))
    return Surrogate(
        name=recipe.name,
        model=fits.model(0, noise_variance, scale).eval(),
        calibration=scale,
        n_rows=training.n_rows,
        n_features=int(training.x.shape[1]),
        seed=seed,
        details=fits.describe(0),
    )


def _marginal(model: Any, x: torch.Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mean, latent = model.marginal(x)
    return mean.numpy(), (latent + model.unexplained_variance()).numpy()


def _calibration(recipe: Recipe, training: TrainingRows, seed: int) -> float:
    # that module fits surrogates through this package
    from screening.validation import held_out, out_of_fold

    own = training.tasks == 0
    n_groups = np.unique(training.groups[own]).size
    if n_groups <= 1 or own.sum() < FEWEST_ROWS:
        return 1.0
    tests = held_out("k_fold" if n_groups > MAX_CALIBRATION_FOLDS else CALIBRATION_SPLIT, training, seed)
    if own.sum() > MANY_ROWS:
        tests = tests[:2]
    measured = int(training.measured.sum())
    tests = [t for t in tests if 0 < training.measured[t].sum() <= measured - MIN_ROWS]
    if not tests:
        return 1.0
    predicted = out_of_fold(recipe, training, tests, seed)
    rows = np.concatenate(tests)
    error, sd = training.y[rows] - np.concatenate([m for m, _ in predicted]), np.concatenate([s for _, s in predicted])
    return fit_scale(error[training.measured[rows]], sd[training.measured[rows]])


def _reuse(validation: Validation, recipe: Recipe, training: TrainingRows) -> float:
    frame = validation.predictions
    split = CALIBRATION_SPLIT if CALIBRATION_SPLIT in validation.score_cards else next(iter(validation.score_cards))
    own = frame[frame["split"] == split]
    measured = int(training.measured.sum())
    if validation.name != recipe.name or own["row"].nunique() != measured:
        raise TrainingDataError(
            f"the validation is of {validation.name!r} on {own['row'].nunique()} rows; "
            f"{recipe.name!r} is to be fitted on {measured}"
        )
    return fit_scale((own["y"] - own["mean"]).to_numpy(), own["sd"].to_numpy())
