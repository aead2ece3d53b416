"""Is an old suggestion what the same log and the present code give?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from campaigns.errors import LifecycleError
from campaigns.events import Event, EventKind
from campaigns.state import CampaignState, replay, voids
from campaigns.summary import Suggestion, SuggestionBatch
from campaigns.targets import Observation


def before_round(events: Sequence[Event], number: int | None = None) -> tuple[CampaignState, SuggestionBatch]:
    """The state on which round `number` (None: the last) was suggested, and its suggestions. Raises LifecycleError if
    there is no such round."""
    rounds = [place for place, event in enumerate(events) if event.kind is EventKind.SUGGESTED]
    wanted = len(rounds) if number is None else number
    if not 1 <= wanted <= len(rounds):
        raise LifecycleError(f"there is no round {wanted}; the campaign has had {len(rounds)}")
    event = events[rounds[wanted - 1]]
    return replay(events[: rounds[wanted - 1]]), SuggestionBatch.from_dict(event.key or "", event.payload)


def at_last_fit(events: Sequence[Event]) -> tuple[CampaignState | None, dict[str, str]]:
    """The state that the last fit was made on, as it stands of it now, and what computed that fit; None and {} before
    the first."""
    undone = voids(events)
    fits = [place for place, event in enumerate(events) if event.kind is EventKind.FITTED and event.id not in undone]
    if not fits:
        return None, {}
    return replay(events[: fits[-1]]), dict(events[fits[-1]].payload.get("versions", {}))


def fresh_since(before: CampaignState | None, now: CampaignState) -> tuple[Observation, ...]:
    """Measurements that stand now and did not before; all of them where there is no before."""
    known = set() if before is None else {_identity(m) for m in before.measurements}
    return tuple(m for m in now.measurements if _identity(m) not in known)


def taken_back_since(before: CampaignState | None, now: CampaignState) -> tuple[str, ...]:
    """Formulas of measurements that stood before and do not now."""
    standing = {_identity(m) for m in now.measurements}
    known = () if before is None else before.measurements
    return tuple(m.formula for m in known if _identity(m) not in standing)


def _identity(measured: Observation) -> tuple[str, str, float, bool]:
    return measured.formula, measured.sample, measured.value, measured.is_bound


#: Relative difference below which two numbers count as the same: other processors round in another order.
SAME = 1e-6


@dataclass(frozen=True, slots=True)
class Replay:
    """Outcome of computing a batch again.

    Attributes:
        number: the round.
        same: whether every compound and number came out the same.
        differences: one sentence for each that did not.
        versions_changed: packages, code, library, data or seed that are others now, with both.
        code_known: whether the round's record says by which code it was computed (rounds before that was kept do not).
    """

    number: int
    same: bool
    differences: tuple[str, ...]
    versions_changed: tuple[str, ...]
    code_known: bool

    @property
    def verdict(self) -> str:
        """Whether it is the same, and whether the same code said so, in one sentence."""
        outcome = "comes out the same" if self.same else "does not come out the same"
        if not self.code_known:
            return f"round {self.number} {outcome}; its record does not say by which code it was made"
        by = (
            "by the same code and packages on the same data"
            if not self.versions_changed
            else "and what computes it changed"
        )
        return f"round {self.number} {outcome}, {by}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self) | {
            "differences": list(self.differences),
            "versions_changed": list(self.versions_changed),
            "verdict": self.verdict,
        }


def compare(batch: SuggestionBatch, again: Sequence[Suggestion], now: Mapping[str, str]) -> Replay:
    """Hold a recorded batch against suggestions computed again."""
    differences = tuple(
        difference
        for place, (old, new) in enumerate(zip(batch.suggestions, again, strict=True), start=1)
        for difference in _differences(place, old, new)
    )
    changed = tuple(
        f"{name}: {was} then, {now.get(name, 'absent')} now"
        for name, was in batch.versions.items()
        if was != now.get(name, "absent")
    )
    return Replay(batch.number, not differences, differences, changed, "code_sha256" in batch.versions)


def _differences(place: int, old: Suggestion, new: Suggestion) -> list[str]:
    if old.formula != new.formula:
        return [f"place {place}: {old.formula} then, {new.formula} now"]
    now = _numbers(new)
    return [
        f"place {place}, {old.formula}: {name} {was:.6g} then, {now[name]:.6g} now"
        for name, was in _numbers(old).items()
        if not math.isclose(was, now[name], rel_tol=SAME, abs_tol=SAME)
    ]


def _numbers(suggestion: Suggestion) -> dict[str, float]:
    """Every number of a suggestion that is computed, by its name."""
    own = {name: value for name, value in suggestion.to_dict().items() if isinstance(value, float)}
    return own | {f"{name}.{what}": v for name, parts in suggestion.properties.items() for what, v in parts.items()}
