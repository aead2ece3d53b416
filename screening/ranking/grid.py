"""A block of a space as spacers times what surrounds them: what belongs to a cation is worked out once.

Numbers are those of `oracle.descriptors.space_descriptors` and `screening.features.to_features` to the last bit.
Shapes: c spacers of a block, u compounds a spacer, v of them with features of their own, d features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chemspace.geometry import tolerance_factor
from chemspace.space import CompoundSpace, SpaceBlock
from oracle.descriptors import DESCRIPTOR_NAMES, CationTable, space_descriptors
from screening.features import to_features

__all__ = ["BlockFeatures", "BlockRows"]

Array = NDArray[np.float64]
_RADIUS = DESCRIPTOR_NAMES.index("radius_angstrom")
#: Columns before the tolerance factor and the layer number: averages over the organic cations.
_AVERAGED = len(DESCRIPTOR_NAMES) - 2


@dataclass(frozen=True)
class BlockRows:
    """Rows of features of a block, and which compounds of the block each stands for.

    Cage cations without carbon have no descriptors, so compounds that differ in them alone share a row.

    Attributes:
        x: features, shape (rows, d), rows = c x v.
        compounds: places in the block of each row's compounds, relative to its spacer, one row's after the other's,
            shape (u,).
        start, count: where the compounds of each of the v rows of one spacer begin in it, and how many there are.
    """

    x: Array
    compounds: NDArray[np.int64]
    start: NDArray[np.int64]
    count: NDArray[np.int64]

    def places(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Places in the block of the compounds of some rows (r,), and for each the position of its row, each (m,)."""
        spacer, kind = np.divmod(rows, len(self.count))
        counts = self.count[kind]
        before = np.cumsum(counts) - counts
        source = np.repeat(np.arange(len(rows)), counts)
        inside = np.arange(int(counts.sum())) - before[source] + self.start[kind][source]
        return self.compounds[inside] + spacer[source] * len(self.compounds), source


class BlockFeatures:
    """Features of any block of one space; what belongs to one cation or one surrounding is worked out here, once."""

    def __init__(self, space: CompoundSpace, spacer_table: CationTable, cage_table: CationTable) -> None:
        self._space, self._tables = space, (spacer_table, cage_table)
        charges = np.fromiter((cation.charge for cation in space.spacers), dtype=np.float64, count=len(space.spacers))
        self._weight = 2.0 / charges * spacer_table.organic
        inner = space.take(np.arange(space.n_inner))
        self._n_layers = inner.n_layers.astype(np.float64)
        self._frame = inner.b_site * len(space.halide_options) + inner.halide
        self._cages = [_part(space, inner, cage_table, which) for which in range(_most_parts(space))]
        held = (
            np.any([weight > 0.0 for weight, _ in self._cages], axis=0) if self._cages else np.zeros(len(inner), bool)
        )
        key = np.column_stack([inner.n_layers, self._frame, np.where(held, inner.cage, -1)])
        self._kind = np.unique(key, axis=0, return_inverse=True)[1].reshape(-1)

    def rows(self, block: SpaceBlock) -> BlockRows:
        """Rows of a block; compounds that do not come as spacers times equal surroundings get a row each."""
        inner = self._surroundings(block)
        if inner is None:
            x = to_features(space_descriptors(self._space, block, *self._tables))
            return BlockRows(x, np.zeros(1, np.int64), np.zeros(1, np.int64), np.ones(1, np.int64))
        _, first, kind = np.unique(self._kind[inner], return_index=True, return_inverse=True)
        count = np.bincount(kind).astype(np.int64)
        order = np.argsort(kind, kind="stable").astype(np.int64)
        spacers = block.spacer[:: len(inner)]
        return BlockRows(self._features(spacers, inner[first]), order, np.cumsum(count) - count, count)

    def _surroundings(self, block: SpaceBlock) -> NDArray[np.int64] | None:
        """Positions among a spacer's compounds that every spacer of the block has, shape (u,); None if they differ."""
        size = len(block)
        own = int(np.searchsorted(block.spacer, block.spacer[0], side="right")) if size else 0
        if not own or size % own:
            return None
        spacer = block.spacer.reshape(-1, own)
        inner = (block.index - block.spacer.astype(np.int64) * self._space.n_inner).reshape(-1, own)
        alike = (spacer == spacer[:, :1]).all() and (inner == inner[0]).all()
        return inner[0] if alike else None

    def _features(self, spacers: NDArray[np.integer], inner: NDArray[np.int64]) -> Array:
        """Features of every pair of spacers (c,) and surroundings (v,), shape (c x v, d); as `space_descriptors`."""
        weight = self._weight[spacers]
        total = weight[:, None] * np.where(weight[:, None] > 0, self._tables[0].values[spacers], 0.0)
        out = np.empty((len(DESCRIPTOR_NAMES), len(spacers), len(inner)))
        averaged, shared = out[:_AVERAGED], np.broadcast_to(weight[:, None], out.shape[1:])
        averaged[:] = total.T[:, :, None]
        for cage_weight, sums in self._cages:
            averaged += sums[inner].T[:, None, :]
            shared = shared + cage_weight[inner]
        with np.errstate(invalid="ignore"):
            averaged /= shared
        for frame in np.unique(self._frame[inner]):
            own = np.flatnonzero(self._frame[inner] == frame)
            where = slice(own[0], own[-1] + 1) if own[-1] - own[0] == len(own) - 1 else own
            out[_AVERAGED][:, where] = self._tolerance(int(frame), out[_RADIUS][:, where])
        out[-1] = self._n_layers[inner]
        return to_features(out.reshape(len(out), -1).T)

    def _tolerance(self, frame: int, radius: Array) -> Array:
        b_site, halide = divmod(frame, len(self._space.halide_options))
        metal, parts = self._space.b_sites[b_site], self._space.halide_options[halide]
        value: Array = sum(  # type: ignore[assignment]  # there is at least one part
            float(part) * tolerance_factor(radius, metal, symbol) for symbol, part in parts
        )
        return value


def _most_parts(space: CompoundSpace) -> int:
    return max(map(len, space.cage_options), default=0)


def _part(space: CompoundSpace, inner: SpaceBlock, cages: CationTable, which: int) -> tuple[Array, Array]:
    """Weight (n_inner,) and weighted descriptors (n_inner, 8) of the first, second, ... cation of each surrounding."""
    place = {cation: number for number, cation in enumerate(space.cage_cations)}
    held = [option[which] if which < len(option) else None for option in space.cage_options]
    places = np.array([0 if part is None else place[part[0]] for part in held], dtype=np.intp)
    fractions = np.array([0.0 if part is None else float(part[1]) for part in held])
    option = np.where(inner.cage >= 0, inner.cage, 0)
    cage = places[option]
    weight = np.where(inner.cage >= 0, fractions[option] * (inner.n_layers - 1.0), 0.0) * cages.organic[cage]
    return weight, weight[:, None] * np.where(weight[:, None] > 0, cages.values[cage], 0.0)
