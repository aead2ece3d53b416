"""Traits of spacers: what is kept in a file is what was worked out, or nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chemspace import CationLibrary
from screening.feasibility.model import SpacerTraits
from screening.feasibility.spacers import fingerprint_similarity

LIBRARY = CationLibrary.builtin()


@pytest.mark.parametrize("names", [("PEA", "BA", "3AMP", "HTMA"), ("PEA",), ("R-MBA", "S-MBA"), ()], ids=str)
def test_what_was_kept_comes_back(tmp_path: Path, names: tuple[str, ...]) -> None:
    made = SpacerTraits.of([LIBRARY[name] for name in names])
    made.save(tmp_path / "traits.npz", "space 1")
    again = SpacerTraits.load(tmp_path / "traits.npz", "space 1")
    assert again is not None
    assert np.array_equal(again.shapes, made.shapes)
    assert len(again.prints) == len(names)
    likeness = fingerprint_similarity(made.prints, list(made.prints))
    assert np.array_equal(fingerprint_similarity(list(again.prints), made.prints), likeness)


def test_another_key_a_damaged_file_and_none_give_nothing(tmp_path: Path) -> None:
    path = tmp_path / "traits.npz"
    assert SpacerTraits.load(path, "space 1") is None
    SpacerTraits.of([LIBRARY["PEA"], LIBRARY["BA"]]).save(path, "space 1")
    assert SpacerTraits.load(path, "space 2") is None
    for damaged in (path.read_bytes()[:200], b"", b"no archive"):
        path.write_bytes(damaged)
        assert SpacerTraits.load(path, "space 1") is None
