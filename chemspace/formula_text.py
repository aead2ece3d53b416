"""The text side of formulas: cleaning, brackets, and saying what is wrong with an unreadable one."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice, product

from chemspace.compound import B_SITES, HALIDES
from chemspace.errors import FormulaError, UnknownCationError
from chemspace.formula_solve import Contents
from chemspace.formula_words import MAX_READINGS, REMEMBERED, Cutter, read_number
from chemspace.library import CationLibrary

__all__ = ["MAX_LENGTH", "normalise", "read_contents"]

#: Longer texts are refused unread.
MAX_LENGTH = 400
MAX_DEPTH = 4

_SIGNS = str.maketrans("₀₁₂₃₄₅₆₇₈₉₍₎[]{}‐‑‒–—−", "0123456789()()()------")
_SUBSCRIPT = re.compile(r"_\{([^{}]*)\}")
_NOISE = re.compile(r"[\s$_·•∙⋅]+")
_CLEAN = re.compile(r"[A-Za-z0-9().,/'+*-]*")
_VARIABLE = re.compile(r"\d-[xyδ]|[xy]\d-|\([^()]*[xyδ]\)|(?<=[A-Za-z)])[xyδ](?=[A-Z(]|$)")
_FRAMEWORK = re.compile(rf"(?:{'|'.join(B_SITES)})(?=[\d.]*(?:{'|'.join(HALIDES)}|\(|$))")


def normalise(text: str) -> str:
    """`text` with subscripts as digits, every bracket round, and spaces, dots and TeX signs gone.

    Raises:
        FormulaError: if the text is empty or too long.
    """
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"the formula has {len(text)} characters; at most {MAX_LENGTH} are read")
    clean = text
    if not _CLEAN.fullmatch(text):
        clean = _NOISE.sub("", _SUBSCRIPT.sub(r"\1", text).translate(_SIGNS))
    if not clean:
        raise FormulaError("the formula is empty; write for example (PEA)2(MA)2Pb3I10")
    return clean


def read_contents(clean: str, library: CationLibrary) -> list[Contents]:
    """Every reading of a cleaned formula, as the ions it holds and their numbers; at least one.

    Raises:
        FormulaError: for unbalanced brackets, a missing composition, or a text that is no formula.
        UnknownCationError, AmbiguousNameError: for a name the library does not settle.
    """
    return _Reader(library, clean).sequence(clean, 0)


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
        if named is not None:
            return [Contents.of(named)]
        symbols = inside.split(",")
        if len(symbols) > 1 and all(symbol in HALIDES for symbol in symbols):
            raise FormulaError(f"{self._whole!r} does not say how much {inside} it holds; write it as (I0.9Br0.1)3")
        if inside not in B_SITES and inside not in HALIDES and self._library.readings(inside):
            return [Contents.of(self._library[inside])]
        known = self._cutter.groups.get(inside)
        if known is None:
            known = self.sequence(inside, depth + 1)
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
        if _VARIABLE.search(self._whole):
            raise FormulaError(f"{self._whole!r} leaves its composition open; write numbers, as in Cs0.1FA0.9PbI3")
        for word in re.split(r"[\d./]+", _FRAMEWORK.split(run)[0]):
            if word and not self._cutter.cut(word):
                try:
                    self._library[word]
                except UnknownCationError as error:  # or the ambiguous name that is one
                    raise type(error)(f"in {self._whole!r}: {error}") from None
        raise FormulaError(f"{self._whole!r} is no formula of a halide perovskite at {run!r}")


@lru_cache(maxsize=8)
def _bracketed_names(library: CationLibrary) -> tuple[str, ...]:
    """Names that hold brackets themselves, as HC(NH2)2, longest first."""
    names = (name for name in library.names if "(" in name and not name.startswith("(") and " " not in name)
    return tuple(sorted(names, key=len, reverse=True))
