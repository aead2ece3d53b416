"""What the REST interface takes and gives.

Fields are written out, also where a value inside has the same: programs rely on them, whatever changes inside.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import UploadFile
from pydantic import BaseModel, ConfigDict, Field

from campaigns.errors import QueryError
from campaigns.events import REASONS
from campaigns.kinetics.measurement import TraceSettings
from campaigns.summary import Fit, Standing, Step, Suggestion
from campaigns.web.query import MAX_SIZE, Ranked, RankQuery
from campaigns.web.uploads import ROLES, Uploaded, uploaded

Formula = Annotated[str, Field(min_length=1, max_length=200, examples=["(PEA)2(MA)Pb2I7"])]
Words = Annotated[str, Field(max_length=2000)]
#: Upper limit of what counts something.
MANY = 1_000_000_000
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
        (429, "Too many jobs wait already, or too many requests came within a minute."),
        (503, "The campaign's file cannot be used."),
    )
}


class Strict(BaseModel):
    """A body: fields that nobody knows are refused."""

    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """Why a request was refused (application/problem+json)."""

    title: str
    problems: list[str] = []


class CampaignOut(Standing):
    """Where a campaign stands. `best_observed` and `best_predicted` are (formula, lifetime in ps); `properties` says
    how many values of each further measured property stand; `track_record` is null before the first result of a
    suggestion."""

    id: str
    title: str
    fit: Fit | None
    properties: dict[str, int] = Field(default={})


class SuggestionOut(Suggestion):
    """One compound to make: lifetimes in ps, the interval is the calibrated 90% one. `properties` holds mean and sd of
    each further measured property; `chance_best` and `chance_goal` are the chances that, if it forms, it is measured
    slower than the best so far, and than the goal; `tag` says whether it is "likely slow" or "teaches most"; `reported`
    is what is reported of its very spacer."""

    stage: str
    reported: str = ""


class BatchOut(BaseModel):
    """One round of suggestions. `is_outdated` says whether results have come in since, `shortfall` why it holds fewer
    than were asked for."""

    round: int
    seed: int
    is_outdated: bool
    suggestions: list[SuggestionOut]
    shortfall: str = ""


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


class AmendmentIn(Strict):
    """The whole description as it shall be, in its sections. A library is "builtin", one that the campaign keeps, or
    one of `libraries`: the text of each file by its name, as {"new.csv": "abbreviation,smiles ..."}. Without
    `confirmed` the differences are answered and nothing is stored."""

    description: dict[str, Any]
    libraries: dict[Annotated[str, Field(min_length=1, max_length=200)], str] = {}
    reason: Words = ""
    confirmed: bool = False


class AmendmentOut(BaseModel):
    """How a description differs from the one before, one line each, and what follows from that."""

    changes: list[str]
    notes: list[str]
    stored: bool


class UndoIn(Strict):
    """Why an event is undone; `confirmed` undoes it though later events stand on it."""

    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    confirmed: bool = False


class UndoOut(BaseModel):
    """The event that was undone, in a sentence."""

    event: int
    what: str


class _RecordedOut(BaseModel):
    number: int
    formula: str
    sample: str
    source: str
    note: str
    file: str
    at: str
    actor: str
    retracted: str | None


class MeasurementOut(_RecordedOut):
    """A measured lifetime in the record; `retracted` is the reason it was taken back for, `warned` what a person was
    asked about before it was taken in."""

    lifetime_ps: float
    lifetime_stderr_ps: float | None
    is_upper_bound: bool
    temperature_k: float | None
    fluence_uj_cm2: float | None = None
    technique: str
    warned: str = ""


class ValueOut(_RecordedOut):
    """A value of a property in its record; `file` is empty for the launch's table, `retracted` is the reason it was
    taken back for."""

    value: float
    error: float | None


class RetractionIn(Strict):
    """Why a measurement is taken back."""

    reason: Annotated[str, Field(min_length=1, max_length=2000)]


class PropertyOut(BaseModel):
    """A further measured property: `n_ingested` of its `n_values` that stand came after the launch. `grade` and
    `scores` are those of the last fit (null and empty before the first)."""

    name: str
    goal: str | None
    n_values: int
    n_ingested: int
    grade: str | None
    scores: dict[str, dict[str, float | None]]


class RowOut(BaseModel):
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


class IngestOut(BaseModel):
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


class TraceOut(BaseModel):
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
        """As arguments of `Campaign.ingest`. Raises QueryError for a mapping that is none."""
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
    task: Annotated[str, Field(max_length=100)] | None = Field(
        default=None,
        description="The lifetimes are those of a related task (metal, halide, technique or laboratory), as tin.",
    )

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


class _Page(BaseModel):
    page: int = Field(default=1, ge=1, le=MANY)
    size: int = Field(default=50, ge=1, le=MAX_SIZE)


class RankPage(RankQuery, _Page):
    """A question to the ranking, and which of the pages of its answer."""


class RankingOut(BaseModel):
    """One page of the ranking."""

    total: int
    page: int
    size: int
    rows: list[Ranked]


class CompoundOut(BaseModel):
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
    history: list[Step]


class EventOut(BaseModel):
    """One thing that happened; `is_undone` says that it does not count any more."""

    number: int
    at: str
    actor: str
    kind: str
    what: str
    is_undone: bool = False


class EventsOut(BaseModel):
    """Events, newest first."""

    total: int
    events: list[EventOut]
