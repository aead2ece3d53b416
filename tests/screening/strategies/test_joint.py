"""Joint acquisitions: BoTorch's own, set up for minimisation, choosing from a shortlist."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from botorch.acquisition.multi_objective import logei
from botorch.models import SingleTaskGP

from screening.errors import RankingError
from screening.strategies.joint import JOINT_ACQUISITIONS, build_acquisition, choose_with, hypervolume_improvement

_X = np.linspace(0.0, 1.0, 9)[::2, None]
_GRID = np.linspace(0.0, 1.0, 41)[:, None]


def _model(values: np.ndarray) -> SingleTaskGP:
    model = SingleTaskGP(torch.as_tensor(_X), torch.as_tensor(values), torch.full((5, 1), 1e-4, dtype=torch.float64))
    model.covar_module.lengthscale = 0.3
    return model.eval()


_VALLEY = (_X - 0.6) ** 2
MODEL = _model(_VALLEY)


@pytest.mark.parametrize("name", JOINT_ACQUISITIONS)
def test_each_gives_a_distinct_reproducible_batch(name: str) -> None:
    acquisition = build_acquisition(name, MODEL, _X, float(_VALLEY.min()), x_space=_GRID)
    batch = choose_with(acquisition, _GRID, q=3)
    assert len(set(batch.tolist())) == 3
    assert batch.tolist() == choose_with(acquisition, _GRID, q=3).tolist()
    assert acquisition.X_pending is None


@pytest.mark.parametrize("name", ["qlog_ei", "qlog_nei"])
def test_improvement_is_sought_in_the_valley_and_not_on_the_hills(name: str) -> None:
    acquisition = build_acquisition(name, MODEL, _X, float(_VALLEY.min()))
    assert abs(_GRID[choose_with(acquisition, _GRID, q=1)[0], 0] - 0.6) < 0.15


def test_what_is_pending_is_kept_away_from() -> None:
    acquisition = build_acquisition("qlog_ei", MODEL, _X, float(_VALLEY.min()))
    first = choose_with(acquisition, _GRID, q=1)
    told = build_acquisition("qlog_ei", MODEL, _X, float(_VALLEY.min()), pending=_GRID[first])
    assert choose_with(told, _GRID, q=1)[0] != first[0]
    assert len(told.X_pending) == 1


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
    with pytest.raises(RankingError, match="qlog_nei"):
        build_acquisition("magic", MODEL, _X, 0.0)
    with pytest.raises(RankingError, match="x_space"):
        build_acquisition("qnipv", MODEL, _X, 0.0)
    with pytest.raises(RankingError, match="1 signs, 2 reference values, 2 models"):
        hypervolume_improvement([MODEL, MODEL], [1.0], _X, [0.0, 0.0])
    with pytest.raises(RankingError, match="sign of 0"):
        hypervolume_improvement([MODEL], [0.0, 1.0], _X, [0.0, 0.0])
