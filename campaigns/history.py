"""What happened: its list, an old round computed again, an event undone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from campaigns.database import EventLog
from campaigns.errors import AlreadySoError, DependedOnError, LifecycleError
from campaigns.events import FAILED, Event, EventKind, Stage
from campaigns.narrate import sentence
from campaigns.state import CampaignState, replay, voids
from campaigns.summary import Suggestion, SuggestionBatch
from campaigns.targets import MIN_ROWS, Observation
from chemspace.progress import Progress


def at_last_fit(events: Sequence[Event]) -> tuple[CampaignState | None, dict[str, str]]:
    """The state that the last fit was made on, as it stands now, and its versions; None, {} before the first."""
    undone = voids(events)
    fits = [place for place, event in enumerate(events) if event.kind is EventKind.FITTED and event.id not in undone]
    if not fits:
        return None, {}
    return replay(events[: fits[-1]]), dict(events[fits[-1]].payload.get("versions", {}))


def fresh_since(before: CampaignState | None, now: CampaignState) -> tuple[Observation, ...]:
    """Measurements that stand now and did not before; all of them where there is no before."""
    earlier = set() if before is None else {_identity(m) for m in before.measurements}
    return tuple(m for m in now.measurements if _identity(m) not in earlier)


def taken_back_since(before: CampaignState | None, now: CampaignState) -> tuple[str, ...]:
    """Formulas of measurements that stood before and do not now."""
    standing = {_identity(m) for m in now.measurements}
    earlier = () if before is None else before.measurements
    return tuple(m.formula for m in earlier if _identity(m) not in standing)


def _identity(measured: Observation) -> tuple[str, str, float, bool]:
    return measured.formula, measured.sample, measured.value, measured.is_bound


#: Relative difference below which two numbers count as the same: other processors round in another order.
SAME = 1e-6


@dataclass(frozen=True, slots=True)
class Replay:
    """Outcome of computing a batch again."""

    number: int  #: the round
    same: bool  #: whether every compound and number came out the same
    differences: tuple[str, ...]  #: one sentence for each that did not
    versions_changed: tuple[str, ...]  #: packages, code, library, data or seed that are others now, with both
    #: Whether the round's record says by which code it was computed (rounds before that was kept do not).
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
    numbers = {name: value for name, value in suggestion.to_dict().items() if isinstance(value, float)}
    return numbers | {f"{name}.{what}": v for name, parts in suggestion.properties.items() for what, v in parts.items()}


def told(events: Sequence[Event]) -> tuple[dict[str, Any], ...]:
    """Everything that happened, as `Campaign.history`."""
    undone = voids(events)
    return tuple(
        {
            "id": event.id,
            "at": event.at.isoformat(timespec="seconds"),
            "actor": event.actor,
            "kind": event.label,
            "what": sentence(event),
            "is_undone": event.id in undone,
        }
        for event in events
    )


def replayed(log: EventLog, number: int | None, oracle_store: Path, progress: Progress | None = None) -> Replay:
    """An old round (None: the last) computed again from the log as it stood then; LifecycleError if there is none."""
    from campaigns.artifacts import Artifacts, provenance
    from campaigns.records import CationRecords
    from campaigns.round import RoundInputs, fit_round, propose
    from campaigns.space import Scope

    events = log.events()
    rounds = [place for place, event in enumerate(events) if event.kind is EventKind.SUGGESTED]
    wanted = len(rounds) if number is None else number
    if not 1 <= wanted <= len(rounds):
        raise LifecycleError(f"there is no round {wanted}; the campaign has had {len(rounds)}")
    event = events[rounds[wanted - 1]]
    state, batch = replay(events[: rounds[wanted - 1]]), SuggestionBatch(key=event.key or "", **event.payload)
    nothing = Artifacts()
    scope = Scope.of(state.config, state.descriptions, log.file, nothing)
    records = CationRecords(scope.config, scope.space, oracle_store, nothing, state.chosen_spacers)
    fitted = fit_round(RoundInputs.of(state, scope, records, batch.pending, progress), nothing, progress)
    again = propose(fitted, len(batch.suggestions), batch.seed, scope.budget)
    return compare(batch, again, provenance(scope.library, batch.seed))


#: Kinds of event that change what a model learns; a step does where it says what formed.
_TEACHING = frozenset({EventKind.OBSERVED, EventKind.RETRACTED, EventKind.AMENDED})


def voiding(
    events: Sequence[Event], state: CampaignState, number: int, reason: str, *, confirmed: bool
) -> dict[str, Any]:
    """The payload of undoing an event. Raises LifecycleError if it cannot be undone; DependedOnError naming what
    depends on it, unless `confirmed`."""
    event = next((event for event in events if event.id == number), None)
    if event is None:
        raise LifecycleError(f"there is no event {number}; the log holds {events[-1].id} (spinscreen log)")
    if event.kind is EventKind.CREATED:
        raise LifecycleError("event 1 made the campaign; it cannot be undone")
    undone = voids(events)
    if (by := undone.get(number)) is not None:
        kind = AlreadySoError if by.payload["reason"] == reason else LifecycleError
        raise kind(f"event {number} is undone already ({by.payload['reason']}); undo event {by.id} instead")
    if not reason.strip():
        raise LifecycleError(f"say why event {number} is undone (--reason)")
    _check_values(state, event)
    later = [other for other in events if other.id > number and other.id not in undone]
    if not confirmed and (lines := [*_dependents(event, later, events, state)]):
        raise DependedOnError(
            f"event {number} ({sentence(event)}) is what later ones stand on: {'; '.join(lines)}. They stay in the "
            "log; say --yes to undo it all the same"
        )
    return {"event": number, "reason": reason}


def _check_values(state: CampaignState, event: Event) -> None:
    """A property keeps values enough to learn from."""
    target = event.payload.get("target")
    if event.kind is not EventKind.OBSERVED or target not in state.config.properties:
        return
    record = state.records[target]
    standing = sum(row.retracted is None and (row.at, row.file) != (event.at, event.payload["name"]) for row in record)
    if standing < MIN_ROWS:
        raise LifecycleError(
            f"event {event.id} cannot be undone yet: {standing} values of {target} would stand, and at least "
            f"{MIN_ROWS} are needed to learn and to test; take in others first"
        )


def _dependents(event: Event, later: Sequence[Event], events: Sequence[Event], state: CampaignState) -> Iterator[str]:
    """What stands on an event, in words."""
    for other in later:
        if _refers(other, event, events, state):
            yield f"event {other.id}, {sentence(other)}"
    if _teaches(event, events):
        rounds = [other.payload["number"] for other in later if other.kind is EventKind.SUGGESTED]
        if rounds:
            plural = "s" if len(rounds) > 1 else ""
            yield f"round{plural} {', '.join(map(str, rounds))} chosen with it"


def _teaches(event: Event, events: Sequence[Event]) -> bool:
    """Whether an event changes what a model learns."""
    if event.kind is EventKind.VOIDED:
        return any(_teaches(other, events) for other in events if other.id == event.payload["event"])
    if event.kind is EventKind.STEPPED:
        return event.payload["stage"] in {*FAILED, Stage.FORMED} or bool(event.payload["made"])
    return event.kind in _TEACHING


def _refers(other: Event, event: Event, events: Sequence[Event], state: CampaignState) -> bool:
    """Whether a later event is about the same thing: a measurement of it, or the further life of its compounds; where
    the event undid one, what refers to that, or says it again."""
    if event.kind is EventKind.VOIDED:
        undone = next(one for one in events if one.id == event.payload["event"])
        return _repeats(other, undone) or _refers(other, undone, events, state)
    if event.kind is EventKind.OBSERVED:
        target, came = event.payload["target"], (event.at, event.payload["name"])
        numbers = {row.number for row in state.records.get(target, ()) if (row.at, row.file) == came}
        changed = (*other.payload.get("corrections", ()), *other.payload.get("retractions", ()), other.payload)
        return other.payload.get("target") == target and any(row.get("number") in numbers for row in changed)
    if event.kind is EventKind.AMENDED:
        added = event.payload["config"]["properties"]
        return other.kind is EventKind.AMENDED or other.payload.get("target") in added
    return other.kind is EventKind.STEPPED and other.payload["formula"] in _compounds(event.payload, event.kind)


def _repeats(other: Event, event: Event) -> bool:
    """Whether a later event says what an event says: brings a crystal of it, or declines or takes back the same."""
    if other.kind is not event.kind:
        return False
    if event.kind is EventKind.OBSERVED:
        mine, theirs = (
            {(one.payload["target"], row["formula"], row.get("sample", "")) for row in one.payload["rows"]}
            for one in (event, other)
        )
        return bool(mine & theirs)
    what = {EventKind.RULED_OUT: ("place", "inchikey"), EventKind.RETRACTED: ("target", "number")}.get(event.kind, ())
    return bool(what) and all(event.payload[name] == other.payload[name] for name in what)


def _compounds(payload: Mapping[str, Any], kind: EventKind) -> set[str]:
    if kind is EventKind.SUGGESTED:
        return {suggestion["formula"] for suggestion in payload["suggestions"]}
    if kind is EventKind.STEPPED:
        return {payload["formula"], payload["made"]}
    return set()
