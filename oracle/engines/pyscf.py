"""Hartree-Fock with PySCF on a given geometry: the level of the published descriptor table, for new cations.

The published orbital energies (doi 10.1039/d5sc07406a, level not stated) fit Hartree-Fock with a triple-zeta basis;
xTB's LUMO is another quantity. Coulomb and exchange are density-fitted (def2-universal-jkfit, doi 10.1002/jcc.20702),
which moves the orbital energies of MA and EOA by 0.4 meV at most.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.engines.base import SinglePoint, validate_geometry
from oracle.errors import ConvergenceError, EngineMissingError

#: Elements heavier than krypton carry the effective core potential of the def2 sets (doi 10.1039/b508541a).
FIRST_WITH_CORE_POTENTIAL = 37


class PyscfEngine:
    """Restricted Hartree-Fock energies, orbital energies and dipole; no gradient, so no geometry."""

    def __init__(self, basis: str = "def2-TZVP") -> None:
        self.basis = basis

    def single_point(self, numbers: NDArray[np.int64], positions: NDArray[np.float64], charge: int) -> SinglePoint:
        """One calculation from a fresh guess: `numbers` (n,), `positions` (n, 3) in bohr; no gradient. Raises
        ConvergenceError if the self-consistent field does not converge; others as `PointEngine`."""
        validate_geometry(numbers, positions, charge)
        gto, scf = _modules()
        heavy = bool((numbers >= FIRST_WITH_CORE_POTENTIAL).any())
        mol = gto.M(
            atom=[(int(z), tuple(x)) for z, x in zip(numbers, positions.tolist(), strict=True)],
            unit="Bohr",
            charge=charge,
            basis=self.basis,
            ecp=self.basis if heavy else {},
            verbose=0,
        )
        field: Any = scf.RHF(mol).density_fit()
        field.kernel()
        if not field.converged:
            raise ConvergenceError(
                f"pyscf: Hartree-Fock did not converge in {field.max_cycle} cycles ({len(numbers)} atoms)"
            )
        return SinglePoint(
            energy=float(field.e_tot),
            gradient=None,
            orbital_energies=np.asarray(field.mo_energy),
            occupations=np.asarray(field.mo_occ),
            dipole=np.asarray(field.dip_moment(unit="AU", verbose=0)),
            charges=np.asarray(field.mulliken_pop(verbose=0)[1]),
        )


def _modules() -> tuple[ModuleType, ModuleType]:
    try:
        from pyscf import gto, scf
    except ImportError as error:
        raise EngineMissingError(f"PySCF cannot be loaded ({error}); pip install 'spinscreen[pyscf]'") from error
    return gto, scf
