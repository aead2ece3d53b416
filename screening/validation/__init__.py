"""Honest scores: every figure here is out of fold."""

from __future__ import annotations

from screening.validation.cross_validate import Validation, cross_validate
from screening.validation.splits import ScoreCard

__all__ = ["ScoreCard", "Validation", "cross_validate"]
