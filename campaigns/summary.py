"""Frozen summaries a campaign hands out: of a fit, of an ingest, of where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from math import isnan
from typing import TYPE_CHECKING, Any

from campaigns.targets import LIFETIME, Target

if TYPE_CHECKING:
    import pandas as pd

    from chemspace import Compound
    from screening.crystals import BandGap

__all__ = ["FitSummary", "IngestResult", "Prediction", "Status", "Suggestion", "SuggestionBatch"]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One compound to make.

    Attributes:
        formula, phase, spacer, cage, n_layers: the compound; `cage` is empty for n = 1.
        lifetime_ps: predicted spin lifetime (median), ps.
        lifetime_low_ps, lifetime_high_ps: ends of its calibrated 90% interval, ps.
        rate_per_ps: predicted relaxation rate (median), 1/ps.
        acquisition: acquisition value, on the scale the campaign's acquisition has (log expected improvement: natural
            logarithm of the expected gain in log10 rate times the feasibility).
        feasibility: probability that a phase-pure layered compound forms, 0 to 1.
        reason: one line for the group meeting.
        nearest_measured: formula of the measured compound that is nearest in descriptor space.
        properties: predicted "mean" and "sd" of each further measured property of the campaign, by its name.
        chance_best, chance_goal: that it is measured slower than the best so far, and than the goal, if it forms, 0 to
            1; None without a goal, and in rounds of before they were told.
        tag: "likely slow" or "teaches most", by the higher of its places among the ranked compounds, by predicted
            lifetime and by uncertainty; "" as above.
        reported: what is reported of its very spacer, with the sources; "" where nothing is, or as above.
    """

    formula: str
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
    properties: dict[str, dict[str, float]] = field(default_factory=dict)
    chance_best: float | None = None
    chance_goal: float | None = None
    tag: str = ""
    reported: str = ""

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

    def to_dict(self) -> dict[str, Any]:
        """As JSON, one key an attribute; `reported` only where something is, so that old rounds stay as they were."""
        values = asdict(self)
        return values if self.reported else {name: value for name, value in values.items() if name != "reported"}


@dataclass(frozen=True, slots=True)
class SuggestionBatch:
    """The suggestions of one round.

    Attributes:
        number: round, from 1.
        key: what they were computed from (data, description, seed, size, pending); the same key is the same batch.
        data_key: key of the fit behind them.
        seed: of the choice.
        pending: formulas that were awaited when they were chosen.
        suggestions: the compounds, in the order they were chosen.
        versions: versions of the packages that computed them.
    """

    number: int
    key: str
    data_key: str
    seed: int
    pending: tuple[str, ...]
    suggestions: tuple[Suggestion, ...]
    versions: dict[str, str]

    def to_frame(self) -> pd.DataFrame:
        """One row a suggestion, in the order they were chosen, its place (from 1) as the index."""
        import pandas as pd

        rows = [suggestion.to_dict() for suggestion in self.suggestions]
        columns = [item.name for item in fields(Suggestion)]
        return pd.DataFrame(rows, columns=columns, index=pd.RangeIndex(1, len(rows) + 1, name="place"))

    def __str__(self) -> str:
        """The suggestions as a table for people."""
        if not self.suggestions:
            return "nothing is left to suggest"
        return f"round {self.number}\n{self._shown().to_string()}"

    def _repr_html_(self) -> str:
        """In a notebook."""
        return f"<p>round {self.number}</p>{self._shown().to_html()}" if self.suggestions else f"<p>{self}</p>"

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

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "number": self.number,
            "data_key": self.data_key,
            "seed": self.seed,
            "pending": list(self.pending),
            "suggestions": [suggestion.to_dict() for suggestion in self.suggestions],
            "versions": self.versions,
        }

    @classmethod
    def from_dict(cls, key: str, values: dict[str, Any]) -> SuggestionBatch:
        """From what `to_dict` gave."""
        suggestions = tuple(Suggestion(**suggestion) for suggestion in values["suggestions"])
        return cls(
            number=values["number"],
            key=key,
            data_key=values["data_key"],
            seed=values["seed"],
            pending=tuple(values["pending"]),
            suggestions=suggestions,
            versions=values["versions"],
        )


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model expects of a compound, and why.

    Attributes:
        formula: canonical formula.
        in_space: whether the campaign may suggest it.
        lifetime_ps, lifetime_low_ps, lifetime_high_ps: predicted median and calibrated 90% interval, ps.
        feasibility: probability that a phase-pure layered compound forms; None outside the layered family.
        feasibility_reasons: what that probability is made of.
        features: value of each feature.
        contributions: Shapley value of each feature, log10 rate; with `base_log10_rate` they add up to the prediction.
        base_log10_rate: what the model expects of a typical training row.
        nearest_measured, distance: nearest measured compound, root-mean-square difference in standard deviations.
        in_domain: whether that is as near as measured compounds usually are to each other.
        measured_ps: lifetimes measured of this very compound, ps.
        bounds_ps: upper bounds of its lifetime, ps, where no more is known.
        properties: predicted "mean" and "sd" of each further measured property of the campaign, by its name.
        band_gap: as filed of its crystals, and predicted from those of other spacers; None where neither is known.
    """

    formula: str
    in_space: bool
    lifetime_ps: float
    lifetime_low_ps: float
    lifetime_high_ps: float
    feasibility: float | None
    feasibility_reasons: tuple[str, ...]
    features: dict[str, float]
    contributions: dict[str, float]
    base_log10_rate: float
    nearest_measured: str
    distance: float
    in_domain: bool
    measured_ps: tuple[float, ...]
    bounds_ps: tuple[float, ...]
    properties: dict[str, dict[str, float]]
    band_gap: BandGap | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


#: Fields of a fit that JSON keeps as lists.
_TUPLES = ("best_predicted", "stop_advice", "surprises", "left_out")


@dataclass(frozen=True, slots=True)
class Described:
    """Outcome of the oracle's work.

    Attributes:
        n_cations: cations the campaign needs.
        failures: one line for each that has no descriptors, with the reason.
    """

    n_cations: int
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SpacerRound:
    """Spacers that a learned oracle had computed together.

    Attributes:
        number: round, from 1.
        data_key: key of the measured data whose list is looked for.
        spacers: InChIKeys of the spacers, most wanted first; none where the search on these data ends.
        n_known: how many of them the oracle's store held before, which cost nothing.
        n_far: how many of them were far outside what was computed before.
        list_size, open_places: places of the list, and how many of them spacers that were not computed were expected
            to hold before the round; 0 and None where too few were computed for a model.
        is_stable: whether they were too few to matter.
        scores: of each predicted descriptor by its name: r2, rmse and share inside the 90% interval, out of fold by
            scaffold.
    """

    number: int
    data_key: str
    spacers: tuple[str, ...]
    n_known: int = 0
    n_far: int = 0
    list_size: int = 0
    open_places: float | None = None
    is_stable: bool = False
    scores: dict[str, dict[str, float]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self) | {"spacers": list(self.spacers)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SpacerRound:
        """From what `to_dict` gave."""
        return cls(**{**values, "spacers": tuple(values["spacers"])})

    @property
    def outlook(self) -> str:
        """What is still open of the list, in words."""
        if self.open_places is None:
            return "nothing is predicted yet"
        left = f"{self.open_places:.1f} of the list's {self.list_size} places"
        return f"spacers that are not computed are expected to hold {left}"


@dataclass(frozen=True, slots=True)
class FitSummary:
    """How good the model is, out of fold.

    Attributes:
        data_key: hash of what it was trained on.
        n_measured: measured rows known to the campaign.
        n_train: rows that train.
        grade: the verdict in plain words.
        scores: score card by split name.
        best_predicted: (formula, lifetime_ps) of the slowest predicted compound among the top ranked; None where no
            compound is left.
        strategy: whether the model may exploit or only explore, and why.
        may_stop: whether every sign points to stopping.
        stop_advice: the signs, one line each.
        surprises: measurements new since the fit before, outside the 95% interval that a model without any of them
            predicts, as sentences.
        left_out: rows that do not train, each with its reason.
        versions: versions of the packages.
        properties: of each further measured property its rows, verdict and score cards by split.
    """

    data_key: str
    n_measured: int
    n_train: int
    grade: str
    scores: dict[str, dict[str, float | None]]
    best_predicted: tuple[str, float] | None
    strategy: str
    may_stop: bool
    stop_advice: tuple[str, ...]
    surprises: tuple[str, ...]
    left_out: tuple[str, ...]
    versions: dict[str, str]
    properties: dict[str, dict[str, Any]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        lists = {name: None if (told := getattr(self, name)) is None else list(told) for name in _TUPLES}
        return asdict(self) | lists

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FitSummary:
        """From what `to_dict` gave; what else a log holds of a fit is passed over."""
        own = {item.name: values[item.name] for item in fields(cls) if item.name in values}
        return cls(**(own | {name: None if values[name] is None else tuple(values[name]) for name in _TUPLES}))


@dataclass(frozen=True, slots=True)
class RowReport:
    """What becomes of one row of a results file.

    Attributes:
        line: its line in the file (row of the sheet), from 1.
        action: "add", "known" (in the campaign already), "correct" (it is, and something of it is said otherwise),
            "retracted" (was, and taken back) or "refused".
        formula: the compound, canonical; as it stands in the file where the row is refused.
        value: in the target's unit; None where the row is refused.
        stderr: its standard error.
        is_bound: whether the value is only a bound.
        sample: the lab's name of the crystal.
        note: why, or what is odd.
    """

    line: int
    action: str
    formula: str
    value: float | None = None
    stderr: float | None = None
    is_bound: bool = False
    sample: str = ""
    note: str = ""


#: Fields of a report that JSON calls as the target does.
_ROW_FIELDS = ("formula", "value", "stderr", "is_bound", "sample", "note")


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What an ingest did.

    Attributes:
        name: name of the file.
        added: rows taken in (or that would be, in a dry run).
        corrected: rows by which something is corrected (or would be) of an observation in the record.
        retracted: rows that the file says were taken back, and that are (or would be) recorded as such.
        skipped: rows that were in the campaign already.
        outside: formulas outside the campaign's space; they train the model and are never suggested or best.
        warnings: everything above and more, as sentences.
        rows: what becomes of each row, in the order of the file; () for traces.
        refused: rows that cannot be taken in and were left out, as asked.
        rejects: file that holds them, each with its reason; None if there are none.
        page: file with the pictures of a trace; None for tables.
        target: what was measured.
    """

    name: str
    added: int
    skipped: int
    outside: tuple[str, ...]
    warnings: tuple[str, ...]
    rows: tuple[RowReport, ...] = ()
    refused: int = 0
    rejects: str | None = None
    page: str | None = None
    target: Target = LIFETIME
    corrected: int = 0
    retracted: int = 0

    @property
    def changed(self) -> bool:
        """Whether the record is (or would be) another one."""
        return bool(self.added or self.corrected or self.retracted)

    @property
    def property(self) -> str | None:
        """Name of the further measured property that it holds values of; None for lifetimes."""
        return None if self.target.of_campaign else self.target.name

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
        }


@dataclass(frozen=True, slots=True)
class Status:
    """Where a campaign stands.

    Attributes:
        folder: its folder.
        created_at: ISO time, UTC.
        n_compounds: size of the space.
        n_measured: measured rows it knows, published and its own.
        n_ingested: rows the lab brought.
        best_observed: (formula, lifetime_ps) of the slowest measured compound inside the space.
        best_predicted: (formula, lifetime_ps) of the slowest predicted, unmeasured compound among the top ranked.
        stages: where each compound stands that was ever suggested, tried or measured here, by formula.
        pending: those whose result is awaited.
        record: the campaign's own measurements, each with its number, file and, if so, why it was retracted.
        rounds: batches suggested so far.
        fit: the last fit, None before the first.
        properties: of each further measured property: goal; n_values that stand and n_ingested, those of them that
            were taken in here; record, what was taken in or taken back, each with its number.
        nothing_left: where nothing is left to suggest: what became of the compounds, in a sentence.
        track_record: how the campaign's own predictions came out, as `campaigns.track_record.TrackRecord.to_dict`; None
            before the first result of a suggestion.
        spacers: with a learned oracle: how many spacers there are, how many are computed and how many predicted only,
            the calculations that are granted and left, its last round, and what is open. None where all are computed.
    """

    folder: str
    created_at: str
    n_compounds: int
    n_measured: int
    n_ingested: int
    best_observed: tuple[str, float] | None
    best_predicted: tuple[str, float] | None
    stages: dict[str, str]
    pending: tuple[str, ...]
    record: tuple[dict[str, Any], ...]
    rounds: int
    fit: FitSummary | None
    properties: dict[str, dict[str, Any]] = field(default_factory=dict)
    nothing_left: str | None = None
    track_record: dict[str, Any] | None = None
    spacers: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON; `spacers` only where a learned oracle chooses."""
        values = asdict(self)
        return values if self.spacers is not None else {name: values[name] for name in values if name != "spacers"}
