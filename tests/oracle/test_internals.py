"""Delocalised internal coordinates: derivatives, the way back, and molecules that have none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.compute import build_molecule, embed
from oracle.optimise import Internals, build_internals, choose_coordinates

MOL = build_molecule("OCC[NH3+]")
START = embed(MOL, 1, 42).positions[0]


def coordinates() -> Internals:
    built = build_internals(MOL, START)
    assert built is not None
    return built


def test_there_are_as_many_as_degrees_of_freedom() -> None:
    assert coordinates().combination.shape[1] == 3 * MOL.GetNumAtoms() - 6


def test_derivatives_are_those_of_the_displacement() -> None:
    built, step = coordinates(), 1e-5
    rows = built.derivatives(START)
    for k in range(START.size):
        moved = START.copy()
        moved.flat[k] += step
        back = START.copy()
        back.flat[k] -= step
        change = (built.displacement(START, moved) - built.displacement(START, back)) / (2 * step)
        assert change == pytest.approx(rows[:, k], abs=1e-7)


def test_translation_and_rotation_change_nothing() -> None:
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    assert coordinates().displacement(START, START @ turn.T + 3.0) == pytest.approx(0.0, abs=1e-10)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), length=st.floats(0.01, 0.6))
def test_a_step_arrives_where_it_was_sent(seed: int, length: float) -> None:
    built = coordinates()
    change = np.random.default_rng(seed).normal(size=built.combination.shape[1])
    change *= length / np.linalg.norm(change)
    end = built.step(START, built.inverse(START), change)
    assert built.displacement(START, end) == pytest.approx(change, abs=2e-3)


@pytest.mark.parametrize("smiles", ["N#CC[NH3+]", "C#CC[NH3+]"])
def test_a_straight_molecule_is_walked_in_cartesian_coordinates(smiles: str) -> None:
    mol = build_molecule(smiles)
    assert choose_coordinates(mol, embed(mol, 1, 42).positions[0]).internals is None


def test_a_bent_molecule_is_walked_in_internals() -> None:
    assert choose_coordinates(MOL, START).internals is not None
