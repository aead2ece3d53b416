"""Fill the report's template."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from campaigns.budget import Budget
from campaigns.report.view import report_view
from campaigns.round import Round
from campaigns.suggestion import SuggestionBatch
from campaigns.summary import Status
from chemspace import CationLibrary

__all__ = ["asset", "environment", "render", "script_json"]


def render(
    done: Round, batch: SuggestionBatch, status: Status, names: CationLibrary, budget: Budget | None = None
) -> str:
    """The report as HTML that loads nothing from anywhere.

    Args:
        done: what the present round worked out.
        batch: the suggestions to show.
        status: where the campaign stands.
        names: cations by abbreviation, for the drawings.
        budget: prices and delivery times of cations, and the mass that is made; None where there are none.
    """
    return (
        environment(PackageLoader("campaigns.report"))
        .get_template("report.html")
        .render(
            view=report_view(done, batch, status, names, budget),
            css=Markup(asset("style.css")),
            plotly_js=Markup(get_plotlyjs()),
            plots_js=Markup(asset("plots.js")),
        )
    )


def environment(loader: Any) -> Environment:
    """Jinja as pages and report use it: everything escaped, nothing undefined."""
    made = Environment(
        loader=loader,
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # the package's own files, looked at once
    )
    made.filters["script_json"] = script_json
    return made


def script_json(value: Any) -> Markup:
    """JSON that cannot end the script element it stands in."""
    return Markup(json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def asset(name: str) -> str:
    """Text of one of the package's static files."""
    return resources.files("campaigns.report").joinpath("static", name).read_text(encoding="utf-8")
