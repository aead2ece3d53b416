"""Measured properties beside the lifetime, such as a band gap: checked, learnt, scored out of sample. Stateless."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from campaigns.config import CampaignConfig, MeasuredProperty, PropertyRow
from campaigns.errors import CampaignError, ConfigError, PropertyError
from campaigns.events import Event
from chemspace import CationLibrary, ChemspaceError, Compound, parse_formula
from oracle import CationRecord
from screening.features import to_features

if TYPE_CHECKING:
    from campaigns.kinetics import TraceFit
    from screening.surrogates import Surrogate
    from screening.validation import Validation

__all__ = ["Measurement", "PropertyValue", "RecordedValue", "property_of", "property_standings", "range_problem"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """A spin lifetime of one sample.

    Attributes:
        formula: canonical formula of the compound.
        lifetime_ps: decay time of the difference dR(SC) - dR(CC), ps; where `is_upper_bound`, the bound.
        lifetime_stderr_ps: its standard error, ps; None where it was not reported.
        sample: the lab's name of the crystal; tells true replicates from a row that was handed in twice.
        source: where it comes from, a doi or a lab.
        temperature_k: temperature, K.
        technique: how it was measured.
        note: anything else.
        is_upper_bound: whether the trace only says that the lifetime is shorter than `lifetime_ps`.
    """

    formula: str
    lifetime_ps: float
    lifetime_stderr_ps: float | None = None
    sample: str = ""
    source: str = ""
    temperature_k: float | None = None
    technique: str = ""
    note: str = ""
    is_upper_bound: bool = False

    @classmethod
    def from_fit(cls, formula: str, fit: TraceFit, *, sample: str = "") -> Measurement:
        """What a fitted trace measured of `formula`."""
        note = f"{fit.model}, response {fit.irf_fwhm_ps:.3g} ps, R2 {fit.r_squared:.4f}"
        return cls(
            formula,
            fit.lifetime_ps,
            fit.lifetime_stderr_ps,
            sample=sample,
            technique="TR",
            note=note,
            is_upper_bound=fit.is_upper_bound,
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Measurement:
        """From what `to_dict` gave; fields that a newer version added are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})


@dataclass(frozen=True, slots=True)
class PropertyValue:
    """A value of one sample, in the property's unit.

    Attributes:
        formula: formula of the compound; canonical, but for a value of the launch's table, which is as it stood there.
        value: what was measured.
        error: its standard error; None where it was not reported.
        sample: the lab's name of the crystal; tells true replicates from a row that was handed in twice.
        source: where it comes from, a doi or a lab.
        note: anything else.
    """

    formula: str
    value: float
    error: float | None = None
    sample: str = ""
    source: str = ""
    note: str = ""

    @property
    def row(self) -> PropertyRow:
        """As a row of the property's table: what a model learns from."""
        return PropertyRow(compound=self.formula, value=self.value, error=self.error)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PropertyValue:
        """From what `to_dict` gave; fields that a newer version added are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})


@dataclass(frozen=True, slots=True)
class RecordedValue:
    """A value in the campaign's record of one property.

    Attributes:
        number: its name in that record, from 1; the launch's table comes first.
        value: what was measured.
        file: name of the file it came in; "" for the launch's table.
        at: when it was taken in, UTC.
        actor: who took it in.
        retracted: reason it was taken back for; None while it stands.
        files: SHA-256 of the raw file it came in, kept in the store; () for the launch's table.
    """

    number: int
    value: PropertyValue
    file: str
    at: datetime
    actor: str
    retracted: str | None = None
    files: tuple[str, ...] = ()

    @property
    def of_launch(self) -> bool:
        """Whether it stood in the table of the launch."""
        return not self.file

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"value {self.number}, of the launch's table" if self.of_launch else f"value {self.number}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON, the value's fields beside its number."""
        return {
            "number": self.number,
            **self.value.to_dict(),
            "file": self.file,
            "at": self.at.isoformat(timespec="seconds"),
            "actor": self.actor,
            "retracted": self.retracted,
            "sha256": " ".join(self.files),
        }


def launched_values(config: CampaignConfig, created: Event) -> dict[str, tuple[RecordedValue, ...]]:
    """The record of each property as the launch begins it, from the event that created the campaign."""
    return {
        name: tuple(
            RecordedValue(number, PropertyValue(row.compound, row.value, row.error), "", created.at, created.actor)
            for number, row in enumerate(measured.table, start=1)
        )
        for name, measured in config.properties.items()
    }


def recorded_values(event: Event, known: int) -> tuple[RecordedValue, ...]:
    """What an event brought to a record that holds `known` values."""
    files = tuple(file["sha256"] for file in event.payload.get("files", ()))
    return tuple(
        RecordedValue(number, PropertyValue.from_dict(row), event.payload["name"], event.at, event.actor, files=files)
        for number, row in enumerate(event.payload["rows"], start=known + 1)
    )


def standing_property(asked: MeasuredProperty, record: tuple[RecordedValue, ...]) -> MeasuredProperty:
    """A property of the description with the values that stand now; itself where they are those of the launch."""
    if len(record) == len(asked.table) and not any(recorded.retracted for recorded in record):
        return asked
    table = tuple(recorded.value.row for recorded in record if recorded.retracted is None)
    return asked if table == asked.table else asked.model_copy(update={"table": table})


def property_standings(
    properties: Mapping[str, MeasuredProperty], values: Mapping[str, tuple[RecordedValue, ...]]
) -> dict[str, dict[str, Any]]:
    """Of each property: goal, n_values that stand, n_ingested of those that came after the launch, and the record of
    what came or was taken back since."""
    return {
        name: {
            "goal": measured.goal,
            "n_values": sum(row.retracted is None for row in values[name]),
            "n_ingested": sum(row.retracted is None and not row.of_launch for row in values[name]),
            "record": [row.to_dict() for row in values[name] if row.retracted is not None or not row.of_launch],
        }
        for name, measured in properties.items()
    }


def property_of(config: CampaignConfig, name: str) -> MeasuredProperty:
    """The property called `name`.

    Raises:
        PropertyError: if there is none; the message lists those there are, or says how a campaign gets one.
    """
    if not config.properties:
        raise PropertyError(
            f"the campaign has no further measured property, so none called {name!r}: it is described at the launch, "
            f"as properties: {{{name}: {{table: {name}.csv}}}} in the file of --config; launch another campaign so"
        )
    if name not in config.properties:
        raise PropertyError(f"the campaign has no property {name!r}; it has {', '.join(config.properties)}")
    return config.properties[name]


#: What learns a property: a Gaussian process over the features of the lifetime's model, with a length scale for each of
#: them, since a property may hang on few (a gap on the number of layers).
SURROGATE = "gp_ard"
#: Fewer rows cannot be held out in turn.
MIN_ROWS = 8
#: Least and greatest value by the unit at the end of a name, and what is meant: an insulator's gap stays below 14 eV.
_UNITS = {"ev": (-20.0, 20.0, "electronvolts; 2380 meV are 2.38")}
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class LearntProperty:
    """A property's model and how good it is.

    Attributes:
        name: of the property, its unit at the end.
        goal: "maximize", "minimize" or None; worst: the worst value of interest, or None.
        n_rows: rows that train.
        validation: out-of-fold predictions and score cards.
        surrogate: fitted on all rows; predicts the property from the features of a compound.
        left_out: one line for each row that does not train, with the reason.
    """

    name: str
    goal: str | None
    worst: float | None
    n_rows: int
    validation: Validation
    surrogate: Surrogate
    left_out: tuple[str, ...]

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
    """Whether the tables of measured properties can be used.

    Raises:
        ConfigError: for a name that is taken or no name, a compound that cannot be read, a value that is plainly in
            another unit, or too few rows; naming the row.
    """
    from screening.ranking import RANKING_COLUMNS
    from screening.strategies.columns import OWN_COLUMNS

    taken = {*OWN_COLUMNS, *RANKING_COLUMNS, "price"}
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
        for place, row in enumerate(measured.table):
            if problem := range_problem(name, row.value, row.error):
                raise ConfigError(
                    f"properties.{name}: entry {place + 1} of the table: {problem}", (*here, "table", place)
                )
        for _ in _compounds(name, measured, names):
            pass


def property_compounds(properties: Mapping[str, MeasuredProperty], names: CationLibrary) -> list[Compound]:
    """Every compound of the tables of measured properties, given by name.

    Raises:
        ConfigError: for a formula that cannot be read.
    """
    return [c for name, measured in properties.items() for c in _compounds(name, measured, names)]


def learn_property(
    name: str,
    measured: MeasuredProperty,
    names: CationLibrary,
    records: Mapping[str, CationRecord],
    seed: int,
    validation: Validation | None = None,
) -> LearntProperty:
    """Fit a property's model and score it, leaving out one row and one spacer at a time.

    Args:
        name: of the property.
        measured: its table.
        names: of the cations in its formulas.
        records: the oracle's records of their cations, by InChIKey.
        seed: of everything random.
        validation: of this very table, where it is known.

    Raises:
        CampaignError: if the oracle failed for so many cations that too few rows are left.
    """
    from oracle import compound_descriptors
    from screening.surrogates import fit_surrogate
    from screening.validation import cross_validate

    compounds = list(_compounds(name, measured, names))
    x = to_features(compound_descriptors(compounds, records))
    keep = np.flatnonzero(np.isfinite(x).all(axis=1))
    if len(keep) < MIN_ROWS:
        raise CampaignError(
            f"{name}: only {len(keep)} of {len(x)} rows have descriptors; at least {MIN_ROWS} are needed"
        )
    y = np.array([row.value for row in measured.table])[keep]
    noise = np.array([row.error or 0.0 for row in measured.table])[keep]
    groups = [_group(compounds[row]) for row in keep]
    how: dict[str, Any] = {"seed": seed, "name": SURROGATE}
    told = cross_validate(x[keep], y, noise, groups, **how) if validation is None else validation
    return LearntProperty(
        name=name,
        goal=measured.goal,
        worst=measured.worst,
        n_rows=len(keep),
        validation=told,
        surrogate=fit_surrogate(x[keep], y, noise, groups, validation=told, **how),
        left_out=tuple(_left_out(name, compounds, set(keep.tolist()))),
    )


def _compounds(name: str, measured: MeasuredProperty, names: CationLibrary) -> Iterator[Compound]:
    for place, row in enumerate(measured.table):
        try:
            yield parse_formula(row.compound, names)
        except ChemspaceError as error:
            here = ("properties", name, "table", place)
            raise ConfigError(f"properties.{name}: entry {place + 1} of the table: {error}", here) from error


def range_problem(name: str, value: float, error: float | None = None) -> str:
    """Why a value, or its standard error, cannot be one of the property called `name`, by the unit at the name's end;
    "" where it can."""
    unit = name.rpartition("_")[2]
    low, high, meant = _UNITS.get(unit, (-np.inf, np.inf, ""))
    if "gap" in name.split("_"):
        low = 0.0
    hint = f"; a name that ends in _{unit} means {meant}" if meant else ""
    if not low <= value <= high:
        return f"{value:g} is out of all range{hint}"
    if error is not None and error > high - low:
        return f"an error of {error:g} is out of all range{hint}"
    return ""


def _group(compound: Compound) -> str:
    return "3D" if compound.spacer is None else compound.spacer.inchikey


def _left_out(name: str, compounds: Sequence[Compound], kept: set[int]) -> Iterator[str]:
    for row, compound in enumerate(compounds):
        if row not in kept:
            yield f"{name} of {compound.formula}: no descriptors (no organic cation, or the oracle failed for one)"
