"""Two traces in, a lifetime with an error bar out: upload, look, correct, confirm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Query, Request, UploadFile
from fastapi.responses import Response

from campaigns.database import acting_as
from campaigns.events import Stage
from campaigns.web.access import AnyDesk, CurrentOffice, Editing, Visiting
from campaigns.web.api.measuring import confirm, uploads_of
from campaigns.web.errors import QueryError
from campaigns.web.pages.render import fragment, page
from campaigns.web.uploads import Draft, FitSettings
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
    request: Request, visitor: Visiting, desk: AnyDesk, formula: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """The form for files, and the record."""
    standing = desk.standing()
    waiting = sorted(
        ((f, s) for f, s in standing.stages.items() if s in _EXPECTED), key=lambda pair: _EXPECTED.index(pair[1])
    )
    return page(
        request,
        visitor,
        "measure.html",
        desk,
        tab="measure",
        waiting=waiting,
        formula=formula,
        record=standing.state.record[::-1][:50],
        properties=standing.properties,
    )


@dataclass(frozen=True, slots=True)
class Label:
    """What was measured, as the form says: canonical formula ("" where none is given), the lab's name for it."""

    formula: str
    sample: str


# Coroutines, though none of them waits: the framework would send plain functions to another thread, one by one.
async def label_of(desk: AnyDesk, formula: _Formula = "", sample: _Formula = "") -> Label:
    """The label in a form."""
    name = parse_formula(formula, desk.front.names).formula if formula.strip() else ""
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
    desk: AnyDesk,
    office: CurrentOffice,
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
    draft = office.drafts.take(desk.slug, visitor.identity.name, label.formula, label.sample, given, settings)
    return _shown(request, visitor, desk, draft)


@router.post("/{draft}/fit")
def refit(
    request: Request,
    visitor: Editing,
    desk: AnyDesk,
    office: CurrentOffice,
    draft: str,
    label: Labelled,
    settings: Settled,
) -> Response:
    """Fit the same files in another way."""
    known = office.drafts.relabel(office.drafts.get(desk.slug, draft), label.formula, label.sample)
    return _shown(request, visitor, desk, office.drafts.refit(known, settings))


@router.post("/{draft}/confirm")
def confirmed(
    request: Request, visitor: Editing, desk: AnyDesk, office: CurrentOffice, draft: str, label: Labelled
) -> Response:
    """Take the fitted lifetime in, learn from it, suggest anew."""
    known = office.drafts.get(desk.slug, draft)
    known = office.drafts.relabel(known, label.formula or known.formula, label.sample)
    with acting_as(visitor.identity.name):
        result = confirm(desk, known)
    job = desk.learn(visitor.identity.name) if result.added else None
    told = {"result": result, "job": job, "formula": known.formula, "fit": known.fit}
    response = fragment(request, visitor, "ingested.html", desk, **told)
    response.headers["hx-trigger"] = "measured"
    return response


def _shown(request: Request, visitor: Visiting, desk: AnyDesk, draft: Draft) -> Response:
    return fragment(request, visitor, "fitted.html", desk, draft=draft, figures=_figures(draft), models=MODELS)


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
