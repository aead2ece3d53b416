"""Single points in a process of their own: answers, errors and limits come back."""

from __future__ import annotations

import pytest

from oracle.errors import ConvergenceError, InputError, TimeLimitError
from oracle.record import Limits, PointTask, Protocol
from oracle.workers import WorkerProcess, isolated_single_point
from tests.oracle.golden import GOLDEN

MA = GOLDEN[0]
LARGEST = max(GOLDEN, key=lambda golden: len(golden.numbers))


def test_the_answer_is_that_of_the_engine() -> None:
    point = isolated_single_point(Protocol(), MA.numbers, MA.positions, MA.charge)
    assert point.energy == pytest.approx(MA.energy_hartree, abs=5e-8)


def test_errors_of_the_engine_arrive_with_their_type() -> None:
    with pytest.raises(InputError, match="electrons"):
        isolated_single_point(Protocol(), MA.numbers, MA.positions, 0)
    with pytest.raises(ConvergenceError, match="not converged"):
        isolated_single_point(Protocol(), MA.numbers, 3.0 * MA.positions, MA.charge)


def test_a_calculation_over_its_limit_is_stopped() -> None:
    pulled_apart = 5.0 * LARGEST.positions  # every step of the self-consistent field is taken, and none settles it
    with pytest.raises(TimeLimitError, match=r"0\.05 s"):
        isolated_single_point(Protocol(), LARGEST.numbers, pulled_apart, LARGEST.charge, Limits(seconds=0.05))


def test_the_start_of_the_process_does_not_count_against_the_limit() -> None:
    worker = WorkerProcess(Protocol(), Limits(seconds=0.2))
    try:
        worker.submit(PointTask(MA.numbers, MA.positions, MA.charge))
        assert worker.receive() is None  # its word that it is ready, after more than the limit
        assert worker.overrun() is None
    finally:
        worker.kill()
