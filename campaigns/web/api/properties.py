"""Further measured properties, such as a band gap: how many values there are, values in and back out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, File, Path

from campaigns.database import acting_as
from campaigns.targets import property_of
from campaigns.web.access import Editor, Reader, Registry, Service, reader
from campaigns.web.api.measuring import Number, ingested
from campaigns.web.api.models import REFUSALS, IngestOut, PropertyOut, RetractionIn, ValueOut, ValuesForm
from campaigns.web.api.routes import properties_out

router = APIRouter(prefix="/api/campaigns/{campaign}/properties", responses=REFUSALS, dependencies=[Depends(reader)])

_Name = Annotated[str, Path(min_length=1, max_length=100, description="As in the campaign's description.")]


@router.get("", tags=["properties"])
def list_properties(service: Service, _: Reader) -> list[PropertyOut]:
    """The further measured properties of the campaign, with the verdict on the model of each."""
    return properties_out(service)


@router.get("/{property}/values", tags=["properties"])
def list_values(service: Service, _: Reader, property: _Name) -> list[ValueOut]:
    """Every value of a property, the launch's table first, retracted ones too."""
    state = service.snapshot().state
    property_of(state.config, property)
    return [ValueOut.model_validate(row.to_dict()) for row in state.property_values[property]]


@router.post("/{property}/table", tags=["properties"], status_code=201)
def upload_values(
    service: Service, registry: Registry, editor: Editor, property: _Name, form: Annotated[ValuesForm, File()]
) -> IngestOut:
    """Take in a table of values (columns compound, value and, if known, error, sample), whole or not at all."""
    with registry.uploads.as_file(form.table()) as path, acting_as(editor.name), service.writing() as campaign:
        result = campaign.ingest_values(path, property, **form.reading())
    return ingested(service, editor, result, form)


@router.post("/{property}/values/{number}/retraction", tags=["properties"], status_code=201)
def retract_value(
    service: Service,
    editor: Editor,
    property: _Name,
    number: Number,
    told: RetractionIn,
) -> ValueOut:
    """Take a value back, one of the launch's table too: it stays in the record, and the next fit does not see it."""
    with acting_as(editor.name), service.writing() as campaign:
        return ValueOut.model_validate(campaign.retract_value(property, number, told.reason).to_dict())
