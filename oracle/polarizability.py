"""Two polarizability models, named apart, for they differ by up to a factor two: D4 atomic model and finite field."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from oracle.errors import EngineError, EngineMissingError

__all__ = ["d4_polarizability", "finite_field_polarizability"]

#: Field of the finite difference, hartree/(e bohr): small against any bond, large against self-consistency noise.
FIELD = 1e-3


def d4_polarizability(numbers: NDArray[np.int64], positions: NDArray[np.float64], charge: int) -> float:
    """Static isotropic polarizability as the sum of D4 atomic ones with equilibrated charges, bohr^3, of atoms (n,) at
    positions (n, 3), bohr. Source: Caldeweyher et al., J. Chem. Phys. 150, 154122 (2019), doi 10.1063/1.5090222.
    Raises EngineMissingError if dftd4 cannot be loaded; EngineError if it fails."""
    try:
        from dftd4.interface import DispersionModel
    except ImportError as error:
        raise EngineMissingError(f"dftd4 cannot be loaded ({error}): pip install dftd4") from error
    try:
        model = DispersionModel(numbers, positions, charge=float(charge))
        return float(model.get_properties()["polarizabilities"].sum())
    except RuntimeError as error:
        raise EngineError(f"dftd4: {str(error).strip()}") from error


def finite_field_polarizability(dipole_in_field: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> float:
    """Static isotropic polarizability, a third of the trace of d(dipole)/d(field), bohr^3. `dipole_in_field`: gives the
    dipole, shape (3,), e bohr, in a uniform field, shape (3,), hartree/(e bohr)."""
    trace = 0.0
    for axis in range(3):
        field = np.zeros(3)
        field[axis] = FIELD
        trace += float(dipole_in_field(field)[axis] - dipole_in_field(-field)[axis]) / (2.0 * FIELD)
    return trace / 3.0
