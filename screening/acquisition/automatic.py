"""Which acquisition a surrogate has earned: one that fails its own checks may only explore, and the reason is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Choice", "OutOfFold", "choose_acquisition"]

#: Distance of the measured coverage of the 90% interval from 0.9 beyond which a surrogate's spread is not trusted. With
#: 50 rows the standard error of a coverage of 0.9 is 0.042, so this is about 2.5 of them.
_COVERAGE_SLACK = 0.10
#: Rank correlation of prediction and outcome below which nothing is known about which compound is better.
_WEAK_SPEARMAN = 0.2
#: Above both, the prediction itself may be followed.
_STRONG_R2 = 0.6


class OutOfFold(Protocol):
    """What is read of a score card; every number is out of fold."""

    @property
    def r2_log(self) -> float:
        """R2 on log10 rate."""
        ...

    @property
    def spearman(self) -> float:
        """Rank correlation of prediction and outcome."""
        ...

    @property
    def coverage_90(self) -> float:
        """Share of outcomes inside their 90% interval."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """An acquisition's name and why it was chosen."""

    acquisition: str
    reason: str


def choose_acquisition(card: OutOfFold) -> Choice:
    """Choose by the surrogate's own out-of-fold score card.

    Surrogates whose intervals are wrong or whose order is blind explore (maximum variance). The others use log expected
    improvement, which turns from balancing to exploiting by itself as the spread shrinks; the reason says which it is.
    """
    coverage = f"its 90% intervals hold {card.coverage_90:.0%} of the left-out outcomes"
    order = f"rank correlation {card.spearman:.2f}, R2 {card.r2_log:.2f} out of fold"
    if not abs(card.coverage_90 - 0.9) <= _COVERAGE_SLACK:
        return Choice("max_variance", f"explore: the surrogate fails its calibration check, {coverage}")
    if not card.spearman >= _WEAK_SPEARMAN:
        return Choice("max_variance", f"explore: the surrogate cannot tell good from bad yet ({order})")
    if card.r2_log >= _STRONG_R2:
        return Choice("log_ei", f"exploit: the surrogate is good and calibrated ({order}; {coverage})")
    return Choice("log_ei", f"balance: the surrogate is calibrated but weak ({order}; {coverage})")
