"""Where the ions of an idealised crystal go: upright or bridging spacers, caged cations, and how layers stack."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from chemspace.cation import Cation
from chemspace.conformer import mmff_geometry
from chemspace.crystal.framework import Slab
from chemspace.crystal.pack import Atoms, align, in_plane_shifts, tightest, turns
from chemspace.errors import GeometryError
from chemspace.spacer_geometry import head_atoms

__all__ = ["CLOSEST_CONTACT", "bridging", "in_cage", "ion", "packed_height", "turned_over", "upright"]

#: No two atoms of different ions come nearer than this fraction of the sum of their van der Waals radii. For
#: comparison: N-H...I hydrogen bonds (H...I 2.6 angstrom, radii 3.18) sit at 0.82.
CLOSEST_CONTACT = 0.62
#: What an orientation should reach before a larger tilt is tried, and layers keep when they are brought together.
COMFORTABLE = 0.75
TILTS = (0.0, 15.0, 30.0, 45.0)


def ion(cation: Cation, geometries: Mapping[str, NDArray[np.float64]], seed: int) -> tuple[Atoms, list[int]]:
    """Atoms of a cation and the places of its head atoms.

    Raises:
        GeometryError: if the given geometry has the wrong shape or none can be made.
    """
    mol, points = mmff_geometry(cation, seed=seed)
    if cation.inchikey in geometries:
        points = np.asarray(geometries[cation.inchikey], dtype=np.float64)
        if points.shape != (mol.GetNumAtoms(), 3):
            raise GeometryError(
                f"the geometry of {cation.abbreviation} has shape {points.shape}; it has {mol.GetNumAtoms()} atoms"
            )
    return (tuple(atom.GetSymbol() for atom in mol.GetAtoms()), points), head_atoms(mol)


def in_cage(
    cation: Cation, atoms: Atoms, centre: NDArray[np.float64], inorganic: Atoms, shifts: NDArray[np.float64]
) -> Atoms:
    """A cage cation with its middle on `centre`, shape (3,), turned to keep clear of the halides.

    `shifts`, shape (images, 3), are the translations to the neighbouring cells, angstrom.

    Raises:
        GeometryError: if it comes too near whatever its orientation.
    """
    symbols, points = atoms
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    tried = [turn.apply(points - middle) + centre for turn in turns(12, (0.0, 30.0, 60.0, 90.0), 6)]
    clearances = [tightest((symbols, placed), inorganic, shifts) for placed in tried]
    best = int(np.argmax(np.round(clearances, 6)))
    if clearances[best] < CLOSEST_CONTACT:
        raise GeometryError(f"{cation.abbreviation} is too large for the cage between these octahedra")
    return symbols, tried[best]


def upright(cation: Cation, atoms: Atoms, heads: list[int], layer: Slab, inorganic: Atoms) -> Atoms:
    """A spacer on the upper face: head nitrogen in the middle of the terminal halides, tail up, tilted if need be.

    Raises:
        GeometryError: if it clashes with its neighbours whatever its orientation.
    """
    symbols, points = atoms
    head = heads[0]
    heavy = [place for place, symbol in enumerate(symbols) if symbol != "H"]
    far = max(heavy, key=lambda place: float(np.linalg.norm(points[place] - points[head])))
    standing = points - points[head]
    if far != head:
        standing = align(standing, standing[far])
    foot = np.array([layer.side / 2, layer.side / 2, layer.top])
    best: tuple[float, NDArray[np.float64]] = (0.0, standing + foot)
    for tilt in TILTS:
        for turn in turns(24, (tilt,), 8):
            placed = turn.apply(standing) + foot
            clearance = min(
                tightest((symbols, placed), (symbols, placed), in_plane_shifts(layer.side, with_zero=False)),
                tightest((symbols, placed), inorganic, in_plane_shifts(layer.side, with_zero=True)),
            )
            if clearance > best[0] + 1e-6:
                best = clearance, placed
        if best[0] >= COMFORTABLE:
            break
    _check(cation, best[0], layer)
    return symbols, best[1]


def turned_over(atoms: Atoms, layer: Slab) -> Atoms:
    """The same ion on the lower face: a half turn about x through the middle of the slab, which keeps its hand."""
    symbols, points = atoms
    return symbols, points * np.array([1.0, -1.0, -1.0]) + np.array([0.0, layer.side, layer.top])


def bridging(cation: Cation, atoms: Atoms, heads: list[int], layer: Slab, inorganic: Atoms) -> tuple[Atoms, float]:
    """A dication between two eclipsed slabs, a head in each plane of terminal halides; and the repeat of the layers.

    Raises:
        GeometryError: if it has not two heads, or clashes whatever its orientation.
    """
    symbols, points = atoms
    if len(heads) < 2:
        raise GeometryError(f"{cation.abbreviation} has one charged head; a bridge between layers needs two")
    standing = points - points[heads[0]]
    length = float(np.linalg.norm(standing[heads[1]]))
    standing = align(standing, standing[heads[1]])
    foot = np.array([layer.side / 2, layer.side / 2, layer.top])
    height = layer.top + length
    sides = in_plane_shifts(layer.side, with_zero=True)
    both = np.concatenate([sides, sides + np.array([0.0, 0.0, height])])
    tried = [turn.apply(standing) + foot for turn in turns(72, (0.0,), 1)]
    clearances = [
        min(
            tightest((symbols, placed), (symbols, placed), in_plane_shifts(layer.side, with_zero=False)),
            tightest((symbols, placed), inorganic, both),
        )
        for placed in tried
    ]
    best = int(np.argmax(np.round(clearances, 6)))
    _check(cation, clearances[best], layer)
    return (symbols, tried[best]), height


def packed_height(layer: Slab, atoms: Atoms) -> float:
    """Repeat of layers shifted by half a square each way: as near as they come, going down from no overlap."""
    symbols, points = atoms
    sides = in_plane_shifts(layer.side, with_zero=True)
    sides = np.concatenate([sides, sides + np.array([layer.side, layer.side, 0.0])])
    shift = np.array([layer.side / 2, layer.side / 2, 0.0])

    def fits(height: float) -> bool:
        up = sides + shift + np.array([0.0, 0.0, height])
        return tightest((symbols, points), (symbols, points), up) >= COMFORTABLE

    height = float(np.ptp(points[:, 2])) + 6.0
    for step in (1.0, 0.1):
        while fits(height - step):
            height -= step
    return height


def _check(cation: Cation, clearance: float, layer: Slab) -> None:
    if clearance < CLOSEST_CONTACT:
        raise GeometryError(
            f"{cation.abbreviation} is too bulky for a square of {layer.side:.2f} angstrom: its nearest contact is "
            f"{clearance:.2f} of the van der Waals distance, at least {CLOSEST_CONTACT} is needed"
        )
