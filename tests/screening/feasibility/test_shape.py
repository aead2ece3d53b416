"""Shapes of cations, counted by hand, and likeness of their graphs."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem

from screening.spacer_feasibility import SHAPE_NAMES, cation_shape, fingerprint_similarity, fingerprints


@pytest.mark.parametrize(
    ("smiles", "counted"),  # charge, hydrogens, branching, crowding, rotatable bonds, missing, hetero and heavy atoms
    [
        ("C[NH3+]", [1, 3, 0, 2, 0, 4, 0, 2]),
        ("[NH3+]CCc1ccccc1", [1, 3, 1, 4, 2, 0, 0, 9]),
        ("CC(C)(C)[NH3+]", [1, 3, 3, 5, 0, 1, 0, 5]),
        ("C[N+](C)(C)CCCC", [1, 0, 1, 7, 3, 0, 0, 8]),
        ("[NH3+]CCCC[NH3+]", [2, 3, 1, 4, 3, 0, 0, 6]),
        ("[NH3+]Cc1cc[nH+]cc1", [2, 2, 1, 5, 1, 0, 0, 8]),
        ("[NH3+]CC(F)(F)F", [1, 3, 1, 6, 0, 0, 2, 6]),
    ],
)
def test_a_shape_is_what_one_counts_on_paper(smiles: str, counted: list[int]) -> None:
    assert len(counted) == len(SHAPE_NAMES)
    assert cation_shape(Chem.MolFromSmiles(smiles)).tolist() == counted


def test_what_carries_no_charge_has_no_head() -> None:
    assert np.isnan(cation_shape(Chem.MolFromSmiles("CCO"))).all()


def test_mirror_images_are_alike_and_other_cations_less() -> None:
    texts = ("C[C@@H]([NH3+])c1ccccc1", "C[C@H]([NH3+])c1ccccc1", "[NH3+]CCc1ccccc1", "CCCC[NH3+]")
    prints = fingerprints([Chem.MolFromSmiles(text) for text in texts])
    told = fingerprint_similarity(prints, prints)
    assert np.array_equal(told, told.T)
    assert told[0, 1] == 1.0
    assert 1.0 > told[0, 2] > told[0, 3] > 0.0
    assert fingerprint_similarity([], prints).shape == (0, 4)
