"""Bounds of a prediction: the mean is exact, the standard deviation never too low, and what they leave out is right."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from chemspace.cation import Cation
from chemspace.space import CompoundSpace
from oracle.descriptors import CationTable
from screening.feasibility import fit_feasibility
from screening.ranking import Candidates, PassSettings, Ranking, rank
from screening.ranking.bounds import PredictionBounds
from screening.ranking.candidates import SinglePrecision
from screening.strategies import STRATEGIES, Acquisition
from screening.surrogate import Surrogate, fit_surrogate
from tests.screening.ranking.test_rank import CAGES, Wavy, _table
from tests.screening.rows import published_rows, smooth_rows

Array = NDArray[np.float64]
CHAINS = tuple(
    Cation.from_smiles("[NH3+]" + "C" * n + "O" * (n % 2) + "C" * m) for n in range(3, 23) for m in range(20)
)
ACQUISITIONS = {e.name: e.item() for e in STRATEGIES.entries() if issubclass(e.item, Acquisition)}
SPACE = CompoundSpace(tuple(dict.fromkeys(CHAINS)), CAGES, (1, 2, 3, 4, 5))


@pytest.fixture(scope="module")
def shipped() -> Surrogate:
    return fit_surrogate(published_rows().training, "spinscreen")


@pytest.fixture(scope="module")
def networks() -> Surrogate:
    training = published_rows().training
    return fit_surrogate(training.part(np.arange(0, training.n_rows, 2)))


@pytest.fixture(scope="module")
def tables() -> tuple[CationTable, CationTable]:
    """Descriptors near the published ones, so that predictions differ."""
    centre = np.array([110.0, 2.5, 90.0, 8.0, -10.0, -4.0, 6.0, 4.0])
    noise = np.random.default_rng(0).normal(1.0, 0.15, size=(len(SPACE.spacers), 8))
    organic = _table(SPACE.cage_cations, 1).organic
    cages = np.where(organic[:, None], centre * 0.5 + np.arange(len(organic))[:, None], np.nan)
    return CationTable(centre * noise, np.ones(len(noise), dtype=bool)), CationTable(cages, organic)


@pytest.mark.parametrize("name", ["spinscreen", "gp", "gp_rough", "gp_ard"])
def test_the_mean_is_exact_and_the_standard_deviation_is_never_too_low(name: str) -> None:
    rows = smooth_rows(30, 5)
    surrogate = fit_surrogate(rows.training, name=name)
    bounds = PredictionBounds.of(surrogate.model)
    assert bounds is not None

    @settings(max_examples=25, deadline=None)
    @given(st.integers(0, 10**6), st.floats(0.0, 30.0))
    def holds(seed: int, reach: float) -> None:
        x = rows.x[seed % 30] + reach * np.random.default_rng(seed).normal(size=(200, 5))
        with torch.no_grad():
            mean, variance = surrogate.model.marginal(torch.from_numpy(x))
        told, sd = bounds.mean_and_sd(x)
        assert told == pytest.approx(mean.numpy(), abs=1e-4 * (1.0 + reach))
        assert (sd >= np.sqrt(variance.numpy()) * (1.0 - 1e-4)).all()

    holds()


@pytest.mark.parametrize("name", ["gp", "networks_ranked_processes"])
def test_a_copy_in_single_precision_tells_what_the_model_does_row_by_row(name: str) -> None:
    rows = smooth_rows(30, 5)
    surrogate = fit_surrogate(rows.training, name=name)
    x = rows.x[np.arange(1100) % 30] + np.random.default_rng(0).normal(size=(1100, 5))
    quick, exact = SinglePrecision(surrogate).predict(x), surrogate.predict(x)
    assert np.abs(np.subtract(quick, exact)).max() < 1e-4
    with torch.no_grad():
        mean, variance = surrogate.model.marginal(torch.from_numpy(x))
        for row in (0, 600, 1099):  # an ensemble predicts in parts, and the last is shorter
            joint = surrogate.model.joint_moments(torch.from_numpy(x[row : row + 1]))
            assert float(mean[row]) == pytest.approx(joint[0].item(), abs=1e-12)
            assert float(variance[row]) == pytest.approx(joint[1].item(), abs=2e-5)


def test_only_mixtures_of_processes_and_trees_have_bounds(shipped: Surrogate, networks: Surrogate) -> None:
    rows = smooth_rows()
    assert PredictionBounds.of(networks.model) is None
    for name in ("trees", "linear"):
        other = fit_surrogate(rows.training, name=name)
        assert PredictionBounds.of(other.model) is None
    conditioned = shipped.model.condition_on_observations(
        torch.zeros(1, 8, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    )
    assert PredictionBounds.of(conditioned) is None
    assert PredictionBounds.of(Wavy()) is None


@pytest.mark.parametrize("block_size", [17, 500])
@pytest.mark.parametrize("strategy", ACQUISITIONS.values(), ids=ACQUISITIONS)
def test_what_bounds_leave_out_is_not_in_the_list_of_double_precision(
    shipped: Surrogate,
    tables: tuple[CationTable, CationTable],
    strategy: Acquisition,
    block_size: int,
) -> None:
    def ranked(single: bool) -> Ranking:
        return rank(
            Candidates(
                SPACE,
                *tables,
                shipped,
                -0.5,
                strategy=strategy,
                feasibility=fit_feasibility(),
                exclude=range(0, len(SPACE), 7),
            ),
            20,
            PassSettings(block_size=block_size, workers=2, single_precision=single),
        )

    double, single = ranked(False), ranked(True)
    pd.testing.assert_frame_equal(single.frame, double.frame)
    for count in ("n_scored", "n_excluded", "n_undescribed"):
        assert getattr(single, count) == getattr(double, count)
    assert double.n_bounded == 0
    assert (single.n_bounded > 0) == strategy.rises_with_sd


@pytest.mark.parametrize("name", ["log_ei", "lcb"])
def test_with_networks_the_list_is_that_of_double_precision_too(
    networks: Surrogate, tables: tuple[CationTable, CationTable], name: str
) -> None:
    candidates = Candidates(SPACE, *tables, networks, -0.5, strategy=ACQUISITIONS[name])
    double, single = (
        rank(candidates, 5, PassSettings(block_size=400, workers=1, single_precision=single))
        for single in (False, True)
    )
    pd.testing.assert_frame_equal(single.frame, double.frame)
    assert single.n_bounded == 0


def test_the_counts_do_not_depend_on_the_number_of_threads(
    shipped: Surrogate, tables: tuple[CationTable, CationTable]
) -> None:
    counts = {
        rank(
            Candidates(SPACE, *tables, shipped, -0.5), 5, PassSettings(block_size=200, workers=2, single_precision=True)
        ).n_bounded
        for _ in range(3)
    }
    assert len(counts) == 1


@pytest.mark.parametrize("name", [name for name, item in ACQUISITIONS.items() if item.rises_with_sd])
def test_acquisitions_that_say_so_rise_with_the_standard_deviation(name: str) -> None:
    mean, sd = np.meshgrid(np.linspace(-3.0, 3.0, 61), np.linspace(1e-3, 4.0, 80))
    assert (np.diff(ACQUISITIONS[name].value(mean, sd, 0.3), axis=0) >= -1e-9).all()
