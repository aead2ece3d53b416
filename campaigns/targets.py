"""What is measured of a compound: the spin lifetime and further properties such as a band gap. Stateless.

Observations of all of them are recorded alike. A property beside the lifetime has a model of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict

from campaigns.config import CampaignConfig, MeasuredProperty, PropertyRow
from campaigns.errors import CampaignError, ConfigError, PropertyError
from campaigns.events import LIFETIME_PS, Event
from chemspace.errors import ChemspaceError
from chemspace.tables.cells import one_line
from oracle.descriptors import DEFAULT_DESCRIPTORS, compound_descriptors
from screening.dataset import PLAUSIBLE_LIFETIME_PS

if TYPE_CHECKING:
    from campaigns.kinetics import TraceFit
    from chemspace import CationLibrary, Compound
    from oracle import CationRecord
    from oracle.descriptors import DescriptorSet
    from screening.surrogate import Surrogate
    from screening.validation import Validation

__all__ = ["LIFETIME", "Observation", "Recorded", "Target", "property_standings", "target_of"]

Line = Annotated[str, AfterValidator(one_line)]
#: Least and greatest value by the unit at the end of a name, and what is meant: an insulator's gap stays below 14 eV.
_UNITS = {"ev": (-20.0, 20.0, "electronvolts; 2380 meV are 2.38")}
#: What the fields of an observation are called outside, of the lifetime and of any further property.
_LIFETIME_FIELDS = {
    "formula": "formula",
    "value": "lifetime_ps",
    "stderr": "lifetime_stderr_ps",
    "sample": "sample",
    "source": "source",
    "temperature_k": "temperature_k",
    "fluence_uj_cm2": "fluence_uj_cm2",
    "technique": "technique",
    "note": "note",
    "is_bound": "is_upper_bound",
}
_VALUE_FIELDS = {
    "formula": "formula",
    "value": "value",
    "stderr": "error",
    "sample": "sample",
    "source": "source",
    "note": "note",
}


class Target(BaseModel):
    """What is measured of a compound."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    name: str  #: with the unit at its end, as "band_gap_ev"
    unit: str = ""  #: of its values
    scale: Literal["log10", "linear"] = "linear"  #: on which a model learns it
    goal: Literal["maximize", "minimize"] | None = None  #: which values are good; None takes no part in a tradeoff
    plausible: tuple[float, float] = (-inf, inf)  #: least and greatest value that can be, in its unit
    meant: str = ""  #: what the unit means, for messages
    may_be_bound: bool = False  #: whether an observation may say only that the value is smaller
    noun: str = "value"  #: what messages call an observation
    #: What tables, JSON and REST call the fields of an `Observation`; it has no others.
    fields: Mapping[str, str] = _VALUE_FIELDS

    @classmethod
    def of_property(cls, name: str, goal: Literal["maximize", "minimize"] | None = None) -> Target:
        """A further measured property; the unit at the end of its name says what values it can have."""
        unit = name.rpartition("_")[2]
        low, high, meant = _UNITS.get(unit, (-inf, inf, ""))
        if "gap" in name.split("_"):
            low = 0.0
        return cls(name=name, unit=unit if meant else "", goal=goal, plausible=(low, high), meant=meant)

    @classmethod
    def of_task(cls, task: str) -> Target:
        """Lifetimes of a related task: another metal, halide, technique or laboratory."""
        return LIFETIME.model_copy(update={"name": f"{LIFETIME_PS}{_OF_TASK}{task}", "noun": f"row of {task}, number"})

    @property
    def of_campaign(self) -> bool:
        """Whether campaigns rank by it and a compound counts as measured by it."""
        return self.name == LIFETIME_PS

    @property
    def task(self) -> str:
        """Name of the related task whose lifetimes it is; "" where it is of none."""
        return task_of(self.name)

    @property
    def is_lifetime(self) -> bool:
        """Whether its values are lifetimes, ps, the campaign's own or those of a related task."""
        return self.of_campaign or bool(self.task)

    @property
    def title(self) -> str:
        """Heading of a column of its values."""
        return "lifetime (ps)" if self.is_lifetime else self.name

    def tell(self, formula: str, value: float, *, is_bound: bool = False) -> str:
        """A value of a compound, in words."""
        number = f"{'<' if is_bound else ''}{value:g}"
        return f"{formula} {number} {self.unit}" if self.is_lifetime else f"{self.name} {number} of {formula}"

    def problem(self, value: float, stderr: float | None = None) -> str:
        """Why a value, or its standard error, cannot be; "" where it can."""
        low, high = self.plausible
        hint = f"; a name that ends in _{self.unit} means {self.meant}" if self.meant else ""
        if not low <= value <= high:
            return f"{value:g} is out of all range{hint}"
        if stderr is not None and stderr > high - low:
            return f"an error of {stderr:g} is out of all range{hint}"
        return ""

    def public(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Fields of an observation under the names that tables, JSON and REST give them."""
        return {name: values[field] for field, name in self.fields.items() if field in values}


#: The spin lifetime tau: decay time of the difference dR(SC) - dR(CC). Every campaign has it.
LIFETIME = Target(
    name=LIFETIME_PS,
    unit="ps",
    scale="log10",
    goal="maximize",
    plausible=PLAUSIBLE_LIFETIME_PS,
    may_be_bound=True,
    noun="measurement",
    fields=_LIFETIME_FIELDS,
)


class Observation(BaseModel):
    """What was measured of one sample."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    formula: str  #: canonical formula of the compound; as it stood there for a value of the launch's table
    value: float  #: in the target's unit; where `is_bound`, the value is smaller
    stderr: float | None = None  #: its standard error; None where it was not reported
    sample: Line = ""  #: the lab's name of the crystal; tells true replicates from a row that was handed in twice
    source: Line = ""  #: where it comes from, a doi or a lab
    temperature_k: float | None = None  #: temperature, K
    fluence_uj_cm2: float | None = None  #: fluence of the pump, microjoules a square centimetre
    technique: Line = ""  #: how it was measured
    note: Line = ""  #: anything else
    is_bound: bool = False  #: whether it is only known that the value is smaller
    warned: str = ""  #: what a person was asked about before it was taken in: warnings of its fit, what it contradicts
    target: str = LIFETIME_PS  #: name of what was measured

    @classmethod
    def of_fit(cls, formula: str, fit: TraceFit, *, sample: str = "") -> Observation:
        """The lifetime that a fitted trace says of `formula`; its error is that of the interval shown."""
        note = f"{fit.model}, response {fit.irf_fwhm_ps:.3g} ps, R2 {fit.r_squared:.4f}"
        if not fit.is_upper_bound:
            note += f", {fit.interval_words()}"
        return cls(
            formula=formula,
            value=fit.lifetime_ps,
            stderr=fit.error_ps,
            sample=sample,
            technique="TR",
            note=note,
            is_bound=fit.is_upper_bound,
            warned=" ".join(fit.warnings),
        )

    def to_payload(self) -> dict[str, Any]:
        """As an event's row: what stands in every row is said once, by the event."""
        unsaid = {"warned": not self.warned, "fluence_uj_cm2": self.fluence_uj_cm2 is None}
        return self.model_dump(exclude={"target", *(name for name, is_so in unsaid.items() if is_so)})

    def to_dict(self) -> dict[str, Any]:
        """As JSON, under the names that the target gives its fields."""
        named = _named(self.target).public(dict(self))
        if self.fluence_uj_cm2 is None:  # most rows state none, and no table of before has the column
            named.pop("fluence_uj_cm2", None)
        return named


def task_of(target: str) -> str:
    """Name of the related task that a target of this name is of; "" where it is of none."""
    name, _, task = target.partition(_OF_TASK)
    return task if name == LIFETIME_PS else ""


def _named(target: str) -> Target:
    """The target of a name, as far as the name tells."""
    if task := task_of(target):
        return Target.of_task(task)
    return LIFETIME if target == LIFETIME_PS else Target.of_property(target)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An observation in the campaign's record of one target."""

    number: int  #: its name in that record, from 1; the launch's table comes first
    observation: Observation  #: what was measured
    file: str  #: name of the file it came in; "" for the launch's table
    at: datetime  #: when it was taken in, UTC
    actor: str  #: who took it in
    retracted: str | None = None  #: reason it was taken back for; None while it stands
    files: tuple[str, ...] = ()  #: SHA-256 of the raw files it came in, kept in the store; () for the launch's table
    is_undone: bool = False  #: whether it came by an event that was undone; it may come again

    @property
    def of_launch(self) -> bool:
        """Whether it stood in the table of the launch."""
        return not self.file

    @property
    def name(self) -> str:
        """What messages call it."""
        name = f"{_named(self.observation.target).noun} {self.number}"
        return f"{name}, of the launch's table" if self.of_launch else name

    def to_dict(self) -> dict[str, Any]:
        """As JSON, the observation's fields beside its number."""
        return {
            "number": self.number,
            **self.observation.to_dict(),
            "file": self.file,
            "at": self.at.isoformat(timespec="seconds"),
            "actor": self.actor,
            "retracted": self.retracted,
            **({"warned": self.observation.warned} if self.observation.warned else {}),
            "sha256": " ".join(self.files),
        }


def named_target(config: CampaignConfig, of_property: str | None, task: str | None) -> Target:
    """The target that a command names: a property, a related task, or the lifetimes. PropertyError as `target_of`."""
    return target_of(config, of_property or (LIFETIME_PS if task is None else f"{LIFETIME_PS}{_OF_TASK}{task}"))


def target_of(config: CampaignConfig, name: str) -> Target:
    """What a campaign measures under this name, or takes in of a related task ("lifetime_ps@tin"). Raises PropertyError
    if there is none; the message lists those there are, or says how a campaign gets one."""
    if name.startswith(f"{LIFETIME_PS}{_OF_TASK}"):
        if not _TASK.fullmatch(task := task_of(name)):
            raise PropertyError(f"{task!r} is no name of a related task; use letters and digits, as tin bromide")
        return Target.of_task(task)
    targets = {LIFETIME_PS: LIFETIME} | {
        name: Target.of_property(name, measured.goal) for name, measured in config.properties.items()
    }
    if name not in targets and not config.properties:
        raise PropertyError(
            f"the campaign has no further measured property, so none called {name!r}: `amend` its description, "
            f"with properties: {{{name}: {{table: {name}.csv}}}} in the new file"
        )
    if name not in targets:
        raise PropertyError(f"the campaign has no property {name!r}; it has {', '.join(config.properties)}")
    return targets[name]


def launched(config: CampaignConfig, created: Event) -> dict[str, tuple[Recorded, ...]]:
    """The record of each target as the launch begins it, from the event that created the campaign."""
    records: dict[str, tuple[Recorded, ...]] = {LIFETIME_PS: ()}
    for name, measured in config.properties.items():
        rows = [
            Observation(formula=row.compound, value=row.value, stderr=row.error, target=name) for row in measured.table
        ]
        records[name] = tuple(Recorded(n, row, "", created.at, created.actor) for n, row in enumerate(rows, start=1))
    return records


def amended_records(
    records: Mapping[str, tuple[Recorded, ...]], config: CampaignConfig, event: Event
) -> dict[str, tuple[Recorded, ...]]:
    """The records after an event that amended the description: a property that is new begins with its table."""
    return {**launched(config, event), **records}


def carried_records(
    records: Mapping[str, tuple[Recorded, ...]], carried: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, tuple[Recorded, ...]]:
    """The records that a launch begins, each with what another campaign knew of its target behind them."""
    found = dict(records)
    for name in (name for name in carried if name in records or task_of(name)):
        before = found.get(name, ())
        rows = [_recorded(number, name, row) for number, row in enumerate(carried[name], start=len(before) + 1)]
        found[name] = (*before, *rows)
    return found


def _recorded(number: int, target: str, row: Mapping[str, Any]) -> Recorded:
    known = {**row, "at": datetime.fromisoformat(row["at"]), "files": tuple(row["files"])}
    return Recorded(number, Observation(**known.pop("observation"), target=target), **known)


def observed(event: Event, record: tuple[Recorded, ...]) -> tuple[Recorded, ...]:
    """The record of a target after an event brought observations, or corrected some."""
    files = tuple(file["sha256"] for file in event.payload.get("files", ()))
    target = event.payload["target"]
    corrections = {row["number"]: Observation(**row, target=target) for row in event.payload.get("corrections", ())}
    retractions = {row["number"]: row["reason"] for row in event.payload.get("retractions", ())}
    after = tuple(
        replace(row, observation=corrections[row.number], files=tuple(dict.fromkeys((*row.files, *files))))
        if row.number in corrections
        else replace(row, retracted=retractions.get(row.number, row.retracted))
        for row in record
    )
    rows = ({"retracted": None, **row} for row in event.payload["rows"])
    fresh = [(row.pop("retracted"), Observation(**row, target=target)) for row in rows]
    return after + tuple(
        Recorded(number, row, event.payload["name"], event.at, event.actor, retracted, files)
        for number, (retracted, row) in enumerate(fresh, start=len(record) + 1)
    )


def standing_property(asked: MeasuredProperty, record: tuple[Recorded, ...]) -> MeasuredProperty:
    """A property of the description with the values that stand now; itself where they are those of the launch."""
    if len(record) == len(asked.table) and not any(row.retracted or row.files for row in record):
        return asked
    rows = [recorded.observation for recorded in record if recorded.retracted is None]
    table = tuple(PropertyRow(compound=row.formula, value=row.value, error=row.stderr) for row in rows)
    return asked if table == asked.table else asked.model_copy(update={"table": table})


def property_standings(
    properties: Mapping[str, MeasuredProperty], records: Mapping[str, tuple[Recorded, ...]]
) -> dict[str, dict[str, Any]]:
    """Of each property: goal, n_values that stand, n_ingested of those that came after the launch, and the record of
    what came or was taken back since."""
    return {
        name: {
            "goal": measured.goal,
            "n_values": sum(row.retracted is None for row in records[name]),
            "n_ingested": sum(row.retracted is None and not row.of_launch for row in records[name]),
            "record": [row.to_dict() for row in records[name] if row.retracted is not None or not row.of_launch],
        }
        for name, measured in properties.items()
    }


#: What learns a property: a Gaussian process over the features of the lifetime's model, with a length scale for each of
#: them, since a property may hang on few (a gap on the number of layers).
SURROGATE = "gp_ard"
#: Fewer rows cannot be held out in turn.
MIN_ROWS = 8
_NAME = re.compile(r"[a-z][a-z0-9_]*")
#: Between the lifetime's name and that of a related task, in the name of its target; and what a task may be called.
_OF_TASK, _TASK = "@", re.compile(r"\w[\w .,/+()-]{0,59}")


@dataclass(frozen=True)
class LearntProperty:
    """A property's model and how good it is."""

    name: str  #: of the property, its unit at the end
    goal: str | None  #: "maximize", "minimize" or None; worst: the worst value of interest, or None
    worst: float | None
    n_rows: int  #: rows that train
    validation: Validation  #: out-of-fold predictions and score cards
    surrogate: Surrogate  #: fitted on all rows; predicts the property from the features of a compound
    left_out: tuple[str, ...]  #: one line for each row that does not train, with the reason

    @property
    def sentence(self) -> str:
        """How far the model is to be trusted, in words."""
        return f"{self.name}, learnt from {self.n_rows} rows: {self.validation.grade}"

    def predict(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of a new measurement at features x (m, d), each (m,), in the property's unit."""
        return self.surrogate.predict(x)

    def to_dict(self) -> dict[str, Any]:
        """Rows, verdict and score card by split, as JSON; what is scored there in log10 units is in the property's."""
        scores = {
            split: {name: value for name, value in card.to_dict().items() if name != "r2_rate"}
            for split, card in self.validation.score_cards.items()
        }
        return {"n_rows": self.n_rows, "grade": self.validation.grade, "scores": scores, "left_out": [*self.left_out]}


def check_properties(config: CampaignConfig, names: CationLibrary) -> None:
    """Whether tables of properties can be used. ConfigError naming the row: name, compound, unit, too few."""
    from screening.ranking import RANKING_COLUMNS
    from screening.strategies.strategy import OWN_COLUMNS

    taken = {*OWN_COLUMNS, *RANKING_COLUMNS, "price", "tag"}
    for name, measured in config.properties.items():
        here = ("properties", name)
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"properties: {name!r} is no name for a column; use small letters, digits and _, as band_gap_ev", here
            )
        if name in taken or name.endswith("_sd"):
            raise ConfigError(f"properties: the name {name} is taken by a column of the ranking; choose another", here)
        if len(measured.table) < MIN_ROWS:
            raise ConfigError(
                f"properties.{name}: {len(measured.table)} rows; at least {MIN_ROWS} are needed to learn and to test",
                (*here, "table"),
            )
        target = Target.of_property(name)
        for place, row in enumerate(measured.table):
            if problem := target.problem(row.value, row.error):
                raise ConfigError(
                    f"properties.{name}: entry {place + 1} of the table: {problem}", (*here, "table", place)
                )
        for _ in _compounds(name, measured, names):
            pass


def property_compounds(properties: Mapping[str, MeasuredProperty], names: CationLibrary) -> list[Compound]:
    """Every compound of the tables of measured properties, given by name."""
    return [c for name, measured in properties.items() for c in _compounds(name, measured, names)]


def learn_property(
    name: str,
    measured: MeasuredProperty,
    names: CationLibrary,
    records: Mapping[str, CationRecord],
    seed: int,
    validation: Validation | None = None,
    descriptors: DescriptorSet | None = None,
) -> LearntProperty:
    """Fit a property's model and score it without each row and spacer. CampaignError if too few rows are left."""
    from screening.features import to_features
    from screening.surrogate import fit_surrogate
    from screening.surrogates import TrainingRows
    from screening.validation import cross_validate

    descriptors = descriptors or DEFAULT_DESCRIPTORS
    compounds = list(_compounds(name, measured, names))
    x = to_features(compound_descriptors(compounds, records, descriptors), descriptors)
    keep = np.flatnonzero(np.isfinite(x).all(axis=1))
    if len(keep) < MIN_ROWS:
        raise CampaignError(
            f"{name}: only {len(keep)} of {len(x)} rows have descriptors; at least {MIN_ROWS} are needed"
        )
    y = np.array([row.value for row in measured.table])[keep]
    noise = np.array([row.error or 0.0 for row in measured.table])[keep]
    groups = [spacer.inchikey.split("-")[0] if (spacer := compounds[row].spacer) else "3D" for row in keep]
    formulas = [compounds[row].formula for row in keep]
    training = TrainingRows.of(x[keep], y, noise, groups, compounds=formulas)
    if validation is None:
        validation = cross_validate(training, SURROGATE, seed)
    return LearntProperty(
        name=name,
        goal=measured.goal,
        worst=measured.worst,
        n_rows=len(keep),
        validation=validation,
        surrogate=fit_surrogate(training, SURROGATE, seed, validation=validation),
        left_out=tuple(
            f"{name} of {compound.formula}: no descriptors (no organic cation, or the oracle failed for one)"
            for row, compound in enumerate(compounds)
            if row not in keep
        ),
    )


def _compounds(name: str, measured: MeasuredProperty, names: CationLibrary) -> Iterator[Compound]:
    from chemspace import parse_formula

    for place, row in enumerate(measured.table):
        try:
            yield parse_formula(row.compound, names)
        except ChemspaceError as error:
            here = ("properties", name, "table", place)
            raise ConfigError(f"properties.{name}: entry {place + 1} of the table: {error}", here) from error
