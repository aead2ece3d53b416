"""The golden single points: published-precision results of fourteen cations, with the geometry of each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from oracle.engines.base import ANGSTROM_PER_BOHR

__all__ = ["GOLDEN", "Golden"]


@dataclass(frozen=True)
class Golden:
    """One cation: numbers, shape (n,), positions, shape (n, 3), bohr, and what every engine must find there."""

    name: str
    smiles: str
    charge: int
    numbers: NDArray[np.int64]
    positions: NDArray[np.float64]
    energy_hartree: float
    homo_ev: float
    lumo_ev: float
    dipole_debye: float
    d4_bohr3: float
    finite_field_bohr3: float


def _read() -> tuple[Golden, ...]:
    table = Chem.GetPeriodicTable()
    file = Path(__file__).parent / "data" / "golden_single_points.json"
    molecules = json.loads(file.read_text(encoding="utf-8"))["molecules"]
    out = []
    for molecule in molecules:
        symbols, positions = molecule.pop("symbols"), molecule.pop("positions_angstrom")
        numbers = np.array([table.GetAtomicNumber(symbol) for symbol in symbols], dtype=np.int64)
        out.append(Golden(**molecule, numbers=numbers, positions=np.array(positions) / ANGSTROM_PER_BOHR))
    return tuple(out)


GOLDEN = _read()
