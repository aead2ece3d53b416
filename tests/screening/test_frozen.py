"""A surrogate as arrays says what the fitted one says, and loads no torch."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from screening import TrainingRows, fit_surrogate, frozen
from screening.features import shapley
from screening.frozen import FrozenSurrogate, freeze, thaw
from screening.surrogates import ensembles, gaussian_process

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3))
Y = X[:, 0] - 0.5 * np.tanh(X[:, 1]) + 0.05 * RNG.normal(size=24)
GROUPS = [row // 2 for row in range(24)]


@pytest.mark.parametrize("name", ["networks_ranked_processes", "gp_rough"])
def test_arrays_predict_and_explain_as_the_surrogate_they_are_of(name: str) -> None:
    fitted = fit_surrogate(TrainingRows.of(X, Y, np.full(24, 0.05), GROUPS), name)
    arrays = freeze(fitted)
    assert arrays is not None
    held, again = FrozenSurrogate(arrays), thaw(arrays)
    far = np.vstack([X, 4.0 * X])
    np.testing.assert_array_equal(again.predict(far), fitted.predict(far))
    assert again.describe() == fitted.describe()
    for ours, theirs in zip(held.predict(far), fitted.predict(far), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    ours, theirs = (shapley(one, X[:2], list("abc"), X) for one in (held, fitted))
    np.testing.assert_allclose(ours.contributions, theirs.contributions, atol=1e-12)


def test_a_condition_that_is_held_is_held_by_the_arrays() -> None:
    fitted = fit_surrogate(TrainingRows.of(X, Y, None, GROUPS), "gp").at([0.3])
    arrays = freeze(fitted)
    assert arrays is not None
    np.testing.assert_allclose(FrozenSurrogate(arrays).predict(X[:, :2])[0], fitted.predict(X[:, :2])[0], atol=1e-12)
    np.testing.assert_array_equal(thaw(arrays).predict(X[:, :2]), fitted.predict(X[:, :2]))


@pytest.mark.parametrize("name", ["linear", "trees"])
def test_what_is_neither_network_nor_process_is_not_frozen(name: str) -> None:
    assert freeze(fit_surrogate(TrainingRows.of(X, Y, None, GROUPS), name)) is None


def test_constants_are_those_of_the_fitted_surrogates() -> None:
    assert frozen.JITTER == gaussian_process.JITTER
    assert frozen.TINY == gaussian_process.TINY_SQUARED_DISTANCE
    assert frozen.CONSTANT == gaussian_process.CONSTANT_VARIANCE
    assert frozen.LEAST_WIDTH == ensembles.LEAST_WIDTH
    assert frozen.SCALARS == gaussian_process.LENGTH


def test_predicting_by_arrays_and_a_gap_load_no_torch() -> None:
    code = (
        "import sys, numpy as np; from screening.crystals import band_gap; from screening.features import shapley;"
        "from chemspace import CationLibrary, parse_formula; import screening.frozen;"
        "print(band_gap(parse_formula('(PEA)2PbI4', CationLibrary.builtin()), np.zeros(8)) is not None);"
        "print([name for name in ('torch', 'sklearn', 'scipy.stats') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split("\n")[:2] == ["True", "[]"]
