"""The space of compounds a campaign may choose from: an index, never a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chemspace.cation import Cation, CationColumns
from chemspace.compound import B_SITES, HALIDES, Compound
from chemspace.constraints import Axes, CageMixture, Constraint, HalideMixture, Walker
from chemspace.errors import NotInSpaceError, SpaceError

#: Entries of an axis that a message names.
_LISTED = 8


@dataclass(frozen=True)
class SpaceBlock:
    """m compounds of a space as columns, no object per compound.

    `spacer` and `b_site` are positions in the space's tuples, `cage` and `halide` in its `cage_options` and
    `halide_options` (the unmixed ones first, in the order of `cages` and `halides`); `n_layers` is the number itself
    and `cage` is -1 where n = 1. All shape (m,); `index` is int64, the others are signed integers. Columns may be
    shared between blocks and are read-only.
    """

    index: NDArray[np.int64]
    spacer: NDArray[np.integer]
    cage: NDArray[np.integer]
    n_layers: NDArray[np.integer]
    b_site: NDArray[np.integer]
    halide: NDArray[np.integer]

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True)
class CompoundSpace:
    """Every compound of some spacers, cage cations, layer numbers, metals and halides.

    Mixed radix: the spacer varies slowest, then metal, halide and, fastest, the slot. Slot 0 is n = 1 (where
    `n_layers` holds it; it has no cage, so it stands there once), then come the cages of each n in turn.

    `len(space)` is the number of indices, exact; constraints do not renumber it: `space[i]` and `take` reach every
    index, while `blocks`, `in`, `index` and iteration pass over what a constraint excludes, and `n_allowed` says how
    many compounds that leaves.

    Args:
        spacers: spacers, as objects or `CationColumns`; their charge tells RP from DJ.
        cages: cage cations, +1.
        n_layers: layer numbers, from 1.
        b_sites: metals.
        halides: unmixed halides; may be empty where `halide_mixtures` is not.
        cage_mixtures: further cage options, each (cation, fraction) pairs that add up to 1.
        halide_mixtures: further halide options, each (symbol, fraction) pairs that add up to 1.
        constraints: what is left out, from `chemspace.constraints`.

    Raises:
        SpaceError: for an empty or repeated axis, an n below 1, or a cation that cannot be where it stands.
        FormulaError: for a mixture that does not add up to 1.

    Example:
        >>> from chemspace import CationLibrary, CompoundSpace, parse_formula
        >>> library = CationLibrary.builtin()
        >>> space = CompoundSpace((library["PEA"], library["BDA"]), (library["MA"],), (1, 2, 3))
        >>> len(space), space[5].formula
        (6, '(BDA)(MA)2Pb3I10')
        >>> parse_formula("(BA)2PbI4") in space
        False
    """

    spacers: tuple[Cation, ...] | CationColumns
    cages: tuple[Cation, ...]
    n_layers: tuple[int, ...]
    b_sites: tuple[str, ...] = ("Pb",)
    halides: tuple[str, ...] = ("I",)
    cage_mixtures: tuple[CageMixture, ...] = ()
    halide_mixtures: tuple[HalideMixture, ...] = ()
    constraints: tuple[Constraint, ...] = ()

    def __post_init__(self) -> None:
        for name in ("spacers", "cages", "n_layers", "b_sites", "halides", "constraints"):
            axis = getattr(self, name)
            object.__setattr__(self, name, axis if isinstance(axis, CationColumns) else tuple(axis))
        _check_axes(self)
        first = self.spacers[0]
        cages = [Compound(first, tuple(mixture), "Pb", (("I", Fraction(1)),), 2).cage for mixture in self.cage_mixtures]
        halides = [Compound(first, (), "Pb", tuple(mixture), 1).halide for mixture in self.halide_mixtures]
        object.__setattr__(self, "cage_mixtures", tuple(cages))
        object.__setattr__(self, "halide_mixtures", tuple(halides))
        for name, options in (("cage", self.cage_options), ("halide", self.halide_options)):
            if len(set(options)) < len(options):
                raise SpaceError(f"a {name} option is given twice; give each once")

    @cached_property
    def cage_options(self) -> tuple[CageMixture, ...]:
        """What fills the cages, by position: the unmixed cations of `cages`, then `cage_mixtures`."""
        return (*(((cation, Fraction(1)),) for cation in self.cages), *self.cage_mixtures)

    @cached_property
    def halide_options(self) -> tuple[HalideMixture, ...]:
        """What the halide sites hold, by position: the unmixed `halides`, then `halide_mixtures`."""
        return (*(((symbol, Fraction(1)),) for symbol in self.halides), *self.halide_mixtures)

    @cached_property
    def cage_cations(self) -> tuple[Cation, ...]:
        """Every cation of a cage option: `cages`, then those that stand in mixtures only."""
        mixed = (cation for mixture in self.cage_mixtures for cation, _ in mixture)
        return tuple(dict.fromkeys((*self.cages, *mixed)))

    def __len__(self) -> int:
        return len(self.spacers) * self.n_inner

    @cached_property
    def n_inner(self) -> int:
        """Compounds per spacer: metals x halide options x slots."""
        return self.axes.n_inner

    @cached_property
    def axes(self) -> Axes:
        """What constraints look at."""
        return Axes(self.spacers, self.cage_options, self.halide_options, self.b_sites, self.slot_n, self.slot_cage)

    def __getitem__(self, position: int) -> Compound:
        """Compound at one index, constraints or not; negative ones count from the end. IndexError outside."""
        size = len(self)
        if not -size <= position < size:
            raise IndexError(f"the space holds {size} compounds; there is no number {position}")
        rest, slot = divmod(int(position) % size, len(self.slot_n))
        rest, halide = divmod(rest, len(self.halide_options))
        spacer, b_site = divmod(rest, len(self.b_sites))
        cage = int(self.slot_cage[slot])
        return Compound(
            self.spacers[spacer],
            () if cage < 0 else self.cage_options[cage],
            self.b_sites[b_site],
            self.halide_options[halide],
            int(self.slot_n[slot]),
        )

    def index(self, compound: Compound) -> int:
        """Index of a compound. Raises NotInSpaceError, which says which part is missing or what excludes it."""
        if compound.spacer is None or compound.n_layers is None:
            raise NotInSpaceError(f"{compound.formula} is three-dimensional; the space holds layered compounds")
        spacer = _position(self._positions["spacer"], compound.spacer, "spacer", compound)
        b_site = _position(self._positions["metal"], compound.b_site, "metal", compound)
        halide = _position(self._positions["halide"], compound.halide, "halide", compound)
        slot = _position(self._positions["n"], compound.n_layers, "n", compound)
        if compound.cage:
            slot += _position(self._positions["cage"], compound.cage, "cage", compound)
        position = ((spacer * len(self.b_sites) + b_site) * len(self.halide_options) + halide) * len(self.slot_n) + slot
        for constraint in self.constraints:
            if not self._walker.allowed(np.array([position]), (constraint,))[0]:
                raise NotInSpaceError(f"{compound.formula} is excluded from the space by {constraint}")
        return position

    def __contains__(self, compound: object) -> bool:
        if not isinstance(compound, Compound):
            return False
        try:
            self.index(compound)
        except NotInSpaceError:
            return False
        return True

    def __iter__(self) -> Iterator[Compound]:
        for block in self.blocks(4096):
            for position in block.index:
                yield self[int(position)]

    def blocks(self, size: int) -> Iterator[SpaceBlock]:
        """The allowed compounds in order, as blocks of at most `size`; blocks left empty by constraints are skipped.

        Raises:
            SpaceError: for a size below 1.
        """
        if size < 1:
            raise SpaceError(f"a block of {size} compounds holds nothing; ask for at least 1")
        return (SpaceBlock(*columns) for columns in self._walker.walk(size))

    def take(self, indices: NDArray[np.int64] | Sequence[int]) -> SpaceBlock:
        """The compounds at `indices`, shape (m,), constraints or not.

        Raises:
            IndexError: if an index lies outside the space.
        """
        index = np.asarray(indices, dtype=np.int64)
        if index.size and (index.min() < 0 or index.max() >= len(self)):
            raise IndexError(f"the space holds {len(self)} compounds; an index lies outside it")
        return SpaceBlock(*self._walker.columns(index))

    def allowed(self, indices: NDArray[np.int64] | Sequence[int]) -> NDArray[np.bool_]:
        """Which of `indices`, shape (m,), pass every constraint; shape (m,)."""
        return self._walker.allowed(np.asarray(indices, dtype=np.int64), self.constraints)

    @property
    def charges(self) -> NDArray[np.float64]:
        """Charge of each spacer, shape (c,): 1 makes RP phases, 2 DJ."""
        return self.axes.charges

    @property
    def allowed_inner(self) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Kind of each spacer, shape (c,), and which compounds of a spacer each kind may have, (kinds, n_inner). Raises
        SpaceError for too many kinds."""
        return self._walker.settled

    @property
    def n_allowed(self) -> int:
        """How many compounds the constraints leave."""
        return self._walker.n_allowed

    @cached_property
    def slot_n(self) -> NDArray[np.int32]:
        """Layer number of each slot, shape (slots,)."""
        options = len(self.cage_options)
        return np.array([n for n in sorted(self.n_layers) for _ in range(1 if n == 1 else options)], dtype=np.int32)

    @cached_property
    def slot_cage(self) -> NDArray[np.int32]:
        """Cage option of each slot, shape (slots,), -1 for n = 1."""
        every = range(len(self.cage_options))
        return np.array([c for n in sorted(self.n_layers) for c in ((-1,) if n == 1 else every)], dtype=np.int32)

    @cached_property
    def _positions(self) -> dict[str, dict[Any, int] | CationColumns]:
        starts = {int(n): int(np.argmax(self.slot_n == n)) for n in self.n_layers}
        axes = {"spacer": self.spacers, "metal": self.b_sites, "halide": self.halide_options, "cage": self.cage_options}
        own = {name: axis if isinstance(axis, CationColumns) else _places(axis) for name, axis in axes.items()}
        return {"n": starts, **own}

    @cached_property
    def _walker(self) -> Walker:
        return Walker(self.axes, self.constraints)


def _check_axes(space: CompoundSpace) -> None:
    axes = {"spacers": space.spacers, "n_layers": space.n_layers, "b_sites": space.b_sites}
    for name, axis in {**axes, "cages": space.cages, "halides": space.halides}.items():
        if (axis.n_distinct if isinstance(axis, CationColumns) else len(set(axis))) < len(axis):
            raise SpaceError(f"{name} holds an entry twice; give each once")
    for name, axis in axes.items():
        if not axis:
            raise SpaceError(f"{name} is empty; a space needs at least one entry")
    if not space.halides and not space.halide_mixtures:
        raise SpaceError("halides is empty; a space needs at least one halide or halide mixture")
    if min(space.n_layers) < 1:
        raise SpaceError(f"n_layers holds {min(space.n_layers)}; it starts at 1")
    if max(space.n_layers) > 1 and not space.cages and not space.cage_mixtures:
        raise SpaceError("n above 1 needs at least one cage cation")
    if wrong := [b for b in space.b_sites if b not in B_SITES]:
        raise SpaceError(f"{wrong[0]!r} is no B site; use {', '.join(B_SITES)}")
    if wrong := [x for x in space.halides if x not in HALIDES]:
        raise SpaceError(f"{wrong[0]!r} is no halide; use {', '.join(HALIDES)}")
    if odd := [c for c in space.cages if c.charge != 1]:
        raise SpaceError(f"cage cation {odd[0].abbreviation} has charge {odd[0].charge:+d}; it must be +1")
    if odd := [c for c in space.cages if c.role == "spacer"]:
        raise SpaceError(f"{odd[0].abbreviation} is a spacer, not a cage cation; give it the role cage or both")
    drawn = () if isinstance(space.spacers, CationColumns) else space.spacers
    if odd := [c for c in drawn if c.role == "cage"]:
        raise SpaceError(f"{odd[0].abbreviation} is a cage cation, not a spacer; give it the role spacer or both")


def _places(axis: tuple[Any, ...]) -> dict[Any, int]:
    return {key: place for place, key in enumerate(axis)}


def _position(positions: dict[Any, int] | CationColumns, key: Any, what: str, compound: Compound) -> int:
    found = positions.get(key)
    if found is None:
        known = ", ".join(map(_text, islice(positions, _LISTED))) + (", ..." if len(positions) > _LISTED else "")
        raise NotInSpaceError(f"{compound.formula} is not in the space: its {what} is none of {known or 'none'}")
    return int(found)


def _text(part: Any) -> str:
    """A spacer, a metal, an n, or a mixture as its ions with their fractions."""
    if not isinstance(part, tuple):
        return str(part)
    return "".join(f"{ion}{'' if share == 1 else share}" for ion, share in part)
