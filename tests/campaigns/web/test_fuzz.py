"""Requests that nobody would send by hand: every answer is one that the OpenAPI document names, never a trace."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from campaigns.web.jobs import JobQueue
from tests.campaigns.web.conftest import SLUG, Guarded
from tests.campaigns.web.fuzzing import fuzz

#: Valid requests to each operation, and as many invalid ones; `benchmarks/web_fuzz.py` sends thousands.
EXAMPLES = 6


def app_of(guarded: Guarded) -> FastAPI:
    app = guarded.client.app
    assert isinstance(app, FastAPI)
    return app


@pytest.fixture(autouse=True)
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are queued and never run: their work is tested elsewhere."""
    monkeypatch.setattr(JobQueue, "start", lambda self: None)


def test_no_request_breaks_the_server(guarded: Guarded) -> None:
    seen = fuzz(app_of(guarded), guarded.editor, SLUG, EXAMPLES)
    statuses = {status for _, status in seen}
    assert {200, 404, 422} <= statuses
    assert max(statuses) < 500


def test_no_request_without_a_token_is_answered(guarded: Guarded) -> None:
    seen = fuzz(app_of(guarded), None, SLUG, 2)
    assert {status for _, status in seen} <= {
        400,
        401,
        405,
        422,
    }  # a body that is no JSON is refused before it is asked whose it is
    events = f"/api/campaigns/{SLUG}/events"
    assert guarded.client.get(events, headers=guarded.headers("viewer")).json()["total"] == 3
