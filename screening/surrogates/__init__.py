"""Surrogates: BoTorch models over log10 of the spin relaxation rate, fitted by name."""

from __future__ import annotations

from screening.surrogates.recipe import TrainingRows
from screening.surrogates.registry import DEFAULT_SURROGATE, surrogate_names

__all__ = ["DEFAULT_SURROGATE", "TrainingRows", "surrogate_names"]
