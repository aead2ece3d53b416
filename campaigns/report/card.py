"""What a suggestion's card shows: the compound, its numbers, what one weighs, its costs and recipe, what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, log10
from typing import Any

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from campaigns.narrate import BEST, picoseconds, told_apart
from campaigns.report.drawing import equation_html, molecule_svg
from campaigns.space import Budget
from campaigns.summary import Suggestion, TrackRecord
from campaigns.targets import Observation
from chemspace import CationLibrary, Compound, parse_formula
from chemspace.errors import SpinscreenError
from chemspace.recipe import Registered, make_recipe
from screening.calibration import LEVEL, chance_below, half_width
from screening.scores import LIKELY_SLOW, TEACHES_MOST, teaches_most

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
