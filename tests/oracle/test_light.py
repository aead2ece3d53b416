"""Importing the oracle is light, and its workers load neither torch nor pandas."""

from __future__ import annotations

import subprocess
import sys
from ctypes.util import find_library
from pathlib import Path

import pytest

from oracle import workers
from oracle.record import Limits, Protocol
from oracle.workers import THREAD_VARIABLES, WorkerProcess, worker_environment

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("oracle", ("torch", "pandas", "tblite", "dftd4", "pyarrow", "distributed", "pymatgen", "sqlalchemy")),
        ("oracle.compute", ("torch", "pandas", "pyarrow", "distributed", "pymatgen", "sklearn", "scipy")),
    ],
)
def test_an_import_loads_nothing_heavy(module: str, absent: tuple[str, ...]) -> None:
    program = f"import sys, {module}; print(sorted(set({absent!r}) & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.skipif(sys.platform != "linux", reason="the environment of a process is read from /proc")
def test_a_worker_has_one_thread_before_it_imports_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    worker = WorkerProcess(Protocol(), Limits())
    try:
        assert worker.receive() is None  # its word that it is ready
        given = Path(f"/proc/{worker.pid}/environ").read_bytes().split(b"\0")
    finally:
        worker.kill()
    assert {f"{name}=1".encode() for name in THREAD_VARIABLES} <= set(given)


def test_a_worker_gets_the_openblas_of_the_system_and_nothing_that_could_not_replace_a_blas(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    workers._openblas.cache_clear()
    there = find_library("openblas") if sys.platform == "linux" else None
    assert worker_environment().get("LD_PRELOAD") == there
    monkeypatch.setattr(workers, "find_library", lambda name: "libm.so.6")
    workers._openblas.cache_clear()
    assert "LD_PRELOAD" not in worker_environment()
    workers._openblas.cache_clear()
    monkeypatch.setenv("LD_PRELOAD", "libchosen.so")
    assert worker_environment()["LD_PRELOAD"] == "libchosen.so"
