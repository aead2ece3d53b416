"""Clocks: CPU seconds of this process and its finished children, the steadier measure on a shared machine."""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import TypeVar

__all__ = ["cpu_seconds", "in_turn", "timed"]

T = TypeVar("T")


def cpu_seconds() -> float:
    """User and system seconds of this process and of its finished children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What `work` returns, and its CPU seconds."""
    begin = cpu_seconds()
    result = work()
    return result, cpu_seconds() - begin


def in_turn(contenders: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """CPU seconds of each contender, run one after the other, `repeats` times over, after one round to warm up."""
    for work in contenders.values():
        work()
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, work in contenders.items():
            spent[name].append(timed(work)[1])
    return spent
