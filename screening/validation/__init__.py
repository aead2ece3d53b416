"""Honest scores: every figure here is out of fold."""

from __future__ import annotations

from screening.validation.card import FullCard, compare_paths, full_score_card
from screening.validation.cross_validate import Validation, cross_validate
from screening.validation.splits import ScoreCard

__all__ = [
    "FullCard",
    "ScoreCard",
    "Validation",
    "compare_paths",
    "cross_validate",
    "full_score_card",
]
