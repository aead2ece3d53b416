"""Every compound's numbers in memory-mapped arrays, and the orders by which a page of millions is a slice.

Letters: m compounds of the space (all of them, in the order of the space), r ranked ones (those with descriptors).
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chemspace.progress import Progress
from screening.calibration import half_width

if TYPE_CHECKING:
    from campaigns.round import Round
    from oracle.descriptors import CationTable

__all__ = ["MAX_INDEXED", "NUMBERS", "SORTS", "RankIndex", "build_index"]

Array = NDArray[np.float64]

#: Larger spaces are not laid out compound by compound: 40 bytes each make 2 GB.
MAX_INDEXED = 50_000_000
#: Numbers kept of every compound, NaN where a cation has no descriptors: mean and sd of log10(rate in 1/ps), what the
#: campaign ranks by (the acquisition with log P(forms), how far its wishes are met, or a drawn number; -inf where a
#: wished column is not known), P(forms), row of the nearest measured compound (-1 without) and the distance to it.
NUMBERS = {
    "mean": np.float32,
    "sd": np.float32,
    "acquisition": np.float32,
    "feasibility": np.float32,
    "nearest": np.int16,
    "distance": np.float32,
}
#: What one can sort by, largest first: what the campaign ranks by, the predicted lifetime, the upper end of its 90%
#: interval, and the chance that it forms.
SORTS = ("acquisition", "lifetime_ps", "lifetime_high_ps", "feasibility")
#: Half-width of a central 90% interval, standard deviations.
Z90 = float(half_width(0.9))
_BLOCK = 65_536
_ABOUT = "about.json"


@dataclass(frozen=True)
class RankIndex:
    """The arrays of one fit.

    Attributes:
        numbers: by the names of `NUMBERS`, shape (m,) each.
        orders: by the names of `SORTS`, indices of the ranked compounds, largest value first, shape (r,) each.
        measured: formulas that `nearest` points at.
        domain_radius: distance up to which a compound lies in the domain of what is measured.
        acquisition: name of what was ranked by.
    """

    numbers: dict[str, NDArray[Any]]
    orders: dict[str, NDArray[np.unsignedinteger[Any]]]
    measured: tuple[str, ...]
    domain_radius: float
    acquisition: str

    def __len__(self) -> int:
        return len(self.orders["acquisition"])

    @classmethod
    def open(cls, folder: Path) -> RankIndex | None:
        """The index in `folder`, None if it holds none that is whole."""
        try:
            about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
            numbers = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in NUMBERS}
            orders = {name: np.load(folder / f"by_{name}.npy", mmap_mode="r") for name in SORTS}
        except (OSError, ValueError):
            return None
        return cls(numbers, orders, tuple(about["measured"]), about["domain_radius"], about["acquisition"])

    def row(self, index: int) -> dict[str, Any]:
        """Numbers of one compound: lifetimes in ps, and what is nearest; None where it has no descriptors."""
        mean, sd = float(self.numbers["mean"][index]), float(self.numbers["sd"][index])
        if not np.isfinite(mean):
            return dict.fromkeys(
                ("lifetime_ps", "lifetime_low_ps", "lifetime_high_ps", "acquisition", "feasibility", "distance")
            ) | {"nearest_measured": "", "in_domain": False}
        worth = float(self.numbers["acquisition"][index])
        nearest, distance = int(self.numbers["nearest"][index]), float(self.numbers["distance"][index])
        return {
            "lifetime_ps": 10.0**-mean,
            "lifetime_low_ps": 10.0 ** -(mean + Z90 * sd),
            "lifetime_high_ps": 10.0 ** -(mean - Z90 * sd),
            "acquisition": worth if np.isfinite(worth) else None,
            "feasibility": float(self.numbers["feasibility"][index]),
            "distance": distance,
            "nearest_measured": self.measured[nearest],
            "in_domain": distance <= self.domain_radius,
        }


def build_index(
    folder: Path, done: Round, spacers: CationTable, cages: CationTable, progress: Progress | None = None
) -> RankIndex:
    """Score every compound of a round's space once and keep the numbers and their orders in `folder`.

    Memory: a block of features, and while sorting 12 bytes a compound; the arrays themselves are files. The folder
    appears whole or not at all; one that is there is used as it is.

    Args:
        folder: where; its parent must exist.
        done: the round; measured and pending compounds are scored like all others.
        spacers, cages: descriptors of the space's cations, rows aligned.
        progress: called after each block.
    """
    if (there := RankIndex.open(folder)) is not None:
        return there
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        about = _score(draft, done, spacers, cages, progress)
        (draft / _ABOUT).write_text(json.dumps(about), encoding="utf-8")
        draft.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        draft.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    built = RankIndex.open(folder)
    assert built is not None
    return built


def _score(
    draft: Path, done: Round, spacers: CationTable, cages: CationTable, progress: Progress | None
) -> dict[str, Any]:
    from campaigns.candidates import scoring_of
    from oracle.descriptors import space_descriptors
    from screening.features import to_features
    from screening.ranking import MeasuredSet
    from screening.ranking.stream import predict, subset

    space, measured = done.space, MeasuredSet(done.training.formulas, done.training.x)
    scoring = scoring_of(done, spacers, cages)
    size, kept = len(space), {}
    for name, kind in NUMBERS.items():
        kept[name] = np.lib.format.open_memmap(draft / f"{name}.npy", mode="w+", dtype=kind, shape=(size,))
        kept[name][:] = -1 if name == "nearest" else np.nan
    exact = np.full(size, np.nan)
    for block in space.blocks(_BLOCK):
        x = to_features(space_descriptors(space, block, spacers, cages))
        rows = np.flatnonzero(np.isfinite(x).all(axis=1))
        kept["feasibility"][block.index] = np.exp(scoring.log_feasibility(block))
        if rows.size:
            at = block.index[rows]
            mean, sd = predict(done.surrogate, x[rows])
            exact[at] = scoring.worth(mean, sd, x[rows], subset(block, rows))
            kept["mean"][at], kept["sd"][at], kept["acquisition"][at] = mean, sd, exact[at]
            kept["nearest"][at], kept["distance"][at] = measured.nearest(x[rows])
        if progress is not None:
            progress(int(block.index[-1]) + 1, size, "compounds laid out")
    _sort(draft, exact, kept)
    return {
        "measured": list(measured.labels),
        "domain_radius": measured.domain_radius,
        "acquisition": done.strategy.acquisition,
    }


def _sort(draft: Path, acquisition: Array, kept: Mapping[str, NDArray[Any]]) -> None:
    described = np.flatnonzero(~np.isnan(acquisition))
    kind = np.uint32 if len(acquisition) < 2**32 else np.uint64
    values: dict[str, Callable[[], Array]] = {
        "acquisition": lambda: acquisition[described],
        "lifetime_ps": lambda: -kept["mean"][described],
        "lifetime_high_ps": lambda: -(kept["mean"][described] - Z90 * kept["sd"][described]),
        "feasibility": lambda: kept["feasibility"][described],
    }
    for name in SORTS:
        order = np.argsort(-values[name](), kind="stable")
        np.save(draft / f"by_{name}.npy", described[order].astype(kind))
    for array in kept.values():
        array.flush()  # type: ignore[attr-defined]  # a memory map, which numpy's types call an array
