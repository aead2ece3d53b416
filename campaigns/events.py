"""The events of a campaign's log, as they are read, and the life of a compound: from suggested to measured.

Editions of what a campaign takes for granted: what its description leaves out, the built-in library, P(forms).
A better default must not change what an old log replays to, so a campaign keeps the edition it was launched under.
Whatever depends on it is asked of `EDITIONS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from campaigns.errors import LifecycleError

if TYPE_CHECKING:
    from chemspace import CationLibrary
    from screening.feasibility import FeasibilityPrior, ReportedOutcomes

__all__ = ["AWAITED", "FAILED", "NEVER_AGAIN", "REASONS", "Stage", "possible_steps"]


#: Share of a batch for what teaches most, where a description leaves it and the strategy to the campaign.
TEACHING_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Edition:
    """What holds in a campaign where its description says nothing else."""

    number: int  #: as descriptions write it
    #: Fields of a description whose default is another one than the newest edition's.
    description: Mapping[str, Any] = field(default_factory=dict)
    #: Fields of `oracle.Protocol` whose default is another one than the newest edition's.
    protocol: Mapping[str, Any] = field(default_factory=dict)
    #: Whether lifetimes measured otherwise than the rest do not train, and one replicate cannot blur all.
    sets_apart: bool = True
    teaching_share: float = TEACHING_SHARE  #: of a batch for what teaches most, 0 leaves the kinds to the strategy

    @property
    def library(self) -> CationLibrary:
        """The built-in library."""
        from chemspace import CationLibrary  # imports RDKit, which `--help` needs not

        return CationLibrary.builtin(self.number)

    @property
    def feasibility_prior(self) -> FeasibilityPrior:
        """What is believed of P(forms) before the campaign's first crystal."""
        from screening.feasibility import CageWindow, FeasibilityPrior, SpacerRule, ThickLayers

        if self.number > FIRST:
            return FeasibilityPrior()
        return FeasibilityPrior(
            ThickLayers(odds_factor=0.25, each_layer=False),
            CageWindow(low=0.8, factor=0.5, misfit_factor=0.1, unknown_factor=0.25, of_odds=True),
            SpacerRule(n_shapes=5, report_log_odds=0.0, knows_range=False),
        )

    @property
    def reported(self) -> ReportedOutcomes:
        """The reports of spacers that P(forms) is learnt from."""
        from screening.feasibility import ReportedOutcomes

        return ReportedOutcomes.published(self.number)


#: Release 0.1.0, whose logs name no edition.
FIRST = 1
#: What a new campaign gets.
NEWEST = 4
#: The surrogate of editions 2 and 3, whose processes see features as they are.
_PLAIN = {"surrogate": "networks_processes"}
EDITIONS: Mapping[int, Edition] = {
    FIRST: Edition(
        FIRST,
        description={"surrogate": "spinscreen"},
        protocol={
            "conformer_search": "embedded",
            "conformer_solvent": None,
            "n_conformers": 20,
            "n_optimised": 2,
            "stretch": 0.0,
        },
        sets_apart=False,
        teaching_share=0.0,
    ),
    2: Edition(2, description=_PLAIN, protocol={"conformer_search": "embedded"}),
    3: Edition(3, description=_PLAIN),
    NEWEST: Edition(NEWEST),
}


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
