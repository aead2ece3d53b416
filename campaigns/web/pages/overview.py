"""Where a campaign stands: progress, and what waits for whom."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from campaigns.web.access import AnyDesk, CurrentOffice, Editing, Visiting
from campaigns.web.desk import Desk
from campaigns.web.errors import NotServedError
from campaigns.web.launched import launch_facts
from campaigns.web.pages.render import fragment, page, redirect

__all__ = ["router"]

router = APIRouter()


@router.get("/")
def start(request: Request, visitor: Visiting, office: CurrentOffice) -> Response:
    """The campaigns of this server; straight to the only one."""
    if len(office) == 1:
        return redirect(request, f"/c/{next(iter(office)).slug}")
    rows = [(desk, desk.standing()) for desk in office]
    return page(request, visitor, "start.html", rows=rows)


@router.get("/c/{campaign}")
def overview(request: Request, visitor: Visiting, desk: AnyDesk) -> Response:
    """Progress, what waits for whom, the verdict."""
    standing = desk.standing()
    return page(
        request,
        visitor,
        "overview.html",
        desk,
        tab="overview",
        standing=standing,
        fit=standing.last_fit,
        progress=_progress(desk),
        has_band=_has_band(desk),
        jobs=desk.at_work("prepare", "learn", "suggest", "score card"),
        recent=desk.events()[-6:][::-1],
        launch=desk.kept(("launch",), lambda: launch_facts(desk)),
    )


@router.post("/c/{campaign}/learn")
def learn(request: Request, visitor: Editing, desk: AnyDesk) -> Response:
    """Learn from what has come in, and suggest anew."""
    job = desk.learn(visitor.identity.name)
    return fragment(request, visitor, "job.html", desk, job=job)


@router.get("/c/{campaign}/jobs/{job}")
def show_job(request: Request, visitor: Visiting, desk: AnyDesk, office: CurrentOffice, job: str) -> Response:
    """How far a job is; asks for itself again until it is over."""
    found = office.board.get(job)
    if found.campaign != desk.slug:
        raise NotServedError(f"{desk.title} has no such job")
    return fragment(request, visitor, "job.html", desk, job=found)


def _progress(desk: Desk) -> dict[str, object] | None:
    """The figure, None while the model is being prepared."""
    from campaigns.report.palette import plain
    from campaigns.report.view import progress_of

    fit = desk.standing().last_fit
    drawn = None if fit is None else desk.cache.drawn(fit.data_key)
    if fit is None or drawn is None:
        return None
    return desk.cache.figure(
        (fit.data_key, _has_band(desk)), lambda: plain(progress_of(drawn, desk.cache.deep(fit.data_key)))
    )


def _has_band(desk: Desk) -> bool:
    fit = desk.standing().last_fit
    return fit is not None and desk.cache.deep(fit.data_key) is not None
