"""Traits of spacers: what is kept as arrays is what was worked out."""

from __future__ import annotations

import numpy as np
import pytest

from chemspace import CationLibrary
from screening.feasibility import SpacerTraits
from screening.spacer_feasibility import fingerprint_similarity

LIBRARY = CationLibrary.builtin()


@pytest.mark.parametrize("names", [("PEA", "BA", "3AMP", "HTMA"), ("PEA",), ("R-MBA", "S-MBA"), ()], ids=str)
def test_what_was_written_as_arrays_comes_back(names: tuple[str, ...]) -> None:
    made = SpacerTraits.of([LIBRARY[name] for name in names])
    again = SpacerTraits.from_arrays(**made.to_arrays())
    assert np.array_equal(again.shapes, made.shapes)
    assert len(again.prints) == len(names)
    likeness = fingerprint_similarity(made.prints, list(made.prints))
    assert np.array_equal(fingerprint_similarity(list(again.prints), made.prints), likeness)
