"""Recalibration from out-of-fold errors: a factor on standard deviations, and the shape of what is predicted."""

from __future__ import annotations

from screening.calibration.scale import fit_scale
from screening.calibration.shape import FREEDOM, crps, half_width, log_density

__all__ = ["FREEDOM", "crps", "fit_scale", "half_width", "log_density"]
