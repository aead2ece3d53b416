"""Each filter refuses what it should, with a reason, and lets reported spacers pass."""

from __future__ import annotations

import pytest
from rdkit import Chem

from chemspace import CationLibrary
from chemspace.virtual import (
    ChargeSeparation,
    HeadGroup,
    HeavyAtoms,
    RotatableBonds,
    SpacerFilter,
    UnstableGroups,
    default_filters,
)


@pytest.mark.parametrize(
    ("condition", "smiles", "says"),
    [
        (HeavyAtoms(), "CC[NH3+]", "fits a cage"),
        (HeavyAtoms(most=10), "[NH3+]CCCCCCCCCCCC", "more than 10 heavy"),
        (RotatableBonds(most=3), "[NH3+]CCCCCCCC", "rotatable"),
        (ChargeSeparation(), "[NH3+]C[NH3+]", "bonds apart"),
        (HeadGroup(), "CC[N+](CC)(CC)CC", "shielded"),
        (HeadGroup(), "CC(C)(C)[NH3+]", "shielded"),
        (UnstableGroups(), "[NH3+]C(O)CC", "aminal"),
        (UnstableGroups(), "[NH3+]C=CCC", "enamine"),
        (UnstableGroups(), "[NH3+]CCOCOCC", "acetal"),
        (UnstableGroups(), "[NH3+]CCOO", "peroxide"),
        (UnstableGroups(), "[NH3+]CC(C)(C)O", "tertiary alcohol"),
    ],
)
def test_filter_refuses_with_its_reason(condition: SpacerFilter, smiles: str, says: str) -> None:
    why = condition.reason(Chem.MolFromSmiles(smiles))
    assert why is not None
    assert says in why


@pytest.mark.parametrize("name", ["PEA", "BA", "BZA", "F-PEA", "ThMA", "3AMP", "4AMPY", "BDA", "CMA", "EIA", "HxA"])
def test_reported_spacers_pass_the_default_filters(name: str) -> None:
    mol = CationLibrary.builtin()[name].mol
    assert [condition.reason(mol) for condition in default_filters()] == [None] * 5


def test_limits_of_size_and_floppiness_are_included() -> None:
    dodecyl, tetracosyl = (Chem.MolFromSmiles("C" * n + "[NH3+]") for n in (12, 24))
    assert RotatableBonds(most=10).reason(dodecyl) is None
    assert RotatableBonds(most=9).reason(dodecyl) is not None
    assert HeavyAtoms(most=25).reason(tetracosyl) is None
    assert HeavyAtoms(most=24).reason(tetracosyl) is not None
    assert ChargeSeparation().reason(Chem.MolFromSmiles("[NH3+]CC[NH3+]")) is None


def test_trifluoromethyl_and_trifluoromethoxy_are_stable() -> None:
    for smiles in ("[NH3+]CC(F)(F)F", "[NH3+]Cc1ccc(OC(F)(F)F)cc1", "[NH3+]Cc1ccc2OCOc2c1"):
        assert UnstableGroups().reason(Chem.MolFromSmiles(smiles)) is None
