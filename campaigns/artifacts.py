"""What a campaign computed, kept by the key of everything it was computed from: in memory, and in its folder;
and what computed it: packages, the code and its git state.

A file holds numbers and one text of JSON, never pickled objects: whoever opens a folder that somebody else handed over
runs no code of theirs. That is why this is a page of our own and neither joblib.Memory nor diskcache, which pickle.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from zipfile import BadZipFile

import numpy as np
from cachetools import LRUCache

from campaigns.config import CampaignConfig
from campaigns.errors import StoreError
from campaigns.events import Stage
from campaigns.files import sweep, write_whole

if TYPE_CHECKING:
    from campaigns.state import CampaignState
    from chemspace import CationLibrary
    from oracle.descriptors import CationTable
    from screening.feasibility import SpacerTraits
    from screening.ranking import Ranking
    from screening.validation import Validation

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
        _git(root, "ls-files", "--error-unmatch", "campaigns/artifacts.py")
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


T = TypeVar("T")


@dataclass(frozen=True)
class Form(Generic[T]):
    """How a value is written."""

    #: The value as arrays of numbers, data frames and plain values (what JSON can say), by name.
    pack: Callable[[T], Mapping[str, Any]]
    unpack: Callable[[Mapping[str, Any]], T]  #: the value again


#: A dictionary of arrays, data frames and plain values, as it is.
PLAIN: Form[dict[str, Any]] = Form(dict, dict)
#: What takes minutes of a fit: baselines, shuffled targets, learning curve, back-test.
DEEP = "deep"
#: The folder of the files in a campaign's folder; whoever deletes it loses seconds, nothing else.
CACHE = "cache"
_TEXT = "json"


class Artifacts:
    """Fits, rankings and what follows from them, each by its name and a key; of each name the last few are kept."""

    def __init__(self, folder: Path | None = None) -> None:
        """Keep in memory and under the campaign's folder; None keeps in memory alone."""
        self.folder = None if folder is None else folder / CACHE
        self._memory: dict[str, LRUCache[str, Any]] = {}
        self._lock = threading.Lock()

    def get(
        self,
        name: str,
        key: str,
        make: Callable[[], T],
        form: Form[T] | None = None,
        *,
        keep: int = 1,
        if_worth: Callable[[T], bool] = lambda value: True,
    ) -> T:
        """The value of this name and key; what `make` gives where it is not kept."""
        if (cached := self.find(name, key, form)) is not None:
            return cached
        value = make()
        if if_worth(value):
            self.put(name, key, value, form, keep=keep)
        return value

    def find(self, name: str, key: str, form: Form[T] | None = None) -> T | None:
        """The value of this name and key, None where it is not kept."""
        with self._lock:
            memory = self._memory.get(name)
            value = None if memory is None else memory.get(key)
        if value is None and form is not None and self.folder is not None:
            value = _read(self.folder / _file_name(name, key), form)
            if value is not None:
                self._remember(name, key, value, 1)
        return cast("T | None", value)

    def put(self, name: str, key: str, value: T, form: Form[T] | None = None, *, keep: int = 1) -> None:
        """Keep a value, in place of what `get` would find; a folder that takes no file goes without."""
        self._remember(name, key, value, keep)
        if form is None or self.folder is None:
            return
        path, content = self.folder / _file_name(name, key), form.pack(value)
        with suppress(StoreError, OSError):
            self.folder.mkdir(exist_ok=True)
            write_whole(path, lambda draft: _write(draft, content))
            self._sweep(name, path, keep)

    def laid_out(self, name: str, key: str, make: Callable[[Path], object] | None = None, *, keep: int = 1) -> Path:
        """The folder of a value that is files of its own, filled by `make` in one step. StoreError if it cannot be."""
        assert self.folder is not None
        path = self.folder / _file_name(name, key, "")
        if make is not None:
            writable(self.folder)
            make(path)
            self._sweep(name, path, keep)
        return path

    def _sweep(self, name: str, path: Path, keep: int) -> None:
        """Take away the oldest of this name beside `path` until `keep` are left, and drafts of killed processes."""
        sweep(path.parent, f".{name}-{'?' * _DIGITS}*")
        others = (p for p in path.parent.glob(f"{name}-{'?' * _DIGITS}{path.suffix}") if p != path)
        for old in sorted(others, key=lambda p: p.stat().st_mtime)[: -keep + 1 or None]:
            shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink(missing_ok=True)

    def _remember(self, name: str, key: str, value: Any, keep: int) -> None:
        with self._lock:
            self._memory.setdefault(name, LRUCache(maxsize=keep))[key] = value


#: Digits of a key in the name of a file.
_DIGITS = 16


def writable(folder: Path) -> Path:
    """The folder, made where it is not there. Raises StoreError if it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{folder}: cannot be written ({error.strerror}); what is computed needs room there"
        ) from error
    return folder


def _file_name(name: str, key: str, suffix: str = ".npz") -> str:
    """Of a value, by its key and what computes it."""
    return f"{name}-{sha256(f'{key}{_made_by()}'.encode()).hexdigest()[:_DIGITS]}{suffix}"


@lru_cache(maxsize=1)
def _made_by() -> str:
    """The packages, code and tables, as first asked: a process that gives up its rights may not read them later."""
    return "\n".join(["", *package_versions().values(), code_sha256(), data_sha256()])


def _write(path: Path, content: Mapping[str, Any]) -> None:
    import pandas as pd

    arrays: dict[str, Any] = {}
    text: dict[str, Any] = {}
    frames: dict[str, list[str]] = {}
    for name, value in content.items():
        if isinstance(value, pd.DataFrame):
            frames[name] = [str(column) for column in value]
            parts = {f"{name}/{column}": value[column].to_numpy() for column in value}
        else:
            parts = {name: value}
        for part, one in parts.items():
            if isinstance(one, np.ndarray) and one.dtype.kind in "biuf":
                arrays[part] = one
            else:
                text[part] = one.tolist() if isinstance(one, np.ndarray | np.generic) else one
    about = json.dumps({"frames": frames, "values": text}).encode()
    arrays[_TEXT] = np.frombuffer(about, dtype=np.uint8)
    with path.open("wb") as stream:
        np.savez(stream, **arrays)


def _read(path: Path, form: Form[T]) -> T | None:
    """What a file holds; None where there is none, or a damaged one."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            content = dict(stored)
        about = json.loads(content.pop(_TEXT).tobytes())
        content |= about["values"]
        for name, columns in about["frames"].items():
            import pandas as pd

            content[name] = pd.DataFrame({column: content.pop(f"{name}/{column}") for column in columns})
        return form.unpack(content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, BadZipFile):
        return None


def validation_form() -> Form[Validation]:
    """Out-of-fold predictions; the score cards follow from them."""
    from screening.validation import Validation

    return Form(
        lambda validation: {"name": validation.name, "predictions": validation.predictions},
        lambda held: Validation.of(held["name"], held["predictions"]),
    )


def ranking_form() -> Form[Ranking]:
    """The head of a ranking."""
    from screening.ranking import Ranking

    return Form(
        lambda ranking: {field.name: getattr(ranking, field.name) for field in fields(ranking)},
        lambda held: Ranking(**held),
    )


def traits_form() -> Form[SpacerTraits]:
    """Shapes and fingerprints of a space's spacers."""
    from screening.feasibility import SpacerTraits

    return Form(lambda traits: traits.to_arrays(), lambda held: SpacerTraits.from_arrays(**held))


@lru_cache(maxsize=1)
def _release() -> str:
    return version("spinscreen")


def data_key(config: CampaignConfig, state: CampaignState) -> str:
    """Key of a fit: the description but for batches, what was measured and made, the protocol, spinscreen's version. A
    property counts with its values where they are no longer those of the launch."""
    measured, outcomes = [m.to_dict() for m in state.measurements], list(state.outcomes)
    parts = [config.key_fields(), measured, outcomes, config.protocol.key, _release()]
    changed = {
        name: [row.model_dump(mode="json") for row in property_.table]
        for name, property_ in state.properties.items()
        if property_.table != config.properties[name].table
    }
    tasks = {name: [row.to_dict() for row in rows] for name, rows in state.related.items()}
    return _digest([*parts, *(more for more in (changed, tasks) if more)])


def training_key(config: CampaignConfig, state: CampaignState) -> str:
    """Key of what models are trained on: measurements, properties, and what the description says of training."""
    fields = config.model_dump(mode="json", include={"surrogate", "seed", "include_flagged", "descriptors", "edition"})
    if config.conditions:
        fields["conditions"] = config.conditions
    measured = [m.to_dict() for m in state.measurements]
    values = {name: [row.model_dump(mode="json") for row in one.table] for name, one in state.properties.items()}
    return _digest([fields, measured, values, config.protocol.key, _release()])


def measured_key(state: CampaignState) -> str:
    """Key of what follows from the descriptions and the lifetimes that stand."""
    described = [one.model_dump(mode="json") for one in (*state.descriptions, state.config)]
    return _digest([described, [m.to_dict() for m in state.measurements]])


def compared_key(state: CampaignState) -> str:
    """Key of predictions beside what was measured since: rounds and measurements, in their order."""
    moves = [entry for entry in state.history if entry[1] in (Stage.SUGGESTED, Stage.MEASURED)]
    return _digest(["open bounds", measured_key(state), [batch.key for batch in state.batches], moves])


def batch_key(fit_key: str, seed: int, batch_size: int, pending: Sequence[str], barred: Sequence[str]) -> str:
    """Key of a batch: the fit, the seed, the size, what was pending and what was ruled out."""
    return "suggest:" + _digest([fit_key, seed, batch_size, sorted(pending), sorted(barred)])


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def digest(*tables: CationTable) -> str:
    """Hash of descriptors: a cation whose computation was tried again with more luck makes other numbers."""
    return sha256(b"".join(np.ascontiguousarray(table.values).tobytes() for table in tables)).hexdigest()
