"""Scaling and the choice of features inside each fold."""

from __future__ import annotations

import numpy as np
import torch

from screening.surrogate import fit_surrogate
from screening.surrogates import TrainingRows
from screening.surrogates.observations import drop_correlated
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
