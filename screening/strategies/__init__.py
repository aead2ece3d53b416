"""Acquisition: how much a candidate promises, from analytic values on arrays to BoTorch's classes for batches."""

from screening.strategies.acquisition import (
    ACQUISITIONS,
    AIMED_ACQUISITIONS,
    BATCH_ACQUISITIONS,
    HYPERVOLUME,
    RANDOM,
    Acquisition,
    Choice,
    Wish,
    choose_acquisition,
    get_acquisition,
    log_desirability,
    log_expected_improvement,
    log_probability_of_improvement,
    negative_lower_confidence_bound,
    pass_of,
)
from screening.strategies.joint import JOINT_ACQUISITIONS, build_acquisition, choose_with, hypervolume_improvement

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
