"""Idealised crystals: right composition, sane distances, readable files."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core.structure import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer
from rdkit import Chem
from rdkit.Chem import GetPeriodicTable

from chemspace import CationLibrary, Compound, GeometryError, parse_formula
from chemspace.crystal import build_structure, structure_descriptors, write_structure
from chemspace.crystal_reader import read_structure
from chemspace.geometry import mmff_geometry

FORMULAS = (
    "(PEA)2PbI4",
    "(BA)2(MA)Pb2I7",
    "(BZA)2(FA)2Pb3I10",
    "(iBA)2(Cs)3Pb4I13",
    "(BDA)PbI4",
    "(3AMP)(MA)Pb2I7",
    "(4AMPY)(FA)2Pb3I10",
    "(ODA)(MA)3Pb4I13",
    "(F-PEA)2SnBr4",
    "(5IPeA)2PbI4",
    "MAPbI3",
    "CsPbBr3",
)


@cache
def built(formula: str, bridge_angle_deg: float = 180.0) -> Structure:
    """The crystal of a formula, built once for all tests that look at it."""
    return build_structure(parse_formula(formula), bridge_angle_deg=bridge_angle_deg)


def bonded_pairs(structure: Structure) -> int:
    """Pairs of atoms of the organic part nearer than a bond."""
    table = GetPeriodicTable()
    symbols = [site.specie.symbol for site in structure]
    centres, others, _, lengths = structure.get_neighbor_list(2.6)
    count = 0
    for a, b, length in zip(centres, others, lengths, strict=True):
        if symbols[a] in ("Pb", "Sn") or symbols[b] in ("Pb", "Sn"):
            continue
        radii = table.GetRcovalent(symbols[a]) + table.GetRcovalent(symbols[b])
        count += length < 1.25 * radii
    return count // 2


def expected_bonds(compound: Compound) -> int:
    return int(sum(Chem.AddHs(cation.mol).GetNumBonds() * n for cation, n in compound.cation_counts))


@pytest.mark.parametrize("formula", FORMULAS)
def test_crystal_has_the_composition_and_no_clash(formula: str) -> None:
    compound, structure = parse_formula(formula), built(formula)
    assert structure.composition.almost_equals(compound.composition)
    assert bonded_pairs(structure) == expected_bonds(compound)
    assert structure.is_valid(tol=0.9)


@pytest.mark.parametrize("formula", FORMULAS)
def test_octahedra_are_regular_and_the_layers_are_counted(formula: str) -> None:
    compound, structure = parse_formula(formula), built(formula)
    found = structure_descriptors(structure)
    assert found.coordination == 6
    assert found.volume_per_formula_angstrom3 == pytest.approx(structure.volume)  # built of one formula unit
    if (compound.b_site, compound.halide[0][0]) == ("Pb", "I"):
        assert 3.0 < found.mean_bond_angstrom < 3.4
    assert found.mean_bridge_angle_deg == pytest.approx(180, abs=0.01)
    assert found.n_layers == compound.n_layers
    assert found.stacking == compound.phase
    if compound.n_layers is not None:
        assert found.layer_thickness_angstrom == pytest.approx(2 * compound.n_layers * found.mean_bond_angstrom)


@pytest.mark.parametrize("formula", ["(R-MBA)2PbI4", "(BA)2(MA)Pb2I7", "(3AMP)(MA)Pb2I7", "(BZA)2(FA)2Pb3I10"])
def test_tilted_octahedra_keep_their_bonds_and_have_the_one_angle_at_every_bridge(formula: str) -> None:
    compound = parse_formula(formula)
    structure = built(formula, 166.0)
    assert structure.composition.almost_equals(2 * compound.composition)
    assert bonded_pairs(structure) == 2 * expected_bonds(compound)
    assert structure.is_valid(tol=0.9)
    found, straight = structure_descriptors(structure), structure_descriptors(built(formula))
    assert found.mean_bridge_angle_deg == pytest.approx(166.0, abs=1e-3)
    assert found.mean_bond_angstrom == pytest.approx(straight.mean_bond_angstrom)
    assert (found.coordination, found.n_layers, found.stacking) == (6, compound.n_layers, compound.phase)
    assert found.bond_distortion == pytest.approx(0, abs=1e-9)


@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")  # spglib's, met inside pymatgen
def test_no_symmetry_is_left_between_tilted_octahedra() -> None:
    structure, straight = built("(Rb)2(Cs)Pb2I7", 160.0), built("(Rb)2(Cs)Pb2I7")
    counts = [len(SpacegroupAnalyzer(one, 0.01).get_symmetry_operations()) for one in (straight, structure)]
    assert counts[0] == 16
    assert counts[1] <= 4


def test_tilts_are_refused_without_layers_and_beyond_those_of_crystals() -> None:
    with pytest.raises(GeometryError, match="no layers"):
        build_structure(parse_formula("CsPbBr3"), bridge_angle_deg=160)
    for angle in (90, 181, float("nan")):
        with pytest.raises(GeometryError, match="give 130 to 180"):
            build_structure(parse_formula("(BA)2PbI4"), bridge_angle_deg=angle)


@pytest.mark.parametrize("formula", ["(PEA)2PbI4", "(3AMP)(MA)Pb2I7", "(BA)2(FA)2Pb3I10"])
@pytest.mark.parametrize("name", ["x.cif", "x.vasp", "POSCAR"])
def test_files_read_back_to_the_formula(tmp_path: Path, formula: str, name: str) -> None:
    compound = parse_formula(formula)
    write_structure(built(formula), tmp_path / name)
    again = read_structure(tmp_path / name)
    assert again.composition.almost_equals(compound.composition)
    assert structure_descriptors(tmp_path / name).n_layers == compound.n_layers


@pytest.mark.parametrize("angle", [180.0, 160.0])
def test_hand_of_a_chiral_spacer_is_kept_on_both_faces(angle: float) -> None:
    cation = CationLibrary.builtin()["R-MBA"]
    structure = build_structure(parse_formula("(R-MBA)2PbI4"), bridge_angle_deg=angle)
    inorganic = 5 if angle == 180 else 10  # one Pb and four I of each square come before the spacers
    size = Chem.AddHs(cation.mol).GetNumAtoms()
    mol = Chem.AddHs(cation.mol)
    centre = next(atom.GetIdx() for atom in cation.mol.GetAtoms() if atom.HasProp("_CIPCode"))
    neighbours = [atom.GetIdx() for atom in mol.GetAtomWithIdx(centre).GetNeighbors()][:3]
    volumes = []
    for first in (inorganic, inorganic + size):
        sites = structure[first : first + size]
        arms = [
            structure.lattice.get_cartesian_coords(
                (d := sites[place].frac_coords - sites[centre].frac_coords) - np.round(d)
            )
            for place in neighbours
        ]
        volumes.append(float(np.linalg.det(np.array(arms))))
    assert volumes[0] * volumes[1] > 0


def test_given_geometry_is_used() -> None:
    compound = parse_formula("(PEA)2PbI4")
    assert compound.spacer is not None
    _, coordinates = mmff_geometry(compound.spacer)
    same = build_structure(compound, {compound.spacer.inchikey: coordinates})
    assert np.allclose(same.cart_coords, build_structure(compound).cart_coords)
    with pytest.raises(GeometryError, match="shape"):
        build_structure(compound, {compound.spacer.inchikey: coordinates[:-1]})


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        ("(BA)2(MA0.5FA0.5)Pb2I7", "mixture"),
        ("(PEA)2PbI2Br2", "mixture"),
        ("(TEPPD)PbI4", "too bulky"),
        ("(BA)2(TMA)Ge2Cl7", "too large for the cage"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_reason(formula: str, says: str) -> None:
    with pytest.raises(GeometryError, match=says):
        build_structure(parse_formula(formula))


def test_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match="ending"):
        write_structure(build_structure(parse_formula("CsPbBr3")), tmp_path / "x.xyz")


@pytest.mark.parametrize("formula", ["Cs2PbI4", "(Rb)2(Cs)Pb2I7"])
def test_layers_of_single_atoms_are_built_too(formula: str) -> None:
    compound, structure = parse_formula(formula), built(formula)
    assert structure.composition == compound.composition
    assert structure_descriptors(structure).n_layers == compound.n_layers
