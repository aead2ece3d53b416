"""Campaigns, suggestions, outcomes, the ranking, events, jobs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from campaigns.database import acting_as
from campaigns.events import Stage
from campaigns.web.access import Editor, Reader, Registry, Service, reader
from campaigns.web.api.answers import REFUSALS, answer, batch_out, campaign_out, job_out, ranked_out, step_out
from campaigns.web.api.models import (
    BatchOut,
    CampaignOut,
    CompoundOut,
    EventOut,
    EventsOut,
    JobOut,
    OutcomeIn,
    RankingOut,
    StepOut,
    SuggestIn,
)
from campaigns.web.compounds import compound_of, history_of
from campaigns.web.query import MAX_SIZE
from campaigns.web.query import Query as RankQuery

router = APIRouter(prefix="/api", responses=REFUSALS, dependencies=[Depends(reader)])

_MANY = 1_000_000_000


@router.get("/campaigns", tags=["campaigns"])
def list_campaigns(registry: Registry, _: Reader) -> list[CampaignOut]:
    """Every campaign of this server."""
    return [campaign_out(service) for service in registry]


@router.get("/campaigns/{campaign}", tags=["campaigns"], response_model=CampaignOut)
def show_campaign(service: Service, _: Reader) -> Response:
    """Where one campaign stands, with the score card of its model."""
    return answer(campaign_out(service))


@router.get("/campaigns/{campaign}/suggestions", tags=["suggestions"])
def show_suggestions(
    service: Service,
    _: Reader,
    round: Annotated[int | None, Query(ge=1, le=_MANY, description="Default: the last.")] = None,
) -> BatchOut:
    """The suggestions of a round."""
    return batch_out(service, service.snapshot().round(round))


@router.post("/campaigns/{campaign}/suggestions", tags=["suggestions"], status_code=202)
def make_suggestions(service: Service, known: Editor, wanted: SuggestIn, response: Response) -> JobOut:
    """Suggest what to make next: a job, whose result names the round. Asked again, it is the recorded one."""
    job = service.suggest(known.name, wanted.batch_size, wanted.seed, more=wanted.more)
    response.headers["location"] = f"/api/jobs/{job.id}"
    return job_out(job)


@router.get("/campaigns/{campaign}/outcomes", tags=["outcomes"])
def list_outcomes(service: Service, _: Reader) -> list[StepOut]:
    """Every step in the lives of compounds, oldest first."""
    return [step_out(step) for step in service.snapshot().state.steps]


@router.post("/campaigns/{campaign}/outcomes", tags=["outcomes"], status_code=201)
def record_outcome(service: Service, known: Editor, told: OutcomeIn) -> StepOut:
    """Accept or decline a suggestion, or say how its synthesis stands or ended."""
    with acting_as(known.name), service.writing() as campaign:
        step = campaign.step(told.formula, Stage(told.stage), reason=told.reason.strip(), made=told.made.strip())
    return step_out(step)


@router.get("/campaigns/{campaign}/ranking", tags=["ranking"], response_model=RankingOut)
def show_ranking(
    service: Service,
    _: Reader,
    page: Annotated[int, Query(ge=1, le=_MANY)] = 1,
    size: Annotated[int, Query(ge=1, le=MAX_SIZE)] = 50,
    sort: Annotated[str, Query(pattern="^(acquisition|lifetime_ps|lifetime_high_ps|feasibility)$")] = "acquisition",
    ascending: bool = False,
    text: Annotated[str, Query(max_length=100, description="Part of a cation's abbreviation or name.")] = "",
    phase: Annotated[str, Query(pattern="^(RP|DJ)?$")] = "",
    n_layers: Annotated[list[Annotated[int, Query(ge=1, le=100)]], Query(max_length=20)] = [],  # noqa: B006  FastAPI copies it
    spacer: Annotated[str, Query(max_length=40)] = "",
    cage: Annotated[str, Query(max_length=40)] = "",
    b_site: Annotated[str, Query(pattern="^(Pb|Sn|Ge)?$")] = "",
    halide: Annotated[str, Query(pattern="^(I|Br|Cl)?$")] = "",
    min_lifetime_ps: Annotated[float, Query(ge=0.0, le=1e9, allow_inf_nan=False)] = 0.0,
    min_feasibility: Annotated[float, Query(ge=0.0, le=1.0, allow_inf_nan=False)] = 0.0,
    in_domain: bool = False,
    hide_taken: bool = True,
) -> Response:
    """One page of the ranking of the whole space, best first."""
    query = RankQuery(
        sort=sort,
        ascending=ascending,
        text=text.strip(),
        phase=phase,
        n_layers=tuple(sorted(set(n_layers))),
        spacer=spacer,
        cage=cage,
        b_site=b_site,
        halide=halide,
        min_lifetime_ps=min_lifetime_ps,
        min_feasibility=min_feasibility,
        in_domain=in_domain,
        hide_taken=hide_taken,
    )
    found = service.searcher().page(query, service.snapshot().taken, page, size)
    return answer(RankingOut(total=found.total, page=page, size=size, rows=ranked_out(service, found)))


@router.get("/campaigns/{campaign}/compound", tags=["ranking"])
def show_compound(
    service: Service, _: Reader, formula: Annotated[str, Query(min_length=1, max_length=200)]
) -> CompoundOut:
    """What is known of one compound without computing anything new."""
    about = compound_of(service, formula)
    return CompoundOut(
        formula=about.compound.formula,
        index=about.index,
        stage=None if about.stage is None else about.stage.value,
        phase=about.compound.phase,
        n_layers=about.compound.n_layers,
        molar_mass_g_mol=about.compound.molar_mass_g_mol,
        numbers=about.numbers,
        measured_ps=list(about.measured_ps),
        bounds_ps=list(about.bounds_ps),
        history=[step_out(step) for step in history_of(service, about.compound.formula)],
    )


@router.get("/campaigns/{campaign}/events", tags=["events"], response_model=EventsOut)
def list_events(
    service: Service,
    _: Reader,
    offset: Annotated[int, Query(ge=0, le=_MANY)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """What happened, newest first."""
    events = service.events()
    total = len(events)
    numbers = range(max(0, total - offset), max(0, total - offset - limit), -1)
    return answer(EventsOut(total=total, events=[EventOut(number=n, **events[n - 1]) for n in numbers]))


@router.get("/jobs/{job}", tags=["jobs"])
def show_job(job: str, registry: Registry, _: Reader) -> JobOut:
    """How far a job is."""
    return job_out(registry.queue.get(job))


@router.get("/campaigns/{campaign}/jobs", tags=["jobs"])
def list_jobs(service: Service, _: Reader) -> list[JobOut]:
    """The jobs of one campaign, newest first."""
    return [job_out(job) for job in service.queue.of(service.slug)]
