"""What to weigh in for a target mass of a compound: precursors, their moles and masses, and the acid they need."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import lru_cache
from textwrap import fill
from typing import Any

from rdkit.Chem import GetPeriodicTable

from chemspace.cation import Cation
from chemspace.compound import Compound
from chemspace.errors import RecipeError
from chemspace.tables.grid import package_table

__all__ = ["Recipe", "Registered", "make_recipe"]


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
    if target_mass_g <= 0 or spacer_equivalents <= 0 or cage_equivalents <= 0:
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
