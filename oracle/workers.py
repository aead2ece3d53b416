"""Calculations in processes of their own that can be killed: on this machine, or each behind a thread of Dask's."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from ctypes.util import find_library
from functools import cache
from itertools import islice
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from oracle.engines.base import SinglePoint
from oracle.engines.shipped import WORKER_MARK
from oracle.errors import (
    EngineMissingError,
    MemoryLimitError,
    OracleError,
    ProtocolError,
    TimeLimitError,
    WorkerCrashError,
)
from oracle.record import CationRecord, Limits, PointTask, Protocol, Task, failure

__all__ = ["connected"]

#: One thread a worker: two threads make a single point ten times slower, and parallelism is over cations.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

#: What a worker says when it can take tasks.
READY = "ready"

#: Seconds between two looks at the limits of a running task.
WATCH = 0.1

#: Seconds a worker may take to start: importing RDKit from a cold disk is slow.
START_LIMIT = 120.0

#: Ends well where the OpenBLAS that was loaded before it can take the place of any BLAS: 32-bit integers, and kernels
#: for the processor that it runs on.
_PROBE = """
import ctypes
config = ctypes.CDLL(None).openblas_get_config
config.restype = ctypes.c_char_p
raise SystemExit(b"DYNAMIC_ARCH" not in config() or b"USE64BITINT" in config())
"""

_PROGRAM = (
    "import sys; sys.path.append(sys.argv[3]); "
    "from oracle.workers import serve; serve(int(sys.argv[1]), int(sys.argv[2]))"
)


def worker_environment() -> dict[str, str]:
    """Environment variables of a worker: one thread, and the system's OpenBLAS in place of the reference BLAS that
    tblite's wheel brings (a geometry costs a sixth less, benchmarks/oracle_speed.py)."""
    given = dict(os.environ, **dict.fromkeys((*THREAD_VARIABLES, WORKER_MARK), "1"))
    openblas = None if "LD_PRELOAD" in given else _openblas()
    return given if openblas is None else {**given, "LD_PRELOAD": openblas}


@cache
def _openblas() -> str | None:
    """Name of the OpenBLAS of this system (Debian: libopenblas0) if it can be preloaded safely."""
    name = find_library("openblas") if sys.platform == "linux" else None
    if name is None:
        return None
    tried = {**os.environ, "LD_PRELOAD": name, "OPENBLAS_NUM_THREADS": "1"}
    probe = subprocess.run([sys.executable, "-I", "-S", "-c", _PROBE], env=tried, capture_output=True, check=False)
    return name if probe.returncode == 0 else None


class WorkerProcess:
    """A spawned worker. It never shares memory, signals or a terminal with its parent, and can be killed any time."""

    def __init__(self, protocol: Protocol, limits: Limits) -> None:
        self._protocol = protocol
        self._limits = limits
        self._log: IO[bytes] = tempfile.TemporaryFile(mode="ab+")  # noqa: SIM115  # closed by `kill`
        here, there = socket.socketpair()
        try:
            descriptor = there.fileno()
            root = str(Path(__file__).resolve().parent.parent)
            # -P keeps the caller's folder off the path: a file random.py there must not shadow the library.
            command = [sys.executable, "-P", "-c", _PROGRAM, str(descriptor), str(os.getpid()), root]
            self._process = subprocess.Popen(
                command,
                pass_fds=(descriptor,),
                env=worker_environment(),
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which then stops its workers
            )
        finally:
            there.close()
        self.connection = Connection(here.detach())
        self.task: Task | PointTask | None = None
        self.ready = False
        self._since = time.monotonic()
        self._send(protocol)

    @property
    def pid(self) -> int:
        """Process id of the worker."""
        return self._process.pid

    def submit(self, task: Task | PointTask) -> None:
        """Hands over a task; a worker that has died meanwhile is noticed by `receive`."""
        self.task = task
        self._since = time.monotonic()
        os.ftruncate(self._log.fileno(), 0)
        self._send(task)

    def receive(self) -> CationRecord | SinglePoint | OracleError | None:
        """What the worker sent; None for its word that it is ready. Raises WorkerCrashError if the process died."""
        try:
            message = self.connection.recv()
        except (EOFError, OSError):
            code = self._process.wait()
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            self._log.seek(0)
            last = self._log.read().decode(errors="replace").strip().splitlines()[-1:]
            said = f"; it said: {last[0][:200]}" if last else ""
            raise WorkerCrashError(f"the worker process {how}{said}") from None
        if message != READY:
            answer: CationRecord | SinglePoint | OracleError = message
            return answer
        self.ready = True
        self._since = time.monotonic()  # a task handed over before has begun only now: its start is not its own time
        return None

    def overrun(self) -> OracleError | None:
        """The limit that the current task has broken, if any."""
        elapsed = time.monotonic() - self._since
        if not self.ready:
            late = elapsed > START_LIMIT
            return WorkerCrashError(f"a worker process did not start within {START_LIMIT:.0f} s") if late else None
        if self.task is None:
            return None
        if elapsed > self._limits.seconds:
            return TimeLimitError(f"stopped after {self._limits.seconds:g} s, the time limit of one cation")
        used = _resident_mb(self.pid)
        if used > self._limits.memory_mb:
            return MemoryLimitError(
                f"stopped at {used:.0f} MB, the memory limit of one cation is {self._limits.memory_mb:g} MB"
            )
        return None

    def answer(self) -> CationRecord | SinglePoint:
        """Waits for the answer to the task. Raises OracleError: what the engine raised, a limit that was broken,
        WorkerCrashError."""
        problem: OracleError | None = None
        while problem is None:
            if not self.connection.poll(WATCH):
                problem = self.overrun()
            elif isinstance(answer := self.receive(), OracleError):
                problem = answer
            elif answer is not None:
                self.task = None
                return answer
        raise problem

    def kill(self) -> None:
        """Ends the process at once and gives back its resources."""
        self._process.kill()
        self._process.wait()
        self.connection.close()
        self._log.close()

    def _send(self, message: object) -> None:
        try:
            self.connection.send(message)
        except OSError:
            return  # the process is dead: `receive` reports it with its reason


def _resident_mb(pid: int) -> float:
    """Resident memory of a process; 0 where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


#: Workers that may die before their first task: beyond this the installation is broken, not a molecule.
MAX_FAILED_STARTS = 3


def run_local(
    tasks: Iterator[Task], protocol: Protocol, *, workers: int, limits: Limits
) -> Generator[CationRecord, None, None]:
    """Computes `tasks` in `workers` processes and yields each record as it is finished, in no fixed order. Closing the
    generator, an exception in its consumer and Ctrl-C all end the processes at once. Raises ProtocolError if the
    protocol names versions that are not those installed; WorkerCrashError if workers die before they have even
    started."""
    crew: list[WorkerProcess] = []
    starts_failed = 0
    try:
        pending = deque(islice(tasks, workers))
        if pending:
            protocol.require_installed()
        while pending or any(worker.task for worker in crew):
            wanted = len(pending) + sum(worker.task is not None for worker in crew)
            while len(crew) < min(workers, wanted):
                crew.append(WorkerProcess(protocol, limits))
            for worker in crew:
                if pending and worker.ready and worker.task is None:
                    worker.submit(pending.popleft())
                    pending.extend(islice(tasks, 1))
            ready = wait([worker.connection for worker in crew], timeout=WATCH)
            for worker in list(crew):
                record, problem = _look(worker, worker.connection in ready, protocol)
                if problem is not None:
                    crew.remove(worker)
                    worker.kill()
                    starts_failed += not worker.ready
                if starts_failed > MAX_FAILED_STARTS:
                    raise WorkerCrashError(f"{starts_failed} workers died while they started; the last: {problem}")
                if record is not None:
                    worker.task = None
                    yield record
    finally:
        for worker in crew:
            with contextlib.suppress(OSError):
                worker.kill()


def _look(worker: WorkerProcess, readable: bool, protocol: Protocol) -> tuple[CationRecord | None, OracleError | None]:
    """What became of a worker's task: a record where it ended, a problem where the worker cannot be kept."""
    try:
        if readable:
            answer = worker.receive()
            return (answer if isinstance(answer, CationRecord) else None), None
        problem = worker.overrun()
    except WorkerCrashError as error:
        problem = error
    if problem is None:
        return None, None
    task = worker.task
    record = failure(task, protocol, problem, retry=problem.retry) if isinstance(task, Task) else None
    return record, problem


def isolated_single_point(
    protocol: Protocol,
    numbers: NDArray[np.int64],
    positions: NDArray[np.float64],
    charge: int,
    limits: Limits | None = None,
) -> SinglePoint:
    """The protocol's single point (its engine, method, solvent and accuracy) of atomic numbers (n,) at positions (n,
    3), bohr, in a worker process that ends afterwards. Raises OracleError: what the engine raised, or WorkerCrashError,
    TimeLimitError, MemoryLimitError."""
    worker = WorkerProcess(protocol, limits or Limits())
    try:
        worker.submit(PointTask(numbers, positions, charge))
        point = worker.answer()
        assert isinstance(point, SinglePoint)
        return point
    finally:
        worker.kill()


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
    """Computes `tasks` on a running Dask cluster, `address` as in `connected`, and yields each record as it is
    finished, in no fixed order. The tasks of a Dask worker that dies are given to another one; a task during which
    several die becomes a failure. Raises EngineMissingError if Dask is not installed; ProtocolError if the workers have
    other versions than the protocol names; WorkerCrashError if the scheduler cannot be reached, or goes away in the
    middle."""
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
    try:
        record = worker.answer()
        assert isinstance(record, CationRecord)
        return record
    except OracleError as problem:
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


#: prctl(2): the signal that the kernel sends a process when its parent dies.
PR_SET_PDEATHSIG = 1


def serve(descriptor: int, parent: int) -> None:
    """The worker process: reads tasks from a socket, answers with records until the other end is closed, and dies with
    its parent. It is a program of its own, never a fork: a forked child of a process that used OpenMP hangs, and
    multiprocessing's spawn would import the caller's main module again."""
    from rdkit import RDLogger

    _die_with(parent)
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]  # the stubs of RDKit leave it out
    connection: Connection = Connection(descriptor)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        protocol = connection.recv()
        answer = _answering(protocol)
        connection.send(READY)
        while True:
            connection.send(answer(connection.recv()))


def _answering(protocol: Protocol) -> Callable[[Task | PointTask], CationRecord | SinglePoint | OracleError]:
    """What works on a task; its imports are the worker's alone."""
    from oracle.compute import compute
    from oracle.engines.registry import open_tools

    def answer(task: Task | PointTask) -> CationRecord | SinglePoint | OracleError:
        if isinstance(task, Task):
            return compute(task, protocol)
        try:
            return open_tools(protocol).properties.single_point(task.numbers, task.positions, task.charge)
        except OracleError as error:
            return error

    return answer


def _die_with(parent: int) -> None:
    """Ties this process to its parent, so that a kill -9 of the parent leaves nothing behind (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit("the parent process is gone")
