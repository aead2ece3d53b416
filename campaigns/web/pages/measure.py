"""Measurements in, looked at before they are stored: two traces become a lifetime, a table its rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Query, Request, UploadFile
from fastapi.responses import Response
from pydantic import AfterValidator, BaseModel, Field

from campaigns.database import acting_as
from campaigns.events import Stage
from campaigns.ingest import UNITS
from campaigns.intake import require_confirmed
from campaigns.kinetics.measurement import TraceSettings
from campaigns.summary import IngestResult
from campaigns.web.access import Editing, Registry, Service, Visiting, Visitor
from campaigns.web.errors import QueryError
from campaigns.web.pages.render import fragment, page
from campaigns.web.service import CampaignService
from campaigns.web.uploads import (
    Reading,
    TableUpload,
    TraceUpload,
    Uploaded,
    fitted,
    for_people,
    look_at,
    take_in_table,
    take_in_trace,
    uploaded,
)
from chemspace import parse_formula

router = APIRouter(prefix="/c/{campaign}/measure")

Label = Annotated[str, Field(max_length=200)]

#: Models that one can ask the fit for.
MODELS = ("auto", "exponential", "exponential+offset", "exponential+plateau", "stretched", "stretched+offset")
#: What is likely to be on the laser's table, most likely first.
_EXPECTED = (Stage.FORMED, Stage.IN_SYNTHESIS, Stage.ACCEPTED, Stage.SUGGESTED)


@router.get("")
def measure(
    request: Request, visitor: Visiting, service: Service, formula: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """The form for files, and the record."""
    snapshot = service.snapshot()
    waiting = sorted(
        ((f, s) for f, s in snapshot.stages.items() if s in _EXPECTED), key=lambda pair: _EXPECTED.index(pair[1])
    )
    return page(
        request,
        visitor,
        "measure.html",
        service,
        tab="measure",
        waiting=waiting,
        formula=formula,
        record=snapshot.state.record[::-1][:50],
        properties=snapshot.properties,
    )


class FitForm(TraceSettings):
    """How to fit what, by a form whose fields may be empty."""

    formula: Label = ""
    sample: Annotated[Label, AfterValidator(str.strip)] = ""
    accept_extreme: bool = False

    def compound(self, service: CampaignService) -> str:
        """The canonical formula, "" where none is given."""
        return parse_formula(self.formula, service.campaign.names).formula if self.formula.strip() else ""

    def settings(self) -> TraceSettings:
        """How to fit."""
        return TraceSettings.model_validate(self, from_attributes=True)


class DropForm(FitForm):
    """What was dropped."""

    sc: list[UploadFile] = Field(default=[])
    cc: list[UploadFile] = Field(default=[])
    trace: list[UploadFile] = Field(default=[])
    kind: Literal["traces", "maps"] = "traces"

    def files(self) -> list[Uploaded]:
        """The files by role."""
        kind = "_map" if self.kind == "maps" else ""
        return uploaded({f"sc{kind}": self.sc, f"cc{kind}": self.cc, "trace": self.trace})


@router.post("/upload")
def upload(visitor: Editing, service: Service, registry: Registry, form: Annotated[DropForm, File()]) -> Response:
    """Fit what was dropped and show it."""
    formula = form.compound(service)
    draft = registry.uploads.traces(service.slug, formula, form.sample, form.files(), form.settings())
    return _fitted(visitor, service, draft)


@router.post("/{draft}/fit")
def refit(
    visitor: Editing, service: Service, registry: Registry, draft: str, form: Annotated[FitForm, Form()]
) -> Response:
    """Fit the same files in another way."""
    upload = registry.uploads.get(TraceUpload, service.slug, draft)
    upload = replace(upload, formula=form.compound(service), sample=form.sample, settings=form.settings())
    return _fitted(visitor, service, registry.uploads.change(fitted(upload)))


@router.post("/{draft}/confirm")
def confirm(
    visitor: Editing, service: Service, registry: Registry, draft: str, form: Annotated[FitForm, Form()]
) -> Response:
    """Take the fitted lifetime in, learn from it, suggest anew."""
    upload = registry.uploads.get(TraceUpload, service.slug, draft)
    upload = replace(upload, formula=form.compound(service) or upload.formula, sample=form.sample)
    if upload.fit is not None:  # its warnings stand above the button that confirms
        require_confirmed(upload.fit, upload.file_names, accept_warnings=True, accept_extreme=form.accept_extreme)
    with acting_as(visitor.identity.name):
        result = take_in_trace(service, registry.uploads.change(upload))
    return _ingested(visitor, service, result, upload)


def _ingested(
    visitor: Visitor, service: CampaignService, result: IngestResult, upload: TraceUpload | None = None
) -> Response:
    job = service.learn(visitor.identity.name) if result.changed else None
    measured = {"formula": "", "fit": None} if upload is None else {"formula": upload.formula, "fit": upload.fit}
    response = fragment(visitor, "ingested.html", service, result=result, job=job, **measured)
    response.headers["hx-trigger"] = "measured"
    return response


def _fitted(visitor: Visitor, service: CampaignService, upload: TraceUpload) -> Response:
    return fragment(
        visitor,
        "fitted.html",
        service,
        draft=upload,
        problem=for_people(upload.problem),
        figures=_figures(upload),
        models=MODELS,
    )


def _figures(upload: TraceUpload) -> dict[str, dict[str, Any]]:
    """The map with its window, and the fit with its residuals, as far as there are any."""
    from campaigns.kinetics.figures import kinetics_figure, map_figure
    from campaigns.report.figures import plain

    figures = {}
    if upload.maps is not None:
        figures["map"] = _undressed(plain(map_figure(*upload.maps, upload.window)))
    if upload.fit is not None:
        figures["fit"] = _undressed(plain(kinetics_figure(upload.fit)))
    return figures


def _undressed(figure: dict[str, Any]) -> dict[str, Any]:
    """Without title and theme: the page has its own."""
    figure["layout"].pop("template", None)
    figure["layout"].pop("title", None)
    figure["layout"]["margin"] = {"l": 40, "r": 20, "t": 40, "b": 50}
    for name, axis in figure["layout"].items():
        if name.startswith(("xaxis", "yaxis")):
            axis["automargin"] = True
    return figure


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


class ReadingForm(BaseModel):
    """How to read a table: the column of each field ("" as recognised), unit, sheet."""

    formula: Label = ""
    lifetime: Label = ""
    lifetime_stderr: Label = ""
    sample: Label = ""
    temperature_k: Label = ""
    value: Label = ""
    error: Label = ""
    unit: Label = ""
    sheet: Label = ""
    accept_extreme: bool = False

    def reading(self, before: Reading) -> Reading:
        """In place of how it was read before; another sheet has columns of its own.

        Raises:
            QueryError: for a unit that is none.
        """
        if self.unit and self.unit not in UNITS:
            raise QueryError(f"there is no unit {self.unit!r}; units: {', '.join(UNITS)}")
        columns, unit = dict[str, str](), ""
        if self.sheet == before.sheet:
            fields = VALUE_FIELDS if before.of_property else FIELDS
            columns, unit = {name: column for name in fields if (column := getattr(self, name))}, self.unit
        return Reading(columns, unit, self.sheet, self.accept_extreme, before.of_property)


@router.post("/table")
def upload_table(
    visitor: Editing,
    service: Service,
    registry: Registry,
    file: Annotated[UploadFile, File()],
    of_property: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Show what taking a table in would do."""
    table = Uploaded("table", file.filename or "", file.file.read())
    return _preview(visitor, service, registry.uploads.table(service.slug, table, of_property))


@router.post("/table/{draft}/look")
def look(
    visitor: Editing, service: Service, registry: Registry, draft: str, form: Annotated[ReadingForm, Form()]
) -> Response:
    """Read the same table in another way."""
    upload = registry.uploads.get(TableUpload, service.slug, draft)
    upload = replace(upload, reading=form.reading(upload.reading))
    return _preview(visitor, service, registry.uploads.change(upload))


@router.post("/table/{draft}/confirm")
def confirm_table(
    visitor: Editing,
    service: Service,
    registry: Registry,
    draft: str,
    keep_going: Annotated[bool, Form()] = False,
) -> Response:
    """Take it in as it was shown, learn from it, suggest anew."""
    upload = registry.uploads.get(TableUpload, service.slug, draft)
    with acting_as(visitor.identity.name):
        result = take_in_table(service, upload, keep_going=keep_going)
    return _ingested(visitor, service, result)


def _preview(visitor: Visitor, service: CampaignService, upload: TableUpload) -> Response:
    preview = look_at(service, upload)
    return fragment(
        visitor,
        "table.html",
        service,
        draft=upload,
        preview=preview,
        refused=sum(row.action == "refused" for row in preview.rows),
        notes={row.line: for_people(row.note) for row in preview.rows},
        fields=VALUE_FIELDS if upload.reading.of_property else FIELDS,
        units=UNITS,
    )
