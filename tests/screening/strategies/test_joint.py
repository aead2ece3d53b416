"""Joint acquisitions: BoTorch's own, set up for minimisation, choosing from a shortlist."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from botorch.acquisition.multi_objective import logei
from botorch.models import SingleTaskGP

from screening.errors import RankingError
from screening.strategies.acquisitions import (
    choose_with,
    hypervolume_improvement,
    integrated_variance,
    noisy_improvement,
    values_with,
)

_X = np.linspace(0.0, 1.0, 9)[::2, None]
_GRID = np.linspace(0.0, 1.0, 41)[:, None]


def _model(values: np.ndarray) -> SingleTaskGP:
    model = SingleTaskGP(torch.as_tensor(_X), torch.as_tensor(values), torch.full((5, 1), 1e-4, dtype=torch.float64))
    model.covar_module.lengthscale = 0.3
    return model.eval()


_VALLEY = (_X - 0.6) ** 2
MODEL = _model(_VALLEY)


@pytest.mark.parametrize("acquisition", [noisy_improvement(MODEL, _X), integrated_variance(MODEL, _GRID)])
def test_each_gives_a_distinct_reproducible_batch(acquisition: Any) -> None:
    batch = choose_with(acquisition, _GRID, q=3)
    assert len(set(batch.tolist())) == 3
    assert batch.tolist() == choose_with(acquisition, _GRID, q=3).tolist()
    assert acquisition.X_pending is None


def test_improvement_is_sought_in_the_valley_and_not_on_the_hills() -> None:
    assert abs(_GRID[choose_with(noisy_improvement(MODEL, _X), _GRID, q=1)[0], 0] - 0.6) < 0.15


def test_what_is_pending_is_worth_less() -> None:
    plain = noisy_improvement(MODEL, _X)
    first = choose_with(plain, _GRID, q=1)
    told = noisy_improvement(MODEL, _X, pending=_GRID[first])
    loss = values_with(plain, _GRID) - values_with(told, _GRID)
    assert loss.argmax() in range(int(first[0]) - 2, int(first[0]) + 3)
    assert loss.max() > 1.0


def test_two_properties_are_traded_off_between_their_optima() -> None:
    other = _model((_X - 0.2) ** 2)
    acquisition = hypervolume_improvement([MODEL, other], [-1.0, -1.0], _X, [0.5, 0.5])
    place = _GRID[choose_with(acquisition, _GRID, q=2), 0]
    assert ((place > 0.1) & (place < 0.75)).all()


def test_a_hypervolume_starts_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    compiler = SimpleNamespace(load=lambda **source: started.append(source))
    monkeypatch.setitem(sys.modules, "torch.utils.cpp_extension", compiler)
    monkeypatch.setattr(logei, "_load_attempted", False)
    hypervolume_improvement([MODEL, MODEL], [-1.0, -1.0], _X, [0.5, 0.5])
    assert started == []


def test_what_is_not_known_or_missing_is_said() -> None:
    with pytest.raises(RankingError, match="1 signs, 2 reference values, 2 models"):
        hypervolume_improvement([MODEL, MODEL], [1.0], _X, [0.0, 0.0])
    with pytest.raises(RankingError, match="sign of 0"):
        hypervolume_improvement([MODEL], [0.0, 1.0], _X, [0.0, 0.0])
