"""Per-atom data of the descriptors: atomic masses (RDKit) and Pauling electronegativities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from oracle.errors import InputError

__all__ = ["PAULING", "atomic_masses", "mean_electronegativity"]

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
    """Mean Pauling electronegativity over all atoms of these atomic numbers, shape (n,), hydrogens included.

    Raises:
        InputError: for an element outside the table.
    """
    unknown = sorted({int(z) for z in numbers} - PAULING.keys())
    if unknown:
        raise InputError(
            f"no Pauling electronegativity for atomic number {unknown[0]}; organic cations have none of it"
        )
    return float(np.mean([PAULING[int(z)] for z in numbers]))
