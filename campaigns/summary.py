"""Frozen values a campaign hands out: a step, a suggestion, a fit, an ingest, where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from html import escape
from math import isnan
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from campaigns.events import Stage
from campaigns.targets import LIFETIME, Target

if TYPE_CHECKING:
    import pandas as pd

    from chemspace import Compound
    from screening.crystals import BandGap

__all__ = ["FitSummary", "IngestResult", "Prediction", "Status", "Suggestion", "SuggestionBatch"]


#: A time as every answer gives it: ISO, whole seconds.
Moment = Annotated[datetime, PlainSerializer(lambda at: at.isoformat(timespec="seconds"), return_type=str)]


class Summary(BaseModel):
    """A value that log, command, pages, REST and client share as it is declared."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    def to_dict(self) -> dict[str, Any]:
        """As JSON, one key a field."""
        return self.model_dump(mode="json")


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

    __pydantic_config__ = ConfigDict(json_schema_serialization_defaults_required=True)

    formula: str
    stage: Annotated[Stage, WithJsonSchema({"type": "string"})]
    at: Moment
    actor: str
    reason: str = ""
    made: str = ""

    @property
    def stands(self) -> Stage:
        """Where the compound that was asked for stands: if another one formed, it did not."""
        return Stage.NOT_FORMED if self.made and self.stage is Stage.FORMED else self.stage

    @property
    def payload(self) -> dict[str, Any]:
        """As its event holds it."""
        return {"formula": self.formula, "stage": self.stage.value, "made": self.made, "reason": self.reason}

    @classmethod
    def from_payload(cls, payload: dict[str, Any], at: datetime, actor: str) -> Step:
        """From an event's payload."""
        stage = Stage(payload["stage"])
        return cls(payload["formula"], stage, at, actor, payload.get("reason", ""), payload.get("made", ""))


@dataclass(frozen=True, slots=True)
class RuledOut:
    """A cation that is not used in one place of a formula, whatever stands in the others.

    Attributes:
        place: "spacer" or "cage".
        inchikey, name: the cation, and what it was called.
        reason: why, in their words.
        at, actor: when (UTC), and who said so.
    """

    place: str
    inchikey: str
    name: Annotated[str, Field(serialization_alias="cation")]
    reason: str
    at: Moment
    actor: str

    def to_dict(self) -> dict[str, str]:
        """As JSON."""
        return {
            "place": self.place,
            "cation": self.name,
            "inchikey": self.inchikey,
            "reason": self.reason,
            "at": self.at.isoformat(timespec="seconds"),
            "actor": self.actor,
        }


class Suggestion(Summary):
    """One compound to make."""

    #: `formula`, `phase`, `spacer`, `cage`, `n_layers`: the compound; `cage` is empty for n = 1.
    formula: str
    phase: str
    spacer: str
    cage: str
    n_layers: int
    lifetime_ps: float  #: predicted spin lifetime (median), ps
    #: `lifetime_low_ps`, `lifetime_high_ps`: ends of its calibrated 90% interval, ps.
    lifetime_low_ps: float
    lifetime_high_ps: float
    rate_per_ps: float  #: predicted relaxation rate (median), 1/ps
    #: Acquisition value, on the scale the campaign's acquisition has (log expected improvement: natural logarithm of
    #: the expected gain in log10 rate times the feasibility).
    acquisition: float
    feasibility: float  #: probability that a phase-pure layered compound forms, 0 to 1
    reason: str  #: one line for the group meeting
    nearest_measured: str  #: formula of the measured compound that is nearest in descriptor space
    #: Predicted "mean" and "sd" of each further measured property of the campaign, by its name.
    properties: dict[str, dict[str, float]] = {}
    #: `chance_best`, `chance_goal`: that it is measured slower than the best so far, and than the goal, if it forms, 0
    #: to 1; None without a goal, and in rounds of before they were told.
    chance_best: float | None = None
    chance_goal: float | None = None
    #: "likely slow" or "teaches most", by the higher of its places among the ranked compounds, by predicted lifetime
    #: and by uncertainty; "" as above.
    tag: str = ""
    #: What is reported of its very spacer, with the sources; "" where nothing is, or as above.
    reported: str = Field(default="", exclude_if=lambda reported: not reported)

    @classmethod
    def of(
        cls, compound: Compound, row: Mapping[Any, Any], reason: str, properties: dict[str, dict[str, float]]
    ) -> Suggestion:
        """Of a layered compound, by its row of a ranking (`screening.ranking.Ranking.frame`)."""
        assert compound.spacer is not None
        assert compound.n_layers is not None
        return cls(
            formula=compound.formula,
            phase=compound.phase,
            spacer=compound.spacer.abbreviation,
            cage="/".join(cation.abbreviation for cation, _ in compound.cage),
            n_layers=compound.n_layers,
            lifetime_ps=float(row["lifetime_ps"]),
            lifetime_low_ps=float(row["lifetime_low_ps"]),
            lifetime_high_ps=float(row["lifetime_high_ps"]),
            rate_per_ps=float(10.0 ** row["mean"]),
            acquisition=float(row["acquisition"]),
            feasibility=float(row["feasibility"]),
            reason=reason,
            nearest_measured=str(row["nearest_measured"]),
            properties=properties,
            chance_best=float(row["chance_best"]),
            chance_goal=None if isnan(row["chance_goal"]) else float(row["chance_goal"]),
            tag=str(row["tag"]),
        )


class SuggestionBatch(Summary):
    """The suggestions of one round."""

    number: int  #: round, from 1
    #: What they were computed from (data, description, seed, size, pending); the same key is the same batch.
    key: str = Field(exclude=True)
    data_key: str  #: key of the fit behind them
    seed: int  #: of the choice
    pending: tuple[str, ...]  #: formulas that were awaited when they were chosen
    suggestions: tuple[Suggestion, ...]  #: the compounds, in the order they were chosen
    versions: dict[str, str]  #: versions of the packages that computed them
    #: How many were asked for, where fewer were found; else 0.
    asked: int = Field(default=0, exclude_if=lambda asked: not asked)
    shortfall: str = Field(default="", exclude_if=lambda why: not why)  #: why fewer, in a sentence; else ""

    def __iter__(self) -> Iterator[Suggestion]:  # type: ignore[override]  # pydantic's goes over the fields
        """The suggestions, as `len`, `bool` and places count them."""
        return iter(self.suggestions)

    def __len__(self) -> int:
        return len(self.suggestions)

    def __getitem__(self, place: int) -> Suggestion:
        return self.suggestions[place]

    def to_frame(self) -> pd.DataFrame:
        """One row a suggestion, in the order they were chosen, its place (from 1) as the index."""
        import pandas as pd

        rows = [suggestion.to_dict() for suggestion in self.suggestions]
        return pd.DataFrame(
            rows, columns=list(Suggestion.model_fields), index=pd.RangeIndex(1, len(rows) + 1, name="place")
        )

    def __str__(self) -> str:
        """The suggestions as a table for people."""
        if not self.suggestions:
            return self.shortfall
        return "\n".join([f"round {self.number}", self._shown().to_string(), *filter(None, [self.shortfall])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """In a notebook."""
        said = f"<p>{escape(self.shortfall)}</p>" if self.shortfall else ""
        return f"<p>round {self.number}</p>{self._shown().to_html()}{said}" if self.suggestions else said

    def _shown(self) -> pd.DataFrame:
        """What a group meeting looks at."""
        import pandas as pd

        return pd.DataFrame(
            {
                "formula": [s.formula for s in self.suggestions],
                "lifetime (ps)": [f"{s.lifetime_ps:.2g}" for s in self.suggestions],
                "90% interval": [f"{s.lifetime_low_ps:.2g} to {s.lifetime_high_ps:.2g}" for s in self.suggestions],
                "forms": [f"{s.feasibility:.0%}" for s in self.suggestions],
                "tag": [s.tag for s in self.suggestions],
                "nearest measured": [s.nearest_measured for s in self.suggestions],
            },
            index=self.to_frame().index,
        )


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model expects of a compound, and why."""

    formula: str  #: canonical formula
    in_space: bool  #: whether the campaign may suggest it
    #: `lifetime_ps`, `lifetime_low_ps`, `lifetime_high_ps`: predicted median and calibrated 90% interval, ps.
    lifetime_ps: float
    lifetime_low_ps: float
    lifetime_high_ps: float
    feasibility: float | None  #: probability that a phase-pure layered compound forms; None outside the layered family
    feasibility_reasons: tuple[str, ...]  #: what that probability is made of
    features: dict[str, float]  #: value of each feature
    #: Shapley value of each feature, log10 rate; with `base_log10_rate` they add up to the prediction.
    contributions: dict[str, float]
    base_log10_rate: float  #: what the model expects of a typical training row
    #: `nearest_measured`, `distance`: nearest measured compound, root-mean-square difference in standard deviations.
    nearest_measured: str
    distance: float
    in_domain: bool  #: whether that is as near as measured compounds usually are to each other
    measured_ps: tuple[float, ...]  #: lifetimes measured of this very compound, ps
    bounds_ps: tuple[float, ...]  #: upper bounds of its lifetime, ps, where no more is known
    #: Predicted "mean" and "sd" of each further measured property of the campaign, by its name.
    properties: dict[str, dict[str, float]]
    #: As filed of its crystals, and predicted from those of other spacers; None where neither is known.
    band_gap: BandGap | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Described:
    """Outcome of the oracle's work."""

    n_cations: int  #: cations the campaign needs
    failures: tuple[str, ...]  #: one line for each that has no descriptors, with the reason


class SpacerRound(Summary):
    """Spacers that a learned oracle had computed together."""

    number: int  #: round, from 1
    data_key: str  #: key of the measured data whose list is looked for
    spacers: tuple[str, ...]  #: InChIKeys of the spacers, most wanted first; none where the search on these data ends
    n_known: int = 0  #: how many of them the oracle's store held before, which cost nothing
    n_far: int = 0  #: how many of them were far outside what was computed before
    #: `list_size`, `open_places`: places of the list, and how many of them spacers that were not computed were expected
    #: to hold before the round; 0 and None where too few were computed for a model.
    list_size: int = 0
    open_places: float | None = None
    is_stable: bool = False  #: whether they were too few to matter
    #: Of each predicted descriptor by its name: r2, rmse and share inside the 90% interval, out of fold by scaffold.
    scores: dict[str, dict[str, float]] = {}

    @property
    def outlook(self) -> str:
        """What is still open of the list, in words."""
        if self.open_places is None:
            return "nothing is predicted yet"
        if not self.list_size:
            return "no place of the list is open"
        left = f"{self.open_places:.1f} of the list's {self.list_size} places"
        return f"spacers that are not computed are expected to hold {left}"


class Fit(Summary):
    """How good the model is, out of fold.

    Attributes:
        data_key: hash of what it was trained on.
        grade: the verdict in plain words.
        strategy: whether the model may exploit or only explore, and why.
        n_measured: measured rows known to the campaign.
        n_train: rows that train.
        scores: score card by split name.
        surprises: measurements new since the fit before, outside the 95% interval that a model without any of them
            predicts, as sentences.
        stop_advice: the signs that point to stopping or going on, one line each.
        may_stop: whether all of them point to stopping.
        related: of each related task whether the model learns from it and why, as
            `campaigns.training.RelatedTask.to_dict`.
    """

    data_key: str
    grade: str
    strategy: str
    n_measured: int
    n_train: int
    scores: dict[str, dict[str, float | None]]
    surprises: tuple[str, ...]
    stop_advice: tuple[str, ...]
    may_stop: bool
    related: dict[str, dict[str, Any]] = Field(default={}, exclude_if=lambda related: not related)


class FitSummary(Fit):
    """A fit as the log keeps it; what else a log holds of one is passed over."""

    #: (formula, lifetime_ps) of the slowest predicted compound among the top ranked; None where no compound is left.
    best_predicted: tuple[str, float] | None
    left_out: tuple[str, ...]  #: rows that do not train, each with its reason
    versions: dict[str, str]  #: versions of the packages
    #: Of each further measured property its rows, verdict and score cards by split.
    properties: dict[str, dict[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class RowReport:
    """What becomes of one row of a results file."""

    line: int  #: its line in the file (row of the sheet), from 1
    #: "add", "known" (in the campaign already), "correct" (it is, and something of it is said otherwise), "retracted"
    #: (was, and taken back) or "refused".
    action: str
    formula: str  #: the compound, canonical; as it stands in the file where the row is refused
    value: float | None = None  #: in the target's unit; None where the row is refused
    stderr: float | None = None  #: its standard error
    is_bound: bool = False  #: whether the value is only a bound
    sample: str = ""  #: the lab's name of the crystal
    note: str = ""  #: why, or what is odd


#: Fields of a report that JSON calls as the target does.
_ROW_FIELDS = ("formula", "value", "stderr", "is_bound", "sample", "note")


@dataclass(frozen=True, slots=True)
class Doubt:
    """A lifetime that contradicts what is known."""

    sentence: str  #: what is known, and the likely slip
    meant_ps: float | None = None  #: the lifetime if that slip was made, ps; None where none explains it
    unit: str = ""  #: unit in which the number was then written


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What an ingest did."""

    name: str  #: name of the file
    added: int  #: rows taken in (or that would be, in a dry run)
    skipped: int  #: rows that were in the campaign already
    #: Formulas outside the campaign's space; they train the model and are never suggested or best.
    outside: tuple[str, ...]
    warnings: tuple[str, ...]  #: everything above and more, as sentences
    rows: tuple[RowReport, ...] = ()  #: what becomes of each row, in the order of the file; () for traces
    refused: int = 0  #: rows that cannot be taken in and were left out, as asked
    rejects: str | None = None  #: file that holds them, each with its reason; None if there are none
    page: str | None = None  #: file with the pictures of a trace; None for tables
    target: Target = LIFETIME  #: what was measured
    corrected: int = 0  #: rows by which something is corrected (or would be) of an observation in the record
    retracted: int = 0  #: rows that the file says were taken back, and that are (or would be) recorded as such
    doubts: tuple[Doubt, ...] = ()  #: lifetimes that contradict what is known, each with its row

    @property
    def changed(self) -> bool:
        """Whether the record is (or would be) another one."""
        return bool(self.added or self.corrected or self.retracted)

    @property
    def property(self) -> str | None:
        """Name of the further measured property that it holds values of; None for lifetimes."""
        return None if self.target.is_lifetime else self.target.name

    def to_dict(self) -> dict[str, Any]:
        """As JSON; a property is named, only a lifetime has a page."""
        told = {name: self.target.fields[name] for name in _ROW_FIELDS if name in self.target.fields}
        rows = [
            {"line": row.line, "action": row.action} | {name: getattr(row, field) for field, name in told.items()}
            for row in self.rows
        ]
        return {
            "name": self.name,
            "added": self.added,
            "skipped": self.skipped,
            **({"corrected": self.corrected} if self.corrected else {}),
            **({"retracted": self.retracted} if self.retracted else {}),
            "outside": list(self.outside),
            "warnings": list(self.warnings),
            "rows": rows,
            "refused": self.refused,
            "rejects": self.rejects,
            **({"page": self.page} if self.property is None else {"property": self.property}),
            **({"task": self.target.task} if self.target.task else {}),
        }


class Compared(Summary):
    """A compound that was suggested before it was first measured.

    Attributes:
        formula: the compound.
        round: the last round that suggested it before.
        predicted_ps, low_ps, high_ps: what that round predicted, with its 90% interval, ps.
        measured_ps: its first lifetime, or upper bound, after that, ps.
        is_bound: which of the two it is.
        slow_ps: lifetime that a quarter of what was measured until then exceeds, ps.
        is_hit: whether it is among that slow quarter; None for a bound that leaves that open.
        is_inside: whether it lies inside its interval; None for a bound that leaves that open.
    """

    formula: str
    round: int
    predicted_ps: float
    low_ps: float
    high_ps: float
    measured_ps: float
    is_bound: bool
    slow_ps: float
    is_hit: bool | None
    is_inside: bool | None


class TrackRecord(Summary):
    """How the campaign's own predictions came out.

    Attributes:
        sentence: all of it in words.
        n_judged: compounds that are known to be, or not to be, among the slowest quarter of what was measured until
            their suggestion (an upper bound may leave that open).
        n_hits: of these among it.
        hit_rate: their share; None where none is judged.
        chance: the share that compounds taken at random from what was measured would have.
        p_chance: chance of so many hits or more by that share alone (one-sided binomial test).
        beats_chance: whether that is small.
        n_inside: measurements inside their own 90% interval.
        coverage: their share of those that are known to be inside or outside; None where none is.
        rank_correlation: Spearman's between predicted and measured lifetimes; None for fewer than three, or equal ones.
        compared: every compound that was suggested before it was measured, oldest measurement first.
    """

    sentence: str
    n_judged: int
    n_hits: int
    hit_rate: float | None
    chance: float
    p_chance: float
    beats_chance: bool
    n_inside: int
    coverage: float | None
    rank_correlation: float | None
    compared: tuple[Compared, ...]


class Standing(Summary):
    """Where a campaign stands, in numbers."""

    created_at: str  #: ISO time, UTC
    n_compounds: int  #: size of the space
    n_measured: int  #: measured rows it knows, published and its own
    n_ingested: int  #: rows the lab brought
    rounds: int  #: batches suggested so far
    pending: tuple[str, ...]  #: compounds whose result is awaited
    stages: dict[str, str]  #: where each compound stands that was ever suggested, tried or measured here, by formula
    best_observed: tuple[str, float] | None  #: (formula, lifetime_ps) of the slowest measured compound inside the space
    #: (formula, lifetime_ps) of the slowest predicted, unmeasured compound among the top ranked.
    best_predicted: tuple[str, float] | None
    #: What became since of `best_predicted`, or was decided of a cation of it, in words; "" where nothing.
    best_predicted_is: str = Field(default="", exclude_if=lambda became: not became)
    #: How the campaign's own predictions came out; None before the first result of a suggestion.
    track_record: TrackRecord | None = None
    nothing_left: str | None = None  #: where nothing is left to suggest: what became of the compounds, in a sentence


class Status(Standing):
    """Where a campaign stands, with its record."""

    folder: str  #: its folder
    #: The campaign's own measurements, each with its number, file and, if so, why it was retracted.
    record: tuple[dict[str, Any], ...]
    fit: FitSummary | None  #: the last fit, None before the first
    #: Of each further measured property: goal; n_values that stand and n_ingested, those of them that were taken in
    #: here; record, what was taken in or taken back, each with its number.
    properties: dict[str, dict[str, Any]] = {}
    #: With a learned oracle: how many spacers there are, how many are computed and how many predicted only, the
    #: calculations that are granted and left, its last round, and what is open. None where all are computed.
    spacers: dict[str, Any] | None = Field(default=None, exclude_if=lambda spacers: spacers is None)
    #: The record of each related task, by its name.
    related: dict[str, tuple[dict[str, Any], ...]] = Field(default={}, exclude_if=lambda related: not related)
    #: The cations that are not used, as `RuledOut.to_dict`.
    ruled_out: tuple[dict[str, str], ...] = Field(default=(), exclude_if=lambda cations: not cations)
