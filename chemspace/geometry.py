"""Geometric rules of the perovskite layers and of their spacers, with the radii they need.

Of the layers: tolerance and octahedral factors. Of spacers: does one fit the square of terminal halides, how long is
it, which stacking does it favour. Radii in angstrom. No rule is applied unless a space asks for it; each says where it
comes from and how far it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chemspace.errors import GeometryError, UnknownRadiusError
from chemspace.tables.grid import package_table

if TYPE_CHECKING:
    from rdkit import Chem

    from chemspace.cation import Cation

__all__ = ["bond_length", "cage_tolerance_factor", "head_atoms", "mmff_geometry", "tolerance_factor"]


#: Six-coordinate ionic radii (angstrom). Pb, Ge and the halides: Shannon, Acta Cryst. A32, 751 (1976), doi
#: 10.1107/S0567739476001551. Shannon has no six-coordinate Sn(II); 1.10 is what the table of measured lifetimes uses
#: (Chem. Sci. 2025, 16, 22071, doi 10.1039/d5sc07406a).
SHANNON_RADIUS = {"Pb": 1.19, "Sn": 1.10, "Ge": 0.73, "I": 2.20, "Br": 1.96, "Cl": 1.81}
#: Pb-I distance in cubic FAPbI3 at 299 K, a / 2 (angstrom): Fabini et al., Angew. Chem. Int. Ed. 55, 15392 (2016), doi
#: 10.1002/anie.201609538.
PB_I_CUBIC = 6.357878 / 2


def tolerance_factor(a_radius: ArrayLike, b_site: str, halide: str) -> NDArray[np.float64]:
    """Goldschmidt tolerance factor of each A-site radius in one B-X framework.

    t = (r_A + r_X) / (sqrt(2) (r_B + r_X))

    With r_A half the largest interatomic distance of the cations, averaged over the organic cations of the formula,
    this is the descriptor of the table of measured lifetimes (doi 10.1039/d5sc07406a, to 4e-4 there); it then runs to
    1.5 and above and says nothing about formation. For that use `cage_tolerance_factor`.

    Args:
        a_radius: radii of the A-site cations, any shape, angstrom.
        b_site: symbol of the B-site metal.
        halide: symbol of the halide.

    Returns:
        Tolerance factors, same shape, dimensionless.

    Raises:
        UnknownRadiusError: if the table has no radius for `b_site` or `halide`.

    Source: Goldschmidt, Naturwissenschaften 14, 477 (1926), doi 10.1007/BF01507527.
    """
    r_b, r_x = _radius(b_site), _radius(halide)
    radius = np.asarray(a_radius, dtype=np.float64)
    return np.asarray((radius + r_x) / (sqrt(2.0) * (r_b + r_x)), dtype=np.float64)


def cage_tolerance_factor(cation: Cation, b_site: str = "Pb", halide: str = "I") -> float:
    """Classical tolerance factor of the three-dimensional perovskite with this cage cation, dimensionless.

    Hybrid perovskites form for about 0.8 to 1.0 (Kieslich, Sun, Cheetham, Chem. Sci. 6, 3430 (2015), doi
    10.1039/c5sc00961h); lead iodides tolerate FA at 0.99 and, inside n = 2 and 3 layers, larger cations. Raises
    UnknownRadiusError if a radius is not tabulated.
    """
    return float(tolerance_factor(effective_radius(cation), b_site, halide))


def bond_length(b_site: str, halide: str) -> float:
    """Metal-halide distance of an ideal octahedron, angstrom.

    The sum of six-coordinate Shannon radii, scaled so that Pb-I is that of cubic FAPbI3. Holds to 1% for lead and tin;
    germanium sits off centre in reality, at 2.8 and 3.3 from iodide, so its cell comes out too small.
    """
    scale = PB_I_CUBIC / (SHANNON_RADIUS["Pb"] + SHANNON_RADIUS["I"])
    return scale * (SHANNON_RADIUS[b_site] + SHANNON_RADIUS[halide])


def effective_radius(cation: Cation) -> float:
    """Effective radius of a cage cation, angstrom: how large it looks when it turns freely in its cage.

    Molecular cations: the distance from the centre of mass to the farthest non-hydrogen atom, plus that atom's ionic
    radius (Kieslich, Sun, Cheetham, Chem. Sci. 5, 4712 (2014), doi 10.1039/c4sc02211d); alkali ions: Shannon,
    twelve-coordinate. Tabulated for small cations only; long or flexible ones have no such radius. Raises
    UnknownRadiusError if the table has no radius for the cation.
    """
    table = _effective_radii()
    if cation.inchikey not in table:
        raise UnknownRadiusError(f"no effective radius for {cation.abbreviation}; the table holds {len(table)} cations")
    return table[cation.inchikey]


def octahedral_factor(b_site: str, halide: str) -> float:
    """Octahedral factor r_B / r_X, dimensionless.

    Six halides touch each other around the metal below sqrt(2) - 1 = 0.414; halide perovskites are found above about
    0.44 (Li et al., Acta Cryst. B64, 702 (2008), doi 10.1107/S0108768108032734). With Shannon radii: Pb-I 0.54, Sn-I
    0.50, Ge-I 0.33 (Ge-I distances are far from equal). Raises UnknownRadiusError if the table has no radius for
    `b_site` or `halide`.
    """
    return _radius(b_site) / _radius(halide)


def _radius(ion: str) -> float:
    try:
        return SHANNON_RADIUS[ion]
    except KeyError:
        raise UnknownRadiusError(f"no radius for {ion!r}; the table holds {', '.join(SHANNON_RADIUS)}") from None


@lru_cache(maxsize=1)
def _effective_radii() -> dict[str, float]:
    return {row["inchikey"]: float(row["radius_angstrom"]) for row in package_table("effective_radii.csv")}


def mmff_geometry(cation: Cation, n_conformers: int = 10, seed: int = 42) -> tuple[Chem.Mol, NDArray[np.float64]]:
    """Molecule with hydrogens and the coordinates, shape (atoms, 3), angstrom, of its most extended conformer.

    In vacuum the lowest conformer of an ammonium curls up on itself (phenethylammonium: head on ring), between layers
    it stretches from one to the next: so the minimum is taken whose heavy atoms reach farthest apart. Good enough to
    draw a starting structure, not for energies. The same seed gives the same geometry. Raises GeometryError if RDKit
    finds no conformer.
    """
    mol, coordinates = _geometry(cation.smiles, n_conformers, seed)
    return mol, coordinates.copy()


@lru_cache(maxsize=256)
def _geometry(smiles: str, n_conformers: int, seed: int) -> tuple[Chem.Mol, NDArray[np.float64]]:
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    if mol.GetNumAtoms() == 1:
        return mol, np.zeros((1, 3))
    with rdBase.BlockLogs():
        found = list(rdDistGeom.EmbedMultipleConfs(mol, n_conformers, randomSeed=seed))
        if not found:
            raise GeometryError(f"RDKit finds no three-dimensional geometry of {smiles}; give one from elsewhere")
        if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
            rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(mol, maxIters=2000)
        else:
            rdForceFieldHelpers.UFFOptimizeMoleculeConfs(mol, maxIters=2000)
    heavy = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() > 1]
    every = [np.asarray(mol.GetConformer(number).GetPositions(), dtype=np.float64) for number in found]
    return mol, max(
        every, key=lambda at: round(float(np.linalg.norm(at[heavy, None] - at[None, heavy], axis=2).max()), 3)
    )


#: Side of the square of four terminal halides, angstrom: the Pb-Pb distance in the layer of a known cell. I: (PEA)2PbI4
#: at 298 K, sqrt(a b sin(gamma) / 2), Du et al., Inorg. Chem. 56, 9291 (2017), doi 10.1021/acs.inorgchem.7b01094
#: ((BA)2PbI4 has 6.20, (BZA)2PbI4 6.31). Br: (PEA)2PbBr4, PBE+TS, sqrt(a b) / 2, Wright et al., Chem. Mater. 34, 3109
#: (2022), doi 10.1021/acs.chemmater.1c04213. Lead only.
SQUARE_SIDE = {"I": 6.18, "Br": 5.75}


@dataclass(frozen=True)
class SpacerShape:
    """Size of a spacer along and across its axis, which runs from the head nitrogen to the atom farthest from it.

    `length_angstrom` from that nitrogen to the farthest atom, along the axis; `cross_section_angstrom2` the area of the
    convex hull of the van der Waals spheres projected along it; `width_angstrom` the diameter of a circle of that area.
    """

    length_angstrom: float
    cross_section_angstrom2: float
    width_angstrom: float


@dataclass(frozen=True)
class Propensity:
    """A stacking that a published rule expects, with the rule, its source and its range of validity."""

    phase: str
    rule: str
    source: str
    validity: str


def spacer_shape(cation: Cation, coordinates: NDArray[np.float64] | None = None) -> SpacerShape:
    """Length and cross-section of a spacer. Validity: one rigid geometry; a flexible chain folds in the crystal, so
    take the length as an upper bound. Van der Waals radii: RDKit's (Bondi). `cation`: the spacer; `coordinates`: shape
    (atoms, 3), angstrom, in the order of `Chem.AddHs(cation.mol)`; MMFF94 geometry if None. Raises GeometryError if the
    cation has no head nitrogen or no geometry."""
    mol, points, axis, head = _along_axis(cation, coordinates)
    along = (points - points[head]) @ axis
    area = _hull_area(mol, points, axis)
    return SpacerShape(float(along.max()), area, 2 * sqrt(area / pi))


def fits_square(cation: Cation, halide: str = "I", coordinates: NDArray[np.float64] | None = None) -> bool:
    """Whether the cross-section is no larger than the square of terminal halides: each square holds one head.

    Condition named by Mitzi, Prog. Inorg. Chem. 48, 1 (1999), doi 10.1002/9780470166499.ch1. Validity: lead iodides and
    bromides; spacers tilt and interdigitate, so a cross-section somewhat too large still forms layers (pyrene), while
    one that fits may be hindered at the head (see `penetration_length`). Raises GeometryError for a halide without a
    measured square, or as `spacer_shape`.
    """
    return spacer_shape(cation, coordinates).cross_section_angstrom2 <= _side(halide) ** 2


def penetration_length(cation: Cation, halide: str = "I", coordinates: NDArray[np.float64] | None = None) -> float:
    """How deep the head can sink between four terminal halides, angstrom, from the nitrogen along its bond to the rest.

    The distance at which the first heavy atom's van der Waals sphere leaves the circle that touches the four halides
    (ionic radii, Shannon), of radius side / sqrt(2) - r_X. Our own measure of a slender head, from geometry alone:
    about 2 for NH3 on CH2 or a ring, 0 where the nitrogen carries a second group. The depth in a real crystal is
    `StructureDescriptors.penetration_depth_angstrom`. `coordinates`, shape (atoms, 3), as in `spacer_shape`. Raises
    GeometryError as `fits_square`.
    """
    mol, points, _, head = _along_axis(cation, coordinates)
    neighbours = [a.GetIdx() for a in mol.GetAtomWithIdx(head).GetNeighbors() if a.GetAtomicNum() > 1]
    centred = points - points[head]
    axis = centred[neighbours].mean(axis=0)
    axis /= np.linalg.norm(axis)
    along = centred @ axis
    across = np.linalg.norm(centred - np.outer(along, axis), axis=1)
    opening = _side(halide) / sqrt(2) - SHANNON_RADIUS[halide]
    wide = [
        float(along[atom.GetIdx()])
        for atom in mol.GetAtoms()
        if atom.GetAtomicNum() > 1 and across[atom.GetIdx()] + _vdw_radius(atom) > opening
    ]
    if len(neighbours) > 1:
        return 0.0
    return max(0.0, min(wide)) if wide else float(along.max())


def propensity(spacer: Cation, cage: Cation | None = None) -> tuple[Propensity, ...]:
    """Stackings that published rules expect of a spacer (with a cage cation), most specific first."""
    from rdkit import Chem

    found = []
    if cage is not None and {spacer.inchikey, cage.inchikey} == _GUANIDINIUM_METHYLAMMONIUM:
        found.append(
            Propensity(
                "ACI",
                "guanidinium and methylammonium alternate between the layers",
                "Soe et al., J. Am. Chem. Soc. 139, 16297 (2017), doi 10.1021/jacs.7b09096",
                "(GA)(MA)nPbnI3n+1, n = 1 to 3",
            )
        )
    if spacer.charge == 1 and spacer.mol.HasSubstructMatch(Chem.MolFromSmarts(_PARA_HALOBENZYL)):
        found.append(
            Propensity(
                "DJ",
                "para-halobenzylammonium layers eclipse each other nearly as in DJ, by halogen contacts to iodide",
                "Tremblay et al., Chem. Mater. 31, 6145 (2019), doi 10.1021/acs.chemmater.9b01564",
                "(4-Y-C6H4CH2NH3)2PbI4, Y = F, Cl, Br; the stoichiometry stays that of RP",
            )
        )
    phase = "RP" if spacer.charge == 1 else "DJ"
    found.append(
        Propensity(
            phase,
            "two +1 spacers a formula leave a gap and shifted layers (RP); one +2 spacer bridges them (DJ)",
            "Mao, Stoumpos, Kanatzidis, J. Am. Chem. Soc. 141, 1171 (2019), doi 10.1021/jacs.8b10851",
            "stoichiometry, always; the shift of the layers, in most reported lead iodides",
        )
    )
    return tuple(found)


def head_atoms(mol: Chem.Mol) -> list[int]:
    """Charged nitrogens with hydrogen, primary ones first; for other cations any charged atom."""
    charged = [atom for atom in mol.GetAtoms() if atom.GetFormalCharge() > 0]
    charged.sort(key=lambda atom: -atom.GetTotalNumHs(includeNeighbors=True))
    with_hydrogen = [a.GetIdx() for a in charged if a.GetSymbol() == "N" and a.GetTotalNumHs(includeNeighbors=True)]
    return with_hydrogen or [atom.GetIdx() for atom in charged if atom.GetSymbol() in "NPS"]


_GUANIDINIUM_METHYLAMMONIUM = {"ZRALSGWEFCBTJO-UHFFFAOYSA-O", "BAVYZALUXZFZLV-UHFFFAOYSA-O"}
_PARA_HALOBENZYL = "[NH3+][CH2]c1[cH][cH]c([F,Cl,Br])[cH][cH]1"


def _along_axis(
    cation: Cation, coordinates: NDArray[np.float64] | None
) -> tuple[Chem.Mol, NDArray[np.float64], NDArray[np.float64], int]:
    """Molecule, coordinates, unit vector from the head nitrogen to the far end (the other head of a dication), head."""
    from rdkit import Chem

    mol, points = mmff_geometry(cation) if coordinates is None else (Chem.AddHs(cation.mol), np.asarray(coordinates))
    if points.shape != (mol.GetNumAtoms(), 3):
        raise GeometryError(
            f"{cation.abbreviation} has {mol.GetNumAtoms()} atoms; coordinates of shape {points.shape} do not fit"
        )
    heads = head_atoms(mol)
    if not heads or mol.GetNumHeavyAtoms() < 2:
        raise GeometryError(f"{cation.abbreviation} has no head and tail, so no axis")
    head = heads[0]
    distances = np.linalg.norm(points - points[head], axis=1)
    heavy = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() > 1]
    ends = heads[1:] if cation.charge == 2 and len(heads) > 1 else heavy
    axis = points[max(ends, key=lambda atom: distances[atom])] - points[head]
    return mol, points, axis / np.linalg.norm(axis), head


def _hull_area(mol: Chem.Mol, points: NDArray[np.float64], axis: NDArray[np.float64]) -> float:
    from scipy.spatial import ConvexHull  # heavy, and only this needs it

    side = np.cross(axis, np.eye(3)[np.argmin(np.abs(axis))])
    side /= np.linalg.norm(side)
    flat = points @ np.stack([side, np.cross(axis, side)]).T
    turns = np.linspace(0, 2 * pi, 36, endpoint=False)
    circle = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    rims = [flat[atom.GetIdx()] + _vdw_radius(atom) * circle for atom in mol.GetAtoms()]
    return float(ConvexHull(np.concatenate(rims)).volume)  # in two dimensions the volume is the area


def _vdw_radius(atom: Chem.Atom) -> float:
    from rdkit.Chem import GetPeriodicTable

    return float(GetPeriodicTable().GetRvdw(atom.GetAtomicNum()))


def _side(halide: str) -> float:
    if halide not in SQUARE_SIDE:
        raise GeometryError(f"no measured square of terminal {halide}; there are {', '.join(SQUARE_SIDE)}")
    return SQUARE_SIDE[halide]
