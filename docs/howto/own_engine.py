"""Own engine: another program behind the oracle's interface, driven by the oracle's conformers and optimiser.

Run: python docs/howto/own_engine.py      (needs: pip install "spinscreen[pyscf]")
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before a numerical library is loaded

import numpy as np
from numpy.typing import NDArray
from pyscf import gto, scf

from chemspace import Cation
from oracle.compute import build_molecule, embed
from oracle.engines.base import ANGSTROM_PER_BOHR, EV_PER_HARTREE, SinglePoint
from oracle.errors import ConvergenceError
from oracle.optimise import choose_coordinates, force_field_hessian, minimise

Array = NDArray[np.float64]


class HartreeFock:
    """An engine (`oracle.engines.base.Engine`) on PySCF's restricted Hartree-Fock; atomic units throughout."""

    def __init__(self, basis: str = "sto-3g") -> None:
        self.basis = basis

    def session(self, numbers: NDArray[np.int64], charge: int) -> HartreeFockSession:
        """Work on the molecule of these atomic numbers, shape (n,)."""
        return HartreeFockSession(self.basis, numbers, charge)

    def single_point(self, numbers: NDArray[np.int64], positions: Array, charge: int) -> SinglePoint:
        """One calculation at positions (n, 3), bohr."""
        return self.session(numbers, charge).single_point(positions)


class HartreeFockSession:
    """Calculations on one molecule; each starts from the density of the one before."""

    def __init__(self, basis: str, numbers: NDArray[np.int64], charge: int) -> None:
        self._basis, self._numbers, self._charge = basis, numbers, charge
        self._density: Array | None = None

    def energy_gradient(self, positions: Array, *, tight: bool = False) -> tuple[float, Array]:
        """Energy (hartree) and gradient (n, 3), hartree/bohr, at positions (n, 3), bohr."""
        del tight
        solved = self._solve(positions)
        return float(solved.e_tot), np.asarray(solved.nuc_grad_method().kernel())

    def single_point(self, positions: Array) -> SinglePoint:
        """The converged solution at positions (n, 3), bohr."""
        solved = self._solve(positions)
        dipole = np.asarray(solved.dip_moment(unit="AU", verbose=0))
        return SinglePoint(float(solved.e_tot), None, solved.mo_energy, solved.mo_occ, dipole, np.empty(0))

    def close(self) -> None:
        """Nothing is held outside this process."""

    def _solve(self, positions: Array) -> scf.hf.RHF:
        atoms = [(int(z), tuple(x)) for z, x in zip(self._numbers, positions.tolist(), strict=True)]
        mol = gto.M(atom=atoms, unit="Bohr", charge=self._charge, basis=self._basis, verbose=0)
        solved = scf.RHF(mol)
        solved.kernel(dm0=self._density)
        if not solved.converged:
            raise ConvergenceError("Hartree-Fock did not converge; start from another geometry")
        self._density = solved.make_rdm1()
        return solved


def main() -> None:
    """Optimise one cation with it and print what the oracle would."""
    cation = Cation.from_smiles("C[NH3+]")
    mol = build_molecule(cation.smiles)
    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()], dtype=np.int64)
    conformers = embed(mol, 1, 42)
    start = conformers.positions[0]
    hessian = force_field_hessian(conformers.mol, conformers.ids[0], conformers.force_field)
    session = HartreeFock().session(numbers, cation.charge)
    found = minimise(
        session, choose_coordinates(conformers.mol, start), start, hessian, gradient_norm=1e-3, max_steps=50
    )
    point = session.single_point(found.positions)
    size = np.sqrt(((found.positions[:, None] - found.positions[None]) ** 2).sum(-1).max()) / 2 * ANGSTROM_PER_BOHR
    print(f"{cation.smiles}: energy {point.energy:.5f} hartree, radius {size:.3f} angstrom")
    print(f"HOMO {point.homo * EV_PER_HARTREE:.2f} eV, LUMO {point.lumo * EV_PER_HARTREE:.2f} eV")


if __name__ == "__main__":
    main()
