"""A served campaign: the small one of the campaign tests, with its pages prepared once."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.synthetic_traces import Truth, delay_grid, synthetic_map, synthetic_trace
from campaigns.web.app import config_of, create_app
from campaigns.web.jobs import JobQueue
from campaigns.web.service import CampaignService
from campaigns.web.settings import Role, Settings, TokenFile
from tests.campaigns.conftest import Launched, made_once
from tests.system import require

SLUG = "small"
BASE = "http://127.0.0.1"


@dataclass(frozen=True)
class Prepared:
    """A campaign folder whose pages are worked out, and its oracle store."""

    folder: Path
    oracle_store: Path

    def settings(self, to: Path, **how: object) -> Settings:
        """Settings of a server over a copy of the campaign in `to`."""
        folder = to / SLUG
        if not folder.exists():
            shutil.copytree(self.folder, folder)
        values = {"folders": (folder,), "oracle_store": self.oracle_store, "prepare": False, "dig": False, **how}
        return Settings(**values)  # type: ignore[arg-type]  # a test helper


@pytest.fixture(scope="session")
def prepared(launched: Launched, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    def make(root: Path) -> None:
        shutil.copytree(launched.folder, root / SLUG)
        queue = JobQueue()
        settings = Prepared(root / SLUG, launched.oracle_store).settings(root)
        job = CampaignService(SLUG, root / SLUG, queue, settings).prepare("test")
        queue.start()
        wait_for(lambda: queue.get(job.id).is_over)
        queue.stop()
        assert queue.get(job.id).problem == ""

    return Prepared(made_once(tmp_path_factory, "prepared", make) / SLUG, launched.oracle_store)


@pytest.fixture
def client(prepared: Prepared, tmp_path: Path) -> Iterator[TestClient]:
    """An open server on loopback."""
    with TestClient(create_app(prepared.settings(tmp_path)), base_url=BASE) as made:
        yield made


@dataclass(frozen=True)
class Guarded:
    """A server that asks for tokens."""

    client: TestClient
    editor: str
    viewer: str
    tokens: TokenFile

    def headers(self, role: str) -> dict[str, str]:
        """The header of an API request."""
        return {"authorization": f"Bearer {getattr(self, role)}"}

    def log_in(self, role: str) -> str:
        """Log the browser in, return the token that its forms carry."""
        self.client.cookies.clear()
        answer = self.client.post("/login", data={"token": getattr(self, role)}, follow_redirects=False)
        assert answer.status_code == 303
        page = self.client.get(f"/c/{SLUG}").text
        return page.split('"X-CSRF-Token":"')[1].split('"')[0]


@pytest.fixture
def guarded(prepared: Prepared, tmp_path: Path) -> Iterator[Guarded]:
    tokens = TokenFile(tmp_path / "tokens.json")
    editor, viewer = tokens.add("Anna", Role.EDITOR), tokens.add("Wall", Role.VIEWER)
    with TestClient(create_app(prepared.settings(tmp_path, tokens=tokens)), base_url=BASE) as made:
        yield Guarded(made, editor, viewer, tokens)


@dataclass(frozen=True)
class Traces:
    """Two trace files of one crystal, and the lifetime they were made with."""

    sc: Path
    cc: Path
    lifetime_ps: float


@pytest.fixture(scope="session")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Traces:
    folder, lifetime_ps = tmp_path_factory.mktemp("traces"), 4.0
    trace = synthetic_trace(
        np.random.default_rng(2), delay_grid("linear", 160, lifetime_ps), Truth(lifetime_ps=lifetime_ps, snr=40.0)
    )
    paths = []
    for name, signal in (("SC.csv", trace.sc), ("CC.csv", trace.cc)):
        assert signal is not None
        path = folder / name
        rows = "".join(f"{t:.5f},{s:.6f}\n" for t, s in zip(trace.delay_ps, signal, strict=True))
        path.write_text("delay_ps,signal\n" + rows)
        paths.append(path)
    return Traces(paths[0], paths[1], lifetime_ps)


@pytest.fixture(scope="session")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Traces:
    """The same as maps, wavelengths down and delays across."""
    folder, lifetime_ps = tmp_path_factory.mktemp("maps"), 4.0
    wavelength, delay = np.linspace(500, 560, 61), np.linspace(-2, 20, 120)
    paths = []
    made = synthetic_map(
        np.random.default_rng(0),
        wavelength,
        delay,
        Truth(lifetime_ps=lifetime_ps, snr=30.0, height=-1e-3),
        peak_nm=525.0,
    )
    for name, each in zip(("SC map.csv", "CC map.csv"), made, strict=True):
        rows = [[0.0, *delay], *([w, *line] for w, line in zip(wavelength, each.signal, strict=True))]
        path = folder / name
        path.write_text("\n".join(",".join(f"{value:.8f}" for value in row) for row in rows))
        paths.append(path)
    return Traces(paths[0], paths[1], lifetime_ps)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = require("chromium")
    arguments = ["--no-sandbox", "--disable-background-networking", "--disable-gpu", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield started
        started.close()


def violations(page: Page, *impacts: str) -> list[tuple[str, list[str]]]:
    """Accessibility rules that a page breaks, with the elements that do; of these impacts, or of all."""
    # without resultTypes axe describes every element of every rule that holds, which takes most of its time
    options = {"runOnly": ["wcag2a", "wcag2aa", "best-practice"], "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    return [(v["id"], [node["html"] for node in v["nodes"]]) for v in found if not impacts or v["impact"] in impacts]


@contextmanager
def running(settings: Settings) -> Iterator[str]:
    """A real server on a free port of loopback, in a thread; gives its address."""
    server = uvicorn.Server(config_of(create_app(settings), "error"))
    server.config.port, server.config.timeout_graceful_shutdown = 0, 1
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


def wait_for(ready: Callable[[], object], timeout_s: float = 120.0) -> None:
    """Wait until something is so."""
    pause = threading.Event()
    for _ in range(int(timeout_s / 0.05)):
        if ready():
            return
        pause.wait(0.05)
    raise AssertionError(f"not within {timeout_s:g} s")
