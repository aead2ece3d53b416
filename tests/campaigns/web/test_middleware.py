"""Answers that are kept: the same bytes to the same person, never to another, never after something happened."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from campaigns import Campaign
from campaigns.events import Stage
from campaigns.web import middleware, pages
from campaigns.web.app import create_app
from campaigns.web.jobs import JobQueue
from campaigns.web.settings import Identity, Role
from tests.campaigns.web.conftest import BASE, SLUG, Guarded, Prepared, wait_for

HERE, PAGE = f"/api/campaigns/{SLUG}", f"/c/{SLUG}"
PATHS = (PAGE, f"{PAGE}/suggestions", f"{PAGE}/compounds?page=2", f"{PAGE}/model", f"{PAGE}/log", f"{PAGE}/measure")
QUESTIONS = (HERE, f"{HERE}/suggestions", f"{HERE}/ranking?size=5", f"{HERE}/events", f"{HERE}/jobs")


@pytest.fixture(autouse=True)
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JobQueue, "start", lambda self: None)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the templates that were filled."""
    filled: list[str] = []
    original = pages.page

    def counted(request: Any, visitor: Any, template: str, *more: Any, **values: Any) -> Any:
        filled.append(template)
        return original(request, visitor, template, *more, **values)

    for module in ("campaign", "compounds", "measure"):
        monkeypatch.setattr(f"campaigns.web.pages.{module}.page", counted)
    return filled


def test_a_page_is_made_once_until_something_happens(guarded: Guarded, made: list[str]) -> None:
    csrf = guarded.log_in("editor")
    client = guarded.client
    first = {path: client.get(path) for path in PATHS}
    before = len(made)
    for path, answer in first.items():
        again = client.get(path)
        assert again.content == answer.content
        assert csrf in again.text
        for name in ("content-type", "content-security-policy", "cache-control", "x-frame-options"):
            assert again.headers[name] == answer.headers[name]
    assert len(made) == before
    formula = client.get(f"{HERE}/suggestions", headers=guarded.headers("editor")).json()["suggestions"][0]["formula"]
    client.post(f"{PAGE}/suggestions/step", data={"formula": formula, "stage": "accepted", "csrf": csrf})
    assert "accepted by Anna" in client.get(f"{PAGE}/suggestions").text.lower().replace("anna", "Anna")
    assert "start growing" in client.get(PAGE).text
    assert len(made) > before


def test_what_is_kept_for_one_person_is_not_shown_to_another(guarded: Guarded) -> None:
    client = guarded.client
    told: dict[str, str] = {}
    for role in ("editor", "viewer", "editor"):
        csrf = guarded.log_in(role)
        page = client.get(f"{PAGE}/suggestions").text
        assert csrf in page
        assert ("Accept" in page) == (role == "editor")
        assert all(other not in page for name, other in told.items() if other != csrf)
        told[role] = csrf
    client.cookies.clear()
    assert client.get(f"{PAGE}/suggestions", follow_redirects=False).status_code == 303
    for path in QUESTIONS:
        assert client.get(path, headers=guarded.headers("viewer")).status_code == 200
        assert client.get(path).status_code == 401
        assert client.get(path, headers={"authorization": "Bearer of bad news"}).status_code == 401
        assert client.get(path, headers={"authorization": guarded.viewer}).status_code == 401


def test_a_write_a_job_and_another_process_are_seen_at_once(
    client: TestClient, prepared: Prepared, tmp_path: Path
) -> None:
    first, second = (s["formula"] for s in client.get(f"{HERE}/suggestions").json()["suggestions"][:2])
    assert client.get(f"{HERE}/jobs").json() == []
    assert client.get(f"{HERE}/events").json()["total"] == client.get(f"{HERE}/events").json()["total"] == 3
    client.post(f"{HERE}/outcomes", json={"formula": first, "stage": "accepted"})
    assert client.get(f"{HERE}/events").json()["total"] == 4
    client.post(f"{HERE}/suggestions", json={})
    assert len(client.get(f"{HERE}/jobs").json()) == 1
    other = Campaign.open(tmp_path / SLUG, oracle_store=prepared.oracle_store)
    other.step(second, Stage.ACCEPTED)
    wait_for(lambda: client.get(f"{HERE}/events").json()["total"] == 5, 5)


@pytest.fixture
def small_cache(monkeypatch: pytest.MonkeyPatch, prepared: Prepared, tmp_path: Path) -> Iterator[TestClient]:
    monkeypatch.setattr(middleware, "MAX_BYTES", 40_000)
    monkeypatch.setattr(middleware, "MAX_ANSWER", 20_000)
    shutil.copytree(prepared.folder, tmp_path / "b")
    settings = prepared.settings(tmp_path)
    app = create_app(replace(settings, folders=(*settings.folders, tmp_path / "b")))
    with TestClient(app, base_url=BASE) as client:
        yield client


def test_what_is_kept_is_bounded_and_answers_stay_right(small_cache: TestClient) -> None:
    told: dict[str, bytes] = {}
    for _ in range(2):
        for slug in (SLUG, "b"):
            for page in range(1, 30):
                path = f"/api/campaigns/{slug}/ranking?size=20&page={page}"
                answer = small_cache.get(path).content
                assert told.setdefault(path, answer) == answer
    kept = small_cache.app.middleware_stack  # type: ignore[attr-defined]  # the application, which the client wraps
    while not isinstance(kept, middleware.ResponseCache):
        kept = getattr(kept, "app", None) or kept._app
    assert 0 < kept.answers.currsize <= 40_000
    assert kept.answers.currsize == sum(len(answer.body) for answer in kept.answers.values())


def asked(works: Callable[[str], Awaitable[object]], paths: list[str]) -> list[str]:
    """What is answered to these addresses, asked for at once; `works` waits as long as the application would."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await works(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    campaign = SimpleNamespace(version=lambda: (1, 1))
    whole: Any = SimpleNamespace(
        known=lambda slug: campaign,
        settings=SimpleNamespace(tokens=None),
        whoever=lambda: Identity("anna", Role.EDITOR),
        count=lambda identity: None,
    )

    async def all_at_once() -> list[str]:
        cache = middleware.ResponseCache(application, registry=whole)
        answered: list[str] = []

        async def ask(path: str) -> None:
            async def send(message: Any) -> None:
                if "body" in message:
                    answered.append(message["body"].decode())

            scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
            await cache(scope, None, send)  # type: ignore[arg-type]  # nothing is received

        await asyncio.wait_for(asyncio.gather(*map(ask, paths)), 20)
        return answered

    return asyncio.run(all_at_once())


def test_many_who_ask_the_same_at_once_have_it_made_once() -> None:
    made: list[str] = []

    async def works(path: str) -> None:
        made.append(path)
        await asyncio.sleep(0.01)

    told = asked(works, [HERE, f"{HERE}/events"] * 20)
    assert sorted(made) == [HERE, f"{HERE}/events"]
    assert told.count(HERE) == told.count(f"{HERE}/events") == 20


def test_answers_that_take_long_do_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "TURN_S", 0.01)
    quick = [f"{HERE}/quick/{number}" for number in range(10)]

    done, free = 0, asyncio.Event()

    async def works(path: str) -> None:
        nonlocal done
        if "slow" in path:
            await free.wait()
            return
        done += 1
        if done == len(quick):
            free.set()

    slow = [f"{HERE}/slow/{number}" for number in range(2 * middleware.AT_ONCE)]
    assert asked(works, [*slow, *quick])[: len(quick)] == quick
