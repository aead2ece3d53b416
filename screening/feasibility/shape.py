"""Shape of an organic cation around its charged nitrogen, read from the molecular graph alone (no geometry, no xTB).

Five numbers, chosen because each is a known steric argument for or against a layered lattice: the ammonium head has to
enter the corner-sharing sheet, the tail has to leave it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SHAPE_NAMES", "cation_shape", "fingerprint_similarity", "fingerprints"]

#: The five numbers of `cation_shape`, in order.
SHAPE_NAMES = (
    "charge",  # formal charge of the cation
    "head_hydrogens",  # mean number of hydrogens on the charged atoms: 3 for a primary ammonium, 0 for a quaternary one
    "head_branching",  # bonds of the heavy atom beside the head, the head's own bond not counted
    "head_crowding",  # heavy atoms at most three bonds from the head, itself included
    "rotatable_bonds",
)


def cation_shape(mol: Any) -> NDArray[np.float64]:
    """The five numbers of `SHAPE_NAMES` for one RDKit molecule, shape (5,); NaN where no atom is positively charged."""
    from rdkit import Chem
    from rdkit.Chem import rdMolDescriptors

    charged = [atom for atom in mol.GetAtoms() if atom.GetFormalCharge() > 0]
    if not charged:
        return np.full(len(SHAPE_NAMES), np.nan)
    head = max(charged, key=lambda atom: (atom.GetTotalNumHs(), -atom.GetIdx()))
    distance = np.asarray(Chem.GetDistanceMatrix(mol))[head.GetIdx()]
    branching = max((atom.GetDegree() - 1 for atom in head.GetNeighbors()), default=0)
    return np.array(
        [
            sum(atom.GetFormalCharge() for atom in charged),
            np.mean([atom.GetTotalNumHs() for atom in charged]),
            branching,
            np.count_nonzero(distance <= 3.0),
            rdMolDescriptors.CalcNumRotatableBonds(mol),
        ],
        dtype=np.float64,
    )


def fingerprints(mols: list[Any]) -> list[Any]:
    """Morgan fingerprints (radius 2, 2048 bits) of molecules; stereochemistry is left out, enantiomers look alike."""
    from rdkit.Chem import rdFingerprintGenerator

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    return [generator.GetFingerprint(mol) for mol in mols]


def fingerprint_similarity(left: Sequence[Any], right: Sequence[Any]) -> NDArray[np.float64]:
    """Tanimoto similarity of each fingerprint in `left` (m) to each in `right` (k), shape (m, k), 0 to 1."""
    from rdkit import DataStructs

    if not left or not right:
        return np.zeros((len(left), len(right)))
    known = list(right)
    return np.array([DataStructs.BulkTanimotoSimilarity(item, known) for item in left], dtype=np.float64)
