"""What a campaign records about an attempted synthesis, and what it says about formation."""

from __future__ import annotations

from dataclasses import dataclass

from chemspace.compound import Compound
from screening.errors import FeasibilityError

__all__ = ["OUTCOMES", "RecordedOutcome"]

#: What each recorded outcome says about forming a phase-pure layered compound; None says nothing.
OUTCOMES: dict[str, int | None] = {
    "formed": 1,
    "mixed phases": 0,
    "not formed": 0,
    "other dimensionality": 0,
    "not measurable": None,
}


@dataclass(frozen=True, slots=True)
class RecordedOutcome:
    """What came out of one attempted synthesis: a compound and one of `OUTCOMES` (underscores are read as spaces)."""

    compound: Compound
    outcome: str

    def __post_init__(self) -> None:
        if self.outcome.replace("_", " ") not in OUTCOMES:
            raise FeasibilityError(
                f"unknown outcome {self.outcome!r} of {self.compound}: use one of {', '.join(OUTCOMES)}"
            )

    @property
    def formed(self) -> int | None:
        """1 or 0, None where the outcome says nothing about formation."""
        return OUTCOMES[self.outcome.replace("_", " ")]
