"""REST: campaigns, suggestions, outcomes, what is measured, the ranking, predictions, events, jobs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, File, Path, Query, Response

from campaigns.config import CampaignConfig
from campaigns.database import acting_as
from campaigns.errors import NotReadyError, QueryError
from campaigns.events import Stage
from campaigns.ingest import ReadingOptions
from campaigns.intake import require_confirmed
from campaigns.kinetics.measurement import TraceSettings
from campaigns.records import geometries, starting_structure
from campaigns.state import CampaignState
from campaigns.summary import IngestResult, RuledOut, Step
from campaigns.targets import named_target, target_of
from campaigns.web import models
from campaigns.web.jobs import Job
from campaigns.web.models import PredictionIn
from campaigns.web.registry import CampaignRegistry, Editor, Reader, Registry, Service, reader
from campaigns.web.service import CampaignService
from campaigns.web.settings import Identity
from campaigns.web.uploads import read_results, take_in_trace
from chemspace import Cation, CationLibrary, Compound, parse_formula
from chemspace.geometry import mmff_geometry

#: What a row of values says of lifetimes.
_BLANK = {"lifetime_ps": None, "lifetime_stderr_ps": None, "is_upper_bound": False}

router = APIRouter(prefix="/api", responses=models.REFUSALS, dependencies=[Depends(reader)])


Name = Annotated[str, Path(min_length=1, max_length=100, description="As in the campaign's description.")]
Number = Annotated[int, Path(ge=1, le=models.MANY)]
Task = Annotated[str | None, Query(max_length=100, description="Not our own lifetimes but those of a related task.")]


@router.get("/campaigns", tags=["campaigns"])
def list_campaigns(registry: Registry, _: Reader) -> list[models.CampaignOut]:
    """Every campaign of this server."""
    return [_campaign(service) for service in registry]


@router.get("/campaigns/{campaign}", tags=["campaigns"])
def show_campaign(service: Service, _: Reader) -> models.CampaignOut:
    """Where one campaign stands, with the score card of its model."""
    return _campaign(service)


@router.get("/campaigns/{campaign}/suggestions", tags=["suggestions"])
def show_suggestions(
    service: Service,
    _: Reader,
    round: Annotated[int | None, Query(ge=1, le=models.MANY, description="Default: the last.")] = None,
) -> models.BatchOut:
    """The suggestions of a round."""
    snapshot = service.snapshot()
    batch = snapshot.round(round)
    return models.BatchOut(
        round=batch.number,
        seed=batch.seed,
        is_outdated=snapshot.is_outdated if batch is snapshot.batch else True,
        shortfall=batch.shortfall,
        suggestions=[models.SuggestionOut(**dict(s), stage=snapshot.stages[s.formula]) for s in batch.suggestions],
    )


@router.post("/campaigns/{campaign}/suggestions", tags=["suggestions"], status_code=202)
def make_suggestions(service: Service, editor: Editor, wanted: models.SuggestIn, response: Response) -> Job:
    """Suggest what to make next: a job, whose result names the round. Asked again, it is the recorded one."""
    job = service.suggest(editor.name, wanted.batch_size, wanted.seed, more=wanted.more)
    response.headers["location"] = f"/api/jobs/{job.id}"
    return job


@router.get("/campaigns/{campaign}/outcomes", tags=["outcomes"])
def list_outcomes(service: Service, _: Reader) -> list[Step]:
    """Every step in the lives of compounds, oldest first."""
    return list(service.snapshot().state.steps)


@router.post("/campaigns/{campaign}/outcomes", tags=["outcomes"], status_code=201)
def record_outcome(service: Service, editor: Editor, told: models.OutcomeIn) -> Step:
    """Accept or decline a suggestion, or say how its synthesis stands or ended."""
    with acting_as(editor.name), service.writing() as campaign:
        return campaign.step(told.formula, Stage(told.stage), reason=told.reason.strip(), made=told.made.strip())


@router.get("/campaigns/{campaign}/declines", tags=["outcomes"])
def list_declines(service: Service, _: Reader) -> list[RuledOut]:
    """The cations that are not used, oldest first."""
    return list(service.snapshot().state.ruled_out)


@router.post("/campaigns/{campaign}/declines", tags=["outcomes"], status_code=201)
def decline_cation(service: Service, editor: Editor, told: models.DeclineIn) -> RuledOut:
    """Leave every compound with a cation in one place out of all rounds to come."""
    with acting_as(editor.name), service.writing() as campaign:
        return campaign.decline_cation(told.cation, told.reason.strip(), place=told.place)


@router.get("/campaigns/{campaign}/description", tags=["campaigns"])
def show_description(service: Service, _: Reader) -> dict[str, Any]:
    """The present description in its sections, without what is as by default; libraries by their names."""
    return service.snapshot().state.config.in_sections()


@router.post("/campaigns/{campaign}/amendments", tags=["campaigns"])
def amend(service: Service, editor: Editor, asked: models.AmendmentIn) -> models.AmendmentOut:
    """Change the description while the campaign runs: results, outcomes, what is awaited and declined stay."""
    given = {name: text.encode("utf-8", "surrogatepass") for name, text in asked.libraries.items()}
    config = CampaignConfig.parse(asked.description)
    told, is_stored = service.amend(config, given, editor.name, asked.reason.strip(), lambda _: asked.confirmed)
    return models.AmendmentOut(stored=is_stored, **told.to_dict())


@router.post("/campaigns/{campaign}/events/{number}/undo", tags=["events"], status_code=201)
def undo(service: Service, editor: Editor, number: Number, why: models.UndoIn) -> models.UndoOut:
    """Undo what was recorded by mistake. Where later events stand on it, they are listed (409) until confirmed."""
    with acting_as(editor.name), service.writing() as campaign:
        what = campaign.undo(number, why.reason.strip(), confirmed=why.confirmed)
    return models.UndoOut(event=number, what=what)


@router.get("/campaigns/{campaign}/ranking", tags=["ranking"])
def show_ranking(service: Service, _: Reader, query: Annotated[models.RankPage, Query()]) -> models.RankingOut:
    """One page of the ranking of the whole space, best first."""
    total, rows = service.ranked(query, query.page, query.size)
    return models.RankingOut(total=total, page=query.page, size=query.size, rows=rows)


@router.get("/campaigns/{campaign}/compound", tags=["ranking"])
def show_compound(
    service: Service, _: Reader, formula: Annotated[str, Query(min_length=1, max_length=200)]
) -> models.CompoundOut:
    """What is known of one compound without computing anything new."""
    about = compound_of(service, formula)
    return models.CompoundOut(
        formula=about.compound.formula,
        index=about.index,
        stage=about.stage,
        phase=about.compound.phase,
        n_layers=about.compound.n_layers,
        molar_mass_g_mol=about.compound.molar_mass_g_mol,
        numbers=about.numbers,
        measured_ps=list(about.measured_ps),
        bounds_ps=list(about.bounds_ps),
        history=list(history_of(service, about.compound.formula)),
    )


@router.get("/campaigns/{campaign}/events", tags=["events"])
def list_events(
    service: Service,
    _: Reader,
    offset: Annotated[int, Query(ge=0, le=models.MANY)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> models.EventsOut:
    """What happened, newest first."""
    events = service.events()
    total = len(events)
    newest = events[max(0, total - offset - limit) : max(0, total - offset)][::-1]
    undone = service.undone()
    told = [models.EventOut(**event, is_undone=int(event["number"]) in undone) for event in newest]  # type: ignore[arg-type]
    return models.EventsOut(total=total, events=told)


@router.get("/campaigns/{campaign}/measurements", tags=["measurements"])
def list_measurements(service: Service, _: Reader, task: Task = None) -> list[models.MeasurementOut]:
    """The campaign's own record, or that of a related task, retracted measurements too."""
    state = service.snapshot().state
    rows = state.records.get(named_target(state.config, None, task).name, ())
    return [models.MeasurementOut(**row.to_dict()) for row in rows]


@router.post(
    "/campaigns/{campaign}/measurements/table", tags=["measurements"], status_code=201, response_model=models.IngestOut
)
def upload_table(
    service: Service, registry: Registry, editor: Editor, form: Annotated[models.TableForm, File()]
) -> Response:
    """Take in a table of measured lifetimes (columns formula, lifetime_ps and others), whole or not at all.

    Other headings and units are recognised; until they are accepted or declared the answer is 422, with a sentence for
    each."""
    return _table(service, registry, editor, form, named_target(service.campaign.config, None, form.task).name)


@router.post("/campaigns/{campaign}/measurements/trace", tags=["measurements"], status_code=201)
def upload_trace(
    service: Service, registry: Registry, editor: Editor, form: Annotated[models.TraceForm, File()]
) -> models.TraceOut:
    """Fit the SC and CC traces (or maps) of one crystal and take the lifetime in; `dry_run` only fits."""
    formula = parse_formula(form.formula, service.campaign.names).formula
    settings = TraceSettings.model_validate(form)
    upload = registry.uploads.traces(service.slug, formula, form.sample, form.files(), settings)
    try:
        if upload.fit is None:
            raise QueryError(upload.problem)
        fit = upload.fit.to_dict()
        if form.dry_run:
            return models.TraceOut(formula=formula, fit=fit, ingest=None)
        require_confirmed(
            upload.fit, upload.file_names, accept_warnings=form.accept_warnings, accept_extreme=form.accept_extreme
        )
        with acting_as(editor.name):
            result = take_in_trace(service, upload, accept_extreme=form.accept_extreme)
        return models.TraceOut(formula=formula, fit=fit, ingest=_ingested(service, editor, result, form))
    finally:
        registry.uploads.drop(upload)


@router.post("/campaigns/{campaign}/measurements/{number}/retraction", tags=["measurements"], status_code=201)
def retract(
    service: Service, editor: Editor, number: Number, told: models.RetractionIn, task: Task = None
) -> models.MeasurementOut:
    """Take a measurement back: it stays in the record, and the next fit does not see it."""
    with acting_as(editor.name), service.writing() as campaign:
        target = named_target(campaign.config, None, task).name
        return models.MeasurementOut(**campaign.retract(number, told.reason, target).to_dict())


@router.get("/campaigns/{campaign}/properties", tags=["properties"])
def list_properties(service: Service, _: Reader) -> list[models.PropertyOut]:
    """The further measured properties of the campaign, with the verdict on the model of each."""
    snapshot = service.snapshot()
    fitted = {} if snapshot.last_fit is None else snapshot.last_fit.properties
    return [
        models.PropertyOut(**{"name": name, "grade": None, "scores": {}, **counted, **fitted.get(name, {})})
        for name, counted in snapshot.properties.items()
    ]


@router.get("/campaigns/{campaign}/properties/{property}/values", tags=["properties"])
def list_values(service: Service, _: Reader, property: Name) -> list[models.ValueOut]:
    """Every value of a property, the launch's table first, retracted ones too."""
    state = service.snapshot().state
    target = target_of(state.config, property)
    return [models.ValueOut(**row.to_dict()) for row in state.records[target.name]]


@router.post(
    "/campaigns/{campaign}/properties/{property}/table",
    tags=["properties"],
    status_code=201,
    response_model=models.IngestOut,
)
def upload_values(
    service: Service, registry: Registry, editor: Editor, property: Name, form: Annotated[models.ValuesForm, File()]
) -> Response:
    """Take in a table of values (columns compound, value and, if known, error, sample), whole or not at all."""
    return _table(service, registry, editor, form, property)


@router.post(
    "/campaigns/{campaign}/properties/{property}/values/{number}/retraction", tags=["properties"], status_code=201
)
def retract_value(
    service: Service, editor: Editor, property: Name, number: Number, told: models.RetractionIn
) -> models.ValueOut:
    """Take a value back, one of the launch's table too: it stays in the record, and the next fit does not see it."""
    with acting_as(editor.name), service.writing() as campaign:
        return models.ValueOut(**campaign.retract(number, told.reason, property).to_dict())


@router.post("/campaigns/{campaign}/predictions", tags=["predictions"], status_code=202)
def predict(service: Service, reader: Reader, asked: models.PredictionIn, response: Response) -> Job:
    """Predict a compound: a job, whose result is the prediction. xTB runs where a cation is new. Changes nothing."""
    job = service.predict(reader, asked_compound(service, asked))
    response.headers["location"] = f"/api/jobs/{job.id}"
    return job


def _table(
    service: CampaignService, registry: CampaignRegistry, editor: Identity, form: models.ValuesForm, target: str
) -> Response:
    options = form.reading()
    reading = cast(ReadingOptions, {name: options[name] for name in options.keys() - {"dry_run", "keep_going"}})
    with registry.uploads.as_file(form.table()) as path:
        table = read_results(service, path, target_of(service.campaign.config, target), reading)
    at_work = service.reading() if form.dry_run else service.writing()
    with acting_as(editor.name), at_work as campaign:
        result = campaign.ingest(table, target, expected=service.expected, **options)
    told = _ingested(service, editor, replace(result, rows=()), form)
    # Row by row: one call for 100,000 of them would hold up whoever reads.
    rows = ",".join(models.RowOut(**(_BLANK | row)).model_dump_json() for row in result.to_dict()["rows"])
    content = told.model_dump_json().replace('"rows":[]', f'"rows":[{rows}]', 1)
    return Response(content, 201, media_type="application/json")


def _ingested(
    service: CampaignService, editor: Identity, result: IngestResult, form: models.ValuesForm | models.TraceForm
) -> models.IngestOut:
    """What an upload brought, without its rows; it is learnt from where anything came in and the form lets it."""
    learns = form.learn and not form.dry_run and (result.changed or service.campaign.is_behind())
    job = service.learn(editor.name) if learns else None
    return models.IngestOut(**result.to_dict(), job=None if job is None else job.id)


@router.get("/jobs/{job}", tags=["jobs"])
def show_job(job: str, registry: Registry, _: Reader) -> Job:
    """How far a job is."""
    return registry.queue.get(job)


@router.get("/campaigns/{campaign}/jobs", tags=["jobs"])
def list_jobs(service: Service, _: Reader) -> list[Job]:
    """The jobs of one campaign, newest first."""
    return list(service.queue.of(service.slug))


def _campaign(service: CampaignService) -> models.CampaignOut:
    """Where a campaign stands."""
    snapshot, fit = service.snapshot(), service.snapshot().last_fit
    state = snapshot.state
    return models.CampaignOut(
        id=service.slug,
        title=service.title,
        created_at=state.created_at.isoformat(timespec="seconds"),
        n_compounds=service.campaign.n_compounds,
        n_measured=snapshot.n_measured,
        n_ingested=len(state.measurements),
        rounds=len(state.batches),
        pending=state.pending,
        stages=dict(snapshot.stages),
        best_observed=snapshot.best_observed,
        best_predicted=None if fit is None else fit.best_predicted,
        best_predicted_is=snapshot.best_predicted_is,
        fit=fit,
        properties={name: counted["n_values"] for name, counted in snapshot.properties.items()},
        track_record=service.track_record(),
        nothing_left=snapshot.nothing_left,
    )


def cation_xyz(service: CampaignService, cation: Cation) -> str:
    """An XYZ block, angstrom: the oracle's conformer, or an MMFF94 one. Raises GeometryError if there is neither."""
    record = service.records([cation]).get(cation.inchikey)
    if record is not None and record.geometry:
        return record.geometry
    mol, positions = mmff_geometry(cation)
    lines = [
        f"{atom.GetSymbol()} {x:.5f} {y:.5f} {z:.5f}" for atom, (x, y, z) in zip(mol.GetAtoms(), positions, strict=True)
    ]
    return f"{len(lines)}\n{cation.abbreviation}, MMFF94\n" + "\n".join(lines) + "\n"


def structure_cif(service: CampaignService, compound: Compound, tilted: bool) -> str:
    """An idealised crystal as CIF, cations by xTB. GeometryError as `campaigns.records.starting_structure`."""
    records = service.records([cation for cation, _ in compound.cation_counts])
    text: str = starting_structure(compound, records, tilted).to(fmt="cif")
    return text


def structure_scene(service: CampaignService, compound: Compound) -> dict[str, Any]:
    """The same as the browser draws it. Raises as `structure_cif`."""
    from campaigns.report.card import crystal_scene

    records = service.records([cation for cation, _ in compound.cation_counts])
    return crystal_scene(compound, geometries(compound, records))


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a compound; index and numbers are None outside the space, `stage` where nobody mentioned it."""

    compound: Compound
    index: int | None
    stage: Stage | None
    numbers: dict[str, Any] | None
    measured_ps: tuple[float, ...]
    bounds_ps: tuple[float, ...]
    rounds: tuple[int, ...]
    values: tuple[tuple[str, tuple[float, ...]], ...] = ()


def compound_of(service: CampaignService, formula: str) -> About:
    """What is known of the compound that `formula` names. Raises ChemspaceError for a formula that cannot be read."""
    compound = parse_formula(formula, service.campaign.names)
    snapshot, space = service.snapshot(), service.campaign.space
    index = space.index(compound) if compound in space else None
    try:
        numbers = None if index is None else service.searcher().index.row(index)
    except NotReadyError:
        numbers = None
    name = compound.formula
    state = snapshot.state
    values = service.kept(("values", state.last_event), lambda: _values(state, service.campaign.names))
    return About(
        compound=compound,
        index=index,
        stage=snapshot.stages.get(name),
        numbers=numbers,
        measured_ps=snapshot.measured.get(name, ()),
        bounds_ps=snapshot.bounds.get(name, ()),
        rounds=tuple(b.number for b in snapshot.state.batches if any(s.formula == name for s in b.suggestions)),
        values=tuple(values.get(name, ())),
    )


def history_of(service: CampaignService, formula: str) -> tuple[Step, ...]:
    """The steps in the life of one compound, oldest first."""
    return tuple(step for step in service.snapshot().state.steps if formula in (step.formula, step.made))


def _values(state: CampaignState, names: CationLibrary) -> dict[str, list[tuple[str, tuple[float, ...]]]]:
    """Of each compound, its values of each further property; tables of the launch write its formula as they like."""
    found: dict[str, list[tuple[str, tuple[float, ...]]]] = {}
    for name in state.config.properties:
        values: dict[str, tuple[float, ...]] = {}
        for row in state.records[name]:
            if row.retracted is None:
                formula = parse_formula(row.observation.formula, names).formula
                values[formula] = (*values.get(formula, ()), row.observation.value)
        for formula, told in values.items():
            found.setdefault(formula, []).append((name, told))
    return found


def asked_compound(service: CampaignService, asked: PredictionIn) -> Compound:
    """The compound of a formula, or of a spacer's SMILES. QueryError for both or neither, ChemspaceError."""
    names = service.campaign.names
    if (asked.formula is None) == (asked.smiles is None):
        raise QueryError("give a formula, or the SMILES of a spacer")
    if asked.formula is not None:
        return parse_formula(asked.formula, names)
    assert asked.smiles is not None
    cation = Cation.from_catalogue(asked.smiles, abbreviation=asked.abbreviation or None)
    spacer = names.get_by_inchikey(cation.inchikey) or cation  # by the name it has here, where it is known
    if asked.n_layers > 1 and not asked.cage:
        raise QueryError(f"n = {asked.n_layers} needs a cage cation, such as MA")
    cage = names[asked.cage] if asked.cage and asked.n_layers > 1 else None
    return Compound.of(spacer, cage, asked.n_layers, asked.b_site, asked.halide)
