"""Scaling and the choice of features inside each fold."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, rankdata

from screening import frozen
from screening.surrogate import fit_surrogate
from screening.surrogates import TrainingRows
from screening.surrogates.observations import by_ranks, drop_correlated, with_ranks
from tests.screening.rows import folds_of, smooth_rows

ROWS = smooth_rows(k=20)
X = torch.column_stack([torch.from_numpy(ROWS.x), 3.0 - 2.0 * torch.from_numpy(ROWS.x[:, 0])])
Y = torch.from_numpy(ROWS.y)


def test_a_feature_that_repeats_an_earlier_one_is_zero_everywhere() -> None:
    mask = torch.ones(1, 20, dtype=torch.bool)
    z = drop_correlated(folds_of(mask, X, Y), 0.9).scaling.x(X)
    assert torch.count_nonzero(z[0, :, 3]) == 0
    assert torch.count_nonzero(z[0, :, :3]) == 60


def test_each_fold_chooses_by_its_training_rows() -> None:
    mixed = X.clone()
    mixed[0, 3] = 50.0  # breaks the correlation wherever row 0 trains
    mask = torch.ones(2, 20, dtype=torch.bool)
    mask[1, 0] = False
    dropped = drop_correlated(folds_of(mask, mixed, Y), 0.9).scaling.x_sd.isinf()
    assert dropped[:, 0].tolist() == [[False] * 4, [False, False, False, True]]


def test_a_surrogate_that_chooses_ignores_the_repeated_column() -> None:
    told = fit_surrogate(TrainingRows.of(X.numpy(), ROWS.y, ROWS.noise, ROWS.groups), name="gp_pearson")
    other = X.numpy().copy()
    other[:, 3] += 100.0
    assert np.array_equal(told.predict(X.numpy())[0], told.predict(other)[0])


def _ranked(column: np.ndarray, mask: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """A feature as it is standardised, and by its ranks, each (f, k)."""
    x = torch.from_numpy(column)[:, None]
    held = torch.ones(1, len(column), dtype=torch.bool) if mask is None else mask
    scaling = with_ranks(folds_of(held, x, torch.arange(float(len(column)), dtype=torch.float64))).scaling
    return scaling.x(x)[..., 0], scaling.ranked(x)[..., 0]


def test_ranks_of_each_fold_are_the_normal_scores_of_its_training_rows_and_go_on_beyond_them() -> None:
    column = np.array([0.0, 1.0, 1.0, 3.0, 50.0, 200.0])
    mask = torch.ones(2, 6, dtype=torch.bool)
    mask[1, 5] = False
    plain, ranked = _ranked(column, mask)
    for fold, rows in enumerate(mask):
        own = column[rows.numpy()]
        scores = norm.ppf((rankdata(own) - 0.5) / len(own))
        np.testing.assert_allclose(ranked[fold][rows], (scores - scores.mean()) / scores.std(), atol=1e-12)
    np.testing.assert_allclose(ranked[1, 5] - ranked[1, 4], plain[1, 5] - plain[1, 4])


@given(st.lists(st.integers(0, 9), min_size=3, max_size=12).filter(lambda drawn: len(set(drawn)) > 1))
@settings(max_examples=20)
def test_ranks_keep_the_order_whatever_bends_a_feature_and_leave_one_of_two_values_as_it_is(drawn: list[int]) -> None:
    column = np.array(drawn, dtype=np.float64)
    plain, ranked = _ranked(column)
    np.testing.assert_allclose(_ranked(np.exp(column))[1], ranked, atol=1e-9)
    assert (np.sign(np.subtract.outer(column, column)) == torch.sign(ranked.T - ranked).numpy()).all()
    two = (column > column.mean()).astype(np.float64)
    np.testing.assert_allclose(*_ranked(two), atol=1e-9)
    every, x = torch.ones(1, len(column), dtype=torch.bool), torch.from_numpy(column)[:, None]
    scaling = with_ranks(folds_of(every, x, plain[0])).scaling
    ends = scaling.knots[0], scaling.scores[0]
    asked = torch.linspace(-3.0, 3.0, 7, dtype=torch.float64)[:, None]
    np.testing.assert_allclose(
        frozen.by_ranks(asked.numpy(), *(end.numpy() for end in ends)), by_ranks(asked, *ends), atol=1e-12
    )


def test_a_fold_without_a_row_to_rank_leaves_features_as_they_are() -> None:
    plain, ranked = _ranked(np.array([1.0, 2.0, 4.0]), torch.zeros(1, 3, dtype=torch.bool))
    np.testing.assert_allclose(ranked, plain)
