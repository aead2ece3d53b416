"""Work in a process of its own: whoever reads pages meanwhile does not share an interpreter with it."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from campaigns.web.errors import ApartError
from chemspace import SpinscreenError
from chemspace.progress import Progress

__all__ = ["run_apart"]

#: How often a silent process is asked after, s: so soon a stopped server ends it.
LISTEN_S = 0.5
#: Added to the niceness of the process: the server's own answers come first.
NICENESS = 10


def run_apart(work: Callable[..., None], arguments: tuple[Any, ...], progress: Progress) -> None:
    """Run `work(*arguments, progress)` in another process.

    Args:
        work: a function of a module, since the process is spawned.
        arguments: what it takes before the callback; they travel by pickle.
        progress: told what `work` tells, and the same again while it is silent; what this raises ends the process.

    Raises:
        ApartError: if `work` refuses, in its words, or if its process ends without a word.
    """
    context = get_context("spawn")
    hearing, telling = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(telling, work, arguments))
    process.start()
    telling.close()
    try:
        _listen(hearing, progress)
    except EOFError:
        process.join()
        raise ApartError(
            f"its process ended without a word (exit code {process.exitcode}); was memory short?"
        ) from None
    finally:
        process.kill()
        process.join()
        hearing.close()


def _listen(hearing: Connection, progress: Progress) -> None:
    """Pass on what the process tells until it is done."""
    told = (0, 0, "starting")
    progress(*told)
    while True:
        if not hearing.poll(LISTEN_S):
            progress(*told)
            continue
        word, what = hearing.recv()
        if word == "progress":
            told = what
            progress(*told)
        elif word == "refused":
            raise ApartError(what)
        elif word == "broken":
            raise RuntimeError(what)
        else:
            return


def _serve(telling: Connection, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """The other process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the server, which ends this one
    os.nice(NICENESS)
    try:
        work(*arguments, lambda done, total, note: telling.send(("progress", (done, total, note))))
    except SpinscreenError as problem:
        telling.send(("refused", str(problem)))
    except Exception:
        telling.send(("broken", traceback.format_exc()))
    else:
        telling.send(("done", None))
