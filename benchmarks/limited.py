"""A contender in a process of its own, with limits of CPU time and memory, so that none of them holds up the rest.

What does not come through is said with its limit, never left out.
"""

from __future__ import annotations

import math
import multiprocessing
import resource
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.timing import timed

__all__ = ["Limits", "Run", "run_limited"]


@dataclass(frozen=True)
class Limits:
    """What one contender may take.

    Attributes:
        cpu_s: CPU seconds of one run.
        memory_gb: of the process, in units of 10^9 bytes, its libraries included.
        enough_s: once its runs have taken this many CPU seconds together, it is not run again.
    """

    cpu_s: int = 180
    memory_gb: float = 8.0
    enough_s: float = 40.0


@dataclass
class Run:
    """What became of a contender.

    Attributes:
        samples: CPU seconds of every run that came to its end.
        peak_gb: the largest memory of its process, 10^9 bytes; NaN where it did not come to its end, or the
            system does not tell.
        ended: why it did not come to its end; empty where it did.
        at_least: CPU seconds that one run takes for certain, where the limit of time ended it.
        missing: what is not installed, where that is why it did not start.
    """

    samples: list[float] = field(default_factory=list)
    peak_gb: float = math.nan
    ended: str = ""
    at_least: float | None = None
    missing: str = ""


def run_limited(
    work: Callable[..., object],
    problem: Callable[[int], tuple[Any, ...]],
    small: int,
    size: int,
    repeats: int,
    limits: Limits,
) -> Run:
    """`work(*problem(size))` up to `repeats` times in a new process, timed without the making of the problem.

    Args:
        work: a function that a new process can import.
        problem: makes the arguments of `work`, by size; a new process can import it too.
        small: size of the problem that is solved first, untimed, so that everything is loaded and compiled.
        size: of the timed ones.

    Raises:
        RuntimeError: if `work` fails for any other reason than a limit or a package that is not there.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_inside, args=(there, work, problem, small, size, repeats, limits))
    process.start()
    there.close()
    run = Run()
    while True:
        try:
            what, value = here.recv()
        except EOFError:
            break
        if what == "sample":
            run.samples.append(value)
        elif what == "failed":
            raise RuntimeError(f"{work.__name__} failed:\n{value}")
        else:
            setattr(run, what, value)
    process.join()
    _explain(run, -(process.exitcode or 0), limits)
    return run


def _explain(run: Run, by_signal: int, limits: Limits) -> None:
    if by_signal == signal.SIGXCPU:
        run.ended, run.at_least = f"not finished within {limits.cpu_s} CPU s", float(limits.cpu_s)
    elif by_signal:
        run.ended = f"ended by {signal.Signals(by_signal).name} under a limit of {limits.memory_gb:g} GB"


def _inside(
    pipe: Connection,
    work: Callable[..., object],
    problem: Callable[[int], tuple[Any, ...]],
    small: int,
    size: int,
    repeats: int,
    limits: Limits,
) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (int(limits.memory_gb * 1e9),) * 2)
    try:
        _limit_time(limits.cpu_s)
        work(*problem(small))
        given, spent = problem(size), 0.0
        for _ in range(repeats):
            _limit_time(limits.cpu_s)
            _, sample = timed(lambda: work(*given))
            pipe.send(("sample", sample))
            spent += sample
            if spent > limits.enough_s:
                break
        pipe.send(("peak_gb", _peak_gb()))
    except ImportError as missing:
        pipe.send(("missing", str(missing)))
    except Exception as trouble:
        if isinstance(trouble, MemoryError) or "allocate memory" in str(trouble):  # torch has no error of its own
            pipe.send(("ended", f"out of memory at {limits.memory_gb:g} GB"))
        else:
            pipe.send(("failed", traceback.format_exc()))


def _peak_gb() -> float:
    """Largest memory of this process, 10^9 bytes; getrusage would count what its parent had when it started it."""
    status = Path("/proc/self/status")
    for line in status.read_text(encoding="utf-8").splitlines() if status.exists() else ():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e9
    return math.nan


def _limit_time(further_s: int) -> None:
    """Have the system end this process after so many more CPU seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used.ru_utime + used.ru_stime + further_s), hard))
