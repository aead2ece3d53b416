"""The worker process: reads tasks from a socket, answers with records, dies with its parent.

Started by `oracle.workers` as a program of its own, never by fork: a forked child of a process that used OpenMP hangs,
and multiprocessing's spawn would import the caller's main module again. The thread counts of the numerical libraries
are set in the environment before this file is imported.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from multiprocessing.connection import Connection

from rdkit import RDLogger

from oracle.compute import compute
from oracle.engines.base import SinglePoint
from oracle.engines.registry import open_tools
from oracle.errors import OracleError
from oracle.record import CationRecord, PointTask, Protocol, Task
from oracle.workers import READY

#: prctl(2): the signal that the kernel sends a process when its parent dies.
PR_SET_PDEATHSIG = 1


def main(descriptor: int, parent: int) -> None:
    """Serves tasks until the other end of the socket is closed."""
    _die_with(parent)
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]  # the stubs of RDKit leave it out
    connection: Connection = Connection(descriptor)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        protocol = connection.recv()
        connection.send(READY)
        while True:
            connection.send(_answer(connection.recv(), protocol))


def _answer(task: Task | PointTask, protocol: Protocol) -> CationRecord | SinglePoint | OracleError:
    if isinstance(task, Task):
        return compute(task, protocol)
    try:
        return open_tools(protocol).properties.single_point(task.numbers, task.positions, task.charge)
    except OracleError as error:
        return error


def _die_with(parent: int) -> None:
    """Ties this process to its parent, so that a kill -9 of the parent leaves nothing behind (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit("the parent process is gone")
