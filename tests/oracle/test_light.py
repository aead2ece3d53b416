"""Importing the oracle is light, and its workers load neither torch nor pandas."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from oracle.protocol import Protocol
from oracle.record import Limits
from oracle.workers import THREAD_VARIABLES, WorkerProcess

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("oracle", ("torch", "pandas", "tblite", "dftd4", "pyarrow", "distributed", "pymatgen", "sqlalchemy")),
        ("oracle.worker", ("torch", "pandas", "pyarrow", "distributed", "pymatgen", "sklearn", "scipy")),
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
