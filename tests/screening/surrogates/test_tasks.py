"""Rows of related tasks: learnt by processes and networks, never scored, never predicted."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from screening.errors import SurrogateError, TrainingDataError
from screening.surrogate import fit_surrogate
from screening.surrogates import TrainingRows
from screening.surrogates.ensembles import EnsembleConfig
from screening.surrogates.gaussian_process import KernelSpec, fit_gaussian_processes
from screening.surrogates.mixture import MixtureRecipe
from screening.surrogates.observations import Folds
from screening.validation import cross_validate

OWN, FURTHER = 14, 40


def truth(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sin(2.0 * x[:, 0]) + 0.7 * x[:, 1])


def both(sign: float = 1.0, shift: float = 3.0, seed: int = 0) -> TrainingRows:
    """Few rows of the predicted task, and many of one with the same truth, or its opposite, moved by a constant."""
    x = np.random.default_rng(seed).normal(size=(OWN + FURTHER, 2))
    y = truth(x)
    y[OWN:] = sign * y[OWN:] + shift
    tasks = np.repeat([0, 1], [OWN, FURTHER])
    return TrainingRows.of(x, y, np.full(len(y), 0.05)).of_tasks(tasks)


def error(rows: TrainingRows) -> float:
    x = np.random.default_rng(9).normal(size=(200, 2))
    mean, _ = fit_surrogate(rows, "gp").predict(x)
    return float(np.abs(mean - truth(x)).mean())


def test_a_related_task_sharpens_what_few_rows_say_whatever_its_constant() -> None:
    alone = both().part(np.arange(OWN))
    assert error(both()) < 0.5 * error(alone)


def test_a_task_that_says_the_opposite_is_not_believed() -> None:
    rows = both(sign=-1.0)
    fitted = fit_gaussian_processes(KernelSpec("gp"), Folds.of(rows, rows.full_mask()))
    assert float(fitted.relation[0, -1]) < 0.2 < 0.8
    alike = both()
    close = fit_gaussian_processes(KernelSpec("gp"), Folds.of(alike, alike.full_mask()))
    assert float(close.relation[0, -1]) > 0.8
    assert float(close.relation[0, 0]) == 1.0


def test_what_is_handed_on_predicts_the_one_task_as_the_folds_do() -> None:
    rows = both()
    recipe = MixtureRecipe("both", (KernelSpec("gp"),), EnsembleConfig(members=4, iterations=20, parts=4, bins=2))
    fits = recipe.fit(rows, rows.full_mask(), 1)
    mean, variance = fits.predict(rows.x)
    model = fits.model(0, 0.0, 1.0)
    with torch.no_grad():
        again, latent = model.marginal(torch.from_numpy(rows.x))
        total = latent + model.unexplained_variance()
    assert np.allclose(mean[0], again.numpy())
    assert np.allclose(variance[0], total.numpy(), atol=1e-5)


def test_rows_of_related_tasks_are_scored_nowhere_and_held_out_with_their_compounds() -> None:
    x = np.arange(20.0)[:, None] % 10
    y = x[:, 0] / 10.0
    y[10:] = 5.0 - y[10:]
    rows = TrainingRows.of(x, y, compounds=[f"{i}" for i in x[:, 0]]).of_tasks(np.repeat([0, 1], 10))
    validation = cross_validate(rows, "gp", splits=("leave_one_compound_out",))
    assert sorted(validation.predictions["row"]) == list(range(10))


def test_a_surrogate_that_learns_nothing_from_related_tasks_says_so() -> None:
    with pytest.raises(SurrogateError, match="'trees' learns nothing from related tasks; networks and processes do"):
        fit_surrogate(both(), "trees")
    with pytest.raises(TrainingDataError, match="tasks has shape"):
        TrainingRows.of([[1.0]] * 4, [1.0] * 4).of_tasks([0, 0, 0, -1])
