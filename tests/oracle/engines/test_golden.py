"""Every engine finds the golden energies, orbital energies and dipoles."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from oracle.engines.base import DEBYE_PER_E_BOHR, EV_PER_HARTREE, SinglePoint
from oracle.engines.shipped import TbliteEngine, XtbCommandEngine
from oracle.errors import ProtocolError
from oracle.record import Limits, PointTask, Protocol
from oracle.workers import WorkerProcess
from tests.oracle.golden import GOLDEN, Golden
from tests.system import require

ROOT = Path(__file__).parents[3]


def check(golden: Golden, point: SinglePoint) -> None:
    assert point.energy == pytest.approx(golden.energy_hartree, abs=5e-8)
    assert point.homo * EV_PER_HARTREE == pytest.approx(golden.homo_ev, abs=2e-4)
    assert point.lumo * EV_PER_HARTREE == pytest.approx(golden.lumo_ev, abs=2e-4)
    assert np.linalg.norm(point.dipole) * DEBYE_PER_E_BOHR == pytest.approx(golden.dipole_debye, abs=3e-3)
    assert point.gradient is not None
    assert np.linalg.norm(point.gradient) < 5e-5  # the geometries are minima
    assert point.charges.sum() == pytest.approx(golden.charge, abs=1e-5)


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)
def test_tblite_finds_the_golden_values(golden: Golden) -> None:
    check(golden, TbliteEngine().single_point(golden.numbers, golden.positions, golden.charge))


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)
def test_the_xtb_command_finds_the_golden_values(golden: Golden) -> None:
    require("xtb")
    check(golden, XtbCommandEngine().single_point(golden.numbers, golden.positions, golden.charge))


ANY_LOCALE = """
from oracle.engines.shipped import XtbCommandEngine
from tests.oracle.golden import GOLDEN
print(XtbCommandEngine().single_point(GOLDEN[0].numbers, GOLDEN[0].positions, GOLDEN[0].charge).energy)
"""


def test_the_xtb_command_is_understood_where_the_locale_knows_no_umlauts() -> None:
    require("xtb")  # it prints the names of its authors
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([sys.executable, "-c", ANY_LOCALE], cwd=ROOT, env=plain, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(GOLDEN[0].energy_hartree, abs=5e-8)


@pytest.fixture(scope="module")
def xtb_python_worker() -> Iterator[WorkerProcess]:
    pytest.importorskip("xtb", reason="xtb-python is an extra for Python below 3.12")
    worker = WorkerProcess(Protocol(engine="xtb-python"), Limits())
    assert worker.receive() is None  # its word that it is ready
    yield worker
    worker.kill()


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)
def test_xtb_python_finds_the_golden_values_in_a_worker(golden: Golden, xtb_python_worker: WorkerProcess) -> None:
    xtb_python_worker.submit(PointTask(golden.numbers, golden.positions, golden.charge))
    point = xtb_python_worker.receive()
    assert isinstance(point, SinglePoint)
    check(golden, point)


def test_xtb_python_refuses_to_start_outside_a_worker() -> None:
    pytest.importorskip("xtb", reason="xtb-python is an extra for Python below 3.12")
    from oracle.engines.shipped import XtbPythonEngine

    with pytest.raises(ProtocolError, match="isolated_single_point"):
        XtbPythonEngine()
