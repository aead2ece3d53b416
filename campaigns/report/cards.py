"""Suggestions ready for a template: drawn, formatted, with a recipe."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

from markupsafe import Markup

from campaigns.reason import picoseconds
from campaigns.report.drawing import formula_html, molecule_svg
from campaigns.suggestion import Suggestion
from chemspace import CationLibrary, Compound, parse_formula
from chemspace.errors import SpinscreenError
from chemspace.recipe import make_recipe

__all__ = ["recipe_of", "suggestion_card"]

#: Grams a recipe is written for.
RECIPE_G = 1.0


def suggestion_card(
    suggestion: Suggestion, names: CationLibrary, cost: Callable[[Compound], float] | None = None
) -> dict[str, Any]:
    """What a card shows.

    Args:
        suggestion: the compound and its numbers.
        names: cations by abbreviation, for the drawing.
        cost: money for the cations of a compound, NaN where a price is unknown; None where there are no prices.
    """
    spacer = names[suggestion.spacer]
    known_as = spacer.names[-1] if spacer.names else spacer.smiles
    compound = parse_formula(suggestion.formula, names)
    price = float("nan") if cost is None else cost(compound)
    return {
        "formula": suggestion.formula,
        "formula_html": Markup(formula_html(suggestion.formula)),
        "drawing": Markup(molecule_svg(spacer)),
        "phase": suggestion.phase,
        "n_layers": suggestion.n_layers,
        "spacer_name": f"{suggestion.spacer} ({known_as})",
        "cage": suggestion.cage,
        "lifetime": picoseconds(suggestion.lifetime_ps),
        "low": picoseconds(suggestion.lifetime_low_ps),
        "high": picoseconds(suggestion.lifetime_high_ps),
        "feasibility": f"{suggestion.feasibility:.0%} likely",
        "price": f"{price:.3g}" if isfinite(price) else "",
        "acquisition": f"{suggestion.acquisition:.2f}",
        "reason": suggestion.reason,
        "nearest_html": Markup(formula_html(suggestion.nearest_measured)),
        "recipe": recipe_of(compound),
    }


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
            "equation": recipe.equation,
            "precursors": [
                {"name": p.name, "mmol": f"{p.amount_mmol:.3g}", "mg": f"{p.mass_g * 1000:.1f}"}
                for p in recipe.precursors
            ],
            "acids": [(name, f"{volume:.2g}") for name, volume in recipe.acid_ml],
        }
    return None
