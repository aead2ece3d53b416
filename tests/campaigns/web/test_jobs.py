"""Work in the background, here or in another process: told as it goes on, and ended with the server."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from campaigns.errors import BusyError, IngestError, NotServedError, QueryError, WorkerError
from campaigns.web.jobs import MAX_QUEUED, JobQueue, Lane, read_apart, run_in_process
from chemspace.progress import Progress, silent
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


def write(path: Path, tell: Progress) -> None:
    tell(1, 2, "half")
    path.write_text(f"{os.getpid()} {os.getpriority(os.PRIO_PROCESS, 0)}")


def refuse(what: str, tell: Progress) -> None:
    raise QueryError(f"{what} cannot be")


def break_down(tell: Progress) -> None:
    raise KeyError("somewhere inside")


def refuse_table(tell: Progress) -> None:
    raise IngestError("lab.csv", ("row 2: no number", "row 3: no compound"))


def hoard(tell: Progress) -> int:
    return len(bytearray(3_000_000_000))


def compute(tell: Progress) -> None:
    while True:
        pass


def doubled(number: int) -> tuple[int, int]:
    return 2 * number, os.getpid()


def die(tell: Progress) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def linger(path: Path, tell: Progress) -> None:
    path.write_text(str(os.getpid()))
    time.sleep(600)


def test_work_is_done_elsewhere_behind_everything_else_and_its_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    run_in_process(write, (tmp_path / "done",), lambda *step: told.append(step))
    pid, niceness = map(int, (tmp_path / "done").read_text().split())
    assert pid != os.getpid()
    assert niceness > os.getpriority(os.PRIO_PROCESS, 0)
    assert (1, 2, "half") in told


def test_what_goes_wrong_there_is_told_here() -> None:
    with pytest.raises(QueryError, match="a horse cannot be"):
        run_in_process(refuse, ("a horse",), silent)
    with pytest.raises(RuntimeError, match="somewhere inside"):
        run_in_process(break_down, (), silent)
    with pytest.raises(WorkerError, match="ended without a word"):
        run_in_process(die, (), silent)
    with pytest.raises(WorkerError, match='under `if __name__ == "__main__":`'):
        run_in_process(refuse, (Unread(),), silent)


class Unread:
    """What cannot be read in another process, as a script whose lines are not guarded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("no number",)


def test_what_is_refused_there_is_refused_here_with_all_it_says_and_memory_has_an_end() -> None:
    with pytest.raises(IngestError) as refused:
        run_in_process(refuse_table, (), silent)
    assert refused.value.problems == ("row 2: no number", "row 3: no compound")
    with pytest.raises(WorkerError, match="more than 2 GB of memory"):
        run_in_process(hoard, (), silent, 600.0, (60, 2_000_000_000))
    with pytest.raises(WorkerError, match="stopped after 1 s of computing"):
        run_in_process(compute, (), silent, 600.0, (1, 2_000_000_000))


@pytest.mark.parametrize(
    ("content", "apart"), [(b"formula\n", False), (b"PK\x03\x04", True), (b"formula\n" * 20_000, True)]
)
def test_workbooks_and_long_texts_are_read_in_another_process(tmp_path: Path, content: bytes, *, apart: bool) -> None:
    (tmp_path / "lab").write_bytes(content)
    answer, pid = read_apart([tmp_path / "lab"], doubled, 21)
    assert (answer, pid != os.getpid()) == (42, apart)


def test_whoever_stops_listening_ends_the_work(tmp_path: Path) -> None:
    def stop(done: int, total: int, note: str) -> None:
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            raise InterruptedError("the server stops")

    with pytest.raises(InterruptedError):
        run_in_process(linger, (tmp_path / "pid",), stop)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_work_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="stopped after 2 s"):
        run_in_process(linger, (tmp_path / "pid",), silent, limit_s=2.0)
    pid = (tmp_path / "pid").read_text() if (tmp_path / "pid").exists() else ""
    if pid:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
