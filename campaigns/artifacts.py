"""Where pages and report find what was worked out of a fit: JSON files in the campaign's folder, by fit and code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from campaigns.config import CampaignConfig, MeasuredProperty
from campaigns.errors import StoreError
from campaigns.files import write_whole
from campaigns.targets import Measurement
from campaigns.versions import code_state, data_sha256, package_versions

if TYPE_CHECKING:
    from oracle.descriptors import CationTable
    from screening.ranking import Ranking
    from screening.validation import Validation

__all__ = ["DEEP", "prepared_folder", "read_prepared"]


def data_key(
    config: CampaignConfig,
    measurements: Sequence[Measurement],
    outcomes: Sequence[tuple[str, str]],
    protocol_key: str,
    version: str,
    properties: Mapping[str, MeasuredProperty],
) -> str:
    """Key of a fit: the description, what was measured and made, the oracle's protocol and spinscreen's version.

    The size and the limits of a batch are left out: they change no fit. A property counts with its values where they
    are no longer those of the launch, which the description holds.
    """
    told = [config.key_fields(), [m.to_dict() for m in measurements], list(outcomes), protocol_key, version]
    changed = {
        name: [row.model_dump(mode="json") for row in measured.table]
        for name, measured in properties.items()
        if measured.table != config.properties[name].table
    }
    return _digest([*told, changed] if changed else told)


def batch_key(fit_key: str, seed: int, batch_size: int, pending: Sequence[str], barred: Sequence[str]) -> str:
    """Key of a batch: the fit, the seed, the size, what was pending and what was ruled out."""
    return "suggest:" + _digest([fit_key, seed, batch_size, sorted(pending), sorted(barred)])


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


#: The folder of the copies; whoever deletes it loses seconds, nothing else.
CACHE = "cache"


class Kept:
    """Copies in one campaign's folder; None as folder keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        """Bind the campaign's folder."""
        self._folder = None if folder is None else folder / CACHE

    def tables(self, key: str) -> tuple[CationTable, CationTable, tuple[str, ...]] | None:
        """Descriptors of a space's spacers and cage cations, and a line for each cation that has none."""
        from oracle.descriptors import CationTable

        if (found := self._read("descriptors", key)) is None:
            return None
        spacers, cages = (CationTable(found[f"{name}_values"], found[f"{name}_organic"]) for name in ("spacer", "cage"))
        return spacers, cages, tuple(found["failures"].tolist())

    def keep_tables(self, key: str, spacers: CationTable, cages: CationTable, failures: tuple[str, ...]) -> None:
        """Copy them."""
        arrays = {"failures": np.array(failures, dtype=str)}
        for name, table in (("spacer", spacers), ("cage", cages)):
            arrays |= {f"{name}_{part}": np.asarray(getattr(table, part)) for part in ("values", "organic")}
        self._write("descriptors", key, arrays)

    def validation(self, key: str, of: str = "validation") -> Validation | None:
        """Out-of-fold predictions of a fit, with the score cards that follow from them; `of` names the copy."""
        from screening.validation import Validation

        if (found := self._read(of, key)) is None:
            return None
        return Validation.of(str(found["name"]), _frame(found, "predictions"))

    def keep_validation(self, key: str, validation: Validation, of: str = "validation") -> None:
        """Copy them."""
        arrays = _columns("predictions", validation.predictions)
        self._write(of, key, arrays | {"name": np.array(validation.name)})

    def ranking(self, key: str) -> Ranking | None:
        """The head of a ranking."""
        from screening.ranking import Ranking

        if (found := self._read("ranking", key)) is None:
            return None
        rest = {f.name: found[f.name] for f in fields(Ranking) if f.name in found}
        values = {name: value if value.ndim else value.item() for name, value in rest.items()}
        return Ranking(frame=_frame(found, "frame"), **values)

    def keep_ranking(self, key: str, ranking: Ranking) -> None:
        """Copy it."""
        rest = {f.name: np.asarray(getattr(ranking, f.name)) for f in fields(ranking) if f.name != "frame"}
        self._write("ranking", key, _columns("frame", ranking.frame) | rest)

    def _read(self, name: str, key: str) -> dict[str, Any] | None:
        if self._folder is None:
            return None
        try:
            with (self._folder / f"{name}.npz").open("rb") as stream, np.load(stream) as kept:
                return dict(kept) if str(kept["key"]) == _full(key) else None
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return None

    def _write(self, name: str, key: str, arrays: Mapping[str, Any]) -> None:
        if self._folder is None:
            return

        def fill(path: Path) -> None:
            with path.open("wb") as stream:
                np.savez(stream, **{"key": np.array(_full(key)), **arrays})

        with suppress(StoreError, OSError):
            self._folder.mkdir(exist_ok=True)
            write_whole(self._folder / f"{name}.npz", fill)


def digest(*tables: CationTable) -> str:
    """Hash of descriptors: a cation whose computation was tried again with more luck makes other numbers."""
    return sha256(b"".join(np.ascontiguousarray(table.values).tobytes() for table in tables)).hexdigest()


def _full(key: str) -> str:
    """The key with the versions of the packages, of our own code and of the tables that come with it."""
    told = [key, *package_versions().values(), code_state()["code_sha256"], data_sha256()]
    return sha256("\n".join(told).encode()).hexdigest()


def _columns(name: str, frame: pd.DataFrame) -> dict[str, Any]:
    columns = {f"{name}/{column}": frame[column] for column in frame}
    return {key: np.array(c.tolist(), dtype=str) if c.dtype.kind == "O" else c.to_numpy() for key, c in columns.items()}


def _frame(found: Mapping[str, Any], name: str) -> pd.DataFrame:
    parts = {key.partition("/")[2]: value for key, value in found.items() if key.startswith(f"{name}/")}
    return pd.DataFrame({key: v.tolist() if v.dtype.kind == "U" else v for key, v in parts.items()})


#: Subfolder of a campaign that holds what its pages need; it may be deleted at any time.
PREPARED = "pages"
#: What takes minutes: baselines, shuffled targets, learning curve, back-test.
DEEP = "deep.json"


def prepared_folder(campaign: Path, data_key: str) -> Path:
    """The folder of the fit with this key as this code works it out, in the campaign's folder."""
    return campaign / PREPARED / f"{data_key}-{code_state()['code_sha256'][:8]}"


def read_prepared(path: Path) -> dict[str, Any] | None:
    """What a file holds; None where it is not there yet, or was cut short by a full disk."""
    try:
        held: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return held
