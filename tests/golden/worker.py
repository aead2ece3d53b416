"""Runs `spinscreen` commands that come in as JSON lines, in one process, so that torch is imported once.

Started by `tests.golden.commands`; nothing of the code under test is reached but the command line and the name that
events are written in.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import Any


def run(arguments: list[str]) -> dict[str, Any]:
    """Exit code, stdout and stderr of one command."""
    from campaigns.cli import main
    from campaigns.database import acting_as

    sys.argv = ["spinscreen", *arguments]
    code: Any = 0
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), acting_as("golden"):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


def answer_commands() -> None:
    """Answer each line of stdin with a line on the stdout this process was started with."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints past Python goes to stderr, not between the answers
    for line in sys.stdin:
        answers.write(json.dumps(run(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    answer_commands()
