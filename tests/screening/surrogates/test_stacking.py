"""Weights of the mixture."""

from __future__ import annotations

import pytest
import torch

from screening.surrogates.mixture import stacking_weights


def test_weights_sum_to_one_and_favour_the_better_candidate() -> None:
    density = torch.stack([torch.zeros(1, 50), torch.full((1, 50), -2.0)]).double()
    weights = stacking_weights(density, torch.ones(1, 50, dtype=torch.bool))
    assert torch.allclose(weights.sum(0), torch.ones(1).double())
    assert float(weights[0]) > 0.6


def test_hundreds_of_rows_overrule_the_equal_start() -> None:
    density = torch.stack([torch.zeros(1, 2000), torch.full((1, 2000), -2.0)]).double()
    assert float(stacking_weights(density, torch.ones(1, 2000, dtype=torch.bool))[0]) > 0.97


def test_rows_outside_the_mask_do_not_count() -> None:
    density = torch.zeros(2, 1, 10).double()
    density[0, 0, 5:] = -50.0
    mask = torch.arange(10)[None] < 5
    assert torch.allclose(stacking_weights(density, mask), torch.full((2, 1), 0.5).double())


def test_three_of_a_kind_are_one_opinion() -> None:
    density = torch.zeros(4, 1, 30).double()
    weights = stacking_weights(density, torch.ones(1, 30, dtype=torch.bool), families=(0, 0, 0, 1))
    assert torch.allclose(weights[:, 0], torch.tensor([1.0, 1.0, 1.0, 3.0]).double() / 6.0)


def test_families_may_start_with_unlike_credit() -> None:
    density, nothing = torch.zeros(3, 1, 30).double(), torch.zeros(1, 30, dtype=torch.bool)
    weights = stacking_weights(density, nothing, families=(0, 0, 1), prior_rows=(3.0, 1.0))
    assert torch.allclose(weights[:, 0], torch.tensor([0.375, 0.375, 0.25]).double())


def test_no_family_vanishes_below_the_floor_and_members_keep_their_ratio() -> None:
    density = torch.stack([torch.zeros(1, 500), torch.full((1, 500), -0.5), torch.full((1, 500), -9.0)]).double()
    free = stacking_weights(density, torch.ones(1, 500, dtype=torch.bool), families=(0, 0, 1))
    floored = stacking_weights(density, torch.ones(1, 500, dtype=torch.bool), families=(0, 0, 1), floor=0.2)
    assert float(free[2]) < 0.1
    assert torch.allclose(floored.sum(0), torch.ones(1).double())
    assert float(floored[2]) == pytest.approx(0.2)
    assert torch.allclose(floored[0] / floored[1], free[0] / free[1])
