"""The documentation: its examples run, its pages hold together, and what they show was printed by a command."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError
from playwright.sync_api import expect, sync_playwright
from ruamel.yaml import YAML

from tests.system import require

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")))
EXAMPLES = sorted(DOCS.glob("howto/*.py"))


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_of_the_documentation_runs_and_prints(example: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(example)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "nan" not in done.stdout


def test_every_example_stands_on_a_page() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in DOCS.glob("howto/*.md"))
    assert len(EXAMPLES) >= 4
    assert all(f'"howto/{example.name}"' in pages for example in EXAMPLES)


def links(page: Path) -> Iterator[str]:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if not target.startswith(("http:", "https:", "mailto:")):
            yield target


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_of_a_page_lead_to_files(page: Path) -> None:
    assert [target for target in links(page) if not (page.parent / target).exists()] == []


def navigation(entry: object) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, list):
        for each in entry:
            yield from navigation(each)
    elif isinstance(entry, dict):
        for each in entry.values():
            yield from navigation(each)


def test_every_page_is_reached_by_the_navigation_and_there() -> None:
    settings = YAML(typ="safe").load(ROOT / "mkdocs.yml")
    named = set(navigation(settings["nav"]))
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert named <= pages
    completed = tool("hooks").on_config({"docs_dir": str(DOCS), "nav": settings["nav"]})
    assert set(navigation(completed["nav"])) == pages


def test_the_site_loads_nothing_from_another_server() -> None:
    settings = YAML(typ="safe").load(ROOT / "mkdocs.yml")
    assert settings["theme"]["font"] is False
    assert settings["strict"] is True
    assert "extra_javascript" not in settings
    assert settings["extra"]["polyfills"] == ["javascripts/iframe-worker.js"]  # else "offline" loads it from elsewhere
    assert not any(
        "](http" in line and line.lstrip().startswith("![")
        for page in PAGES
        for line in page.read_text(encoding="utf-8").splitlines()
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_block_that_names_its_command_holds_what_it_printed(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    blocks = [found for found in tool("blocks").STEP.finditer(text) if found["command"]]
    assert len(blocks) == len(re.findall(r"^<!-- output of: ", text, re.MULTILINE))
    assert all(found["shown"].startswith("```") for found in blocks), "run make tutorial"


def test_blocks_are_filled_by_running_their_commands_in_order(tmp_path: Path) -> None:
    page = (
        "<!-- file: numbers.txt -->\n```\n2\n3\n```\n"
        "<!-- output of: wc -l < numbers.txt | tr -d ' ' | tee n.txt -->\nold\n<!-- end of output -->\n"
        "<!-- output of: cat n.txt -->\n<!-- end of output -->\n"
    )
    filled = tool("blocks").fill(page, tmp_path)
    assert filled.count("```text\n2\n```\n<!-- end of output -->") == 2
    assert tool("blocks").fill(filled, tmp_path) == filled


def test_a_failing_command_leaves_its_page_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="ended with 3"):
        tool("blocks").fill("<!-- output of: exit 3 -->\n<!-- end of output -->\n", tmp_path)


def test_the_page_of_sources_names_a_source_for_every_measured_row() -> None:
    written = tool("hooks").lifetimes("").splitlines()[2:]
    assert len(written) == 52
    assert all("https://doi.org/10." in line for line in written)


def test_every_row_of_the_formability_table_has_its_source_or_says_that_none_is_named() -> None:
    written = tool("hooks").formability("").splitlines()[2:]
    assert len(written) > 100
    assert all(re.search(r"https://doi\.org/10\.|chemrxiv:|no article named", line) for line in written)


def test_the_table_of_abbreviations_is_that_of_the_code_each_with_its_structure_and_source() -> None:
    from chemspace import CationLibrary

    cells = [line.strip("| ").split(" | ") for line in tool("hooks").cations("").splitlines()[2:]]
    library = CationLibrary.builtin()
    assert [(row[0], row[3]) for row in cells] == [(c.abbreviation, f"`{c.smiles}`") for c in library]
    assert all(library[row[0]].source and library[row[0]].source in row[-1] for row in cells)


def test_the_reference_has_a_block_for_every_module_of_the_library() -> None:
    blocks = tool("hooks").modules("screening")
    assert "::: screening.dataset" in blocks
    assert "::: screening.surrogate" in blocks
    assert "campaigns.cli" not in tool("hooks").modules("campaigns")


def test_the_readmes_pictures_are_small_pngs() -> None:
    shown = re.findall(r"!\[[^]]*\]\(([^)]+\.png)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert shown
    for name in shown:
        content = (ROOT / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) < 300_000
        assert struct.unpack(">II", content[16:24]) >= (600, 400)


def test_a_picture_shows_what_the_browser_shows(tmp_path: Path) -> None:
    require("chromium")
    page = tmp_path / "page.html"
    page.write_text('<body style="margin:0"><h1 style="color:#c00;background:#0a0">Kept</h1><svg></svg></body>')
    tool("pictures").picture(page, tmp_path / "shot.png", width=300, height=200)
    assert struct.unpack(">II", (tmp_path / "shot.png").read_bytes()[16:24]) == (300, 200)


def test_a_page_that_is_opened_as_a_file_is_searched(tmp_path: Path) -> None:
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    for name in ("glossary.md", "index.md", "javascripts/iframe-worker.js"):
        (to := tmp_path / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(DOCS / name, to)
    settings = YAML(typ="safe").load(ROOT / "mkdocs.yml")
    changed = {"plugins": ["offline", "search"], "hooks": [], "nav": None, "strict": False, "extra_css": []}
    settings |= changed | {"docs_dir": str(tmp_path / "docs"), "site_dir": str(tmp_path / "site")}
    YAML(typ="safe").dump(settings, tmp_path / "mkdocs.yml")
    build(load_config(str(tmp_path / "mkdocs.yml")))
    chromium = require("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        asked = list[str]()
        page.on("request", lambda request: asked.append(request.url))
        page.goto((tmp_path / "site" / "index.html").as_uri())
        search, found = page.get_by_placeholder("Search").first, page.locator(".md-search-result__item").first
        for _ in range(10):  # what is typed before the page listens is lost
            search.fill("")
            search.press_sequentially("calibrated")  # key by key: the page listens to keys
            with suppress(PlaywrightTimeoutError):
                found.wait_for(timeout=2_000)
                break
        expect(found).to_contain_text("Words", timeout=5_000)
        assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)
        browser.close()


#: A message on the page of troubleshooting: what stands between the parts that differ from case to case.
MESSAGES = [
    message
    for line in (DOCS / "troubleshooting.md").read_text(encoding="utf-8").splitlines()
    if (message := re.match(r"\| `([^`]+)` \|", line))
]


def texts_of_the_code() -> str:
    """Every text in the source of the four rooms and in the templates, with "…" where a value is put in."""
    told = []
    for room in ("chemspace", "oracle", "screening", "campaigns"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = node.values
                    told.append("".join(p.value if isinstance(p, ast.Constant) else "…" for p in parts))  # type: ignore[misc]  # text
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    told.append(node.value)
    return "\n".join(told)


def test_the_messages_of_troubleshooting_are_the_codes_own() -> None:
    code = texts_of_the_code()
    assert len(MESSAGES) > 30
    for message in MESSAGES:
        parts = [re.escape(part) for part in message[1].split("…")]
        assert re.search(r"[^\n]*".join(parts), code), f"no code says {message[1]!r}"
