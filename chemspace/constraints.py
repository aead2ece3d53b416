"""Constraints of a space: what is left out while it is walked. Each is a value that a description can name.

A constraint depends on the spacer through a few kinds (charge, size, listed or not, price) and is settled by a table:
`kinds` gives each spacer's kind and which of the n_inner compounds (metal x halide x slot) each kind allows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chemspace.cation import Cation, CationColumns, mixed_keys
from chemspace.errors import GeometryError, SpaceError
from chemspace.geometry import effective_radius, octahedral_factor, tolerance_factor

__all__ = ["CONSTRAINT_KINDS", "Constraint"]

CageMixture: TypeAlias = tuple[tuple[Cation, Fraction], ...]
HalideMixture: TypeAlias = tuple[tuple[str, Fraction], ...]


#: index, spacer, cage, n_layers, b_site, halide, each shape (m,).
Columns: TypeAlias = tuple[
    NDArray[np.int64], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]
]

#: Cells of the tables (kinds of spacer x compounds per spacer) beyond which constraints are refused: 1 GB of flags.
MAX_TABLE = 10**9


@dataclass(frozen=True, eq=False)
class Axes:
    """What the compounds of a space are made of, axis by axis, and the order of one spacer's compounds. Of each site
    the unmixed options first; slot_n, slot_cage: n and cage option (-1 for n = 1) of each slot, shape (slots,)."""

    spacers: tuple[Cation, ...] | CationColumns
    cage_options: tuple[CageMixture, ...]
    halide_options: tuple[HalideMixture, ...]
    b_sites: tuple[str, ...]
    slot_n: NDArray[np.int32]
    slot_cage: NDArray[np.int32]

    @cached_property
    def n_inner(self) -> int:
        """Compounds per spacer: metals x halide options x slots."""
        return len(self.b_sites) * len(self.halide_options) * len(self.slot_n)

    @cached_property
    def charges(self) -> NDArray[np.float64]:
        """Charge of each spacer, shape (c,): 1 makes RP phases, 2 DJ."""
        known = self.spacers.charges if isinstance(self.spacers, CationColumns) else [c.charge for c in self.spacers]
        return np.array(known, dtype=np.float64)

    @cached_property
    def _keys(self) -> NDArray[np.bytes_]:
        """InChIKey of each spacer, shape (c,)."""
        known = self.spacers
        return known.keys if isinstance(known, CationColumns) else np.array([c.inchikey.encode() for c in known])

    def places(self, listed: Sequence[str]) -> NDArray[np.intp]:
        """Place of each spacer among some InChIKeys, the last where one stands there twice, -1 elsewhere, (c,)."""
        if not listed:
            return np.full(len(self.spacers), -1, dtype=np.intp)
        names, last = np.unique(np.array([key.encode() for key in listed[::-1]]), return_index=True)
        mixed = mixed_keys(names)
        order = np.argsort(mixed)
        if (np.diff(mixed[order]) == 0).any():  # two names that numbers do not tell apart
            place = np.searchsorted(names, self._keys).clip(max=len(names) - 1)
        else:
            place = order[np.searchsorted(mixed[order], mixed_keys(self._keys)).clip(max=len(names) - 1)]
        return np.where(names[place] == self._keys, len(listed) - 1 - last[place], -1)

    @cached_property
    def inner_columns(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        """cage, n_layers, b_site, halide of the compounds of one spacer, each shape (n_inner,)."""
        rest, slot = np.divmod(np.arange(self.n_inner), len(self.slot_n))
        b_site, halide = np.divmod(rest, len(self.halide_options))
        return self.slot_cage[slot], self.slot_n[slot], b_site.astype(np.int32), halide.astype(np.int32)

    def __len__(self) -> int:
        return len(self.spacers) * self.n_inner


class Walker:
    """Columns of a space's compounds, in order and filtered. "Inner" counts metal, halide and slot of one spacer."""

    def __init__(self, axes: Axes, constraints: tuple[Constraint, ...]) -> None:
        self._axes, self._constraints = axes, constraints

    def columns(self, index: NDArray[np.int64]) -> Columns:
        """Columns of given indices, each of shape (m,)."""
        spacer, inner = np.divmod(index, self._axes.n_inner)
        cage, n_layers, b_site, halide = (column[inner] for column in self._axes.inner_columns)
        return index, spacer.astype(np.int32), cage, n_layers, b_site, halide

    def allowed(self, index: NDArray[np.int64], constraints: tuple[Constraint, ...]) -> NDArray[np.bool_]:
        """Which indices pass `constraints`, shape (m,)."""
        spacer, inner = np.divmod(index, self._axes.n_inner)
        if constraints is self._constraints:
            kinds, table = self.settled
            passed = table[kinds[spacer], inner]
        else:
            passed = np.ones(len(index), dtype=np.bool_)
            for constraint in constraints:
                kinds, table = constraint.kinds(self._axes)
                passed &= table[kinds[spacer], inner]
        return passed

    @cached_property
    def n_allowed(self) -> int:
        """Number of allowed compounds."""
        kinds, lists = self._kinds
        return int(np.bincount(kinds, minlength=len(lists)) @ np.array([len(inner) for inner in lists]))

    def walk(self, size: int) -> Iterator[Columns]:
        """Allowed compounds in order, at most `size` a block: as many whole spacers as fit, or slices of one."""
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
        cage, n_layers, b_site, halide = (column[inner] for column in self._axes.inner_columns)
        return spacer * self._axes.n_inner + inner, spacer.astype(np.int32), cage, n_layers, b_site, halide

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
        n_inner = self._axes.n_inner
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
            shared = tuple(np.tile(column[inner], count) for column in self._axes.inner_columns)
            for column in shared:
                column.flags.writeable = False
            self._last_pattern, self._last_key, self._kept_alive = (offsets, spacers, shared), key, inner
        return self._last_pattern

    _last_key: tuple[int, int, int] | None = None
    _last_pattern: tuple[NDArray[np.int64], NDArray[np.int32], tuple[NDArray[np.int32], ...]]
    _kept_alive: NDArray[np.int64]

    @cached_property
    def settled(self) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Kind of each spacer, (c,), and inner compounds allowed to each, (kinds, n_inner); SpaceError for too many."""
        axes = self._axes
        kinds = np.zeros(len(axes.spacers), dtype=np.intp)
        table = np.ones((1, axes.n_inner), dtype=np.bool_)
        for constraint in self._constraints:
            own, allowed = constraint.kinds(axes)
            pairs, kinds = np.unique(kinds * len(allowed) + own, return_inverse=True)
            if len(pairs) * axes.n_inner > MAX_TABLE:
                raise SpaceError(f"{constraint} tells {len(pairs)} kinds of spacer apart: too many for this space")
            table = table[pairs // len(allowed)] & allowed[pairs % len(allowed)]
        return kinds, table

    @cached_property
    def _kinds(self) -> tuple[NDArray[np.intp], list[NDArray[np.int64]]]:
        """Kind of each spacer, and for each kind the inner compounds that every constraint allows."""
        kinds, table = self.settled
        return kinds, [np.flatnonzero(row) for row in table]


class Constraint(Protocol):
    """What a space asks of a constraint."""

    @property
    def name(self) -> str:
        """What a description calls it."""

    def kinds(self, axes: Axes) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Kind of each spacer, shape (c,), and what each kind allows, shape (kinds, n_inner)."""


@dataclass(frozen=True)
class LayerLimits:
    """Least and most n of each phase, both included.

    n above 5 has rarely been grown phase-pure (Soe et al., PNAS 116, 58 (2019), doi 10.1073/pnas.1811006115); the
    default leaves n free.
    """

    name: ClassVar[str] = "layer_limits"
    rp: tuple[int, int] = (1, 10**6)
    dj: tuple[int, int] = (1, 10**6)

    def __post_init__(self) -> None:
        for phase, (least, most) in (("rp", self.rp), ("dj", self.dj)):
            object.__setattr__(self, phase, (least, most))
            if least > most:
                raise SpaceError(f"layer_limits of {phase}: {least} to {most} holds no n")

    def kinds(self, axes: Axes) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """As `Constraint`: the kind is the charge."""
        n = axes.inner_columns[1]
        rows = [(n >= least) & (n <= most) for least, most in (self.rp, self.dj)]
        return (axes.charges - 1.0).astype(np.intp), np.array(rows)


@dataclass(frozen=True)
class HeavyAtomLimits:
    """Least and most heavy atoms of the spacer, both included."""

    name: ClassVar[str] = "heavy_atoms"
    least: int = 0
    most: int = 80

    def kinds(self, axes: Axes) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """As `Constraint`."""
        known = axes.spacers
        if isinstance(known, CationColumns):
            heavy = known.heavy_atoms
        else:
            heavy = np.array([cation.n_heavy_atoms for cation in known])
        return _spacer_rule(axes, (heavy >= self.least) & (heavy <= self.most))


@dataclass(frozen=True)
class ExcludedElements:
    """Elements that no part of the compound may hold."""

    name: ClassVar[str] = "excluded_elements"
    elements: tuple[str, ...] = ()

    def kinds(self, axes: Axes) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """As `Constraint`."""
        banned = frozenset(self.elements)
        known = axes.spacers
        if isinstance(known, CationColumns):
            free = ~known.hold(banned)
        else:
            free = np.array([banned.isdisjoint(cation.elements) for cation in known])
        kinds, table = _spacer_rule(axes, free)
        cages = [all(banned.isdisjoint(c.elements) for c, _ in option) for option in axes.cage_options]
        halides = [all(symbol not in banned for symbol, _ in option) for option in axes.halide_options]
        b_sites = [symbol not in banned for symbol in axes.b_sites]
        cage, _, b_site, halide = axes.inner_columns  # the last cage is none
        return kinds, table & np.array([*cages, True])[cage] & np.array(b_sites)[b_site] & np.array(halides)[halide]


@dataclass(frozen=True)
class ExcludedCations:
    """Spacers and cage cations, by InChIKey, that no compound may hold in that place, in a mixture neither."""

    name: ClassVar[str] = "excluded_cations"
    spacers: tuple[str, ...] = ()
    cages: tuple[str, ...] = ()

    def kinds(self, axes: Axes) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """As `Constraint`."""
        cages = frozenset(self.cages)
        kinds, table = _spacer_rule(axes, axes.places(self.spacers) < 0)
        free = [all(c.inchikey not in cages for c, _ in option) for option in axes.cage_options]
        return kinds, table & np.array([*free, True])[axes.inner_columns[0]]


@dataclass(frozen=True)
class ToleranceWindow:
    """Classical tolerance factor of the perovskite inside the layers (cage, metal, halide), both ends included.

    Radii: `chemspace.geometry.effective_radius` (Kieslich). A mixture has the mean radius of its parts. n = 1 has no
    cage and passes. A cage cation without a tabulated radius is left out unless `keep_unknown`.
    """

    name: ClassVar[str] = "tolerance_factor"
    least: float = 0.8
    most: float = 1.0
    keep_unknown: bool = False

    def kinds(self, axes: Axes) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """As `Constraint`: one kind of spacer."""
        cage, _, b_site, halide = axes.inner_columns
        radii = np.array([*(self._radius(option) for option in axes.cage_options), np.nan])[cage]
        factor = np.full(len(cage), np.nan)
        for b, metal in enumerate(axes.b_sites):
            for x, option in enumerate(axes.halide_options):
                here = (b_site == b) & (halide == x)
                factor[here] = sum(float(f) * tolerance_factor(radii[here], metal, s) for s, f in option)
        inside = (factor >= self.least) & (factor <= self.most)
        unknown = np.isnan(factor) & (cage >= 0) & self.keep_unknown
        return np.zeros(len(axes.spacers), dtype=np.intp), (inside | unknown | (cage < 0))[None, :]

    @staticmethod
    def _radius(option: tuple[tuple[Cation, Fraction], ...]) -> float:
        try:
            return float(sum(float(f) * effective_radius(cation) for cation, f in option))
        except GeometryError:
            return float("nan")


@dataclass(frozen=True)
class OctahedralWindow:
    """Octahedral factor r_B / r_X, both ends included; a halide mixture has the mean of its parts."""

    name: ClassVar[str] = "octahedral_factor"
    least: float = 0.414
    most: float = 0.9

    def kinds(self, axes: Axes) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """As `Constraint`: one kind of spacer."""
        _, _, b_site, halide = axes.inner_columns
        rows = [
            [sum(float(f) * octahedral_factor(b, s) for s, f in x) for x in axes.halide_options] for b in axes.b_sites
        ]
        factors = np.array(rows)[b_site, halide]
        return np.zeros(len(axes.spacers), dtype=np.intp), ((factors >= self.least) & (factors <= self.most))[None, :]


@dataclass(frozen=True)
class AllowedPairs:
    """Which cage cations a spacer may go with: (spacer InChIKey, cage InChIKey) pairs. A spacer named in a pair goes
    only with the cages of its pairs (and alone, n = 1); with `forbidden` it goes with all but those. Spacers in no pair
    are free. A mixture passes if all its parts do."""

    name: ClassVar[str] = "allowed_pairs"
    pairs: tuple[tuple[str, str], ...] = ()
    forbidden: bool = False

    def kinds(self, axes: Axes) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """As `Constraint`: one kind for all spacers with the same partners, one for those not named."""
        partners: dict[str, set[str]] = {}
        for spacer, cage in self.pairs:
            partners.setdefault(spacer, set()).add(cage)
        alike: dict[frozenset[str], int] = {}
        kinds = [alike.setdefault(frozenset(listed), len(alike) + 1) for listed in partners.values()]
        rows = [np.ones(axes.n_inner, dtype=np.bool_)]
        for listed in alike:
            cages = [all((c.inchikey in listed) != self.forbidden for c, _ in option) for option in axes.cage_options]
            rows.append(np.array([*cages, True])[axes.inner_columns[0]])
        return np.array([0, *kinds])[axes.places([*partners]) + 1], np.array(rows)


@dataclass(frozen=True)
class PriceLimit:
    """Most money for the organic cations of one mole of formula units; `per_mol` lists (InChIKey, price per mole), the
    user's own. A cation without a price is left out unless `keep_unknown`."""

    name: ClassVar[str] = "price"
    most: float = 0.0
    per_mol: tuple[tuple[str, float], ...] = ()
    keep_unknown: bool = False

    def kinds(self, axes: Axes) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """As `Constraint`: the price of two (RP) or one (DJ) spacers and n - 1 cages. A kind affords so many of the
        cages' costs, in ascending order."""
        unknown = 0.0 if self.keep_unknown else np.inf
        known = dict(self.per_mol)
        prices = np.array([unknown, *(price for _, price in self.per_mol)], dtype=np.float64)
        spacers = 2.0 / axes.charges * prices[axes.places([key for key, _ in self.per_mol]) + 1]
        options = [sum(float(f) * known.get(c.inchikey, unknown) for c, f in o) for o in axes.cage_options]
        cage, n_layers, _, _ = axes.inner_columns
        inside = np.where(n_layers > 1, n_layers - 1, 1) * np.array([*options, 0.0])[cage]  # the last is no cage
        costs, place = np.unique(inside, return_inverse=True)
        edges = np.array([-np.inf, *costs, np.inf])
        with np.errstate(invalid="ignore"):  # what has no price has an infinite one
            kinds = np.searchsorted(costs, self.most - spacers, side="right")
            while (step := 1 * (spacers + edges[kinds + 1] <= self.most) - (spacers + edges[kinds] > self.most)).any():
                kinds = kinds + step  # the sum is rounded otherwise
        affords, kinds = np.unique(kinds, return_inverse=True)
        return kinds, place.reshape(-1) < affords[:, None]


#: Constraints by the name that a description gives them.
CONSTRAINT_KINDS: dict[str, Any] = {
    kind.name: kind
    for kind in (
        AllowedPairs,
        ExcludedCations,
        ExcludedElements,
        HeavyAtomLimits,
        LayerLimits,
        OctahedralWindow,
        PriceLimit,
        ToleranceWindow,
    )
}


def _spacer_rule(axes: Axes, passes: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """A yes-or-no rule on spacers, (c,): kind 1 passes, kind 0 does not."""
    table = np.zeros((2, axes.n_inner), dtype=np.bool_)
    table[1] = True
    return passes.astype(np.intp), table
