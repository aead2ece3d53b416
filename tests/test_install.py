"""`.ci/install`, by which `make` makes .venv: what a person sees meanwhile. A pip that only waits stands in for pip."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

INSTALL = Path(__file__).parent.parent / ".ci" / "install"


def stand_in(folder: Path, pip: str) -> None:
    """A .venv in `folder` whose pip is this shell script."""
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, text in {"pip": pip, "python": "echo torch"}.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)


@pytest.mark.parametrize(
    ("pip", "code", "says"),
    [
        ("echo Collecting $3; sleep 1", 0, ""),
        ("echo Collecting $3; sleep 2; echo ERROR: no space; exit 1", 1, "could not be installed: ERROR: no space"),
    ],
    ids=["works", "fails"],
)
def test_a_terminal_shows_what_is_being_installed(tmp_path: Path, pip: str, code: int, says: str) -> None:
    stand_in(tmp_path, pip.replace("$3", "torch"))
    ours, theirs = pty.openpty()
    command = ["bash", str(INSTALL), sys.executable, "main"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while process.poll() is None:
            shown += read(ours)
    shown += read(ours)
    os.close(ours)
    assert process.returncode == code
    assert b"Collecting torch" in shown
    assert says in shown.decode().splitlines()[-1]


def test_a_pipe_gets_one_line(tmp_path: Path) -> None:
    stand_in(tmp_path, "echo Collecting torch; sleep 1")
    done = subprocess.run(
        ["bash", str(INSTALL), sys.executable], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "spinscreen: installing into .venv (a few minutes the first time; log in .venv/install.log)"
    ]


def read(terminal: int) -> bytes:
    """What a terminal has shown since; nothing once its program has ended."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""
