"""Suggestions from a table: good, reproducible, never measured or pending already, and clear about what is wrong."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from screening.errors import NothingLeftError, PoolError, PoolWarning
from screening.pool import check_pool, choose_from_pool, suggest_from_pool
from screening.table_model import fit_input_scale, fit_table_model

Array = NDArray[np.float64]


def _table(m: int, d: int, seed: int) -> tuple[Array, Array]:
    x = np.random.default_rng(seed).random((m, d))
    return x, (x[:, 0] - 0.3) ** 2 + 0.5 * (x[:, 1] - 0.7) ** 2


def _campaign(x: Array, y: Array, q: int, rounds: int, seed: int) -> list[int]:
    seen = np.random.default_rng(seed).permutation(len(y))[:5].tolist()
    for _ in range(rounds):
        seen += suggest_from_pool(x, x[seen], y[seen], q, seed).tolist()
    return seen


@pytest.mark.parametrize("q", [1, 4])
def test_a_campaign_finds_the_best_of_a_smooth_table_in_a_fourteenth_of_it(q: int) -> None:
    x, y = _table(300, 4, seed=0)
    assert np.sort(y).searchsorted(y[_campaign(x, y, q, 16 // q, 1)].min()) <= 2


def test_maximising_is_minimising_the_negative() -> None:
    x, y = _table(100, 3, seed=1)
    down = suggest_from_pool(x, x[:10], y[:10], 3, seed=5)
    up = suggest_from_pool(x, x[:10], -y[:10], 3, seed=5, minimize=False)
    assert down.tolist() == up.tolist()


def test_the_answer_is_the_same_twice_and_global_random_state_is_left_alone() -> None:
    x, y = _table(3000, 5, seed=2)
    random.seed(1)
    before, python = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002  # the global state is watched
    first = suggest_from_pool(x, x[:8], y[:8], 4, seed=3)
    assert first.tolist() == suggest_from_pool(x, x[:8], y[:8], 4, seed=3).tolist()
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    assert random.getstate() == python


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 12), st.integers(1, 4), st.integers(0, 3))
def test_rows_are_distinct_free_and_inside(seed: int, k: int, q: int, p: int) -> None:
    x, y = _table(40, 3, seed)
    pending = np.arange(k, k + p)
    rows = suggest_from_pool(x, x[:k], y[:k], q, seed, pending=pending)
    assert len(set(rows.tolist())) == q
    assert rows.min() >= k + p
    assert rows.max() < 40


def test_the_units_of_the_columns_and_of_the_target_do_not_matter() -> None:
    x, y = _table(200, 3, seed=4)
    plain = suggest_from_pool(x, x[:15], y[:15], 3)
    scaled = x * np.array([1e-6, 1e4, 10.0]) + np.array([0.0, 5e4, -3.0])
    other = suggest_from_pool(scaled, scaled[:15], 1e3 * y[:15] - 7.0, 3)
    assert plain.tolist() == other.tolist()


def test_the_shortlist_of_a_large_pool_holds_its_exact_best() -> None:
    x, y = _table(9000, 2, seed=5)
    problem = check_pool(x, x[:12], y[:12], 1, True, None, None)
    scale = fit_input_scale(x, x[:12])
    exact = problem.model(scale).log_improvement(scale(x))
    exact[:12] = -np.inf
    assert suggest_from_pool(x, x[:12], y[:12], 1)[0] == np.argmax(exact)


@pytest.mark.parametrize(("d", "k", "noise"), [(1, 8, 0.02), (2, 8, 0.02)])
def test_a_batch_is_that_of_trying_every_candidate_at_each_place(d: int, k: int, noise: float) -> None:
    rng = np.random.default_rng(d)
    pool, x = rng.random((1500, d)), rng.random((k, d))
    y = np.sin(5 * x[:, 0]) + x[:, -1] ** 2 + noise * rng.standard_normal(k)
    scale = fit_input_scale(pool, x)
    model, rows = fit_table_model(scale(x), (y - y.mean()) / y.std(), np.zeros(k)), scale(pool)
    tried: list[int] = []
    for _ in range(6):
        gain = model.log_gain(rows, rows[tried], 3) if tried else model.log_improvement(rows)
        gain[tried] = -np.inf
        tried.append(int(np.argmax(gain)))
    nothing = np.empty((0, rows.shape[1]))
    np.testing.assert_array_equal(choose_from_pool(model, rows, nothing, np.arange(1500), 6, 3), tried)


def test_pending_rows_and_pending_descriptors_say_the_same() -> None:
    x, y = _table(150, 3, seed=6)
    first = suggest_from_pool(x, x[:10], y[:10], 1)
    by_row = suggest_from_pool(x, x[:10], y[:10], 2, pending=first)
    by_value = suggest_from_pool(x, x[:10], y[:10], 2, pending=x[first])
    assert by_row.tolist() == by_value.tolist()
    assert first[0] not in by_row


def test_nothing_measured_yet_spreads_the_first_batch() -> None:
    x, _ = _table(500, 2, seed=7)
    rows = suggest_from_pool(x, np.empty((0, 2)), np.empty(0), 5)
    distance = np.sqrt(((x[rows][:, None] - x[rows][None]) ** 2).sum(-1))
    assert distance[~np.eye(5, dtype=bool)].min() > 0.4


def test_noisy_results_with_known_errors_are_smoothed_not_chased() -> None:
    x = np.linspace(0, 1, 201)[:, None]
    seen = np.array([10, 40, 70, 100, 130, 160, 190, 150])
    y = (x[seen, 0] - 0.5) ** 2
    y[-1] -= 0.5  # one lucky shot with a large known error
    noise = np.full(8, 0.001)
    noise[-1] = 1.0
    told = suggest_from_pool(x, x[seen], y, 1, noise=noise)[0]
    assert abs(x[told, 0] - 0.5) < 0.2


@pytest.mark.parametrize("k", [1, 2, 3])
def test_few_constant_or_repeated_results_are_no_trouble(k: int) -> None:
    x, _ = _table(50, 3, seed=8)
    assert suggest_from_pool(x, x[:k], np.ones(k), 2).shape == (2,)
    assert suggest_from_pool(x, np.repeat(x[:k], 4, axis=0), np.arange(4.0 * k), 2).shape == (2,)


def test_constant_columns_are_ignored_and_a_pool_without_others_gives_random_rows() -> None:
    x, y = _table(60, 3, seed=9)
    wide = np.column_stack([np.full(60, 7.0), x])
    assert suggest_from_pool(wide, wide[:9], y[:9], 3).tolist() == suggest_from_pool(x, x[:9], y[:9], 3).tolist()
    flat = np.ones((20, 2))
    assert len(set(suggest_from_pool(flat, np.zeros((0, 2)), np.zeros(0), 4).tolist())) == 4


def test_more_descriptors_than_observations_work() -> None:
    x = np.random.default_rng(3).random((80, 40))
    assert len(set(suggest_from_pool(x, x[:6], x[:6, 0], 3).tolist())) == 3


_X, _Y = _table(20, 3, seed=10)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"pool": np.empty((0, 3))}, NothingLeftError, "empty"),
        ({"pool": _X[:5]}, NothingLeftError, "all 5 candidates"),
        ({"batch_size": 16}, PoolError, "a batch of 16 from 15"),
        ({"batch_size": 0}, PoolError, "1 or more"),
        ({"batch_size": 1.5}, PoolError, "whole number"),
        ({"pool": np.where(np.eye(20, 3, k=-4) > 0, np.nan, _X)}, PoolError, "row 4, column 0"),
        ({"observed_y": np.array([1.0, np.nan, 1.0, 1.0, 1.0])}, PoolError, "first in row 1"),
        ({"observed_x": _X[:5, :2]}, PoolError, "observed_x has 2 columns, the pool 3"),
        ({"observed_y": np.ones(4)}, PoolError, "4 values for 5 rows"),
        ({"pending": [25]}, PoolError, "pending index 25 is outside the pool"),
        ({"pending": [-1]}, PoolError, "outside the pool"),
        ({"pending": np.ones((1, 2))}, PoolError, "pending has 2 columns"),
        ({"pending": list(range(20))}, NothingLeftError, "measured or pending"),
        ({"noise": -1.0}, PoolError, "noise"),
        ({"noise": np.ones(3)}, PoolError, "5 standard deviations"),
        ({"noise": [0.1, np.nan, 0.1, 0.1, 0.1]}, PoolError, "noise is nan in row 1"),
        ({"minimize": "False"}, PoolError, "minimize is .False.: True or False"),
        ({"observed_y": [1e306] * 5}, PoolError, "numbers below 1e.305"),
        ({"pool": [["a", 1.0, 2.0]] * 6}, PoolError, "no number"),
        ({"pool": np.ones(5)}, PoolError, "shape"),
        ({"seed": -1}, PoolError, "seed is -1: a whole number of 0 or more"),
        ({"seed": 1.5}, PoolError, "seed is 1.5"),
        ({"seed": None}, PoolError, "seed is None"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_place(change: dict[str, object], error: type, words: str) -> None:
    given: dict[str, object] = {"pool": _X, "observed_x": _X[:5], "observed_y": _Y[:5], "batch_size": 2}
    with pytest.raises(error, match=words):
        suggest_from_pool(**{**given, **change})  # type: ignore[arg-type]  # wrong values on purpose


def test_importing_the_pool_does_not_load_torch() -> None:
    import subprocess
    import sys

    code = "import sys, screening.pool; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_frames_are_matched_by_their_columns() -> None:
    import pandas as pd

    pool = pd.DataFrame(_X, columns=list("abc"))
    turned = pool[["c", "a", "b"]].iloc[:5]
    assert suggest_from_pool(pool, turned, _Y[:5], 2).tolist() == suggest_from_pool(_X, _X[:5], _Y[:5], 2).tolist()
    with pytest.raises(PoolError, match="observed_x has no column 'b'; it has a, c"):
        suggest_from_pool(pool, turned[["a", "c"]], _Y[:5], 2)


def test_one_wild_result_does_not_ruin_the_search_and_is_told() -> None:
    x, y = _table(300, 4, seed=11)
    y[2] = 1e6
    with pytest.warns(PoolWarning, match="1 result is far worse than the others .row 2 first"):
        wild = suggest_from_pool(x, x[:6], y[:6], 3)
    y[2] = np.delete(y[:6], 2).max()
    assert wild.tolist() == suggest_from_pool(x, x[:6], y[:6], 3).tolist()
    y[3] = -1e6
    with pytest.warns(PoolWarning, match="1 result is far better than the others .row 3 first. and hard to beat"):
        suggest_from_pool(x, x[:6], y[:6], 3)


def test_columns_that_are_one_hot_are_one_descriptor() -> None:
    rng = np.random.default_rng(12)
    x = np.column_stack(
        [rng.random(30), np.eye(3)[np.arange(30) % 3], rng.integers(0, 2, 30), np.eye(2)[np.arange(30) % 2]]
    )
    scaled = fit_input_scale(x, x[:3])(x)
    spans = np.ptp(scaled, axis=0) / np.sqrt(12.0)
    assert spans == pytest.approx([spans[0], *[0.5**0.5] * 3, spans[4], *[0.5**0.5] * 2])
    assert spans[0] > 0.95
    assert 0.7 < spans[4] <= 1.0
