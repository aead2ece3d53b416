"""A group's week in a real browser: accept, measure, confirm, new suggestions; every page looked at and checked.

Pictures of every page go to the folder that SPINSCREEN_SCREENSHOTS names, else to a temporary one.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from openpyxl import Workbook
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, expect

from campaigns.web.jobs import JobQueue
from tests.campaigns.web.conftest import SLUG, Prepared, Traces, running, violations

PAGES = {
    "overview": "",
    "suggestions": "/suggestions",
    "sheet": "/suggestions/sheet",
    "measure": "/measure",
    "compounds": "/compounds",
    "compound": "/compound?formula=(BA)2(MA)Pb2I7",
    "model": "/model",
    "log": "/log",
}
#: Page changes wait for a model that learns, on machines that are busy.
PATIENCE_MS = 180_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are queued and never run, where a test is not about what is learnt."""
    monkeypatch.setattr(JobQueue, "start", lambda self: None)


@pytest.fixture
def address(prepared: Prepared, tmp_path: Path) -> Iterator[str]:
    with running(prepared.settings(tmp_path)) as base:
        yield f"{base}/c/{SLUG}"


def opened(browser: Browser, width: int = 1280) -> tuple[BrowserContext, Page, list[str]]:
    """A page, and what goes wrong in it."""
    context = browser.new_context(viewport={"width": width, "height": 860}, color_scheme="light")
    context.set_default_timeout(PATIENCE_MS)
    page, wrong = context.new_page(), list[str]()

    def failed(request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the browser's own, when it goes on to another page
            wrong.append(f"{request.url}: {request.failure}")

    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", failed)
    page.on("console", lambda line: wrong.append(line.text) if "Content Security Policy" in line.text else None)
    page.on("response", lambda answer: wrong.append(f"{answer.url}: {answer.status}") if answer.status >= 400 else None)
    return context, page, wrong


def test_from_a_suggestion_to_the_next_ones(browser: Browser, address: str, traces: Traces, tmp_path: Path) -> None:
    pictures = pictures_in(tmp_path)
    context, page, wrong = opened(browser)
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_have_text(SLUG)
    launch = page.locator("section[aria-labelledby=launch]")
    for part in (
        "cations.csv: 8 spacers, 2 cage cations",
        "40 compounds: 5 RP and 3 DJ",
        "n = 1 to 3",
        "seed 0",
        "GFN2-xTB",
    ):
        expect(launch).to_contain_text(part)
    expect(page.locator("section[aria-labelledby=recent]")).to_contain_text("suggested, round 1")
    expect(page.locator("#plot-progress .main-svg").first).to_be_visible()
    page.screenshot(path=pictures / "overview-launched.png", full_page=True)
    page.get_by_role("link", name="To the suggestions").click()

    cards = page.locator("ol.cards > li")
    expect(cards).to_have_count(5)
    first = cards.first
    formula = first.locator("input[name=formula]").first.input_value()
    expect(first.locator("svg[aria-label^='structure of']")).to_be_visible()
    for part in ("ps 90% interval", "likely", "Cations for 1 g", "Delivery", "Acquisition", "Most like"):
        expect(first).to_contain_text(part)
    first.get_by_text("Recipe").click()
    expect(first.get_by_role("table")).to_contain_text("How much")
    first.get_by_role("button", name="Accept").click()
    expect(first.get_by_role("status")).to_have_text("accepted")
    cards.nth(1).get_by_text("Decline", exact=True).click()
    cards.nth(1).get_by_role("button", name="Decline for this reason").click()
    expect(cards.nth(1).get_by_role("alert")).to_contain_text("say why")
    expect(cards.nth(1).get_by_role("status")).to_have_text("suggested")
    cards.nth(1).get_by_label("Another reason").fill("no precursor")
    cards.nth(1).get_by_label("Another reason").press("Enter")
    expect(cards.nth(1).get_by_role("status")).to_have_text("declined")
    expect(cards.nth(1)).to_contain_text("no precursor")
    cards.nth(2).get_by_text("Decline", exact=True).click()
    cards.nth(2).get_by_role("button", name="too expensive").click()
    expect(cards.nth(2)).to_contain_text("too expensive")
    wrong[:] = [line for line in wrong if not line.endswith("step: 409")]  # the refusal above

    first.get_by_text("Say how it goes").click()
    first.get_by_role("link", name="Measure").click()
    expect(page.get_by_label("Compound")).to_have_value(formula)
    page.get_by_text("Response of the laser").click()
    page.get_by_label("Full width (ps)").fill("0.15")
    drop(page, "sc", traces.sc)
    drop(page, "cc", traces.cc)  # the second file makes a measurement: it is fitted at once
    expect(page.locator("#plot-fit .main-svg").first).to_be_visible()
    expect(page.get_by_role("heading", name="Lifetime")).to_contain_text(re.compile(r" ps .*\d to \d"))
    page.locator("#correct").get_by_label("Model").select_option("exponential")
    held: list[Route] = []
    page.route("**/fit", lambda route: held.append(route))
    page.get_by_role("button", name="Fit again").click()
    expect(page.get_by_role("button", name="Confirm and take in")).to_be_disabled()  # not the fit before it
    held[0].continue_()
    page.unroute("**/fit")
    expect(page.get_by_role("button", name="Confirm and take in")).to_be_enabled()
    expect(page.locator("dl.pairs", has_text="Model")).to_contain_text("exponential, R²")
    page.screenshot(path=pictures / "measure-fitted.png", full_page=True)
    page.get_by_role("button", name="Confirm and take in").click()
    expect(page.get_by_text("1 measurement taken in")).to_be_visible()
    expect(page.locator("tbody tr", has_text="SC.csv and CC.csv")).to_have_count(1)
    expect(page.locator(".dropzone.filled")).to_have_count(0)
    expect(page.get_by_text("The model has learnt.")).to_be_visible()
    page.screenshot(path=pictures / "measure-learnt.png", full_page=True)
    page.get_by_role("link", name="To the suggestions").click()

    expect(page.get_by_text("Round 2 of 2")).to_be_visible()
    assert formula not in cards.locator("input[name=formula]").evaluate_all("all => all.map(one => one.value)")
    page.get_by_role("link", name="Log").click()
    page.get_by_label("why measurement 1 is taken back").fill("pump power was wrong")
    page.get_by_role("button", name="Retract").click()
    expect(page.get_by_text("retracted: pump power was wrong").first).to_be_visible()
    assert wrong == []
    context.close()


def test_a_map_is_dropped_and_its_probe_window_dragged(
    browser: Browser, no_work: None, address: str, maps: Traces, tmp_path: Path
) -> None:
    context, page, wrong = opened(browser)
    page.goto(f"{address}/measure?formula=(PA)2PbI4")
    page.get_by_label("maps: wavelength").check()
    drop(page, "sc", maps.sc)
    drop(page, "cc", maps.cc)
    expect(page.locator("#plot-map .main-svg").first).to_be_visible()
    expect(page.locator("#plot-fit .main-svg").first).to_be_visible()
    expect(page.locator("#fit-title")).to_contain_text(re.compile(r" ps .*\d to \d"))
    at_the_peak = page.locator("#fit-title").inner_text()
    dashes = page.locator("#plot-map .shapelayer path[data-index='0']").first
    before = dashes.get_attribute("d")

    area = page.locator("#plot-map .nsewdrag").first
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box is not None
    across, top, high = box["x"] + box["width"] / 2, box["y"], box["height"]
    with page.expect_response(lambda answer: answer.url.endswith("/fit")):
        page.mouse.move(across, top + 0.40 * high)
        page.mouse.down()
        page.mouse.move(across + 20, top + 0.50 * high, steps=4)
        page.mouse.up()
    window = [page.locator(f"#correct [name=window_{end}_nm]") for end in ("low", "high")]
    low, high_nm = (float(end.input_value()) for end in window)
    assert 500 < low < high_nm < 560
    assert high_nm - low == pytest.approx(6.0, abs=1.0)  # a tenth of the 60 nm that the map spans
    expect(page.locator("#fit-title")).not_to_have_text(at_the_peak)
    expect(page.locator("#plot-map .main-svg").first).to_be_visible()
    expect(dashes).not_to_have_attribute("d", before or "")
    expect(page.locator("#plot-fit .main-svg").first).to_be_visible()
    page.screenshot(path=pictures_in(tmp_path) / "measure-map.png", full_page=True)
    expect(page.locator("#fitted")).to_contain_text(f"Probe window {low:.1f} to {high_nm:.1f} nm")

    chirp = page.locator("#correct [name=chirp]")
    expect(chirp).to_have_attribute("placeholder", "none seen")
    for n, share in enumerate((0.2, 0.8), 1):  # time zero is put where the map is clicked
        area.scroll_into_view_if_needed()
        box = area.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 0.30 * box["width"], box["y"] + share * box["height"])
        page.mouse.move(box["x"] + 0.31 * box["width"], box["y"] + share * box["height"])
        page.wait_for_function(  # Plotly takes a click for where it last saw the mouse, a moment later
            "nm => [...document.querySelectorAll('#plot-map, #plot-map *')].flatMap(part => part._hoverdata || [])"
            ".some(point => Math.abs(point.y - nm) < 3)",
            arg=560.0 - 60.0 * share,
        )
        page.mouse.click(box["x"] + 0.31 * box["width"], box["y"] + share * box["height"])
        expect(chirp).to_have_value(re.compile(r"; ".join([r"5\d\d\.\d:-?\d\.\d{3}"] * n)))
    page.get_by_role("button", name="Fit again").click()
    expect(page.locator("#fitted")).to_contain_text("ps within the probe window; corrected before averaging.")
    expect(page.locator("#plot-fit .main-svg").first).to_be_visible()
    page.screenshot(path=pictures_in(tmp_path) / "measure-chirp.png", full_page=True)

    page.get_by_role("button", name="Confirm and take in").click()
    expect(page.get_by_text("1 measurement taken in")).to_be_visible()
    expect(page.locator("tbody tr", has_text="SC map.csv and CC map.csv")).to_have_count(1)
    assert wrong == []
    context.close()


def test_a_workbook_is_looked_at_confirmed_and_taken_in(
    browser: Browser, no_work: None, address: str, tmp_path: Path
) -> None:
    book = Workbook()
    sheet = book.create_sheet("Results", 0)
    for row in (["Compound", "tau (fs)", "Crystal"], ["(PA)2PbI4", 310, "K1"], ["BA2PbI4", 650, "K2"]):
        sheet.append(row)
    book.save(tmp_path / "week.xlsx")
    context, page, wrong = opened(browser)
    page.goto(f"{address}/measure")
    page.locator("#drop-table input[name=file]").set_input_files(tmp_path / "week.xlsx")
    expect(page.get_by_role("alert")).to_contain_text("Is this right?")
    expect(page.get_by_role("alert")).to_contain_text("'tau (fs)' is in fs, so 310 in row 2 is 0.31 ps")
    rows = page.locator("#table-said tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("0.65")
    expect(page.get_by_text("Nothing yet; the published lifetimes")).to_be_visible()
    page.screenshot(path=pictures_in(tmp_path) / "measure-table.png", full_page=True)
    page.get_by_label("Unit of the lifetimes").select_option("ps")
    page.get_by_role("button", name="Look again").click()
    expect(rows.nth(1)).to_contain_text("650")
    page.get_by_label("Unit of the lifetimes").select_option("fs")
    page.get_by_role("button", name="Look again").click()
    expect(rows.nth(1)).to_contain_text("0.65")
    page.get_by_role("button", name="in 2 measurements").click()
    expect(page.get_by_text("2 measurements taken in")).to_be_visible()
    record = page.locator("section[aria-labelledby=record] tbody tr")
    expect(record).to_have_count(2)
    expect(record.first).to_contain_text("week.xlsx")
    expect(page.locator(".dropzone.filled")).to_have_count(0)
    assert wrong == []
    context.close()


def test_two_campaigns_are_chosen_from_the_first_page(browser: Browser, prepared: Prepared, tmp_path: Path) -> None:
    settings = prepared.settings(tmp_path)
    shutil.copytree(prepared.folder, tmp_path / "Tin iodides")
    with running(replace(settings, folders=(*settings.folders, tmp_path / "Tin iodides"))) as base:
        context, page, wrong = opened(browser)
        page.goto(base)
        expect(page.locator("ul.cards > li")).to_have_count(2)
        page.screenshot(path=pictures_in(tmp_path) / "start.png", full_page=True)
        page.get_by_role("link", name="Tin iodides").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Tin iodides")
        expect(page.locator("#plot-progress .main-svg").first).to_be_visible()
        page.locator(".switch summary").click()
        page.get_by_role("link", name=SLUG, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(SLUG)
        expect(page.locator("#plot-progress .main-svg").first).to_be_visible()
        assert wrong == []
        context.close()


@pytest.mark.parametrize(("width", "schemes"), [(1280, ("light", "dark")), (390, ("dark",))])
def test_every_page_is_whole_and_accessible(
    browser: Browser, prepared: Prepared, tmp_path: Path, width: int, schemes: tuple[Literal["light", "dark"], ...]
) -> None:
    with running(prepared.settings(tmp_path)) as base:
        context, page, wrong = opened(browser, width)
        for name, path in PAGES.items():
            page.emulate_media(color_scheme=schemes[0])
            page.goto(f"{base}/c/{SLUG}{path}")
            if name == "compound":
                expect(page.locator("#plot-waterfall .main-svg").first).to_be_visible()
                page.set_viewport_size({"width": width, "height": 5000})  # what is drawn when it comes into view, does
                for place in page.locator(".crystal").all():
                    expect(place).to_have_attribute("data-drawn", "yes")
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 1, f"{name} is {wide} pixels wider than the window"
            for scheme in schemes:
                look_at(page, f"{name}-{width}-{scheme}", scheme, pictures_in(tmp_path))
            page.set_viewport_size({"width": width, "height": 860})
        assert wrong == []
        context.close()


def look_at(page: Page, name: str, scheme: Literal["light", "dark"], pictures: Path) -> None:
    """A page in one scheme of colours: its plots are drawn, a picture is taken, nothing is out of reach."""
    page.emulate_media(color_scheme=scheme)
    for plot in page.locator(".plot").all():
        expect(plot.locator(".main-svg").first).to_be_visible()
    page.screenshot(path=pictures / f"{name}.png", full_page=True)
    assert violations(page, "serious", "critical") == [], name


def test_the_page_works_from_the_keyboard(browser: Browser, address: str) -> None:
    context, page, _ = opened(browser)
    page.goto(f"{address}/suggestions")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    page.keyboard.press("Enter")
    accept = page.get_by_role("button", name="Accept").first
    for _ in range(8):
        page.keyboard.press("Tab")
        if accept.evaluate("one => one === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.locator("ol.cards > li").first.get_by_role("status")).to_have_text("accepted")
    context.close()


def test_the_ranking_is_searched_while_one_types(browser: Browser, address: str) -> None:
    context, page, wrong = opened(browser)
    page.goto(f"{address}/compounds")
    page.get_by_label("Search").press_sequentially("cyclohex")
    expect(page.locator("#ranking tbody tr").first).to_contain_text("CMA")
    expect(page.locator("#ranking")).to_contain_text("4 compounds")
    page.get_by_label("Phase").select_option("DJ")
    expect(page.locator("#ranking")).to_contain_text("Nothing in the space matches")
    assert "phase=DJ" in page.url
    page.reload()
    expect(page.locator("#ranking")).to_contain_text("Nothing in the space matches")
    assert wrong == []
    context.close()


def pictures_in(folder: Path) -> Path:
    """Where pictures go."""
    return Path(os.environ.get("SPINSCREEN_SCREENSHOTS", folder))


def drop(page: Page, field: str, path: Path) -> None:
    """Drop a file on a zone as a person does with a mouse."""
    zone = page.locator(f".dropzone:has(input[name={field}])")
    given = page.evaluate_handle(
        """([name, text]) => {
            const held = new DataTransfer();
            held.items.add(new File([text], name, { type: "text/csv" }));
            return held;
        }""",
        [path.name, path.read_text()],
    )
    zone.dispatch_event("drop", {"dataTransfer": given})
    expect(zone.locator(".names")).to_have_text(path.name)
