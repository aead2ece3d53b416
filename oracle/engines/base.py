"""The small interface every engine serves: a session on one molecule, and single points in it.

Atomic units throughout: bohr, hartree, elementary charges, with the factors to the units of the descriptor columns
(CODATA 2018). The letter n counts the atoms, o the orbitals. What an engine would accept silently and answer wrongly
is refused here, before it is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from oracle.errors import InputError

__all__ = ["EV_PER_HARTREE", "Session", "SinglePoint"]


#: CODATA 2018, doi 10.1103/RevModPhys.93.025010.
ANGSTROM_PER_BOHR = 0.529177210903
EV_PER_HARTREE = 27.211386245988

#: e a0 = 8.4783536255e-30 C m (CODATA 2018) over 1 debye = 1e-21 / 299792458 C m (exact).
DEBYE_PER_E_BOHR = 8.4783536255e-30 * 299792458 / 1e-21

#: 1 kcal = 4184 J (exact), the hartree 4.3597447222071e-18 J and the Avogadro constant 6.02214076e23 (CODATA 2018).
HARTREE_PER_KCAL_MOL = 4184.0 / (4.3597447222071e-18 * 6.02214076e23)


#: Pauling electronegativities as tabulated in the CRC Handbook of Chemistry and Physics ("Electronegativity",
#: section 9, after L. Pauling, The Nature of the Chemical Bond, 3rd ed. 1960, and A. L. Allred, doi
#: 10.1016/0022-1902(61)80142-5). Elements that occur in organic cations.
PAULING = {
    1: 2.20, 3: 0.98, 5: 2.04, 6: 2.55, 7: 3.04, 8: 3.44, 9: 3.98, 11: 0.93, 12: 1.31, 13: 1.61, 14: 1.90, 15: 2.19,
    16: 2.58, 17: 3.16, 19: 0.82, 30: 1.65, 31: 1.81, 32: 2.01, 33: 2.18, 34: 2.55, 35: 2.96, 37: 0.82, 49: 1.78,
    50: 1.96, 51: 2.05, 52: 2.10, 53: 2.66, 55: 0.79,
}  # fmt: skip


def atomic_masses(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Standard atomic mass of each atom, shape (n,), g/mol."""
    table = Chem.GetPeriodicTable()
    return np.array([table.GetAtomicWeight(int(z)) for z in numbers])


def mean_electronegativity(numbers: NDArray[np.int64]) -> float:
    """Mean Pauling electronegativity of atomic numbers, shape (n,). InputError for one outside the table."""
    unknown = sorted({int(z) for z in numbers} - PAULING.keys())
    if unknown:
        raise InputError(
            f"no Pauling electronegativity for atomic number {unknown[0]}; organic cations have none of it"
        )
    return float(np.mean([PAULING[int(z)] for z in numbers]))


#: Largest ion accepted, hydrogens included: far above any spacer, far below what would fill a worker's memory.
MAX_ATOMS = 200

#: GFN1- and GFN2-xTB are parametrised up to radon (doi 10.1021/acs.jctc.8b01176).
MAX_ATOMIC_NUMBER = 86

#: Atoms nearer than this part of their summed covalent radii lie on top of each other.
OVERLAP = 0.5


def validate_molecule(mol: Chem.Mol, charge: int) -> None:
    """Checks a molecule with explicit hydrogens. Raises InputError for a radical, parts, size, charge or element."""
    parts = len(Chem.GetMolFrags(mol))
    if parts != 1:
        raise InputError(f"the SMILES describes {parts} separate parts; give one connected cation")
    radicals = [a for a in mol.GetAtoms() if a.GetNumRadicalElectrons()]
    if radicals:
        named = ", ".join(f"{a.GetSymbol()}{a.GetIdx()}" for a in radicals)
        raise InputError(f"unpaired electrons on {named}; the oracle computes closed-shell cations only")
    actual = Chem.GetFormalCharge(mol)
    if actual != charge:
        raise InputError(f"the SMILES carries charge {actual:+d}, but {charge:+d} was stated")
    _check_composition(np.array([a.GetAtomicNum() for a in mol.GetAtoms()], dtype=np.int64), charge)


def validate_geometry(numbers: NDArray[np.int64], positions: NDArray[np.float64], charge: int) -> None:
    """Checks one geometry, positions in bohr, shape (n, 3). Raises InputError if shapes disagree, a coordinate is not
    finite, atoms overlap, the number of electrons is odd, the charge is fractional, or there are too many atoms or an
    unknown element."""
    if positions.shape != (len(numbers), 3):
        raise InputError(f"{len(numbers)} atoms need positions of shape ({len(numbers)}, 3), not {positions.shape}")
    if not np.isfinite(positions).all():
        raise InputError("the positions hold a number that is not finite")
    _check_composition(numbers, charge)
    if len(numbers) > 1:
        _check_distances(numbers, positions * ANGSTROM_PER_BOHR)


def _check_composition(numbers: NDArray[np.int64], charge: int) -> None:
    if len(numbers) == 0:
        raise InputError("there are no atoms")
    if len(numbers) > MAX_ATOMS:
        raise InputError(f"{len(numbers)} atoms; the oracle takes at most {MAX_ATOMS}, hydrogens included")
    if numbers.min() < 1 or numbers.max() > MAX_ATOMIC_NUMBER:
        raise InputError(f"atomic number {numbers.max()}; xTB knows 1 (H) to {MAX_ATOMIC_NUMBER} (Rn)")
    if float(charge) != int(charge):
        raise InputError(f"charge {charge} is not a whole number")
    electrons = int(numbers.sum()) - int(charge)
    if electrons % 2 or electrons < 2:
        raise InputError(f"{electrons} electrons at charge {int(charge):+d}: a radical, or a wrong charge")


def _check_distances(numbers: NDArray[np.int64], positions: NDArray[np.float64]) -> None:
    distance, ratio = _distances(numbers, positions)
    np.fill_diagonal(ratio, np.inf)
    if ratio.min() < OVERLAP:
        i, j = sorted(int(k) for k in np.unravel_index(np.argmin(ratio), ratio.shape))
        raise InputError(f"atoms {i} and {j} lie on top of each other, {distance[i, j]:.3f} angstrom apart")


def _distances(
    numbers: NDArray[np.int64], positions: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances between atoms, shape (n, n), angstrom, and as parts of their summed covalent radii."""
    radii = _radius_table()[numbers]
    distance = np.sqrt(((positions[:, None] - positions[None]) ** 2).sum(-1))
    return distance, distance / (radii[:, None] + radii[None])


@lru_cache(maxsize=1)
def _radius_table() -> NDArray[np.float64]:
    """Covalent radii as RDKit tabulates them, by atomic number, angstrom."""
    table = Chem.GetPeriodicTable()
    return np.array([table.GetRcovalent(z) for z in range(MAX_ATOMIC_NUMBER + 1)])


#: A bond longer than this many summed covalent radii is broken; two unbonded atoms nearer than the second have bonded.
#: Between the two lies the cage distance of bicyclo[1.1.1]pentane (1.87 angstrom, 1.23 times), which is no bond.
BROKEN, FORMED = 1.3, 1.2


def bond_changes(mol: Chem.Mol, positions: NDArray[np.float64]) -> str | None:
    """What changed from the bonds of `mol`, in words, or None; `positions`: shape (n, 3), bohr, in its order."""
    numbers = np.array([a.GetAtomicNum() for a in mol.GetAtoms()], dtype=np.int64)
    _, ratio = _distances(numbers, positions * ANGSTROM_PER_BOHR)
    bonded = Chem.GetAdjacencyMatrix(mol).astype(bool)
    upper = np.triu(np.ones_like(bonded), 1)
    broken = np.argwhere(bonded & upper & (ratio > BROKEN))
    formed = np.argwhere(~bonded & upper & (ratio < FORMED))
    parts = [_name(mol, pair, "broke") for pair in broken] + [_name(mol, pair, "formed") for pair in formed]
    return "; ".join(parts) or None


def _name(mol: Chem.Mol, pair: NDArray[np.int64], verb: str) -> str:
    i, j = (mol.GetAtomWithIdx(int(k)) for k in pair)
    return f"bond {i.GetSymbol()}{i.GetIdx()}-{j.GetSymbol()}{j.GetIdx()} {verb}"


@dataclass(frozen=True, slots=True)
class SinglePoint:
    """One self-consistent solution."""

    energy: float  #: total energy, hartree
    #: Derivative of the energy, shape (n, 3), hartree/bohr; None where it was not asked for.
    gradient: NDArray[np.float64] | None
    orbital_energies: NDArray[np.float64]  #: shape (o,), hartree, ascending
    occupations: NDArray[np.float64]  #: electrons in each orbital, shape (o,), 0 to 2
    dipole: NDArray[np.float64]  #: electric dipole about the origin of the positions, shape (3,), e bohr
    charges: NDArray[np.float64]  #: partial atomic charges, shape (n,), e; empty where the engine has none

    @property
    def homo(self) -> float:
        """Energy of the highest doubly occupied orbital at zero temperature, hartree."""
        return float(self.orbital_energies[self._n_pairs - 1])

    @property
    def lumo(self) -> float:
        """Energy of the lowest orbital above the HOMO, hartree."""
        return float(self.orbital_energies[self._n_pairs])

    @property
    def electrons_above_homo(self) -> float:
        """Electrons in the LUMO and above, where a method smears them (xTB: 300 K); 0 for a wide gap."""
        return float(self.occupations[self._n_pairs :].sum())

    @property
    def _n_pairs(self) -> int:
        return round(float(self.occupations.sum()) / 2)


class Session(Protocol):
    """Repeated calculations on one molecule; an engine that can keeps its wavefunction between them."""

    def energy_gradient(
        self, positions: NDArray[np.float64], *, tight: bool = False
    ) -> tuple[float, NDArray[np.float64]]:
        """Energy (hartree) and gradient, shape (n, 3), hartree/bohr, at `positions`, shape (n, 3), bohr. `tight` asks
        for the accuracy of a single point; without it an engine may answer faster and a little worse."""

    def single_point(self, positions: NDArray[np.float64]) -> SinglePoint:
        """The converged solution at `positions`, shape (n, 3), bohr."""

    def close(self) -> None:
        """Gives back what the session holds (files, wavefunction)."""


class PointEngine(Protocol):
    """A program that solves one level of theory for a closed-shell molecule at a given geometry."""

    def single_point(self, numbers: NDArray[np.int64], positions: NDArray[np.float64], charge: int) -> SinglePoint:
        """One calculation from a fresh guess: atomic numbers (n,), `positions` (n, 3) in bohr, total charge. Raises
        InputError for what the engine would accept silently and answer wrongly; ConvergenceError if the self-consistent
        field does not converge; EngineError for any other failure."""


class Engine(PointEngine, Protocol):
    """A program that also gives gradients, so that it can optimise."""

    def session(self, numbers: NDArray[np.int64], charge: int) -> Session:
        """Starts work on the molecule of these atomic `numbers`, shape (n,), and total `charge`."""
