"""The batched networks."""

from __future__ import annotations

from dataclasses import replace

import torch

from screening.surrogates.ensembles import EnsembleConfig, bin_edges, encode, fit_ensembles
from screening.surrogates.observations import fit_scaling
from tests.screening.rows import folds_of, smooth_rows

ROWS = smooth_rows(k=20)
X, Y, GROUPS = torch.from_numpy(ROWS.x), torch.from_numpy(ROWS.y), torch.arange(20) // 2
CONFIG = EnsembleConfig(members=6, parts=3, iterations=60)


def _fit(mask: torch.Tensor, y: torch.Tensor = Y, config: EnsembleConfig = CONFIG):  # type: ignore[no-untyped-def]  # a shorthand
    return fit_ensembles(config, folds_of(mask, X, y, groups=GROUPS), seed=5)


def test_a_held_out_target_changes_nothing_in_its_fold() -> None:
    mask = ~torch.eye(20, dtype=torch.bool)[:3]
    other = Y.clone()
    other[0] += 100.0
    a, b = _fit(mask), _fit(mask, other)
    z = fit_scaling(X, Y, mask).x(X)
    assert torch.equal(a.members(z)[0], b.members(z)[0])
    assert not torch.allclose(a.members(z)[1], b.members(z)[1])
    assert int(a.steps[0]) == int(b.steps[0])


def test_a_fold_trained_alone_is_the_same_fold_in_a_batch() -> None:
    mask = ~torch.eye(20, dtype=torch.bool)[:3]
    z = fit_scaling(X, Y, mask).x(X)
    together, alone = _fit(mask), _fit(mask[1:2])
    assert torch.allclose(together.members(z)[1], alone.members(z[1:2])[0], atol=1e-4)


def test_a_fold_that_lost_its_patience_keeps_its_best_snapshot() -> None:
    mask = ~torch.eye(20, dtype=torch.bool)[:3]
    patient, hasty = _fit(mask), _fit(mask, config=replace(CONFIG, patience=20))
    z = fit_scaling(X, Y, mask).x(X)
    for fold in range(3):
        same = int(patient.steps[fold]) == int(hasty.steps[fold])
        assert same == torch.allclose(patient.members(z)[fold], hasty.members(z)[fold], atol=1e-5)
    alone = _fit(mask[1:2], config=replace(CONFIG, patience=20))
    assert int(alone.steps[0]) == int(hasty.steps[1])


def test_every_training_row_has_members_that_never_saw_its_group() -> None:
    mask = torch.ones(1, 20, dtype=torch.bool)
    fitted = _fit(mask)
    assert torch.isfinite(fitted.out_of_group).all()
    assert float(fitted.error_variance[0]) > 0.0


def test_members_differ_where_there_are_no_data() -> None:
    mask = torch.ones(1, 20, dtype=torch.bool)
    fitted = _fit(mask)
    z = fit_scaling(X, Y, mask).x(X)
    assert float(fitted.predict(z + 6.0)[1].mean()) > float(fitted.predict(z)[1].mean())


def test_without_parts_every_member_sees_all_rows() -> None:
    mask = torch.ones(1, 20, dtype=torch.bool)
    fitted = _fit(mask, config=EnsembleConfig(members=4, parts=1, iterations=40, hidden=(8,)))
    assert torch.isnan(fitted.out_of_group).all()
    assert int(fitted.steps[0]) == 40


def test_an_encoding_rises_inside_its_bin_and_stays_there() -> None:
    z = torch.tensor([[[0.0], [1.0], [2.0], [3.0], [4.0]]]).double()
    edges = bin_edges(z, torch.ones(1, 5, dtype=torch.bool), 2)
    assert edges.flatten().tolist() == [0.0, 2.0, 4.0]
    told = encode(torch.tensor([[[-1.0], [1.0], [3.0], [9.0]]]).double(), edges)[0]
    assert told[:, 0].tolist() == [-1.0, 1.0, 3.0, 9.0]
    assert told[:, 1].tolist() == [-1.0, 0.0, 1.0, 1.0]
    assert told[:, 2].tolist() == [-1.0, -1.0, 0.0, 1.0]


def test_edges_come_from_training_rows_and_no_bins_change_nothing() -> None:
    mask = ~torch.eye(20, dtype=torch.bool)[:3]
    z = folds_of(mask, X, Y).scaling.x(X)
    far = z.clone()
    far[0, 0] = 100.0
    assert torch.equal(bin_edges(z, mask, 4)[0], bin_edges(far, mask, 4)[0])
    assert torch.equal(encode(z, bin_edges(z, mask, 0)), z)


def test_networks_with_encodings_find_a_step_that_plain_ones_smooth_over() -> None:
    mask = torch.ones(1, 20, dtype=torch.bool)
    y = torch.where(X[:, 1] > X[:, 1].median(), 1.0, -1.0).double()
    target = folds_of(mask, X, y).scaling.y(y)
    error = []
    for bins in (0, 4):
        fitted = _fit(mask, y, EnsembleConfig(members=6, parts=1, iterations=60, noise=0.5, bins=bins))
        error.append(float(((fitted.predict(folds_of(mask, X, y).scaling.x(X))[0] - target) ** 2).mean()))
    assert error[1] < error[0]
