"""One compound of the family (A)m(A')n-1 B(n) X(3n+1), or its three-dimensional end A'BX3; and how it is weighed in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import lru_cache
from math import lcm
from textwrap import fill
from typing import TYPE_CHECKING, Any, TypeAlias

from rdkit.Chem import GetPeriodicTable

from chemspace.cation import Cation
from chemspace.errors import ChargeError, FormulaError, RecipeError
from chemspace.tables.grid import package_table

if TYPE_CHECKING:
    from pymatgen.core.composition import Composition

__all__ = ["B_SITES", "HALIDES", "Recipe", "Registered", "make_recipe"]

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


@dataclass(frozen=True)
class Acid:
    """A concentrated hydrohalic acid as sold: weight per cent and density (g/mL, 25 C)."""

    name: str
    weight_percent: float
    density_g_ml: float


#: The acids as suppliers sell them (label values; check the bottle).
ACIDS = {"I": Acid("HI", 57.0, 1.70), "Br": Acid("HBr", 48.0, 1.49), "Cl": Acid("HCl", 37.0, 1.19)}


@dataclass(frozen=True)
class Registered:
    """What a chemical is ordered by: its name and CAS number, "" where none is on file, and its cation's InChIKey.

    Every number of data/cas.csv stands there with its source.
    """

    name: str
    cas: str
    inchikey: str

    @classmethod
    def of(cls, formula: str) -> Registered:
        """A metal's oxide or halide, or an acid, by its formula; of "HI 57%" the HI."""
        row = _numbers().get((formula.split()[0], ""), {})
        return cls(row.get("name", ""), row.get("cas", ""), "")

    @classmethod
    def of_cation(cls, cation: Cation, form: str) -> Registered:
        """A cation's free base (`form`: "base") or salt (the symbol of its halide)."""
        row = _numbers().get((cation.inchikey, form), {})
        salt = f"{cation.names[-1]} {_HALIDES[form]}" if cation.names and form in _HALIDES else ""
        return cls(row.get("name") or salt, row.get("cas", ""), cation.inchikey)

    def __str__(self) -> str:
        number = f"CAS {self.cas}" if self.cas else "no CAS on file"
        key = f"InChIKey of the cation {self.inchikey}" if self.inchikey and not self.cas else ""
        return ", ".join(filter(None, (self.name, number, key)))


_HALIDES = {"I": "iodide", "Br": "bromide", "Cl": "chloride"}


@lru_cache(maxsize=1)
def _numbers() -> dict[tuple[str, str], dict[str, str]]:
    """Rows of the table of CAS numbers, by formula or the cation's InChIKey, and form."""
    return {(row["inchikey"] or row["of"], row["form"]): row for row in package_table("cas.csv")}


@dataclass(frozen=True)
class Precursor:
    """One thing to weigh in. `per_formula` is its number per formula unit of the compound, excess included."""

    name: str
    part: str
    per_formula: float
    molar_mass_g_mol: float
    amount_mmol: float
    mass_g: float
    registered: Registered


@dataclass(frozen=True)
class Recipe:
    """Precursors of one compound. `acid_ml` is the least volume of each acid that the stoichiometry consumes.

    Crystals are grown from far more acid than that, which is the solvent too: about 4 mL per mmol of lead in a
    published synthesis of (PEA)2PbI4 (Du et al., Inorg. Chem. 56, 9291 (2017), doi 10.1021/acs.inorgchem.7b01094).
    """

    compound: Compound
    target_mass_g: float
    amount_mmol: float
    precursors: tuple[Precursor, ...]
    acid_ml: tuple[tuple[str, float], ...]
    equation: str

    @property
    def line(self) -> str:
        """What to weigh in, in one line."""
        parts = [f"{p.name} {p.mass_g * 1000:.4g} mg" for p in self.precursors]
        acids = [f"{name} at least {volume:.2g} mL" for name, volume in self.acid_ml]
        return f"for {self.target_mass_g:g} g: {', '.join([*parts, *acids])}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "formula": self.compound.formula,
            "target_mass_g": self.target_mass_g,
            "amount_mmol": self.amount_mmol,
            "equation": self.equation,
            "precursors": [asdict(precursor) for precursor in self.precursors],
            "acid_ml": dict(self.acid_ml),
        }

    def __str__(self) -> str:
        lines = [f"{self.compound.formula}: {self.target_mass_g:g} g, {self.amount_mmol:.4g} mmol", self.equation]
        for p in self.precursors:
            amounts = f"{p.mass_g * 1000:10.1f} mg {p.amount_mmol:10.4g} mmol {p.per_formula:8.4g} eq"
            lines += [f"{p.name:20s}{amounts} {p.molar_mass_g_mol:9.2f} g/mol", _indented(p.registered)]
        for name, volume in self.acid_ml:
            lines += [f"{name:20s}at least {volume:.3g} mL", _indented(Registered.of(name))]
        return "\n".join(lines)


def _indented(about: Registered) -> str:
    return fill(str(about), 80, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)


def make_recipe(
    compound: Compound,
    target_mass_g: float,
    *,
    metal_source: str = "oxide",
    spacer_source: str | None = None,
    spacer_equivalents: float = 1.0,
    cage_equivalents: float = 1.0,
) -> Recipe:
    """Precursors for a target mass at full yield. `compound`: what to make; every halide of a mixture is brought in in
    the ratio of the formula; `target_mass_g`: grams of compound; `metal_source`: "oxide" (PbO, SnO, GeO; dissolved by
    the acid) or "halide" (PbI2, ...); `spacer_source`: "amine" (the free base, protonated by the acid) or "salt" (its
    hydrohalide), by default the amine where the spacer has a free base; `spacer_equivalents`: times the stoichiometric
    spacer; below 1 favours higher n; `cage_equivalents`: times the stoichiometric cage salt. Returns precursors with
    moles and masses, the acid consumed, and the balanced equation (without excess). Raises RecipeError for a mass or
    equivalent that is not above 0, an unknown source, or "amine" for a spacer without a free base."""
    if not (target_mass_g > 0 and spacer_equivalents > 0 and cage_equivalents > 0):  # NaN is not either
        raise RecipeError("target mass and equivalents must be above 0")
    if metal_source not in ("oxide", "halide"):
        raise RecipeError(f"metal_source is {metal_source!r}; use oxide or halide")
    if spacer_source is None:
        spacer_source = "amine" if compound.spacer is None or _has_free_base(compound.spacer) else "salt"
    if spacer_source not in ("amine", "salt"):
        raise RecipeError(f"spacer_source is {spacer_source!r}; use amine or salt")
    terms: list[_Term] = _metal(compound, metal_source)
    if compound.spacer is not None:
        terms += _spacer(compound, compound.spacer, spacer_source, spacer_equivalents)
    for cation, share in compound.cage:
        terms += _salts(compound, cation, "cage", share * compound.n_cages, cage_equivalents)
    amount = target_mass_g / compound.molar_mass_g_mol * 1000
    precursors = tuple(term.precursor(amount) for term in terms)
    protons = Fraction(0)
    if metal_source == "oxide":
        protons += 2 * compound.n_b_sites
    if compound.spacer is not None and spacer_source == "amine":
        protons += 2
    acids = [(symbol, protons * part) for symbol, part in compound.halide]
    volumes = tuple(
        (f"{ACIDS[x].name} {ACIDS[x].weight_percent:g}%", _volume(x, n * amount)) for x, n in acids if n > 0
    )
    return Recipe(compound, target_mass_g, amount, precursors, volumes, _equation(compound, terms, acids, metal_source))


@dataclass(frozen=True)
class _Term:
    """One precursor on the left of the equation."""

    name: str
    part: str
    count: Fraction
    molar_mass_g_mol: float
    registered: Registered
    equivalents: float = 1.0

    def precursor(self, amount_mmol: float) -> Precursor:
        per_formula = float(self.count) * self.equivalents
        moles = per_formula * amount_mmol
        mass = moles * self.molar_mass_g_mol / 1000
        return Precursor(self.name, self.part, per_formula, self.molar_mass_g_mol, moles, mass, self.registered)


def _metal(compound: Compound, source: str) -> list[_Term]:
    b, n = compound.b_site, Fraction(compound.n_b_sites)
    if source == "oxide":
        return [_Term(f"{b}O", "metal", n, _mass(b) + _mass("O"), Registered.of(f"{b}O"))]
    return [
        _Term(f"{b}{symbol}2", "metal", n * part, _mass(b) + 2 * _mass(symbol), Registered.of(f"{b}{symbol}2"))
        for symbol, part in compound.halide
    ]


def _spacer(compound: Compound, spacer: Cation, source: str, equivalents: float) -> list[_Term]:
    count, charge = Fraction(compound.n_spacers), spacer.charge
    if source == "amine":
        if not _has_free_base(spacer):
            raise RecipeError(
                f"{spacer.abbreviation} has no free base: a charged atom carries no hydrogen; use its salt"
            )
        name, mass = f"{spacer.abbreviation} free base", spacer.molar_mass_g_mol - charge * _mass("H")
        return [_Term(name, "spacer", count, mass, Registered.of_cation(spacer, "base"), equivalents)]
    return _salts(compound, spacer, "spacer", count, equivalents)


def _has_free_base(cation: Cation) -> bool:
    return all(atom.GetTotalNumHs() > 0 for atom in cation.mol.GetAtoms() if atom.GetFormalCharge() > 0)


def _salts(compound: Compound, cation: Cation, part: str, count: Fraction, equivalents: float) -> list[_Term]:
    """The salts of a cation with each halide of the compound, in its ratio."""
    terms = []
    for symbol, share in compound.halide:
        name = f"{cation.abbreviation}{symbol}{'2' if cation.charge == 2 else ''}"
        mass = cation.molar_mass_g_mol + cation.charge * _mass(symbol)
        terms.append(_Term(name, part, count * share, mass, Registered.of_cation(cation, symbol), equivalents))
    return terms


def _equation(compound: Compound, terms: list[_Term], acids: list[tuple[str, Fraction]], metal_source: str) -> str:
    left = [(term.count, term.name) for term in terms] + [(n, ACIDS[x].name) for x, n in acids if n > 0]
    right = [(Fraction(1), compound.formula)]
    if metal_source == "oxide":
        right.append((Fraction(compound.n_b_sites), "H2O"))
    return f"{_side(left)} -> {_side(right)}"


def _side(terms: list[tuple[Fraction, str]]) -> str:
    return " + ".join(name if count == 1 else f"{float(count):g} {name}" for count, name in terms)


def _volume(symbol: str, amount_mmol: float) -> float:
    """Millilitres of a concentrated acid that hold an amount."""
    acid = ACIDS[symbol]
    grams = amount_mmol / 1000 * (_mass("H") + _mass(symbol))
    return grams / (acid.weight_percent / 100) / acid.density_g_ml


def _mass(symbol: str) -> float:
    return float(GetPeriodicTable().GetAtomicWeight(symbol))
