"""P(a compound forms a phase-pure layered perovskite): reported outcomes, prior rules, the campaign's own record.

`fit_feasibility()` returns a `FeasibilityModel`; its probability multiplies an acquisition value.
"""

from screening.feasibility.model import FeasibilityModel, fit_feasibility
from screening.feasibility.outcomes import OUTCOMES, RecordedOutcome
from screening.feasibility.prior import CageWindow, FeasibilityPrior, ThickLayers
from screening.feasibility.spacers import ReportedOutcomes, SpacerScore
from screening.feasibility.traits import SpacerTraits

__all__ = [
    "OUTCOMES",
    "CageWindow",
    "FeasibilityModel",
    "FeasibilityPrior",
    "RecordedOutcome",
    "ReportedOutcomes",
    "SpacerScore",
    "SpacerTraits",
    "ThickLayers",
    "fit_feasibility",
]
