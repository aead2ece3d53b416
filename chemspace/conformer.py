"""One three-dimensional geometry of a cation by RDKit: ETKDG conformers, relaxed, the longest one taken.

Relaxed with MMFF94, or with UFF where MMFF94 lacks a parameter (boron, selenium).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from chemspace.cation import Cation
from chemspace.errors import GeometryError

__all__ = ["mmff_geometry"]


def mmff_geometry(cation: Cation, n_conformers: int = 10, seed: int = 42) -> tuple[Chem.Mol, NDArray[np.float64]]:
    """Molecule with hydrogens and the coordinates, shape (atoms, 3), angstrom, of its most extended conformer.

    In vacuum the lowest conformer of an ammonium curls up on itself (phenethylammonium: head on ring), between layers
    it stretches from one to the next: so the minimum is taken whose heavy atoms reach farthest apart. Good enough to
    draw a starting structure, not for energies. The same seed gives the same geometry.

    Raises:
        GeometryError: if RDKit finds no conformer.
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
    return mol, max(every, key=lambda points: round(_extent(points[heavy]), 3))


def _extent(points: NDArray[np.float64]) -> float:
    """Largest distance between two points."""
    return float(np.linalg.norm(points[:, None] - points[None], axis=2).max())
