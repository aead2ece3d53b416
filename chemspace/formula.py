"""Formulas of layered and three-dimensional halide perovskites: text to compound and back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import islice, product
from math import lcm
from typing import TypeAlias

from chemspace.cation import Cation
from chemspace.compound import B_SITES, HALIDES, Compound, cage_order
from chemspace.errors import AmbiguousNameError, ChemspaceError, FormulaError, NotNeutralError, UnknownCationError
from chemspace.library import CationLibrary
from chemspace.spelling import FRAMEWORK, check_length, normalise

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
        """A scale that makes every count whole; cations, metals, halides times it. FormulaError if a count is zero."""
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
    """The compound these ions make. Raises FormulaError if they make no RP, DJ or 3D compound, or NotNeutralError."""
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
    if b % scale:
        raise FormulaError(
            f"{text!r} holds {_plain(Fraction(b, scale))} {metal}: its shares do not add up to a whole number of units"
        )
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
        may_alternate = all(c.charge == 1 for c, _ in cations) and any(c.role != "spacer" for c, _ in cations)
        if may_alternate and sorted(count for _, count in cations) == [units, n * units]:
            raise FormulaError(
                f"{text!r} has the make-up of an alternating-cation (ACI) compound, (A)(A')n, or of two spacers in one "
                "layer; only RP, DJ and 3D with one spacer are read"
            )
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
        guesses = (b, (x - 1) / 3, cage_total + 1)
        for n in [int(n) for n in dict.fromkeys(guesses) if n.denominator == 1 and 1 <= n <= 999]:
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
    suggestions = tuple(dict.fromkeys(formula for _, _, formula in sorted(ranked)))[:3]
    offer = f"; neutral would be {' or '.join(suggestions)}" if suggestions else ""
    if metal == "Sn" and Fraction(sum(halides.values()), scale) == 6 * b:
        offer += f"; if {metal}(IV) is meant, it is not read: the metal is +2"
    twice = dict.fromkeys(cation for cation, _ in cations if cation.charge == 2)
    offer += "".join(f"; {c.abbreviation} is {c.names[-1] if c.names else c.smiles} (+2)" for c in twice)
    sign = "+" if charge > 0 else ""
    return NotNeutralError(f"{text!r} is not neutral: its charges add up to {sign}{_plain(charge)}{offer}", suggestions)


def _plain(number: Fraction) -> str:
    return f"{float(number):.6g}"


#: More readings than this are not weighed against each other.
MAX_READINGS = 64

_NUMBER_PATTERN = r"\d{1,6}/\d{1,6}|\d{0,6}\.\d{1,9}|\d{1,6}"
_NUMBER = re.compile(_NUMBER_PATTERN)
_TOKEN = re.compile(rf"([^\d./()]+)({_NUMBER_PATTERN})?")
_RUN = re.compile(rf"(?:[^\d./()]++(?:{_NUMBER_PATTERN})?+)++")  # possessive: no backtracking, so no hang
_DIGITS = re.compile(r"(\d+)")
#: Words remembered by one cutter, so that a long list of formulas cannot fill the memory.
REMEMBERED = 100_000
_RANK = {**dict.fromkeys(B_SITES, 1), **dict.fromkeys(HALIDES, 2)}


def read_number(text: str, start: int) -> tuple[Number, int]:
    """The number at `start` (1 where none stands there), where it ends. FormulaError for a division by zero."""
    match = _NUMBER.match(text, start)
    if match is None:
        return 1, start
    return _value(match.group()), match.end()


class Cutter:
    """Every way to cut runs into names of one library; remembers the words it has cut."""

    def __init__(self, library: CationLibrary) -> None:
        self._names = library.names
        self._longest = max(map(len, self._names), default=1)
        #: Readings of bracketed groups met before, for `formula_text`.
        self.groups: dict[str, list[Contents]] = {}
        self._words: dict[str, tuple[tuple[Symbol, ...], ...]] = {}
        pieces = sorted({piece for name in self._names for piece in _around_digits(name)})
        self._numbers_in_names = [(re.compile(head), digits, re.compile(tail)) for head, digits, tail in pieces]
        self._fitting: dict[tuple[str, bool], frozenset[int]] = {}

    @staticmethod
    @lru_cache(maxsize=8)
    def of(library: CationLibrary) -> Cutter:
        """The cutter of a library, made once."""
        return Cutter(library)

    def cut(self, run: str) -> list[Contents]:
        """Readings of `run`, cations, metals, halides; [] where a part is no name. FormulaError as `read_number`."""
        tokens = _TOKEN.findall(run)
        if not _RUN.fullmatch(run) or self._digits_may_be_names(tokens):
            return self._cut_anywhere(run)
        ions: list[tuple[Symbol, Number]] = []
        for word, number in tokens:
            cuts = self._words.get(word) or self._cut_word(word)
            if len(cuts) != 1:
                return self._choices(tokens)
            for symbol in cuts[0]:
                ions.append((symbol, 1))
            if number:
                ions[-1] = (ions[-1][0], _value(number))
        return [Contents(tuple(ions))] if _in_order(ions) else []

    def _choices(self, tokens: list[tuple[str, str]]) -> list[Contents]:
        """Readings of tokens of which some can be cut in no or several ways."""
        numbers = [_value(number) if number else 1 for _, number in tokens]
        choices = product(*(self._cut_word(word) for word, _ in tokens))
        readings = (_join(choice, numbers) for choice in islice(choices, MAX_READINGS))
        return [reading for reading in readings if reading is not None]

    def _cut_word(self, word: str) -> tuple[tuple[Symbol, ...], ...]:
        """Every way to write a word without digits as names side by side."""
        found = self._words.get(word)
        if found is None:
            found = tuple(
                tuple(symbol for symbol, _ in reading.ions)
                for reading in self._cut_anywhere(word)
                if all(count == 1 for _, count in reading.ions)
            )
            if len(self._words) < REMEMBERED:
                self._words[word] = found
        return found

    def _digits_may_be_names(self, tokens: list[tuple[str, str]]) -> bool:
        """Whether some number might be part of a name, as the 2 of 2TEA or the 5 of F5-PEA."""
        before, digits = tokens[0] if tokens else ("", "")
        for word, number in tokens[1:]:
            if digits and self._may_be_name(before, digits, word):
                return True
            before, digits = word, number
        return bool(digits) and self._may_be_name(before, digits, "")

    def _may_be_name(self, before: str, digits: str, after: str) -> bool:
        shared = self._fits(before, True) & self._fits(after, False)
        return bool(shared) and any(self._numbers_in_names[piece][1] in digits for piece in shared)

    def _fits(self, word: str, precedes: bool) -> frozenset[int]:
        """The numbers inside names before which (or after which) `word` may stand."""
        found = self._fitting.get((word, precedes))
        if found is None:
            pieces = enumerate(self._numbers_in_names)
            found = frozenset(i for i, (head, _, tail) in pieces if (head if precedes else tail).fullmatch(word))
            if len(self._fitting) < REMEMBERED:
                self._fitting[word, precedes] = found
        return found

    def _cut_anywhere(self, run: str) -> list[Contents]:
        """As `cut`, with names that hold digits: slower, tries every position."""
        steps = [self._steps(run, start) for start in range(len(run))]
        ends = _can_end(steps)
        found: list[Contents] = []
        stack: list[tuple[int, int, tuple[tuple[Symbol, Number], ...]]] = [(0, 0, ())] if ends[0][0] else []
        while stack and len(found) < MAX_READINGS:
            start, rank, ions = stack.pop()
            if start == len(run):
                found.append(Contents(ions))
                continue
            for symbol, own, number, after in steps[start]:
                if own >= rank and ends[after][own]:
                    stack.append((after, own, (*ions, (symbol, number))))
        return found

    def _steps(self, run: str, start: int) -> list[tuple[Symbol, int, Number, int]]:
        """Names that may stand at `start`: symbol, rank, the number behind it, and where that ends."""
        steps: list[tuple[Symbol, int, Number, int]] = []
        for end in range(start + 1, min(len(run), start + self._longest) + 1):
            word = run[start:end]
            symbol: Symbol | None = word if word in _RANK else self._names.get(word)
            if symbol is not None:
                own = _RANK.get(word, 0)
                steps.extend((symbol, own, number, after) for number, after in _numbers(run, end))
        return steps


def _join(words: tuple[tuple[Symbol, ...], ...], numbers: list[Number]) -> Contents | None:
    """Words, each with the number behind its last name, as contents; None where a cation follows a metal or halide."""
    ions: list[tuple[Symbol, Number]] = []
    for symbols, number in zip(words, numbers, strict=True):
        ions.extend((symbol, 1) for symbol in symbols)
        ions[-1] = (ions[-1][0], number)
    return Contents(tuple(ions)) if _in_order(ions) else None


def _in_order(ions: list[tuple[Symbol, Number]]) -> bool:
    """Whether cations come before metals and metals before halides."""
    rank = 0
    for symbol, _ in ions:
        own = _RANK[symbol] if isinstance(symbol, str) else 0
        if own < rank:
            return False
        rank = own
    return True


def _can_end(steps: list[list[tuple[Symbol, int, Number, int]]]) -> list[list[bool]]:
    """For each position and rank reached there, whether the rest can be cut: keeps the search out of dead ends."""
    ends = [[False] * 3 for _ in steps] + [[True] * 3]
    for start in range(len(steps) - 1, -1, -1):
        for _, own, _, after in steps[start]:
            if ends[after][own]:
                for rank in range(own + 1):
                    ends[start][rank] = True
    return ends


def _numbers(run: str, start: int) -> Iterator[tuple[Number, int]]:
    """The numbers that may follow a name: the longest, and shorter ones since names may start with a digit."""
    match = _NUMBER.match(run, start)
    if match is None:
        yield 1, start
        return
    whole = match.group()
    yield _value(whole), match.end()
    if match.end() < len(run) and whole.isdigit():
        for size in range(1, len(whole)):
            yield int(whole[:size]), start + size
        yield 1, start


def _around_digits(name: str) -> Iterator[tuple[str, str, str]]:
    """Around each number inside a name: pattern of what precedes it, the number, and pattern of what follows."""
    parts = _DIGITS.split(name)
    for place in range(1, len(parts), 2):
        before, after = re.escape(parts[place - 1]), re.escape(parts[place + 1])
        first, last = place == 1, place == len(parts) - 2
        yield f".*{before}" if first else before, parts[place], f"{after}.*" if last else after


@lru_cache(maxsize=10_000)
def _value(text: str) -> Number:
    if text.isdigit():
        return int(text)
    numerator, _, denominator = text.partition("/")
    if denominator and int(denominator) == 0:
        raise FormulaError(f"{text} divides by zero")
    return Fraction(int(numerator), int(denominator)) if denominator else Fraction(text)


_METALS, _HALIDES = "|".join(B_SITES), "|".join(HALIDES)
_LAYERED = re.compile(
    rf"\(([^()]+)\)(2?)(?:\(([^()]+)\)(\d{{0,3}}))?({_METALS})(\d{{0,3}})((?:(?:{_HALIDES})\d{{0,4}}(?:\.\d{{1,6}})?){{1,3}})"
)
_HALIDE = re.compile(rf"({_HALIDES})(\d{{0,4}}(?:\.\d{{1,6}})?)")


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


MAX_DEPTH = 4

_VARIABLE = re.compile(r"\d-[xyδ]|[xy]\d-|(?<=[A-Za-z0-9)])([xyδ])(?=[A-Z()]|$)")
_SAYS_N = re.compile(r"[(,;\s]*\bn\s*=\s*(\d{1,3})\b\s*\)?[,;:]?")
_SUM_FORMULA = re.compile(r"C\d*H\d+(?:[A-Z][a-z]?\d*)+")
_OPEN_N = re.compile(r"n-1|3n|\)n\b|(?:Pb|Sn|Ge)n")
_OTHER_ION = re.compile(
    r"(?:^|[)\d])(Ag|Al|Au|Bi|Cd|Co|Cr|Cu|Dy|Er|Eu|Fe|Ga|Gd|Hg|In|La|Mg|Mn|Mo|Nd|Ni|Pd|Pt|Ru|Sb|Sr|Te|Ti|Tl|Yb|Zn|Zr)"
    r"(?=[\d.]*(?:[A-Z(]|$))"
)
_OTHER_ANION = re.compile(r"SCN|NCS|BF4|PF6|ClO4|HCOO|NO3|(?<=(?:Pb|Sn|Ge))F")
_HALIDE_OPEN = re.compile(r"(?:Pb|Sn|Ge)[\d.]*X")


class _Reader:
    """Reads one formula; holds what every level of brackets needs."""

    def __init__(self, library: CationLibrary, whole: str) -> None:
        self._library = library
        self._cutter = Cutter.of(library)
        self._whole = whole
        self._bracketed = _bracketed_names(library) if "(" in whole else ()

    def sequence(self, text: str, depth: int) -> list[Contents]:
        """Readings of groups and runs side by side."""
        if "(" not in text:
            return self._run(text)
        if depth > MAX_DEPTH:
            raise FormulaError(f"{self._whole!r} has brackets more than {MAX_DEPTH} deep")
        parts: list[list[Contents]] = []
        position = 0
        while position < len(text):
            readings, position = self._part(text, position, depth)
            parts.append(readings)
        return [Contents.sum(choice) for choice in islice(product(*parts), MAX_READINGS)]

    def _part(self, text: str, start: int, depth: int) -> tuple[list[Contents], int]:
        """Readings of the group, bracketed name or run at `start`, and where it ends."""
        if text.startswith(self._bracketed, start):
            named = next(name for name in self._bracketed if text.startswith(name, start))
            factor, end = read_number(text, start + len(named))
            return [Contents.of(self._library.names[named]).times(factor)], end
        if text[start] == "(":
            closing = self._closing(text, start)
            factor, end = read_number(text, closing + 1)
            return [reading.times(factor) for reading in self._group(text[start + 1 : closing], depth)], end
        end = text.find("(", start)
        end = len(text) if end < 0 else end
        return self._run(text[start:end]), end

    def _closing(self, text: str, start: int) -> int:
        end = text.find(")", start)
        if end > 0 and text.find("(", start + 1, end) < 0:
            return end
        depth = 0
        for position in range(start, len(text)):
            depth += {"(": 1, ")": -1}.get(text[position], 0)
            if depth == 0:
                return position
        raise FormulaError(f"a bracket of {self._whole!r} is not closed")

    def _group(self, inside: str, depth: int) -> list[Contents]:
        named = self._library.names.get(inside)
        if named is not None and inside not in _RANK:  # a library may call a cation I
            return [Contents.of(named)]
        symbols = inside.split(",")
        if len(symbols) > 1 and all(symbol in HALIDES for symbol in symbols):
            raise FormulaError(f"{self._whole!r} does not say how much {inside} it holds; write it as (I0.9Br0.1)3")
        if inside not in B_SITES and inside not in HALIDES and self._library.readings(inside):
            return [Contents.of(self._named(inside))]
        known = self._cutter.groups.get(inside)
        if known is None:
            known = self.sequence(inside, depth + 1)
            several = (len(one.ions) > 1 and all(isinstance(symbol, Cation) for symbol, _ in one.ions) for one in known)
            if inside.isalpha() and any(several):
                self._named(inside)  # raises: letters alone in brackets are one name, never two side by side
            if len(self._cutter.groups) < REMEMBERED:
                self._cutter.groups[inside] = known
        return known

    def _run(self, run: str) -> list[Contents]:
        if ")" in run:
            raise FormulaError(f"{self._whole!r} closes a bracket that it never opened")
        found = self._cutter.cut(run)
        if not found:
            self._explain(run)
        return found

    def _explain(self, run: str) -> None:
        """Raise the error that says why `run` cannot be cut into names."""
        self._refuse_what_is_not_read()
        if f"({run})" in self._whole and not FRAMEWORK.search(run) and not re.search(r"\d\.|\.\d", run):
            self._named(run)
        for word in re.findall(r"(?:^\d+-?)?[^\d./]+", FRAMEWORK.split(run)[0]):
            if not self._cutter.cut(word.lstrip("0123456789-")):
                self._named(word)
        raise FormulaError(f"{self._whole!r} is no formula of a halide perovskite at {run!r}")

    def _named(self, word: str) -> Cation:
        """The cation of that name, or the error that names the formula too."""
        try:
            return self._library[word]
        except UnknownCationError as error:  # or the ambiguous name that is one
            raise type(error)(f"in {self._whole!r}: {error}") from None

    def _refuse_what_is_not_read(self) -> None:
        """Raise the error of a formula that is open, or holds a metal or an anion of another family."""
        whole = self._whole
        if _OPEN_N.search(whole):
            raise FormulaError(f"{whole!r} leaves n open; write the formula of one n, as (BA)2(MA)2Pb3I10")
        if _SUM_FORMULA.fullmatch(whole):
            raise FormulaError(f"{whole!r} is a sum formula, which names no one cation; write it as (PEA)2PbI4")
        if _HALIDE_OPEN.search(whole):
            raise FormulaError(f"{whole!r} leaves the halide open (X); write {', '.join(HALIDES)}")
        if self._leaves_open(whole):
            raise FormulaError(f"{whole!r} leaves its composition open; write numbers, as in Cs0.1FA0.9PbI3")
        if (found := _OTHER_ION.search(whole)) and found[1] not in self._library.names:
            raise FormulaError(
                f"{whole!r} holds {found[1]}, a metal that is not read; the B site is {', '.join(B_SITES)}"
            )
        if found := _OTHER_ANION.search(whole):
            raise FormulaError(f"{whole!r} holds {found[0]}, an anion that is not read; there are {', '.join(HALIDES)}")

    def _leaves_open(self, whole: str) -> bool:
        """Whether an x, y or delta stands where a number should: behind a number, a bracket, or a known name."""
        for match in _VARIABLE.finditer(whole):
            if match[1] is None or not whole[match.start() - 1].isalpha():
                return True
            before = re.split(r"[^A-Za-z]", whole[: match.start()])[-1]
            if any(before.endswith(name) for name in (*B_SITES, *HALIDES)) or self._cutter.cut(before):
                return True
        return bool(re.search(r"\([A-Za-z]+(?:,[A-Za-z]+)+\)", whole))


@lru_cache(maxsize=8)
def _bracketed_names(library: CationLibrary) -> tuple[str, ...]:
    """Names that hold brackets themselves, as HC(NH2)2, longest first."""
    names = (name for name in library.names if "(" in name and not name.endswith(")") and " " not in name)
    return tuple(sorted(names, key=len, reverse=True))


def parse_formula(text: str, library: CationLibrary | None = None) -> Compound:
    """Compound that a formula names, in any of the usual spellings.

    "(PEA)2(MA)2Pb3I10", "PEA2MA2Pb3I10", "PEA2PbI4(MAPbI3)2", "(BA)2(MA0.5FA0.5)Pb2I7", "Cs0.1FA0.9PbI3", with
    subscripts, spaces, dots or square brackets. Names are those of `library` (the built-in one by default). A formula
    written as a multiple ("(PEA)4Pb2I8") is reduced. Two readings that are both neutral are an error.

    Raises:
        FormulaError: if the text is no formula of this family.
        NotNeutralError: if its charges do not cancel; `suggestions` holds neutral formulas of the same ions.
        UnknownCationError: if the library lacks a name; AmbiguousNameError if a name has several readings.

    Example:
        >>> from chemspace import parse_formula
        >>> parse_formula("PEA2PbI4(MAPbI3)2").formula
        '(PEA)2(MA)2Pb3I10'
        >>> parse_formula("(4AMPY)2MAPb3I10")
        Traceback (most recent call last):
        ...
        chemspace.errors.NotNeutralError: '(4AMPY)2MAPb3I10' is not neutral: ...
    """
    library = CationLibrary.builtin() if library is None else library
    compound = read_canonical(text, library)
    if compound is not None:
        return compound
    check_length(text)
    if said := _SAYS_N.search(text):
        compound = parse_formula(text.replace(said[0], " "), library)
        if compound.n_layers != int(said[1]):
            own = "no layers" if compound.n_layers is None else f"n = {compound.n_layers}"
            raise FormulaError(f"{text!r} says n = {said[1]}, but {compound.formula} has {own}")
        return compound
    clean = normalise(text)
    readings = _Reader(library, clean).sequence(clean, 0)
    if len(readings) == 1:
        return solve(text, readings[0])
    if len(readings) >= MAX_READINGS:
        raise FormulaError(f"{text!r} can be read in {MAX_READINGS} ways or more; put each cation in brackets")
    found: dict[Compound, None] = {}
    refused: Exception | None = None
    for contents in readings:
        try:
            found[solve(text, contents)] = None
        except FormulaError as error:
            refused = refused or error
    if len(found) > 1:
        listed = ", ".join(compound.formula for compound in found)
        raise AmbiguousNameError(f"{text!r} can be read as {listed}; write one of them")
    if not found:
        raise refused or UnknownCationError(f"{text!r} names no cation of the library")
    return next(iter(found))
