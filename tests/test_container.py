"""The container file: its only step is the script that sets up a new machine, which is run here with stand-ins."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: Stand-ins write down how they were called.
STAND_IN = '#!/bin/sh\necho "$(basename "$0") $*" >> "$CALLS"\n'


def test_the_container_runs_the_script_that_sets_up_a_machine() -> None:
    steps = re.findall(r"^RUN (.+)$", (ROOT / "Containerfile").read_text(encoding="utf-8"), re.M)
    assert steps == ["bash .ci/machine"]


def test_a_new_machine_gets_the_packages_that_are_missing_and_then_spinscreen(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "machine", tmp_path / ".ci")
    (tmp_path / ".ci" / "install").write_text('echo "install $*" >> "$CALLS"\n', encoding="utf-8")
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name in ("apt-get", "sudo"):
        (bin_ / name).write_text(STAND_IN, encoding="utf-8")
    (bin_ / "dpkg-query").write_text('#!/bin/sh\necho "ii  git"\necho "ii  make"\n', encoding="utf-8")
    for path in bin_.iterdir():
        path.chmod(0o755)
    calls = tmp_path / "calls"
    where = {**os.environ, "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}", "CALLS": str(calls), "PYTHON": "python9"}
    subprocess.run(["bash", str(tmp_path / ".ci" / "machine")], env=where, check=True)
    update, install, spinscreen = (line.removeprefix("sudo ") for line in calls.read_text().splitlines())
    assert update == "apt-get update -qq"
    assert install.split("--no-install-recommends ")[1].split() == ["libgomp1", "python3", "python3-venv"]
    assert spinscreen == "install python9 main"


def test_the_readme_names_the_packages_of_the_script() -> None:
    packages = re.findall(r'^packages="(.+)"$', (ROOT / ".ci" / "machine").read_text(encoding="utf-8"), re.M)[0]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(name in readme for name in packages.split() if not name.startswith("python"))
