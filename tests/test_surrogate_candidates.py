"""The benchmark of candidate surrogates: its names are those of the documentation, its scores those of what ships."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from benchmarks import surrogate_candidates as candidates
from screening.surrogates import gaussian_process as kernels
from screening.surrogates import mixture as joint
from screening.surrogates import surrogate_names

DOCS = Path(__file__).parent.parent / "docs"


def test_every_candidate_of_the_documentation_can_be_asked_for_by_its_name() -> None:
    page = (DOCS / "surrogates_candidates.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| \**([CD]\d)\b", page, re.MULTILINE)) - {"D4"}  # D4 is what ships
    assert len(named) > 10
    assert named <= set(candidates.CANDIDATES)
    choices = re.findall(r"surrogate_candidates ([\w -]+?) --", (DOCS / "surrogates.md").read_text(encoding="utf-8"))
    assert {name for line in choices for name in line.split()} <= {*candidates.CANDIDATES, *surrogate_names()}


def test_a_candidate_made_of_a_shipped_part_scores_as_that_part_and_leaves_everything_as_it_was() -> None:
    before = (joint.stacking_weights, joint.fit_gaussian_processes, kernels._stationary, surrogate_names())
    own, shipped = (candidates.validated(name, "published", 42).score_cards for name in ("logarithms", "gp"))
    assert own["leave_one_spacer_out"].r2_log == pytest.approx(shipped["leave_one_spacer_out"].r2_log)
    assert (joint.stacking_weights, joint.fit_gaussian_processes, kernels._stationary, surrogate_names()) == before


def test_the_product_kernel_is_one_at_a_distance_of_zero_and_falls_along_cations_and_layers() -> None:
    spec, lengths = candidates.ProductSpec("product"), torch.ones(1, 2, dtype=torch.float64)
    rows = torch.zeros(1, 3, 8, dtype=torch.float64)
    rows[0, 1, 0], rows[0, 2, candidates.LAYERS] = 1.0, 1.0
    told = candidates._stationary(spec, lengths, rows, rows)[0]
    assert told[0, 0] == pytest.approx(1.0)
    assert told[0, 1] == pytest.approx(float(told[0, 2]))
    assert told[1, 2] == pytest.approx(float(told[0, 1]) ** 2)
