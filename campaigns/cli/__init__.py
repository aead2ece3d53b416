"""The `spinscreen` command. Modules that compute are imported inside the commands, so that `--help` is quick."""

from __future__ import annotations

import os
import signal
import sys
from io import TextIOWrapper

# No module that takes time: until `main` runs, Ctrl+C ends Python with a traceback.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from threading import Event
    from types import FrameType

__all__ = ["main"]

#: Seconds that a stopped command has to close what it holds.
GRACE_S = 1.0
#: Seconds after which a command that is still stopping says so.
PATIENCE_S = 0.2
#: New objects between two searches for cycles: a command is short, and its libraries are 300,000 objects that stay.
COLLECT_AFTER = 50_000


def main() -> None:
    """Run the command line: exit code 0 done, 1 the data are wrong, 2 the command is wrong, 130 stopped by Ctrl+C."""
    signal.signal(signal.SIGINT, lambda number, frame: _end())
    import atexit
    import gc
    from threading import Event

    if isinstance(sys.stdout, TextIOWrapper):  # None where it is closed
        sys.stdout.reconfigure(errors="replace")  # what a terminal or a file cannot show ends no command
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # a pass has threads of its own, all else is small products
    gc.set_threshold(COLLECT_AFTER)
    atexit.register(gc.freeze)  # searched once more, the libraries would take a third of a CPU second to end
    has_stopped = Event()
    try:
        _answer_ctrl_c(has_stopped)
        _run()
    except _Stopped:
        has_stopped.set()
        _end()
    except (ImportError, MemoryError) as problem:
        if isinstance(problem, ImportError) and "failed to map segment" not in str(problem):
            raise
        where = str(problem).rpartition("/")[2] or "none was left"
        print(f"error: memory is short ({where}); nothing that was recorded is lost", file=sys.stderr, flush=True)
        os._exit(1)  # a library of which a part was loaded may break on its way out


def _run() -> None:
    from campaigns.cli import console
    from campaigns.cli.app import app
    from campaigns.cli.options import campaigns_here
    from campaigns.errors import CampaignExistsError, CampaignNotFoundError, ConfigError, PropertyError
    from chemspace.errors import SpinscreenError

    try:
        app()
    except SpinscreenError as problem:
        console.error(str(problem))
        if isinstance(problem, CampaignNotFoundError) and (here := campaigns_here()):
            console.say(f"the campaigns here are {', '.join(here)}")
        wrong_command = CampaignExistsError | CampaignNotFoundError | ConfigError | PropertyError
        sys.exit(2 if isinstance(problem, wrong_command) else 1)
    except OSError as problem:  # of a name too long, a folder of somebody else's, a broken disk
        console.error(f"{problem.filename or 'the system'}: {problem.strerror or problem}")
        sys.exit(1)


class _Stopped(BaseException):
    """Ctrl+C. Not a KeyboardInterrupt, on which Typer ends a command without a word."""


def _answer_ctrl_c(has_stopped: Event) -> None:
    """Say at once that the command stops, and end it after `GRACE_S` where it is deep in a library.

    A signal reaches Python only between two of its instructions, which may be 20 s apart in xTB or in a training; a
    thread that waits on the wake-up pipe hears it at once. Everything that is finished is on disk: a command may be
    killed at any time. `has_stopped` is to be set once the command has stopped by itself.
    """
    from threading import Thread

    heard, wake_up = os.pipe()
    os.set_blocking(wake_up, False)

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the second one ends it there and then
        raise _Stopped

    def watch() -> None:
        while os.read(heard, 1) != bytes([signal.SIGINT]):
            pass
        if has_stopped.wait(PATIENCE_S):
            return
        print("stopping ...", file=sys.stderr, flush=True)
        if not has_stopped.wait(GRACE_S):
            _end()

    signal.signal(signal.SIGINT, stop)
    signal.set_wakeup_fd(wake_up, warn_on_full_buffer=False)
    Thread(target=watch, daemon=True).start()


def _end() -> None:
    """Say what is kept and end; nothing is waited for, and no module imported, which a thread may be busy with."""
    if (console := sys.modules.get("campaigns.cli.console")) is not None and hasattr(console, "say_stopped"):
        console.say_stopped()
    else:
        print("stopped before anything was done", file=sys.stderr, flush=True)
    if (processes := sys.modules.get("multiprocessing")) is not None:
        for child in processes.active_children():
            child.terminate()
    os._exit(130)
