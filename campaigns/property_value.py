"""One measured value of a further property, such as a band gap, as a campaign remembers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from campaigns.config import CampaignConfig, MeasuredProperty, PropertyRow
from campaigns.errors import PropertyError
from campaigns.store import Event

__all__ = [
    "PropertyValue",
    "RecordedValue",
    "launched_values",
    "property_of",
    "property_standings",
    "recorded_values",
    "standing_property",
]


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
