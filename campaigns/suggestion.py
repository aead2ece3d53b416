"""What to make next, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Suggestion", "SuggestionBatch"]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One compound to make.

    Attributes:
        formula, phase, spacer, cage, n_layers: the compound; `cage` is empty for n = 1.
        lifetime_ps: predicted spin lifetime (median), ps.
        lifetime_low_ps, lifetime_high_ps: ends of its calibrated 90% interval, ps.
        rate_per_ps: predicted relaxation rate (median), 1/ps.
        acquisition: acquisition value, on the scale the campaign's acquisition has (log expected improvement: natural
            logarithm of the expected gain in log10 rate times the feasibility).
        feasibility: probability that a phase-pure layered compound forms, 0 to 1.
        reason: one line for the group meeting.
        nearest_measured: formula of the measured compound that is nearest in descriptor space.
        properties: predicted "mean" and "sd" of each further measured property of the campaign, by its name.
    """

    formula: str
    phase: str
    spacer: str
    cage: str
    n_layers: int
    lifetime_ps: float
    lifetime_low_ps: float
    lifetime_high_ps: float
    rate_per_ps: float
    acquisition: float
    feasibility: float
    reason: str
    nearest_measured: str
    properties: dict[str, dict[str, float]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON, one key an attribute."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SuggestionBatch:
    """The suggestions of one round.

    Attributes:
        number: round, from 1.
        key: what they were computed from (data, description, seed, size, pending); the same key is the same batch.
        data_key: key of the fit behind them.
        seed: of the choice.
        pending: formulas that were awaited when they were chosen.
        suggestions: the compounds, in the order they were chosen.
        versions: versions of the packages that computed them.
    """

    number: int
    key: str
    data_key: str
    seed: int
    pending: tuple[str, ...]
    suggestions: tuple[Suggestion, ...]
    versions: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "number": self.number,
            "data_key": self.data_key,
            "seed": self.seed,
            "pending": list(self.pending),
            "suggestions": [suggestion.to_dict() for suggestion in self.suggestions],
            "versions": self.versions,
        }

    @classmethod
    def from_dict(cls, key: str, values: dict[str, Any]) -> SuggestionBatch:
        """From what `to_dict` gave."""
        suggestions = tuple(Suggestion(**suggestion) for suggestion in values["suggestions"])
        return cls(
            number=values["number"],
            key=key,
            data_key=values["data_key"],
            seed=values["seed"],
            pending=tuple(values["pending"]),
            suggestions=suggestions,
            versions=values["versions"],
        )
