"""What of a table of a property's values is new to a campaign, and which value may be taken back, as events to be."""

from __future__ import annotations

from typing import Any

from campaigns.errors import LifecycleError
from campaigns.ingest import ValueTable
from campaigns.intake import Intake, of_rows
from campaigns.properties import MIN_ROWS
from campaigns.property_value import PropertyValue, RecordedValue, property_of
from campaigns.state import CampaignState
from campaigns.summary import RowReport
from chemspace import CationLibrary, CompoundSpace, parse_formula

__all__ = ["of_values", "value_retraction"]


def of_values(
    name: str,
    table: ValueTable,
    state: CampaignState,
    names: CationLibrary,
    space: CompoundSpace,
    *,
    keep_going: bool = False,
) -> Intake:
    """The rows of a table that the record of a property does not have.

    Args:
        name: of the property.
        table: its values.
        state: what is known.
        names: of the cations in the formulas of the launch's table.
        space: the campaign's.
        keep_going: leave out the rows that cannot be taken in.

    Raises:
        PropertyError: if the campaign has no such property.
        IngestError: if a row cannot be taken in, unless `keep_going` and another one can.
    """
    property_of(state.config, name)
    rows = _reports(name, table, state, names, space)

    def what(row: RowReport) -> str:
        return f"{name} {row.value:g} of {row.formula}"

    return of_rows(table, table.values, rows, space, what, of_property=name, keep_going=keep_going)


def value_retraction(state: CampaignState, name: str, number: int, reason: str) -> dict[str, Any]:
    """The payload of taking a value of a property back.

    Raises:
        PropertyError: if the campaign has no such property.
        LifecycleError: if there is no such value, it is retracted already, no reason is given, or too few would stand.
    """
    property_of(state.config, name)
    record = state.property_values[name]
    row = next((row for row in record if row.number == number), None)
    if row is None:
        raise LifecycleError(f"there is no value {number} of {name}; its record holds {len(record)}")
    if row.retracted is not None:
        raise LifecycleError(f"value {number} of {name} is retracted already ({row.retracted})")
    if not reason.strip():
        raise LifecycleError(f"say why value {number} of {name} is retracted (--reason)")
    standing = sum(row.retracted is None for row in record)
    if standing <= MIN_ROWS:
        raise LifecycleError(
            f"value {number} of {name} cannot be retracted yet: {standing - 1} values would stand, and at least "
            f"{MIN_ROWS} are needed to learn and to test; take in others first"
        )
    return {"property": name, "number": number, "reason": reason}


def _reports(
    name: str, table: ValueTable, state: CampaignState, names: CationLibrary, space: CompoundSpace
) -> tuple[RowReport, ...]:
    """What becomes of each row, in the order of the file."""
    record = [(row, _what(row, names)) for row in state.property_values[name]]
    standing = {what[:3]: row for row, what in reversed(record) if row.retracted is None}
    gone = {what: row for row, what in record if row.retracted is not None}
    seen: dict[tuple[object, ...], int] = {}
    found = [
        RowReport(row.line, "refused", next(iter(row.cells.values()), ""), note=row.problem) for row in table.refused
    ]
    for line, value, compound in zip(table.lines, table.values, table.compounds, strict=True):
        what = _same(value.formula, value)
        known, retracted = standing.get(what[:3]), gone.get(what)
        if known is not None:
            action, note = "known", f"is in the campaign already ({known.name}) and was left out"
        elif retracted is not None:
            action, note = "retracted", f"was retracted ({retracted.name}: {retracted.retracted}) and was left out"
        elif (earlier := seen.setdefault(what[:3], line)) != line:
            action, note = "known", f"stands in row {earlier} already and was left out"
        else:
            action, note = "add", "" if compound in space else "outside the campaign's space"
        found.append(
            RowReport(
                line,
                action,
                value.formula,
                sample=value.sample,
                note=note,
                value=value.value,
                error=value.error,
            )
        )
    return tuple(sorted(found, key=lambda row: row.line))


def _what(row: RecordedValue, names: CationLibrary) -> tuple[object, ...]:
    formula = parse_formula(row.value.formula, names).formula if row.of_launch else row.value.formula
    return _same(formula, row.value)


def _same(formula: str, value: PropertyValue) -> tuple[object, ...]:
    """What tells a value from another: compound, number and crystal. What came back after a retraction may be the
    same with another error."""
    return formula, value.value, value.sample, value.error
