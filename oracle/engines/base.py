"""The small interface every engine serves: a session on one molecule, and single points in it.

Atomic units throughout: bohr, hartree, elementary charges. The letter n counts the atoms, o the orbitals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Session", "SinglePoint"]


@dataclass(frozen=True, slots=True)
class SinglePoint:
    """One self-consistent solution. `energy`: total energy, hartree; `gradient`: derivative of the energy, shape (n,
    3), hartree/bohr; None where it was not asked for; `orbital_energies`: shape (o,), hartree, ascending;
    `occupations`: electrons in each orbital, shape (o,), 0 to 2; `dipole`: electric dipole about the origin of the
    positions, shape (3,), e bohr; `charges`: partial atomic charges, shape (n,), e; empty where the engine has none."""

    energy: float
    gradient: NDArray[np.float64] | None
    orbital_energies: NDArray[np.float64]
    occupations: NDArray[np.float64]
    dipole: NDArray[np.float64]
    charges: NDArray[np.float64]

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
