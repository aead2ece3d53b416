"""Cations of a store whose HOMO and LUMO nearly meet: whether that is charge transfer, a dye, or a wrong field.

    python benchmarks/oracle_gaps.py --store amines.db [--below 0.5]

For each: the gap from a fresh guess, by the xtb command and in ALPB water; how many electrons sit above the HOMO, how
much of HOMO and LUMO shares the same atoms (0 to 1), and how far apart they lie.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from oracle import CationRecord, OracleStore
from oracle.engines.base import ANGSTROM_PER_BOHR, EV_PER_HARTREE
from oracle.engines.shipped import TbliteEngine, XtbCommandEngine

#: Shared population below which a pair of orbitals counts as charge transfer.
SEPARATE = 0.2


def main() -> None:
    """Prints one row for each such cation, and counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--below", type=float, default=0.5)
    options = parser.parse_args()
    with OracleStore(options.store) as store:
        records = [record for record in store if record.ok]
    small = sorted((r for r in records if (r.gap_ev or 0.0) < options.below), key=lambda r: r.gap_ev or 0.0)
    print("| cation | gap, eV | xtb command | in water | electrons above | shared | apart, angstrom |")
    print("|---|---|---|---|---|---|---|")
    rows = np.array([_row(record) for record in small]).reshape(-1, 6)
    for record, row in zip(small, rows, strict=True):
        print(f"| `{record.smiles}` | " + " | ".join(f"{value:.2f}" for value in row) + " |")
    apart, wider = (rows[:, 4] < SEPARATE).sum(), (rows[:, 2] >= options.below).sum()
    differs = np.abs(rows[:, 0] - rows[:, 1]).max(initial=0.0)
    print(
        f"{len(small)} of {len(records)} cations; the xtb command differs by {differs:.0e} "
        f"eV at most; {apart} share less than {SEPARATE}; {wider} have a wider gap in water"
    )


def _row(record: CationRecord) -> list[float]:
    numbers, positions = _geometry(record)
    tblite = TbliteEngine().single_point(numbers, positions, record.charge)
    others = [
        engine.single_point(numbers, positions, record.charge)
        for engine in (XtbCommandEngine(), TbliteEngine(solvent="water"))
    ]
    gaps = [(point.lumo - point.homo) * EV_PER_HARTREE for point in (tblite, *others)]
    return [*gaps, tblite.electrons_above_homo, *_frontier(numbers, positions, record.charge)]


def _geometry(record: CationRecord) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    table = Chem.GetPeriodicTable()
    rows = [line.split() for line in (record.geometry or "").splitlines()[2:]]
    numbers = np.array([table.GetAtomicNumber(row[0]) for row in rows], dtype=np.int64)
    return numbers, np.array([[float(word) for word in row[1:]] for row in rows]) / ANGSTROM_PER_BOHR


def _frontier(numbers: NDArray[np.int64], positions: NDArray[np.float64], charge: int) -> tuple[float, float]:
    """Population that HOMO and LUMO share, and the distance between their centres, angstrom."""
    from tblite.interface import Calculator

    calculator = Calculator("GFN2-xTB", numbers, positions, charge=float(charge))
    calculator.set("verbosity", 0)
    calculator.set("save-integrals", 1)
    result = calculator.singlepoint()
    atom = np.array(calculator.get("shell-map"))[np.array(calculator.get("orbital-map"))]
    pairs = round(float(result.get("orbital-occupations").sum()) / 2)
    orbitals, overlap = result.get("orbital-coefficients"), result.get("overlap-matrix")
    homo, lumo = (
        np.bincount(atom, orbitals[:, k] * (overlap @ orbitals[:, k]), minlength=len(numbers))
        for k in (pairs - 1, pairs)
    )
    shared = np.minimum(homo, lumo).clip(0.0).sum()
    return float(shared), float(np.linalg.norm((homo - lumo) @ positions)) * ANGSTROM_PER_BOHR


if __name__ == "__main__":
    main()
