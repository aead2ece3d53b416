"""Acquisition: how much a candidate promises, from analytic values on arrays to BoTorch's classes for batches."""

from screening.acquisition.analytic import (
    log_expected_improvement,
    log_probability_of_improvement,
    negative_lower_confidence_bound,
)
from screening.acquisition.automatic import Choice, choose_acquisition
from screening.acquisition.desirability import Wish, log_desirability
from screening.acquisition.joint import (
    JOINT_ACQUISITIONS,
    build_acquisition,
    choose_with,
    hypervolume_improvement,
)
from screening.acquisition.named import (
    ACQUISITIONS,
    AIMED_ACQUISITIONS,
    BATCH_ACQUISITIONS,
    HYPERVOLUME,
    RANDOM,
    Acquisition,
    get_acquisition,
    pass_of,
)

__all__ = [
    "ACQUISITIONS",
    "AIMED_ACQUISITIONS",
    "BATCH_ACQUISITIONS",
    "HYPERVOLUME",
    "JOINT_ACQUISITIONS",
    "RANDOM",
    "Acquisition",
    "Choice",
    "Wish",
    "build_acquisition",
    "choose_acquisition",
    "choose_with",
    "get_acquisition",
    "hypervolume_improvement",
    "log_desirability",
    "log_expected_improvement",
    "log_probability_of_improvement",
    "negative_lower_confidence_bound",
    "pass_of",
]
