"""A PostgreSQL server of the tests' own: made by initdb in a temporary folder, reached by a socket in it alone."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.system import require

_NUMBERS = count(1)


def _owner() -> str | None:
    """Who runs the server: it refuses to be run by root."""
    if os.geteuid() != 0:
        return None
    return next((name for name in ("postgres", "nobody") if any(user.pw_name == name for user in pwd.getpwall())), None)


@pytest.fixture(scope="session")
def server() -> Iterator[Path]:
    """Folder of the socket of a running server."""
    initdb, pg_ctl, owner = require("initdb"), require("pg_ctl"), _owner()
    # Not pytest's folder: another user has to enter it, and a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    data = folder / "data"
    if owner is not None:
        shutil.chown(folder, owner)

    def run(*command: str) -> None:
        with (folder / "output").open("a") as output:  # not a pipe: the server would hold it open
            done = subprocess.run(
                command, cwd=folder, user=owner, stdout=output, stderr=output, timeout=120, check=False
            )
        assert done.returncode == 0, (folder / "output").read_text()

    run(initdb, "-D", str(data), "-U", "lab", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
    settings = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=40"
    run(pg_ctl, "-D", str(data), "-w", "-l", str(folder / "log"), "-o", settings, "start")
    try:
        yield folder
    finally:
        run(pg_ctl, "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture
def address(server: Path) -> str:
    """Address of a schema that no other test uses."""
    return f"postgresql://lab:secret@/postgres?host={server}&schema=campaign_{next(_NUMBERS)}"
