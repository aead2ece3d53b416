"""Honest scores: every figure here is out of fold."""

from __future__ import annotations

from screening.validation.cross_validate import ScoreCard, Validation, cross_validate

__all__ = ["ScoreCard", "Validation", "cross_validate"]
