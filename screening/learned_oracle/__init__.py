"""A learned oracle: descriptors of spacers that nobody computed, and which of them are worth computing."""

from screening.learned_oracle.choice import Known, SearchPlan, first_spacers, plan_round
from screening.learned_oracle.model import SpacerFeatures, StartShapes, spacer_features

__all__ = ["Known", "SearchPlan", "SpacerFeatures", "StartShapes", "first_spacers", "plan_round", "spacer_features"]
