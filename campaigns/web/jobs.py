"""Long work in the background, with its progress for whoever asks."""

from __future__ import annotations

import logging
import os
import queue
import secrets
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

from pydantic import ConfigDict, Field

from campaigns.database import acting_as
from campaigns.errors import BusyError, NotServedError, QueryError, WebError, WorkerError
from campaigns.summary import Moment
from chemspace import SpinscreenError
from chemspace.progress import Progress, silent

T = TypeVar("T")

#: How often a silent process is asked after, s: so soon a stopped server ends it.
LISTEN_S = 0.5
#: Added to the niceness of these processes: where the processor is short, readers come first.
NICENESS = 5
#: What reading an upload may take: CPU seconds (a busy machine is no fault of the file's), seconds, bytes of memory.
READ_CPU_S, READ_S, READ_BYTES = 120, 1200.0, 2_000_000_000
#: Text of so many bytes is read at once, before another process would have begun; not what may hold more than it
#: seems to: zip archives (workbooks), Parquet, gzip, HDF5.
LIGHT_BYTES, PACKED = 100_000, (b"PK", b"PAR1", b"\x1f\x8b", b"\x89HDF")
#: Uploads and reports that are worked on at the same time, and with them those that wait for it.
_reading, _waiting = threading.BoundedSemaphore(2), threading.BoundedSemaphore(12)
#: Processes are forked from one that has imported this, and done nothing else.
_context: Any = get_context("forkserver" if os.name == "posix" else "spawn")
if os.name == "posix":
    _context.set_forkserver_preload(
        [
            "campaigns.campaign",
            "campaigns.ingest",
            "campaigns.kinetics",
            "campaigns.refits",
            "campaigns.report.view",
            "campaigns.round",
            "campaigns.web.uploads",
            "openpyxl",
            "screening.surrogates.mixture",
            "screening.validation",
        ]
    )


def read_apart(paths: Sequence[Path], work: Callable[..., T], *arguments: Any) -> T:
    """What `work(*arguments)` makes of uploads, apart unless they are little. QueryError, BusyError, or its own."""
    small = sum(path.stat().st_size for path in paths) <= LIGHT_BYTES
    if small and not any(path.read_bytes().startswith(PACKED) for path in paths):
        return work(*arguments)
    try:
        with turn():
            return cast(T, run_in_process(_quietly, (work, arguments), silent, READ_S, (READ_CPU_S, READ_BYTES)))
    except WorkerError as problem:
        raise QueryError(f"it cannot be read: {problem}; hand it in in parts") from None


@contextmanager
def turn() -> Iterator[None]:
    """The turn of a request that waits for a process of its own. BusyError where many wait already."""
    if not _waiting.acquire(blocking=False):
        raise BusyError("many uploads and reports are being worked on already; try again when some are done")
    try:
        with _reading:
            yield
    finally:
        _waiting.release()


def _quietly(work: Callable[..., T], arguments: tuple[Any, ...], _: Progress) -> T:
    return work(*arguments)


def run_in_process(
    work: Callable[..., T],
    arguments: tuple[Any, ...],
    progress: Progress,
    limit_s: float = 3600.0,
    limits: tuple[int, int] | None = None,
) -> T:
    """What `work(*arguments, progress)` gives in another process: `work` is a function of a module, its arguments and
    result travel by pickle. `progress` is told what `work` tells, and the same again while it is silent; what it raises
    ends the process, and so do `limit_s` and `limits` (CPU seconds, bytes of memory). Raises what `work` refuses;
    WorkerError if it takes too long or too much memory, or ends without a word. Kept pools (concurrent.futures, pebble,
    loky) bring no progress back, for which a pipe is needed anyway."""
    until = time.monotonic() + limit_s
    receiving, sending = _context.Pipe(duplex=False)
    process = _context.Process(target=_work, args=(sending, work, arguments, limits))
    process.start()
    sending.close()
    word, content = "progress", cast(Any, (0, 0, "starting"))
    try:
        while word == "progress":
            progress(*content)
            if receiving.poll(LISTEN_S):
                word, content = receiving.recv()
            elif time.monotonic() > until:
                raise WorkerError(f"it was stopped after {limit_s:g} s")
    except EOFError:
        process.join()
        if limits is not None and process.exitcode == -signal.SIGXCPU:
            raise WorkerError(f"it was stopped after {limits[0]} s of computing") from None
        if process.exitcode == 1:  # Python ended before `_work` began
            why = 'a script that serves, which it reads again, does so under `if __name__ == "__main__":`'
            raise WorkerError(f"its process could not begin: {why}") from None
        raise WorkerError(
            f"its process ended without a word (exit code {process.exitcode}); was memory short?"
        ) from None
    finally:
        process.kill()
        process.join()
        receiving.close()
    if word != "done":
        raise content if word == "refused" else RuntimeError(content)
    return cast(T, content)


def _work(
    sending: Connection, work: Callable[..., object], arguments: tuple[Any, ...], limits: tuple[int, int] | None
) -> None:
    """The other process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the server, which ends this one
    os.nice(NICENESS)
    if limits is not None:
        with suppress(ImportError):  # Windows
            import resource

            resource.setrlimit(resource.RLIMIT_CPU, (limits[0], limits[0] + 5))
            resource.setrlimit(resource.RLIMIT_DATA, (limits[1], limits[1]))
    with suppress(BrokenPipeError):  # a server that was killed is told nothing
        try:
            result = work(*arguments, lambda done, total, note: sending.send(("progress", (done, total, note))))
            sending.send(("done", result))
        except SpinscreenError as problem:
            sending.send(("refused", problem))
        except MemoryError:
            sending.send(("refused", WorkerError(f"it takes more than {(limits or (0, 0))[1] / 1e9:g} GB of memory")))
        except Exception:
            sending.send(("broken", traceback.format_exc()))


_log = logging.getLogger(__name__)

#: What a job does: it is handed the progress callback and returns JSON-serialisable values.
Work = Callable[[Progress], dict[str, Any]]
#: Finished jobs that are remembered.
KEPT = 500
#: Jobs of one campaign that may wait at once.
MAX_QUEUED = 40
#: Predictions that one person may have waiting or running at once.
MAX_PREDICTIONS = 2


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Lane(StrEnum):
    """Jobs of one lane follow each other; what takes minutes does not hold up what takes seconds."""

    WORK = "work"
    PREDICT = "predict"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work; a new value each time it gets on.

    Attributes:
        id: its name.
        campaign: slug of the campaign it belongs to.
        kind: what it does, in a word.
        by: who asked for it.
        state: where it stands.
        done, total, note: progress; `total` is 0 while it is not known.
        result: what it gave, once done.
        problem: why it failed.
        created_at, started_at, ended_at: UTC.
        usual_s: how long the last one of this kind and campaign took, s; 0 where there was none.
    """

    __pydantic_config__ = ConfigDict(json_schema_serialization_defaults_required=True)

    id: str
    campaign: str
    kind: str
    by: str
    created_at: Moment
    state: JobState = JobState.QUEUED
    done: int = 0
    total: int = 0
    note: str = ""
    result: dict[str, Any] | None = None
    problem: str = ""
    started_at: Annotated[datetime | None, Field(exclude=True)] = None
    ended_at: Moment | None = None
    usual_s: Annotated[float, Field(exclude=True)] = 0.0

    @property
    def left(self) -> str:
        """About how long it still takes, in words; "" while nothing tells."""
        if self.started_at is None:
            return ""
        gone = (datetime.now(UTC) - self.started_at).total_seconds()
        whole = gone * self.total / self.done if self.total and self.done >= 0.1 * self.total else self.usual_s
        left = whole - gone
        if left <= 0.0:
            return ""
        return f"about {left:.0f} s left" if left < 90.0 else f"about {left / 60.0:.0f} min left"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in (JobState.DONE, JobState.FAILED)


class _StoppedError(WebError):
    """A job that ends because the server does."""


class JobQueue:
    """Jobs of all campaigns, and a thread for each lane."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        #: Grows whenever a job is submitted or gets on.
        self.revision = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._queues: dict[Lane, queue.SimpleQueue[tuple[str, Work] | None]] = {}

    def start(self) -> None:
        """Begin to work off what was submitted."""
        for lane in Lane:
            thread = threading.Thread(
                target=self._serve, args=(self._queue(lane),), name=f"spinscreen-{lane}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def stop(self, patience_s: float = 20.0) -> None:
        """Take up no other job, end the running ones at their next sign of progress, and wait at most `patience_s`."""
        self._stopping.set()
        for waiting in self._queues.values():
            waiting.put(None)
        until = time.monotonic() + patience_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def submit(
        self, campaign: str, kind: str, by: str, work: Work, *, lane: Lane = Lane.WORK, once: bool = False
    ) -> Job:
        """Queue `work` of a `kind` (in a word) for a campaign (slug); jobs of one lane take turns. `once` gives the job
        that waits already, where one does; it is never refused, so that what was ingested cannot fail to be learnt
        from. Raises BusyError if too many wait already, or `by` has `MAX_PREDICTIONS` that are not over."""
        with self._lock:
            waiting = [j for j in self._jobs.values() if (j.campaign, j.kind, j.state) == (campaign, kind, "queued")]
            if once and waiting:
                return waiting[0]
            queued = sum(j.campaign == campaign and j.state is JobState.QUEUED for j in self._jobs.values())
            if queued >= MAX_QUEUED and not once:
                raise BusyError(f"{queued} jobs of this campaign wait already; try again when some are done")
            mine = sum((j.by, j.kind) == (by, kind) and not j.is_over for j in self._jobs.values())
            if lane is Lane.PREDICT and mine >= MAX_PREDICTIONS:
                raise BusyError(f"{mine} predictions for {by} are not done yet; ask again when one is")
            job = Job(secrets.token_urlsafe(12), campaign, kind, by, datetime.now(UTC))
            self._jobs[job.id] = job
            self.revision += 1
            over = [j.id for j in self._jobs.values() if j.is_over]
            for old in over[: max(0, len(over) - KEPT)]:
                del self._jobs[old]
        self._queue(lane).put((job.id, work))
        return job

    def get(self, job_id: str) -> Job:
        """The job as it stands. Raises NotServedError if there is none of that name (any more)."""
        try:
            return self._jobs[job_id]
        except KeyError:
            raise NotServedError(f"there is no job {job_id[:40]!r} (any more)") from None

    def of(self, campaign: str) -> tuple[Job, ...]:
        """The jobs of one campaign, newest first."""
        with self._lock:
            return tuple(job for job in reversed(self._jobs.values()) if job.campaign == campaign)

    def _queue(self, lane: Lane) -> queue.SimpleQueue[tuple[str, Work] | None]:
        return self._queues.setdefault(lane, queue.SimpleQueue())

    def _serve(self, waiting: queue.SimpleQueue[tuple[str, Work] | None]) -> None:
        while (item := waiting.get()) is not None and not self._stopping.is_set():
            self._run(*item)

    def _run(self, job_id: str, work: Work) -> None:
        told = (0, 0, "")

        def tell(done: int, total: int, note: str) -> None:
            nonlocal told
            if self._stopping.is_set():
                raise _StoppedError("the server was stopped; what was finished is kept")
            if told != (told := (done, total, note)):
                self._change(job_id, done=done, total=total, note=note)

        self._change(job_id, state=JobState.RUNNING, started_at=datetime.now(UTC), usual_s=self._usual_s(job_id))
        try:
            with acting_as(self._jobs[job_id].by):
                result = work(tell)
        except SpinscreenError as problem:
            self._end(job_id, JobState.FAILED, problem=str(problem))
        except Exception:
            _log.exception("job %s failed", job_id)
            self._end(job_id, JobState.FAILED, problem="an error of the program; the server's log has the details")
        else:
            self._end(job_id, JobState.DONE, result=result)

    def _usual_s(self, job_id: str) -> float:
        mine = self._jobs[job_id]
        for job in self.of(mine.campaign):
            if job.kind == mine.kind and job.state is JobState.DONE and job.started_at and job.ended_at:
                return (job.ended_at - job.started_at).total_seconds()
        return 0.0

    def _end(self, job_id: str, state: JobState, **how: Any) -> None:
        self._change(job_id, state=state, ended_at=datetime.now(UTC), **how)

    def _change(self, job_id: str, **what: Any) -> None:
        with self._lock:
            if job_id in self._jobs:
                self._jobs[job_id] = replace(self._jobs[job_id], **what)
                self.revision += 1
