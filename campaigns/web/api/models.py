"""What the REST interface takes and gives.

Fields are written out, also where a value inside has the same: programs rely on them, whatever changes inside.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Formula = Annotated[str, Field(min_length=1, max_length=200, examples=["(PEA)2(MA)Pb2I7"])]
Words = Annotated[str, Field(max_length=2000)]
Best = tuple[str, float]


class Strict(BaseModel):
    """A body: fields that nobody knows are refused."""

    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """Why a request was refused (application/problem+json)."""

    title: str
    problems: list[str] = []


class FitOut(BaseModel):
    """How good the model is, out of fold. `scores` holds a score card by split."""

    data_key: str
    grade: str
    strategy: str
    n_measured: int
    n_train: int
    scores: dict[str, dict[str, float | None]]
    surprises: list[str]
    stop_advice: list[str]
    may_stop: bool


class CampaignOut(BaseModel):
    """Where a campaign stands. `best_observed` and `best_predicted` are (formula, lifetime in ps); `properties` says
    how many values of each further measured property stand."""

    id: str
    title: str
    created_at: str
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


class SuggestionOut(BaseModel):
    """One compound to make: lifetimes in ps, the interval is the calibrated 90% one. `properties` holds mean and sd of
    each further measured property."""

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


class BatchOut(BaseModel):
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


class StepOut(BaseModel):
    """A recorded step."""

    formula: str
    stage: str
    made: str
    reason: str
    actor: str
    at: str


class MeasurementOut(BaseModel):
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
    at: str
    actor: str
    retracted: str | None


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


class ValueOut(BaseModel):
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
    at: str
    actor: str
    retracted: str | None


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


class PredictionIn(Strict):
    """A compound to predict: a formula, or the SMILES of a spacer (charged or as the amine) in a framework."""

    formula: Formula | None = None
    smiles: Annotated[str, Field(min_length=1, max_length=500, examples=["[NH3+]CCc1ccccc1"])] | None = None
    abbreviation: Annotated[str, Field(max_length=40)] | None = None
    cage: Annotated[str, Field(max_length=40)] | None = None
    n_layers: int = Field(default=1, ge=1, le=20)
    b_site: Literal["Pb", "Sn", "Ge"] = "Pb"
    halide: Literal["I", "Br", "Cl"] = "I"


class JobOut(BaseModel):
    """Work in the background: `total` is 0 while it is not known."""

    id: str
    campaign: str
    kind: str
    by: str
    state: Literal["queued", "running", "done", "failed"]
    done: int
    total: int
    note: str
    result: dict[str, Any] | None
    problem: str
    created_at: str
    ended_at: str | None


class RankedOut(BaseModel):
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


class RankingOut(BaseModel):
    """One page of the ranking."""

    total: int
    page: int
    size: int
    rows: list[RankedOut]


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
    history: list[StepOut]


class EventOut(BaseModel):
    """One thing that happened."""

    number: int
    at: str
    actor: str
    kind: str
    what: str


class EventsOut(BaseModel):
    """Events, newest first."""

    total: int
    events: list[EventOut]
