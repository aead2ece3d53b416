"""A group's week in a real browser: accept, measure, confirm, new suggestions; every page looked at and checked.

Pictures of every page go to the folder that SPINSCREEN_SCREENSHOTS names, else to a temporary one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.campaigns.web.conftest import SLUG, Prepared, Traces, running
from tests.system import require

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
LOOKS = {"1280-light": (1280, "light"), "1280-dark": (1280, "dark"), "390-light": (390, "light")}
#: Page changes wait for a model that learns, on machines that are busy.
PATIENCE_MS = 180_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = require("chromium")
    arguments = ["--no-sandbox", "--disable-background-networking", "--disable-gpu", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield started
        started.close()


@pytest.fixture
def address(prepared: Prepared, tmp_path: Path) -> Iterator[str]:
    with running(prepared.settings(tmp_path)) as base:
        yield f"{base}/c/{SLUG}"


def opened(browser: Browser, width: int = 1280, scheme: str = "light") -> tuple[BrowserContext, Page, list[str]]:
    """A page, and what goes wrong in it."""
    context = browser.new_context(viewport={"width": width, "height": 860}, color_scheme=scheme)  # type: ignore[arg-type]  # one of two words
    context.set_default_timeout(PATIENCE_MS)
    page, wrong = context.new_page(), list[str]()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(f"{request.url}: {request.failure}"))
    page.on("response", lambda answer: wrong.append(f"{answer.url}: {answer.status}") if answer.status >= 400 else None)
    return context, page, wrong


def test_from_a_suggestion_to_the_next_ones(browser: Browser, address: str, traces: Traces, tmp_path: Path) -> None:
    pictures = pictures_in(tmp_path)
    context, page, wrong = opened(browser)
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_have_text(SLUG)
    expect(page.locator("#plot-progress .main-svg").first).to_be_visible()
    page.get_by_role("link", name="To the suggestions").click()

    cards = page.locator("ol.cards > li")
    expect(cards).to_have_count(5)
    first = cards.first
    formula = first.locator("input[name=formula]").input_value()
    expect(first.locator("svg[aria-label^='structure of']")).to_be_visible()
    first.get_by_role("button", name="Accept").click()
    expect(first.get_by_role("status")).to_have_text("accepted")
    cards.nth(1).get_by_role("button", name="Decline").click()
    expect(cards.nth(1).get_by_role("alert")).to_contain_text("say why")
    expect(cards.nth(1).get_by_role("status")).to_have_text("suggested")
    cards.nth(1).get_by_label("Reason").fill("no precursor")
    cards.nth(1).get_by_role("button", name="Decline").click()
    expect(cards.nth(1).get_by_role("status")).to_have_text("declined")
    wrong[:] = [line for line in wrong if not line.endswith("step: 409")]  # the refusal above

    first.get_by_text("Say how it goes").click()
    first.get_by_role("link", name="Measure").click()
    expect(page.get_by_label("Compound")).to_have_value(formula)
    drop(page, "sc", traces.sc)
    drop(page, "cc", traces.cc)
    page.get_by_label("Response, full width (ps)").fill("0.15")
    page.get_by_role("button", name="Fit", exact=True).click()
    expect(page.locator("#plot-fit .main-svg").first).to_be_visible()
    expect(page.get_by_role("heading", name="Lifetime")).to_contain_text("ps (95% interval")
    page.locator("#correct").get_by_label("Model").select_option("exponential")
    page.get_by_role("button", name="Fit again").click()
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


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_is_whole_and_accessible(browser: Browser, prepared: Prepared, tmp_path: Path, look: str) -> None:
    pictures = pictures_in(tmp_path)
    width, scheme = LOOKS[look]
    with running(prepared.settings(tmp_path)) as base:
        context, page, wrong = opened(browser, width, scheme)
        for name, path in PAGES.items():
            page.goto(f"{base}/c/{SLUG}{path}")
            for plot in page.locator(".plot").all():
                expect(plot.locator(".main-svg").first).to_be_visible()
            if name == "compound":
                expect(page.locator("#plot-waterfall .main-svg").first).to_be_visible()
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 1, f"{name} is {wide} pixels wider than the window"
            page.screenshot(path=pictures / f"{name}-{look}.png", full_page=True)
            found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "best-practice"]})
            serious = [v for v in found.response["violations"] if v["impact"] in ("serious", "critical")]
            assert serious == [], (name, [(v["id"], [node["html"] for node in v["nodes"]]) for v in serious])
        assert wrong == []
        context.close()


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
