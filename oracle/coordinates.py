"""The coordinates an optimisation walks in: delocalised internals where a molecule has them, else Cartesian ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from oracle.internals import Internals, build_internals

__all__ = ["Coordinates", "Place", "choose_coordinates"]


class Place(Protocol):
    """One geometry, seen in r coordinates."""

    @property
    def positions(self) -> NDArray[np.float64]:
        """Shape (n, 3), bohr."""
        ...

    def gradient(self, cartesian: NDArray[np.float64]) -> NDArray[np.float64]:
        """A Cartesian gradient, shape (n, 3), in the coordinates, shape (r,)."""
        ...

    def hessian(self, cartesian: NDArray[np.float64]) -> NDArray[np.float64]:
        """A Cartesian Hessian, shape (3n, 3n), of a stationary point, in the coordinates, shape (r, r)."""
        ...

    def cartesian_hessian(self, hessian: NDArray[np.float64]) -> NDArray[np.float64]:
        """A Hessian in the coordinates, shape (r, r), as a Cartesian one, shape (3n, 3n): the inverse of `hessian`."""
        ...

    @property
    def strain(self) -> float:
        """How far a unit step in the coordinates moves the atoms at most; it grows as the coordinates wear out."""
        ...

    def moved(self, change: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions, shape (n, 3), whose coordinates differ by `change`, shape (r,)."""
        ...

    def displacement(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Change of the coordinates on the way to other positions, shape (r,)."""
        ...


class Coordinates(Protocol):
    """A set of coordinates of one molecule."""

    def at(self, positions: NDArray[np.float64]) -> Place:
        """The geometry `positions`, shape (n, 3), bohr, seen in these coordinates."""
        ...

    def rebuilt(self, positions: NDArray[np.float64]) -> Coordinates:
        """Coordinates of the same molecule that suit another geometry, shape (n, 3), bohr."""
        ...


def choose_coordinates(mol: Chem.Mol, positions: NDArray[np.float64]) -> Coordinates:
    """Internals where they can be built at `positions`, shape (n, 3), bohr; else Cartesian coordinates."""
    internals = build_internals(mol, positions)
    return Cartesian() if internals is None else Curved(mol, internals)


@dataclass(frozen=True)
class Cartesian:
    """Positions as they are."""

    def at(self, positions: NDArray[np.float64]) -> CartesianPlace:
        """See Coordinates."""
        return CartesianPlace(positions)

    def rebuilt(self, positions: NDArray[np.float64]) -> Coordinates:
        """See Coordinates."""
        return self


@dataclass(frozen=True)
class CartesianPlace:
    """See Place."""

    positions: NDArray[np.float64]

    def gradient(self, cartesian: NDArray[np.float64]) -> NDArray[np.float64]:
        """See Place."""
        return cartesian.ravel()

    def hessian(self, cartesian: NDArray[np.float64]) -> NDArray[np.float64]:
        """See Place."""
        return cartesian.copy()

    def cartesian_hessian(self, hessian: NDArray[np.float64]) -> NDArray[np.float64]:
        """See Place."""
        return hessian.copy()

    @property
    def strain(self) -> float:
        """See Place."""
        return 1.0

    def moved(self, change: NDArray[np.float64]) -> NDArray[np.float64]:
        """See Place."""
        return self.positions + change.reshape(-1, 3)

    def displacement(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """See Place."""
        return (positions - self.positions).ravel()


@dataclass(frozen=True)
class Curved:
    """Delocalised internals."""

    mol: Chem.Mol
    internals: Internals

    def at(self, positions: NDArray[np.float64]) -> CurvedPlace:
        """See Coordinates."""
        return CurvedPlace(positions, self.internals, self.internals.inverse(positions))

    def rebuilt(self, positions: NDArray[np.float64]) -> Coordinates:
        """See Coordinates."""
        return choose_coordinates(self.mol, positions)


@dataclass(frozen=True)
class CurvedPlace:
    """See Place; `inverse` is the generalised inverse of the coordinates' derivatives, shape (3n, r)."""

    positions: NDArray[np.float64]
    internals: Internals
    inverse: NDArray[np.float64]

    def gradient(self, cartesian: NDArray[np.float64]) -> NDArray[np.float64]:
        """See Place."""
        return cartesian.ravel() @ self.inverse

    def hessian(self, cartesian: NDArray[np.float64]) -> NDArray[np.float64]:
        """See Place."""
        return self.inverse.T @ cartesian @ self.inverse

    def cartesian_hessian(self, hessian: NDArray[np.float64]) -> NDArray[np.float64]:
        """See Place."""
        rows = self.internals.derivatives(self.positions)
        return rows.T @ hessian @ rows

    @property
    def strain(self) -> float:
        """See Place."""
        return float(np.linalg.norm(self.inverse))

    def moved(self, change: NDArray[np.float64]) -> NDArray[np.float64]:
        """See Place."""
        return self.internals.step(self.positions, self.inverse, change)

    def displacement(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """See Place."""
        return self.internals.displacement(self.positions, positions)
