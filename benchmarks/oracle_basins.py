"""Whether two optimisations of one cation ended in the same conformer, told by torsions and never by the energy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

__all__ = ["OTHER_CONFORMER", "largest_turn", "same_conformer"]

#: Degrees: within one basin torsions relax by less; the next conformer is 60 to 180 away.
OTHER_CONFORMER = 30.0


def same_conformer(mol: Chem.Mol, one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether no torsion of `mol` differs by OTHER_CONFORMER degrees between two geometries, each (n, 3)."""
    return largest_turn(mol, one, other) < OTHER_CONFORMER


def largest_turn(mol: Chem.Mol, one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Largest difference of a torsion, degrees.

    All heavy-atom torsions, and those that end in a hydrogen on nitrogen or oxygen: the hydrogens of one such atom are
    interchangeable, so that each is compared with the nearest. Hydrogens on carbon follow the heavy atoms.
    """
    worst = 0.0
    for bond in mol.GetBonds():
        j, k = bond.GetBeginAtom(), bond.GetEndAtom()
        for first in _ends(j, k):
            for last in _ends(k, j):
                worst = max(worst, _turn(one, other, first, j.GetIdx(), k.GetIdx(), last))
    return worst


def _ends(atom: Chem.Atom, partner: Chem.Atom) -> list[list[int]]:
    """What a torsion can end in on this side: each heavy neighbour alone, the polar hydrogens together."""
    around = [a for a in atom.GetNeighbors() if a.GetIdx() != partner.GetIdx()]
    heavy = [[a.GetIdx()] for a in around if a.GetAtomicNum() > 1]
    hydrogens = [a.GetIdx() for a in around if a.GetAtomicNum() == 1 and atom.GetAtomicNum() in (7, 8)]
    return heavy + ([hydrogens] if hydrogens else [])


def _turn(
    one: NDArray[np.float64], other: NDArray[np.float64], first: list[int], j: int, k: int, last: list[int]
) -> float:
    """The largest turn among the torsions of `one`, each against the nearest of `other`, degrees."""
    here = np.array([_dihedral(one, i, j, k, m) for i in first for m in last])
    there = np.array([_dihedral(other, i, j, k, m) for i in first for m in last])
    apart = np.abs((here[:, None] - there[None] + 180.0) % 360.0 - 180.0)
    return float(apart.min(1).max())


def _dihedral(x: NDArray[np.float64], i: int, j: int, k: int, m: int) -> float:
    a, b, c = x[j] - x[i], x[k] - x[j], x[m] - x[k]
    left, right = np.cross(a, b), np.cross(b, c)
    return float(np.degrees(np.arctan2(np.linalg.norm(b) * (a @ right), left @ right)))
