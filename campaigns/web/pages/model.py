"""How far to trust the model, and what it looks at."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from campaigns.web.access import AnyDesk, Visiting
from campaigns.web.pages.render import page

router = APIRouter(prefix="/c/{campaign}")


@router.get("/model")
def model(request: Request, visitor: Visiting, desk: AnyDesk) -> Response:
    """Score card, figures, checks that take minutes, the paper's claims."""
    from campaigns.report.figures import curve_figure, plain
    from campaigns.report.view import SCORES, property_views, score_rows

    standing = desk.standing()
    fit = standing.last_fit
    drawn = None if fit is None else desk.cache.drawn(fit.data_key)
    deep = None if fit is None else desk.cache.deep(fit.data_key)
    curve = None
    if fit is not None and deep is not None:
        curve = desk.cache.figure(("curve", fit.data_key), lambda: plain(curve_figure(deep["curve"])))
    jobs = desk.at_work("prepare", "learn", "suggest", "score card")
    return page(
        request,
        visitor,
        "model.html",
        desk,
        tab="model",
        fit=fit,
        is_current=standing.fit is not None,
        titles=[title for title, _, _ in SCORES],
        scores=[] if fit is None else score_rows(fit.scores),
        properties=property_views(standing.properties, fit),
        drawn=drawn,
        deep=deep,
        curve=curve,
        paper=desk.cache.paper(),
        jobs=jobs,
    )
