"""What to make next: accept, decline, say how it went, print."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from campaigns.database import acting_as
from campaigns.events import Stage, possible_steps
from campaigns.report.view import suggestion_card
from campaigns.summary import SuggestionBatch
from campaigns.web.access import AnyDesk, Editing, Visiting
from campaigns.web.pages.render import fragment, is_partial, page, redirect
from campaigns.web.service import Desk, budget_of

router = APIRouter(prefix="/c/{campaign}")


@router.get("/suggestions")
def suggestions(
    request: Request, visitor: Visiting, desk: AnyDesk, round: Annotated[int | None, Query(ge=1, le=10**9)] = None
) -> Response:
    """One round, the last by default."""
    standing = desk.standing()
    batch = standing.round(round) if standing.state.batches or round is not None else None
    return page(
        request,
        visitor,
        "suggestions.html",
        desk,
        tab="suggestions",
        batch=batch,
        cards=[] if batch is None else _cards(desk, batch),
        rounds=len(standing.state.batches),
        is_outdated=standing.is_outdated and (batch is None or batch is standing.batch),
        needs_learning=standing.fit is None,
        jobs=desk.at_work("learn", "suggest"),
    )


@router.get("/suggestions/sheet")
def sheet(
    request: Request, visitor: Visiting, desk: AnyDesk, round: Annotated[int | None, Query(ge=1, le=10**9)] = None
) -> Response:
    """One round as a sheet to print: recipes to tick off, room for notes."""
    batch = desk.standing().round(round)
    return page(request, visitor, "sheet.html", desk, tab="suggestions", batch=batch, cards=_cards(desk, batch))


@router.post("/suggestions/step")
def step(
    request: Request,
    visitor: Editing,
    desk: AnyDesk,
    formula: Annotated[str, Form(min_length=1, max_length=200)],
    stage: Annotated[Stage, Form()],
    reason: Annotated[str, Form(max_length=2000)] = "",
    made: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Accept, decline, or say how a synthesis stands or ended."""
    with acting_as(visitor.identity.name), desk.writing() as campaign:
        told = campaign.step(formula, stage, reason=reason.strip(), made=made.strip())
    if not is_partial(request):
        return redirect(request, f"/c/{desk.slug}/suggestions")
    for batch in reversed(desk.standing().state.batches):
        for place, suggestion in enumerate(batch.suggestions, start=1):
            if suggestion.formula == told.formula:
                return fragment(request, visitor, "suggestion.html", desk, s=_card(desk, batch, place))
    return redirect(request, f"/c/{desk.slug}/compound?formula={quote(told.formula)}")


@router.post("/suggestions/new")
def more(request: Request, visitor: Editing, desk: AnyDesk, more: Annotated[bool, Form()] = False) -> Response:
    """Suggest: on what has come in, or beyond what is suggested already."""
    name = visitor.identity.name
    job = desk.suggest(name, None, None, more=True) if more else desk.learn(name)
    return fragment(request, visitor, "job.html", desk, job=job)


def _cards(desk: Desk, batch: SuggestionBatch) -> list[dict[str, Any]]:
    return [_card(desk, batch, place) for place in range(1, len(batch.suggestions) + 1)]


def _card(desk: Desk, batch: SuggestionBatch, place: int) -> dict[str, Any]:
    """The suggestion at `place` (from 1) of a batch, with where it stands now."""
    standing, suggestion = desk.standing(), batch.suggestions[place - 1]
    last = next((step for step in reversed(standing.state.steps) if step.formula == suggestion.formula), None)
    made = desk.kept(
        ("card", batch.number, place),
        lambda: suggestion_card(suggestion, desk.front.names, budget_of(desk.front)),
    )
    stage = standing.stages.get(suggestion.formula, Stage.SUGGESTED)
    return {**made, "place": place, "stage": stage, "step": last, "possible": possible_steps(stage)}
