"""One compound of the family (A)m(A')n-1 B(n) X(3n+1), or its three-dimensional end A'BX3."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, TypeAlias

from rdkit.Chem import GetPeriodicTable

from chemspace.cation import Cation
from chemspace.errors import ChargeError, FormulaError

if TYPE_CHECKING:
    from pymatgen.core.composition import Composition

__all__ = ["B_SITES", "HALIDES"]

#: Metals of the B site, all +2.
B_SITES = ("Pb", "Sn", "Ge")
#: Halides, in the order they are printed.
HALIDES = ("I", "Br", "Cl")

#: A fraction given by hand; a float is read as the decimal it prints.
Amount: TypeAlias = Fraction | int | float | str


@dataclass(frozen=True, slots=True)
class Compound:
    """A neutral layered (RP, DJ) or three-dimensional halide perovskite.

    `cage` and `halide` are mixtures: (ion, fraction) pairs in canonical order whose fractions add up to 1; `cage` is
    () for n = 1. `n_layers` is None for the three-dimensional end, where `spacer` is None. A compound is neutral by
    construction: the charge of the spacer decides RP (+1, two a formula) or DJ (+2, one a formula). Roles must fit, so
    that the printed formula says which cation is where: no cation of role "spacer" sits in a cage.

    Raises:
        FormulaError: for parts that do not belong together, by number or by role.
        ChargeError: for a cage cation that is not +1.

    Example:
        >>> from chemspace import CationLibrary, Compound
        >>> library = CationLibrary.builtin()
        >>> compound = Compound.of(library["PEA"], library["MA"], n_layers=3)
        >>> compound.formula, compound.phase
        ('(PEA)2(MA)2Pb3I10', 'RP')
    """

    spacer: Cation | None
    cage: tuple[tuple[Cation, Fraction], ...]
    b_site: str
    halide: tuple[tuple[str, Fraction], ...]
    n_layers: int | None

    def __post_init__(self) -> None:
        if self.b_site not in B_SITES:
            raise FormulaError(f"{self.b_site!r} is no B site; use one of {', '.join(B_SITES)}")
        if (self.spacer is None) != (self.n_layers is None):
            raise FormulaError("a layered compound needs a spacer and n_layers, a three-dimensional one has neither")
        if self.n_layers is not None and self.n_layers < 1:
            raise FormulaError(f"n_layers is {self.n_layers}; it starts at 1")
        if bool(self.cage) == (self.n_layers == 1):
            raise FormulaError("n = 1 has no cage cation, every other compound needs one")
        cage = self.cage if len(self.cage) < 2 else tuple(sorted(self.cage, key=cage_order))
        halide = self.halide
        if len(halide) > 1:
            halide = tuple(sorted(halide, key=lambda part: [*HALIDES, part[0]].index(part[0])))
        _check_mixture("cage", cage)
        _check_mixture("halide", halide)
        for cation, _ in cage:
            if cation.charge != 1:
                raise ChargeError(f"cage cation {cation.abbreviation} has charge {cation.charge:+d}; it must be +1")
            if cation.role == "spacer":
                raise FormulaError(
                    f"{cation.abbreviation} is a spacer, not a cage cation; give it the role cage or both"
                )
        if self.spacer is not None and self.spacer.role == "cage" and any(c.role != "cage" for c, _ in cage):
            raise FormulaError(f"{self.spacer.abbreviation} is a cage cation; give it the role spacer or both")
        for symbol, _ in halide:
            if symbol not in HALIDES:
                raise FormulaError(f"{symbol!r} is no halide; use one of {', '.join(HALIDES)}")
        if cage is not self.cage:
            object.__setattr__(self, "cage", cage)
        if halide is not self.halide:
            object.__setattr__(self, "halide", halide)

    @classmethod
    def of(
        cls,
        spacer: Cation | None,
        cage: Cation | Mapping[Cation, Amount] | None = None,
        n_layers: int | None = None,
        b_site: str = "Pb",
        halide: str | Mapping[str, Amount] = "I",
    ) -> Compound:
        """Compound of a spacer, a cage cation (or mixture), n layers, a metal and a halide (or mixture).

        Mixture fractions must add up to 1. `spacer` and `n_layers` None give the three-dimensional compound.

        Raises:
            FormulaError, ChargeError: as the class.
        """
        cages = {} if cage is None else {cage: 1} if isinstance(cage, Cation) else cage
        halides = {halide: 1} if isinstance(halide, str) else halide
        return cls(
            spacer,
            tuple((cation, _fraction(amount)) for cation, amount in cages.items()),
            b_site,
            tuple((symbol, _fraction(amount)) for symbol, amount in halides.items()),
            n_layers,
        )

    @property
    def phase(self) -> str:
        """ "RP" (spacer +1), "DJ" (spacer +2) or "3D"."""
        if self.spacer is None:
            return "3D"
        return "RP" if self.spacer.charge == 1 else "DJ"

    @property
    def n_spacers(self) -> int:
        """Spacers per formula unit: 2 (RP), 1 (DJ) or 0 (3D)."""
        return 0 if self.spacer is None else 2 // self.spacer.charge

    @property
    def n_cages(self) -> int:
        """Cage cations per formula unit: n - 1, or 1 (3D)."""
        return 1 if self.n_layers is None else self.n_layers - 1

    @property
    def n_b_sites(self) -> int:
        """Metal atoms per formula unit: n, or 1 (3D)."""
        return 1 if self.n_layers is None else self.n_layers

    @property
    def n_halides(self) -> int:
        """Halide atoms per formula unit: 3n + 1, or 3 (3D)."""
        return 3 if self.n_layers is None else 3 * self.n_layers + 1

    @property
    def formula(self) -> str:
        """Canonical text, for example "(PEA)2(MA)2Pb3I10" or "Cs0.1FA0.9PbI3"; `parse_formula` reads it back."""
        metal, halide = self.b_site, self.halide
        b = metal + _count(Fraction(self.n_b_sites))
        if len(halide) == 1:
            x = halide[0][0] + _count(Fraction(self.n_halides))
        else:
            x = f"({''.join(symbol + _count(part) for symbol, part in halide)}){_count(Fraction(self.n_halides))}"
        if self.spacer is None:
            return _mixed(self) + b + x
        spacer = f"({self.spacer.abbreviation}){_count(Fraction(self.n_spacers))}"
        cages = _count(Fraction(self.n_cages))
        if not self.cage:
            return spacer + b + x
        if len(self.cage) == 1:
            return f"{spacer}({self.cage[0][0].abbreviation}){cages}{b}{x}"
        return f"{spacer}({_mixed(self)}){cages}{b}{x}"

    @property
    def cation_counts(self) -> tuple[tuple[Cation, Fraction], ...]:
        """(cation, number per formula unit), spacer first, organic and inorganic."""
        counts: list[tuple[Cation, Fraction]] = []
        if self.spacer is not None:
            counts.append((self.spacer, Fraction(self.n_spacers)))
        counts.extend((cation, fraction * self.n_cages) for cation, fraction in self.cage)
        return tuple(counts)

    @property
    def composition(self) -> Composition:
        """pymatgen `Composition` of one formula unit."""
        from pymatgen.core.composition import Composition  # pymatgen loads pandas, which chemspace does without

        return Composition(self.element_counts)

    @property
    def element_counts(self) -> dict[str, float]:
        """Atoms of each element per formula unit."""
        counts: dict[str, float] = {}
        for cation, number in self.cation_counts:
            for element, atoms in cation.elements.items():
                counts[element] = counts.get(element, 0.0) + float(number) * atoms
        for symbol, fraction in self.halide:
            counts[symbol] = counts.get(symbol, 0.0) + float(fraction) * self.n_halides
        counts[self.b_site] = counts.get(self.b_site, 0.0) + self.n_b_sites
        return counts

    @property
    def molar_mass_g_mol(self) -> float:
        """Molar mass of one formula unit, g/mol (RDKit's standard atomic weights)."""
        table = GetPeriodicTable()
        return sum(number * float(table.GetAtomicWeight(element)) for element, number in self.element_counts.items())

    def __str__(self) -> str:
        return self.formula


_PLAIN_NAME = re.compile(r"[A-Za-z]+")


def _mixed(compound: Compound) -> str:
    return "".join(_inner_name(cation) + _count(part) for cation, part in compound.cage)


def _inner_name(cation: Cation) -> str:
    name = cation.abbreviation
    return name if _PLAIN_NAME.fullmatch(name) and name not in B_SITES and name not in HALIDES else f"({name})"


def _count(number: Fraction) -> str:
    """Text of a count: nothing for 1, a decimal where it ends within six places, else a quotient."""
    if number.denominator == 1:
        return "" if number == 1 else str(number.numerator)
    if 10**6 % number.denominator == 0:
        return f"{number.numerator / number.denominator:.6f}".rstrip("0")
    return f"{number.numerator}/{number.denominator}"


def _fraction(amount: Amount) -> Fraction:
    try:
        return amount if isinstance(amount, Fraction) else Fraction(str(amount))
    except (ValueError, ZeroDivisionError) as error:
        raise FormulaError(f"{amount!r} is no fraction; give a number above 0, as 0.25 or 1/4") from error


def _check_mixture(what: str, parts: tuple[tuple[object, Fraction], ...]) -> None:
    if len(parts) == 1 and parts[0][1] == 1:
        return
    if not parts and what == "cage":
        return
    if any(fraction.numerator <= 0 for _, fraction in parts):
        raise FormulaError(f"every {what} fraction must be above 0")
    scale = lcm(*(fraction.denominator for _, fraction in parts))  # whole numbers: Fraction sums are slow
    total = sum(fraction.numerator * (scale // fraction.denominator) for _, fraction in parts)
    if total != scale:
        raise FormulaError(f"the {what} fractions add up to {Fraction(total, scale)}; they must add up to 1")
    if len({part for part, _ in parts}) < len(parts):
        raise FormulaError(f"a {what} ion is named twice; add its fractions up")


def cage_order(part: tuple[Cation, Fraction]) -> tuple[str, str]:
    """What the ions of a mixed cage are sorted by: abbreviation, then InChIKey."""
    return part[0].abbreviation, part[0].inchikey
