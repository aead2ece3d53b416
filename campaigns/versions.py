"""What computed a result: packages, the code and its git state, seed, library, published data."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chemspace import CationLibrary

__all__ = ["code_state", "package_versions"]

PACKAGES = ("spinscreen", "torch", "botorch", "gpytorch", "numpy", "scipy", "rdkit", "tblite", "dftd4")

#: The four floors, whose files are the code.
FLOORS = ("chemspace", "oracle", "screening", "campaigns")
_ROOT = Path(__file__).parents[1]


def provenance(library: CationLibrary, seed: int) -> dict[str, str]:
    """What a fit was computed with: `package_versions`, `code_state`, seed, library_sha256 (over every cation's name,
    InChIKey, SMILES and role) and published_sha256 (of the published measurements that train)."""
    cations = (f"{c.abbreviation}\t{c.inchikey}\t{c.smiles}\t{c.role}" for c in library)
    published = resources.files("screening").joinpath("data", "published_lifetimes.csv").read_bytes()
    return {
        **package_versions(),
        **code_state(),
        "seed": str(seed),
        "library_sha256": sha256("\n".join(cations).encode()).hexdigest(),
        "published_sha256": sha256(published).hexdigest(),
    }


def package_versions() -> dict[str, str]:
    """Versions of Python and of every package that a number depends on; "absent" where one is not installed."""
    return {"python": python_version()} | {name: _version(name) for name in PACKAGES}


@lru_cache(maxsize=1)
def code_state() -> dict[str, str]:
    """The code this process runs, as it was when first asked.

    Returns:
        code_sha256: over the Python files of the four floors, the same wherever they are installed; git_commit: of the
        clone they lie in, or "none" with the reason; git_changes: how many of their files differ from that commit.
    """
    return {"code_sha256": code_sha256()} | _git_state(_ROOT)


def computed_otherwise(before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether other code, tables or packages compute fits than before, by two records of `provenance`."""
    names = ("code_sha256", "data_sha256", *package_versions())
    return any(name in before and before[name] != now.get(name) for name in names)


@lru_cache(maxsize=1)
def code_sha256() -> str:
    """Hash over the Python files of the four floors."""
    return _hash_of(path for floor in FLOORS for path in (_ROOT / floor).rglob("*.py"))


@lru_cache(maxsize=1)
def data_sha256() -> str:
    """Hash over the tables that come with the floors: measurements, outcomes, cations, prices."""
    return _hash_of(path for floor in FLOORS for path in (_ROOT / floor / "data").rglob("*") if path.is_file())


def _hash_of(files: Iterable[Path]) -> str:
    digest = sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(_ROOT).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _git_state(root: Path) -> dict[str, str]:
    try:
        # A package installed into somebody's repository is not that repository's code.
        _git(root, "ls-files", "--error-unmatch", "campaigns/versions.py")
        commit = _git(root, "rev-parse", "HEAD").strip()
        changes = _git(root, "status", "--porcelain", "--", *FLOORS).splitlines()
    except FileNotFoundError:
        return {"git_commit": "none (git is not installed)", "git_changes": "unknown"}
    except subprocess.SubprocessError:
        return {"git_commit": "none (not a clone)", "git_changes": "unknown"}
    return {"git_commit": commit, "git_changes": f"{len(changes)} files" if changes else "none"}


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), "--no-optional-locks", *arguments]
    completed = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=True, timeout=20)
    return completed.stdout


@lru_cache
def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
