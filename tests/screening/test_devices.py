"""A CUDA device, or more threads, give the numbers of one core (`tests.pretend_device`); a seed is a whole number."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from screening.devices import check_seed, usable_device
from screening.errors import BatchError, DeviceError
from screening.ranking import Candidates, PassSettings, rank, space_features
from screening.ranking.candidates import SinglePrecision
from screening.surrogate import Surrogate, fit_surrogate
from screening.surrogates import TrainingRows
from screening.surrogates.ensembles import MAX_BLOCK_NUMBERS, EnsembleConfig, fit_ensembles
from screening.surrogates.gaussian_process import BFGS_STEPS, STEPS, KernelSpec, fit_gaussian_processes
from screening.surrogates.registry import get_recipe
from screening.validation import cross_validate
from tests.pretend_device import pretend_device
from tests.screening.ranking.test_rank import SPACE, TABLES
from tests.screening.rows import folds_of, smooth_rows

ROWS = smooth_rows(k=20)
X, Y, NOISE = torch.from_numpy(ROWS.x), torch.from_numpy(ROWS.y), torch.from_numpy(ROWS.noise**2)
MASK = ~torch.eye(20, dtype=torch.bool)[:3]
BOUNDS = torch.arange(20) % 7 == 3
FOLDS = folds_of(MASK, X, Y, NOISE)
Z = FOLDS.scaling.x(X)


@pytest.fixture(scope="module")
def shipped() -> Surrogate:
    """The shipped surrogate on made-up rates of compounds of a space."""
    x = space_features(SPACE, np.arange(0, len(SPACE), len(SPACE) // 24), *TABLES)
    x = x[np.isfinite(x).all(1)]
    y = 0.3 * x[:, 0] - 0.2 * x[:, 3] + np.sin(x[:, 5])
    return fit_surrogate(TrainingRows.of(x, y, np.full(len(y), 0.05), [str(i // 2) for i in range(len(y))]))


@pytest.mark.parametrize(
    ("bounds", "reverse_sums", "most"), [(False, False, 0.0), (True, False, 0.0), (True, True, 1e-8)]
)
def test_processes_search_and_condition_there(bounds: bool, reverse_sums: bool, most: float) -> None:
    spec = KernelSpec("test", ard=True)
    folds = replace(FOLDS, censored=BOUNDS) if bounds else FOLDS
    here = fit_gaussian_processes(spec, folds)
    with pretend_device(reverse_sums) as device:
        there = fit_gaussian_processes(spec, folds, device="cuda")
    assert device.ran["cholesky_inverse"] == STEPS + 1
    for a, b in zip(here.predict(Z), there.predict(Z), strict=True):
        assert float((a - b).abs().max()) <= most


@pytest.mark.parametrize(("reverse_sums", "most"), [(False, 0.0), (True, 1e-5)])
def test_networks_train_there(reverse_sums: bool, most: float) -> None:
    config, folds = EnsembleConfig(members=6, parts=3, iterations=60), replace(FOLDS, groups=torch.arange(20) // 2)
    here = fit_ensembles(config, folds, seed=5)
    with pretend_device(reverse_sums) as device:
        there = fit_ensembles(config, folds, seed=5, device="cuda")
    assert device.ran["_fused_adam_"] == 60
    assert torch.equal(here.steps, there.steps)
    for a, b in zip(here.predict(Z), there.predict(Z), strict=True):
        assert float((a - b).abs().max()) <= most


def test_folds_that_fill_many_blocks_here_are_one_there() -> None:
    mask = ~torch.eye(20, dtype=torch.bool)
    config = EnsembleConfig(members=12, hidden=(64,), iterations=10)
    assert mask.numel() * config.members * 64 > 2 * MAX_BLOCK_NUMBERS
    folds = folds_of(mask, X, Y)
    scaling = folds.scaling
    here = fit_ensembles(config, folds, seed=5)
    with pretend_device() as device:
        there = fit_ensembles(config, folds, seed=5, device="cuda")
    assert device.ran["_fused_adam_"] == 10
    assert torch.allclose(here.predict(scaling.x(X))[0], there.predict(scaling.x(X))[0], atol=1e-5)


def test_a_surrogate_fitted_there_is_the_same_and_predicts_here() -> None:
    with pretend_device() as device:
        there = fit_surrogate(ROWS.training, "gp", device="cuda")
    assert device.ran["cholesky_inverse"] == 2 * (STEPS + 1)
    here = fit_surrogate(ROWS.training, "gp")
    assert there.describe() == here.describe()
    assert np.array_equal(there.predict(ROWS.x), here.predict(ROWS.x))


@pytest.mark.parametrize(("name", "bounds"), [("gp_on_residuals", False), ("ensemble", True)])
def test_the_other_ways_to_join_are_the_same_from_there(name: str, bounds: bool) -> None:
    censored = BOUNDS.numpy() if bounds else None
    problem = TrainingRows.of(ROWS.x, ROWS.y, ROWS.noise, ROWS.groups, censored=censored)
    here = get_recipe(name).fit(problem, problem.full_mask(), 0).predict(ROWS.x)
    with pretend_device() as device:
        there = get_recipe(name, "cuda").fit(problem, problem.full_mask(), 0).predict(ROWS.x)
    assert device.ran["_fused_adam_"] > 0
    assert device.ran["cholesky_inverse"] == STEPS + 1
    assert np.array_equal(here, there)


def test_folds_of_the_shipped_mixture_are_validated_there() -> None:
    with pretend_device() as device:
        told = cross_validate(ROWS.training, splits=("leave_one_spacer_out",), device="cuda:0")
    assert 0 < device.ran["cholesky_inverse"] <= 3 * (BFGS_STEPS[0] + 2)
    here = cross_validate(ROWS.training, splits=("leave_one_spacer_out",))
    pd.testing.assert_frame_equal(told.predictions, here.predictions, check_exact=True)


def test_as_many_threads_as_there_are_cores_fit_the_same_to_the_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    for n_cores in (1, 2):
        monkeypatch.setattr("screening.devices.cores", partial(int, n_cores))
        told.append(cross_validate(ROWS.training, splits=("leave_one_spacer_out",)).predictions)
    pd.testing.assert_frame_equal(*told, check_exact=True)


def test_the_single_precision_pass_runs_there(shipped: Surrogate) -> None:
    x = np.random.default_rng(2).normal(5.0, 1.0, size=(300, shipped.n_features))
    here = SinglePrecision(shipped).predict(x)
    with pretend_device() as device:
        there = SinglePrecision(shipped, "cuda").predict(x)
    assert device.ran["baddbmm"] > 0  # the networks
    np.testing.assert_allclose(here, there, rtol=1e-5, atol=1e-6)  # blocks of other sizes add up in another order


def test_a_ranking_by_the_pass_there_is_that_of_double_precision(shipped: Surrogate) -> None:
    common = (SPACE, *TABLES, shipped)
    with pretend_device():
        told = rank(Candidates(*common, 0.0), 20, PassSettings(workers=1, single_precision=True, device="cuda"))
    pd.testing.assert_frame_equal(told.frame, rank(Candidates(*common, 0.0), 20).frame)
    assert told.n_bounded == 0


def test_candidates_that_cannot_move_stay_beside_those_that_do() -> None:
    with pretend_device():
        told = get_recipe("auto", "cuda")
    moved = [getattr(candidate, "device", "cpu") for candidate in told.candidates]  # type: ignore[attr-defined]  # of auto
    assert moved == ["cuda", "cuda", "cpu", "cpu", "cpu"]
    assert replace(told.candidates[0], device="cpu") == get_recipe("spinscreen")  # type: ignore[attr-defined]  # as above


@pytest.mark.parametrize("name", ["trees", "mean", "linear", "random_forest", "svr", "xgboost"])
def test_a_surrogate_of_which_nothing_runs_there_says_so(name: str) -> None:
    with (
        pretend_device(),
        pytest.raises(
            DeviceError, match=rf"nothing of '{name}' .* one of networks_ranked_processes, networks_processes"
        ),
    ):
        fit_surrogate(TrainingRows.of(ROWS.x, ROWS.y), name=name, device="cuda")


@pytest.mark.parametrize("device", ["", "gpu", "cuda:", "cuda:first", "cuda:-1", "mps", "CPU", "cpu:0"])
def test_a_device_of_another_name_is_refused_with_the_right_ones(device: str) -> None:
    with pytest.raises(DeviceError, match="'cpu', 'cuda' or"):
        fit_surrogate(TrainingRows.of(ROWS.x, ROWS.y), device=device)


def test_a_card_that_is_not_there_is_refused_with_the_last_that_is() -> None:
    with pretend_device():
        assert usable_device("cuda:0") == "cuda:0"
        with pytest.raises(DeviceError, match="sees 1, the last is 'cuda:0'"):
            usable_device("cuda:1")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_is_refused_where_torch_has_none() -> None:
    with pytest.raises(DeviceError, match=r"torch .* sees no CUDA device; use 'cpu'"):
        cross_validate(TrainingRows.of(ROWS.x, ROWS.y), device="cuda")


@pytest.mark.parametrize("seed", [0, 7, np.int64(3)])
def test_whole_numbers_are_taken(seed: object) -> None:
    assert check_seed(seed, BatchError) == seed


@pytest.mark.parametrize("seed", [-1, 1.5, None, "3", True], ids=str)
def test_anything_else_is_refused_by_name(seed: object) -> None:
    with pytest.raises(BatchError, match="a whole number of 0 or more"):
        check_seed(seed, BatchError)
