"""The engine of campaigns on a table: one BoTorch model of networks and processes, and a first look that keeps pace."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from screening import pool as pools
from screening import table_model
from screening.pool import check_pool, choose_rows
from screening.surrogates import TrainingRows
from screening.surrogates.observations import Folds
from screening.surrogates.registry import DEFAULT_SURROGATE, get_recipe
from screening.table_model import FEWEST, TableModel, fit_input_scale, fit_table_model

Array = NDArray[np.float64]


def _data(k: int = 25, d: int = 3) -> tuple[Array, Array]:
    x = np.random.default_rng(0).standard_normal((k, d))
    y = np.sin(2.0 * x[:, 0]) + x[:, 1] + 0.05 * np.random.default_rng(1).normal(size=k)
    return x, (y - y.mean()) / y.std()


@pytest.fixture(scope="module")
def fitted() -> TableModel:
    x, y = _data()
    return fit_table_model(x, y, np.zeros(25))


def test_it_is_the_engine_of_campaigns_with_networks_and_processes(fitted: TableModel) -> None:
    x, y = _data()
    theirs = get_recipe(DEFAULT_SURROGATE).fit(TrainingRows.of(x, y), np.ones((1, 25), dtype=bool), 42)
    kinds = [type(part) for part in theirs.model(0, 0.0, 1.0).components]  # type: ignore[union-attr]  # a mixture
    assert [type(part) for part in fitted.model.components] == kinds
    processes, networks = float(fitted.model.weights[:-1].sum()), float(fitted.model.weights[-1])
    assert processes + networks == pytest.approx(1.0)
    assert min(processes, networks) >= 0.2 - 1e-9


def test_beside_few_results_the_processes_lead() -> None:
    x, y = _data()
    weights = fit_table_model(x[:2], y[:2], np.zeros(2)).model.weights
    assert float(weights[-1]) < 0.4  # with even credit it was more than half


def test_what_it_predicts_is_the_posterior_of_its_botorch_model(fitted: TableModel) -> None:
    grid = np.random.default_rng(2).standard_normal((7, 3))
    posterior = fitted.model.posterior(torch.from_numpy(grid))
    mean, variance = fitted.predict(grid)
    assert mean == pytest.approx(posterior.mean.detach().numpy()[:, 0], abs=1e-9)
    assert variance == pytest.approx(posterior.variance.detach().numpy()[:, 0], abs=1e-5)


def test_the_first_look_is_the_processes_in_single_precision_and_never_surer(fitted: TableModel) -> None:
    grid = np.random.default_rng(2).standard_normal((50, 3))
    n = len(fitted.model.components) - 1
    shares = fitted.model.weights[:n] / fitted.model.weights[:n].sum()
    parts = [part.marginal(torch.from_numpy(grid)) for part in list(fitted.model.components)[:n]]
    first, second = (
        sum(w * value for w, value in zip(shares, values, strict=True)).numpy()
        for values in ([m for m, _ in parts], [v + m**2 for m, v in parts])
    )
    centre, unit = float(fitted.model.y_mean), float(fitted.model.y_sd)
    mean, sd = fitted.processes.mean_and_sd(grid)
    assert mean == pytest.approx(centre + unit * first, abs=1e-3)
    assert (sd > unit * fitted.model.calibration * np.sqrt(second - first**2) - 1e-3).all()
    assert np.corrcoef(fitted.first_look(grid), fitted.log_improvement(grid))[0, 1] > 0.8


@pytest.mark.parametrize("far", [1.0, 1e12])
def test_the_scale_of_a_grid_is_the_same_where_its_numbers_are_rounded_otherwise(far: float) -> None:
    rng = np.random.default_rng(5)
    x = np.column_stack([np.tile([0.1, 0.2, 0.7], 40), rng.integers(9, size=120), 1.0 + rng.random(120)])
    x[0, 1] = far
    rounded = x + 3e-10 * rng.uniform(-1.0, 1.0, x.shape)
    scaled = fit_input_scale(x, x[:3])(x)
    assert fit_input_scale(rounded, rounded[:3])(rounded) == pytest.approx(scaled, abs=1e-6)
    assert len(np.unique(scaled[:, 2])) == 120


@pytest.mark.parametrize("far", [1.0, 1e6])
def test_the_scale_of_a_first_look_is_that_of_the_exact_one_also_where_one_candidate_is_far_off(far: float) -> None:
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.random(2000), rng.integers(5, size=2000), rng.lognormal(sigma=3.0, size=2000)])
    x[0, 0] = far
    scale = fit_input_scale(x, x[:3])
    assert scale(x, roughly=True) == pytest.approx(scale(x), abs=0.002)


@pytest.mark.parametrize(("k", "d"), [(30, 6), (60, 10)])
def test_the_list_is_that_of_all_candidates_scored_by_networks_too(k: int, d: int) -> None:
    rng = np.random.default_rng(k)
    x = rng.random((12_000, d))
    y = ((x[:k] - 0.4) ** 2).sum(axis=1) + 0.05 * rng.standard_normal(k)
    problem = check_pool(x, x[:k], y, 4, True, None, None)
    chosen = choose_rows(problem, 4, 42)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pools, "_BEST", len(x))
        assert chosen.tolist() == choose_rows(problem, 4, 42).tolist()


def test_errors_of_results_left_out_are_those_of_fits_without_them(fitted: TableModel) -> None:
    """The factor on standard deviations from the closed form, with the mixture's own weights."""
    x, y = _data()
    rows = TrainingRows.of(x, y)
    recipe = get_recipe("gp")
    fits = recipe.fit(rows, np.ones((1, 25), dtype=bool), 0)
    (mean,), (variance,) = fits.predict_left_out()  # type: ignore[attr-defined]  # of a mixture
    process = fits.processes[0]  # type: ignore[attr-defined]  # of a mixture
    folds = Folds.of(rows, np.ones((1, 25), dtype=bool))
    z, target = folds.scaling.x(folds.x)[0], folds.scaling.y(folds.y)[0]
    full = torch.linalg.inv(process.inverse[0])
    for row in (0, 7, 24):
        others = np.arange(25) != row
        gain = full[row, others] @ torch.linalg.inv(full[others][:, others])
        centre, unit = float(folds.scaling.y_mean), float(folds.scaling.y_sd)
        assert mean[row] == pytest.approx(centre + unit * float(gain @ target[others]), abs=1e-8)
        assert variance[row] == pytest.approx(unit**2 * float(full[row, row] - gain @ full[others, row]), rel=1e-6)
    assert z.shape == (25, 3)
    assert fitted.calibration is not None
    assert fitted.calibration == pytest.approx(fitted.model.calibration)


def test_of_few_or_equal_results_nothing_is_said_about_errors() -> None:
    x, y = _data(FEWEST - 1)
    assert fit_table_model(x, y, np.zeros(len(y))).calibration is None
    assert fit_table_model(*_data(12), np.zeros(12), np.arange(12) % 4).calibration is None
    assert fit_table_model(_data(12)[0], np.zeros(12), np.zeros(12)).calibration is None


def test_a_result_with_a_large_stated_error_weighs_little_with_networks_and_processes() -> None:
    x, y = _data()
    wild = y.copy()
    wild[3] -= 8.0
    noise = np.zeros(25)
    noise[3] = 64.0
    at = x[3:4]
    calm, told, untold = (
        fit_table_model(x, *given).predict(at)[0][0] for given in ((y, noise), (wild, noise), (wild, 0.0 * noise))
    )
    assert abs(told - calm) < 0.25 * abs(untold - calm)


def test_of_many_results_the_best_and_a_random_part_are_learnt_from_and_only_that_part_is_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, most in (("_ROWS", 40), ("_BEST_ROWS", 10)):
        monkeypatch.setattr(table_model, name, most)
    generator = np.random.default_rng(0)
    x, y = generator.random((300, 4)), generator.standard_normal(300)
    rows, judged = table_model._taken(y)
    assert len(rows) == 40 == len(np.unique(rows))
    assert set(np.sort(y)[:10]) <= set(y[rows])
    assert judged.sum() == 30
    model = fit_table_model(x, y, np.zeros(300)).model
    assert model.components[0].x.shape == (40, 4)


def test_a_scale_leaves_out_what_does_not_vary_and_is_that_of_the_pool() -> None:
    x = np.column_stack([np.full(40, 7.0), np.linspace(0.0, 1.0, 40), np.geomspace(1.0, 1e6, 40)])
    scale = fit_input_scale(x, x[:3])
    scaled = scale(x)
    assert scale.kept.tolist() == [1, 2]
    assert scaled[:, 0].std() == pytest.approx(1.0, abs=0.05)
    assert abs(scaled[:, 0].mean()) < 0.1
    assert np.unique(scaled[:, 1].round(3)).size == 40
