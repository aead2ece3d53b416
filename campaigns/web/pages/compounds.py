"""The whole space, searched and sorted on the server, and the page of one compound."""

from __future__ import annotations

import re
from math import isfinite
from types import SimpleNamespace
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import numpy as np
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BeforeValidator, Field, ValidationError

from campaigns.errors import NotReadyError, NotServedError, QueryError
from campaigns.files import file_name
from campaigns.report.card import chances, costs_of, molecule_svg, recipe_of
from campaigns.web.models import MANY, PredictionIn
from campaigns.web.pages import fragment, is_partial, page, redirect
from campaigns.web.pages.campaign import card_of
from campaigns.web.query import Chance, Layers, Lifetime, RankQuery
from campaigns.web.registry import Asking, Service, Visiting
from campaigns.web.routes import (
    asked_compound,
    cation_xyz,
    compound_of,
    history_of,
    structure_cif,
    structure_scene,
)
from campaigns.web.service import CampaignService
from chemspace import parse_formula
from chemspace.errors import ChemspaceError
from oracle.descriptors import compound_descriptors
from screening.features import feature_label, feature_text

router = APIRouter(prefix="/c/{campaign}")

SIZE = 50
_Formula = Annotated[str, Query(min_length=1, max_length=200)]


#: What every formula of the family holds, and no SMILES of a cation.
_METAL = re.compile("Pb|Sn|Ge")


def _parts(texts: list[str]) -> list[str]:
    return [part.strip() for text in texts for part in text.split(",") if part.strip()]


def _number(text: object) -> object:
    """A number as people type it in a form."""
    return (text.strip().replace(",", ".") or 0.0) if isinstance(text, str) else text


class Filters(RankQuery):
    """The query of the page's form, forgiving about empty fields; layers as "1,2", the chance to form in per cent."""

    n_layers: Annotated[Layers, BeforeValidator(_parts), Field(alias="n")] = ()
    min_lifetime_ps: Annotated[Lifetime, BeforeValidator(_number), Field(alias="min_lifetime")] = 0.0
    min_feasibility: Annotated[
        Chance,
        BeforeValidator(lambda text: float(str(_number(text))) / 100.0 if isinstance(text, str) else text),
        Field(alias="min_forms"),
    ] = 0.0
    hide_taken: Annotated[bool, BeforeValidator(lambda value: value != "true"), Field(alias="all")] = True
    page: int = Field(default=1, ge=1, le=MANY)

    @property
    def address(self) -> str:
        """The query of this page's address, without the number of the page."""
        values = {
            "text": self.text,
            "sort": self.sort,
            "ascending": "true" if self.ascending else "",
            "phase": self.phase,
            "n": ",".join(map(str, self.n_layers)),
            "b_site": self.b_site,
            "halide": self.halide,
            "cage": self.cage,
            "min_lifetime": f"{self.min_lifetime_ps:g}" if self.min_lifetime_ps else "",
            "min_forms": f"{100 * self.min_feasibility:g}" if self.min_feasibility else "",
            "in_domain": "true" if self.in_domain else "",
            "all": "" if self.hide_taken else "true",
        }
        return urlencode({name: value for name, value in values.items() if value})


@router.get("/compounds")
def compounds(request: Request, visitor: Visiting, service: Service, query: Annotated[Filters, Query()]) -> Response:
    """One page of the ranking."""
    values: dict[str, Any] = {"query": query, "number": query.page, "size": SIZE, "rows": [], "total": 0, "waiting": ""}
    values |= {"address": f"/c/{service.slug}/compounds?{query.address}", "hit": "", "problem": ""}
    if _METAL.search(query.text):
        try:
            values["hit"] = parse_formula(query.text, service.campaign.names).formula
        except ChemspaceError as problem:
            values["problem"] = str(problem)
    else:
        try:
            values["total"], values["rows"] = service.ranked(query, query.page, SIZE)
        except NotReadyError as problem:
            values["waiting"] = str(problem)
    best = service.snapshot().best_observed
    values["best"], values["beats"] = best, chances(values["rows"], None if best is None else best[1])
    values["is_working"] = bool(service.at_work("prepare", "learn", "suggest"))
    if is_partial(request):
        return fragment(visitor, "ranking.html", service, **values)
    only = values["rows"][0].formula if values["total"] == 1 and query.text else values["hit"]
    if only:
        return redirect(request, f"/c/{service.slug}/compound?formula={quote(only)}")
    space = service.campaign.space
    values |= {
        "cages": sorted({cation.abbreviation for option in space.cage_options for cation, _ in option}),
        "layers": sorted(space.n_layers),
        "b_sites": space.b_sites,
        "halides": sorted({symbol for option in space.halide_options for symbol, _ in option}),
    }
    values["n_compounds"] = service.campaign.n_compounds
    return page(request, visitor, "compounds.html", service, tab="compounds", **values)


@router.get("/compound")
def compound(request: Request, visitor: Visiting, service: Service, formula: _Formula) -> Response:
    """One compound: its numbers, its history, its cations."""
    about = compound_of(service, formula)
    from screening.crystals import usual_bridge_angle

    budget, best = service.campaign.budget, service.snapshot().best_observed
    told = SimpleNamespace(**about.numbers) if about.numbers and about.numbers.get("lifetime_ps") else None
    drawn = [
        (cation, float(count), molecule_svg(cation))
        for cation, count in about.compound.cation_counts
        if cation.is_organic
    ]
    return page(
        request,
        visitor,
        "compound.html",
        service,
        tab="compounds",
        about=about,
        formula=about.compound.formula,
        card=card_of(service, about.compound.formula),
        quoted=quote(about.compound.formula),
        cif_name=file_name(about.compound.formula, ".cif"),
        tilted_name=file_name(about.compound.formula, "-tilted.cif"),
        best=None if best is None else best[1],
        beats=None if told is None else chances([told], None if best is None else best[1])[0],
        usual_angle=usual_bridge_angle(about.compound),
        drawn=drawn,
        history=history_of(service, about.compound.formula),
        costs=costs_of(about.compound, budget),
        recipe=recipe_of(about.compound, budget.limits.mass_g),
        record=[row for row in service.snapshot().state.record if row.observation.formula == about.compound.formula],
    )


@router.get("/compound/explain")
def explain(request: Request, visitor: Visiting, service: Service, formula: _Formula) -> Response:
    """What the prediction of one compound is made of."""
    about = compound_of(service, formula)
    try:
        prediction = service.explained(about.compound, visitor.identity)
    except NotReadyError as problem:
        return fragment(
            visitor,
            "waiting.html",
            service,
            address=f"/c/{service.slug}/compound/explain?formula={quote(formula)}",
            why=str(problem),
        )
    return fragment(visitor, "explained.html", service, **explained_values(service, prediction, about.numbers))


@router.post("/compounds/predict")
def predict(
    request: Request,
    visitor: Asking,
    service: Service,
    compound: Annotated[str, Form(min_length=1, max_length=500)],
    cage: Annotated[str, Form(max_length=40)] = "",
    n_layers: Annotated[int, Form(ge=1, le=20)] = 1,
) -> Response:
    """Predict any compound; xTB runs where a cation is new."""
    text = compound.strip()
    try:
        asked = PredictionIn(
            formula=text if (is_formula := _METAL.search(text)) else None,
            smiles=None if is_formula else text,
            cage=cage or None,
            n_layers=n_layers,
        )
    except ValidationError as error:
        raise QueryError(f"that cannot be predicted: {error.errors()[0]['msg']}") from error
    job = service.predict(visitor.identity, asked_compound(service, asked))
    return fragment(visitor, "job.html", service, job=job)


@router.get("/compound/cation.xyz")
def cation(
    service: Service, visitor: Visiting, formula: _Formula, inchikey: Annotated[str, Query(max_length=27)]
) -> Response:
    """Geometry of one of a compound's cations."""
    parts = [c for c, _ in compound_of(service, formula).compound.cation_counts if c.inchikey == inchikey]
    if not parts:
        raise NotServedError(f"{formula} holds no such cation")
    return PlainTextResponse(service.kept(("xyz", inchikey), lambda: cation_xyz(service, parts[0])))


@router.get("/compound/structure.cif")
def structure(service: Service, visitor: Visiting, formula: _Formula, tilted: bool = False) -> Response:
    """An idealised crystal to start a calculation from, its octahedra straight, or tilted as in filed crystals."""
    made = compound_of(service, formula).compound
    text = service.kept(("cif", made.formula, tilted), lambda: structure_cif(service, made, tilted))
    return PlainTextResponse(text)


@router.get("/compound/structure.json")
def scene(service: Service, visitor: Visiting, formula: _Formula) -> JSONResponse:
    """The same for the page's picture, no molecule cut in two."""
    made = compound_of(service, formula).compound
    return JSONResponse(service.kept(("scene", made.formula), lambda: structure_scene(service, made)))


def explained_values(
    service: CampaignService, prediction: dict[str, Any], numbers: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What the explanation's template shows."""
    from campaigns.report.view import plain, waterfall_figure
    from screening.crystals import BandGap

    rows = sorted(prediction["contributions"].items(), key=lambda item: -abs(item[1]))
    return {
        "p": prediction,
        "gap": None if prediction["band_gap"] is None else str(BandGap(**prediction["band_gap"])),
        "numbers": numbers,
        "waterfall": plain(
            waterfall_figure(prediction["contributions"], prediction["features"], prediction["base_log10_rate"])
        ),
        "rows": [
            (feature_label(name), feature_text(name, prediction["features"][name]), 10.0**-value)
            for name, value in rows
        ],
        "neighbours": _neighbours(service, prediction),
        "descriptors": _descriptors(service, prediction["formula"]),
        "protocol": service.campaign.config.protocol.label,
    }


def _descriptors(service: CampaignService, formula: str) -> list[tuple[str, str]]:
    """(name, value with its unit) of every descriptor of a compound."""

    compound, descriptors = compound_of(service, formula).compound, service.campaign.config.descriptor_set
    records = service.records([cation for cation, _ in compound.cation_counts])
    values = compound_descriptors([compound], records, descriptors)[0]
    units = [f"({one.scale})" if one.scale else one.unit for one in descriptors.columns]
    return [
        (one.label, f"{value:.4g} {unit}".strip() if isfinite(value) else "–")
        for one, value, unit in zip(descriptors.columns, values, units, strict=True)
    ]


def _neighbours(service: CampaignService, prediction: dict[str, Any], n: int = 5) -> list[tuple[str, float, str]]:
    """(formula, distance, measured lifetime in ps or "< bound") of the nearest measured compounds, nearest first."""
    fitted = service.fitted()
    training = fitted.training
    away = fitted.measured.distances(np.array([list(prediction["features"].values())]))[0]
    rates, bounds = training.dataset.log10_rate, training.dataset.censored
    return [
        (training.formulas[row], float(away[row]), f"{'< ' if bounds[row] else ''}{10.0 ** -rates[row]:.3g}")
        for row in np.argsort(away, kind="stable")[:n]
    ]
