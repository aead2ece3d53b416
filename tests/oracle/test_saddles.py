"""Saddle points are recognised and left downhill."""

from __future__ import annotations

import numpy as np
import pytest

from chemspace import Cation
from oracle import Protocol, describe
from oracle.engines.shipped import TbliteEngine
from oracle.optimise import Coordinates, leave_saddles, minimise
from tests.oracle.golden import GOLDEN

MA = GOLDEN[0]


def eclipsed() -> np.ndarray:
    """Methylammonium with its ammonium turned by sixty degrees about the C-N axis."""
    carbon, nitrogen = (int(np.flatnonzero(MA.numbers == z)[0]) for z in (6, 7))
    origin, axis = MA.positions[nitrogen], MA.positions[nitrogen] - MA.positions[carbon]
    axis = axis / np.linalg.norm(axis)
    out = MA.positions.copy()
    for k in np.flatnonzero(MA.numbers == 1):
        arm = MA.positions[k] - origin
        if np.linalg.norm(arm) < 2.2:  # bohr: bound to nitrogen
            angle = np.pi / 3
            turned = arm * np.cos(angle) + np.cross(axis, arm) * np.sin(angle)
            out[k] = origin + turned + axis * (axis @ arm) * (1 - np.cos(angle))
    return out


def test_the_eclipsed_ion_is_a_saddle_and_the_staggered_one_is_reached() -> None:
    session = TbliteEngine().session(MA.numbers, MA.charge)
    stop = {"gradient_norm": 1e-4, "max_steps": 100}
    top = minimise(session, Coordinates(), eclipsed(), np.eye(24), gradient_norm=1e-4, max_steps=100)
    assert top.energy > MA.energy_hartree + 1e-3
    bottom, left = leave_saddles(session, Coordinates(), top, gradient_norm=1e-4, max_steps=100)
    assert left == 1
    assert bottom.energy == pytest.approx(MA.energy_hartree, abs=2e-6)
    again, none = leave_saddles(session, Coordinates(), bottom, **stop)  # type: ignore[arg-type]  # int and float mixed
    assert none == 0
    assert again == bottom


def test_the_protocol_asks_for_it_and_a_minimum_stays_what_it_is() -> None:
    ma = [Cation.from_smiles("C[NH3+]")]
    values = {"n_conformers": 1, "n_optimised": 1}
    (plain,) = describe(ma, Protocol(**values))  # type: ignore[arg-type]  # integers by name
    (followed,) = describe(ma, Protocol(**values, follow_saddles=True))  # type: ignore[arg-type]  # integers by name
    assert followed.energy_hartree == plain.energy_hartree
    assert followed.warnings == ()
