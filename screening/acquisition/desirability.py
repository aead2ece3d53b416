"""One number from several wishes: the weighted desirability of rate, feasibility, price, novelty or any column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screening.errors import RankingError

__all__ = ["Wish", "log_desirability"]

Array = NDArray[np.float64]
#: A wish that is not met at all leaves this share of the whole, so that candidates failing it still have an order.
_FLOOR = 1.0e-6


@dataclass(frozen=True, slots=True)
class Wish:
    """One wish: the value of `column` that is useless (0) and the value that is perfect (1), linear between.

    `useless` above `perfect` asks for small values. `weight` is its exponent.
    """

    column: str
    useless: float
    perfect: float
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not np.isfinite([self.useless, self.perfect]).all() or self.useless == self.perfect:
            raise RankingError(f"wish on {self.column!r}: useless and perfect must be two different finite numbers")
        if not self.weight > 0.0:
            raise RankingError(f"wish on {self.column!r}: its weight is {self.weight}; give one greater than 0")


def log_desirability(values: Mapping[str, Array], wishes: Sequence[Wish]) -> Array:
    """Logarithm of the weighted geometric mean of how far each wish is met, shape (m,); -inf where a value is NaN.

    Source: Derringer and Suich, J. Qual. Technol. 12, 214 (1980), doi 10.1080/00224065.1980.11980968; the weights,
    Derringer, Qual. Prog. 27 (6), 51 (1994).

    Raises:
        RankingError: without wishes, or for a column that is not there.
    """
    if not wishes:
        raise RankingError("no wishes: name at least one column to be desired")
    missing = [wish.column for wish in wishes if wish.column not in values]
    if missing:
        raise RankingError(f"no column {missing[0]!r} to wish for; there are {', '.join(values)}")
    total = sum(wish.weight for wish in wishes)
    result = np.zeros(len(values[wishes[0].column]))
    for wish in wishes:
        met = np.clip((np.asarray(values[wish.column]) - wish.useless) / (wish.perfect - wish.useless), _FLOOR, 1.0)
        result = result + wish.weight / total * np.log(met)
    return np.where(np.isnan(result), -np.inf, result)
