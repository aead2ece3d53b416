"""Further measured properties, such as a band gap: how many values there are, values in and back out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Path, UploadFile

from campaigns.database import acting_as
from campaigns.targets import property_of
from campaigns.web.access import Editor, Reader, Registry, Service, reader
from campaigns.web.api.answers import REFUSALS, ingest_out, properties_out, value_out
from campaigns.web.api.measuring import ingest_values, mapping_of
from campaigns.web.api.models import IngestOut, PropertyOut, RetractionIn, ValueOut
from campaigns.web.uploads import Uploaded

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
    return [value_out(row) for row in state.property_values[property]]


@router.post("/{property}/table", tags=["properties"], status_code=201)
def upload_values(
    service: Service,
    registry: Registry,
    known: Editor,
    property: _Name,
    file: Annotated[UploadFile, File()],
    columns: Annotated[
        list[Annotated[str, Form(max_length=400)]], Form(description="FIELD=COLUMN, as value=Eg; repeat.")
    ] = [],  # noqa: B006  FastAPI copies it
    sheet: Annotated[str | None, Form(max_length=200)] = None,
    keep_going: Annotated[bool, Form(description="Take in the rows that are right, leave out the others.")] = False,
    dry_run: Annotated[bool, Form(description="Show row by row what would happen.")] = False,
    learn: Annotated[bool, Form(description="Train on it and suggest anew, in the background.")] = True,
) -> IngestOut:
    """Take in a table of values (columns compound, value and, if known, error, sample), whole or not at all."""
    upload = Uploaded("table", file.filename or "", file.file.read())
    reading = {"columns": mapping_of(columns, "value=Eg"), "sheet": sheet or None}
    with acting_as(known.name):
        result = ingest_values(
            service, registry.drafts, upload, property, dry_run=dry_run, keep_going=keep_going, **reading
        )
    job = service.learn(known.name) if learn and result.added and not dry_run else None
    return ingest_out(result, job)


@router.post("/{property}/values/{number}/retraction", tags=["properties"], status_code=201)
def retract_value(
    service: Service,
    known: Editor,
    property: _Name,
    number: Annotated[int, Path(ge=1, le=1_000_000_000)],
    told: RetractionIn,
) -> ValueOut:
    """Take a value back, one of the launch's table too: it stays in the record, and the next fit does not see it."""
    with acting_as(known.name), service.writing() as campaign:
        return value_out(campaign.retract_value(property, number, told.reason))
