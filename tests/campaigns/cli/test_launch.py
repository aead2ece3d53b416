"""Launch survives being killed: what was finished is not computed again."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from tests.campaigns.conftest import Launched


def start(folder: Path, library: Path, store: Path) -> subprocess.Popen[bytes]:
    description = folder.parent / "described.yaml"
    description.write_text(f"library: {library}\nspace: {{n_layers: [1, 2]}}\nsurrogate: gp\n", encoding="utf-8")
    command = [sys.executable, "-m", "campaigns.cli", "launch", folder, "--config", description]
    environment = os.environ | {"SPINSCREEN_ORACLE_STORE": str(store)}
    return subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )


def finished(store: Path) -> dict[str, float]:
    """Seconds each finished cation took, by InChIKey: equal numbers mean that it was not computed again."""
    if not store.exists():
        return {}
    with sqlite3.connect(store) as connection:
        try:
            return dict(connection.execute("SELECT inchikey, seconds FROM records WHERE status = 'ok'"))
        except sqlite3.OperationalError:  # killed before the table was made
            return {}


def test_a_killed_launch_goes_on_without_computing_finished_cations_again(launched: Launched, tmp_path: Path) -> None:
    store, folder = tmp_path / "oracle.db", tmp_path / "killed"
    process = start(folder, launched.library, store)
    deadline = time.monotonic() + 120
    enough = random.Random(3).randint(3, 10)
    while len(finished(store)) < enough and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)
    before = finished(store)
    assert len(before) >= enough
    assert not (folder / "report.html").exists()
    assert start(folder, launched.library, store).wait(300) == 0
    after = finished(store)
    assert len(after) > len(before)
    assert {key: after[key] for key in before} == before
    assert "Outdated" not in (folder / "report.html").read_text(encoding="utf-8")
