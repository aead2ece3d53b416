"""What the optimiser's settings cost and what they leave: each against the same cations converged ten times tighter.

python -m benchmarks.oracle_convergence [--cations 50]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.oracle_speed import ONE, Start, by_spinscreen, prepare, sample
from benchmarks.timing import cpu_seconds
from oracle.engines.base import ANGSTROM_PER_BOHR, DEBYE_PER_E_BOHR, EV_PER_HARTREE
from oracle.engines.shipped import TbliteEngine
from oracle.optimise import Coordinates, choose_coordinates, force_field_hessian, minimise


@dataclass(frozen=True)
class Setting:
    """Gradient norm (hartree/bohr), accuracy of the gradients on the way (tblite's scale), kind of coordinates."""

    norm: float
    accuracy: float
    internals: bool = True

    def __str__(self) -> str:
        return f"| {self.norm:.0e} | {self.accuracy:g} | {'internal' if self.internals else 'Cartesian'} |"


#: The default stands second; the first is the reference.
SETTINGS = (
    Setting(2e-5, 1.0),
    Setting(ONE.gradient_norm, ONE.step_accuracy),
    Setting(ONE.gradient_norm, 1.0),
    Setting(ONE.gradient_norm, ONE.step_accuracy, internals=False),
    Setting(1e-3, ONE.step_accuracy),
    Setting(1e-4, ONE.step_accuracy),
    Setting(5e-5, ONE.step_accuracy),
)


def main() -> None:
    """Prints one row for each setting: means, and the largest in brackets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cations", type=int, default=50)
    starts = [prepare(cation) for cation in sample(parser.parse_args().cations)]
    by_spinscreen(starts[0])  # the libraries are loaded before any clock starts
    print(
        "| norm | accuracy | coordinates | CPU ms | gradients | energy, microhartree | HOMO, meV | dipole, D | radius |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    reference: NDArray[np.float64] | None = None
    for setting in SETTINGS:
        clock = cpu_seconds()
        ends = [_optimise(start, setting) for start in starts]
        spent = (cpu_seconds() - clock) / len(starts)
        found = np.array([_values(start, positions) for start, (positions, _) in zip(starts, ends, strict=True)])
        reference = found if reference is None else reference
        off = np.abs(found - reference)
        off[:, 0] = found[:, 0] - reference[:, 0]
        cells = [
            f"{mean:.{p}f} ({most:.{p}f})" for mean, most, p in zip(off.mean(0), off.max(0), (1, 1, 3, 3), strict=True)
        ]
        print(f"{setting} {1e3 * spent:.0f} | {np.mean([n for _, n in ends]):.1f} | {' | '.join(cells)} |", flush=True)


def _optimise(start: Start, setting: Setting) -> tuple[NDArray[np.float64], int]:
    conformers = start.conformers
    coordinates = choose_coordinates(conformers.mol, start.positions) if setting.internals else Coordinates()
    optimum = minimise(
        TbliteEngine(step_accuracy=setting.accuracy).session(start.numbers, start.cation.charge),
        coordinates,
        start.positions,
        force_field_hessian(conformers.mol, conformers.ids[0], conformers.force_field),
        gradient_norm=setting.norm,
        max_steps=2 * ONE.max_steps,
    )
    return optimum.positions, optimum.steps


def _values(start: Start, positions: NDArray[np.float64]) -> Sequence[float]:
    """Energy (microhartree), HOMO (meV), dipole about the geometric centre (debye), radius (angstrom)."""
    positions = positions - positions.mean(0)
    point = TbliteEngine().single_point(start.numbers, positions, start.cation.charge)
    extent = np.sqrt(((positions[:, None] - positions[None]) ** 2).sum(-1).max())
    dipole = float(np.linalg.norm(point.dipole)) * DEBYE_PER_E_BOHR
    return 1e6 * point.energy, 1e3 * EV_PER_HARTREE * point.homo, dipole, 0.5 * float(extent) * ANGSTROM_PER_BOHR


if __name__ == "__main__":
    main()
