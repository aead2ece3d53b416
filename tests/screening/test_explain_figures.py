"""Figures of an explanation are made from its numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from screening import features as figures
from screening.features import Shapley, mechanisms

GENERATOR = np.random.default_rng(0)
TOLD = Shapley(("a", "b"), GENERATOR.normal(size=(9, 2)) * [1.0, 3.0], 0.2, GENERATOR.normal(size=(9, 2)))


@pytest.mark.parametrize("draw", [figures.bar, figures.beeswarm, figures.radar])
def test_a_figure_is_json(draw: object) -> None:
    assert json.loads(draw(TOLD).to_json())["data"]  # type: ignore[operator]  # one of the functions above


def test_mechanisms_are_hypotheses_with_sources() -> None:
    assert all(m.hypothesis.startswith("hypothesis:") and m.source for m in mechanisms())
