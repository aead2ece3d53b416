"""What a suggestion's card shows: the compound, its numbers, what it costs and how it is made."""

from __future__ import annotations

from math import isfinite
from typing import Any

from markupsafe import Markup

from campaigns.budget import Budget
from campaigns.narrate import picoseconds
from campaigns.report.drawing import equation_html, formula_html, molecule_svg
from campaigns.summary import Suggestion
from chemspace import CationLibrary, Compound, parse_formula
from chemspace.errors import SpinscreenError
from chemspace.recipe import make_recipe

__all__ = ["costs_of", "recipe_of", "suggestion_card"]

#: Grams a recipe is written for.
RECIPE_G = 1.0


def suggestion_card(suggestion: Suggestion, names: CationLibrary, budget: Budget | None = None) -> dict[str, Any]:
    """What a card shows.

    Args:
        suggestion: the compound and its numbers.
        names: cations by abbreviation, for the drawing.
        budget: prices and delivery times by cation, and the mass that is made; None where there are none.
    """
    spacer = names[suggestion.spacer]
    known_as = spacer.names[-1] if spacer.names else spacer.smiles
    compound = parse_formula(suggestion.formula, names)
    return {
        "formula": suggestion.formula,
        "formula_html": Markup(formula_html(suggestion.formula)),
        "drawing": Markup(molecule_svg(spacer)),
        "phase": suggestion.phase,
        "n_layers": suggestion.n_layers,
        "spacer": suggestion.spacer,
        "spacer_name": f"{suggestion.spacer}, {known_as}",
        "cage": suggestion.cage,
        "lifetime": picoseconds(suggestion.lifetime_ps),
        "low": picoseconds(suggestion.lifetime_low_ps),
        "high": picoseconds(suggestion.lifetime_high_ps),
        "feasibility": f"{suggestion.feasibility:.0%} likely",
        "costs": costs_of(compound, budget),
        "acquisition": f"{suggestion.acquisition:.2f}",
        "reason": suggestion.reason,
        "reported": suggestion.reported,
        "nearest_html": Markup(formula_html(suggestion.nearest_measured)),
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
    """The recipe of a compound; from the spacer's salt where it has no free base, None where there is none at all."""
    for source in ("amine", "salt"):
        try:
            recipe = make_recipe(compound, mass_g, spacer_source=source)
        except SpinscreenError:
            continue
        return {
            "mass_g": f"{recipe.target_mass_g:g}",
            "amount_mmol": f"{recipe.amount_mmol:.3g}",
            "equation": Markup(equation_html(recipe.equation)),
            "precursors": [
                {"name": Markup(equation_html(p.name)), "mmol": f"{p.amount_mmol:.3g}", "mg": f"{p.mass_g * 1000:.1f}"}
                for p in recipe.precursors
            ],
            "acids": [(name, f"{volume:.2g}") for name, volume in recipe.acid_ml],
        }
    return None
