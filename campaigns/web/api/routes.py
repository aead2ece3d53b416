"""REST: campaigns, suggestions, outcomes, the ranking, events, jobs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response

from campaigns.config import CampaignConfig
from campaigns.database import acting_as
from campaigns.events import RuledOut, Stage, Step
from campaigns.summary import SuggestionBatch
from campaigns.web.access import Editor, Reader, Registry, Service, reader
from campaigns.web.api.compounds import compound_of, history_of
from campaigns.web.api.models import (
    MANY,
    REFUSALS,
    AmendmentIn,
    AmendmentOut,
    BatchOut,
    CampaignOut,
    CompoundOut,
    DeclineIn,
    EventOut,
    EventsOut,
    OutcomeIn,
    PropertyOut,
    RankingOut,
    RankPage,
    SuggestIn,
    SuggestionOut,
    UndoIn,
    UndoOut,
)
from campaigns.web.errors import ForbiddenError
from campaigns.web.jobs import Job
from campaigns.web.service import CampaignService

router = APIRouter(prefix="/api", responses=REFUSALS, dependencies=[Depends(reader)])


@router.get("/campaigns", tags=["campaigns"])
def list_campaigns(registry: Registry, _: Reader) -> list[CampaignOut]:
    """Every campaign of this server."""
    return [_campaign(service) for service in registry]


@router.get("/campaigns/{campaign}", tags=["campaigns"])
def show_campaign(service: Service, _: Reader) -> CampaignOut:
    """Where one campaign stands, with the score card of its model."""
    return _campaign(service)


@router.get("/campaigns/{campaign}/suggestions", tags=["suggestions"])
def show_suggestions(
    service: Service,
    _: Reader,
    round: Annotated[int | None, Query(ge=1, le=MANY, description="Default: the last.")] = None,
) -> BatchOut:
    """The suggestions of a round."""
    return _batch(service, service.snapshot().round(round))


@router.post("/campaigns/{campaign}/suggestions", tags=["suggestions"], status_code=202)
def make_suggestions(service: Service, editor: Editor, wanted: SuggestIn, response: Response) -> Job:
    """Suggest what to make next: a job, whose result names the round. Asked again, it is the recorded one."""
    job = service.suggest(editor.name, wanted.batch_size, wanted.seed, more=wanted.more)
    response.headers["location"] = f"/api/jobs/{job.id}"
    return job


@router.get("/campaigns/{campaign}/outcomes", tags=["outcomes"])
def list_outcomes(service: Service, _: Reader) -> list[Step]:
    """Every step in the lives of compounds, oldest first."""
    return list(service.snapshot().state.steps)


@router.post("/campaigns/{campaign}/outcomes", tags=["outcomes"], status_code=201)
def record_outcome(service: Service, editor: Editor, told: OutcomeIn) -> Step:
    """Accept or decline a suggestion, or say how its synthesis stands or ended."""
    with acting_as(editor.name), service.writing() as campaign:
        return campaign.step(told.formula, Stage(told.stage), reason=told.reason.strip(), made=told.made.strip())


@router.get("/campaigns/{campaign}/declines", tags=["outcomes"])
def list_declines(service: Service, _: Reader) -> list[RuledOut]:
    """The cations that are not used, oldest first."""
    return list(service.snapshot().state.ruled_out)


@router.post("/campaigns/{campaign}/declines", tags=["outcomes"], status_code=201)
def decline_cation(service: Service, editor: Editor, told: DeclineIn) -> RuledOut:
    """Leave every compound with a cation in one place out of all rounds to come."""
    with acting_as(editor.name), service.writing() as campaign:
        return campaign.decline_cation(told.cation, told.reason.strip(), place=told.place)


@router.get("/campaigns/{campaign}/description", tags=["campaigns"])
def show_description(service: Service, _: Reader) -> dict[str, Any]:
    """The present description in its sections, without what is as by default; libraries by their names."""
    return service.snapshot().state.config.in_sections()


@router.post("/campaigns/{campaign}/amendments", tags=["campaigns"])
def amend(service: Service, editor: Editor, asked: AmendmentIn) -> AmendmentOut:
    """Change the description while the campaign runs: results, outcomes, what is awaited and declined stay."""
    config = CampaignConfig.parse(asked.description)
    given = {name: text.encode() for name, text in asked.libraries.items()}
    named = [one.name for one in config.libraries] if "libraries" in config.model_fields_set else None
    with acting_as(editor.name), service.writing() as campaign:
        config = _with_hooks_of(campaign.config, config)
        libraries = None
        if named is not None:  # never a file of the server's own
            libraries = [(name, given[name]) if name in given else campaign.library_file(name) for name in named]
        told = campaign.amendment(config, libraries=libraries)
        if asked.confirmed:
            told = campaign.amend(config, libraries=libraries, reason=asked.reason.strip(), confirmed=True)
    return AmendmentOut(stored=asked.confirmed and bool(told.changes), **told.to_dict())


def _with_hooks_of(present: CampaignConfig, config: CampaignConfig) -> CampaignConfig:
    """A description that says nothing of hooks with those there are: they let the server post and run programs.

    Raises:
        ForbiddenError: if it has others.
    """
    if "hooks" in config.model_fields_set and config.hooks != present.hooks:
        raise ForbiddenError("hooks are changed on the server's own command line: spinscreen amend CAMPAIGN")
    return config.model_copy(update={"hooks": present.hooks})


@router.post("/campaigns/{campaign}/events/{number}/undo", tags=["events"], status_code=201)
def undo(service: Service, editor: Editor, number: Annotated[int, Path(ge=1, le=MANY)], why: UndoIn) -> UndoOut:
    """Undo what was recorded by mistake. Where later events stand on it, they are listed (409) until confirmed."""
    with acting_as(editor.name), service.writing() as campaign:
        what = campaign.undo(number, why.reason.strip(), confirmed=why.confirmed)
    return UndoOut(event=number, what=what)


@router.get("/campaigns/{campaign}/ranking", tags=["ranking"])
def show_ranking(service: Service, _: Reader, query: Annotated[RankPage, Query()]) -> RankingOut:
    """One page of the ranking of the whole space, best first."""
    total, rows = service.ranked(query, query.page, query.size)
    return RankingOut(total=total, page=query.page, size=query.size, rows=rows)


@router.get("/campaigns/{campaign}/compound", tags=["ranking"])
def show_compound(
    service: Service, _: Reader, formula: Annotated[str, Query(min_length=1, max_length=200)]
) -> CompoundOut:
    """What is known of one compound without computing anything new."""
    about = compound_of(service, formula)
    return CompoundOut(
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
    offset: Annotated[int, Query(ge=0, le=MANY)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> EventsOut:
    """What happened, newest first."""
    events = service.events()
    total = len(events)
    newest = events[max(0, total - offset - limit) : max(0, total - offset)][::-1]
    undone = service.undone()
    told = [EventOut(**event, is_undone=int(event["number"]) in undone) for event in newest]  # type: ignore[arg-type]
    return EventsOut(total=total, events=told)


@router.get("/jobs/{job}", tags=["jobs"])
def show_job(job: str, registry: Registry, _: Reader) -> Job:
    """How far a job is."""
    return registry.queue.get(job)


@router.get("/campaigns/{campaign}/jobs", tags=["jobs"])
def list_jobs(service: Service, _: Reader) -> list[Job]:
    """The jobs of one campaign, newest first."""
    return list(service.queue.of(service.slug))


def properties_out(service: CampaignService) -> list[PropertyOut]:
    """The further measured properties, with what the last fit says of their models."""
    snapshot = service.snapshot()
    fitted = {} if snapshot.last_fit is None else snapshot.last_fit.properties
    return [
        PropertyOut(**{"name": name, "grade": None, "scores": {}, **counted, **fitted.get(name, {})})
        for name, counted in snapshot.properties.items()
    ]


def _campaign(service: CampaignService) -> CampaignOut:
    """Where a campaign stands."""
    snapshot, fit = service.snapshot(), service.snapshot().last_fit
    state = snapshot.state
    return CampaignOut(
        id=service.slug,
        title=service.title,
        created_at=state.created_at.isoformat(timespec="seconds"),
        n_compounds=len(service.campaign.space),
        n_measured=snapshot.n_measured,
        n_ingested=len(state.measurements),
        rounds=len(state.batches),
        pending=state.pending,
        stages=dict(snapshot.stages),
        best_observed=snapshot.best_observed,
        best_predicted=None if fit is None else fit.best_predicted,
        fit=fit,
        properties={name: counted["n_values"] for name, counted in snapshot.properties.items()},
        track_record=service.kept(("track record", state.last_event), service.campaign.track_record),
    )


def _batch(service: CampaignService, batch: SuggestionBatch) -> BatchOut:
    """One round, each compound with where it stands now."""
    snapshot = service.snapshot()
    return BatchOut(
        round=batch.number,
        seed=batch.seed,
        is_outdated=snapshot.is_outdated if batch is snapshot.batch else True,
        suggestions=[SuggestionOut(**dict(s), stage=snapshot.stages[s.formula]) for s in batch.suggestions],
    )
