"""The batched trees and their tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from screening.surrogates.ensembles import Trees, TreesComponent, TreesConfig, fit_trees
from screening.surrogates.observations import Sites, fit_scaling, plain_sites
from tests.screening.rows import folds_of, smooth_rows

ROWS = smooth_rows(k=20)
X, Y, GROUPS = torch.from_numpy(ROWS.x), torch.from_numpy(ROWS.y), torch.arange(20) // 2
CONFIG = TreesConfig(members=4, rounds=25, parts=4)
ALL = torch.ones(1, 20, dtype=torch.bool)


def _fit(mask: torch.Tensor, y: torch.Tensor = Y, config: TreesConfig = CONFIG, x: torch.Tensor = X) -> Trees:
    folds = folds_of(mask, x, y, groups=GROUPS)
    return fit_trees(config, folds, plain_sites(folds), seed=5)


def test_a_held_out_target_changes_nothing_in_its_fold() -> None:
    mask = ~torch.eye(20, dtype=torch.bool)[:3]
    other = Y.clone()
    other[0] += 100.0
    a, b = _fit(mask), _fit(mask, other)
    assert torch.equal(a.members(X)[0], b.members(X)[0])
    assert not torch.allclose(a.members(X)[1], b.members(X)[1])


def test_a_fold_grown_alone_is_the_same_fold_in_a_batch() -> None:
    mask = ~torch.eye(20, dtype=torch.bool)[:3]
    assert torch.allclose(_fit(mask).members(X)[1], _fit(mask[1:2]).members(X)[0], atol=1e-9)


def test_one_split_of_one_feature_is_found_where_it_is() -> None:
    y = torch.where(X[:, 1] > X[:, 1].median(), 1.0, -1.0).double()
    fitted = _fit(ALL, y, TreesConfig(members=2, rounds=60, parts=1, features=1.0))
    assert torch.allclose(fitted.predict(X)[0][0], fit_scaling(X, y, ALL).y(y)[0], atol=0.1)


def test_a_row_of_weight_zero_is_no_row() -> None:
    mask = ALL.clone()
    mask[0, 4] = False
    folds = folds_of(ALL, X, Y, groups=GROUPS)
    plain = plain_sites(folds)
    weights = torch.where(torch.arange(20) == 4, 0.0, plain.weights)
    whole = TreesConfig(members=2, rounds=20, parts=1, thresholds=100)
    light = fit_trees(whole, folds, Sites(plain.targets, weights, plain.known), seed=1)
    without = fit_trees(whole, replace(folds, mask=mask), plain, seed=1)
    keep = mask[0]
    assert torch.allclose(light.members(X)[..., keep], without.members(X)[..., keep], atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 5), st.integers(0, 10_000), st.sampled_from([3, 31]))
def test_tables_hold_what_the_trees_say_anywhere(d: int, seed: int, thresholds: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(20, d, generator=generator, dtype=torch.float64)
    fitted = _fit(ALL, config=TreesConfig(members=3, rounds=12, parts=2, thresholds=thresholds), x=x)
    new = 2.0 * torch.randn(50, d, generator=generator, dtype=torch.float64)
    new[0, 0] = torch.nan
    mean, variance = TreesComponent(fitted, 0).marginal(new)
    assert torch.allclose(mean, fitted.predict(new)[0][0], atol=1e-12)
    assert torch.allclose(variance, fitted.predict(new)[1][0], atol=1e-12)


def test_both_precisions_send_every_row_the_same_way() -> None:
    component = TreesComponent(_fit(ALL), 0)
    on_edges = component.thresholds[:, :8].mT.contiguous()
    near = torch.cat([on_edges, on_edges * (1.0 + 1e-9), on_edges * (1.0 - 1e-9)])
    double = component.marginal(near)[0]
    single = TreesComponent(_fit(ALL), 0).float().marginal(near.float())[0]
    assert torch.allclose(double, single.double(), atol=1e-5)


def test_joint_and_single_posteriors_agree() -> None:
    component = TreesComponent(_fit(ALL), 0)
    mean, covariance = component.joint(X.reshape(4, 5, 3))
    own_mean, own_variance = component.marginal(X)
    assert torch.allclose(mean.flatten(), own_mean)
    assert torch.allclose(torch.diagonal(covariance, dim1=-2, dim2=-1).flatten(), own_variance)


@pytest.mark.parametrize("column", [0.0, np.nan])
def test_a_column_that_says_nothing_is_never_split(column: float) -> None:
    x = torch.column_stack([X, torch.full((20,), column, dtype=torch.float64)])
    fitted = _fit(ALL, x=x, config=TreesConfig(members=2, rounds=10, parts=1, features=1.0))
    other = x.clone()
    other[:, 3] = 7.0
    assert torch.equal(fitted.members(x), fitted.members(other))
