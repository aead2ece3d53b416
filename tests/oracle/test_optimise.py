"""The optimiser: it finds the golden minima, and says so when it cannot."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from oracle.compute import build_molecule, embed
from oracle.engines.base import bond_changes
from oracle.engines.shipped import TbliteEngine
from oracle.errors import ConvergenceError
from oracle.optimise import Coordinates, Optimum, choose_coordinates, force_field_hessian, minimise


def relax(smiles: str, charge: int, *, cartesian: bool = False, max_steps: int = 200) -> Optimum:
    mol = build_molecule(smiles)
    start = embed(mol, 1, 42)
    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()], dtype=np.int64)
    coordinates = Coordinates() if cartesian else choose_coordinates(mol, start.positions[0])
    return minimise(
        TbliteEngine().session(numbers, charge),
        coordinates,
        start.positions[0],
        force_field_hessian(mol, start.ids[0], start.force_field),
        gradient_norm=2e-4,
        max_steps=max_steps,
    )


@pytest.mark.parametrize(
    ("smiles", "charge", "energy"),
    [("C[NH3+]", 1, -7.666304553), ("NC(N)=[NH2+]", 1, -13.561863044), ("[NH3+]Cc1cccs1", 1, -20.490010281)],
)
def test_it_finds_the_golden_minimum(smiles: str, charge: int, energy: float) -> None:
    found = relax(smiles, charge)
    assert found.energy == pytest.approx(energy, abs=5e-6)
    assert found.gradient_norm < 2e-4


def test_internals_need_fewer_steps_than_cartesian_coordinates_and_end_as_low() -> None:
    turning = "C[C@H]([NH3+])c1ccc(Cl)cc1"
    curved, straight = relax(turning, 1), relax(turning, 1, cartesian=True)
    assert curved.steps < 0.7 * straight.steps
    assert curved.energy < straight.energy + 5e-6


def test_a_nitrile_is_optimised_too() -> None:
    assert relax("N#CC[NH3+]", 1).gradient_norm < 2e-4


def test_coordinates_that_wear_out_on_a_long_way_are_built_anew() -> None:
    # The ester folds over by more than a right angle; with the coordinates of the start it gets stuck 5 mEh higher.
    assert relax("CCCCOc1cc(C(=O)OCC[NH+](CC)CC)ccc1N", 1).energy < -68.864


def test_a_start_hessian_that_is_wrong_costs_steps_and_nothing_else() -> None:
    mol = build_molecule("C[NH3+]")
    start = embed(mol, 1, 42)
    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()], dtype=np.int64)
    found = minimise(
        TbliteEngine().session(numbers, 1),
        choose_coordinates(mol, start.positions[0]),
        start.positions[0],
        -0.3 * np.eye(3 * len(numbers)),
        gradient_norm=2e-4,
        max_steps=100,
    )
    assert found.energy == pytest.approx(-7.666304553, abs=5e-6)


def test_too_few_steps_are_an_error_that_says_how_far_it_came() -> None:
    with pytest.raises(ConvergenceError, match=r"did not converge in 3 steps \(gradient norm"):
        relax("OCC[NH3+]", 1, max_steps=3)


class Cliff:
    """A session that fails wherever the first atom is moved further than a little."""

    def __init__(self, start: NDArray[np.float64]) -> None:
        self.start, self.calls = start, 0

    def energy_gradient(
        self, positions: NDArray[np.float64], *, tight: bool = False
    ) -> tuple[float, NDArray[np.float64]]:
        self.calls += 1
        moved = positions - self.start
        if np.abs(moved).max() > 0.05:
            raise ConvergenceError("no electrons settle here")
        aim = np.zeros_like(moved)
        aim[0, 0] = 0.04
        return float(0.5 * ((moved - aim) ** 2).sum()), moved - aim


def test_a_step_off_the_cliff_is_taken_back_and_shortened() -> None:
    start = np.zeros((2, 3))
    session = Cliff(start)
    found = minimise(
        session,  # type: ignore[arg-type]  # only the method that the optimiser calls
        Coordinates(),
        start,
        0.05 * np.eye(6),
        gradient_norm=1e-5,
        max_steps=60,
    )
    assert found.positions[0, 0] == pytest.approx(0.04, abs=1e-4)


def test_carbons_that_a_cage_holds_close_together_are_not_bonded() -> None:
    bicyclopentyl = "[NH3+]C12CC(C1)C2"  # 1.87 angstrom across the cage
    assert bond_changes(build_molecule(bicyclopentyl), relax(bicyclopentyl, 1).positions) is None


def test_a_moved_proton_is_named() -> None:
    mol = build_molecule("NCC[NH3+]")
    positions = embed(mol, 1, 42).positions[0]
    assert bond_changes(mol, positions) is None
    hydrogen = next(a.GetIdx() for a in mol.GetAtomWithIdx(3).GetNeighbors() if a.GetAtomicNum() == 1)
    moved = positions.copy()
    moved[hydrogen] = moved[0] + np.array([0.0, 0.0, 1.9])
    changes = bond_changes(mol, moved)
    assert changes is not None
    assert f"bond N3-H{hydrogen} broke" in changes
    assert f"bond N0-H{hydrogen} formed" in changes
