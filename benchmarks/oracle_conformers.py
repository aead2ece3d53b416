"""How many conformers the lowest one in the gas phase needs: each choice against 50 conformers, all optimised.

    python -m benchmarks.oracle_conformers [--cations 40]
    python -m benchmarks.oracle_conformers --library
    python -m benchmarks.oracle_conformers --series
    python -m benchmarks.oracle_conformers --seeds 10 [--cations 24]

Prints the tables of the docs. With --library what the default costs for the whole built-in library; with --series the
default's HOMO and dipole along two series of chains; with --seeds by how much they move with the seed, and the CPU of
edition 1 beside it.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from math import nan

import numpy as np

from benchmarks.timing import timed
from chemspace.cation import Cation
from chemspace.library import CationLibrary
from oracle import CationRecord, Protocol, describe

#: Conformers embedded and optimised; the last is the reference.
CHOICES = ((1, 1), (5, 1), (10, 1), (10, 2), (20, 1), (20, 2), (20, 3), (50, 3), (50, 50))

#: The protocol of edition 1.
_GAS = Protocol(conformer_solvent=None, stretch=0.0, n_conformers=20, n_optimised=2)

COLUMNS = ("homo_ev", "lumo_ev", "dipole_debye", "polarizability_bohr3", "radius_angstrom")


def main() -> None:
    """Runs every choice on the same cations, or the default on all, one worker, CPU time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cations", type=int, default=40)
    parser.add_argument("--library", action="store_true", help="the whole library with the default, its CPU seconds")
    parser.add_argument("--series", action="store_true", help="alkylammonium and alkanediammonium chains")
    parser.add_argument("--seeds", type=int, help="seeds of the embedding that are compared")
    asked = parser.parse_args()
    if asked.library:
        print(_library())
    elif asked.series:
        _series()
    elif asked.seeds:
        _seeds(asked.cations, asked.seeds)
    else:
        _choices(_sample(asked.cations))


def _library() -> str:
    default, organic = Protocol(), [cation for cation in CationLibrary.builtin() if cation.is_organic]
    records, seconds = timed(lambda: describe(organic, default, workers=1))
    described = sum(record.ok for record in records)
    return (
        f"{len(organic)} organic cations, {described} described, {default.n_conformers} embedded and "
        f"{default.n_optimised} optimised: {seconds:.0f} CPU s, {os.getloadavg()[0]:.1f} load average"
    )


def _series() -> None:
    print("| carbon atoms | HOMO, eV | dipole, D | HOMO of the diammonium, eV | its dipole, D |")
    print("|---|---|---|---|---|")
    for n in range(1, 13):
        ions = ["C" * n + "[NH3+]"] + (["[NH3+]" + "C" * n + "[NH3+]"] if n > 1 else [])
        records = describe([Cation.from_smiles(smiles) for smiles in ions], workers=1)
        cells = [f"{value:.2f}" for r in records for value in (r.homo_ev or nan, r.dipole_debye or nan)]
        print(f"| {n} | " + " | ".join(cells + ["", ""] * (2 - len(records))) + " |", flush=True)


def _seeds(count: int, seeds: int) -> None:
    organic = sorted((c for c in CationLibrary.builtin() if c.is_organic), key=lambda cation: cation.inchikey)
    cations = [organic[round(k)] for k in np.linspace(3, len(organic) - 4, count)]
    runs, seconds = [], []
    for seed in range(1, seeds + 1):
        records, spent = timed(lambda seed=seed: describe(cations, Protocol(seed=seed), workers=1))
        runs.append([(record.homo_ev or nan, record.dipole_debye or nan) for record in records])
        seconds.append(spent)
    _, before = timed(lambda: describe(cations, _GAS, workers=1))
    steady = (np.ptp(np.array(runs), axis=0) <= (0.05, 0.3)).all(axis=1)
    kept = "keep HOMO within 0.05 eV and dipole within 0.3 D"
    print(f"{np.mean(steady):.0%} of {count} cations {kept} over {seeds} seeds")
    print("others: " + ", ".join(c.abbreviation for c, held in zip(cations, steady, strict=True) if not held))
    print(f"{np.mean(seconds):.1f} CPU s in place of {before:.1f} for {count} cations")


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
    protocol = replace(_GAS, n_conformers=choice[0], n_optimised=choice[1])
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
