"""What compounds may be ranked by instead of acquisition times feasibility: an aim, or a lot.

Shapes: m compounds, d features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from chemspace.space import SpaceBlock

__all__ = ["Aim", "Lot", "Numbers"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Numbers:
    """What a pass knows of the compounds of a block.

    Attributes:
        block: m compounds.
        x: their features, shape (m, d).
        mean, sd: of the latent log10(rate in 1/ps), shape (m,).
        acquisition: by mean and sd, shape (m,).
        log_p: log P(forms), shape (m,).
    """

    block: SpaceBlock
    x: Array
    mean: Array
    sd: Array
    acquisition: Array
    log_p: Array


class Aim(Protocol):
    """What takes the place of acquisition times feasibility: `Desire` (wishes) or `Tradeoff` (hypervolume)."""

    def log_values(self, numbers: Numbers) -> Array:
        """Logarithm of what each compound is worth, shape (m,); -inf where that is not known."""
        ...

    def columns(self, numbers: Numbers) -> dict[str, Array]:
        """Further columns of a ranking, each (m,)."""
        ...


@dataclass(frozen=True, slots=True)
class Lot:
    """A random order of a space: the logarithm of a number between 0 and 1 that depends on the seed and a compound's
    index alone.

    So the order needs no memory, does not depend on how the space is cut into blocks, and what is excluded makes room
    for what comes next. SplitMix64 of the index: Steele, Lea and Flood, OOPSLA (2014), doi 10.1145/2660193.2660195.
    """

    seed: int = 0

    def values(self, index: NDArray[np.int64]) -> Array:
        """Those of compounds with these indices, shape (m,)."""
        start = np.uint64(np.random.SeedSequence(self.seed).generate_state(1, np.uint64)[0])
        with np.errstate(over="ignore"):  # arithmetic modulo 2^64 is meant
            z = start + (index.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z ^= z >> np.uint64(31)
        value: Array = np.log(((z >> np.uint64(11)).astype(np.float64) + 1.0) * 2.0**-53)
        return value
