"""Everything that happened, who and when; measurements can be taken back here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from campaigns.database import acting_as
from campaigns.web.access import AnyDesk, Editing, Visiting
from campaigns.web.pages.render import page, redirect

router = APIRouter(prefix="/c/{campaign}/log")

SIZE = 100


@router.get("")
def log(
    request: Request,
    visitor: Visiting,
    desk: AnyDesk,
    number: Annotated[int, Query(alias="page", ge=1, le=10**9)] = 1,
) -> Response:
    """Events, newest first, and the record of measurements."""
    events = list(enumerate(desk.events(), start=1))[::-1]
    return page(
        request,
        visitor,
        "log.html",
        desk,
        tab="log",
        events=events[(number - 1) * SIZE : number * SIZE],
        total=len(events),
        number=number,
        size=SIZE,
        record=desk.standing().state.record[::-1],
        properties=desk.standing().properties,
    )


@router.post("/retract")
def retract(
    request: Request,
    visitor: Editing,
    desk: AnyDesk,
    number: Annotated[int, Form(ge=1, le=10**9)],
    reason: Annotated[str, Form(max_length=2000)] = "",
    of_property: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Take a measurement back, or a value of a property where one is named."""
    with acting_as(visitor.identity.name), desk.writing() as campaign:
        if of_property:
            campaign.retract_value(of_property, number, reason)
        else:
            campaign.retract(number, reason)
    desk.learn(visitor.identity.name)
    return redirect(request, f"/c/{desk.slug}/log")
