"""The events of a campaign's log, as they are read, and the life of a compound: from suggested to measured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from campaigns.editions import FIRST
from campaigns.errors import LifecycleError

__all__ = ["AWAITED", "FAILED", "NEVER_AGAIN", "REASONS", "Stage", "possible_steps"]


class EventKind(StrEnum):
    """The kinds of event in the log."""

    CREATED = "created"
    AMENDED = "amended"
    OBSERVED = "observed"
    FITTED = "fitted"
    SUGGESTED = "suggested"
    STEPPED = "stepped"
    RULED_OUT = "ruled_out"
    VOIDED = "undone"
    DESCRIBED = "described"
    RETRACTED = "taken_back"  # not "retracted": a release that knows one target would take back another number


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the log."""

    id: int  #: its place in the log, from 1
    at: datetime  #: when, UTC
    actor: str  #: who (the login name)
    kind: EventKind  #: what kind of thing happened
    key: str | None  #: identity; the log holds each key once. None where repetition is meant.
    payload: dict[str, Any]  #: what happened, as JSON

    @property
    def label(self) -> str:
        """What the history calls its kind."""
        label = {EventKind.OBSERVED: "measured", EventKind.RETRACTED: "retracted"}.get(self.kind, self.kind.value)
        return label if self.payload.get("target", LIFETIME_PS) == LIFETIME_PS else f"property_{label}"


#: The target whose observations move a compound through its life, and that a campaign ranks by: tau, ps.
LIFETIME_PS = "lifetime_ps"
#: Fields of an observation by what the rows of an event before 0.2.0 call them.
_RENAMED = {"lifetime_ps": "value", "lifetime_stderr_ps": "stderr", "is_upper_bound": "is_bound", "error": "stderr"}


def upcast(kind: str, payload: dict[str, Any]) -> tuple[EventKind, dict[str, Any]]:
    """Kind and payload of a stored event as events are written today.

    Up to 0.1.0 lifetimes and values of further properties came in by "measured" and "property_measured", and went by
    "retracted" and "property_retracted"; descriptions named no edition.
    """
    if kind in ("measured", "property_measured"):
        rows = [{_RENAMED.get(name, name): value for name, value in row.items()} for row in payload.get("rows", ())]
        return EventKind.OBSERVED, {**_of_target(payload), "rows": rows}
    if kind in ("retracted", "property_retracted"):
        return EventKind.RETRACTED, _of_target(payload)
    if kind == EventKind.CREATED and "config" in payload:
        return EventKind.CREATED, {**payload, "config": {"edition": FIRST, **payload["config"]}}
    return EventKind(kind), payload


def _of_target(payload: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in payload.items() if name not in ("property", "target")}
    return {"target": payload.get("target") or payload.get("property") or LIFETIME_PS, **rest}


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


#: Stages that somebody may say; the others follow from rounds and measurements.
TOLD_STAGES = tuple(stage for stage in Stage if stage not in (Stage.SUGGESTED, Stage.MEASURED))


def stage_named(word: str) -> Stage | None:
    """The stage that a person's word names, as "not formed" or "not_formed"; None where there is none."""
    wanted = word.replace("_", " ").replace("-", " ").strip().lower()
    return Stage(wanted) if wanted in TOLD_STAGES else None


#: Syntheses that were tried and gave no phase-pure layered compound.
FAILED = frozenset({Stage.MIXED_PHASES, Stage.OTHER_DIMENSIONALITY, Stage.NOT_FORMED, Stage.DECOMPOSED})

#: A result is awaited: pending for the next round. What is merely suggested is not: nobody took it up yet.
AWAITED = frozenset({Stage.ACCEPTED, Stage.IN_SYNTHESIS, Stage.FORMED})

#: Not suggested again, although unmeasured. An abandoned or stale one may be.
NEVER_AGAIN = FAILED | {Stage.DECLINED, Stage.NOT_MEASURABLE}

#: Given up: neither awaited nor ruled out.
FREED_STAGES = frozenset({Stage.ABANDONED, Stage.STALE})

#: Steps that teach nothing without a reason.
NEEDS_REASON = frozenset({Stage.DECLINED, Stage.ABANDONED})

#: Usual reasons to decline a compound or a cation, to choose from; any other text will do.
REASONS = (
    "too expensive",
    "cannot be bought",
    "takes too long to come",
    "hazardous",
    "not stable",
    "no way to make it",
    "known already",
)

#: Steps that may name another compound that was made instead: it is phase-pure, and it is not what was asked for.
MADE_OTHERWISE = frozenset({Stage.FORMED, Stage.NOT_FORMED, Stage.OTHER_DIMENSIONALITY})

_ENDS = FAILED | {Stage.FORMED, Stage.MEASURED, Stage.ABANDONED, Stage.NOT_MEASURABLE}
_OPEN = _ENDS | {Stage.ACCEPTED, Stage.DECLINED, Stage.IN_SYNTHESIS}
_AFTER: dict[Stage | None, frozenset[Stage]] = {
    None: _OPEN,
    Stage.ABANDONED: _OPEN,
    Stage.STALE: _OPEN,
    Stage.SUGGESTED: _OPEN | {Stage.STALE},
    Stage.ACCEPTED: _ENDS | {Stage.DECLINED, Stage.IN_SYNTHESIS, Stage.STALE},
    Stage.IN_SYNTHESIS: _ENDS,
    Stage.FORMED: frozenset({Stage.MEASURED, Stage.NOT_MEASURABLE, Stage.ABANDONED, Stage.DECOMPOSED}),
    # Accepted once more for a second crystal.
    Stage.MEASURED: frozenset({Stage.MEASURED, Stage.DECOMPOSED, Stage.ACCEPTED, Stage.IN_SYNTHESIS}),
}
#: After any other end one may try again.
_AGAIN = _ENDS | {Stage.ACCEPTED, Stage.IN_SYNTHESIS}


def possible_steps(before: Stage | None) -> tuple[Stage, ...]:
    """Stages that can follow, in the order of `Stage`; `before` is None for a compound that was never mentioned.

    What is measured comes with its measurement and is no step.
    """
    allowed = _AFTER.get(before, _AGAIN) - {Stage.MEASURED}
    return tuple(stage for stage in Stage if stage in allowed)


def check_step(formula: str, before: Stage | None, after: Stage) -> None:
    """Refuse a step that cannot follow. Raises LifecycleError naming the stages that can follow."""
    allowed = possible_steps(before)
    if after not in allowed:
        stands = "was never suggested" if before is None else f"is {before.value}"
        how = "; a lifetime comes in with ingest" if after is Stage.MEASURED else ""
        raise LifecycleError(
            f"{formula} {stands}; it cannot become {after.value}{how}. Possible now: {', '.join(allowed)}"
            + ("" if before is None else "; what was recorded by mistake is taken back by `undo` of its event")
        )
