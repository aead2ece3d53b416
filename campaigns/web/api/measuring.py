"""Measurements: tables and traces in, retractions; predictions of any compound."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Response, UploadFile
from fastapi import Path as PathParameter

from campaigns.database import acting_as
from campaigns.summary import IngestResult
from campaigns.web.access import Editor, Reader, Registry, Service, reader
from campaigns.web.api.answers import REFUSALS, ingest_out, job_out, measurement_out
from campaigns.web.api.models import IngestOut, JobOut, MeasurementOut, PredictionIn, RetractionIn, TraceOut
from campaigns.web.compounds import asked_compound
from campaigns.web.errors import QueryError
from campaigns.web.service import CampaignService
from campaigns.web.uploads import Draft, Drafts, FitSettings, Uploaded, clean_name
from chemspace import parse_formula


def uploads_of(given: Mapping[str, Sequence[UploadFile | None]]) -> list[Uploaded]:
    """The files of a request by role; empty fields of a form are passed over."""
    return [
        Uploaded(role, file.filename or "", file.file.read())
        for role, files in given.items()
        for file in files
        if file is not None and (file.filename or file.size)
    ]


def take_in_trace(service: CampaignService, draft: Draft) -> IngestResult:
    """Take the fitted lifetime of a draft into the campaign, with its raw files.

    The same files of the same compound are taken in once, however many people confirm them.

    Raises:
        QueryError: if the draft has no fit or no compound.
    """
    if draft.fit is None:
        raise QueryError(draft.problem or "there is no fit to confirm")
    if not draft.formula:
        raise QueryError("say which compound was measured")
    with service.writing() as campaign:
        return campaign.ingest_trace(draft.formula, draft.fit, draft.paths, sample=draft.sample)


def ingest_table(
    service: CampaignService,
    drafts: Drafts,
    upload: Uploaded,
    *,
    dry_run: bool = False,
    keep_going: bool = False,
    **reading: Any,
) -> IngestResult:
    """Take in a table, whole or not at all; or, where `keep_going`, the rows that are right.

    Args:
        service: the campaign's.
        drafts: whose folder the table may lie in meanwhile.
        upload: the table.
        dry_run: check everything and write nothing.
        keep_going: leave out the rows that cannot be taken in.
        reading: `campaigns.ingest.ReadingOptions`.

    Raises:
        UnconfirmedError: if columns or units had to be guessed.
        IngestError: listing every problem with its row and column.
    """
    with _as_file(drafts, upload) as path, service.writing() as campaign:
        return campaign.ingest(path, dry_run=dry_run, keep_going=keep_going, **reading)


def ingest_values(
    service: CampaignService,
    drafts: Drafts,
    upload: Uploaded,
    name: str,
    *,
    dry_run: bool = False,
    keep_going: bool = False,
    **reading: Any,
) -> IngestResult:
    """Take in a table of values of the property called `name`; the rest is as for `ingest_table`.

    Raises:
        PropertyError: if the campaign has no such property.
        IngestError: listing every problem with its row and column.
    """
    with _as_file(drafts, upload) as path, service.writing() as campaign:
        return campaign.ingest_values(path, name, dry_run=dry_run, keep_going=keep_going, **reading)


@contextmanager
def _as_file(drafts: Drafts, upload: Uploaded) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=drafts.root) as folder:
        path = Path(folder) / clean_name(upload.name)
        path.write_bytes(upload.content)
        yield path


router = APIRouter(prefix="/api/campaigns/{campaign}", responses=REFUSALS, dependencies=[Depends(reader)])

#: Formulas and names of samples as a form field.
_Formula = Annotated[str, Form(min_length=1, max_length=200)]
_Sample = Annotated[str, Form(max_length=200)]
_Mapped = Annotated[str, Form(max_length=400)]
_File = Annotated[UploadFile | None, File()]
_Files = Annotated[list[UploadFile], File()]
_Ps = Annotated[float | None, Form(ge=-1e9, le=1e9, allow_inf_nan=False)]
_Nm = Annotated[float | None, Form(ge=0.0, le=1e5, allow_inf_nan=False)]


@router.get("/measurements", tags=["measurements"])
def list_measurements(service: Service, _: Reader) -> list[MeasurementOut]:
    """The campaign's own record, retracted measurements too."""
    return [measurement_out(row) for row in service.snapshot().state.record]


@router.post("/measurements/table", tags=["measurements"], status_code=201)
def upload_table(
    service: Service,
    registry: Registry,
    known: Editor,
    file: Annotated[UploadFile, File()],
    columns: Annotated[list[_Mapped], Form(description="FIELD=COLUMN, as lifetime=tau; repeat.")] = [],  # noqa: B006  as above
    unit: Annotated[str | None, Form(max_length=10, description="Of the lifetimes: ps, fs, ns, ps^-1 ...")] = None,
    sheet: Annotated[str | None, Form(max_length=200)] = None,
    accept_guesses: Annotated[bool, Form(description="Columns and units that were recognised are right.")] = False,
    accept_extreme: Annotated[bool, Form()] = False,
    keep_going: Annotated[bool, Form(description="Take in the rows that are right, leave out the others.")] = False,
    dry_run: Annotated[bool, Form(description="Show row by row what would happen.")] = False,
    learn: Annotated[bool, Form(description="Train on it and suggest anew, in the background.")] = True,
) -> IngestOut:
    """Take in a table of measured lifetimes (columns formula, lifetime_ps and others), whole or not at all.

    Other headings and units are recognised; until they are accepted or declared the answer is 422, with a sentence for
    each."""
    upload = Uploaded("table", file.filename or "", file.file.read())
    reading = {
        "columns": mapping_of(columns, "lifetime=tau"),
        "unit": unit or None,
        "sheet": sheet or None,
        "accept_guesses": accept_guesses,
        "accept_extreme": accept_extreme,
    }
    with acting_as(known.name):
        result = ingest_table(service, registry.drafts, upload, dry_run=dry_run, keep_going=keep_going, **reading)
    job = service.learn(known.name) if learn and result.added and not dry_run else None
    return ingest_out(result, job)


@router.post("/measurements/trace", tags=["measurements"], status_code=201)
def upload_trace(
    service: Service,
    registry: Registry,
    known: Editor,
    formula: _Formula,
    sc: _File = None,
    cc: _File = None,
    trace: _File = None,
    sc_map: _Files = [],  # noqa: B006  FastAPI copies it
    cc_map: _Files = [],  # noqa: B006
    sample: _Sample = "",
    irf_fwhm_ps: _Ps = None,
    time_zero_ps: _Ps = None,
    window_low_nm: _Nm = None,
    window_high_nm: _Nm = None,
    exclude_from_ps: _Ps = None,
    exclude_to_ps: _Ps = None,
    delay_unit: Annotated[str | None, Form(pattern="^(fs|ps|ns|us|s)$")] = None,
    model: Annotated[str, Form(max_length=40)] = "auto",
    dry_run: Annotated[bool, Form()] = False,
    learn: Annotated[bool, Form()] = True,
) -> TraceOut:
    """Fit the SC and CC traces (or maps) of one crystal and take the lifetime in; `dry_run` only fits."""
    compound = parse_formula(formula, service.front.names)
    settings = FitSettings(
        irf_fwhm_ps=irf_fwhm_ps,
        time_zero_ps=time_zero_ps,
        window_nm=_pair(window_low_nm, window_high_nm, "window_low_nm and window_high_nm"),
        exclude_ps=_pair(exclude_from_ps, exclude_to_ps, "exclude_from_ps and exclude_to_ps"),
        delay_unit=delay_unit,
        model=model,
    )
    uploads = uploads_of({"sc": [sc], "cc": [cc], "trace": [trace], "sc_map": sc_map, "cc_map": cc_map})
    draft = registry.drafts.take(service.slug, known.name, compound.formula, sample, uploads, settings)
    try:
        return _taken_in(service, known, draft, dry_run=dry_run, learn=learn)
    finally:
        registry.drafts.drop(draft)


@router.post("/measurements/{number}/retraction", tags=["measurements"], status_code=201)
def retract(
    service: Service, known: Editor, number: Annotated[int, PathParameter(ge=1, le=1_000_000_000)], told: RetractionIn
) -> MeasurementOut:
    """Take a measurement back: it stays in the record, and the next fit does not see it."""
    with acting_as(known.name), service.writing() as campaign:
        return measurement_out(campaign.retract(number, told.reason))


@router.post("/predictions", tags=["predictions"], status_code=202)
def predict(service: Service, known: Reader, asked: PredictionIn, response: Response) -> JobOut:
    """Predict a compound: a job, whose result is the prediction. xTB runs where a cation is new. Changes nothing."""
    job = service.predict(known.name, asked_compound(service, asked))
    response.headers["location"] = f"/api/jobs/{job.id}"
    return job_out(job)


def _taken_in(service: Service, known: Editor, draft: Draft, *, dry_run: bool, learn: bool) -> TraceOut:
    if draft.fit is None:
        raise QueryError(draft.problem)
    if dry_run:
        return TraceOut(formula=draft.formula, fit=draft.fit.to_dict(), ingest=None)
    with acting_as(known.name):
        result = take_in_trace(service, draft)
    job = service.learn(known.name) if learn and result.added else None
    return TraceOut(formula=draft.formula, fit=draft.fit.to_dict(), ingest=ingest_out(result, job))


def mapping_of(pairs: list[str], example: str) -> dict[str, str]:
    """Column of each field, from FIELD=COLUMN each.

    Raises:
        QueryError: for one that is not so.
    """
    if wrong := [pair for pair in pairs if "=" not in pair]:
        raise QueryError(f"{wrong[0]!r} is no mapping; write FIELD=COLUMN, as {example}")
    return {name.strip(): column.strip() for name, _, column in (pair.partition("=") for pair in pairs)}


def _pair(low: float | None, high: float | None, names: str) -> tuple[float, float] | None:
    if (low is None) != (high is None):
        raise QueryError(f"give both of {names}, or neither")
    return None if low is None or high is None else (min(low, high), max(low, high))
