"""Walking a space in blocks: constraints that factor are settled once per kind of spacer, not once per compound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chemspace.errors import SpaceError

if TYPE_CHECKING:
    from chemspace.constraints import Constraint, Mask
    from chemspace.space import CompoundSpace

__all__ = ["Columns", "SizeEstimate", "Walker"]

#: index, spacer, cage, n_layers, b_site, halide, each shape (m,).
Columns: TypeAlias = tuple[
    NDArray[np.int64], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]
]

#: Cells of the tables (kinds of spacer x compounds per spacer) beyond which constraints are refused: 1 GB of flags.
MAX_TABLE = 10**9


@dataclass(frozen=True)
class SizeEstimate:
    """Number of compounds: `count` exact, or estimated with its standard error."""

    count: int
    stderr: float
    exact: bool

    def __str__(self) -> str:
        return f"{self.count:,}" if self.exact else f"about {self.count:,} (± {self.stderr:,.0f})"


class Walker:
    """Columns of a space's compounds, in order and filtered. "Inner" counts metal, halide and slot of one spacer."""

    def __init__(self, space: CompoundSpace) -> None:
        self._space = space

    def columns(self, index: NDArray[np.int64]) -> Columns:
        """Columns of given indices, each of shape (m,)."""
        spacer, inner = np.divmod(index, self._space.n_inner)
        cage, n_layers, b_site, halide = (column[inner] for column in self._inner_columns)
        return index, spacer.astype(np.int32), cage, n_layers, b_site, halide

    def allowed(self, index: NDArray[np.int64], constraints: tuple[Constraint, ...]) -> NDArray[np.bool_]:
        """Which indices pass `constraints`, shape (m,)."""
        passed = np.ones(len(index), dtype=np.bool_)
        spacer, inner = np.divmod(index, self._space.n_inner)
        for constraint in constraints:
            kinds, table = constraint.kinds(self._space)
            passed &= table[kinds[spacer], inner]
            single = constraint.single(self._space)
            if single is not None:
                passed &= single(self.columns(index))
        return passed

    def walk(self, size: int) -> Iterator[Columns]:
        """Allowed compounds in order, at most `size` a block, none empty."""
        for columns in self._factored(size):
            keep: NDArray[np.bool_] | None = None
            for single in self._single:
                keep = single(columns) if keep is None else keep & single(columns)
            if keep is None:
                yield columns
            elif keep.any():
                index, spacer, cage, n_layers, b_site, halide = columns
                yield index[keep], spacer[keep], cage[keep], n_layers[keep], b_site[keep], halide[keep]

    def estimate(self, samples: int, seed: int) -> SizeEstimate:
        """Number of allowed compounds."""
        kinds, lists = self._kinds
        count = int(sum(int(np.count_nonzero(kinds == kind)) * len(inner) for kind, inner in enumerate(lists)))
        if not self._single or count == 0:
            return SizeEstimate(count, 0.0, True)
        drawn = np.random.default_rng(seed).integers(0, len(self._space), samples)
        share = float(np.mean(self.allowed(drawn, self._space.constraints)))
        total = len(self._space)
        return SizeEstimate(round(share * total), total * float(np.sqrt(share * (1 - share) / samples)), False)

    def _factored(self, size: int) -> Iterator[Columns]:
        """Blocks after the factoring constraints: as many whole spacers as fit, or slices of one that does not fit."""
        kinds, lists = self._kinds
        lengths = np.array([len(inner) for inner in lists], dtype=np.int64)
        spacers = np.flatnonzero(lengths[kinds])
        ends = np.cumsum(lengths[kinds[spacers]])
        first = 0
        while first < len(spacers):
            done = int(ends[first - 1]) if first else 0
            last = int(np.searchsorted(ends, done + size, side="right"))
            if last == first:
                inner = lists[kinds[spacers[first]]]
                for start in range(0, len(inner), size):
                    yield self._alike(int(spacers[first]), 1, inner[start : start + size])
                last = first + 1
            else:
                yield self._chunk(spacers[first:last])
            first = last

    def _chunk(self, spacers: NDArray[np.intp]) -> Columns:
        """Columns of the allowed compounds of whole spacers."""
        kinds, lists = self._kinds
        own = kinds[spacers]
        if (own == own[0]).all() and spacers[-1] - spacers[0] == len(spacers) - 1:
            return self._alike(int(spacers[0]), len(spacers), lists[own[0]])
        inner = self._gathered(own)
        spacer = np.repeat(spacers, self._flat[2][own])
        cage, n_layers, b_site, halide = (column[inner] for column in self._inner_columns)
        return spacer * self._space.n_inner + inner, spacer.astype(np.int32), cage, n_layers, b_site, halide

    def _gathered(self, kinds: NDArray[np.intp]) -> NDArray[np.int64]:
        """The inner compounds of spacers of these kinds, one after the other, without a Python step per spacer."""
        flat, starts, lengths = self._flat
        counts = lengths[kinds]
        before = np.cumsum(counts) - counts
        places = np.arange(int(counts.sum())) + np.repeat(starts[kinds] - before, counts)
        return np.asarray(flat[places], dtype=np.int64)

    @cached_property
    def _flat(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Every kind's inner compounds end to end, where each starts, and how many there are."""
        _, lists = self._kinds
        lengths = np.array([len(inner) for inner in lists], dtype=np.int64)
        return np.concatenate(lists), np.cumsum(lengths) - lengths, lengths

    def _alike(self, first: int, count: int, inner: NDArray[np.int64]) -> Columns:
        """Columns of `count` neighbouring spacers from `first` with the same inner compounds."""
        n_inner = self._space.n_inner
        offsets, spacers, (cage, n_layers, b_site, halide) = self._pattern(count, inner, n_inner)
        return offsets + first * n_inner, spacers + np.int32(first), cage, n_layers, b_site, halide

    def _pattern(
        self, count: int, inner: NDArray[np.int64], n_inner: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int32], tuple[NDArray[np.int32], ...]]:
        """What blocks of one shape share; the last one is kept, since a walk asks for it again and again."""
        key = (count, inner.ctypes.data, len(inner))
        if self._last_key != key:
            offsets = (np.arange(count, dtype=np.int64)[:, None] * n_inner + inner).ravel()
            spacers = np.repeat(np.arange(count, dtype=np.int32), len(inner))
            shared = tuple(np.tile(column[inner], count) for column in self._inner_columns)
            for column in shared:
                column.flags.writeable = False
            self._last_pattern, self._last_key, self._kept_alive = (offsets, spacers, shared), key, inner
        return self._last_pattern

    _last_key: tuple[int, int, int] | None = None
    _last_pattern: tuple[NDArray[np.int64], NDArray[np.int32], tuple[NDArray[np.int32], ...]]
    _kept_alive: NDArray[np.int64]

    @cached_property
    def _single(self) -> tuple[Mask, ...]:
        """Masks of the constraints that look at compounds one by one."""
        masks = (constraint.single(self._space) for constraint in self._space.constraints)
        return tuple(mask for mask in masks if mask is not None)

    @cached_property
    def _inner_columns(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        """cage, n_layers, b_site, halide of the compounds of one spacer, each shape (n_inner,)."""
        space = self._space
        rest, slot = np.divmod(np.arange(space.n_inner), len(space.slot_n))
        b_site, halide = np.divmod(rest, len(space.halide_options))
        return space.slot_cage[slot], space.slot_n[slot], b_site.astype(np.int32), halide.astype(np.int32)

    @cached_property
    def _kinds(self) -> tuple[NDArray[np.intp], list[NDArray[np.int64]]]:
        """Kind of each spacer, and for each kind the inner compounds that every factoring constraint allows."""
        space = self._space
        kinds = np.zeros(len(space.spacers), dtype=np.intp)
        table = np.ones((1, space.n_inner), dtype=np.bool_)
        for constraint in space.constraints:
            own, allowed = constraint.kinds(space)
            pairs, kinds = np.unique(kinds * len(allowed) + own, return_inverse=True)
            if len(pairs) * space.n_inner > MAX_TABLE:
                raise SpaceError(f"{constraint} tells {len(pairs)} kinds of spacer apart: too many for this space")
            table = table[pairs // len(allowed)] & allowed[pairs % len(allowed)]
        return kinds, [np.flatnonzero(row) for row in table]
