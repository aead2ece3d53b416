"""P(a compound forms a phase-pure layered perovskite): reported outcomes, prior rules, the campaign's own record.

`fit_feasibility()` returns a `FeasibilityModel`; its probability multiplies an acquisition value.
"""

from screening.feasibility.model import (
    CageWindow,
    FeasibilityModel,
    FeasibilityPrior,
    RecordedOutcome,
    SpacerTraits,
    ThickLayers,
    fit_feasibility,
)
from screening.feasibility.spacers import SHAPE_NAMES, ReportedOutcomes, SpacerRule

__all__ = [
    "SHAPE_NAMES",
    "CageWindow",
    "FeasibilityModel",
    "FeasibilityPrior",
    "RecordedOutcome",
    "ReportedOutcomes",
    "SpacerRule",
    "SpacerTraits",
    "ThickLayers",
    "fit_feasibility",
]
