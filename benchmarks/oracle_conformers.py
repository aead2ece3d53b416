"""How many conformers a cation needs: each choice against 50 conformers, all optimised. Prints the table of the docs.

    python -m benchmarks.oracle_conformers [--cations 40]
    python -m benchmarks.oracle_conformers --library

With --library what the default costs for the whole built-in library instead.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

import numpy as np

from benchmarks.timing import timed
from chemspace.cation import Cation
from chemspace.library import CationLibrary
from oracle import CationRecord, Protocol, describe

#: Conformers embedded and optimised; the last is the reference.
CHOICES = ((1, 1), (5, 1), (10, 1), (10, 2), (20, 1), (20, 2), (20, 3), (50, 3), (50, 50))

COLUMNS = ("homo_ev", "lumo_ev", "dipole_debye", "polarizability_bohr3", "radius_angstrom")


def main() -> None:
    """Runs every choice on the same cations, or the default on all, one worker, CPU time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cations", type=int, default=40)
    parser.add_argument("--library", action="store_true", help="the whole library with the default, its CPU seconds")
    asked = parser.parse_args()
    if asked.library:
        print(_library())
    else:
        _choices(_sample(asked.cations))


def _library() -> str:
    default, organic = Protocol(), [cation for cation in CationLibrary.builtin() if cation.is_organic]
    records, seconds = _run(organic, (default.n_conformers, default.n_optimised))
    described = sum(record.ok for record in records)
    return (
        f"{len(organic)} organic cations, {described} described, {default.n_conformers} embedded and "
        f"{default.n_optimised} optimised: {seconds:.0f} CPU s, {os.getloadavg()[0]:.1f} load average"
    )


def _choices(cations: Sequence[Cation]) -> None:
    results = {choice: _run(cations, choice) for choice in CHOICES}
    reference = results[CHOICES[-1]][0]
    print("| embedded | optimised | same conformer | " + " | ".join(COLUMNS) + " | CPU s a cation |")
    print("|" + "---|" * (len(COLUMNS) + 4))
    for choice, (records, seconds) in results.items():
        print(_line(choice, records, reference, seconds / len(cations)), flush=True)


def _sample(count: int) -> list[Cation]:
    """Cations spread evenly over the library, in the order of their InChIKeys; those with no freedom are left out."""
    from rdkit.Chem import rdMolDescriptors

    free = [
        cation
        for cation in CationLibrary.builtin()
        if cation.is_organic and rdMolDescriptors.CalcNumRotatableBonds(cation.mol) > 0
    ]
    ordered = sorted(free, key=lambda cation: cation.inchikey)
    return [ordered[round(k)] for k in np.linspace(0, len(ordered) - 1, count)]


def _run(cations: Sequence[Cation], choice: tuple[int, int]) -> tuple[list[CationRecord], float]:
    protocol = Protocol(n_conformers=choice[0], n_optimised=choice[1])
    return timed(lambda: describe(cations, protocol, workers=1))


def _line(
    choice: tuple[int, int], records: Sequence[CationRecord], reference: Sequence[CationRecord], seconds: float
) -> str:
    pairs = [(a, b) for a, b in zip(records, reference, strict=True) if a.ok and b.ok]
    same = np.mean([(a.energy_hartree or 0.0) - (b.energy_hartree or 0.0) < 5e-5 for a, b in pairs])
    cells = []
    for name in COLUMNS:
        moved = np.array([abs(getattr(a, name) - getattr(b, name)) for a, b in pairs])
        cells.append(f"{moved.mean():.3f} ({np.quantile(moved, 0.9):.2f})")
    return f"| {choice[0]} | {choice[1]} | {same:.0%} | " + " | ".join(cells) + f" | {seconds:.2f} |"


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
