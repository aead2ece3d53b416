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
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers, rdMolTransforms

from oracle.errors import ConformerError, InputError
from oracle.units import ANGSTROM_PER_BOHR

#: Two conformers are one when their energies (kcal/mol) and sorted interatomic distances (angstrom) agree this well.
SAME_ENERGY = 0.02
SAME_DISTANCE = 0.05

#: Dielectric constant in which the force field sees charges where conformers are meant for a polar surrounding.
SCREENING = 40.0

#: Steps granted to a force field; it stops at its own convergence long before.
FORCE_FIELD_STEPS = 2000


@dataclass(frozen=True, slots=True)
class Conformers:
    """Distinct start geometries of one molecule, lowest force-field energy first. `mol`: the molecule with its
    hydrogens and every embedded conformer; `ids`: the conformer of `mol` behind each geometry, shape (c,); `positions`:
    geometries, shape (c, n, 3), bohr; `force_field`: "MMFF94" or "UFF"."""

    mol: Chem.Mol
    ids: tuple[int, ...]
    positions: NDArray[np.float64]
    force_field: str


def build_molecule(smiles: str) -> Chem.Mol:
    """The molecule of `smiles` with explicit hydrogens. Raises InputError if RDKit cannot read the SMILES."""
    mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        raise InputError(f"{smiles!r} is not a SMILES that RDKit can read")
    return Chem.AddHs(mol)


def embed(mol: Chem.Mol, count: int, seed: int, *, screened: bool = False) -> Conformers:
    """Embeds `count` conformers, relaxes them with the force field and keeps the distinct ones.

    Mirror images count as one: every descriptor is the same for both. `mol`: a molecule with its hydrogens; `count`:
    how many to embed; `seed`: of the embedding; `screened`: let the force field screen charges, and add a conformer
    whose chains are extended. Raises ConformerError if no conformer could be embedded.
    """
    ids = _embed(mol, count, (seed or 2**30) if screened else seed)  # with 0 RDKit makes one geometry again and again
    if screened and (turns := _chain_torsions(mol)):
        ids.append(_extended(mol, ids[0], turns))
    force_field, energies = _relax(mol, screened=screened)
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


def _chain_torsions(mol: Chem.Mol) -> list[tuple[int, int, int, int]]:
    """Atoms of the torsion along the longest way through each bond between saturated chain atoms."""
    found = []
    for bond in mol.GetBonds():
        ends = bond.GetBeginAtom(), bond.GetEndAtom()
        if bond.IsInRing() or any(a.GetHybridization() != Chem.HybridizationType.SP3 for a in ends):
            continue
        if all(a.GetAtomicNum() == 16 for a in ends):  # a disulfide stands at a right angle
            continue
        first, second = ((_deepest(end, other)) for end, other in (ends, ends[::-1]))
        if first is not None and second is not None:
            found.append((first, ends[0].GetIdx(), ends[1].GetIdx(), second))
    return found


def _deepest(atom: Chem.Atom, away_from: Chem.Atom) -> int | None:
    """The heavy neighbour of `atom` behind which the molecule reaches farthest; None where there is none."""
    mol, blocked = atom.GetOwningMol(), {atom.GetIdx(), away_from.GetIdx()}

    def depth(start: int) -> int:
        seen, edge, steps = {*blocked, start}, [start], 0
        while edge:
            around = {n.GetIdx() for k in edge for n in mol.GetAtomWithIdx(k).GetNeighbors() if n.GetAtomicNum() > 1}
            edge = sorted(around - seen)
            seen |= around
            steps += 1
        return steps

    heavy = [n.GetIdx() for n in atom.GetNeighbors() if n.GetAtomicNum() > 1 and n.GetIdx() not in blocked]
    return max(heavy, key=lambda k: (depth(k), -k), default=None)


def _extended(mol: Chem.Mol, start: int, torsions: list[tuple[int, int, int, int]]) -> int:
    """A new conformer of `mol` like the one with the id `start`, its chains stretched out; returns its id."""
    conformer = Chem.Conformer(mol.GetConformer(start))
    for torsion in torsions:
        rdMolTransforms.SetDihedralDeg(conformer, *torsion, 180.0)
    return int(mol.AddConformer(conformer, assignId=True))


def _relax(mol: Chem.Mol, *, screened: bool = False) -> tuple[str, list[float]]:
    if screened and rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
        properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol)
        properties.SetMMFFDielectricConstant(SCREENING)
        field = rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, properties)
        pairs = rdForceFieldHelpers.OptimizeMoleculeConfs(mol, field, numThreads=1, maxIters=FORCE_FIELD_STEPS)
        return "MMFF94", [float(energy) for _, energy in pairs]
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
