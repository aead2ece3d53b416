"""Idealised crystals as pages and report draw them: octahedra, and molecules in one piece."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chemspace import Compound
from chemspace.crystal import build_parts
from chemspace.errors import GeometryError

__all__ = ["crystal_scene"]

#: A hydrogen nearer to a carbon than this (angstrom) is bonded to it and left out, so that the head groups are seen.
_CH = 1.25
#: Contact (share of the van der Waals distance) down to which a spacer too wide for the ideal square is drawn in it.
_CROWDED = 0.4


def crystal_scene(compound: Compound, geometries: Mapping[str, NDArray[np.float64]] | None = None) -> dict[str, Any]:
    """What the browser draws, angstrom: two layers of two by two octahedra with what lies between them.

    Args:
        compound: an unmixed compound.
        geometries: of its cations, shape (atoms, 3) each, as `chemspace.crystal.build_structure` takes them.

    Returns:
        lattice (three vectors), reach (half the axis of an octahedron), centres of the octahedra of one layer, cages
        (repeated with every layer), above (what stands on a layer) and below (what hangs from the next one); molecules
        are lists of [symbol, x, y, z]. `is_crowded` where the spacers stand closer than they can.

    Raises:
        GeometryError: for a mixture, or a cation too bulky to be drawn in its place.
    """
    try:
        parts, is_crowded = build_parts(compound, geometries), False
    except GeometryError:
        parts, is_crowded = build_parts(compound, geometries, closest=_CROWDED), True
    symbols, points = parts.inorganic
    centres = np.array([point for symbol, point in zip(symbols, points, strict=True) if symbol == compound.b_site])
    reach = float(np.linalg.norm(points - centres[0], axis=1)[np.array(symbols) != compound.b_site].min())
    middle = float(centres[:, 2].mean())
    above = [_molecule(atoms) for atoms in parts.spacers if atoms[1][:, 2].mean() > middle]
    below = [_molecule(atoms) for atoms in parts.spacers if atoms[1][:, 2].mean() <= middle]
    return {
        "is_crowded": is_crowded,
        "lattice": parts.lattice.round(2).tolist(),
        "reach": round(reach, 2),
        "centres": centres.round(2).tolist(),
        "cages": [_molecule(atoms) for atoms in parts.cages],
        "above": above,
        "below": below,
    }


def _molecule(atoms: tuple[Any, NDArray[np.float64]]) -> list[list[Any]]:
    symbols, points = np.array(atoms[0]), atoms[1]
    carbons = points[symbols == "C"]
    away = np.linalg.norm(points[:, None, :] - carbons[None, :, :], axis=2).min(axis=1, initial=np.inf)
    seen = (symbols != "H") | (away > _CH)
    return [[str(symbol), *point.round(2).tolist()] for symbol, point in zip(symbols[seen], points[seen], strict=True)]
