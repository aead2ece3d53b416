"""The same work on a Dask cluster: every Dask thread shields itself behind one killable worker process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from oracle.errors import EngineMissingError, OracleError, ProtocolError, WorkerCrashError
from oracle.protocol import Protocol
from oracle.record import CationRecord, Limits, Task, failure
from oracle.workers import WATCH, WorkerProcess

__all__ = ["connected"]


#: Tasks handed to the scheduler ahead of each Dask thread.
AHEAD = 4

#: Seconds between two counts of the threads: the jobs of a queueing system come and go while a run lasts.
RECOUNT = 1.0

#: Seconds that a scheduler may take to answer.
PATIENCE = 30

_local = threading.local()


def run_dask(
    tasks: Iterator[Task], protocol: Protocol, *, address: str, limits: Limits
) -> Generator[CationRecord, None, None]:
    """Computes `tasks` on a running Dask cluster and yields each record as it is finished, in no fixed order.

    The tasks of a Dask worker that dies are given to another one; a task during which several die becomes a failure.
    `tasks`: what to compute; `protocol`: how; `address`: of the scheduler ("tcp://host:8786"), or the path of its
    scheduler file; `limits`: time and memory one cation may cost. Raises EngineMissingError if Dask is not installed;
    ProtocolError if the workers have other versions than the protocol names; WorkerCrashError if the scheduler cannot
    be reached, or goes away in the middle.
    """
    with connected(address) as client:
        try:
            yield from _collect(client, _distributed(), tasks, protocol, limits)
        except (CancelledError, OSError) as error:
            raise WorkerCrashError(
                f"the Dask scheduler at {address} is gone; what was finished is kept, run again for the rest"
            ) from error


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """A `distributed.Client` of a running cluster; None where there is no address. `address`: of the scheduler
    ("tcp://host:8786"), or the path of its scheduler file. Raises EngineMissingError if Dask is not installed;
    WorkerCrashError if the scheduler cannot be reached."""
    if address is None:
        yield None
        return
    distributed = _distributed()
    where = {"scheduler_file": address} if Path(address).is_file() else {"address": address}
    try:
        client = distributed.Client(**where, timeout=PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise WorkerCrashError(
            f"no Dask scheduler answers at {address} ({error}); start one (dask scheduler) with workers (dask worker "
            f"{address}), or leave the cluster out"
        ) from error
    with client:
        yield client


def _collect(
    client: Any, distributed: Any, tasks: Iterator[Task], protocol: Protocol, limits: Limits
) -> Generator[CationRecord, None, None]:
    waiting: dict[str, Task] = {}
    finished = distributed.as_completed(loop=client.loop)
    wanted = _wanted(client)

    def fill() -> None:
        for task in islice(tasks, max(0, wanted() - len(waiting))):
            future = client.submit(_compute, task, protocol, limits, pure=False)
            waiting[future.key] = task
            finished.add(future)

    fill()
    while waiting:
        future = next(finished)
        task = waiting.pop(future.key)
        fill()
        problem = future.exception()
        if problem is None:
            yield future.result()
        elif isinstance(problem, ProtocolError):
            raise problem
        else:
            crash = WorkerCrashError(f"no Dask worker computed this cation: {problem}")
            yield failure(task, protocol, crash, retry=True)


def _wanted(client: Any) -> Callable[[], int]:
    """Tells how many tasks the cluster of this moment should have; asks it once in RECOUNT seconds."""
    count, asked = 0, -RECOUNT

    def wanted() -> int:
        nonlocal count, asked
        if time.monotonic() - asked >= RECOUNT:
            count, asked = AHEAD * max(1, sum(client.nthreads().values())), time.monotonic()
        return count

    return wanted


def _compute(task: Task, protocol: Protocol, limits: Limits) -> CationRecord:
    """Runs in a thread of a Dask worker."""
    protocol.require_installed()
    worker = _own_worker(protocol, limits)
    worker.submit(task)
    problem: OracleError | None = None
    while problem is None:
        try:
            if worker.connection.poll(WATCH):
                answer = worker.receive()
                if isinstance(answer, CationRecord):
                    worker.task = None
                    return answer
            else:
                problem = worker.overrun()
        except WorkerCrashError as error:
            problem = error
    worker.kill()
    _local.worker = None
    return failure(task, protocol, problem, retry=problem.retry)


def _own_worker(protocol: Protocol, limits: Limits) -> WorkerProcess:
    """The process of this thread, started anew where the protocol or the limits have changed."""
    kept: WorkerProcess | None = getattr(_local, "worker", None)
    if kept is not None and _local.purpose != (protocol, limits):
        kept.kill()
        kept = None
    if kept is None:
        kept = _local.worker = WorkerProcess(protocol, limits)
        _local.purpose = (protocol, limits)
    return kept


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise EngineMissingError(f"Dask cannot be loaded ({error}); pip install 'spinscreen[dask]'") from error
    return distributed
