"""Search, filter and sort a ranking of millions: a question becomes a mask over the space, a page a slice."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from campaigns.web.errors import QueryError
from campaigns.web.ranked import SORTS, RankIndex
from chemspace import Cation, CompoundSpace

__all__ = ["Page", "Query", "Searcher"]

Mask = NDArray[np.bool_]
Indices = NDArray[np.unsignedinteger[Any]]

#: Answers that are remembered, 4 bytes a compound each.
KEPT = 8
#: Rows of one page at most.
MAX_SIZE = 500
_CHARGES = {"RP": 1, "DJ": 2}


@dataclass(frozen=True, slots=True)
class Query:
    """What of the ranking is wanted.

    Attributes:
        sort: one of `SORTS`. ascending: smallest first.
        text: part of a cation's abbreviation or name.
        phase: "RP" or "DJ". n_layers: their numbers. spacer, cage: abbreviations. b_site, halide: symbols.
            Empty for any.
        min_lifetime_ps, min_feasibility: lower limits, 0 for none.
        in_domain: only compounds near measured ones.
        hide_taken: leave out what is measured, awaited or ruled out.
    """

    sort: str = "acquisition"
    ascending: bool = False
    text: str = ""
    phase: str = ""
    n_layers: tuple[int, ...] = ()
    spacer: str = ""
    cage: str = ""
    b_site: str = ""
    halide: str = ""
    min_lifetime_ps: float = 0.0
    min_feasibility: float = 0.0
    in_domain: bool = False
    hide_taken: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its rows' indices in the space and their places (from 1), of how many."""

    indices: tuple[int, ...]
    first: int
    total: int


class Searcher:
    """Answers queries on one index of one space; remembers the last answers, so that turning pages costs nothing."""

    def __init__(self, space: CompoundSpace, index: RankIndex) -> None:
        self.space, self.index = space, index
        self._answers: OrderedDict[tuple[Query, tuple[int, ...]], Indices] = OrderedDict()
        self._lock = threading.Lock()

    def page(self, query: Query, taken: Sequence[int], number: int, size: int) -> Page:
        """Page `number` (from 1) of `size` rows.

        Args:
            query: what is wanted.
            taken: indices of compounds that are measured, awaited or ruled out.
            number, size: of the page; a page past the last one is empty.

        Raises:
            QueryError: for a sort or page that cannot be.
        """
        if query.sort not in SORTS:
            raise QueryError(f"one cannot sort by {query.sort!r}; use one of {', '.join(SORTS)}")
        if query.phase and query.phase not in _CHARGES:
            raise QueryError(f"there is no phase {query.phase!r}; use RP or DJ")
        if number < 1 or not 1 <= size <= MAX_SIZE:
            raise QueryError(f"page {number} of {size} rows: pages count from 1 and hold 1 to {MAX_SIZE} rows")
        found = self._found(query, tuple(taken) if query.hide_taken else ())
        start, total = (number - 1) * size, len(found)
        part = found[max(0, total - start - size) : max(0, total - start)][::-1] if query.ascending else None
        rows = found[start : start + size] if part is None else part
        return Page(tuple(int(row) for row in rows), start + 1, total)

    def _found(self, query: Query, taken: tuple[int, ...]) -> Indices:
        """Indices of all that match, best first."""
        key = (replace(query, ascending=False), taken)
        with self._lock:
            if (known := self._answers.get(key)) is not None:
                self._answers.move_to_end(key)
                return known
        order = self.index.orders[query.sort]
        allowed = self._allowed(query, taken)
        found = np.asarray(order if allowed is None else order[allowed[order]])
        with self._lock:
            self._answers[key] = found
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)
        return found

    def _allowed(self, query: Query, taken: tuple[int, ...]) -> Mask | None:
        """Which compounds match, shape (m,); None where all do."""
        mask = self._by_parts(query)
        limits: tuple[tuple[bool, Callable[[dict[str, Any]], Mask]], ...] = (
            (query.min_feasibility > 0.0, lambda n: n["feasibility"] >= query.min_feasibility),
            (query.min_lifetime_ps > 0.0, lambda n: n["mean"] <= -np.log10(query.min_lifetime_ps)),
            (query.in_domain, lambda n: n["distance"] <= self.index.domain_radius),
        )
        for wanted, test in limits:
            if wanted:
                passed = np.asarray(test(self.index.numbers))
                mask = passed if mask is None else mask & passed
        if taken:
            mask = np.ones(len(self.space), dtype=np.bool_) if mask is None else mask.copy()
            mask[list(taken)] = False
        return mask

    def _by_parts(self, query: Query) -> Mask | None:
        """The part of the mask that follows from what a compound is made of: an outer product of the space's axes."""
        space = self.space
        tests: tuple[tuple[int, bool, Callable[[], Mask]], ...] = (
            (0, bool(query.spacer), lambda: _named(space.spacers, query.spacer)),
            (0, bool(query.phase), lambda: np.array([c.charge == _CHARGES[query.phase] for c in space.spacers])),
            (1, bool(query.b_site), lambda: np.array([b == query.b_site for b in space.b_sites])),
            (2, bool(query.halide), lambda: np.array([_holds(x, query.halide) for x in space.halide_options])),
            (3, bool(query.n_layers), lambda: np.isin(space.slot_n, query.n_layers)),
            (3, bool(query.cage), lambda: self._slots(lambda c: c.abbreviation == query.cage)),
        )
        mask: Mask | None = None
        for axis, wanted, test in tests:
            if wanted:
                mask = self._on_axis(mask, axis, test())
        if query.text:
            words = query.text.casefold()
            spacer = np.array([_mentions(c, words) for c in space.spacers])
            slot = self._slots(lambda c: _mentions(c, words))
            either = spacer[:, None, None, None] | slot[None, None, None, :]
            mask = np.broadcast_to(either, self._shape) if mask is None else mask & either
        return None if mask is None else mask.reshape(-1)

    @property
    def _shape(self) -> tuple[int, int, int, int]:
        space = self.space
        return len(space.spacers), len(space.b_sites), len(space.halide_options), len(space.slot_n)

    def _on_axis(self, mask: Mask | None, axis: int, allowed: Mask) -> Mask:
        wide = allowed.reshape([-1 if place == axis else 1 for place in range(4)])
        return np.broadcast_to(wide, self._shape) if mask is None else mask & wide

    def _slots(self, test: Callable[[Cation], bool]) -> Mask:
        """Slots whose cage holds a cation that passes; n = 1 has none."""
        options = np.array([any(test(c) for c, _ in option) for option in self.space.cage_options] + [False])
        passed: Mask = options[self.space.slot_cage]
        return passed


def _named(cations: Sequence[Cation], abbreviation: str) -> Mask:
    return np.array([cation.abbreviation == abbreviation for cation in cations])


def _mentions(cation: Cation, words: str) -> bool:
    return any(words in name.casefold() for name in (cation.abbreviation, *cation.names))


def _holds(mixture: Sequence[tuple[str, Any]], symbol: str) -> bool:
    return any(part == symbol for part, _ in mixture)
