"""Where a campaign stands: progress, and what waits for whom."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter, Request
from fastapi.responses import Response

from campaigns.config import CampaignConfig
from campaigns.web.access import AnyDesk, CurrentOffice, Editing, Visiting
from campaigns.web.errors import NotServedError
from campaigns.web.pages.render import fragment, page, redirect
from campaigns.web.service import Desk


def launch_facts(desk: Desk) -> list[tuple[str, str]]:
    """(what, how) of a launch: who and when, library, space, objective, model, oracle, batch and seed."""
    campaign, events = desk.front, desk.events()
    config, library = campaign.config, campaign.library
    made = events[0]
    names = (config.library, *(other.name for other in config.further_libraries))
    return [
        ("Launched", f"{made['at'][:16].replace('T', ' ')} UTC by {made['actor']}"),
        ("Library", f"{', '.join(names)}: {len(library.spacers):,} spacers, {len(library.cages):,} cage cations"),
        ("Space", _space(desk)),
        *_rules(config),
        ("Sought", _objective(config)),
        ("Model", f"{config.surrogate}, acquisition {config.acquisition}, seed {config.seed}"),
        ("Descriptors", config.protocol.label),
        ("A batch", "; ".join(_batch(config))),
    ]


def _space(desk: Desk) -> str:
    space = desk.front.space
    layers = sorted(space.n_layers)
    whole = len(layers) > 2 and layers == list(range(layers[0], layers[-1] + 1))
    n = f"{layers[0]} to {layers[-1]}" if whole else ", ".join(map(str, layers))
    halides = (" and ".join(symbol for symbol, _ in option) for option in space.halide_options)
    rp = sum(cation.charge == 1 for cation in space.spacers)
    cages = (" and ".join(cation.abbreviation for cation, _ in option) for option in space.cage_options)
    return (
        f"{len(space):,} compounds: {rp:,} RP and {len(space.spacers) - rp:,} DJ spacers, n = {n}, "
        f"cages {', '.join(cages) or 'none'}; {', '.join(space.b_sites)} with {', '.join(halides)}"
    )


def _rules(config: CampaignConfig) -> Iterator[tuple[str, str]]:
    if config.constraints:
        names = (name.replace("_", " ") for rule in config.constraints for name in rule)
        yield "Left out by", ", ".join(names)
    if config.properties:
        goals = {"maximize": ", sought high", "minimize": ", sought low", None: ""}
        told = (
            f"{name.replace('_', ' ')}{goals[held.goal]} ({len(held.table)} values)"
            for name, held in config.properties.items()
        )
        yield "Also measured", "; ".join(told)


def _objective(config: CampaignConfig) -> str:
    if wishes := config.objective.wishes:
        told = (f"{w.column.replace('_', ' ')} from {w.useless:g} (useless) to {w.perfect:g} (perfect)" for w in wishes)
        return f"all of these together: {'; '.join(told)}"
    goal = config.objective.goal_lifetime_ps
    sought = "the longest spin lifetime" if goal is None else f"a spin lifetime above {goal:g} ps"
    if tradeoff := config.objective.tradeoff:
        ends = {"price": "below", "feasibility": "above", "novelty": "above"}
        told = (f"{name} ({ends[name]} {worst:g})" for name, worst in tradeoff.items())
        return f"{sought}, traded off against {', '.join(told)}"
    return sought


def _batch(config: CampaignConfig) -> Iterator[str]:
    limits = config.limits
    yield f"{config.batch_size} compounds of {limits.mass_g:g} g"
    if limits.max_per_spacer is not None:
        yield f"at most {limits.max_per_spacer} of a spacer"
    if limits.max_cost is not None:
        yield f"cations for at most {limits.max_cost:g}"
    if limits.max_days is not None:
        yield f"delivered within {limits.max_days:g} days"
    if limits.refused_hazards:
        yield f"no cation with {' or '.join(limits.refused_hazards)}"
    if config.prices:
        yield f"{len(config.prices)} cations in the price table"


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
    from campaigns.report.figures import plain
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
