"""The report: one file that needs nothing else, drawn and printed by a real browser."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from campaigns.errors import PdfError
from campaigns.report import script_json, write_pdf
from campaigns.report.card import equation_html, formula_html, molecule_svg
from chemspace import Cation
from tests.campaigns.conftest import Launched
from tests.system import require


@pytest.fixture(scope="module")
def page(launched: Launched) -> str:
    html = (launched.folder / "report.html").read_text(encoding="utf-8")
    return re.sub(r"<script(?: type=\"application/json\")?>.*?</script>", "", html, flags=re.DOTALL)


def test_the_report_loads_nothing_from_anywhere(page: str) -> None:
    assert not re.findall(r"(?:src|href)\s*=\s*[\"']", page)
    assert "@import" not in page
    assert "url(" not in page


def test_the_report_says_that_its_figures_are_out_of_fold(page: str) -> None:
    assert "Every figure is out of fold" in page
    assert "Parity, out of fold" in page
    assert "Calibration, out of fold" in page


def test_five_suggestions_are_drawn_as_molecules_with_recipes(page: str) -> None:
    assert page.count('<svg role="img" aria-label="structure of') == 5
    assert page.count("<summary>Recipe</summary>") == 5


def test_a_browser_draws_every_plot(launched: Launched, tmp_path: Path) -> None:
    chromium = require("chromium")
    done = subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            f"--user-data-dir={tmp_path}",
            "--virtual-time-budget=8000",
            "--dump-dom",
            f"file://{launched.folder / 'report.html'}",
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    assert done.stdout.count('data-drawn="yes"') == 7 + 5  # figures and crystals
    for label in ("measured lifetime (ps)", "nominal size of the interval", "lifetime (ps)", "log10 lifetime"):
        assert label in done.stdout.split("</header>")[1]


def test_the_report_is_printed_as_a_pdf(launched: Launched, tmp_path: Path) -> None:
    require("chromium")
    write_pdf(launched.folder / "report.html", tmp_path / "meeting.pdf")
    content = (tmp_path / "meeting.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert len(content) > 50_000
    assert 5 <= len(re.findall(rb"/Type /Page\b", content)) <= 7
    assert [path.name for path in tmp_path.iterdir()] == ["meeting.pdf"]


def test_without_a_browser_one_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.report.BROWSERS", ("no-such-browser",))
    with pytest.raises(PdfError, match="apt-get install chromium"):
        write_pdf(tmp_path / "report.html", tmp_path / "report.pdf")
    assert not (tmp_path / "report.pdf").exists()


def test_a_drawing_holds_no_inline_style_and_takes_the_colour_of_the_text() -> None:
    drawing = molecule_svg(Cation.from_smiles("[NH3+]CCc1ccccc1", abbreviation="PEA", names=("<script>",)))
    assert "style=" not in drawing
    assert "currentColor" in drawing
    assert "<script>" not in drawing


def test_json_cannot_end_the_script_it_stands_in() -> None:
    assert "</script>" not in script_json({"text": "</script><script>alert(1)</script>"})


@pytest.mark.parametrize(
    ("formula", "html"),
    [
        ("(PEA)2(MA)2Pb3I10", "(PEA)<sub>2</sub>(MA)<sub>2</sub>Pb<sub>3</sub>I<sub>10</sub>"),
        ("(4AMP)PbI4", "(4AMP)PbI<sub>4</sub>"),
        ("(<b>)PbI4", "(&lt;b&gt;)PbI<sub>4</sub>"),
    ],
)
def test_numbers_of_a_formula_are_subscripts_and_names_stay(formula: str, html: str) -> None:
    assert formula_html(formula) == html


@pytest.mark.parametrize(
    ("equation", "html"),
    [
        (
            "2 PbO + 2 BA free base + MAI + 6 HI -> (BA)2(MA)Pb2I7 + 2 H2O",
            "2\u00a0PbO + 2\u00a0BA free base + MAI + 6\u00a0HI \u2192 "
            "(BA)<sub>2</sub>(MA)Pb<sub>2</sub>I<sub>7</sub> + 2\u00a0H<sub>2</sub>O",
        ),
        ("F4-PDMA free base + PbI2", "F4-PDMA free base + PbI<sub>2</sub>"),
        ("<b>", "&lt;b&gt;"),
    ],
)
def test_an_equation_has_subscripts_in_formulas_and_in_nothing_else(equation: str, html: str) -> None:
    assert equation_html(equation) == html
