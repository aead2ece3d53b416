"""Geometries of cations for a starting structure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from chemspace import Compound
from oracle import CationRecord

__all__ = ["geometries"]


def geometries(compound: Compound, records: Mapping[str, CationRecord]) -> dict[str, NDArray[np.float64]]:
    """xTB geometries of a compound's cations by InChIKey, shape (atoms, 3), angstrom.

    A cation without a record, or whose record is of another drawing of it (another order of atoms), is left out.
    """
    found: dict[str, NDArray[np.float64]] = {}
    for cation, _ in compound.cation_counts:
        record = records.get(cation.inchikey)
        if record is not None and record.geometry and record.smiles == cation.smiles:
            found[cation.inchikey] = _coordinates(record.geometry.splitlines()[2:])
    return found


def _coordinates(lines: Iterable[str]) -> NDArray[np.float64]:
    """Positions of an XYZ block's atoms."""
    return np.array([[float(value) for value in line.split()[1:4]] for line in lines if line.strip()])
