"""Clashes between sets of atoms, and the turns that ease them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rdkit.Chem import GetPeriodicTable
from scipy.spatial.transform import Rotation

__all__ = ["Atoms", "align", "in_plane_shifts", "tightest", "turns"]

#: Element symbols and coordinates, shape (atoms, 3), angstrom.
Atoms = tuple[Sequence[str], NDArray[np.float64]]

#: Ratio reported where nothing is near.
FAR = 9.0


def tightest(first: Atoms, second: Atoms, shifts: NDArray[np.float64]) -> float:
    """Smallest distance between atoms of `first` and of `second` moved by each of `shifts` (s, 3).

    As a fraction of the sum of van der Waals radii (RDKit's).
    """
    (symbols_a, points_a), (symbols_b, points_b) = first, second
    if not len(symbols_a) or not len(symbols_b) or not len(shifts):
        return FAR
    moved = (points_b[None, :, :] + shifts[:, None, :]).reshape(-1, 3)
    radii = _radii(tuple(symbols_a))[:, None] + np.tile(_radii(tuple(symbols_b)), len(shifts))[None, :]
    distance = np.linalg.norm(points_a[:, None, :] - moved[None, :, :], axis=2)
    return float((distance / radii).min())


def in_plane_shifts(side: float, with_zero: bool) -> NDArray[np.float64]:
    """Translations, shape (8 or 9, 3), to the eight neighbouring squares, and the square itself where asked for."""
    steps = [(i, j, 0.0) for i in (-1, 0, 1) for j in (-1, 0, 1) if with_zero or (i, j) != (0, 0)]
    return np.array(steps, dtype=np.float64) * side


def align(points: NDArray[np.float64], axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """`points`, shape (atoms, 3), turned so that `axis`, shape (3,), points along +z."""
    axis = axis / np.linalg.norm(axis)
    if axis[2] < -0.999999:
        return np.asarray(points * np.array([1.0, -1.0, -1.0]))
    turn, _ = Rotation.align_vectors([[0.0, 0.0, 1.0]], [axis])
    return np.asarray(turn.apply(points))


def turns(spins: int, tilts: Iterable[float], azimuths: int) -> list[Rotation]:
    """Rotations to try: spin about z, then a tilt away from z towards each azimuth (degrees); upright ones first."""
    found = []
    for tilt in tilts:
        for azimuth in np.linspace(0, 360, azimuths if tilt else 1, endpoint=False):
            for spin in np.linspace(0, 360, spins, endpoint=False):
                found.append(Rotation.from_euler("zyz", [spin, tilt, azimuth], degrees=True))
    return found


@lru_cache(maxsize=1024)
def _radii(symbols: tuple[str, ...]) -> NDArray[np.float64]:
    table = GetPeriodicTable()
    return np.array([table.GetRvdw(table.GetAtomicNumber(symbol)) for symbol in symbols])
