"""Conformers: reproducible, distinct, and force fields that fit."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdMolTransforms

from oracle.compute import build_molecule, embed, turn
from oracle.engines.base import ANGSTROM_PER_BOHR
from oracle.optimise import force_field_hessian


def test_the_same_seed_gives_the_same_bits() -> None:
    first, second = (embed(build_molecule("CCCC[NH3+]"), 5, 7) for _ in range(2))
    assert np.array_equal(first.positions, second.positions)


def test_another_seed_gives_other_positions() -> None:
    first, second = (embed(build_molecule("CCCC[NH3+]"), 2, seed) for seed in (1, 2))
    assert not np.array_equal(first.positions[0], second.positions[0])


def test_a_rigid_cation_has_one_conformer_however_many_are_embedded() -> None:
    assert len(embed(build_molecule("C[NH3+]"), 10, 42).ids) == 1


def test_mirror_images_count_as_one() -> None:
    assert len(embed(build_molecule("CC[NH2+]C"), 20, 42).ids) == 2  # anti, and both gauche forms together


@pytest.mark.parametrize(("smiles", "length"), [("CCCCCCCCCCCC[NH3+]", 8.4), ("[NH3+]CCCCCCCC[NH3+]", 6.4)])
def test_a_screened_search_holds_the_stretched_chain_whatever_the_seed(smiles: str, length: float) -> None:
    """Half lengths (angstrom) of the all-anti chains."""
    for seed in (1, 2):
        found = embed(build_molecule(smiles), 2, seed, screened=True)
        extents = [np.linalg.norm(p[:, None] - p[None], axis=-1).max() / 2 * ANGSTROM_PER_BOHR for p in found.positions]
        assert max(extents) == pytest.approx(length, abs=0.15)


def test_a_disulfide_is_not_stretched() -> None:
    stretched = embed(build_molecule("[NH3+]CCSSCC[NH3+]"), 1, 42, screened=True)
    for k in stretched.ids:
        atoms = stretched.mol.GetSubstructMatch(Chem.MolFromSmarts("CSSC"))
        angle = abs(rdMolTransforms.GetDihedralDeg(stretched.mol.GetConformer(k), *atoms))
        assert 60.0 < angle < 120.0


def test_a_cation_outside_mmff94_is_relaxed_with_uff() -> None:
    assert embed(build_molecule("[NH3+]CC[Se]C"), 1, 42).force_field == "UFF"


@pytest.mark.parametrize(("smiles", "force_field"), [("CC[NH3+]", "MMFF94"), ("[NH3+]CC[Se]C", "UFF")])
def test_the_start_hessian_is_symmetric_and_free_of_translation(smiles: str, force_field: str) -> None:
    start = embed(build_molecule(smiles), 1, 42)
    hessian = force_field_hessian(start.mol, start.ids[0], force_field)
    assert np.array_equal(hessian, hessian.T)
    assert np.linalg.eigvalsh(hessian).max() > 0.3
    shift = np.tile([1.0, 0.0, 0.0], len(hessian) // 3)
    assert np.abs(hessian @ shift).max() < 1e-3


@pytest.mark.parametrize("smiles", ["[NH3+]CCSSCC[NH3+]", "[NH3+]Cc1ccc(-c2ccc([NH3+])cc2)c(F)c1", "CCC(C)C[NH3+]"])
def test_a_chain_on_rigid_rings_starts_from_the_same_geometries_whatever_the_seed(smiles: str) -> None:
    first, second = (turn(build_molecule(smiles), 24, seed, 6.0) for seed in (1, 2))
    assert np.array_equal(first.positions, second.positions)


def test_turned_bonds_reach_every_conformer_of_a_chain() -> None:
    """Five of butylammonium, mirror images as one: two torsions, anti or gauche, and gauche-gauche of either sign."""
    found = turn(build_molecule("CCCC[NH3+]"), 24, 42, 6.0)
    assert (len(found.ids), found.complete) == (5, True)


def test_more_bonds_than_can_be_turned_through_are_said_and_the_stretched_chain_is_first() -> None:
    found = turn(build_molecule("CCCCCCCCCCCC[NH3+]"), 4, 42, 6.0)
    assert not found.complete
    first = found.positions[0]
    assert np.linalg.norm(first[:, None] - first[None], axis=-1).max() / 2 * ANGSTROM_PER_BOHR == pytest.approx(
        8.4, abs=0.15
    )


def test_rings_are_embedded_so_both_chairs_are_found() -> None:
    """Cyclohexylammonium has its ammonium along the axis or beside it."""
    assert len(turn(build_molecule("[NH3+]C1CCCCC1"), 24, 42, 6.0).ids) >= 2


def test_open_stereocentres_are_embedded_both_ways() -> None:
    assert len(turn(build_molecule("CC(O)C(C)[NH3+]"), 24, 42, 0.0).ids) > len(
        turn(build_molecule("C[C@H](O)[C@H](C)[NH3+]"), 24, 42, 0.0).ids
    )
