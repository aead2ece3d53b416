"""Surrogates: BoTorch models over log10 of the spin relaxation rate, fitted by name."""

from __future__ import annotations

from screening.surrogates.recipe import TrainingRows
from screening.surrogates.registry import DEFAULT_SURROGATE, surrogate_names
from screening.surrogates.surrogate import Surrogate, fit_surrogate

__all__ = ["DEFAULT_SURROGATE", "Surrogate", "TrainingRows", "fit_surrogate", "surrogate_names"]
