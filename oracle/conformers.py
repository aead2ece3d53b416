"""Start geometries: ETKDGv3 embedding with a fixed seed, relaxed with MMFF94, duplicates removed.

ETKDGv3: doi 10.1021/acs.jcim.0c00025. MMFF94: doi 10.1002/(SICI)1096-987X(199604)17:5/6<490::AID-JCC1>3.0.CO;2-P.
UFF, where MMFF94 has no parameters: doi 10.1021/ja00051a040.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from oracle.errors import ConformerError, InputError
from oracle.units import ANGSTROM_PER_BOHR

#: Two conformers are one when their energies (kcal/mol) and sorted interatomic distances (angstrom) agree this well.
SAME_ENERGY = 0.02
SAME_DISTANCE = 0.05

#: Steps granted to a force field; it stops at its own convergence long before.
FORCE_FIELD_STEPS = 2000


@dataclass(frozen=True, slots=True)
class Conformers:
    """Distinct start geometries of one molecule, lowest force-field energy first.

    Attributes:
        mol: the molecule with its hydrogens and every embedded conformer.
        ids: the conformer of `mol` behind each geometry, shape (c,).
        positions: geometries, shape (c, n, 3), bohr.
        force_field: "MMFF94" or "UFF".
    """

    mol: Chem.Mol
    ids: tuple[int, ...]
    positions: NDArray[np.float64]
    force_field: str


def build_molecule(smiles: str) -> Chem.Mol:
    """The molecule of `smiles` with explicit hydrogens.

    Raises:
        InputError: if RDKit cannot read the SMILES.
    """
    mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        raise InputError(f"{smiles!r} is not a SMILES that RDKit can read")
    return Chem.AddHs(mol)


def embed(mol: Chem.Mol, count: int, seed: int) -> Conformers:
    """Embeds `count` conformers, relaxes them with the force field and keeps the distinct ones.

    Mirror images count as one: every descriptor is the same for both.

    Raises:
        ConformerError: if no conformer could be embedded.
    """
    ids = _embed(mol, count, seed)
    force_field, energies = _relax(mol)
    numbers = len(ids)
    order = sorted(range(numbers), key=lambda k: (energies[k], k))
    kept = _distinct(mol, ids, energies, order)
    positions = np.stack([mol.GetConformer(ids[k]).GetPositions() for k in kept]) / ANGSTROM_PER_BOHR
    return Conformers(mol, tuple(ids[k] for k in kept), positions, force_field)


def _embed(mol: Chem.Mol, count: int, seed: int) -> list[int]:
    parameters: Any = rdDistGeom.ETKDGv3()
    parameters.randomSeed = seed
    parameters.numThreads = 1
    ids = list(rdDistGeom.EmbedMultipleConfs(mol, count, parameters))
    if not ids:
        # Crowded cages defeat the distance-geometry start; random coordinates reach them.
        parameters.useRandomCoords = True
        ids = list(rdDistGeom.EmbedMultipleConfs(mol, count, parameters))
    if not ids:
        raise ConformerError(f"ETKDGv3 found no geometry for {Chem.MolToSmiles(Chem.RemoveHs(mol))} (seed {seed})")
    return ids


def _relax(mol: Chem.Mol) -> tuple[str, list[float]]:
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
        pairs = rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(mol, numThreads=1, maxIters=FORCE_FIELD_STEPS)
        return "MMFF94", [float(energy) for _, energy in pairs]
    if rdForceFieldHelpers.UFFHasAllMoleculeParams(mol):
        pairs = rdForceFieldHelpers.UFFOptimizeMoleculeConfs(mol, numThreads=1, maxIters=FORCE_FIELD_STEPS)
        return "UFF", [float(energy) for _, energy in pairs]
    raise ConformerError("neither MMFF94 nor UFF has parameters for this molecule")


def _distinct(mol: Chem.Mol, ids: list[int], energies: list[float], order: list[int]) -> list[int]:
    kept: list[int] = []
    shapes: dict[int, NDArray[np.float64]] = {}
    for k in order:
        shape = _sorted_distances(mol.GetConformer(ids[k]).GetPositions())
        twins = (j for j in reversed(kept) if energies[k] - energies[j] < SAME_ENERGY)
        if not any(np.abs(shape - shapes[j]).max(initial=0.0) < SAME_DISTANCE for j in twins):
            kept.append(k)
            shapes[k] = shape
    return kept


def _sorted_distances(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    i, j = np.triu_indices(len(positions), 1)
    return np.sort(np.sqrt(((positions[i] - positions[j]) ** 2).sum(-1)))
