"""Rules about spacers: does one fit the square of terminal halides, how long is it, which stacking does it favour.

None is applied unless asked for; each says where it comes from and how far it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Chem import GetPeriodicTable, rdDistGeom, rdForceFieldHelpers

from chemspace.cation import Cation
from chemspace.errors import GeometryError
from chemspace.geometry import SHANNON_RADIUS

__all__ = ["head_atoms", "mmff_geometry"]


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
    if spacer.charge == 1 and spacer.mol.HasSubstructMatch(_para_halobenzyl()):
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


@lru_cache(maxsize=1)
def _para_halobenzyl() -> Chem.Mol:
    return Chem.MolFromSmarts("[NH3+][CH2]c1[cH][cH]c([F,Cl,Br])[cH][cH]1")


def _along_axis(
    cation: Cation, coordinates: NDArray[np.float64] | None
) -> tuple[Chem.Mol, NDArray[np.float64], NDArray[np.float64], int]:
    """Molecule, coordinates, unit vector from the head nitrogen to the far end (the other head of a dication), head."""
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
    return float(GetPeriodicTable().GetRvdw(atom.GetAtomicNum()))


def _side(halide: str) -> float:
    if halide not in SQUARE_SIDE:
        raise GeometryError(f"no measured square of terminal {halide}; there are {', '.join(SQUARE_SIDE)}")
    return SQUARE_SIDE[halide]
