"""The tblite engine: sessions, methods, solvents and failures."""

from __future__ import annotations

import pytest

from oracle.engines.registry import d4_polarizability, finite_field_polarizability
from oracle.engines.shipped import TbliteEngine
from oracle.errors import ConvergenceError, EngineError, InputError
from tests.oracle.golden import GOLDEN, Golden

MA = GOLDEN[0]


def test_a_warm_session_ends_where_a_fresh_one_does() -> None:
    engine = TbliteEngine()
    session = engine.session(MA.numbers, MA.charge)
    session.energy_gradient(MA.positions + 0.05)
    session.energy_gradient(MA.positions * 1.02)
    warm, fresh = session.single_point(MA.positions), engine.single_point(MA.numbers, MA.positions, MA.charge)
    assert warm.energy == pytest.approx(fresh.energy, abs=1e-9)
    assert warm.orbital_energies == pytest.approx(fresh.orbital_energies, abs=1e-7)


def test_the_gradient_is_the_derivative_of_the_energy() -> None:
    engine, step = TbliteEngine(), 1e-3
    positions = MA.positions.copy()
    positions[0, 0] += 0.1
    point = engine.single_point(MA.numbers, positions, MA.charge)
    energies = []
    for sign in (1, -1):
        moved = positions.copy()
        moved[0, 0] += sign * step
        energies.append(engine.single_point(MA.numbers, moved, MA.charge).energy)
    assert point.gradient is not None
    assert point.gradient[0, 0] == pytest.approx((energies[0] - energies[1]) / (2 * step), abs=1e-6)


def test_gfn1_is_another_level() -> None:
    first = TbliteEngine("GFN1-xTB").single_point(MA.numbers, MA.positions, MA.charge)
    assert abs(first.energy - MA.energy_hartree) > 0.1


def test_a_solvent_stabilises_a_cation() -> None:
    wet = TbliteEngine(solvent="water").single_point(MA.numbers, MA.positions, MA.charge)
    assert wet.energy < MA.energy_hartree - 0.05


def test_an_unknown_solvent_is_an_engine_error() -> None:
    with pytest.raises(EngineError, match="tblite"):
        TbliteEngine(solvent="beer").single_point(MA.numbers, MA.positions, MA.charge)


def test_a_field_that_does_not_converge_is_an_error_and_the_session_recovers() -> None:
    session = TbliteEngine().session(MA.numbers, MA.charge)
    with pytest.raises(ConvergenceError, match="not converged"):
        session.single_point(3.0 * MA.positions)
    assert session.single_point(MA.positions).energy == pytest.approx(MA.energy_hartree, abs=5e-8)


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)
def test_the_two_polarizabilities_are_the_golden_ones_and_differ(golden: Golden) -> None:
    d4 = d4_polarizability(golden.numbers, golden.positions, golden.charge)
    engine = TbliteEngine()
    field = finite_field_polarizability(
        lambda f: engine.single_point(golden.numbers, golden.positions, golden.charge, field=f).dipole
    )
    assert d4 == pytest.approx(golden.d4_bohr3, abs=0.01)
    assert field == pytest.approx(golden.finite_field_bohr3, abs=0.05)
    assert abs(d4 / field - 1) > 0.01


def test_positions_and_numbers_must_agree() -> None:
    with pytest.raises(InputError, match="shape"):
        TbliteEngine().single_point(MA.numbers, MA.positions[:-1], MA.charge)
