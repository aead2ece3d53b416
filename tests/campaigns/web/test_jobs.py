"""Work in the background: told as it goes on, and ended with the server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from campaigns.web.errors import BusyError, NotServedError, QueryError
from campaigns.web.jobs import MAX_QUEUED, JobQueue, Lane
from chemspace.progress import Progress
from tests.campaigns.web.conftest import wait_for


@pytest.fixture
def queue() -> Iterator[JobQueue]:
    made = JobQueue()
    yield made
    made.stop()


def nothing(tell: Progress) -> dict[str, Any]:
    return {}


def test_a_job_says_how_far_it_is_and_what_came_of_it(queue: JobQueue) -> None:
    going_on = threading.Event()

    def work(tell: Progress) -> dict[str, Any]:
        tell(1, 3, "one of three")
        going_on.wait(60)
        return {"answer": 42}

    job = queue.submit("a", "count", "Anna", work)
    queue.start()
    wait_for(lambda: queue.get(job.id).note)
    assert (queue.get(job.id).done, queue.get(job.id).total, queue.get(job.id).is_over) == (1, 3, False)
    going_on.set()
    wait_for(lambda: queue.get(job.id).is_over)
    assert queue.get(job.id).result == {"answer": 42}


def test_what_goes_wrong_is_told_in_words_and_the_next_job_runs(queue: JobQueue) -> None:
    def refuse(tell: Progress) -> dict[str, Any]:
        raise QueryError("that cannot be")

    def break_down(tell: Progress) -> dict[str, Any]:
        raise ZeroDivisionError("inside")

    jobs = [queue.submit("a", "try", "Anna", work) for work in (refuse, break_down, nothing)]
    queue.start()
    wait_for(lambda: queue.get(jobs[-1].id).is_over)
    told = [queue.get(job.id).problem for job in jobs]
    assert told[0] == "that cannot be"
    assert "the server's log" in told[1]
    assert told[2] == ""


def test_saying_the_same_again_is_no_news(queue: JobQueue) -> None:
    seen: list[int] = []

    def work(tell: Progress) -> dict[str, Any]:
        for step in ((1, 2, "half"), (1, 2, "half"), (2, 2, "whole")):
            tell(*step)
            seen.append(queue.revision)
        return {}

    job = queue.submit("a", "count", "Anna", work)
    queue.start()
    wait_for(lambda: queue.get(job.id).is_over)
    assert seen[0] == seen[1] < seen[2]


def test_one_of_a_kind_waits_and_one_lane_does_not_wait_for_the_other(queue: JobQueue) -> None:
    going_on = threading.Event()

    def slow(tell: Progress) -> dict[str, Any]:
        going_on.wait(60)
        return {}

    queue.start()
    running = queue.submit("a", "check", "server", slow, lane=Lane.SLOW, once=True)
    wait_for(lambda: queue.get(running.id).state == "running")
    waiting = queue.submit("a", "check", "server", nothing, lane=Lane.SLOW, once=True)
    assert queue.submit("a", "check", "server", nothing, lane=Lane.SLOW, once=True) == waiting != running
    quick = queue.submit("a", "suggest", "Anna", nothing)
    wait_for(lambda: queue.get(quick.id).is_over)
    assert not queue.get(waiting.id).is_over
    going_on.set()
    wait_for(lambda: queue.get(waiting.id).is_over)


def test_a_server_that_stops_ends_its_jobs_at_their_next_word(queue: JobQueue) -> None:
    begun = threading.Event()

    def endless(tell: Progress) -> dict[str, Any]:
        while True:
            tell(0, 0, "still there")
            begun.set()
            threading.Event().wait(0.01)

    job = queue.submit("a", "wait", "Anna", endless)
    queue.start()
    assert begun.wait(60)
    queue.stop()
    assert "the server was stopped" in queue.get(job.id).problem


def test_too_many_jobs_and_jobs_of_nobody_are_refused(queue: JobQueue) -> None:
    for _ in range(MAX_QUEUED):
        queue.submit("a", "count", "Anna", nothing)
    with pytest.raises(BusyError, match="wait already"):
        queue.submit("a", "count", "Anna", nothing)
    queue.submit("another campaign", "count", "Anna", nothing)
    with pytest.raises(NotServedError):
        queue.get("x")
