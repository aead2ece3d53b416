"""What of a results file is new to a campaign, as the event that will record it.

A table of outcomes takes what became of compounds, and which cations are declined, from one campaign into another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from campaigns.database import EventLog
from campaigns.errors import (
    AlreadySoError,
    IngestError,
    LifecycleError,
    OvertakenError,
    UnconfirmedError,
    check_recordable,
)
from campaigns.events import MADE_OTHERWISE, NEEDS_REASON, TOLD_STAGES, EventKind, Stage, check_step, stage_named
from campaigns.fates import MANY, Expectation, Fate, disagreements, lifetime_doubt, recorded_of, row_fates, warned
from campaigns.files import write_table
from campaigns.ingest import ObservationTable, far_outside, grid_of, lines_of
from campaigns.state import CampaignState, caught_up
from campaigns.summary import Doubt, IngestResult, RowReport
from campaigns.targets import LIFETIME, MIN_ROWS, Observation, target_of
from chemspace import Cation, CationLibrary, ChemspaceError, Compound, CompoundSpace, parse_formula
from chemspace.errors import CellError, TableError
from chemspace.tables.columns import Field, cells_of, match_fields

if TYPE_CHECKING:
    from campaigns.kinetics import TraceFit


#: Columns: a compound with its stage, or a cation with the place ("spacer" or "cage") where it is declined.
_FIELDS = (
    Field("formula"),
    Field("stage", ("stage", "outcome"), required=True),
    Field("made"),
    Field("reason"),
    Field("cation"),
    Field("place"),
)


def outcome_rows(state: CampaignState) -> list[dict[str, str]]:
    """Every step and every declined cation of a campaign, oldest first, as rows of a table."""
    steps = [(one.at, one.actor, (one.formula, one.stage.value, one.made, one.reason, "", "")) for one in state.steps]
    no = Stage.DECLINED.value
    declined = [(one.at, one.actor, ("", no, "", one.reason, one.name, one.place)) for one in state.ruled_out]
    names = [field.name for field in _FIELDS]
    return [
        {**dict(zip(names, cells, strict=True)), "at": at.isoformat(timespec="seconds"), "actor": actor}
        for at, actor, cells in sorted([*steps, *declined], key=lambda row: row[0])
    ]


@dataclass(frozen=True, slots=True)
class OutcomeResult:
    """What a table of outcomes brought."""

    name: str  #: of the file
    added: int  #: rows recorded (or that would be, in a dry run)
    skipped: int  #: rows that were known


def new_outcomes(
    name: str, content: bytes, state: CampaignState, names: CationLibrary
) -> tuple[list[tuple[EventKind, dict[str, Any]]], int]:
    """Events for the rows a campaign does not know, and how many it knows. IngestError listing rows it cannot read."""
    grid = grid_of(name, content, None)
    try:
        columns = match_fields(name, grid.columns, _FIELDS, can_map=False).columns
    except TableError as error:
        raise IngestError(error.name, error.problems) from None
    known = {_identity(EventKind.STEPPED, step.payload) for step in state.steps}
    known |= {_identity(EventKind.RULED_OUT, asdict(one)) for one in state.ruled_out}
    events, problems, skipped = list[tuple[EventKind, dict[str, Any]]](), list[str](), 0
    for row in grid.rows:
        try:
            kind, payload = _event(lines_of(cells_of(row, columns, ()), columns), names)
        except (CellError, ChemspaceError) as error:
            problems.append(f"row {row.line}: {error}")
            continue
        if (identity := _identity(kind, payload)) in known:
            skipped += 1
            continue
        known.add(identity)
        events.append((kind, payload))
    if problems:
        raise IngestError(name, tuple(problems))
    return events, skipped


def _identity(kind: EventKind, payload: Mapping[str, Any]) -> tuple[str, ...]:
    """What a row is known by."""
    stepped = kind is EventKind.STEPPED
    names = ("formula", "stage", "made", "reason") if stepped else ("place", "inchikey")
    return (kind.value, *(payload[name] for name in names))


def _event(cells: Mapping[str, str], names: CationLibrary) -> tuple[EventKind, dict[str, Any]]:
    """The event of a row."""
    stage = stage_named(cells.get("stage", ""))
    if stage is None:
        raise CellError(f"column stage: {cells.get('stage', '')!r} is none of {', '.join(TOLD_STAGES)}")
    reason = cells.get("reason", "")
    if cells.get("cation"):
        if stage is not Stage.DECLINED or cells.get("place") not in ("spacer", "cage"):
            raise CellError("a cation is declined as spacer or cage: write so in the columns stage and place")
        cation = names[cells["cation"]]
        fields = {"place": cells["place"], "inchikey": cation.inchikey, "name": cation.abbreviation}
        return EventKind.RULED_OUT, fields | {"reason": reason}
    if not cells.get("formula"):
        raise CellError("column formula is empty, and so is cation")
    made = parse_formula(cells["made"], names).formula if cells.get("made") else ""
    formula = parse_formula(cells["formula"], names).formula
    step = {"formula": formula, "stage": stage.value, "reason": reason, "made": made}
    return EventKind.STEPPED, step | {"is_carried": True}


@dataclass(frozen=True, slots=True)
class Intake:
    """An event to be, and what to tell of it."""

    key: str  #: identity; the same file of the same compound is the same event
    payload: dict[str, Any]  #: what is recorded
    files: tuple[tuple[str, bytes], ...]  #: (name, content) of the raw files
    result: IngestResult  #: what to tell


@dataclass(frozen=True, slots=True)
class IntakeRules:
    """How a table is taken in."""

    keep_going: bool = False  #: whether the rows that cannot be taken in are left out; else they refuse the table
    accept_corrections: bool = False  #: whether corrections are right; else they are asked for
    accept_doubts: bool = True  #: whether lifetimes that contradict what is known are right; else they are asked about
    expected: Expectation = lambda _: None  #: what is expected of the lifetime of a compound
    #: Whether what is odd about rows that are known is told again, as nothing has learnt from them yet.
    tell_known: bool = False


class Asked(TypedDict, total=False):
    """What a person was asked about a lifetime."""

    accept_extreme: bool  #: take it in although it contradicts earlier crystals or what is expected
    expected: Expectation  #: what is expected of a compound; the last suggestion of it and the model are asked without


#: What is new to a state.
Make: TypeAlias = Callable[[CampaignState], Intake]


def take_in(
    log: EventLog, state: CampaignState, make: Make, *, dry_run: bool = False
) -> tuple[CampaignState, IngestResult]:
    """Record what `make` finds new, whole, whoever else does so too; the state after it, and what to tell."""
    while True:
        intake = make(state)
        result = intake.result
        check_recordable(intake.payload)
        if dry_run or not result.changed:
            return state, result
        try:
            added = log.append(
                EventKind.OBSERVED,
                intake.payload,
                key=state.event_key(intake.key),
                files=intake.files,
                after=state.last_event,
            )
        except OvertakenError:  # what another process took in meanwhile may hold the same rows
            state = caught_up(log, state)
            continue
        if not added:
            known = f"{result.name} is in the campaign already and was left out"
            skipped = result.added + result.skipped
            result = replace(result, added=0, skipped=skipped, warnings=(*result.warnings, known))
        return caught_up(log, state), result


def take_in_table(
    log: EventLog,
    state: CampaignState,
    table: ObservationTable,
    make: Make,
    *,
    rejects: Path | None = None,
    dry_run: bool = False,
) -> tuple[CampaignState, IngestResult]:
    """Record the rows of a table that are new, whole or, where a file for rejects is named, those that are right."""
    written = None
    if rejects is not None and table.refused and not dry_run:
        make(state)  # raises where nothing can be taken in, before the reject file is written
        _write_rejects(table, rejects)
        written = str(rejects)
    state, result = take_in(log, state, make, dry_run=dry_run)
    return state, replace(result, rejects=written)


def of_table(
    table: ObservationTable, state: CampaignState, names: CationLibrary, space: CompoundSpace, rules: IntakeRules
) -> Intake:
    """The rows that a campaign does not have or that correct it, and what to tell of the others. Raises IngestError if
    none, or without `rules.keep_going` one, cannot be taken in; UnconfirmedError for what the rules ask about."""
    target = table.target
    fates = row_fates(table, state, names, space, tell_known=rules.tell_known, expected=rules.expected)
    refused = [
        RowReport(row.line, "refused", next(iter(row.cells.values()), ""), note=row.problem) for row in table.refused
    ]
    rows = tuple(sorted((*refused, *(fate.report for fate in fates)), key=lambda row: row.line))
    if table.refused and (not rules.keep_going or not table.rows):
        raise IngestError(table.name, table.problems, rows)
    fresh = [
        {**fate.observation.to_payload(), **({"retracted": fate.retracted} if fate.retracted else {})}
        for fate in fates
        if fate.report.action == "add" or (fate.retracted and fate.corrects is None)
    ]
    corrected = [fate for fate in fates if fate.corrects is not None]
    corrections = [
        {"number": fate.corrects.number, **fate.observation.to_payload()}
        for fate in corrected
        if fate.corrects is not None and not fate.retracted
    ]
    retractions = [
        {"number": fate.corrects.number, "reason": fate.retracted}
        for fate in corrected
        if fate.corrects is not None and fate.retracted
    ]
    if corrected and not rules.accept_corrections:
        told = tuple(fate.words[0] for fate in fates if fate.corrects is not None)
        raise UnconfirmedError(table.name, told, accept="accept_corrections")
    doubts = tuple(
        replace(fate.doubt, sentence=f"row {fate.report.line}, {fate.report.formula}: {fate.doubt.sentence}")
        for fate in fates
        if fate.doubt is not None
    )
    _require_undoubted(table.name, doubts, rules)
    own = (row for row, fate in zip(table.rows, fates, strict=True) if not (target.task or fate.is_published))
    compounds = {row.observation.formula: row.compound for row in own}
    outside = tuple(formula for formula, compound in compounds.items() if compound not in space)
    left_out = [{"line": row.line, "problem": row.problem, "cells": dict(row.cells)} for row in table.refused]
    payload = {
        "target": target.name,
        "name": table.name,
        "rows": fresh,
        **({"corrections": corrections} if corrections else {}),
        **({"retractions": retractions} if retractions else {}),
        **({"refused": left_out} if left_out else {}),
    }
    result = IngestResult(
        name=table.name,
        added=sum(fate.report.action == "add" for fate in fates),
        skipped=sum(fate.report.action in ("known", "retracted") and not fate.retracted for fate in fates),
        outside=outside,
        warnings=(
            *table.warnings,
            *_told(fates),
            *(doubted.sentence for doubted in doubts),
            *(_outside(compounds[formula]) for formula in outside),
        ),
        target=target,
        rows=rows,
        refused=len(left_out),
        corrected=len(corrections),
        retracted=sum(bool(fate.retracted) for fate in fates),
        doubts=doubts,
    )
    parts = [target.name, fresh, corrections, *([retractions] if retractions else [])]
    key = f"observed:{table.sha256}:{_digest(parts)}"
    return Intake(key, payload, ((table.name, table.content),), result)


def _told(fates: Sequence[Fate]) -> Iterator[str]:
    """What to tell of the rows; a table that grows brings thousands that are known, of which the first are named."""
    n_known = 0
    for fate in fates:
        is_known = fate.report.action in ("known", "retracted") and not fate.retracted
        n_known += is_known
        yield from fate.words[is_known and n_known > MANY :]
    if n_known > MANY:
        yield f"so were {n_known - MANY:,} further rows left out; a dry run lists each"


@dataclass(frozen=True, slots=True)
class FittedTrace:
    """A fitted trace: of which compound, the fit, its raw files, the lab's name of the crystal."""

    compound: Compound
    fit: TraceFit
    files: Sequence[Path]
    sample: str = ""


def of_trace(trace: FittedTrace, state: CampaignState, space: CompoundSpace, rules: IntakeRules) -> Intake:
    """The lifetime of a trace, with its raw files. UnconfirmedError if it contradicts what is known."""
    compound, fit, paths, sample = trace.compound, trace.fit, trace.files, trace.sample
    name = " and ".join(path.name for path in paths)
    files = tuple((path.name, path.read_bytes()) for path in paths)
    hashes = hashes_of(paths)
    measured = Observation.of_fit(compound.formula, fit, sample=sample)
    outside = () if compound in space else (compound.formula,)
    warnings = [*fit.warnings, *(_outside(compound) for _ in outside)]
    doubts: tuple[Doubt, ...] = ()
    before = [row for row in state.record if row.files[: len(hashes)] == hashes]
    here = [row for row in before if row.observation.formula == compound.formula]
    standing = next((row for row in here if row.retracted is None), None)
    warnings += [
        f"the same files are {row.name} of {row.observation.formula}; if one of them is wrong, retract it"
        for row in before
        if row not in here and row.retracted is None
    ]
    if standing is not None:
        warnings.append(
            f"{name} is in the campaign already ({standing.name}) and was left out; to take another fit "
            "of it, retract that one first"
        )
    else:
        known = recorded_of(state, compound)
        warnings += disagreements(measured, LIFETIME, known)
        earlier_ps = [one.observation.value for one in known if not one.observation.is_bound]
        doubted = lifetime_doubt(measured, earlier_ps, rules.expected, compound)
        measured = warned(measured, doubted)
        if doubted is not None:
            doubts = (replace(doubted, sentence=f"{compound.formula}: {doubted.sentence}"),)
            warnings.append(doubts[0].sentence)
    _require_undoubted(name, doubts, rules)
    again = f":{len(here)}" if here else ""
    return Intake(
        key=f"trace:{compound.formula}:{_digest(hashes)}{again}",
        payload={"target": LIFETIME.name, "name": name, "rows": [measured.to_payload()], "fit": fit.to_dict()},
        files=files,
        result=IngestResult(name, 0 if standing else 1, 1 if standing else 0, outside, tuple(warnings), doubts=doubts),
    )


def _require_undoubted(name: str, doubts: Sequence[Doubt], rules: IntakeRules) -> None:
    if doubts and not rules.accept_doubts:
        raise UnconfirmedError(name, tuple(doubted.sentence for doubted in doubts), accept="accept_extreme")


def require_confirmed(fit: TraceFit, name: str, *, accept_warnings: bool, accept_extreme: bool) -> None:
    """Ask what a fit warns of before a campaign takes it in, and refuse an extreme lifetime, as in tables, unless
    accepted: raises UnconfirmedError and IngestError."""
    value = fit.lifetime_ps
    if LIFETIME.problem(value) and not accept_extreme:
        sign = "<" if fit.is_upper_bound else ""
        told = f"{sign}{value:.3g} ps {far_outside(value, value, 'ps')}; if it is right, use --accept-extreme"
        raise IngestError(name, (told,), ())
    if fit.warnings and not accept_warnings:
        raise UnconfirmedError(name, fit.warnings, accept="accept_warnings")


def hashes_of(paths: Sequence[Path]) -> tuple[str, ...]:
    """SHA-256 of each file."""
    return tuple(sha256(path.read_bytes()).hexdigest() for path in paths)


def _write_rejects(table: ObservationTable, path: Path) -> None:
    """The rows that cannot be taken in, as they stood, with the line and the reason."""
    columns = [column for column in table.columns if column not in ("row", "problem")]
    rows = [
        {**{column: row.cells.get(column, "") for column in columns}, "row": row.line, "problem": row.problem}
        for row in table.refused
    ]
    write_table(path, rows)


def _outside(compound: Compound) -> str:
    """What to tell of a compound outside the space."""
    trains = any(cation.is_organic for cation, _ in compound.cation_counts)
    use = "trains the model" if trains else "has no organic cation to describe, so it does not train the model"
    return f"{compound.formula} is outside the campaign's space: it {use} and is never suggested"


def _digest(value: object) -> str:
    """Hash of a JSON value."""
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def step(
    state: CampaignState, names: CationLibrary, formula: str, stage: Stage, reason: str = "", made: str = ""
) -> dict[str, Any]:
    """The payload of a step in a compound's life. Raises AlreadySoError if it is the last one, in the same words;
    LifecycleError if it cannot follow."""
    asked = parse_formula(formula, names).formula
    instead = parse_formula(made, names).formula if made else ""
    if stage in NEEDS_REASON and not reason.strip():
        raise LifecycleError(f"{asked}: say why it is {stage.value} (--reason), so that the next round knows")
    if instead not in ("", asked) and stage not in MADE_OTHERWISE:
        raise LifecycleError(
            f"{asked} {stage.value}, made {instead}: another compound made instead goes with "
            f"{', '.join(sorted(MADE_OTHERWISE))}; say what else was seen in the reason"
        )
    wanted = {"formula": asked, "stage": stage.value, "reason": reason, "made": "" if instead == asked else instead}
    last = next((step for step in reversed(state.steps) if step.formula == asked), None)
    if last is not None and last.stands is state.stages.get(asked) and last.payload == wanted:
        raise AlreadySoError(f"{asked} is {stage.value} already, in the same words")
    check_step(asked, state.stages.get(asked), stage)
    return wanted


def ruling_out(state: CampaignState, space: CompoundSpace, cation: Cation, place: str, reason: str) -> dict[str, Any]:
    """The payload of declining a cation in one place of formulas. Raises LifecycleError if it cannot be."""
    if place not in ("spacer", "cage"):
        raise LifecycleError(f"{place!r} is no place in a formula; a cation is declined as spacer or cage")
    used = space.spacers if place == "spacer" else space.cage_cations
    what = "spacer" if place == "spacer" else "cage cation"
    if cation not in used:
        other = "as a cage cation" if place == "spacer" else "as a spacer"
        there = f"; it is used {other}" if cation in (*space.spacers, *space.cage_cations) else ""
        raise LifecycleError(f"{cation.abbreviation} is no {what} of this campaign's space{there}")
    for known in state.ruled_out:
        if (known.place, known.inchikey) == (place, cation.inchikey):
            raise LifecycleError(f"{cation.abbreviation} is declined as a {what} already ({known.reason})")
    if not reason.strip():
        raise LifecycleError(f"{cation.abbreviation}: say why it is declined (--reason), so that others know")
    return {"place": place, "inchikey": cation.inchikey, "name": cation.abbreviation, "reason": reason}


def retraction(state: CampaignState, target: str, number: int, reason: str) -> dict[str, Any]:
    """The payload of taking an observation back. Raises LifecycleError if there is none, or too few would stand."""
    told = target_of(state.config, target)
    record = state.records.get(target, ())
    what, whose = (f"measurement {number}", "the") if told.of_campaign else (f"value {number} of {target}", "its")
    if told.task:
        what = f"row {number} of the related task {told.task}"
    row = next((row for row in record if row.number == number), None)
    if row is None:
        raise LifecycleError(f"there is no {what}; {whose} record holds {len(record)}")
    if row.retracted is not None:
        is_same = row.retracted == reason and not row.is_undone
        raise (AlreadySoError if is_same else LifecycleError)(f"{what} is retracted already ({row.retracted})")
    if not reason.strip():
        raise LifecycleError(f"say why {what} is retracted (--reason)")
    standing = sum(row.retracted is None for row in record)
    if not told.is_lifetime and standing <= MIN_ROWS:
        raise LifecycleError(
            f"{what} cannot be retracted yet: {standing - 1} values would stand, and at least {MIN_ROWS} are needed to "
            "learn and to test; take in others first"
        )
    return {"target": target, "number": number, "reason": reason}
