"""Undoing an event: an event says that another one does not count, and the state is replayed without that one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from campaigns.errors import AlreadySoError, DependedOnError, LifecycleError
from campaigns.events import FAILED, Event, EventKind, Stage
from campaigns.narrate import sentence
from campaigns.state import CampaignState, voids
from campaigns.targets import MIN_ROWS

#: Kinds of event that change what a model learns; a step does where it says what formed.
_TEACHING = frozenset({EventKind.OBSERVED, EventKind.RETRACTED, EventKind.AMENDED})


def voiding(
    events: Sequence[Event], state: CampaignState, number: int, reason: str, *, confirmed: bool
) -> dict[str, Any]:
    """The payload of undoing an event. Raises LifecycleError if there is no such event, it is the first, it is undone
    already, no reason is given, or too few values of a property would stand to learn from; DependedOnError naming what
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
    if not confirmed and (lines := [*_dependents(event, later, events)]):
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


def _dependents(event: Event, later: Sequence[Event], events: Sequence[Event]) -> Iterator[str]:
    """What stands on an event, in words."""
    for other in later:
        if _refers(other, event, events):
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


def _refers(other: Event, event: Event, events: Sequence[Event]) -> bool:
    """Whether a later event is about the same thing: a measurement of it, or the further life of its compounds."""
    if event.kind is EventKind.OBSERVED and other.kind is EventKind.RETRACTED:
        target = event.payload["target"]
        before = sum(
            len(earlier.payload["rows"])
            for earlier in events
            if earlier.kind is EventKind.OBSERVED and earlier.id < event.id and earlier.payload["target"] == target
        )
        numbers = range(before + 1, before + 1 + len(event.payload["rows"]))
        return bool(other.payload["target"] == target and other.payload["number"] in numbers)
    if event.kind is EventKind.AMENDED:
        added = event.payload["config"]["properties"]
        return other.kind is EventKind.AMENDED or other.payload.get("target") in added
    return other.kind is EventKind.STEPPED and other.payload["formula"] in _compounds(event.payload, event.kind)


def _compounds(payload: Mapping[str, Any], kind: EventKind) -> set[str]:
    if kind is EventKind.SUGGESTED:
        return {suggestion["formula"] for suggestion in payload["suggestions"]}
    if kind is EventKind.STEPPED:
        return {payload["formula"], payload["made"]}
    return set()
