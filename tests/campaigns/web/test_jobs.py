"""Work in the background: told as it goes on, and ended with the server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from campaigns.web.errors import BusyError, NotServedError, QueryError
from campaigns.web.jobs import MAX_QUEUED, JobBoard, Lane
from chemspace.progress import Progress
from tests.campaigns.web.conftest import wait_for


@pytest.fixture
def board() -> Iterator[JobBoard]:
    made = JobBoard()
    yield made
    made.stop()


def nothing(tell: Progress) -> dict[str, Any]:
    return {}


def test_a_job_says_how_far_it_is_and_what_came_of_it(board: JobBoard) -> None:
    going_on = threading.Event()

    def work(tell: Progress) -> dict[str, Any]:
        tell(1, 3, "one of three")
        going_on.wait(60)
        return {"answer": 42}

    job = board.submit("a", "count", "Anna", work)
    board.start()
    wait_for(lambda: board.get(job.id).note)
    assert (board.get(job.id).done, board.get(job.id).total, board.get(job.id).is_over) == (1, 3, False)
    going_on.set()
    wait_for(lambda: board.get(job.id).is_over)
    assert board.get(job.id).result == {"answer": 42}


def test_what_goes_wrong_is_told_in_words_and_the_next_job_runs(board: JobBoard) -> None:
    def refuse(tell: Progress) -> dict[str, Any]:
        raise QueryError("that cannot be")

    def break_down(tell: Progress) -> dict[str, Any]:
        raise ZeroDivisionError("inside")

    jobs = [board.submit("a", "try", "Anna", work) for work in (refuse, break_down, nothing)]
    board.start()
    wait_for(lambda: board.get(jobs[-1].id).is_over)
    told = [board.get(job.id).problem for job in jobs]
    assert told[0] == "that cannot be"
    assert "the server's log" in told[1]
    assert told[2] == ""


def test_saying_the_same_again_is_no_news(board: JobBoard) -> None:
    seen: list[int] = []

    def work(tell: Progress) -> dict[str, Any]:
        for step in ((1, 2, "half"), (1, 2, "half"), (2, 2, "whole")):
            tell(*step)
            seen.append(board.revision)
        return {}

    job = board.submit("a", "count", "Anna", work)
    board.start()
    wait_for(lambda: board.get(job.id).is_over)
    assert seen[0] == seen[1] < seen[2]


def test_one_of_a_kind_waits_and_one_lane_does_not_wait_for_the_other(board: JobBoard) -> None:
    going_on = threading.Event()

    def slow(tell: Progress) -> dict[str, Any]:
        going_on.wait(60)
        return {}

    board.start()
    running = board.submit("a", "check", "server", slow, lane=Lane.SLOW, once=True)
    wait_for(lambda: board.get(running.id).state == "running")
    waiting = board.submit("a", "check", "server", nothing, lane=Lane.SLOW, once=True)
    assert board.submit("a", "check", "server", nothing, lane=Lane.SLOW, once=True) == waiting != running
    quick = board.submit("a", "suggest", "Anna", nothing)
    wait_for(lambda: board.get(quick.id).is_over)
    assert not board.get(waiting.id).is_over
    going_on.set()
    wait_for(lambda: board.get(waiting.id).is_over)


def test_a_server_that_stops_ends_its_jobs_at_their_next_word(board: JobBoard) -> None:
    begun = threading.Event()

    def endless(tell: Progress) -> dict[str, Any]:
        while True:
            tell(0, 0, "still there")
            begun.set()
            threading.Event().wait(0.01)

    job = board.submit("a", "wait", "Anna", endless)
    board.start()
    assert begun.wait(60)
    board.stop()
    assert "the server was stopped" in board.get(job.id).problem


def test_too_many_jobs_and_jobs_of_nobody_are_refused(board: JobBoard) -> None:
    for _ in range(MAX_QUEUED):
        board.submit("a", "count", "Anna", nothing)
    with pytest.raises(BusyError, match="wait already"):
        board.submit("a", "count", "Anna", nothing)
    board.submit("another campaign", "count", "Anna", nothing)
    with pytest.raises(NotServedError):
        board.get("x")
