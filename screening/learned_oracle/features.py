"""Features of spacers that a drawing tells: counts of atom environments, and numbers of the whole ion.

Shapes: m spacers, p whole-ion numbers, b bits of the folded fingerprint.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Chem import rdDepictor, rdFingerprintGenerator, rdMolDescriptors, rdPartialCharges
from rdkit.Chem.Scaffolds import MurckoScaffold
from scipy.sparse import csr_matrix

from chemspace.progress import Progress, silent
from oracle.validate import atomic_masses, mean_electronegativity

#: Bits of the folded count fingerprint: Morgan environments of up to two bonds, J. Chem. Inf. Model. 2010, 50, 742,
#: doi 10.1021/ci100050t.
BITS, RADIUS = 2048, 2
#: Spacers that a process works out at once; fewer than these are worked out here, since a process takes a second to
#: start.
_CHUNK, _FEW = 2000, 4000
#: Whole-ion numbers that RDKit counts or sums over atoms.
_NUMBERS = (
    rdMolDescriptors.CalcNumHBD,
    rdMolDescriptors.CalcNumHBA,
    rdMolDescriptors.CalcTPSA,
    rdMolDescriptors.CalcLabuteASA,
    rdMolDescriptors.CalcNumRings,
    rdMolDescriptors.CalcNumAromaticRings,
    rdMolDescriptors.CalcFractionCSP3,
    rdMolDescriptors.CalcHallKierAlpha,
    rdMolDescriptors.CalcKappa1,
    rdMolDescriptors.CalcKappa2,
    rdMolDescriptors.CalcKappa3,
    rdMolDescriptors.CalcChi0v,
    rdMolDescriptors.CalcChi1v,
)
_ELEMENTS = (6, 7, 8, 9, 15, 16, 17, 34, 35, 53)


@dataclass(frozen=True)
class SpacerFeatures:
    """What a drawing tells of m spacers.

    Attributes:
        numbers: whole-ion numbers, shape (m, p): counts, surface, refractivity, shape of the plane drawing.
        counts: how often each atom environment occurs, shape (m, b).
        formula: molar mass (g/mol) and mean Pauling electronegativity, shape (m, 2): descriptors that follow from the
            formula and need no prediction.
    """

    numbers: NDArray[np.float32]
    counts: csr_matrix
    formula: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: NDArray[np.integer[Any]]) -> SpacerFeatures:
        """Those of some spacers, by their positions (r,)."""
        return SpacerFeatures(self.numbers[rows], self.counts[rows], self.formula[rows])


def spacer_features(smiles: Sequence[str], workers: int = 1, progress: Progress | None = None) -> SpacerFeatures:
    """Features of m spacers, the same for any number of workers; about 1 ms of one core each.

    Args:
        smiles: of cations that a library holds.
        workers: processes; few spacers are worked out in this one.
        progress: called with (done, total, note).
    """
    tell, parts = progress or silent, []
    for part in _parts(smiles, workers if len(smiles) > _FEW else 1):
        parts.append(part)
        tell(sum(len(numbers) for numbers, *_ in parts), len(smiles), "spacers read")
    if not parts:
        return SpacerFeatures(
            np.empty((0, _n_numbers()), np.float32), csr_matrix(np.empty((0, BITS), np.float32)), np.empty((0, 2))
        )
    numbers, sizes, bits, counts, formula = (np.concatenate(column) for column in zip(*parts, strict=True))
    start = np.concatenate([[0], np.cumsum(sizes)])
    matrix = csr_matrix((counts, bits, start), shape=(len(smiles), BITS))
    return SpacerFeatures(numbers, matrix, formula)


def scaffold_groups(smiles: Sequence[str]) -> NDArray[np.int64]:
    """A number for each spacer's ring scaffold, shape (m,); those without a ring are told apart by their size.

    Scaffold: rings and what links them, Bemis and Murcko, J. Med. Chem. 1996, 39, 2887, doi 10.1021/jm9602928.
    """
    named: dict[str, int] = {}
    return np.array([named.setdefault(_scaffold(one), len(named)) for one in smiles], dtype=np.int64)


def _scaffold(smiles: str) -> str:
    mol = Chem.MolFromSmiles(smiles)
    scaffold = MurckoScaffold.GetScaffoldForMol(mol)  # type: ignore[no-untyped-call]  # RDKit's Python part
    return Chem.MolToSmiles(scaffold) if scaffold.GetNumAtoms() else f"{mol.GetNumHeavyAtoms()} atoms"


_Part = tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int32], NDArray[np.float32], NDArray[np.float64]]


def _parts(smiles: Sequence[str], workers: int) -> Iterator[_Part]:
    chunks = (smiles[start : start + _CHUNK] for start in range(0, len(smiles), _CHUNK))
    if workers == 1:
        yield from map(_part, chunks)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_part, chunks)


def _part(smiles: Sequence[str]) -> _Part:
    """Numbers, environments a spacer, their bits and counts one spacer after the other, and numbers of the formula."""
    rows, sizes, formula = [], [], []
    bits, counts = list[int](), list[int]()
    with rdBase.BlockLogs():
        for one in smiles:
            mol = Chem.MolFromSmiles(one)
            found = dict(sorted(_generator().GetCountFingerprint(mol).GetNonzeroElements().items()))
            sizes.append(len(found))
            bits += found.keys()
            counts += found.values()
            atoms = np.array([a.GetAtomicNum() for a in mol.GetAtoms()], dtype=np.int64)
            n_h = sum(a.GetTotalNumHs() for a in mol.GetAtoms())
            whole = np.concatenate([atoms, np.ones(n_h, np.int64)])
            formula.append((atomic_masses(whole).sum(), mean_electronegativity(whole)))
            rows.append(_row(mol, atoms))
    return (
        np.array(rows, dtype=np.float32),
        np.array(sizes, dtype=np.int32),
        np.array(bits, dtype=np.int32),
        np.array(counts, dtype=np.float32),
        np.array(formula, dtype=np.float64),
    )


def _row(mol: Chem.Mol, atoms: NDArray[np.int64]) -> list[float]:
    log_p, refractivity = rdMolDescriptors.CalcCrippenDescriptors(mol)
    elements = [float((atoms == z).sum()) for z in _ELEMENTS]
    told = [float(number(mol)) for number in _NUMBERS]
    mass, rotatable = rdMolDescriptors._CalcMolWt(mol), rdMolDescriptors.CalcNumRotatableBonds(mol, False)
    return [log_p, refractivity, mass, rotatable, *elements, *told, *_drawing(mol, atoms)]


def _drawing(mol: Chem.Mol, atoms: NDArray[np.int64]) -> tuple[float, ...]:
    """Charge, and from the plane drawing (angstrom): extent, radius of gyration, distance of the charges' centre from
    that of mass, the dipole of Gasteiger's charges (e angstrom), distance between two charges, and in bonds the mean
    distance of the atoms from the charge and the longest path."""
    rdDepictor.Compute2DCoords(mol)
    flat = mol.GetConformer().GetPositions()[:, :2]
    mass = atomic_masses(atoms) + np.array([a.GetTotalNumHs() for a in mol.GetAtoms()])
    flat = flat - mass @ flat / mass.sum()
    charge = np.array([a.GetFormalCharge() for a in mol.GetAtoms()], dtype=np.float64)
    rdPartialCharges.ComputeGasteigerCharges(mol)
    partial = np.array(
        [a.GetDoubleProp("_GasteigerCharge") + a.GetDoubleProp("_GasteigerHCharge") for a in mol.GetAtoms()]
    )
    positive = np.flatnonzero(charge > 0)
    pair = np.linalg.norm(flat[positive[0]] - flat[positive[-1]]) if len(positive) else 0.0
    bonds = Chem.GetDistanceMatrix(mol)
    far = float(mass @ bonds[positive].mean(axis=0) / mass.sum()) if len(positive) else 0.0
    return (
        charge.sum(),
        np.linalg.norm(flat[:, None] - flat[None], axis=-1).max(),
        float(np.sqrt(mass @ (flat**2).sum(axis=1) / mass.sum())),
        float(np.linalg.norm(charge @ flat)),
        float(np.linalg.norm(np.nan_to_num(partial) @ flat)),
        float(pair),
        far,
        float(bonds.max()),
    )


def _n_numbers() -> int:
    return len(_row(mol := Chem.MolFromSmiles("C[NH3+]"), np.array([a.GetAtomicNum() for a in mol.GetAtoms()])))


@cache
def _generator() -> Any:
    return rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)
