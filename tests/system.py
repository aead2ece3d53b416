"""Parts of the system that some tests need: skipped with the reason where absent, a failure where they are demanded."""

from __future__ import annotations

import os
import shutil
from glob import glob

import pytest

#: What to install for each part, as Debian names it.
PACKAGES = {"xtb": "xtb", "chromium": "chromium", "initdb": "postgresql", "pg_ctl": "postgresql"}

#: Where Debian keeps commands that are not on the path.
FURTHER_FOLDERS = "/usr/lib/postgresql/*/bin"


def require(command: str) -> str:
    """Path of `command`; skips the test where it is absent, fails it when SPINSCREEN_REQUIRE_SYSTEM is 1."""
    further = sorted(glob(FURTHER_FOLDERS), reverse=True)
    path = shutil.which(command) or shutil.which(command, path=os.pathsep.join(further))
    if path is not None:
        return path
    reason = f"the command {command!r} is not on this machine (Debian package {PACKAGES.get(command, command)})"
    if os.environ.get("SPINSCREEN_REQUIRE_SYSTEM") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
