"""The `spinscreen` command line of this tree, or of another checkout, in a folder and an environment that are fixed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["GOLDEN", "ROOT", "Answer", "Commands"]

GOLDEN = Path(__file__).resolve().parent
ROOT = GOLDEN.parents[1]
#: What a terminal and a user are to the commands.
FIXED = {
    "COLUMNS": "100",
    "LINES": "50",
    "TERM": "dumb",
    "NO_COLOR": "1",
    "TZ": "UTC",
    "OMP_NUM_THREADS": "1",
    "PYTHONWARNINGS": "ignore",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Stdout as JSON."""
        return json.loads(self.out)


class Commands:
    """A process that runs one command after the other in `folder`.

    Args:
        folder: its working folder, so that paths in the output are short and the same everywhere.
        oracle_store: file of computed descriptors.
        code: root of the checkout whose commands are run.
    """

    def __init__(self, folder: Path, oracle_store: Path, code: Path = ROOT) -> None:
        self.folder = folder
        environment = os.environ | FIXED | {"SPINSCREEN_ORACLE_STORE": str(oracle_store), "PYTHONPATH": str(code)}
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(GOLDEN / "worker.py")],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def __enter__(self) -> Commands:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()  # the end of its stdin ends it

    def __call__(self, *arguments: object, code: int | None = 0) -> Answer:
        """Run `spinscreen ARGUMENTS`.

        Raises:
            AssertionError: if it does not end with the exit code `code` (None takes any), with what it printed on
                stderr.
        """
        words = [str(argument) for argument in arguments]
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(words) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        assert line, f"the process of spinscreen {' '.join(words)} died"
        answer = Answer(**json.loads(line))
        assert code is None or answer.code == code, (
            f"spinscreen {' '.join(words)} ended with {answer.code}:\n{answer.err}"
        )
        return answer
