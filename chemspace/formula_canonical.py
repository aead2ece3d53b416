"""The short way for long lists: layered formulas in, or close to, their canonical spelling.

What this file does not recognise at a glance, or what does not add up, is left to the general reader, which also says
why a formula is refused.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from chemspace.cation import Cation
from chemspace.compound import B_SITES, HALIDES, Compound, cage_order
from chemspace.formula_words import Cutter
from chemspace.library import CationLibrary

__all__ = ["read_canonical"]

_METALS, _HALIDES = "|".join(B_SITES), "|".join(HALIDES)
_LAYERED = re.compile(
    rf"\(([^()]+)\)(2?)(?:\(([^()]+)\)(\d{{0,3}}))?({_METALS})(\d{{0,3}})((?:(?:{_HALIDES})\d{{0,4}}(?:\.\d{{1,6}})?){{1,3}})"
)
_HALIDE = re.compile(rf"({_HALIDES})(\d{{0,4}}(?:\.\d{{1,6}})?)")
_ONE = Fraction(1)


def read_canonical(text: str, library: CationLibrary) -> Compound | None:
    """The compound of "(A)2(A')kBnXm", with mixed cages or halides or without, or None."""
    match = _LAYERED.fullmatch(text)
    if match is None:
        return None
    spacer_name, spacers, cage_name, cages, metal, metals, halide_text = match.groups()
    spacer = library.names.get(spacer_name)
    n = int(metals or 1)
    if spacer is None or spacer.role == "cage" or (2 if spacers else 1) * spacer.charge != 2:
        return None
    halides, total = _halides(halide_text)
    if total != 3 * n + 1 or not halides:
        return None
    if cage_name is None:
        return Compound(spacer, (), metal, halides, 1) if n == 1 else None
    cage = _cages(cage_name, library)
    if not cage or int(cages or 1) != n - 1:
        return None
    return Compound(spacer, cage, metal, halides, n)


@lru_cache(maxsize=10_000)
def _halides(text: str) -> tuple[tuple[tuple[str, Fraction], ...], Fraction]:
    """Shares of the halides in the order of a compound, and how many there are; () for one that is named twice."""
    counts: dict[str, Fraction] = {}
    for symbol, number in _HALIDE.findall(text):
        if symbol in counts:
            return (), _ONE
        counts[symbol] = Fraction(number or 1)
    total = sum(counts.values(), Fraction(0))
    if min(counts.values()) <= 0:
        return (), _ONE
    return tuple((symbol, counts[symbol] / total) for symbol in HALIDES if symbol in counts), total


@lru_cache(maxsize=10_000)
def _cages(text: str, library: CationLibrary) -> tuple[tuple[Cation, Fraction], ...]:
    """The cage cation of that name, or a mixture whose fractions add up to 1; () for anything else."""
    named = library.names.get(text)
    if named is not None:
        return ((named, _ONE),) if named.charge == 1 and named.role != "spacer" else ()
    readings = Cutter.of(library).cut(text)
    if len(readings) != 1:
        return ()
    parts: list[tuple[Cation, Fraction]] = []
    for symbol, number in readings[0].ions:
        if isinstance(symbol, str) or symbol.charge != 1 or symbol.role == "spacer" or number <= 0:
            return ()
        parts.append((symbol, Fraction(number)))
    if len({cation for cation, _ in parts}) < len(parts) or sum(share for _, share in parts) != 1:
        return ()
    return tuple(sorted(parts, key=cage_order))
