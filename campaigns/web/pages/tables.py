"""A table of lifetimes in: upload, look at what each row becomes, correct how it is read, confirm."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import Response

from campaigns.database import acting_as
from campaigns.ingest import UNITS
from campaigns.web.access import AnyDesk, CurrentOffice, Editing, Visitor
from campaigns.web.errors import QueryError
from campaigns.web.pages.render import fragment
from campaigns.web.service import Desk
from campaigns.web.uploads import Reading, TableDraft, for_people, look_at, take_in_draft

router = APIRouter(prefix="/c/{campaign}/measure/table")

#: Fields whose columns one can name on the page, in words.
FIELDS = {
    "formula": "Compound",
    "lifetime": "Lifetime or rate",
    "lifetime_stderr": "Its standard error",
    "sample": "Crystal",
    "temperature_k": "Temperature (K)",
}
#: The same of a table of values of a further measured property.
VALUE_FIELDS = {"formula": "Compound", "value": "Value", "error": "Its standard error", "sample": "Crystal"}
_Column = Annotated[str, Form(max_length=200)]


@router.post("")
def upload(
    request: Request,
    visitor: Editing,
    desk: AnyDesk,
    office: CurrentOffice,
    file: Annotated[UploadFile, File()],
    of_property: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Show what taking a table in would do."""
    draft = office.tables.take(desk.slug, file.filename or "", file.file.read(), of_property)
    return _shown(request, visitor, desk, draft)


@router.post("/{draft}/look")
def look(
    request: Request,
    visitor: Editing,
    desk: AnyDesk,
    office: CurrentOffice,
    draft: str,
    formula: _Column = "",
    lifetime: _Column = "",
    lifetime_stderr: _Column = "",
    sample: _Column = "",
    temperature_k: _Column = "",
    value: _Column = "",
    error: _Column = "",
    unit: _Column = "",
    sheet: _Column = "",
    accept_extreme: Annotated[bool, Form()] = False,
) -> Response:
    """Read the same table in another way."""
    if unit and unit not in UNITS:
        raise QueryError(f"there is no unit {unit!r}; units: {', '.join(UNITS)}")
    known = office.tables.get(desk.slug, draft)
    named = {
        "formula": formula,
        "lifetime": lifetime,
        "lifetime_stderr": lifetime_stderr,
        "sample": sample,
        "temperature_k": temperature_k,
        "value": value,
        "error": error,
    }
    fields = VALUE_FIELDS if known.reading.of_property else FIELDS
    columns = {each: column for each, column in named.items() if column and each in fields}
    if sheet != known.reading.sheet:  # its columns are others
        columns, unit = {}, ""
    reading = Reading(columns, unit, sheet, accept_extreme, known.reading.of_property)
    return _shown(request, visitor, desk, office.tables.read_as(known, reading))


@router.post("/{draft}/confirm")
def confirm(
    request: Request,
    visitor: Editing,
    desk: AnyDesk,
    office: CurrentOffice,
    draft: str,
    keep_going: Annotated[bool, Form()] = False,
) -> Response:
    """Take it in as it was shown, learn from it, suggest anew."""
    known = office.tables.get(desk.slug, draft)
    with acting_as(visitor.identity.name):
        result = take_in_draft(desk, known, keep_going=keep_going)
    job = desk.learn(visitor.identity.name) if result.added else None
    values = {"result": result, "job": job, "formula": "", "fit": None}
    response = fragment(request, visitor, "ingested.html", desk, **values)
    response.headers["hx-trigger"] = "measured"
    return response


def _shown(request: Request, visitor: Visitor, desk: Desk, draft: TableDraft) -> Response:
    preview = look_at(desk, draft)
    refused = sum(row.action == "refused" for row in preview.rows)
    notes = {row.line: for_people(row.note) for row in preview.rows}
    return fragment(
        request,
        visitor,
        "table.html",
        desk,
        draft=draft,
        preview=preview,
        refused=refused,
        notes=notes,
        fields=VALUE_FIELDS if draft.reading.of_property else FIELDS,
        units=UNITS,
    )
