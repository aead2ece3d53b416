"""A lab's week in a real browser, click by click: what was launched, one compound accepted by phone, two traces, a slip
of the unit asked about and mended, the next recipe, a spacer declined and that undone, a search, the report.

Its pictures go to the folder that SPINSCREEN_SCREENSHOTS names, else to a temporary one; `make pictures` puts them into
docs/images.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Browser, BrowserContext, Page, expect

from benchmarks.synthetic_traces import Truth, delay_grid, synthetic_trace
from tests.campaigns.web.conftest import SLUG, Prepared, running, violations

#: What the whole week may take.
MAX_CLICKS = 25
#: Of a page with all it loads but its figures' library, as it is sent, bytes.
MAX_PAGE = 300_000
SENT = """[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .filter((one) => !one.name.includes("plotly")).reduce((sum, one) => sum + one.transferSize, 0)"""
#: Of the pictures, so that they stay small.
COLOURS = 200
PATIENCE_MS = 180_000
#: Whether the crystals that are in view are drawn.
DRAWN = """() => [...document.querySelectorAll(".crystal")].every((place) => {
    const box = place.getBoundingClientRect();
    return !box.width || box.top > innerHeight || box.bottom < 0 || place.dataset.drawn;
})"""


class Walk:
    """Somebody who clicks, and whoever counts."""

    def __init__(self, browser: Browser, address: str, pictures: Path) -> None:
        self.browser, self.address, self.pictures = browser, address, pictures
        self.clicks, self.wrong = 0, list[str]()

    def open(self, width: int) -> tuple[BrowserContext, Page]:
        """A window of this width."""
        context = self.browser.new_context(viewport={"width": width, "height": 860}, color_scheme="light")
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda line: self.wrong.append(line.text) if line.type == "error" else None)
        return context, page

    def click(self, page: Page, name: str, role: str = "button", at: int = 0) -> None:
        """One click on what is called so."""
        self.clicks += 1
        page.get_by_role(role, name=name, exact=role != "button").nth(at).click()  # type: ignore[arg-type]  # a role

    def look(self, page: Page, name: str) -> None:
        """Take a picture, and let axe look at the page."""
        while not page.evaluate(DRAWN):  # wait_for_function would need what the policy refuses
            page.wait_for_timeout(100)
        page.mouse.move(0, 0)
        assert page.evaluate(SENT) < MAX_PAGE, name
        self.shoot(page, name)
        assert violations(page) == [], name

    def shoot(self, page: Page, name: str) -> None:
        """Take a picture, small where it is kept."""
        shot = self.pictures / f"week-{name}.png"
        page.screenshot(path=shot)
        if "SPINSCREEN_SCREENSHOTS" in os.environ:
            with Image.open(shot) as image:
                image.convert("RGB").quantize(COLOURS, Image.Quantize.FASTOCTREE).save(shot, optimize=True)


@pytest.fixture
def walk(prepared: Prepared, browser: Browser, tmp_path: Path) -> Iterator[Walk]:
    pictures = Path(os.environ.get("SPINSCREEN_SCREENSHOTS", tmp_path))
    expect.set_options(timeout=PATIENCE_MS)
    with running(prepared.settings(tmp_path)) as base:
        yield Walk(browser, f"{base}/c/{SLUG}", pictures)


@pytest.fixture
def in_fs(tmp_path: Path) -> tuple[Path, Path]:
    """SC and CC of 4 ps whose delays are in fs and do not say so."""
    truth = Truth(lifetime_ps=4.0, snr=60.0, irf_fwhm_ps=0.15)
    trace = synthetic_trace(np.random.default_rng(3), delay_grid("linear", 160, 4.0), truth)
    paths = (tmp_path / "SC.csv", tmp_path / "CC.csv")
    for path, signal in zip(paths, (trace.sc, trace.cc), strict=True):
        assert signal is not None
        rows = (f"{1000 * t:.2f},{s:.6f}" for t, s in zip(trace.delay_ps, signal, strict=True))
        path.write_text("\n".join(["delay,signal_mOD", *rows]), encoding="utf-8")
    return paths


def test_a_labs_week_takes_few_clicks_and_leaves_nothing_unsaid(walk: Walk, in_fs: tuple[Path, Path]) -> None:
    # Monday, by phone: what was launched, and one compound accepted.
    pocket, phone = walk.open(390)
    phone.goto(walk.address)
    expect(phone.locator("section[aria-labelledby=launch]")).to_contain_text("40 compounds")
    first = phone.locator("ol.cards > li").first
    formula = first.locator("input[name=formula]").first.input_value()
    expect(first.get_by_role("button", name="Accept")).to_be_in_viewport(ratio=1.0)
    expect(first.get_by_text("Decline", exact=True)).to_be_in_viewport(ratio=1.0)
    walk.look(phone, "phone")
    walk.click(phone, "Accept")
    expect(phone.locator(f"li:has(input[value='{formula}'])").get_by_role("status")).to_have_text("accepted")

    # Wednesday, at the laser: the compound that is awaited stands there, two traces are dropped, the unit is asked.
    context, page = walk.open(1280)
    page.goto(walk.address)
    walk.look(page, "overview")
    walk.click(page, "Measure", "link")
    expect(page.get_by_label("Compound")).to_have_value(formula)
    for name, path in zip(("sc", "cc"), in_fs, strict=True):
        page.locator(f"#drop input[name={name}]").set_input_files(path)
    expect(page.get_by_role("alert")).to_contain_text("longer than any delay line")
    walk.look(page, "asked")
    page.get_by_label("Unit of the delays").select_option("fs")
    walk.click(page, "Fit again")
    bar = page.get_by_role("form", name="Confirm")
    expect(bar).to_contain_text(re.compile(r"\d ± 0\.\d+\sps"))
    expect(bar).to_be_in_viewport(ratio=1.0)
    expect(page.locator("#plot-fit .main-svg").first).to_be_visible()
    walk.look(page, "fitted")
    walk.click(page, "Confirm and take in")
    expect(page.locator(".compared")).to_contain_text("Predicted")
    expect(page.get_by_text("The model has learnt.")).to_be_visible()
    expect(page.locator("section[aria-labelledby=record]")).to_contain_text(re.compile(r"4\.0\d ± 0\.0\d"))
    walk.look(page, "learnt")
    expect(phone.get_by_text("1 of them here")).to_be_visible()  # it lies open, and nobody touched it
    pocket.close()

    # Thursday: the next recipe is printed, a spacer is declined, and that is undone.
    walk.click(page, "To the suggestions", "link")
    expect(page.get_by_text("Round 2 of 2")).to_be_visible()
    walk.look(page, "suggestions")
    walk.click(page, "Sheet to print", "link")
    expect(page.get_by_text("How much").first).to_be_visible()
    walk.look(page, "sheet")
    walk.click(page, "Suggestions", "link")
    card = page.locator("ol.cards > li").first
    walk.clicks += 3
    card.get_by_text("Decline", exact=True).click()
    spacer = card.get_by_label(re.compile("every compound of"))
    spacer.check()
    card.get_by_role("button", name="too expensive").click()
    expect(page.locator("ol.cards > li").first.get_by_role("status")).to_have_text("declined")
    walk.click(page, "Log", "link")
    walk.clicks += 2
    event = page.locator("table.log tbody tr").first
    event.get_by_text("Undo").first.click()
    event.get_by_role("textbox").fill("a cheaper supplier was found")
    event.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("undone").first).to_be_visible()
    walk.look(page, "log")

    # Friday: a compound is looked up by its formula, the model is shown, and the report is kept for the meeting.
    walk.click(page, "Compounds", "link")
    walk.look(page, "compounds")
    page.get_by_label("Search").fill("BA2PbI4")
    page.get_by_label("Search").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("(BA)2PbI4")
    expect(page.locator("#plot-waterfall .main-svg").first).to_be_visible()
    walk.look(page, "compound")
    walk.click(page, "Model", "link")
    expect(page.locator("#plot-parity .main-svg").first).to_be_visible()
    walk.look(page, "model")
    walk.click(page, "Description", "link")
    walk.look(page, "description")
    walk.click(page, "Overview", "link")
    with page.expect_download() as kept:
        walk.click(page, "Report", "link")
    assert walk.wrong == []
    assert walk.clicks <= MAX_CLICKS
    report = walk.pictures / "report-of-the-week.html"
    kept.value.save_as(report)
    page.goto(report.as_uri())
    expect(page.get_by_role("heading", name="Where it stands")).to_be_visible()
    walk.shoot(page, "report")
    context.close()
    draw_loop(walk.pictures)


def draw_loop(pictures: Path) -> None:
    """The week as a loop of four pictures, for the README."""
    parts = {"1 decide": "overview", "2 measure": "fitted", "3 learn": "learnt", "4 next round": "suggestions"}
    size, bar, gap = (760, 510), 44, 12
    sheet = Image.new("RGB", (2 * size[0] + 3 * gap, 2 * (size[1] + bar) + 3 * gap), "#0b5f8a")
    drawer, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=26)
    places = [(0, 0), (1, 0), (1, 1), (0, 1)]
    for (words, name), (across, down) in zip(parts.items(), places, strict=True):
        left, top = gap + across * (size[0] + gap), gap + down * (size[1] + bar + gap)
        with Image.open(pictures / f"week-{name}.png") as shot:
            sheet.paste(shot.convert("RGB").resize(size, Image.Resampling.LANCZOS), (left, top + bar))
        drawer.text((left + 6, top + 4), words, fill="white", font=font)
    sheet.quantize(COLOURS, Image.Quantize.FASTOCTREE).save(pictures / "loop.png", optimize=True)
