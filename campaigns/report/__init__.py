"""The campaign as one self-contained HTML file, and as a PDF."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from campaigns.errors import PdfError
from campaigns.files import write_whole
from campaigns.narrate import picoseconds, with_error
from campaigns.report.card import formula_html, prose_html

if TYPE_CHECKING:
    from jinja2 import Environment


def render(view: Mapping[str, Any]) -> str:
    """The report as HTML that loads nothing from anywhere; `view` as from `campaigns.report.view.report_view`."""
    from jinja2 import PackageLoader
    from plotly.offline import get_plotlyjs

    return (
        environment(PackageLoader("campaigns.report"))
        .get_template("report.html")
        .render(
            view=view,
            css=Markup(asset("style.css")),
            plotly_js=Markup(get_plotlyjs()),
            plots_js=Markup(asset("plots.js")),
            crystal_js=Markup(asset("crystal.js")),
        )
    )


def environment(loader: Any) -> Environment:
    """Jinja as pages and report use it: everything escaped, nothing undefined."""
    from jinja2 import Environment, StrictUndefined, select_autoescape

    made = Environment(
        loader=loader,
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # the package's own files, looked at once
    )
    made.filters["script_json"] = script_json
    made.filters |= {"ps": picoseconds, "with_error": with_error}
    made.filters["thousands"] = lambda number: f"{number:,}"
    made.filters["formula"] = lambda text: Markup(formula_html(text))
    made.filters["prose"] = lambda text: Markup(prose_html(text))
    made.filters["chance"] = lambda share: (
        "under 1%" if share < 0.01 else "over 99%" if share > 0.99 else f"{share:.0%}"
    )
    made.filters["css_text"] = lambda text: Markup(re.sub(r"[^\w .,:()-]", " ", text))
    return made


def script_json(value: Any) -> Markup:
    """JSON that cannot end the script element it stands in."""
    return Markup(json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def asset(name: str) -> str:
    """Text of one of the package's static files."""
    return resources.files("campaigns.report").joinpath("static", name).read_text(encoding="utf-8")


#: Commands that are looked for, in this order.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
#: Figures have to be drawn first; a page that takes longer than this never ends.
PATIENCE_S = 180


def write_pdf(html: Path, pdf: Path) -> None:
    """Print a page that loads nothing from elsewhere into a PDF file, which appears whole or not at all. Raises
    PdfError if no browser is installed, or it prints nothing; StoreError if the file cannot be written."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        raise PdfError(
            f"a PDF needs Chromium (looked for: {', '.join(BROWSERS)}); on Debian: apt-get install chromium. "
            "The HTML report is written and prints from any browser"
        )
    write_whole(pdf, lambda target: _print(browser, html, target))


def _print(browser: str, html: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory() as profile:
        command = [
            browser,
            "--headless",
            "--no-sandbox",  # it prints a page of ours that loads nothing, and must run as root in a container
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            f"--user-data-dir={profile}",
            "--virtual-time-budget=20000",
            "--no-pdf-header-footer",
            f"--print-to-pdf={target}",
            html.resolve().as_uri(),
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, encoding="utf-8", errors="replace", timeout=PATIENCE_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise PdfError(f"{browser} did not print {html} within {PATIENCE_S} s") from None
    if done.returncode != 0 or not target.read_bytes().startswith(b"%PDF"):
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise PdfError(f"{browser} could not print {html}: {last}")
