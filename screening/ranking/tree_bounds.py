"""Mean over the members of a tree ensemble, exactly, and a bound on their spread: ten look-ups instead of hundreds.

Depth-two trees are a sum of tables over pairs of features (`screening.surrogates.tables`). Here the pairs are joined
to triples. A standard deviation over members is a seminorm, so it is at most the sum of those of the triples' tables.

Shapes: m rows, d features, s members, n codes a feature.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from screening.surrogates.tables import TreesComponent

__all__ = ["TreeBounds"]

Single = NDArray[np.float32]
Pair = tuple[int, int]


class TreeBounds:
    """Mean and largest spread of one fold's trees at raw features."""

    def __init__(self, trees: TreesComponent) -> None:
        thresholds = trees.thresholds.double().cpu().numpy()
        n, d = trees.n_codes, len(thresholds)
        tables = trees.table.double().cpu().numpy().reshape(-1, n, n, trees.table.shape[-1])
        own = {(int(a), int(b)): table for (a, b), table in zip(trees.pairs.cpu().numpy(), tables, strict=True)}
        self._edges = [row[np.isfinite(row)].astype(np.float32) for row in thresholds]
        self._n = n
        self._triples = [
            (features, *_mean_and_spread(features, {pair: own[pair] for pair in pairs}, n))
            for features, pairs in _cover(sorted(own), d)
        ]

    def mean_and_spread(self, x: NDArray[np.float64]) -> tuple[Single, Single]:
        """Mean over members and an upper bound of their standard deviation at finite rows x (m, d), each (m,)."""
        codes = self._codes(x)
        mean, spread = np.zeros(len(x), np.float32), np.zeros(len(x), np.float32)
        for features, means, spreads in self._triples:
            place = codes[features[0]]
            for feature in features[1:]:
                place = place * self._n + codes[feature]
            mean += means.take(place)
            spread += spreads.take(place)
        return mean, spread

    def _codes(self, x: NDArray[np.float64]) -> NDArray[np.int32]:
        """How many thresholds each feature is above, shape (d, m); single precision, as the trees compare."""
        columns = np.ascontiguousarray(x.T, dtype=np.float32)
        codes, above = np.zeros(columns.shape, np.int8), np.empty(len(x), bool)
        for column, code, edges in zip(columns, codes, self._edges, strict=True):
            for edge in edges:
                np.greater(column, edge, out=above)
                code += above.view(np.int8)
        return codes.astype(np.int32)


def _cover(pairs: Sequence[Pair], d: int) -> list[tuple[tuple[int, ...], list[Pair]]]:
    """Triples of features, each with pairs of its own, that hold every pair once; the fullest first."""
    left, cover = set(pairs), []
    size = min(3, d)
    while left:
        options = [
            (features, [p for p in combinations(features, 2) if p in left]) for features in combinations(range(d), size)
        ]
        features, held = max(options, key=lambda option: len(option[1]))
        cover.append((features, held))
        left -= set(held)
    return cover


def _mean_and_spread(
    features: tuple[int, ...], tables: dict[Pair, NDArray[np.float64]], n: int
) -> tuple[Single, Single]:
    """Mean and standard deviation over members of the sum of some tables, at every code of the features, flat."""
    members = next(iter(tables.values())).shape[-1]
    total = np.zeros((n,) * len(features) + (members,))
    for pair, table in tables.items():
        shape = [n if feature in pair else 1 for feature in features]
        total += table.reshape(*shape, members)
    return total.mean(-1).ravel().astype(np.float32), total.std(-1).ravel().astype(np.float32)
