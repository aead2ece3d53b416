"""Measurements in, looked at before they are stored: two traces become a lifetime, a table its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Query, Request, UploadFile
from fastapi.responses import Response

from campaigns.database import acting_as
from campaigns.events import Stage
from campaigns.ingest import UNITS
from campaigns.web.access import Editing, Registry, Service, Visiting, Visitor
from campaigns.web.api.measuring import take_in_trace, uploads_of
from campaigns.web.errors import QueryError
from campaigns.web.pages.render import fragment, page
from campaigns.web.service import CampaignService
from campaigns.web.uploads import Draft, FitSettings, Reading, TableDraft, for_people, look_at, take_in_draft
from chemspace import parse_formula

router = APIRouter(prefix="/c/{campaign}/measure")

_Number = Annotated[str, Form(max_length=40)]
_Formula = Annotated[str, Form(max_length=200)]
_Files = Annotated[list[UploadFile], File()]

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


@dataclass(frozen=True, slots=True)
class Label:
    """What was measured, as the form says: canonical formula ("" where none is given), the lab's name for it."""

    formula: str
    sample: str


# Coroutines, though none of them waits: the framework would send plain functions to another thread, one by one.
async def label_of(service: Service, formula: _Formula = "", sample: _Formula = "") -> Label:
    """The label in a form."""
    name = parse_formula(formula, service.front.names).formula if formula.strip() else ""
    return Label(name, sample.strip())


async def settings_of(
    irf_fwhm_ps: _Number = "",
    time_zero_ps: _Number = "",
    window_low_nm: _Number = "",
    window_high_nm: _Number = "",
    exclude_from_ps: _Number = "",
    exclude_to_ps: _Number = "",
    delay_unit: Annotated[str, Form(pattern="^(fs|ps|ns|us|s)?$")] = "",
    model: Annotated[str, Form(max_length=40)] = "auto",
) -> FitSettings:
    """How to fit, by a form whose fields may be empty."""
    return FitSettings(
        irf_fwhm_ps=_number(irf_fwhm_ps, "the response"),
        time_zero_ps=_number(time_zero_ps, "time zero"),
        window_nm=_range(window_low_nm, window_high_nm, "the probe window"),
        exclude_ps=_range(exclude_from_ps, exclude_to_ps, "the delays to leave out"),
        delay_unit=delay_unit or None,
        model=model,
    )


Labelled = Annotated[Label, Depends(label_of)]
Settled = Annotated[FitSettings, Depends(settings_of)]


@router.post("/upload")
def upload(
    request: Request,
    visitor: Editing,
    service: Service,
    registry: Registry,
    label: Labelled,
    settings: Settled,
    sc: _Files = [],  # noqa: B006  FastAPI copies it
    cc: _Files = [],  # noqa: B006
    trace: _Files = [],  # noqa: B006
    kind: Annotated[str, Form(pattern="^(traces|maps)$")] = "traces",
) -> Response:
    """Fit what was dropped and show it."""
    maps = kind == "maps"
    given = uploads_of({"sc_map" if maps else "sc": sc, "cc_map" if maps else "cc": cc, "trace": trace})
    draft = registry.drafts.take(service.slug, visitor.identity.name, label.formula, label.sample, given, settings)
    return _shown(request, visitor, service, draft)


@router.post("/{draft}/fit")
def refit(
    request: Request,
    visitor: Editing,
    service: Service,
    registry: Registry,
    draft: str,
    label: Labelled,
    settings: Settled,
) -> Response:
    """Fit the same files in another way."""
    known = registry.drafts.relabel(registry.drafts.get(service.slug, draft), label.formula, label.sample)
    return _shown(request, visitor, service, registry.drafts.refit(known, settings))


@router.post("/{draft}/confirm")
def confirm(
    request: Request, visitor: Editing, service: Service, registry: Registry, draft: str, label: Labelled
) -> Response:
    """Take the fitted lifetime in, learn from it, suggest anew."""
    known = registry.drafts.get(service.slug, draft)
    known = registry.drafts.relabel(known, label.formula or known.formula, label.sample)
    with acting_as(visitor.identity.name):
        result = take_in_trace(service, known)
    job = service.learn(visitor.identity.name) if result.added else None
    told = {"result": result, "job": job, "formula": known.formula, "fit": known.fit}
    response = fragment(request, visitor, "ingested.html", service, **told)
    response.headers["hx-trigger"] = "measured"
    return response


def _shown(request: Request, visitor: Visiting, service: Service, draft: Draft) -> Response:
    return fragment(request, visitor, "fitted.html", service, draft=draft, figures=_figures(draft), models=MODELS)


def _figures(draft: Draft) -> dict[str, dict[str, Any]]:
    """The map with its window, and the fit with its residuals, as far as there are any."""
    from campaigns.kinetics.figures import kinetics_figure, map_figure
    from campaigns.report.figures import plain

    found = {}
    if draft.maps is not None:
        found["map"] = _undressed(plain(map_figure(*draft.maps, draft.window)))
    if draft.fit is not None:
        found["fit"] = _undressed(plain(kinetics_figure(draft.fit)))
    return found


def _undressed(figure: dict[str, Any]) -> dict[str, Any]:
    """Without title and theme: the page has its own."""
    figure["layout"].pop("template", None)
    figure["layout"].pop("title", None)
    figure["layout"]["margin"] = {"l": 40, "r": 20, "t": 40, "b": 50}
    for name, axis in figure["layout"].items():
        if name.startswith(("xaxis", "yaxis")):
            axis["automargin"] = True
    return figure


def _number(text: str, what: str) -> float | None:
    """A number of a form; None for an empty field.

    Raises:
        QueryError: for anything else.
    """
    from math import isfinite

    if not text.strip():
        return None
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise QueryError(f"{what}: {text.strip()!r} is not a number")
    return value


def _range(low: str, high: str, what: str) -> tuple[float, float] | None:
    ends = _number(low, what), _number(high, what)
    if ends[0] is None and ends[1] is None:
        return None
    if ends[0] is None or ends[1] is None:
        raise QueryError(f"{what}: give both ends, or neither")
    return min(ends[0], ends[1]), max(ends[0], ends[1])


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


@router.post("/table")
def upload_table(
    request: Request,
    visitor: Editing,
    service: Service,
    registry: Registry,
    file: Annotated[UploadFile, File()],
    of_property: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Show what taking a table in would do."""
    draft = registry.tables.take(service.slug, file.filename or "", file.file.read(), of_property)
    return _preview(request, visitor, service, draft)


@router.post("/table/{draft}/look")
def look(
    request: Request,
    visitor: Editing,
    service: Service,
    registry: Registry,
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
    known = registry.tables.get(service.slug, draft)
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
    return _preview(request, visitor, service, registry.tables.read_as(known, reading))


@router.post("/table/{draft}/confirm")
def confirm_table(
    request: Request,
    visitor: Editing,
    service: Service,
    registry: Registry,
    draft: str,
    keep_going: Annotated[bool, Form()] = False,
) -> Response:
    """Take it in as it was shown, learn from it, suggest anew."""
    known = registry.tables.get(service.slug, draft)
    with acting_as(visitor.identity.name):
        result = take_in_draft(service, known, keep_going=keep_going)
    job = service.learn(visitor.identity.name) if result.added else None
    values = {"result": result, "job": job, "formula": "", "fit": None}
    response = fragment(request, visitor, "ingested.html", service, **values)
    response.headers["hx-trigger"] = "measured"
    return response


def _preview(request: Request, visitor: Visitor, service: CampaignService, draft: TableDraft) -> Response:
    preview = look_at(service, draft)
    refused = sum(row.action == "refused" for row in preview.rows)
    notes = {row.line: for_people(row.note) for row in preview.rows}
    return fragment(
        request,
        visitor,
        "table.html",
        service,
        draft=draft,
        preview=preview,
        refused=refused,
        notes=notes,
        fields=VALUE_FIELDS if draft.reading.of_property else FIELDS,
        units=UNITS,
    )
