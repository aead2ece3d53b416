"""What a suggestion's card shows: the compound, its numbers, what one weighs, its costs and recipe, what came of it;
how it is drawn: cations as SVG, formulas as HTML, idealised crystals as the browser draws them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape as html_escape
from math import isfinite, log10
from typing import Any

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D

from campaigns.narrate import BEST, picoseconds, told_apart
from campaigns.space import Budget
from campaigns.summary import Suggestion, TrackRecord
from campaigns.targets import Observation
from chemspace import Cation, CationLibrary, Compound, parse_formula
from chemspace.compound import Registered, make_recipe
from chemspace.errors import GeometryError, SpinscreenError
from screening.calibration import LEVEL, LIKELY_SLOW, TEACHES_MOST, chance_below, half_width, teaches_most

#: Grams a recipe is written for.
RECIPE_G = 1.0


def suggestion_card(suggestion: Suggestion, names: CationLibrary, budget: Budget | None = None) -> dict[str, Any]:
    """What a card shows: the suggestion's fields, and drawing, spacer_name, costs and recipe by the price table."""
    spacer, compound = names[suggestion.spacer], parse_formula(suggestion.formula, names)
    known_as = spacer.names[-1] if spacer.names else spacer.smiles
    return {
        **dict(suggestion),
        "drawing": Markup(molecule_svg(spacer)),
        "spacer_name": f"{suggestion.spacer}, {known_as}",
        "costs": costs_of(compound, budget),
        "recipe": recipe_of(compound, RECIPE_G if budget is None else budget.limits.mass_g),
    }


def costs_of(compound: Compound, budget: Budget | None) -> list[tuple[str, str]]:
    """(what, how much) of price and delivery of a compound's cations; () without a price table."""
    if budget is None or not budget.prices:
        return []
    price, days = budget.cost(compound), budget.days(compound)
    return [
        (
            f"Cations for {budget.limits.mass_g:g} g",
            f"{price:.3g} in the price table's currency" if isfinite(price) else "not in the price table",
        ),
        ("Delivery", f"{days:g} day{'' if days == 1 else 's'}" if isfinite(days) else "not in the price table"),
    ]


def recipe_of(compound: Compound, mass_g: float = RECIPE_G) -> dict[str, Any] | None:
    """The recipe of a compound; None where there is none."""
    try:
        recipe = make_recipe(compound, mass_g)
    except SpinscreenError:
        return None
    return {
        "mass_g": f"{recipe.target_mass_g:g}",
        "amount_mmol": f"{recipe.amount_mmol:.3g}",
        "equation": Markup(equation_html(recipe.equation)),
        "precursors": [
            {
                "name": Markup(equation_html(p.name)),
                "mmol": f"{p.amount_mmol:.3g}",
                "mg": f"{p.mass_g * 1000:.1f}",
                "registered": p.registered,
            }
            for p in recipe.precursors
        ],
        "acids": [(name, f"{volume:.2g}", Registered.of(name)) for name, volume in recipe.acid_ml],
    }


#: Size of the drawing, and its margin on either side.
_WIDTH, _HEIGHT, _MARGIN = 320.0, 46.0, 12.0


@dataclass(frozen=True, slots=True)
class Decision:
    """What one weighs."""

    tag: str  #: as `Suggestion.tag`; among its round's where that does not say
    #: Probability that its lifetime, if it forms, is longer than the best so far; None without one.
    chance_best: float | None
    chance_goal: float | None  #: the same of the goal; None without one, or where the best has reached it
    #: `best`, `goal`: these lifetimes for people, ps.
    best: str
    goal: str
    bar: Markup  #: the 90% interval on a logarithmic axis that its round shares, with a line at the best so far, as SVG
    #: `reason`, `alike`: why it is suggested: what others of its round do not share and the chances do not say, and
    #: what all of them share.
    reason: str
    alike: str


def decisions(round: Sequence[Suggestion], best_ps: float | None, goal_ps: float | None) -> list[Decision]:
    """One for each suggestion, beside the longest lifetime measured and the one sought (ps; None: no such)."""
    if best_ps is not None and goal_ps is not None and goal_ps <= best_ps:
        goal_ps = None
    marks = [mark for mark in (best_ps, goal_ps) if mark is not None]
    low = np.array([one.lifetime_low_ps for one in round])
    high = np.array([one.lifetime_high_ps for one in round])
    axis = _Axis(log10(min([*low, *marks], default=1.0)) - 0.05, log10(max([*high, *marks], default=1.0)) + 0.05)
    if not round:
        return []
    alike, reasons = told_apart([one.reason for one in round])
    words = np.where(teaches_most(*_rates(round)), TEACHES_MOST, LIKELY_SLOW).tolist()
    return [
        Decision(
            tag=one.tag or word,  # rounds of before it was told are tagged among themselves
            chance_best=best,
            chance_goal=goal,
            best="" if best_ps is None else picoseconds(best_ps),
            goal="" if goal_ps is None else picoseconds(goal_ps),
            bar=_bar(one, best_ps, goal_ps, axis),
            reason="; ".join(one for one in reason.split("; ") if BEST not in one),
            alike=alike,
        )
        for one, word, reason, best, goal in zip(
            round, words, reasons, chances(round, best_ps), chances(round, goal_ps), strict=True
        )
    ]


def chances(predicted: Sequence[Any], level_ps: float | None) -> list[float | None]:
    """Probability that each, if it forms, is measured above `level_ps`, by its 90% interval; None without a level."""
    if level_ps is None or not predicted:
        return [None] * len(predicted)
    told: list[float | None] = chance_below(-log10(level_ps), *_rates(predicted)).tolist()
    return told


def _rates(predicted: Sequence[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of log10 rate behind lifetimes and their intervals, shapes (m,)."""
    low, middle, high = np.log10([(p.lifetime_low_ps, p.lifetime_ps, p.lifetime_high_ps) for p in predicted]).T
    return -middle, (high - low) / (2.0 * half_width(LEVEL))


@dataclass(frozen=True, slots=True)
class _Axis:
    """A logarithmic axis across the drawing."""

    low: float
    high: float

    def place(self, lifetime_ps: float) -> float:
        share = (log10(lifetime_ps) - self.low) / (self.high - self.low)
        return round(_MARGIN + share * (_WIDTH - 2.0 * _MARGIN), 1)


def _bar(suggestion: Suggestion, best_ps: float | None, goal_ps: float | None, axis: _Axis) -> Markup:
    # The goal stands where nothing is measured yet: two labels would cover each other.
    mark = ("best", "best so far", best_ps) if best_ps is not None else ("goal", "goal", goal_ps)
    return _drawn((suggestion.lifetime_low_ps, suggestion.lifetime_ps, suggestion.lifetime_high_ps), mark, axis)


def compared(predicted_ps: tuple[float, float, float], measured_ps: float, *, is_bound: bool = False) -> Markup:
    """A predicted 90% interval (low, median, high, ps) with a line at the measured lifetime or bound, as SVG."""
    ends = (*predicted_ps, measured_ps)
    axis = _Axis(log10(min(ends)) - 0.15, log10(max(ends)) + 0.15)
    return _drawn(predicted_ps, ("measured", "measured <" if is_bound else "measured", measured_ps), axis)


def outcome(suggestion: Suggestion, observation: Observation) -> dict[str, Any]:
    """What came out of a suggestion: the measured lifetime for people (ps), and a bar with what was predicted."""
    predicted = (suggestion.lifetime_low_ps, suggestion.lifetime_ps, suggestion.lifetime_high_ps)
    return _beside(predicted, observation.value, is_bound=observation.is_bound)


def _beside(predicted_ps: tuple[float, float, float], measured_ps: float, *, is_bound: bool) -> dict[str, Any]:
    bar = compared(predicted_ps, measured_ps, is_bound=is_bound)
    return {"measured": f"{'< ' if is_bound else ''}{picoseconds(measured_ps)}", "bar": bar}


#: Results of the campaign that pages show.
N_COMPARED = 6


def compared_views(record: TrackRecord | None) -> list[dict[str, Any]]:
    """The last results beside what was predicted, newest first: formula, both lifetimes (ps) in words, and a bar."""
    pairs = () if record is None else record.compared[::-1][:N_COMPARED]
    return [
        {"formula": one.formula, "predicted": picoseconds(one.predicted_ps)}
        | _beside((one.low_ps, one.predicted_ps, one.high_ps), one.measured_ps, is_bound=one.is_bound)
        for one in pairs
    ]


def _drawn(predicted_ps: tuple[float, float, float], mark: tuple[str, str, float | None], axis: _Axis) -> Markup:
    """An interval (low, median, high, ps) on `axis`, with a mark: its class, words and lifetime (ps)."""
    low, middle, high = (axis.place(t) for t in predicted_ps)
    words = [picoseconds(t) for t in predicted_ps]
    label = f"predicted {words[1]} ps, 90% interval {words[0]} to {words[2]} ps"
    drawn = ""
    name, what, level = mark
    if level is not None:
        at, text = axis.place(level), escape(f"{what} {picoseconds(level)} ps")
        anchor = "end" if at > 0.7 * _WIDTH else "start" if at < 0.3 * _WIDTH else "middle"
        label += f"; {text}"
        drawn = (
            f'<line class="{name}" x1="{at}" x2="{at}" y1="15" y2="44"/>'
            f'<text x="{at}" y="11" text-anchor="{anchor}">{text}</text>'
        )
    return Markup(
        f'<svg class="bar-of" role="img" aria-label="{label}" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}">'
        f'<line class="axis" x1="{_MARGIN:g}" x2="{_WIDTH - _MARGIN:g}" y1="30" y2="30"/>'
        f'<line class="span" x1="{low}" x2="{high}" y1="30" y2="30"/><circle cx="{middle}" cy="30" r="5"/>{drawn}</svg>'
    )


#: Colours of atoms by atomic number; carbon takes the colour of the text, so that a drawing suits light and dark.
_PALETTE = {
    -1: (0.0, 0.0, 0.0),
    6: (0.0, 0.0, 0.0),
    7: (0.0, 0.45, 0.70),
    8: (0.84, 0.37, 0.0),
    9: (0.0, 0.62, 0.45),
    16: (0.70, 0.50, 0.0),
    17: (0.0, 0.62, 0.45),
    35: (0.65, 0.30, 0.10),
    53: (0.55, 0.25, 0.60),
}

_TERM = re.compile(r"(?P<count>\d+(?:[./]\d+)? )?(?P<name>.+)")
#: A formula, and no name of a substance with digits of its own such as F4-PDMA.
_FORMULA = re.compile(r"(?:\([^)]*\)|[A-Z][a-z]?)(?:\([^)]*\)|[A-Z][a-z]?|\d+(?:\.\d+)?)*")
_GROUP_OR_NUMBER = re.compile(r"\([^)]*\)|\d+(?:\.\d+)?")


def molecule_svg(cation: Cation, width: int = 300, height: int = 150) -> str:
    """The structure of `cation` as an SVG element with a label for screen readers."""
    known_as = cation.names[-1] if cation.names else cation.smiles
    label = html_escape(f"structure of {cation.abbreviation} ({known_as})")
    return _svg(cation.smiles, width, height).replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


@lru_cache(maxsize=20_000)
def formula_html(formula: str) -> str:
    """`formula` with its stoichiometric numbers as subscripts; digits inside an abbreviation stay."""
    if html_escape(formula) == formula:  # nearly always: one pass, for pages of formulas that nobody has seen before
        return _GROUP_OR_NUMBER.sub(lambda found: found[0] if found[0][0] == "(" else f"<sub>{found[0]}</sub>", formula)
    parts = re.split(r"(\([^)]*\))", formula)
    return "".join(
        html_escape(part) if part.startswith("(") else re.sub(r"(\d+(?:\.\d+)?)", r"<sub>\1</sub>", html_escape(part))
        for part in parts
    )


#: A formula within a sentence.
_COMPOUND = re.compile(
    r"(?:\([^()\s]+\)(?:\d+(?:\.\d+)?)?)*[A-Z]{0,4}(?:Pb|Sn|Ge)\d*(?:(?:I|Br|Cl|\([^()\s]+\))(?:\d+(?:\.\d+)?)?)+"
)


def prose_html(text: str) -> str:
    """A sentence with subscripts in the formulas that it names."""
    marked, at = "", 0
    for found in _COMPOUND.finditer(text):
        marked, at = marked + html_escape(text[at : found.start()]) + formula_html(found[0]), found.end()
    return marked + html_escape(text[at:])


def equation_html(equation: str) -> str:
    """A balanced equation with subscripts in its formulas, an arrow, and no number torn from what it counts."""
    sides = []
    for side in equation.split(" -> "):
        terms = (_TERM.fullmatch(term) for term in side.split(" + "))
        told = [(found["count"] or "", found["name"]) for found in terms if found is not None]
        sides.append(
            " + ".join(f"{count.strip()}\u00a0{_named(name)}" if count else _named(name) for count, name in told)
        )
    return " → ".join(sides)


def _named(name: str) -> str:
    return formula_html(name) if _FORMULA.fullmatch(name) else html_escape(name)


@lru_cache(maxsize=2048)
def _svg(smiles: str, width: int, height: int) -> str:
    drawer = rdMolDraw2D.MolDraw2DSVG(width, height)
    options = drawer.drawOptions()
    options.setAtomPalette(_PALETTE)
    options.clearBackground = False  # type: ignore[assignment]  # RDKit's stubs give every option one type
    options.bondLineWidth = 1.6  # type: ignore[assignment]  # as above
    rdMolDraw2D.PrepareAndDrawMolecule(drawer, Chem.MolFromSmiles(smiles))
    drawer.FinishDrawing()
    text = drawer.GetDrawingText()
    text = re.sub(r"<rect[^>]*>\s*</rect>", "", text[text.index("<svg") :])
    text = re.sub(r"style='([^']*)'", _attributes, text)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    return text.replace("#000000", "currentColor").replace("xml:space='preserve'", "")


def _attributes(found: re.Match[str]) -> str:
    """Style declarations as attributes: a page that allows no inline styles shows those."""
    pairs = (pair.split(":", 1) for pair in found[1].split(";") if ":" in pair)
    return " ".join(f"{name.strip()}='{value.strip()}'" for name, value in pairs)


#: A hydrogen nearer to a carbon than this (angstrom) is bonded to it and left out, so that the head groups are seen.
_CH = 1.25
#: Contact (share of the van der Waals distance) down to which a spacer too wide for the ideal square is drawn in it.
_CROWDED = 0.4


def crystal_scene(compound: Compound, geometries: Mapping[str, NDArray[np.float64]] | None = None) -> dict[str, Any]:
    """What the browser draws, angstrom: two layers of two by two octahedra with what lies between them. `geometries`:
    of the cations, shape (atoms, 3) each, as `chemspace.crystal.build_structure` takes them. Keys: lattice (three
    vectors), reach (half the axis of an octahedron), centres of the octahedra of one layer, cages (repeated with every
    layer), above (what stands on a layer) and below (what hangs from the next one), molecules as lists of [symbol, x,
    y, z], `is_crowded` where the spacers stand closer than they can. Raises GeometryError for a mixture, or a cation
    too bulky."""
    from chemspace.crystal import build_parts

    try:
        parts, is_crowded = build_parts(compound, geometries), False
    except GeometryError:
        parts, is_crowded = build_parts(compound, geometries, closest=_CROWDED), True
    symbols, points = parts.inorganic
    centres = np.array([point for symbol, point in zip(symbols, points, strict=True) if symbol == compound.b_site])
    reach = float(np.linalg.norm(points - centres[0], axis=1)[np.array(symbols) != compound.b_site].min())
    middle = float(centres[:, 2].mean())
    above = [_molecule(atoms) for atoms in parts.spacers if atoms[1][:, 2].mean() > middle]
    below = [_molecule(atoms) for atoms in parts.spacers if atoms[1][:, 2].mean() <= middle]
    return {
        "is_crowded": is_crowded,
        "lattice": parts.lattice.round(2).tolist(),
        "reach": round(reach, 2),
        "centres": centres.round(2).tolist(),
        "cages": [_molecule(atoms) for atoms in parts.cages],
        "above": above,
        "below": below,
    }


def _molecule(atoms: tuple[Any, NDArray[np.float64]]) -> list[list[Any]]:
    symbols, points = np.array(atoms[0]), atoms[1]
    carbons = points[symbols == "C"]
    away = np.linalg.norm(points[:, None, :] - carbons[None, :, :], axis=2).min(axis=1, initial=np.inf)
    seen = (symbols != "H") | (away > _CH)
    return [[str(symbol), *point.round(2).tolist()] for symbol, point in zip(symbols[seen], points[seen], strict=True)]
