"""Speed of the oracle against the xtb command, ASE and geomeTRIC on the same cations in the same run, CPU time.

    python -m benchmarks.oracle_speed [--cations 50] [--parts optimise way workers lookups]
    python -m benchmarks.oracle_speed --parts optimise --cations 400 --against "xtb --opt tight"

The second is the whole library against one opponent. All run in the environment of the oracle's workers; with
LD_PRELOAD= (empty) before the command, without the system's OpenBLAS. Needs the xtb command (Debian: apt install xtb),
ASE and geomeTRIC (pip install ase geometric) for its opponents.
"""

# ruff: noqa: E402  the thread counts must stand in the environment before a numerical library is loaded

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import numpy as np
from numpy.typing import NDArray

from benchmarks.oracle_basins import same_conformer
from benchmarks.timing import cpu_seconds, timed
from chemspace.cation import Cation
from chemspace.library import CationLibrary
from oracle import OracleStore, Protocol, describe
from oracle.compute import Conformers, build_molecule, compute, embed
from oracle.engines.base import ANGSTROM_PER_BOHR, EV_PER_HARTREE, atomic_masses
from oracle.engines.registry import d4_polarizability
from oracle.engines.shipped import TbliteEngine
from oracle.optimise import choose_coordinates, force_field_hessian, minimise
from oracle.record import Task
from oracle.workers import worker_environment

ONE = Protocol(n_conformers=1, n_optimised=1)

PARTS = ("optimise", "way", "workers", "lookups")

#: Microhartree by which ours may be higher before the cation is named.
HIGHER = 2.0


@dataclass(frozen=True)
class Start:
    """One cation at its force-field geometry: what every optimiser is given."""

    cation: Cation
    conformers: Conformers
    numbers: NDArray[np.int64]

    @property
    def positions(self) -> NDArray[np.float64]:
        return self.conformers.positions[0]


def main() -> None:
    """Runs the parts asked for and prints one table each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cations", type=int, default=50)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    opponents = list(optimisers())[1:]
    parser.add_argument("--against", nargs="+", choices=opponents, default=opponents)
    options = parser.parse_args()
    cations = sample(options.cations)
    run: dict[str, Callable[[], None]] = {
        "optimise": lambda: _optimise(cations, options.against),
        "way": lambda: _way(cations),
        "workers": lambda: _workers(cations),
        "lookups": lambda: _lookups(cations),
    }
    for part in options.parts:
        run[part]()


def sample(count: int) -> list[Cation]:
    """Mono- and dications spread evenly over the library, in the order of their InChIKeys."""
    organic = sorted((c for c in CationLibrary.builtin() if c.is_organic), key=lambda cation: cation.inchikey)
    return [organic[round(k)] for k in np.linspace(0, len(organic) - 1, min(count, len(organic)))]


def prepare(cation: Cation) -> Start:
    mol = build_molecule(cation.smiles)
    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()], dtype=np.int64)
    return Start(cation, embed(mol, 1, ONE.seed), numbers)


def _optimise(cations: Sequence[Cation], against: Sequence[str]) -> None:
    starts = [prepare(cation) for cation in cations]
    by_spinscreen(starts[0])  # the libraries are loaded before any clock starts
    spent, ends = _in_turn(["spinscreen", *against], starts)
    print(f"\nOptimisation of {len(starts)} cations from the same geometries, each by all in turn; preloaded: ", end="")
    print(f"{os.environ.get('LD_PRELOAD') or 'nothing'}; energies above ours in microhartree")
    print(
        "| optimiser | CPU ms a cation | times ours | median of a cation | mean energy | median | same conformer "
        "| mean energy of those | lowest of those | ours higher by over 2 |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    own, ours = spent["spinscreen"], ends["spinscreen"]
    base = np.array([energy(start, end) for start, end in zip(starts, ours, strict=True)])
    print(f"| spinscreen | {1e3 * own.mean():.0f} | 1 | 1 | 0 | 0 | {len(starts)} | 0 | 0 | 0 |", flush=True)
    for name in against:
        theirs = spent[name]
        above = 1e6 * (np.array([energy(start, end) for start, end in zip(starts, ends[name], strict=True)]) - base)
        pairs = zip(starts, ours, ends[name], strict=True)
        same = np.array([same_conformer(start.conformers.mol, a, b) for start, a, b in pairs])
        print(
            f"| {name} | {1e3 * theirs.mean():.0f} | {theirs.mean() / own.mean():.1f} | {np.median(theirs / own):.1f} "
            f"| {above.mean():.1f} | {np.median(above):.1f} | {same.sum()} of {len(same)} | {above[same].mean():.1f} "
            f"| {above[same].min():.1f} | {(above[same] < -HIGHER).sum()} |"
        )
        for k in np.flatnonzero(same & (above < -HIGHER)):
            print(f"<!-- ours is {-above[k]:.1f} microhartree higher: {starts[k].cation.smiles} -->")
        for k in np.flatnonzero(~same):
            print(f"<!-- other conformer: {starts[k].cation.smiles}, {above[k]:.0f} above ours -->", flush=True)


def _in_turn(
    names: Sequence[str], starts: Sequence[Start]
) -> tuple[dict[str, NDArray[np.float64]], dict[str, list[NDArray[np.float64]]]]:
    """CPU seconds of each cation, shape (k,), and where each ended, by contender: one cation by all of them, then the
    next, for a shared machine's speed changes from minute to minute."""
    spent, ends = {name: np.zeros(len(starts)) for name in names}, {name: list[NDArray[np.float64]]() for name in names}
    for place, start in enumerate(starts):
        for name in names:
            end, spent[name][place] = timed(partial(optimisers()[name], start))
            ends[name].append(end)
    return spent, ends


def optimisers() -> dict[str, Callable[[Start], NDArray[np.float64]]]:
    """Contenders by name, ours first: from a start to the optimised positions, shape (n, 3), bohr."""
    return {
        "spinscreen": by_spinscreen,
        "xtb --opt tight": _by_xtb,
        "ASE BFGS": lambda start: _by_ase(start, "BFGS"),
        "ASE LBFGS": lambda start: _by_ase(start, "LBFGS"),
        "ASE BFGSLineSearch": lambda start: _by_ase(start, "BFGSLineSearch"),
        "geomeTRIC": _by_geometric,
    }


def energy(start: Start, positions: NDArray[np.float64]) -> float:
    return TbliteEngine().single_point(start.numbers, positions, start.cation.charge).energy


def by_spinscreen(start: Start) -> NDArray[np.float64]:
    conformers = start.conformers
    return minimise(
        TbliteEngine().session(start.numbers, start.cation.charge),
        choose_coordinates(conformers.mol, start.positions),
        start.positions,
        force_field_hessian(conformers.mol, conformers.ids[0], conformers.force_field),
        gradient_norm=ONE.gradient_norm,
        max_steps=ONE.max_steps,
    ).positions


def _by_xtb(start: Start) -> NDArray[np.float64]:
    with tempfile.TemporaryDirectory() as folder:
        return _xtb(start, Path(folder))


def _xtb(start: Start, folder: Path) -> NDArray[np.float64]:
    symbols = [atom.GetSymbol() for atom in start.conformers.mol.GetAtoms()]
    rows = [
        f"{symbol} {x:.10f} {y:.10f} {z:.10f}"
        for symbol, (x, y, z) in zip(symbols, start.positions * ANGSTROM_PER_BOHR, strict=True)
    ]
    (folder / "start.xyz").write_text("\n".join([str(len(rows)), "", *rows, ""]))
    command = ["xtb", "start.xyz", "--opt", "tight", "--chrg", str(start.cation.charge), "--json"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    lines = (folder / "xtbopt.xyz").read_text().splitlines()[2 : 2 + len(rows)]
    return np.array([[float(word) for word in line.split()[1:4]] for line in lines]) / ANGSTROM_PER_BOHR


def _by_ase(start: Start, name: str) -> NDArray[np.float64]:
    import ase.optimize
    from ase import Atoms
    from tblite.ase import TBLite

    atoms = Atoms(numbers=start.numbers, positions=start.positions * ANGSTROM_PER_BOHR)
    atoms.calc = TBLite(method="GFN2-xTB", charge=start.cation.charge, verbosity=0)
    optimiser: Any = getattr(ase.optimize, name)(atoms, logfile=None)
    optimiser.run(fmax=0.005, steps=1000)  # eV/angstrom; looser settings end higher than xtb's tight
    return np.asarray(atoms.get_positions()) / ANGSTROM_PER_BOHR


def _by_geometric(start: Start) -> NDArray[np.float64]:
    """geomeTRIC (doi 10.1063/1.4952956) in its own coordinates, on the same warm gradients, to ASE's largest force."""
    import logging

    from geometric.engine import Engine
    from geometric.molecule import Molecule
    from geometric.optimize import run_optimizer

    logging.disable(logging.INFO)
    session = TbliteEngine().session(start.numbers, start.cation.charge)

    class Tblite(Engine):  # type: ignore[misc]  # the package has no types
        def calc_new(self, coords: NDArray[np.float64], dirname: str) -> dict[str, Any]:
            energy, gradient = session.energy_gradient(coords.reshape(-1, 3))
            return {"energy": energy, "gradient": gradient.ravel()}

    molecule = Molecule()
    molecule.elem = [atom.GetSymbol() for atom in start.conformers.mol.GetAtoms()]
    molecule.xyzs = [start.positions * ANGSTROM_PER_BOHR]
    with tempfile.TemporaryDirectory() as folder:
        # GAU, its default set, ends on energy, both forces and both steps
        converge = ["gmax", "1.0e-4", "grms", "5.0e-5"]
        ended = run_optimizer(
            customengine=Tblite(molecule), input="start.txt", prefix=f"{folder}/run", converge=converge, check=0
        )
    logging.disable(logging.NOTSET)
    return np.asarray(ended.xyzs[-1]) / ANGSTROM_PER_BOHR


def _way(cations: Sequence[Cation]) -> None:
    print(f"\nFrom SMILES to descriptors, one conformer, {len(cations)} cations")
    print("| way | CPU ms a cation | cations a core-second |\n|---|---|---|")
    spent = {}
    for name, run in {"spinscreen": own_way, "with the xtb command": xtb_way}.items():
        clock = cpu_seconds()
        for cation in cations:
            run(cation)
        spent[name] = (cpu_seconds() - clock) / len(cations)
        print(f"| {name} | {1e3 * spent[name]:.0f} | {1 / spent[name]:.1f} |", flush=True)
    print(f"ratio {spent['with the xtb command'] / spent['spinscreen']:.2f}")


def own_way(cation: Cation) -> None:
    record = compute(Task(cation.inchikey, cation.smiles, cation.charge), ONE)
    if not record.ok:
        print(f"{cation.smiles}: {record.error}")


def xtb_way(cation: Cation) -> dict[str, float]:
    """The same descriptors from what xtb prints, with the same conformer and the same D4 model."""
    import json

    start = prepare(cation)
    with tempfile.TemporaryDirectory() as folder:
        positions = _xtb(start, Path(folder))
        answer = json.loads((Path(folder) / "xtbout.json").read_text())
    masses = atomic_masses(start.numbers)
    positions = positions - masses @ positions / masses.sum()
    orbitals, pairs = answer["orbital energies/eV"], round(sum(answer["fractional occupation"]) / 2)
    return {
        "homo_ev": orbitals[pairs - 1],
        "lumo_ev": orbitals[pairs],
        "dipole": float(np.linalg.norm(answer["dipole"])),
        "polarizability_bohr3": d4_polarizability(start.numbers, positions, cation.charge),
        "energy_ev": answer["total energy"] * EV_PER_HARTREE,
    }


def _workers(cations: Sequence[Cation]) -> None:
    print(f"\nWorkers, {len(cations)} cations, wall time (start of the processes included)")
    protocol, spent, used = Protocol(n_conformers=5, n_optimised=1), {}, {}
    for count in (1, 2):
        clock, ticks = time.perf_counter(), cpu_seconds()
        describe(cations, protocol, workers=count)
        spent[count], used[count] = time.perf_counter() - clock, cpu_seconds() - ticks
        print(f"{count} worker(s): {spent[count]:.1f} s, {used[count]:.1f} CPU s of all processes", flush=True)
    print(
        f"two workers do {spent[1] / spent[2]:.2f} times the work of one (load average {os.getloadavg()[0]:.1f}); "
        f"by CPU seconds two idle cores would do {2.0 * used[1] / used[2]:.2f} times"
    )


def _lookups(cations: Sequence[Cation]) -> None:
    with tempfile.TemporaryDirectory() as folder, OracleStore(Path(folder) / "oracle.db") as store:
        (record,) = describe(cations[:1], ONE)
        keys = [f"KEY-{k:06d}" for k in range(20_000)]
        clock = cpu_seconds()
        store.put_many(replace(record, inchikey=key) for key in keys)
        put, clock = cpu_seconds() - clock, cpu_seconds()
        found = store.get_many(keys, ONE)
        got = cpu_seconds() - clock
    print(f"\nStore: {len(keys) / put:,.0f} records written, {len(found) / got:,.0f} looked up in a CPU second")


if __name__ == "__main__":
    if os.environ != (worker := worker_environment()):
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.oracle_speed", *sys.argv[1:]], worker)
    main()
