"""The number side of formulas: from ions and their counts to one neutral compound, or to the neutral one nearby."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import TypeAlias

from chemspace.cation import Cation
from chemspace.compound import B_SITES, HALIDES, Compound
from chemspace.errors import ChemspaceError, FormulaError, NotNeutralError

__all__ = ["Contents", "Number", "Symbol", "solve"]

Number: TypeAlias = Fraction | int
Symbol: TypeAlias = Cation | str

_ONE = Fraction(1)
_PURE = {symbol: ((symbol, _ONE),) for symbol in HALIDES}
_ROLE_ORDER = {"spacer": 0, "both": 1, "cage": 2}


@dataclass(frozen=True, slots=True)
class Contents:
    """Ions of a formula and how many, in the order written: cations as objects, metals and halides by symbol."""

    ions: tuple[tuple[Symbol, Number], ...] = ()

    @classmethod
    def of(cls, symbol: Symbol) -> Contents:
        """One ion."""
        return cls(((symbol, 1),))

    @classmethod
    def sum(cls, parts: Iterable[Contents]) -> Contents:
        """Everything in `parts`, in order."""
        return cls(tuple(ion for part in parts for ion in part.ions))

    def times(self, factor: Number) -> Contents:
        """`factor` times these ions."""
        if factor == 1:
            return self
        return Contents(tuple((symbol, count * factor) for symbol, count in self.ions))

    def totals(self) -> tuple[int, list[tuple[Cation, int]], dict[str, int], dict[str, int]]:
        """A scale that makes every count whole; cations in order, metals and halides, with counts times that scale.

        Raises:
            FormulaError: if a count is zero.
        """
        scale = 1
        for _, number in self.ions:
            if not isinstance(number, int):
                scale = lcm(scale, number.denominator)
        cations: list[tuple[Cation, int]] = []
        metals: dict[str, int] = {}
        halides: dict[str, int] = {}
        for symbol, number in self.ions:
            count = number.numerator * (scale // number.denominator)
            if not count:
                raise FormulaError("an ion is counted zero times; leave it out")
            if isinstance(symbol, str):
                target = metals if symbol in B_SITES else halides
                target[symbol] = target.get(symbol, 0) + count
            else:
                cations.append((symbol, count))
        return scale, cations, metals, halides


def solve(text: str, contents: Contents) -> Compound:
    """The compound that these ions make.

    Raises:
        FormulaError: if they make no RP, DJ or 3D compound.
        NotNeutralError: if their charges do not cancel.
    """
    scale, cations, metals, halides = contents.totals()
    if len(metals) != 1 or not halides or not cations:
        needs = f"one metal ({', '.join(B_SITES)}), a halide ({', '.join(HALIDES)}) and a cation"
        raise FormulaError(f"{text!r} is no formula of a halide perovskite: it needs {needs}")
    ((metal, b), *_), x = metals.items(), sum(halides.values())
    charge = 2 * b - x
    for cation, count in cations:
        charge += cation.charge * count
    if charge != 0:
        raise _not_neutral(text, Fraction(charge, scale), cations, metal, Fraction(b, scale), halides, scale)
    units = x - 3 * b
    if units > 0 and b % units == 0 and len(halides) == 1 and len(cations) <= 2:
        pure = _pure(cations, metal, b // units, units, next(iter(halides)))
        if pure is not None:
            return pure
    mixture = tuple((symbol, _share(count, x)) for symbol, count in halides.items())
    if units == 0:
        return Compound(None, _shares(text, cations), metal, mixture, None)
    if units < 0 or b % units:
        raise FormulaError(
            f"{text!r} is neutral but no layered perovskite: {_plain(Fraction(b, scale))} {metal} and "
            f"{_plain(Fraction(x, scale))} halides fit no n in (A)2(A')n-1 {metal}n X3n+1"
        )
    n = b // units
    spacer, cages = _split(text, cations, units, n)
    return Compound(spacer, _shares(text, cages) if cages else (), metal, mixture, n)


def _pure(cations: list[tuple[Cation, int]], metal: str, n: int, units: int, halide: str) -> Compound | None:
    """The unmixed compound of a neutral formula in the usual order, spacer first; None for all others."""
    (spacer, spacers), *others = cations
    if spacer.role == "cage" or spacers * spacer.charge != 2 * units:
        return None
    if not others:
        return Compound(spacer, (), metal, _PURE[halide], 1) if n == 1 else None
    cage = others[0][0]
    if cage.role == "spacer" or cage.charge != 1:
        return None
    return Compound(spacer, ((cage, _ONE),), metal, _PURE[halide], n)


def _split(text: str, cations: list[tuple[Cation, int]], units: int, n: int) -> tuple[Cation, list[tuple[Cation, int]]]:
    """The spacer and the cage cations of so many formula units."""
    options = [
        index
        for index, (cation, count) in enumerate(cations)
        if count * cation.charge == 2 * units and all(c.charge == 1 for k, (c, _) in enumerate(cations) if k != index)
    ]
    if not options:
        if len(cations) == 1 and cations[0][0].charge == 1 and cations[0][0].role == "both":
            only = cations[0][0]
            return only, [(only, n - 1)]
        raise FormulaError(
            f"{text!r} is neutral, but no cation is there exactly twice (+1) or once (+2) per {n} layers to be the "
            "spacer; one kind of spacer is read, and cage cations of charge +1"
        )
    best = min(options, key=lambda index: (_ROLE_ORDER[cations[index][0].role], index))
    spacer = cations[best][0]
    cages = [part for index, part in enumerate(cations) if index != best]
    if spacer.role == "cage" and any(cation.role != "cage" for cation, _ in cages):
        raise FormulaError(
            f"{text!r} has the make-up of an alternating-cation (ACI) compound, (A)(A')n; only RP, DJ and 3D are read"
        )
    return spacer, cages


def _shares(text: str, cations: list[tuple[Cation, int]]) -> tuple[tuple[Cation, Fraction], ...]:
    total = sum(count for _, count in cations)
    counts: dict[Cation, int] = {}
    for cation, count in cations:
        if cation.charge != 1:
            raise FormulaError(f"{text!r} puts {cation.abbreviation} ({cation.charge:+d}) into a cage; it must be +1")
        counts[cation] = counts.get(cation, 0) + count
    return tuple((cation, _share(count, total)) for cation, count in counts.items())


@lru_cache(maxsize=10_000)
def _share(part: int, total: int) -> Fraction:
    return Fraction(part, total)


def _not_neutral(
    text: str,
    charge: Fraction,
    cations: list[tuple[Cation, int]],
    metal: str,
    b: Fraction,
    halides: dict[str, int],
    scale: int,
) -> NotNeutralError:
    suggestions = _neutral_neighbours(cations, metal, b, halides, scale)
    offer = f"; neutral would be {' or '.join(suggestions)}" if suggestions else ""
    sign = "+" if charge > 0 else ""
    return NotNeutralError(f"{text!r} is not neutral: its charges add up to {sign}{_plain(charge)}{offer}", suggestions)


def _neutral_neighbours(
    cations: list[tuple[Cation, int]], metal: str, b: Fraction, halides: dict[str, int], scale: int
) -> tuple[str, ...]:
    """Up to three neutral formulas of the same ions, those that change the fewest counts first."""
    total = sum(halides.values())
    x = Fraction(total, scale)
    mixture = tuple((symbol, _share(count, total)) for symbol, count in halides.items())
    layered = [(i, c) for i, (c, _) in enumerate(cations) if c.role != "cage" or c.charge == 2]
    ranked: list[tuple[int, int, str]] = []
    for index, spacer in sorted(layered, key=lambda pair: _ROLE_ORDER[pair[1].role]):
        cages = [part for k, part in enumerate(cations) if k != index]
        if any(cation.charge != 1 for cation, _ in cages):
            continue
        cage_total = Fraction(sum(count for _, count in cages), scale)
        spacers = Fraction(cations[index][1], scale)
        for n in _layer_guesses(b, x, cage_total):
            if (n == 1) == bool(cages):
                continue
            wrong = (spacers * spacer.charge != 2) + (cage_total != n - 1) + (b != n) + (x != 3 * n + 1)
            try:
                neutral = Compound(spacer, _shares("", cages) if cages else (), metal, mixture, n)
            except ChemspaceError:
                continue
            ranked.append((wrong, len(ranked), neutral.formula))
    if not layered:
        neutral = Compound(None, _shares("", cations), metal, mixture, None)
        ranked.append((0, 0, neutral.formula))
    return tuple(dict.fromkeys(formula for _, _, formula in sorted(ranked)))[:3]


def _layer_guesses(b: Fraction, x: Fraction, cage_total: Fraction) -> list[int]:
    guesses = (b, (x - 1) / 3, cage_total + 1)
    return [int(n) for n in dict.fromkeys(guesses) if n.denominator == 1 and 1 <= n <= 999]


def _plain(number: Fraction) -> str:
    return f"{float(number):.6g}"
