"""Pages of one campaign: overview, suggestions, model, log, its description and amending it; and logging in."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, File, Form, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse, Response
from markupsafe import Markup
from pydantic import BaseModel, Field

from campaigns.database import acting_as
from campaigns.description import description_of
from campaigns.errors import DependedOnError, NotReadyError, NotServedError, UnauthenticatedError
from campaigns.events import REASONS, EventKind, Stage, possible_steps
from campaigns.plan import Amendment
from campaigns.report.card import compared_views, decisions, outcome, suggestion_card
from campaigns.summary import SuggestionBatch
from campaigns.targets import named_target
from campaigns.web.pages import NOBODY, error_page, fragment, is_partial, page, redirect
from campaigns.web.registry import Editing, Registry, Service, Visiting, address_of, begin_session, visitor_of
from campaigns.web.service import CampaignService
from campaigns.web.uploads import uploaded
from chemspace import parse_formula
from screening.calibration import SCORES

router = APIRouter(prefix="/c/{campaign}")
#: What belongs to no campaign: the start, logging in and out.
start_router = APIRouter()

#: Steps by which nobody makes it any more.
GIVEN_UP = frozenset({Stage.DECLINED, Stage.ABANDONED, Stage.STALE})
#: Events on a page of the log.
LOG_SIZE = 100


def launched(service: CampaignService) -> Markup:
    """What the campaign was launched with, as terms and what is said of them."""
    return Markup(bytes(fragment(NOBODY, "launched.html", service, made=service.events()[0]).body).decode())


@start_router.get("/")
def start(request: Request, visitor: Visiting, registry: Registry) -> Response:
    """The campaigns of this server; straight to the only one."""
    if len(registry) == 1:
        return redirect(request, f"/c/{next(iter(registry)).slug}")
    rows = [(service, service.snapshot()) for service in registry]
    return page(request, visitor, "start.html", rows=rows)


@router.get("")
def overview(request: Request, visitor: Visiting, service: Service) -> Response:
    """Progress, what waits for whom, the verdict."""
    snapshot = service.snapshot()
    record = service.track_record()
    return page(
        request,
        visitor,
        "overview.html",
        service,
        tab="overview",
        snapshot=snapshot,
        cards=_open_cards(service),
        fit=snapshot.last_fit,
        progress=_progress(service),
        has_band=service.figures()[2] is not None,
        track_record=record,
        compared=compared_views(record),
        jobs=service.at_work("prepare", "learn", "suggest", "score card"),
        recent=service.events()[-6:][::-1],
        launch=service.kept(("launch", len(snapshot.state.descriptions)), lambda: launched(service)),
    )


@router.get("/report")
def report(request: Request, visitor: Visiting, service: Service) -> Response:
    """The report of the present round, one file to keep or to print; while it is worked on, a page that asks again."""
    try:
        html = service.report().read_text(encoding="utf-8")
    except NotReadyError as problem:
        if not service.at_work("prepare", "learn"):
            raise
        waiting = error_page(request, 202, f"{problem}; the report comes by itself then", [])
        waiting.headers["refresh"] = "3"
        return waiting
    return HTMLResponse(html, headers={"content-disposition": f'attachment; filename="{service.slug}-report.html"'})


@router.get("/version")
def version(visitor: Visiting, service: Service) -> JSONResponse:
    """Number of the last event: pages that are open ask whether something happened."""
    return JSONResponse({"version": service.snapshot().state.last_event})


@router.post("/learn")
def learn(request: Request, visitor: Editing, service: Service) -> Response:
    """Learn from what has come in, and suggest anew."""
    job = service.learn(visitor.identity.name)
    return fragment(visitor, "job.html", service, job=job)


@router.get("/jobs/{job}")
def show_job(request: Request, visitor: Visiting, service: Service, registry: Registry, job: str) -> Response:
    """How far a job is; asks for itself again until it is over."""
    current = registry.queue.get(job)
    if current.campaign != service.slug:
        raise NotServedError(f"{service.title} has no such job")
    return fragment(visitor, "job.html", service, job=current)


def _progress(service: CampaignService) -> dict[str, object] | None:
    """The figure, None while the model is being prepared."""
    from campaigns.report.view import plain, progress_of

    fit, drawn, deep = service.figures()
    if fit is None or drawn is None:
        return None
    return service.kept(("progress", fit.data_key, deep is not None), lambda: plain(progress_of(drawn, deep)))


@router.get("/suggestions")
def suggestions(
    request: Request, visitor: Visiting, service: Service, round: Annotated[int | None, Query(ge=1, le=10**9)] = None
) -> Response:
    """One round, the last by default."""
    snapshot = service.snapshot()
    batch = snapshot.round(round) if snapshot.state.batches or round is not None else None
    return page(
        request,
        visitor,
        "suggestions.html",
        service,
        tab="suggestions",
        batch=batch,
        cards=[] if batch is None else _cards(service, batch),
        others=[card for card in _open_cards(service) if batch is not None and card["round"] != batch.number],
        rounds=len(snapshot.state.batches),
        is_outdated=snapshot.is_outdated and (batch is None or batch is snapshot.batch),
        needs_learning=snapshot.fit is None,
        jobs=service.at_work("learn", "suggest"),
        nothing_left=snapshot.nothing_left,
    )


@router.get("/suggestions/sheet")
def sheet(
    request: Request, visitor: Visiting, service: Service, round: Annotated[int | None, Query(ge=1, le=10**9)] = None
) -> Response:
    """One round as a sheet to print: recipes to tick off, room for notes."""
    batch = service.snapshot().round(round)
    return page(request, visitor, "sheet.html", service, tab="suggestions", batch=batch, cards=_cards(service, batch))


class StepForm(BaseModel):
    """A step in a compound's life; `because` is a reason that was chosen, `reason` one that was written, which counts
    more; `whole_spacer` declines every compound of its spacer."""

    formula: Annotated[str, Field(min_length=1, max_length=200)]
    stage: Stage
    reason: Annotated[str, Field(max_length=2000)] = ""
    because: Annotated[str, Field(max_length=200)] = ""
    made: Annotated[str, Field(max_length=200)] = ""
    whole_spacer: bool = False


@router.post("/suggestions/step")
def step(request: Request, visitor: Editing, service: Service, form: Annotated[StepForm, Form()]) -> Response:
    """Accept, decline, or say how a synthesis stands or ended."""
    with acting_as(visitor.identity.name), service.writing() as campaign:
        if form.whole_spacer and form.stage is Stage.DECLINED:
            spacer = parse_formula(form.formula, campaign.names).spacer
            if spacer is not None:
                campaign.decline_cation(spacer.abbreviation, (form.reason or form.because).strip())
                return redirect(request, f"/c/{service.slug}/suggestions")
        step = campaign.step(
            form.formula, form.stage, reason=(form.reason or form.because).strip(), made=form.made.strip()
        )
    if not is_partial(request):
        return redirect(request, f"/c/{service.slug}/suggestions")
    if (card := card_of(service, step.formula)) is not None:
        return fragment(visitor, "suggestion.html", service, s=card)
    return redirect(request, f"/c/{service.slug}/compound?formula={quote(step.formula)}")


@router.post("/suggestions/new")
def more(request: Request, visitor: Editing, service: Service, more: Annotated[bool, Form()] = False) -> Response:
    """Suggest: on what has come in, or beyond what is suggested already."""
    name = visitor.identity.name
    job = service.suggest(name, None, None, more=True) if more else service.learn(name)
    return fragment(visitor, "job.html", service, job=job)


def card_of(service: CampaignService, formula: str) -> dict[str, Any] | None:
    """The card of a compound as it was suggested last, None where it never was."""
    for batch in reversed(service.snapshot().state.batches):
        for place, suggestion in enumerate(batch.suggestions, start=1):
            if suggestion.formula == formula:
                return _card(service, batch, place)
    return None


def _open_cards(service: CampaignService) -> list[dict[str, Any]]:
    """Cards of what waits for a decision, whatever its round; the newest round first."""
    snapshot = service.snapshot()
    batches = reversed(snapshot.state.batches)
    formulas = dict.fromkeys(suggestion.formula for batch in batches for suggestion in batch.suggestions)
    waiting = [formula for formula in formulas if snapshot.stages.get(formula) is Stage.SUGGESTED]
    return [card for formula in waiting if (card := card_of(service, formula)) is not None]


def _cards(service: CampaignService, batch: SuggestionBatch) -> list[dict[str, Any]]:
    return [_card(service, batch, place) for place in range(1, len(batch.suggestions) + 1)]


def _card(service: CampaignService, batch: SuggestionBatch, place: int) -> dict[str, Any]:
    """The suggestion at `place` (from 1) of a batch, with where it stands now and what to weigh."""
    snapshot, suggestion = service.snapshot(), batch.suggestions[place - 1]
    last = next((step for step in reversed(snapshot.state.steps) if step.formula == suggestion.formula), None)
    facts = service.kept(
        ("card", batch.number, place),
        lambda: suggestion_card(suggestion, service.campaign.names, service.campaign.budget),
    )
    best = None if snapshot.best_observed is None else snapshot.best_observed[1]
    weighed = service.kept(
        ("decisions", batch.number, best),
        lambda: decisions(batch.suggestions, best, snapshot.state.config.objective.goal_lifetime_ps),
    )
    stage = snapshot.stages.get(suggestion.formula, Stage.SUGGESTED)
    mine = [one for one in snapshot.state.measurements if one.formula == suggestion.formula]
    is_last = batch is snapshot.batch
    return {
        **facts,
        "decision": weighed[place - 1],
        "outcome": outcome(suggestion, mine[-1]) if mine else None,
        "id": f"suggestion-{place}" if is_last else f"suggestion-{batch.number}-{place}",
        "place": place,
        "round": batch.number,
        "stage": stage,
        "step": last,
        # What ends it comes last, so that nobody records it by not choosing.
        "possible": sorted(possible_steps(stage), key=lambda step: step in GIVEN_UP),
    }


@router.get("/model")
def model(request: Request, visitor: Visiting, service: Service) -> Response:
    """Score card, figures, checks that take minutes, the paper's claims."""
    from campaigns.report.view import curve_figure, paper_sentence, plain, property_views, score_rows

    snapshot, (fit, drawn, deep), curve = service.snapshot(), service.figures(), None
    if fit is not None and deep is not None:
        curve = service.kept(("curve", fit.data_key), lambda: plain(curve_figure(deep["curve"])))
    jobs = service.at_work("prepare", "learn", "suggest", "score card")
    return page(
        request,
        visitor,
        "model.html",
        service,
        tab="model",
        fit=fit,
        is_current=snapshot.fit is not None,
        titles=[score.title for score in SCORES],
        scores=[] if fit is None else score_rows(fit.scores),
        properties=property_views(snapshot.properties, fit),
        gaps=service.gaps(),
        drawn=drawn,
        deep=deep,
        curve=curve,
        paper=(paper := service.cache.paper()),
        claim=paper_sentence(paper or []),
        jobs=jobs,
    )


@router.get("/log")
def log(
    request: Request,
    visitor: Visiting,
    service: Service,
    number: Annotated[int, Query(alias="page", ge=1, le=10**9)] = 1,
) -> Response:
    """Events, newest first, and the record of measurements."""
    events = service.events()[::-1]
    return page(
        request,
        visitor,
        "log.html",
        service,
        tab="log",
        events=events[(number - 1) * LOG_SIZE : number * LOG_SIZE],
        total=len(events),
        number=number,
        size=LOG_SIZE,
        undone=service.undone(),
        record=service.snapshot().state.record[::-1],
        properties=service.snapshot().properties,
        tasks=service.snapshot().tasks,
    )


@router.post("/log/retract")
def retract(
    request: Request,
    visitor: Editing,
    service: Service,
    number: Annotated[int, Form(ge=1, le=10**9)],
    reason: Annotated[str, Form(max_length=2000)] = "",
    of_property: Annotated[str, Form(max_length=100)] = "",
    task: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Take a measurement back, or a value of a property or a row of a related task where one is named."""
    with acting_as(visitor.identity.name), service.writing() as campaign:
        campaign.retract(number, reason, named_target(campaign.config, of_property, task or None).name)
    service.learn(visitor.identity.name)
    return redirect(request, f"/c/{service.slug}/log")


@router.post("/log/undo")
def undo(
    request: Request,
    visitor: Editing,
    service: Service,
    number: Annotated[int, Form(ge=1, le=10**9)],
    reason: Annotated[str, Form(max_length=2000)] = "",
    confirmed: Annotated[bool, Form()] = False,
) -> Response:
    """Undo an event; what stands on it is told first."""
    try:
        with acting_as(visitor.identity.name), service.writing() as campaign:
            campaign.undo(number, reason, confirmed=confirmed)
    except DependedOnError as problem:
        told = {"number": number, "reason": reason, "problem": str(problem).partition("(--")[0].strip()}
        return fragment(visitor, "undo.html", service, **told)
    if service.snapshot().fit is None and service.snapshot().state.fits:
        service.learn(visitor.identity.name)
    return redirect(request, f"/c/{service.slug}/log")


@start_router.get("/login")
def show(
    request: Request,
    registry: Registry,
    next: Annotated[str, Query(max_length=300)] = "/",
    link: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """The form; behind a login link only a button, so that a program which looks at links does not use it up."""
    tokens = registry.settings.tokens
    guest = tokens.whose_link(link) if link and tokens is not None else None
    wrong = "This link was used already, or its time is over." if link and guest is None else ""
    values: dict[str, Any] = {"next": _local(next), "wrong": wrong, "link": link, "guest": guest}
    return page(request, NOBODY, "login.html", **values)


class LoginForm(BaseModel):
    """A token, or a login link's secret."""

    token: Annotated[str, Field(max_length=200)] = ""
    link: Annotated[str, Field(max_length=200)] = ""
    next: Annotated[str, Field(max_length=300)] = "/"


@start_router.post("/login")
def log_in(request: Request, registry: Registry, form: Annotated[LoginForm, Form()]) -> Response:
    """Exchange a token or a link for a session. The guard refuses this from pages of other sites."""
    tokens = registry.settings.tokens
    if tokens is None:
        raise UnauthenticatedError("this server needs no token")
    identity = tokens.redeem(form.link) if form.link else tokens.identify(form.token.strip())
    if identity is None:
        registry.refuse_token(address_of(request))
        wrong = "This link was used already, or its time is over." if form.link else "Nobody has this token."
        values: dict[str, Any] = {"next": _local(form.next), "wrong": wrong, "link": "", "guest": None}
        response = page(request, NOBODY, "login.html", **values)
        response.status_code = 401
        return response
    begin_session(request, identity)
    return redirect(request, _local(form.next))


@start_router.post("/logout")
def log_out(request: Request, registry: Registry) -> Response:
    """End the session: its cookie is of no use any more, wherever it is."""
    if (visitor := visitor_of(request, registry)) is not None:
        registry.end_session(visitor.csrf)
    request.session.clear()
    return redirect(request, "/login")


def _local(address: str) -> str:
    """An address on this server; anything else is the start page."""
    plain = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if plain else "/"


@router.get("/description")
def description(request: Request, visitor: Visiting, service: Service) -> Response:
    """What the campaign is asked for now, a form to change it, and what is declined."""
    state = service.snapshot().state
    undone, kind = service.undone(), EventKind.RULED_OUT
    events = [event.id for event in service.campaign.events() if event.kind is kind and event.id not in undone]
    taken_over = [None] * (len(state.ruled_out) - len(events))  # from another campaign, by no event of this one
    return page(
        request,
        visitor,
        "description.html",
        service,
        tab="description",
        launch=service.kept(("launch", len(state.descriptions)), lambda: launched(service)),
        text=service.campaign.config.to_yaml(),
        declined=list(zip(state.ruled_out, [*taken_over, *events], strict=True)),
        reasons=REASONS,
    )


@router.post("/description")
def amend(
    request: Request,
    visitor: Editing,
    service: Service,
    text: Annotated[str, Form(max_length=2_000_000)],
    reason: Annotated[str, Form(max_length=2000)] = "",
    seen: Annotated[str, Form(max_length=64)] = "",
    libraries: Annotated[list[UploadFile] | None, File()] = None,
) -> Response:
    """Show how a description differs from the present one; store it once `seen` says that these differences were."""
    described = description_of("the description", text, None)
    given = {file.name: file.content for file in uploaded({"library": libraries or []})}
    amended, is_stored = service.amend(
        described.config, given, visitor.identity.name, reason.strip(), lambda shown: seen == _digest(shown)
    )
    if is_stored:
        if service.snapshot().fit is None and service.snapshot().state.fits:
            service.learn(visitor.identity.name)
        return redirect(request, f"/c/{service.slug}/description")
    return fragment(visitor, "amended.html", service, amended=amended, digest=_digest(amended), was_seen=bool(seen))


def _digest(amended: Amendment) -> str:
    return sha256("\n".join((*amended.changes, *amended.notes)).encode()).hexdigest()


@router.post("/description/decline")
def decline(
    request: Request,
    visitor: Editing,
    service: Service,
    cation: Annotated[str, Form(min_length=1, max_length=200)],
    place: Annotated[Literal["spacer", "cage"], Form()] = "spacer",
    reason: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Leave every compound with a cation in one place out of all rounds to come."""
    with acting_as(visitor.identity.name), service.writing() as campaign:
        campaign.decline_cation(cation.strip(), reason.strip(), place=place)
    return redirect(request, f"/c/{service.slug}/description")
