"""What a pass over a space will cost, measured on a few blocks of that very pass before it begins."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from screening.ranking.stream import Predictor, Scoring

if TYPE_CHECKING:
    from screening.ranking.bounds import PredictionBounds

__all__ = ["PassEstimate", "estimate_pass"]

#: Blocks that are timed, spread over the space.
_TIMED = 3


@dataclass(frozen=True, slots=True)
class PassEstimate:
    """Compounds that the constraints allow, seconds of a pass over them, and bytes of a file of their numbers (None
    where none is written)."""

    n_compounds: int
    seconds: float
    file_bytes: int | None = None

    def __str__(self) -> str:
        span = f"{self.seconds:.0f} s" if self.seconds < 120 else f"{self.seconds / 60:.0f} min"
        size = "" if self.file_bytes is None else f", a file of about {self.file_bytes / 1e6:,.0f} MB"
        return f"{self.n_compounds:,} compounds, about {span}{size}"


def estimate_pass(
    scoring: Scoring,
    predictor: Predictor,
    bounds: PredictionBounds | None,
    keep: int,
    block_size: int = 16384,
    workers: int = 1,
) -> PassEstimate:
    """Time whole blocks from several places, with the threshold that the pass will soon have.

    Args:
        scoring: of the pass.
        predictor: of the rate.
        bounds: that spare predictions, or None.
        keep: compounds the pass keeps; where its list ends is read off a sample.
        block_size: compounds a block.
        workers: threads of the pass.
    """
    space = scoring.space
    size = min(block_size, len(space))
    sample = space.take(np.linspace(0, len(space) - 1, size).astype(np.int64))
    value = np.sort(scoring.block_numbers(predictor, None, (sample, -np.inf))[1])[::-1]
    place = keep * size // len(space)
    threshold = float(value[place]) if place < len(value) else -np.inf
    spent = []
    for share in np.linspace(0.2, 0.8, _TIMED):
        start = int(share * (len(space) - size))
        block = space.take(np.arange(start, start + size))
        begin = time.perf_counter()
        scoring.block_numbers(predictor, bounds, (block, threshold))
        spent.append(time.perf_counter() - begin)
    count = scoring.n_allowed
    return PassEstimate(count, median(spent) / size * count / workers)
