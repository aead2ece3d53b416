"""What computed a result is recorded, and an old result says whether it was the same."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import campaigns.artifacts
from campaigns.artifacts import FLOORS, code_state, package_versions, provenance
from chemspace import CationLibrary


def test_the_provenance_names_packages_code_data_library_and_seed() -> None:
    library = CationLibrary.builtin()
    told = provenance(library, 7)
    assert set(package_versions()) | set(code_state()) < set(told)
    assert told["seed"] == "7"
    assert all(len(told[name]) == 64 for name in ("code_sha256", "library_sha256", "published_sha256"))
    smaller = CationLibrary(list(library)[:-1])
    assert provenance(smaller, 7)["library_sha256"] != told["library_sha256"]
    renamed = [
        dataclasses.replace(cation, abbreviation="ZZZ") if at == 0 else cation for at, cation in enumerate(library)
    ]
    assert provenance(CationLibrary(renamed), 7)["library_sha256"] != told["library_sha256"]


def state_of(root: Path) -> dict[str, str]:
    """`code_state` of the copy of the packages in `root`."""
    code = "import json, campaigns.artifacts as v; print(json.dumps(v.code_state()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The Python files of the four floors, in a folder of their own."""
    source = Path(campaigns.artifacts.__file__).parents[1]
    for floor in FLOORS:
        shutil.copytree(source / floor, tmp_path / floor, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(["git", *identity, *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_clone_names_its_commit_and_how_far_it_is_from_it(copy: Path) -> None:
    outside = state_of(copy)
    assert outside["git_commit"] == "none (not a clone)"
    git(copy, "init", "-q")
    assert state_of(copy)["git_commit"] == "none (not a clone)"  # in somebody's repository, and not part of it
    git(copy, "add", *FLOORS)
    git(copy, "commit", "-qm", "all")
    clean = state_of(copy)
    assert clean == {**outside, "git_commit": git(copy, "rev-parse", "HEAD"), "git_changes": "none"}
    with (copy / "campaigns" / "keys.py").open("a") as file:
        file.write("# changed\n")
    changed = state_of(copy)
    assert (changed["git_commit"], changed["git_changes"]) == (clean["git_commit"], "1 files")
    assert changed["code_sha256"] != clean["code_sha256"]
