"""The command line before and around its commands: greeting, version, quiet, ends of pipes, Ctrl+C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version

from tests.campaigns.cli.test_main import run
from tests.campaigns.conftest import Launched

STOPPED = "stopped; what was finished is kept, the same command goes on from there"
#: A command that waits where the program puts {wait}, as `spinscreen wait`.
WAITING = """
import sys, time, hashlib
from campaigns.cli import main
from campaigns.cli.app import app

@app.command()
def wait():
    print("here", flush=True)
    {wait}

sys.argv = ["spinscreen", "wait"]
main()
"""


def test_without_a_command_it_says_how_to_begin() -> None:
    done = run()
    assert done.returncode == 0
    for verb in ("spinscreen launch demo", "spinscreen ingest demo results.csv", "spinscreen suggest demo", "--help"):
        assert verb in done.stdout


def test_version_and_short_help() -> None:
    assert run("--version").stdout == f"spinscreen {version('spinscreen')}\n"
    short, long = run("status", "-h"), run("status", "--help")
    assert short.returncode == 0
    assert short.stdout == long.stdout


def test_paragraphs_of_help_are_wrapped_once() -> None:
    lines = [line.strip() for line in run("suggest", "--help").stdout.splitlines()]
    begin = next(place for place, line in enumerate(lines) if line.startswith("Of a campaign: asked again"))
    assert len(lines[begin]) > 60
    assert len(lines[begin + 1]) < 78


def test_quiet_leaves_results_and_warnings(launched: Launched) -> None:
    loud = run("explain", launched.folder, "(PEA)2PbI4", store=launched.oracle_store)
    quiet = run("explain", launched.folder, "(PEA)2PbI4", "--quiet", store=launched.oracle_store)
    assert "training" in loud.stderr
    assert quiet.stderr == ""
    assert quiet.stdout == loud.stdout


def test_a_reader_that_has_seen_enough_ends_a_command_quietly(launched: Launched) -> None:
    for words in (["log"], ["log", "--json"]):
        command = [sys.executable, "-m", "campaigns.cli", words[0], str(launched.folder), *words[1:]]
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=300, check=False)
        os.close(writing)
        assert (done.returncode, done.stderr) == (0, "")


def stopped(wait: str) -> tuple[float, int, str]:
    """Seconds until a command ends that waits so and is stopped, its exit code, and stderr."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", WAITING.format(wait=wait)], text=True, **pipes) as process:  # type: ignore[call-overload]  # the pipes
        assert process.stdout.readline() == "here\n"
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        return time.monotonic() - begin, process.returncode, said


def test_ctrl_c_says_what_is_kept() -> None:
    _, code, said = stopped("time.sleep(60)")
    assert code == 130
    assert said == f"{STOPPED}\n"


def test_ctrl_c_is_answered_in_a_library_that_does_not_come_back() -> None:
    seconds, code, said = stopped('hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)')
    assert code == 130
    assert said == f"stopping ...\n{STOPPED}\n"
    assert seconds < 30
