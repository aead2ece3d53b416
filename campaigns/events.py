"""The life of a compound in a campaign: from suggested to measured, or to one of the ways it can end otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from campaigns.errors import LifecycleError

__all__ = ["AWAITED", "FAILED", "NEVER_AGAIN", "Stage", "Step", "possible_steps"]


class EventKind(StrEnum):
    """The kinds of event in the log."""

    CREATED = "created"
    MEASURED = "measured"
    FITTED = "fitted"
    SUGGESTED = "suggested"
    STEPPED = "stepped"
    RETRACTED = "retracted"
    PROPERTY_MEASURED = "property_measured"
    PROPERTY_RETRACTED = "property_retracted"


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the log.

    Attributes:
        id: its place in the log, from 1.
        at: when, UTC.
        actor: who (the login name).
        kind: what kind of thing happened.
        key: identity; the log holds each key once. None where repetition is meant.
        payload: what happened, as JSON.
    """

    id: int
    at: datetime
    actor: str
    kind: EventKind
    key: str | None
    payload: dict[str, Any]


class Stage(StrEnum):
    """Where a compound stands.

    A failed synthesis says something about the compound; an abandoned one says nothing (the student left, the
    precursor never came), nor does a stale suggestion that nobody took up.
    """

    SUGGESTED = "suggested"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    IN_SYNTHESIS = "in synthesis"
    FORMED = "formed"
    MIXED_PHASES = "mixed phases"
    OTHER_DIMENSIONALITY = "other dimensionality"
    NOT_FORMED = "not formed"
    DECOMPOSED = "decomposed"
    MEASURED = "measured"
    NOT_MEASURABLE = "not measurable"
    ABANDONED = "abandoned"
    STALE = "stale"


#: Syntheses that were tried and gave no phase-pure layered compound.
FAILED = frozenset({Stage.MIXED_PHASES, Stage.OTHER_DIMENSIONALITY, Stage.NOT_FORMED, Stage.DECOMPOSED})

#: A result is awaited: pending for the next batch.
AWAITED = frozenset({Stage.SUGGESTED, Stage.ACCEPTED, Stage.IN_SYNTHESIS, Stage.FORMED})

#: Not suggested again, although unmeasured. An abandoned or stale one may be.
NEVER_AGAIN = FAILED | {Stage.DECLINED, Stage.NOT_MEASURABLE}

#: Steps that teach nothing without a reason.
NEEDS_REASON = frozenset({Stage.DECLINED, Stage.ABANDONED})

#: Steps that may name another compound that was made instead: it is phase-pure, and it is not what was asked for.
MADE_OTHERWISE = frozenset({Stage.FORMED, Stage.NOT_FORMED, Stage.OTHER_DIMENSIONALITY})

_ENDS = FAILED | {Stage.FORMED, Stage.MEASURED, Stage.ABANDONED, Stage.NOT_MEASURABLE}
_AFTER: dict[Stage | None, frozenset[Stage]] = {
    None: _ENDS | {Stage.ACCEPTED, Stage.DECLINED, Stage.IN_SYNTHESIS},
    Stage.SUGGESTED: _ENDS | {Stage.ACCEPTED, Stage.DECLINED, Stage.IN_SYNTHESIS, Stage.STALE},
    Stage.ACCEPTED: _ENDS | {Stage.DECLINED, Stage.IN_SYNTHESIS, Stage.STALE},
    Stage.IN_SYNTHESIS: _ENDS,
    Stage.FORMED: frozenset({Stage.MEASURED, Stage.NOT_MEASURABLE, Stage.ABANDONED, Stage.DECOMPOSED}),
    Stage.MEASURED: frozenset({Stage.MEASURED, Stage.DECOMPOSED}),
}
#: After any other end one may try again.
_AGAIN = _ENDS | {Stage.ACCEPTED, Stage.IN_SYNTHESIS}


@dataclass(frozen=True, slots=True)
class Step:
    """One step in a compound's life.

    Attributes:
        formula: the compound that was asked for.
        stage: where it stands now.
        at: when, UTC.
        actor: who said so.
        reason: why, in their words.
        made: formula of what was made instead, empty where it is what was asked for.
    """

    formula: str
    stage: Stage
    at: datetime
    actor: str
    reason: str = ""
    made: str = ""

    @property
    def stands(self) -> Stage:
        """Where the compound that was asked for stands: if another one formed, it did not."""
        return Stage.NOT_FORMED if self.made and self.stage is Stage.FORMED else self.stage

    @classmethod
    def from_payload(cls, payload: dict[str, Any], at: datetime, actor: str) -> Step:
        """From an event's payload."""
        stage = Stage(payload["stage"])
        return cls(payload["formula"], stage, at, actor, payload.get("reason", ""), payload.get("made", ""))


def possible_steps(before: Stage | None) -> tuple[Stage, ...]:
    """Stages that can follow, in the order of `Stage`; `before` is None for a compound that was never mentioned.

    What is measured comes with its measurement and is no step.
    """
    allowed = _AFTER.get(before, _AGAIN) - {Stage.MEASURED}
    return tuple(stage for stage in Stage if stage in allowed)


def check_step(formula: str, before: Stage | None, after: Stage) -> None:
    """Refuse a step that cannot follow.

    Args:
        formula: for the message.
        before: stage so far, None for a compound that was never mentioned.
        after: stage to come.

    Raises:
        LifecycleError: naming the stages that can follow.
    """
    allowed = possible_steps(before)
    if after not in allowed:
        stands = "was never suggested" if before is None else f"is {before.value}"
        how = "; a lifetime comes in with ingest" if after is Stage.MEASURED else ""
        raise LifecycleError(
            f"{formula} {stands}; it cannot become {after.value}{how}. Possible now: {', '.join(allowed)}"
        )
