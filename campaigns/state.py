"""What a campaign knows: a replay of its event log; and what stands on an event that is to be undone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from textwrap import shorten
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from campaigns.config import CampaignConfig, MeasuredProperty, field_name
from campaigns.errors import AlreadySoError, DependedOnError, LifecycleError, SchemaError, StoreError
from campaigns.events import AWAITED, FAILED, LIFETIME_PS, NEVER_AGAIN, Event, EventKind, Stage
from campaigns.narrate import sentence
from campaigns.summary import RuledOut, SpacerRound, Step, SuggestionBatch
from campaigns.targets import (
    MIN_ROWS,
    Observation,
    Recorded,
    amended_records,
    carried_records,
    launched,
    observed,
    standing_property,
    task_of,
)

if TYPE_CHECKING:
    from campaigns.database import EventLog
    from chemspace import Cation, Compound

__all__ = ["CampaignState"]


@dataclass(frozen=True, slots=True)
class CampaignState:
    """Everything that follows from the log."""

    config: CampaignConfig  #: what was asked for
    created_at: datetime  #: when
    #: Every observation of each target by its name, retracted ones too, in order, those of a property with the launch's
    #: table first.
    records: MappingProxyType[str, tuple[Recorded, ...]]
    #: Score cards by the key of the data they were made on, oldest first.
    fits: MappingProxyType[str, dict[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    batches: tuple[SuggestionBatch, ...] = ()  #: the suggestions, by round
    spacer_rounds: tuple[SpacerRound, ...] = ()  #: spacers that a learned oracle chose to compute, by round
    steps: tuple[Step, ...] = ()  #: the steps in the lives of compounds, oldest first
    #: (formula, stage it entered, number of the measurement that brought it there or None), oldest first.
    history: tuple[tuple[str, Stage, int | None], ...] = ()
    ruled_out: tuple[RuledOut, ...] = ()  #: cations that are not used, oldest first
    #: Every description that the campaign had, and those of the campaign it was made from: the present one and undone
    #: ones too; formulas in the log use the names of all of them.
    descriptions: tuple[CampaignConfig, ...] = ()
    n_before: int = 0  #: batches that were suggested before the description was last amended
    n_rounds: int = 0  #: rounds ever recorded, undone ones too
    n_amended: int = 0  #: amendments ever recorded
    n_voids: int = 0  #: events that undid another one
    last_event: int = 0  #: id of the event it was read up to

    @property
    def record(self) -> tuple[Recorded, ...]:
        """The campaign's own lifetimes, retracted ones too, in the order they came."""
        return self.records[LIFETIME_PS]

    @property
    def measurements(self) -> tuple[Observation, ...]:
        """The campaign's own lifetimes that stand, in the order they came."""
        return tuple(row.observation for row in self.record if row.retracted is None)

    @property
    def related(self) -> dict[str, tuple[Observation, ...]]:
        """Lifetimes of related tasks that stand, by the task's name; tasks of which none stands are left out."""
        told = {
            task: tuple(row.observation for row in rows if row.retracted is None)
            for name, rows in self.records.items()
            if (task := task_of(name))
        }
        return {task: rows for task, rows in told.items() if rows}

    @property
    def properties(self) -> dict[str, MeasuredProperty]:
        """The further measured properties of the description, each with the values that stand."""
        return {name: standing_property(asked, self.records[name]) for name, asked in self.config.properties.items()}

    @property
    def stages(self) -> dict[str, Stage]:
        """Where each compound stands that was ever suggested, stepped or measured, by formula."""
        return {formula: stage for formula, stage, _ in self.history}

    @property
    def pending(self) -> tuple[str, ...]:
        """Formulas whose result is awaited."""
        return tuple(formula for formula, stage in self.stages.items() if stage in AWAITED)

    def pending_for(self, data_key: str, seed: int | None) -> tuple[str, ...]:
        """What a round on the data with this key treats as awaited: whatever was suggested on them too with this seed
        (None: any), unless it is measured or ruled out by now."""
        suggested = self._suggested_on(data_key, seed)
        out = NEVER_AGAIN | {Stage.MEASURED}
        return tuple(
            formula
            for formula, stage in self.stages.items()
            if stage in AWAITED or (formula in suggested and stage not in out)
        )

    @property
    def barred(self) -> tuple[str, ...]:
        """Formulas that are not suggested again although nothing is awaited of them."""
        return tuple(formula for formula, stage in self.stages.items() if stage in NEVER_AGAIN)

    def standing(self, compound: Compound) -> str:
        """What was decided of a compound or of its cations, in words; "" where nothing was."""
        step = next((one for one in reversed(self.steps) if one.formula == compound.formula), None)
        stage = self.stages.get(compound.formula)
        why = f" ({step.reason})" if step is not None and step.stands is stage and step.reason else ""
        decided = [] if stage in (None, Stage.SUGGESTED, Stage.MEASURED, Stage.STALE) else [f"{stage}{why}"]
        return "; ".join([*decided, *self.declined_in(compound)])

    def declined_in(self, compound: Compound) -> list[str]:
        """A sentence on each cation of a compound that is declined in its place."""
        return [
            f"{one.name} is declined as {one.place} ({one.reason})"
            for one in self.ruled_out
            for cation, _ in compound.cation_counts
            if cation.inchikey == one.inchikey and (cation == compound.spacer) == (one.place == "spacer")
        ]

    def left_out(self, pending: Sequence[str]) -> str:
        """What a ranking leaves out beside what is measured, as part of a key, where these formulas are awaited."""
        cations = sorted(f"{one.place}:{one.inchikey}" for one in self.ruled_out)
        return " ".join([*sorted(pending), "", *sorted(self.barred), *cations])

    @property
    def chosen_spacers(self) -> frozenset[str] | None:
        """InChIKeys of the spacers whose descriptors are computed; None where every spacer's are."""
        if self.config.budget.calculations is None:
            return None
        return frozenset(spacer for one in self.spacer_rounds for spacer in one.spacers)

    @property
    def calculations_left(self) -> int:
        """Calculations that a learned oracle may still spend."""
        spent = sum(len(one.spacers) - one.n_known for one in self.spacer_rounds)
        return max(0, (self.config.budget.calculations or 0) - spent)

    def spacer_standing(self, spacers: Sequence[Cation]) -> dict[str, Any] | None:
        """Of the space's spacers, how many are computed and how many predicted, where a learned oracle chooses."""
        chosen, rounds = self.chosen_spacers, self.spacer_rounds
        if chosen is None:
            return None
        n_computed = sum(spacer.inchikey in chosen for spacer in spacers)
        return {
            "n_spacers": len(spacers),
            "n_computed": n_computed,
            "n_predicted": len(spacers) - n_computed,
            "calculations": self.config.budget.calculations,
            "calculations_left": self.calculations_left,
            "last_round": {k: v for k, v in rounds[-1].to_dict().items() if k != "spacers"} if rounds else {},
            "outlook": rounds[-1].outlook if rounds else "the search has not begun",
        }

    @property
    def outcomes(self) -> tuple[tuple[str, Stage], ...]:
        """(formula, stage) of every synthesis that says whether a compound forms."""
        found: list[tuple[str, Stage]] = [(m.formula, Stage.FORMED) for m in self.measurements]
        for step in self.steps:
            found.append((step.formula, step.stands))
            if step.made:
                found.append((step.made, Stage.FORMED))
        return tuple(dict.fromkeys(pair for pair in found if pair[1] in FAILED or pair[1] is Stage.FORMED))

    def event_key(self, key: str) -> str:
        """Key of an event to be recorded, so that what was undone, or said before an amendment, may come once more."""
        if self.n_amended:
            return f"{key}~{self.n_voids}.{self.n_amended}"
        return f"{key}~{self.n_voids}" if self.n_voids else key

    def is_current(self, batch: SuggestionBatch, data_key: str) -> bool:
        """Whether a batch was chosen on the data with this key and by the present description."""
        return batch.data_key == data_key and batch not in self.batches[: self.n_before]

    def _suggested_on(self, data_key: str, seed: int | None = None) -> set[str]:
        """What was suggested on these data by the present description, with this seed or (None) any."""
        rounds = (batch for batch in self.batches[self.n_before :] if batch.data_key == data_key)
        return {one.formula for batch in rounds if seed in (None, batch.seed) for one in batch.suggestions}

    def fit(self, key: str) -> dict[str, Any] | None:
        """The score card made on the data with this key."""
        return self.fits.get(key)

    def top_before(self, key: str) -> tuple[str, ...]:
        """Top list of the fit behind the last round that was made on other data than these; () where there is none."""
        rounds = [batch.data_key for batch in self.batches if batch.data_key != key]
        return tuple((self.fit(rounds[-1]) or {}).get("top", ())) if rounds else ()

    def batch(self, key: str) -> SuggestionBatch | None:
        """The suggestions with this key."""
        return next((batch for batch in self.batches if batch.key == key), None)

    def last_batch(self, data_key: str, size: int, seed: int) -> SuggestionBatch | None:
        """The last suggestions of this size and seed on the data with this key, else the first of a larger round: they
        stay the same whatever became of each of them, until other data, another description or further suggestions
        come."""
        rounds = [b for b in reversed(self.batches[self.n_before :]) if (b.data_key, b.seed) == (data_key, seed)]
        if same := next((b for b in rounds if size in (len(b.suggestions), b.asked)), None):
            return same
        larger = next((b for b in rounds if len(b.suggestions) > size), None)
        return larger and larger.model_copy(update={"suggestions": larger.suggestions[:size]})


def replay(events: Sequence[Event], since: CampaignState | None = None) -> CampaignState:
    """State after `events`. Raises StoreError if all of the log does not begin with the campaign's creation."""
    if since is not None:
        return _continued(since, events)
    if not events:
        raise StoreError("the campaign was stopped before it was created; run its launch again, or restore a backup")
    first, *rest = events
    if first.kind is not EventKind.CREATED:
        raise StoreError("the log does not begin with the campaign's creation; the file is not a whole campaign")
    config = CampaignConfig.parse(first.payload["config"])
    state = CampaignState(
        config, first.at, MappingProxyType(launched(config, first)), descriptions=(config,), last_event=first.id
    )
    return _continued(_carrying(state, first.payload["carried"]) if "carried" in first.payload else state, rest)


def caught_up(log: EventLog, state: CampaignState) -> CampaignState:
    """The state after what a log holds beyond it. Errors as of `replay`."""
    fresh = log.events(after=state.last_event)
    return replay(log.events()) if any(e.kind is EventKind.VOIDED for e in fresh) else replay(fresh, state)


def _carrying(state: CampaignState, carried: Mapping[str, Any]) -> CampaignState:
    """The state of a new campaign with what another one knew, as `campaigns.plan.carried` writes it."""
    known = (*map(CampaignConfig.parse, carried["descriptions"]), state.config)
    steps = tuple(Step.from_payload(row, datetime.fromisoformat(row["at"]), row["actor"]) for row in carried["steps"])
    return replace(
        state,
        descriptions=known,
        records=MappingProxyType(carried_records(state.records, carried["records"])),
        steps=steps,
        history=tuple((formula, Stage(stage), number) for formula, stage, number in carried["history"]),
        ruled_out=tuple(RuledOut(**row | {"at": datetime.fromisoformat(row["at"])}) for row in carried["ruled_out"]),
    )


def voids(events: Sequence[Event]) -> dict[int, Event]:
    """The event that undid it, by the id of each event that does not count; what undoes may be undone too."""
    undone: dict[int, Event] = {}
    for event in reversed(events):
        if event.kind is EventKind.VOIDED and event.id not in undone:
            undone[event.payload["event"]] = event
    return undone


def _continued(state: CampaignState, events: Sequence[Event]) -> CampaignState:
    undone = voids(events)
    for event in events:
        by = undone.get(event.id)
        try:
            after = _after(state, event) if by is None else _without(state, event, by)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            said = shorten(f"{type(error).__name__}: {error}", 160)
            if isinstance(error, ValidationError):
                (first, *_) = error.errors()
                said = f"{field_name(first['loc'])}: {first['msg'].lower()}"
            raise SchemaError(
                f"event {event.id} ({event.label}) says what this spinscreen cannot read "
                f"({said}); it is damaged, or a newer one wrote it: upgrade spinscreen to open it"
            ) from error
        state = replace(after, last_event=event.id)
    return state


def _without(state: CampaignState, event: Event, by: Event) -> CampaignState:
    """The state after an event that does not count: its rows and rounds keep their numbers."""
    if event.kind is EventKind.OBSERVED:
        before, reason = state.records.get(event.payload["target"], ()), f"undone: {by.payload['reason']}"
        fresh = observed(event, before)[len(before) :]  # what it corrected stays as it was
        rows = (replace(row, retracted=reason, is_undone=True) for row in fresh)
        return _with_record(state, event, (*before, *rows), state.history)
    if event.kind is EventKind.SUGGESTED:
        return replace(state, n_rounds=state.n_rounds + 1)
    if event.kind is EventKind.AMENDED:  # what was recorded meanwhile may name its cations
        described = (*state.descriptions, CampaignConfig.parse(event.payload["config"]))
        return replace(state, descriptions=described, n_amended=state.n_amended + 1)
    return replace(state, n_voids=state.n_voids + 1) if event.kind is EventKind.VOIDED else state


def _expired(state: CampaignState, data_key: str) -> Iterator[tuple[str, Stage, int | None]]:
    """What was suggested on other data and not taken up: a round on these data takes its place."""
    here = state._suggested_on(data_key)
    for formula, stage in state.stages.items():
        if stage is Stage.SUGGESTED and formula not in here:
            yield formula, Stage.STALE, None


#: Ends of a further crystal of a compound that leave it measured.
_OF_CRYSTAL = frozenset({Stage.DECLINED, Stage.ABANDONED, Stage.STALE, Stage.NOT_MEASURABLE})


def _open_with(state: CampaignState, cation: RuledOut) -> Iterator[str]:
    """Formulas of open suggestions with a cation in its place."""
    stages = state.stages
    for suggestion in {s.formula: s for batch in state.batches for s in batch.suggestions}.values():
        named = suggestion.spacer if cation.place == "spacer" else suggestion.cage
        if stages.get(suggestion.formula) is Stage.SUGGESTED and cation.name in named.split("/"):
            yield suggestion.formula


def _after(state: CampaignState, event: Event) -> CampaignState:
    match event.kind:
        case EventKind.OBSERVED:
            before = state.records.get(event.payload["target"], ())
            record = observed(event, before)
            fresh = record[len(before) :]
            standing = [row for row in fresh if row.retracted is None]
            entered = tuple((row.observation.formula, Stage.MEASURED, row.number) for row in standing)
            gone = {row["number"] for row in event.payload.get("retractions", ())}
            history = tuple(entry for entry in state.history if entry[2] not in gone)  # as if never measured
            return _with_record(state, event, record, history + entered)
        case EventKind.FITTED:
            key = event.payload["data_key"]  # the last trained comes last
            fits = {known: fit for known, fit in state.fits.items() if known != key} | {key: event.payload}
            return replace(state, fits=MappingProxyType(fits))
        case EventKind.SUGGESTED:
            told = {"key": event.key or "", **event.payload}
            batch = SuggestionBatch.model_validate(told, extra="forbid")  # what a newer one added may change its sense
            batch = batch.model_copy(update={"number": state.n_rounds + 1})  # two processes may have counted at once
            suggested = tuple((s.formula, Stage.SUGGESTED, None) for s in batch.suggestions)
            history = (*state.history, *_expired(state, batch.data_key), *suggested)
            return replace(state, batches=(*state.batches, batch), history=history, n_rounds=batch.number)
        case EventKind.DESCRIBED:
            return replace(
                state, spacer_rounds=(*state.spacer_rounds, SpacerRound.model_validate(event.payload, extra="forbid"))
            )
        case EventKind.STEPPED:
            step = Step.from_payload(event.payload, event.at, event.actor)
            # A further crystal of what is measured is not awaited.
            is_news = bool(step.made) and state.stages.get(step.made) is not Stage.MEASURED
            made = ((step.made, Stage.FORMED, None),) if is_news else ()
            formula = step.formula
            of_it = [row.number for row in state.record if row.retracted is None and row.observation.formula == formula]
            # What is measured stays so though a further crystal or another record says otherwise.
            stays = of_it and (event.payload.get("is_carried", False) or step.stands in _OF_CRYSTAL)
            still = ((formula, Stage.MEASURED, of_it[-1]),) if stays else ()
            history = (*state.history, (formula, step.stands, None), *made, *still)
            return replace(state, steps=(*state.steps, step), history=history)
        case EventKind.RETRACTED:
            number, reason = event.payload["number"], event.payload["reason"]
            record = state.records.get(event.payload["target"], ())
            record = tuple(replace(r, retracted=reason) if r.number == number else r for r in record)
            history = tuple(entry for entry in state.history if entry[2] != number)  # as if never measured
            return _with_record(state, event, record, history)
        case EventKind.VOIDED:
            return replace(state, n_voids=state.n_voids + 1)
        case EventKind.AMENDED:
            config = CampaignConfig.parse(event.payload["config"])
            return replace(
                state,
                config=config,
                descriptions=(*state.descriptions, config),
                records=MappingProxyType(amended_records(state.records, config, event)),
                n_before=len(state.batches),
                n_amended=state.n_amended + 1,
            )
        case EventKind.RULED_OUT:
            cation = RuledOut(**event.payload, at=event.at, actor=event.actor)
            declined = tuple((formula, Stage.DECLINED, None) for formula in _open_with(state, cation))
            return replace(state, ruled_out=(*state.ruled_out, cation), history=(*state.history, *declined))
        case EventKind.CREATED:
            raise StoreError(f"event {event.id} creates the campaign a second time; the file is damaged")


def _with_record(
    state: CampaignState, event: Event, record: tuple[Recorded, ...], history: tuple[tuple[str, Stage, int | None], ...]
) -> CampaignState:
    """The state with another record of the event's target; only lifetimes move compounds."""
    target = event.payload["target"]
    records = MappingProxyType({**state.records, target: record})
    return replace(state, records=records, history=history if target == LIFETIME_PS else state.history)


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
