"""Measurements in, looked at before they are stored: two traces become a lifetime, a table its rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Query, Request, UploadFile
from fastapi.responses import Response
from pydantic import AfterValidator, BaseModel, Field

from campaigns.database import acting_as
from campaigns.errors import QueryError
from campaigns.events import Stage
from campaigns.fates import Expected
from campaigns.ingest import UNITS
from campaigns.intake import require_confirmed
from campaigns.kinetics.measurement import TraceSettings
from campaigns.narrate import with_error
from campaigns.report.card import compared
from campaigns.summary import IngestResult
from campaigns.targets import named_target
from campaigns.web.pages import fragment, page
from campaigns.web.registry import Editing, Registry, Service, Visiting, Visitor
from campaigns.web.service import CampaignService
from campaigns.web.uploads import (
    Reading,
    TableUpload,
    TraceUpload,
    Uploaded,
    doubt_of,
    fitted,
    for_people,
    look_at,
    take_in_table,
    take_in_trace,
    uploaded,
)
from chemspace import parse_formula

if TYPE_CHECKING:
    from campaigns.kinetics import TraceFit

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
    awaited = [name for name, stage in waiting if stage is not Stage.SUGGESTED]
    return page(
        request,
        visitor,
        "measure.html",
        service,
        tab="measure",
        waiting=waiting,
        formula=formula or (awaited[0] if len(awaited) == 1 else ""),
        record=snapshot.state.record[::-1][:50],
        properties=snapshot.properties,
        tasks=snapshot.tasks,
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
        return TraceSettings.model_validate(self)


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
    files, settings = form.files(), form.settings()
    draft = registry.uploads.traces(service.slug, formula, form.sample, files, settings)
    if draft.fit is None and {file.role for file in files} == {"sc", "cc"}:  # maps, dropped where traces belong
        maps = [replace(file, role=f"{file.role}_map") for file in files]
        tried = registry.uploads.traces(service.slug, formula, form.sample, maps, settings)
        registry.uploads.drop(draft if tried.maps is not None else tried)
        draft = draft if tried.maps is None else tried
    return _fitted(visitor, service, draft)


@router.post("/{draft}/fit")
def refit(
    visitor: Editing, service: Service, registry: Registry, draft: str, form: Annotated[FitForm, Form()]
) -> Response:
    """Fit the same files in another way."""
    before = registry.uploads.get(TraceUpload, service.slug, draft)
    upload = replace(before, formula=form.compound(service), sample=form.sample, settings=form.settings())
    if upload.settings != before.settings or before.fit is None:
        upload = fitted(upload)
    return _fitted(visitor, service, registry.uploads.change(upload))


@router.post("/{draft}/confirm")
def confirm(
    visitor: Editing, service: Service, registry: Registry, draft: str, form: Annotated[FitForm, Form()]
) -> Response:
    """Take the fitted lifetime in, learn from it, suggest anew."""
    upload = registry.uploads.get(TraceUpload, service.slug, draft)
    upload = replace(upload, formula=form.compound(service) or upload.formula, sample=form.sample)
    fit, names = upload.fit, service.campaign.names
    expected = service.expected(parse_formula(upload.formula, names)) if upload.formula else None
    if fit is not None:  # its warnings stand above the button that confirms
        require_confirmed(fit, upload.file_names, accept_warnings=True, accept_extreme=form.accept_extreme)
    with acting_as(visitor.identity.name):
        result = take_in_trace(service, registry.uploads.change(upload), accept_extreme=form.accept_extreme)
    return _ingested(visitor, service, result, upload, expected)


def _ingested(
    visitor: Visitor,
    service: CampaignService,
    result: IngestResult,
    upload: TraceUpload | None = None,
    expected: Expected | None = None,
) -> Response:
    """What was taken in, beside what was expected of it; the model learns from it."""
    job = service.learn(visitor.identity.name) if result.changed else None
    shown: dict[str, Any] = {"formula": "", "fit": None, "lifetime": "", "compared": None}
    if upload is not None and upload.fit is not None:
        fit = upload.fit
        shown |= {"formula": upload.formula, "fit": fit, "lifetime": _lifetime(fit)}
        if expected is not None and result.added:
            shown["compared"] = _compared(expected, fit.lifetime_ps, is_bound=fit.is_upper_bound)
    response = fragment(visitor, "ingested.html", service, result=result, job=job, **shown)
    response.headers["hx-trigger"] = "measured"
    return response


def _compared(expected: Expected, lifetime_ps: float, *, is_bound: bool) -> dict[str, Any]:
    ends = (expected.low_ps, expected.lifetime_ps, expected.high_ps)
    inside = ends[0] <= lifetime_ps and (is_bound or lifetime_ps <= ends[2])
    verdict = "inside the interval" if inside else "faster than it" if lifetime_ps < ends[0] else "slower than it"
    return {"predicted": expected, "bar": compared(ends, lifetime_ps, is_bound=is_bound), "verdict": verdict}


def _lifetime(fit: TraceFit) -> str:
    """The lifetime with the digits that its error leaves it."""
    return f"< {fit.lifetime_ps:.3g}" if fit.is_upper_bound else with_error(fit.lifetime_ps, fit.error_ps)


def _fitted(visitor: Visitor, service: CampaignService, upload: TraceUpload) -> Response:
    fit = upload.fit
    zero = "" if fit is None else with_error(fit.time_zero_ps, fit.time_zero_stderr_ps)
    return fragment(
        visitor,
        "fitted.html",
        service,
        draft=upload,
        fit=fit,
        lifetime="" if fit is None else _lifetime(fit),
        zero=zero,
        doubt=doubt_of(service, upload),
        read=() if fit is None else fit.trace.notes,
        rivals=[
            f"{score.model}: {score.describe()}; "
            f"{next((words for most, words in _WORSE if score.delta_aicc < most), 'not supported by the trace')} "
            f"(AICc +{score.delta_aicc:.1f})"
            for score in (() if fit is None else fit.comparison)
            if fit is not None and score.model != fit.model
        ],
        problem=for_people(upload.problem),
        figures=_figures(upload),
        models=MODELS,
    )


#: How much worse another model is by the AICc it stands above the best (Burnham, Anderson, Sociol. Methods Res. 33, 261
#: (2004), doi 10.1177/0049124104268644).
_WORSE = ((2.0, "about as good"), (4.0, "somewhat worse"), (10.0, "clearly worse"))


def _figures(upload: TraceUpload) -> dict[str, dict[str, Any]]:
    """The map with its window, and the fit with its residuals, as far as there are any."""
    from campaigns.kinetics.figures import kinetics_figure, map_figure
    from campaigns.report.view import plain

    figures = {}
    if upload.maps is not None:
        figures["map"] = _undressed(plain(map_figure(*upload.maps, upload.window, upload.chirp)))
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
        """In place of how it was read before; another sheet has columns of its own. QueryError for a wrong unit."""
        if self.unit and self.unit not in UNITS:
            raise QueryError(f"there is no unit {self.unit!r}; units: {', '.join(UNITS)}")
        columns, unit = dict[str, str](), ""
        if self.sheet == before.sheet:
            fields = FIELDS if before.target.is_lifetime else VALUE_FIELDS
            columns, unit = {name: column for name in fields if (column := getattr(self, name))}, self.unit
        return Reading(columns, unit, self.sheet, self.accept_extreme, before.target)


@router.post("/table")
def upload_table(
    visitor: Editing,
    service: Service,
    registry: Registry,
    file: Annotated[UploadFile, File()],
    of_property: Annotated[str, Form(max_length=100)] = "",
    task: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Show what taking a table in would do. Raises PropertyError for a property or task that is none."""
    if of_property and task.strip():
        raise QueryError("a related task comes as a table of lifetimes alone")
    target = named_target(service.campaign.config, of_property, task.strip() or None)
    table = Uploaded("table", file.filename or "", file.file.read())
    return _preview(visitor, service, registry.uploads.table(service.slug, table, target))


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
    visitor: Editing, service: Service, registry: Registry, draft: str, keep_going: Annotated[bool, Form()] = False
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
        fields=FIELDS if upload.reading.target.is_lifetime else VALUE_FIELDS,
        units=UNITS,
    )
