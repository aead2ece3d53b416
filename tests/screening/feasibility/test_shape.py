"""Shapes of cations, counted by hand, and likeness of their graphs."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem

from screening.feasibility.spacers import SHAPE_NAMES, cation_shape, fingerprint_similarity, fingerprints


@pytest.mark.parametrize(
    ("smiles", "charge", "hydrogens", "branching", "crowding", "rotatable"),
    [
        ("C[NH3+]", 1, 3, 0, 2, 0),
        ("[NH3+]CCc1ccccc1", 1, 3, 1, 4, 2),
        ("CC(C)(C)[NH3+]", 1, 3, 3, 5, 0),
        ("C[N+](C)(C)CCCC", 1, 0, 1, 7, 3),
        ("[NH3+]CCCC[NH3+]", 2, 3, 1, 4, 3),
        ("[NH3+]Cc1cc[nH+]cc1", 2, 2, 1, 5, 1),
    ],
)
def test_a_shape_is_what_one_counts_on_paper(
    smiles: str, charge: int, hydrogens: float, branching: int, crowding: int, rotatable: int
) -> None:
    told = dict(zip(SHAPE_NAMES, cation_shape(Chem.MolFromSmiles(smiles)), strict=True))
    assert told == {
        "charge": charge,
        "head_hydrogens": hydrogens,
        "head_branching": branching,
        "head_crowding": crowding,
        "rotatable_bonds": rotatable,
    }


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
