"""Structural descriptors, on published cells and on crystals bent on purpose."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from chemspace import GeometryError, parse_formula
from chemspace.crystal import build_structure, structure_descriptors
from chemspace.crystal_reader import read_structure


def cs2pbi2cl2() -> Structure:
    """Cs2PbI2Cl2, I4/mmm, a = 5.6385, c = 18.879 angstrom: Li et al., J. Am. Chem. Soc. 140, 11085 (2018).

    The two free heights (I, Cs) are ours; no number tested below depends on them.
    """
    return Structure.from_spacegroup(
        "I4/mmm",
        Lattice.tetragonal(5.6385, 18.879),
        ["Pb", "Cl", "I", "Cs"],
        [[0, 0, 0], [0, 0.5, 0], [0, 0, 0.17], [0, 0, 0.355]],
    )


def test_published_ruddlesden_popper_cell() -> None:
    found = structure_descriptors(cs2pbi2cl2())
    assert found.n_layers == 1
    assert found.layer_spacing_angstrom == pytest.approx(18.879 / 2)
    assert found.volume_per_formula_angstrom3 == pytest.approx(5.6385**2 * 18.879 / 2)
    assert (found.t1, found.t2) == (pytest.approx(0.5), pytest.approx(0.5))
    assert found.stacking == "RP"
    assert found.mean_bridge_angle_deg == pytest.approx(180)
    assert found.penetration_depth_angstrom is None


def test_published_butylammonium_cell() -> None:
    """(BA)2PbI4 at room temperature, Pbca, a = 8.8632, b = 8.6816, c = 27.570: Mitzi, Chem. Mater. 8, 791 (1996).

    Lead on the inversion centres 4a; the iodides are put half way between and straight above (ours, untilted), the
    butylammonium is left out. What is tested follows from the cell and the lead sites alone.
    """
    leads = [(0, 0, 0), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]
    points = [(x, y, z) for x, y, z in leads]
    species = ["Pb"] * 4
    for x, y, z in leads:
        points += [(x + 0.25, y + 0.25, z), (x + 0.25, y - 0.25, z), (x, y, z + 0.115), (x, y, z - 0.115)]
        species += ["I"] * 4
    found = structure_descriptors(Structure(Lattice.orthorhombic(8.8632, 8.6816, 27.570), species, points))
    assert found.n_layers == 1
    assert found.coordination == 6
    assert found.layer_spacing_angstrom == pytest.approx(27.570 / 2)
    assert found.volume_per_formula_angstrom3 == pytest.approx(8.8632 * 8.6816 * 27.570 / 4)
    assert found.mean_lattice_angstrom == pytest.approx((8.8632 + 8.6816 + 27.570) / 3)
    assert [found.t1, found.t2] == pytest.approx([0.5, 0.5])
    assert found.stacking == "RP"


def test_published_cubic_perovskite() -> None:
    """FAPbI3 at 299 K, a = 6.357878 angstrom (doi 10.1002/anie.201609538); the cation is left out."""
    cubic = Structure.from_spacegroup("Pm-3m", Lattice.cubic(6.357878), ["Pb", "I"], [[0, 0, 0], [0.5, 0, 0]])
    found = structure_descriptors(cubic)
    assert found.stacking == "3D"
    assert found.n_layers is None
    assert found.mean_bond_angstrom == pytest.approx(3.178939)
    assert found.mean_bridge_angle_deg == pytest.approx(180)
    assert found.volume_per_formula_angstrom3 == pytest.approx(257.002, abs=0.001)
    assert found.bond_distortion == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "scale", [[[1, 1, 0], [-1, 1, 0], [0, 0, 1]], [[2, 1, 0], [0, 2, 0], [0, 0, 2]], [[1, 0, 1], [0, 1, 0], [0, 0, 1]]]
)
def test_choice_of_cell_does_not_matter(scale: list[list[int]]) -> None:
    structure = build_structure(parse_formula("(BA)2(MA)Pb2I7"))
    before = structure_descriptors(structure)
    structure.make_supercell(scale)
    after = structure_descriptors(structure)
    for name in before.__dataclass_fields__:
        if not name.startswith("mean_lattice"):
            assert getattr(after, name) == pytest.approx(getattr(before, name), abs=1e-6), name


@cache
def _bda() -> Structure:
    return build_structure(parse_formula("(BDA)PbI4"))


def bda() -> Structure:
    """(BDA)PbI4, ideal, to be bent."""
    return _bda().copy()


def slipped(t1: float, t2: float) -> Structure:
    """A DJ crystal whose layers are moved against each other, the whole lattice with them."""
    structure = bda()
    matrix = np.array(structure.lattice.matrix)
    matrix[2] += t1 * matrix[0] + t2 * matrix[1]
    return Structure(Lattice(matrix), structure.species, structure.cart_coords, coords_are_cartesian=True)


@pytest.mark.parametrize(
    ("t1", "t2", "stacking"),
    [(0.0, 0.0, "DJ"), (0.1, 0.05, "DJ"), (0.5, 0.0, "ACI"), (0.45, 0.4, "RP"), (0.9, 0.4, "ACI")],
)
def test_shift_of_the_layers_is_found_and_named(t1: float, t2: float, stacking: str) -> None:
    found = structure_descriptors(slipped(t1, t2))
    folded = sorted((min(t % 1, 1 - t % 1) for t in (t1, t2)), reverse=True)
    assert [found.t1, found.t2] == pytest.approx(folded, abs=1e-6)
    assert found.stacking == stacking
    ideal = {"DJ": (0.0, 0.0), "ACI": (0.5, 0.0), "RP": (0.5, 0.5)}[stacking]
    assert found.stacking_distance == pytest.approx(np.hypot(folded[0] - ideal[0], folded[1] - ideal[1]), abs=1e-6)


def test_mean_angle_is_that_of_the_cell_as_given() -> None:
    upright = bda().lattice
    assert upright.angles == pytest.approx((90, 90, 90))
    leaning = np.degrees(np.arctan(0.3 * upright.a / upright.c))
    assert structure_descriptors(slipped(0.3, 0.0)).mean_lattice_angle_deg == pytest.approx((270 - leaning) / 3)


def test_one_long_bond_shows_as_distortion() -> None:
    structure = bda()
    lead = next(place for place, site in enumerate(structure) if site.specie.symbol == "Pb")
    structure.translate_sites([lead], [0.0, 0.0, 0.3], frac_coords=False)
    found = structure_descriptors(structure)
    d = found.mean_bond_angstrom
    flat = np.hypot(3.178939, 0.3)
    lengths = np.array([flat] * 4 + [3.178939 - 0.3, 3.178939 + 0.3])
    assert d == pytest.approx(lengths.mean(), abs=1e-4)
    assert found.bond_distortion == pytest.approx(np.mean((lengths / lengths.mean() - 1) ** 2), abs=1e-6)
    # four angles between the equatorial iodides, four with the upper one and four with the lower one
    flat_angle, lean = np.degrees(np.arccos(0.3**2 / flat**2)), np.degrees(np.arcsin(0.3 / flat))
    assert found.angle_variance_deg2 == pytest.approx((4 * (flat_angle - 90) ** 2 + 8 * lean**2) / 11, abs=1e-3)
    assert found.mean_bridge_angle_deg == pytest.approx(180 - 2 * np.degrees(np.arctan(0.3 / 3.178939)), abs=1e-3)


def test_ammonium_moved_into_the_layer_is_deeper() -> None:
    structure = build_structure(parse_formula("(BA)2PbI4"))
    organic = [place for place, site in enumerate(structure) if site.specie.symbol in ("C", "N", "H")]
    before = structure_descriptors(structure).penetration_depth_angstrom
    assert before == pytest.approx(0, abs=1e-6)
    upper = organic[: len(organic) // 2]
    structure.translate_sites(upper, [0.0, 0.0, -0.5], frac_coords=False)
    after = structure_descriptors(structure).penetration_depth_angstrom
    assert after == pytest.approx(0.25, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "no readable"), ("not a crystal", "no readable"), ("data_x\n_cell_length_a 3", "no readable")],
)
def test_file_without_a_crystal_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "x.cif"
    path.write_text(text)
    with pytest.raises(GeometryError, match=says):
        read_structure(path)


def test_crystals_of_another_kind_are_refused(tmp_path: Path) -> None:
    salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    with pytest.raises(GeometryError, match="holds no Pb"):
        structure_descriptors(salt)
    chain = Structure(
        Lattice.tetragonal(12, 6.36), ["Pb", "I", "I", "I"], [[0, 0, 0], [0, 0, 0.5], [0.26, 0, 0], [0, 0.26, 0]]
    )
    with pytest.raises(GeometryError, match="chains"):
        structure_descriptors(chain)
    for length in (0.2, 84223.0):
        odd = Structure(Lattice.tetragonal(6.36, length), ["Pb", "I"], [[0, 0, 0], [0.5, 0, 0]])
        with pytest.raises(GeometryError, match="is no crystal's; check axes and angles"):
            structure_descriptors(odd)
    places = [[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]]
    with pytest.raises(GeometryError, match="no metal has six halides around it, but 16: no octahedra"):
        structure_descriptors(Structure(Lattice.tetragonal(6.36, 2.2), ["Pb", "I", "I", "I"], places))
    with pytest.raises(GeometryError, match="no such file"):
        structure_descriptors(tmp_path / "none.cif")


#: Variants of one crystal, (BA)2PbI4 (mikepols/2database), as refinements and databases write it.
CIFS = Path(__file__).parent / "cif"


def test_a_split_bridging_iodine_counts_as_one() -> None:
    split = structure_descriptors(CIFS / "ba2pbi4_split_bridging_I.cif")
    whole = structure_descriptors(CIFS / "ba2pbi4_plain.cif")
    assert split.coordination == 6
    assert np.isfinite(split.bond_distortion)
    assert split.mean_bridge_angle_deg == pytest.approx(whole.mean_bridge_angle_deg, abs=0.5)
    assert split.mean_bond_angstrom == pytest.approx(whole.mean_bond_angstrom, abs=0.01)
    assert split.layer_spacing_angstrom == pytest.approx(whole.layer_spacing_angstrom)


def test_an_occupancy_a_little_above_one_is_read_as_one() -> None:
    assert structure_descriptors(CIFS / "ba2pbi4_occ102.cif") == structure_descriptors(CIFS / "ba2pbi4_plain.cif")


def test_a_file_of_several_crystals_is_refused_with_their_number() -> None:
    with pytest.raises(GeometryError, match=r"two_blocks\.cif holds 2 crystal structures"):
        read_structure(CIFS / "two_blocks.cif")


@pytest.mark.parametrize(
    ("was", "now", "says"),
    [
        ("8.42230000", "?", "_cell_length_a is ?"),
        ("8.42230000", "-8.4223", "_cell_length_a is -8.4223"),
        ("  Pb  Pb152  1  0.00000000", "  Pb  Pb152  1  .", "atom 153 of odd.cif (Pb) has no place"),
        ("# generated", "data_H24PbC8(I2N)2\n#", "two blocks data_H24PbC8"),
    ],
)
def test_a_cell_or_an_atom_without_a_place_is_named(tmp_path: Path, was: str, now: str, says: str) -> None:
    text = (CIFS / "ba2pbi4_plain.cif").read_text()
    assert was in text
    (tmp_path / "odd.cif").write_text(text.replace(was, now, 1))
    with pytest.raises(GeometryError, match=re.escape(says)):
        read_structure(tmp_path / "odd.cif")


def test_hydrogens_without_a_place_are_left_out_and_a_missing_occupancy_is_one(tmp_path: Path) -> None:
    text = (CIFS / "ba2pbi4_plain.cif").read_text()
    odd = re.sub(r"(?m)^  H  H(\d+)  1  [\d.]+", r"  H  H\1  1  ?", text)
    (tmp_path / "odd.cif").write_text(re.sub(r"(?m)  1$", "  .", odd))
    assert structure_descriptors(tmp_path / "odd.cif") == structure_descriptors(CIFS / "ba2pbi4_plain.cif")


def test_a_file_without_a_crystal_says_what_the_reader_met(tmp_path: Path) -> None:
    text = (CIFS / "ba2pbi4_occ102.cif").read_text()
    (tmp_path / "odd.cif").write_text(text.replace("1.02\n", "1.4\n"))
    with pytest.raises(GeometryError, match=r"odd\.cif holds no readable crystal structure: .*occupanc"):
        read_structure(tmp_path / "odd.cif")
