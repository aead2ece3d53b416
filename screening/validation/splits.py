"""The ways of holding rows out, each a list of test sets over the rows of one table."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from screening.errors import ScreeningError

__all__ = ["MAX_FOLDS", "SPLITS", "hold_out", "random_holdouts"]

#: More models than this are not trained for one split.
MAX_FOLDS = 1000
K_FOLDS, K_REPEATS = 10, 3

Split = Callable[[NDArray[np.int64], int], list[NDArray[np.int64]]]


def _leave_one_out(groups: NDArray[np.int64], seed: int) -> list[NDArray[np.int64]]:
    del seed
    return [np.array([i]) for i in range(groups.size)]


def _leave_one_spacer_out(groups: NDArray[np.int64], seed: int) -> list[NDArray[np.int64]]:
    del seed
    return [np.flatnonzero(groups == code) for code in np.unique(groups)]


def _k_fold(groups: NDArray[np.int64], seed: int) -> list[NDArray[np.int64]]:
    order = np.random.default_rng(seed).permutation(groups.size)
    return [np.sort(part) for part in np.array_split(order, min(K_FOLDS, groups.size))]


def _repeated_k_fold(groups: NDArray[np.int64], seed: int) -> list[NDArray[np.int64]]:
    return [part for repeat in range(K_REPEATS) for part in _k_fold(groups, seed + repeat)]


#: Split name to function of (group codes (k,), seed), returning test rows of each fold.
SPLITS: dict[str, Split] = {
    "leave_one_out": _leave_one_out,
    "leave_one_spacer_out": _leave_one_spacer_out,
    "k_fold": _k_fold,
    "repeated_k_fold": _repeated_k_fold,
}


def hold_out(name: str, groups: NDArray[np.int64], seed: int) -> list[NDArray[np.int64]]:
    """Test rows of each fold of a named split.

    Args:
        name: one of `SPLITS`.
        groups: integer code of each row's group, shape (k,).
        seed: of the splits that draw.

    Raises:
        ScreeningError: for an unknown name, a split that leaves nothing to train on, or one of more than
            `MAX_FOLDS` folds.
    """
    if name not in SPLITS:
        raise ScreeningError(f"no split is called {name!r}; there are {', '.join(SPLITS)}")
    folds = SPLITS[name](groups, seed)
    if len(folds) > MAX_FOLDS:
        raise ScreeningError(
            f"{name} of {groups.size} rows would train {len(folds)} models; at most {MAX_FOLDS} are: use k_fold"
        )
    if len(folds) < 2:
        raise ScreeningError(f"{name}: all {groups.size} rows belong to one group, nothing is left to train on")
    return folds


def random_holdouts(n_rows: int, size: int, draws: int, generator: np.random.Generator) -> list[NDArray[np.int64]]:
    """`draws` random test sets of `size` rows each, shape (size,), ascending; a row may be in several of them."""
    return [np.sort(generator.choice(n_rows, size, replace=False)) for _ in range(draws)]
