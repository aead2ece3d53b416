"""Conformers: how far the default's descriptors move with the seed, how low it searches, what it costs.

    python -m benchmarks.oracle_conformers --seeds 10 [--cations 24]
    python -m benchmarks.oracle_conformers --searches [--cations 24]
    python -m benchmarks.oracle_conformers --library
    python -m benchmarks.oracle_conformers --series
    python -m benchmarks.oracle_conformers [--cations 40]

Prints the tables of the docs. With --seeds the share of the library (or of so many cations) whose HOMO and dipole stay
over so many seeds; with --searches each search beside the lowest that any of them found; with --library what the
default costs for the built-in library; with --series its HOMO and dipole along two series of chains; without all these
how many conformers the lowest one in the gas phase needs (edition 1), against 50 conformers, all optimised.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from math import nan

import numpy as np
from rdkit import Chem

from benchmarks.timing import timed
from chemspace.cation import Cation
from chemspace.library import CationLibrary
from oracle import CationRecord, Protocol, describe
from oracle.compute import build_molecule, turn
from oracle.engines.base import ANGSTROM_PER_BOHR, HARTREE_PER_KCAL_MOL
from oracle.engines.shipped import TbliteEngine

#: Conformers embedded and optimised; the last is the reference.
CHOICES = ((1, 1), (5, 1), (10, 1), (10, 2), (20, 1), (20, 2), (20, 3), (50, 3), (50, 50))

#: The protocol of edition 1.
_GAS = Protocol(conformer_solvent=None, stretch=0.0, n_conformers=20, n_optimised=2)

COLUMNS = ("homo_ev", "lumo_ev", "dipole_debye", "polarizability_bohr3", "radius_angstrom")


def main() -> None:
    """Runs every choice on the same cations, or the default on all, one worker, CPU time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cations", type=int)
    parser.add_argument("--library", action="store_true", help="the whole library with the default, its CPU seconds")
    parser.add_argument("--series", action="store_true", help="alkylammonium and alkanediammonium chains")
    parser.add_argument("--seeds", type=int, help="seeds of the embedding that are compared")
    parser.add_argument("--searches", action="store_true", help="searches in a polar solvent, length counted in")
    asked = parser.parse_args()
    if asked.library:
        print(_library())
    elif asked.series:
        _series()
    elif asked.seeds:
        _seeds(asked.cations, asked.seeds)
    elif asked.searches:
        _searches(_sample(asked.cations or 24))
    else:
        _choices(_sample(asked.cations or 40))


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


def _seeds(count: int | None, seeds: int) -> None:
    cations = sorted((c for c in CationLibrary.builtin() if c.is_organic), key=lambda cation: cation.inchikey)
    if count is not None:
        cations = [cations[round(k)] for k in np.linspace(3, len(cations) - 4, count)]
    values: dict[str, list[tuple[float, float]]] = {cation.inchikey: [] for cation in cations}
    seeded = [cation for cation in cations if len({_start(cation, seed) for seed in (1, 2)}) > 1]
    for seed in range(1, seeds + 1):  # equal start geometries have equal records, so these are computed once
        for record in describe(cations if seed == 1 else seeded, Protocol(seed=seed)):
            values[record.inchikey].append((record.homo_ev or nan, record.dipole_debye or nan))
    moved = {c: np.ptp(np.array(values[c.inchikey]), axis=0) for c in cations}
    others = {c: span for c, span in moved.items() if not (span <= (0.05, 0.3)).all()}
    homo = sum(bool(span[0] <= 0.05) for span in moved.values())
    print(f"{1 - len(others) / len(cations):.1%} of {len(cations)} cations keep HOMO within 0.05 eV and dipole within")
    print(f"0.3 D over {seeds} seeds, {homo} the HOMO; {len(cations) - len(seeded)} start alike from all seeds")
    print("others: " + ", ".join(f"{c.abbreviation} {span[0]:.2f} eV {span[1]:.1f} D" for c, span in others.items()))


def _start(cation: Cation, seed: int) -> bytes:
    """Start geometries of a cation, bit by bit."""
    default = Protocol()
    return turn(build_molecule(cation.smiles), default.n_conformers, seed, default.stretch).positions.tobytes()


#: Searches as layers hold a cation: the default, that of edition 2, and a wide one.
SEARCHES = {
    "turned bonds (default)": Protocol(),
    "24 embedded, 5 optimised (edition 2)": Protocol(conformer_search="embedded"),
    "150 embedded, 12 optimised": Protocol(conformer_search="embedded", n_conformers=150, n_optimised=12),
}


def _searches(cations: Sequence[Cation]) -> None:
    found = {name: timed(lambda p=protocol: describe(cations, p, workers=1)) for name, protocol in SEARCHES.items()}
    worth = np.array([[_worth(record) for record in records] for records, _ in found.values()])
    above = worth - worth.min(axis=0)
    print("| search | mean above the lowest found, kcal/mol | largest | within 0.2 kcal/mol | CPU s a cation |")
    print("|---|---|---|---|---|")
    for (name, (_, seconds)), row in zip(found.items(), above, strict=True):
        held = f"{row.mean():.2f} | {row.max():.2f} | {np.mean(row < 0.2):.0%}"
        print(f"| {name} | {held} | {seconds / len(cations):.2f} |")


def _worth(record: CationRecord) -> float:
    """What decides between conformers, kcal/mol: the energy in DMF less what the length gains."""
    assert record.geometry is not None
    assert record.positions is not None
    table = Chem.GetPeriodicTable()
    numbers = np.array([table.GetAtomicNumber(line.split()[0]) for line in record.geometry.splitlines()[2:]])
    point = TbliteEngine(solvent="dmf").single_point(numbers, record.positions / ANGSTROM_PER_BOHR, record.charge)
    heavy = record.positions[numbers > 1]
    half_length = 0.5 * np.linalg.norm(heavy[:, None] - heavy[None], axis=-1).max()
    return point.energy / HARTREE_PER_KCAL_MOL - Protocol().stretch * half_length


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
