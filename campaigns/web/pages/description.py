"""The page of a campaign's description: what it asks for, amending it, and the cations that are not used."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import Response

from campaigns.amend import Amendment
from campaigns.database import acting_as
from campaigns.description import description_of
from campaigns.events import REASONS, EventKind
from campaigns.web.access import Editing, Service, Visiting
from campaigns.web.pages.campaign import launched
from campaigns.web.pages.render import fragment, page, redirect
from campaigns.web.uploads import uploaded

router = APIRouter(prefix="/c/{campaign}/description")


@router.get("")
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


@router.post("")
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


@router.post("/decline")
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
