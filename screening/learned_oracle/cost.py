"""What a search among spacers will cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from screening.learned_oracle.choice import DRAWS, REACH, ROUND, SCOUTS, n_first
from screening.learned_oracle.features import spacer_features
from screening.learned_oracle.model import N_WAVES

#: Spacers whose features are timed, and rows of the matrix product that tells the speed of the machine.
_SAMPLE, _ROWS = 200, 512
#: Numbers that a model sees of a spacer: waves, and whole-ion numbers about so many.
_WIDTH = N_WAVES + 36
#: Multiplications for eigenvectors and for the folds of eight descriptors, in cubes of the width.
_CUBES = 30
#: Bytes a spacer: features; tables of descriptors as known, drawn and passed over; predictions.
_BYTES = 500 + 4 * 64 + 3 * 64
#: Copies of the inputs of the computed spacers that a fit holds.
_COPIES = 3


@dataclass(frozen=True, slots=True)
class SearchCost:
    """Seconds of the search beside its calculations, and the memory it adds, MB."""

    seconds: float
    memory_mb: float


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """A search at its longest.

    Attributes:
        n_spacers: of the space.
        n_known: computed before.
        budget: calculations that are granted.
    """

    n_spacers: int
    n_known: int
    budget: int

    @property
    def n_rounds(self) -> int:
        """Rounds at most."""
        first = n_first(self.n_known, self.budget)
        return 1 + ceil((self.budget - first) / max(1, ceil(ROUND * self.budget))) if self.budget else 1

    def cost(self, smiles: Sequence[str], pass_seconds: float, compounds: int) -> SearchCost:
        """Time and memory, the speed measured here.

        Args:
            smiles: of the spacers.
            pass_seconds: of one pass over the space.
            compounds: of the space.
        """
        some = smiles[:: max(1, len(smiles) // _SAMPLE)][:_SAMPLE]
        begin = time.perf_counter()
        spacer_features(some)
        read = (time.perf_counter() - begin) / max(len(some), 1) * len(smiles)
        inputs = np.random.default_rng(0).normal(size=(_ROWS, _WIDTH))
        begin = time.perf_counter()
        inputs @ np.ones((_WIDTH, _WIDTH))
        speed = _ROWS * _WIDTH**2 / (time.perf_counter() - begin)
        computed = self.n_known + self.budget
        fit = (2 * computed * _WIDTH**2 + _CUBES * _WIDTH**3) / speed
        predict = self.n_spacers * _WIDTH * (_WIDTH + 100) / speed
        passes = pass_seconds * (SCOUTS + DRAWS * 2 * REACH / max(compounds, 1))
        memory = self.n_spacers * _BYTES + computed * _WIDTH * 8 * _COPIES
        return SearchCost(read + (self.n_rounds) * (fit + predict + passes), memory / 1e6)
