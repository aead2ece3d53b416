"""What the REST interface takes and gives.

Fields are written out, also where a value inside has the same: programs rely on them, whatever changes inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from typing import Annotated, Any, Literal

from fastapi import Response, UploadFile
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from campaigns.events import REASONS
from campaigns.kinetics.measurement import TraceSettings
from campaigns.web.errors import QueryError
from campaigns.web.query import MAX_SIZE, RankQuery
from campaigns.web.uploads import ROLES, Uploaded, uploaded

Formula = Annotated[str, Field(min_length=1, max_length=200, examples=["(PEA)2(MA)Pb2I7"])]
Words = Annotated[str, Field(max_length=2000)]
#: Upper limit of what counts something.
MANY = 1_000_000_000
Best = tuple[str, float]


def finite(value: Any) -> Any:
    """`value` with null for numbers that JSON cannot hold (NaN and infinities)."""
    if isinstance(value, Mapping):
        return {name: finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _as_text(moment: datetime | str | None) -> str | None:
    return moment.isoformat(timespec="seconds") if isinstance(moment, datetime) else moment


Moment = Annotated[str, BeforeValidator(_as_text)]
Scores = Annotated[dict[str, dict[str, float | None]], BeforeValidator(finite)]

_PROBLEM: dict[str, Any] = {
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
}
#: Answers that any address may give beside its own.
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, **_PROBLEM}
    for status, text in (
        (400, "The request cannot be read."),
        (401, "A token is missing or unknown."),
        (403, "The token may not do this."),
        (404, "There is no such thing here."),
        (409, "Not now: it cannot follow from where things stand, or is not ready."),
        (413, "The request is too large."),
        (422, "The request can be read and is wrong; `problems` lists why."),
        (429, "Too many jobs wait already."),
        (503, "The campaign's file cannot be used."),
    )
}


class Out(BaseModel):
    """An answer; `model_validate` fills it from the attributes of the campaign's own objects."""

    model_config = ConfigDict(from_attributes=True)

    def response(self) -> Response:
        """As it goes out; the framework would check what it is made of once more, in another thread."""
        return Response(self.model_dump_json(), media_type="application/json")


class Strict(BaseModel):
    """A body: fields that nobody knows are refused."""

    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """Why a request was refused (application/problem+json)."""

    title: str
    problems: list[str] = []


class FitOut(Out):
    """How good the model is, out of fold. `scores` holds a score card by split."""

    data_key: str
    grade: str
    strategy: str
    n_measured: int
    n_train: int
    scores: Scores
    surprises: list[str]
    stop_advice: list[str]
    may_stop: bool


class ComparedOut(Out):
    """A compound that was suggested before it was measured: lifetimes in ps, the interval is the 90% one that the round
    gave, `slow_ps` is exceeded by a quarter of what was measured until then."""

    formula: str
    round: int
    predicted_ps: float
    low_ps: float
    high_ps: float
    measured_ps: float
    is_bound: bool
    slow_ps: float
    is_hit: bool | None
    is_inside: bool


class TrackRecordOut(Out):
    """How the campaign's own predictions came out: `n_hits` of `n_judged` are among the slowest quarter of what was
    measured until their suggestion (an upper bound may leave that open), `p_chance` is the chance of so many or more at
    random, `coverage` the share inside their own 90% intervals."""

    sentence: str
    n_judged: int
    n_hits: int
    hit_rate: float | None
    chance: float
    p_chance: float
    beats_chance: bool
    n_inside: int
    coverage: float
    rank_correlation: float | None
    compared: list[ComparedOut]


class CampaignOut(Out):
    """Where a campaign stands. `best_observed` and `best_predicted` are (formula, lifetime in ps); `properties` says
    how many values of each further measured property stand; `track_record` is null before the first result of a
    suggestion."""

    id: str
    title: str
    created_at: Moment
    n_compounds: int
    n_measured: int
    n_ingested: int
    rounds: int
    pending: list[str]
    stages: dict[str, str]
    best_observed: Best | None
    best_predicted: Best | None
    fit: FitOut | None
    properties: dict[str, int] = {}
    track_record: TrackRecordOut | None = None


class SuggestionOut(Out):
    """One compound to make: lifetimes in ps, the interval is the calibrated 90% one. `properties` holds mean and sd of
    each further measured property; `chance_best` and `chance_goal` are the chances that, if it forms, it is measured
    slower than the best so far, and than the goal; `tag` says whether it is "likely slow" or "teaches most"; `reported`
    is what is reported of its very spacer."""

    formula: str
    stage: str
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
    properties: dict[str, dict[str, float]] = {}
    chance_best: float | None = None
    chance_goal: float | None = None
    tag: str = ""
    reported: str = ""


class BatchOut(Out):
    """One round of suggestions. `is_outdated` says whether results have come in since."""

    round: int
    seed: int
    is_outdated: bool
    suggestions: list[SuggestionOut]


class SuggestIn(Strict):
    """What to suggest: without values, the campaign's own. `more` asks beyond what is suggested already."""

    batch_size: int | None = Field(default=None, ge=1, le=200)
    seed: int | None = Field(default=None, ge=0, le=2**31 - 1)
    more: bool = False


class OutcomeIn(Strict):
    """A step in a compound's life. `made` names what formed instead; declining and abandoning need a reason."""

    formula: Formula
    stage: Literal[
        "accepted",
        "declined",
        "in synthesis",
        "formed",
        "mixed phases",
        "other dimensionality",
        "not formed",
        "decomposed",
        "not measurable",
        "abandoned",
        "stale",
    ]
    reason: Words = ""
    made: Annotated[str, Field(max_length=200)] = ""


class DeclineIn(Strict):
    """A cation that is not used in one place of a formula: no compound with it there is suggested."""

    cation: Annotated[str, Field(min_length=1, max_length=100, examples=["F4-PDMA"])]
    place: Literal["spacer", "cage"] = "spacer"
    reason: Annotated[str, Field(min_length=1, max_length=2000, examples=[*REASONS])]


class DeclineOut(Out):
    """A declined cation."""

    cation: str
    place: str
    inchikey: str
    reason: str
    actor: str
    at: Moment


class AmendmentIn(Strict):
    """The whole description as it shall be, in its sections. A library is "builtin", one that the campaign keeps, or
    one of `libraries`: the text of each file by its name, as {"new.csv": "abbreviation,smiles ..."}. Without
    `confirmed` the differences are answered and nothing is stored."""

    description: dict[str, Any]
    libraries: dict[Annotated[str, Field(min_length=1, max_length=200)], str] = {}
    reason: Words = ""
    confirmed: bool = False


class AmendmentOut(Out):
    """How a description differs from the one before, one line each, and what follows from that."""

    changes: list[str]
    notes: list[str]
    stored: bool


class UndoIn(Strict):
    """Why an event is undone; `confirmed` undoes it though later events stand on it."""

    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    confirmed: bool = False


class UndoOut(Out):
    """The event that was undone, in a sentence."""

    event: int
    what: str


class StepOut(Out):
    """A recorded step."""

    formula: str
    stage: str
    made: str
    reason: str
    actor: str
    at: Moment


class MeasurementOut(Out):
    """A measured lifetime in the record; `retracted` is the reason it was taken back for."""

    number: int
    formula: str
    lifetime_ps: float
    lifetime_stderr_ps: float | None
    is_upper_bound: bool
    sample: str
    source: str
    temperature_k: float | None
    technique: str
    note: str
    file: str
    at: Moment
    actor: str
    retracted: str | None


class RetractionIn(Strict):
    """Why a measurement is taken back."""

    reason: Annotated[str, Field(min_length=1, max_length=2000)]


class PropertyOut(Out):
    """A further measured property: `n_ingested` of its `n_values` that stand came after the launch. `grade` and
    `scores` are those of the last fit (null and empty before the first)."""

    name: str
    goal: str | None
    n_values: int
    n_ingested: int
    grade: str | None
    scores: Scores


class ValueOut(Out):
    """A value of a property in its record; `file` is empty for the launch's table, `retracted` is the reason it was
    taken back for."""

    number: int
    formula: str
    value: float
    error: float | None
    sample: str
    source: str
    note: str
    file: str
    at: Moment
    actor: str
    retracted: str | None


class RowOut(Out):
    """What becomes of one row of a table: `action` is add, known, retracted or refused. `value` and `error` are those
    of a further measured property, in its unit."""

    line: int
    action: str
    formula: str
    lifetime_ps: float | None
    lifetime_stderr_ps: float | None
    is_upper_bound: bool
    sample: str
    note: str
    value: float | None = None
    error: float | None = None


class IngestOut(Out):
    """What an upload brought; `job` learns from it in the background, where anything was added. `property` names the
    further measured property that it holds values of (null for lifetimes)."""

    name: str
    added: int
    skipped: int
    outside: list[str]
    warnings: list[str]
    refused: int = 0
    rows: list[RowOut] = []
    job: str | None = None
    property: str | None = None


class TraceOut(Out):
    """A fitted trace, and what taking it in did (null in a dry run)."""

    formula: str
    fit: dict[str, Any]
    ingest: IngestOut | None


Mapped = Annotated[str, Field(max_length=400)]


class ValuesForm(BaseModel):
    """A table of values of a further measured property, and what to do with it."""

    file: UploadFile
    columns: list[Mapped] = Field(default=[], description="FIELD=COLUMN, as value=Eg; repeat.")
    sheet: Annotated[str, Field(max_length=200)] | None = None
    keep_going: bool = Field(default=False, description="Take in the rows that are right, leave out the others.")
    dry_run: bool = Field(default=False, description="Show row by row what would happen.")
    learn: bool = Field(default=True, description="Train on it and suggest anew, in the background.")

    def table(self) -> Uploaded:
        """The file."""
        return Uploaded("table", self.file.filename or "", self.file.file.read())

    def reading(self) -> dict[str, Any]:
        """As arguments of `Campaign.ingest`.

        Raises:
            QueryError: for a mapping that is none.
        """
        if wrong := [pair for pair in self.columns if "=" not in pair]:
            example = str(type(self).model_fields["columns"].description).split(";")[0]
            raise QueryError(f"{wrong[0]!r} is no mapping; write {example}")
        columns = {name.strip(): column.strip() for name, _, column in (pair.partition("=") for pair in self.columns)}
        how = {"dry_run": self.dry_run, "keep_going": self.keep_going}
        return {"columns": columns, "sheet": self.sheet or None, **how}


class TableForm(ValuesForm):
    """A table of measured lifetimes, and what to do with it."""

    columns: list[Mapped] = Field(default=[], description="FIELD=COLUMN, as lifetime=tau; repeat.")
    unit: Annotated[str, Field(max_length=10)] | None = Field(
        default=None, description="Of the lifetimes: ps, fs, ns, ps^-1 ..."
    )
    accept_guesses: bool = Field(
        default=False, description="Columns and units that were recognised, and corrections, are right."
    )
    accept_extreme: bool = False

    def reading(self) -> dict[str, Any]:
        """As arguments of `Campaign.ingest`; raises as `ValuesForm.reading`."""
        accepted = {
            "accept_guesses": self.accept_guesses,
            "accept_corrections": self.accept_guesses,
            "accept_extreme": self.accept_extreme,
        }
        return {**super().reading(), "unit": self.unit or None, **accepted}


class TraceForm(TraceSettings):
    """The traces or maps of one crystal, and what to do with them; `dry_run` only fits."""

    formula: Annotated[str, Field(min_length=1, max_length=200)]
    sc: list[UploadFile] = Field(default=[])
    cc: list[UploadFile] = Field(default=[])
    trace: list[UploadFile] = Field(default=[])
    sc_map: list[UploadFile] = Field(default=[])
    cc_map: list[UploadFile] = Field(default=[])
    sample: Annotated[str, Field(max_length=200)] = ""
    accept_warnings: bool = Field(default=False, description="Take the lifetime although the fit warns.")
    accept_extreme: bool = Field(default=False, description="Take a lifetime far from any measured before.")
    dry_run: bool = False
    learn: bool = True

    def files(self) -> list[Uploaded]:
        """The files by role."""
        return uploaded({role: getattr(self, role) for role in ROLES})


class PredictionIn(Strict):
    """A compound to predict: a formula, or the SMILES of a spacer (charged or as the amine) in a framework."""

    formula: Formula | None = None
    smiles: Annotated[str, Field(min_length=1, max_length=500, examples=["[NH3+]CCc1ccccc1"])] | None = None
    abbreviation: Annotated[str, Field(max_length=40)] | None = None
    cage: Annotated[str, Field(max_length=40)] | None = None
    n_layers: int = Field(default=1, ge=1, le=20)
    b_site: Literal["Pb", "Sn", "Ge"] = "Pb"
    halide: Literal["I", "Br", "Cl"] = "I"


class JobOut(Out):
    """Work in the background: `total` is 0 while it is not known."""

    id: str
    campaign: str
    kind: str
    by: str
    state: Literal["queued", "running", "done", "failed"]
    done: int
    total: int
    note: str
    result: Annotated[dict[str, Any] | None, BeforeValidator(finite)]
    problem: str
    created_at: Moment
    ended_at: Annotated[str | None, BeforeValidator(_as_text)]


class _Page(BaseModel):
    page: int = Field(default=1, ge=1, le=MANY)
    size: int = Field(default=50, ge=1, le=MAX_SIZE)


class RankedOut(Out):
    """One compound of the ranking; lifetimes in ps. `acquisition` is what the campaign ranks by, null where a wished
    column is not known."""

    place: int
    index: int
    formula: str
    stage: str
    lifetime_ps: float
    lifetime_low_ps: float
    lifetime_high_ps: float
    acquisition: float | None
    feasibility: float
    nearest_measured: str
    distance: float
    in_domain: bool


class RankPage(RankQuery, _Page):
    """A question to the ranking, and which of the pages of its answer."""


class RankingOut(Out):
    """One page of the ranking."""

    total: int
    page: int
    size: int
    rows: list[RankedOut]


class CompoundOut(Out):
    """One compound: its place in the space (null outside), its numbers there (null without), measured lifetimes and
    upper bounds of its lifetime in ps, and its history."""

    formula: str
    index: int | None
    stage: str | None
    phase: str
    n_layers: int | None
    molar_mass_g_mol: float
    numbers: dict[str, Any] | None
    measured_ps: list[float]
    bounds_ps: list[float]
    history: list[StepOut]


class EventOut(Out):
    """One thing that happened; `is_undone` says that it does not count any more."""

    number: int
    at: Moment
    actor: str
    kind: str
    what: str
    is_undone: bool = False


class EventsOut(Out):
    """Events, newest first."""

    total: int
    events: list[EventOut]
