"""The README's pictures: made here of the small campaign, looked at, and held against the ones that are committed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.campaigns.web.conftest import SLUG, Prepared, running
from tests.system import require
from tests.test_docs import DOCS, ROOT, tool

PICTURES = tool("pictures")
#: `make pictures` takes them from here.
FOLDER = ROOT / "build" / "pictures"
SIZES = {"report": PICTURES.REPORT, "page": PICTURES.PAGE}
HEADINGS = {"report": ("Campaign small", "Where it stands", "Suggested next"), "page": ("Suggestions",)}
#: Side of the squares that are compared, pixels: about a line of text with its margins.
SQUARE = 25
#: Correlation of the squares' greys. Other compounds or another font leave it above 0.8; a section, a plot or the style
#: sheet gone, or letters 4% larger, bring it below 0.65.
ALIKE = 0.7


@pytest.fixture(scope="module")
def made(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both pictures by their names."""
    require("chromium")
    campaign = tmp_path_factory.mktemp("shown") / SLUG
    shutil.copytree(prepared.folder, campaign)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPINSCREEN_ORACLE_STORE", str(prepared.oracle_store))
        return {path.stem: path for path in PICTURES.both(campaign, FOLDER)}


@pytest.fixture
def opened(prepared: Prepared, tmp_path: Path) -> Iterator[dict[str, Page]]:
    """The report and the page in windows of the pictures' sizes."""
    chromium = require("chromium")
    with running(prepared.settings(tmp_path)) as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        addresses = {
            "report": (prepared.folder / "report.html").as_uri(),
            "page": f"{base}/c/{SLUG}/suggestions",
        }
        pages = {}
        for name, (width, height) in SIZES.items():
            pages[name] = browser.new_page(viewport={"width": width, "height": height})
            pages[name].goto(addresses[name], timeout=180_000)
        yield pages
        browser.close()


def grey(png: Path) -> NDArray[np.float64]:
    """Shape (height, width), 0 black to 1 white."""
    with Image.open(png) as image:
        return np.asarray(image.convert("L"), dtype=np.float64) / 255.0


def likeness(one: Path, other: Path) -> float:
    """Correlation of the mean greys of the squares of two pictures of one size."""
    return float(np.corrcoef(*(_squares(grey(png)).ravel() for png in (one, other)))[0, 1])


def _squares(shown: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, columns = (side // SQUARE for side in shown.shape)
    whole = shown[: rows * SQUARE, : columns * SQUARE]
    return whole.reshape(rows, SQUARE, columns, SQUARE).mean(axis=(1, 3))


def test_the_pictures_show_their_headings_where_the_browser_has_them(
    made: dict[str, Path], opened: dict[str, Page]
) -> None:
    for name, page in opened.items():
        shown = grey(made[name])
        assert shown.shape == SIZES[name][::-1]
        for text in HEADINGS[name]:
            box = page.get_by_role("heading", name=text, exact=True).bounding_box(timeout=10_000)
            assert box is not None, f"{name}: no heading {text!r}"
            left, top = int(box["x"]), int(box["y"])
            letters = shown[top : top + int(box["height"]), left : left + int(box["width"])]
            assert letters.size, f"{name}: the heading {text!r} is below the picture"
            assert np.ptp(letters) > 0.5, f"{name}: no letters where the heading {text!r} stands"


@pytest.mark.parametrize("name", SIZES)
def test_the_readme_shows_what_the_code_draws(name: str, made: dict[str, Path]) -> None:
    committed = DOCS / "images" / f"{name}.png"
    assert grey(committed).shape == grey(made[name]).shape, f"{committed.name} has another size: run make pictures"
    alike = likeness(committed, made[name])
    assert alike > ALIKE, f"{committed.name} is not laid out like {made[name]} ({alike:.2f}): run make pictures"


def test_a_picture_with_a_section_gone_is_not_taken_for_the_same(
    made: dict[str, Path], prepared: Prepared, tmp_path: Path
) -> None:
    less = tmp_path / "less.html"
    whole = (prepared.folder / "report.html").read_text(encoding="utf-8")
    less.write_text(whole.replace("</head>", "<style>section:first-of-type { display: none }</style></head>"))
    PICTURES.picture(less, tmp_path / "less.png", *PICTURES.REPORT)
    assert likeness(made["report"], tmp_path / "less.png") < ALIKE - 0.1
    assert likeness(made["report"], made["report"]) == pytest.approx(1.0)
