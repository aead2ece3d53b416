"""Work in another process: what it tells arrives, what goes wrong there is told here, and nothing outlives its end."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from campaigns.web.errors import QueryError, WorkerError
from campaigns.web.jobs import run_in_process
from chemspace.progress import Progress, silent


def write(path: Path, tell: Progress) -> None:
    tell(1, 2, "half")
    path.write_text(f"{os.getpid()} {os.getpriority(os.PRIO_PROCESS, 0)}")


def refuse(what: str, tell: Progress) -> None:
    raise QueryError(f"{what} cannot be")


def break_down(tell: Progress) -> None:
    raise KeyError("somewhere inside")


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
    with pytest.raises(WorkerError, match="a horse cannot be"):
        run_in_process(refuse, ("a horse",), silent)
    with pytest.raises(RuntimeError, match="somewhere inside"):
        run_in_process(break_down, (), silent)
    with pytest.raises(WorkerError, match="ended without a word"):
        run_in_process(die, (), silent)


def test_whoever_stops_listening_ends_the_work(tmp_path: Path) -> None:
    def stop(done: int, total: int, note: str) -> None:
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            raise InterruptedError("the server stops")

    with pytest.raises(InterruptedError):
        run_in_process(linger, (tmp_path / "pid",), stop)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
