"""The command line before and around its commands: greeting, version, quiet, ends of pipes, Ctrl+C."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from campaigns.cli import console
from campaigns.errors import CampaignError
from tests.campaigns.cli.test_described import run as run_here
from tests.campaigns.cli.test_main import run
from tests.campaigns.conftest import Launched
from tests.campaigns.small import created

BEFORE = "stopped before anything was done"
STOPPED = "stopped; what was finished is kept, the same command goes on from there"
ANEW = "stopped; nothing of its result is kept, the same command begins anew"
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
        time.sleep(0.5)  # until it waits
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        return time.monotonic() - begin, process.returncode, said


@pytest.mark.parametrize(
    ("begin", "says"),
    [
        ("pass", BEFORE),
        ("console.begin(be_quiet=True, print_for_program=False, keeps=True)", STOPPED),
        ("console.begin(be_quiet=True, print_for_program=False, keeps=False)", ANEW),
    ],
    ids=["before", "keeps", "anew"],
)
def test_ctrl_c_says_what_is_kept(begin: str, says: str) -> None:
    _, code, said = stopped(f"from campaigns.cli import console; {begin}; time.sleep(60)")
    assert code == 130
    assert said == f"{says}\n"


@pytest.mark.parametrize(
    ("words", "at_work", "says"),
    [
        (("check", "D"), "campaigns.upkeep.look_over", ANEW),
        (("backup", "D", "D.db"), "campaigns.upkeep.back_up", ANEW),
        (("serve", "D"), "campaigns.web.settings.is_loopback", ANEW),
        (("suggest", "--pool", "table.csv"), "screening.pool.PoolTable.suggest", ANEW),
        (
            ("suggest", "D", "--more", "--candidates", "all.parquet"),
            "campaigns.campaign.Campaign.write_candidates",
            "stopped; round 2 is kept, and this shows it: spinscreen suggest D",
        ),
    ],
    ids=["check", "backup", "serve", "pool", "more"],
)
def test_a_command_that_is_stopped_says_which_one_goes_on(
    launched: Launched,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    at_work: str,
    says: str,
) -> None:
    def stops(*_: object, **__: object) -> None:
        raise CampaignError(console.stopped)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(console, "stopped", console.stopped)
    monkeypatch.setattr(at_work, stops)
    shutil.copytree(launched.folder, "D")
    Path("table.csv").write_text("x,y\n1,2\n3,4\n5,7\n")
    assert str(run_here(launched, *words).exception) == says


def test_ctrl_c_is_answered_in_a_library_that_does_not_come_back() -> None:
    seconds, code, said = stopped('hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)')
    assert code == 130
    assert said == f"stopping ...\n{BEFORE}\n"
    assert seconds < 30


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("ingest", "table.csv"),
            "table.csv is a file; the campaign's folder comes first; the campaigns here are demo",
        ),
        (("suggest", "demo/campaign.db"), "demo/campaign.db is the file of a campaign; give its folder: demo"),
        (
            ("status", "dmeo"),
            "dmeo holds no campaign; start one with: spinscreen launch dmeo\nthe campaigns here are demo",
        ),
    ],
)
def test_what_is_no_campaign_is_told_with_what_was_probably_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, str], says: str
) -> None:
    created(tmp_path / "demo")
    (tmp_path / "table.csv").write_text("formula,lifetime_ps\n(PEA)2PbI4,3\n")
    monkeypatch.chdir(tmp_path)
    done = run(*words)
    assert done.returncode == 2
    assert says in " ".join(done.stderr.replace("│", "").split()) or says in done.stderr


def test_what_a_terminal_cannot_show_ends_no_command(launched: Launched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = run("status", launched.folder, store=launched.oracle_store)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert "R? log rate" in done.stdout  # a raised two


def test_what_the_system_refuses_is_told_in_a_sentence(tmp_path: Path) -> None:
    done = run("status", str(tmp_path / ("x" * 300)))
    assert (done.returncode, done.stderr.count("File name too long"), "Traceback" in done.stderr) == (1, 1, False)


@pytest.mark.parametrize(
    "words",
    [
        ("report", "demo", "-o", "nowhere/report.html"),
        ("report", "demo", "--pdf", "nowhere/report.pdf"),
        ("export", "demo", "nowhere/measured.csv"),
        ("suggest", "demo", "--candidates", "nowhere/all.parquet"),
        ("fit-trace", "--plot", "nowhere/fit.html"),
        ("oracle", "describe", "C[NH3+]", "--csv", "nowhere/cations.csv"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_where_nothing_can_be_written_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    created(tmp_path / "demo")
    monkeypatch.chdir(tmp_path)
    begin = time.monotonic()
    done = run(*words)
    assert done.returncode == 2
    assert "there is no folder nowhere" in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - begin < 30


class Terminal:
    """A terminal of 80 columns, and what was printed there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.written = StringIO()
        screen = Console(file=self.written, force_terminal=True, width=80, highlight=False, color_system=None)
        monkeypatch.setattr("campaigns.cli.console.out", screen)

    @property
    def lines(self) -> list[str]:
        """Its lines."""
        return self.written.getvalue().splitlines()


def test_lines_break_between_words_and_never_between_a_number_and_its_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal(monkeypatch)
    recipe = "    [dim]recipe:[/] 310.5 mg of (EOA)I, 460 mg of PbI2, " + ", ".join(
        f"HI 57% at least {n}.5 mL" for n in range(9)
    )
    console.marked(recipe)
    assert all(len(line) <= 80 for line in screen.lines)
    assert screen.lines[0].startswith("    recipe: 310.5 mg")
    assert all(line.startswith("        ") for line in screen.lines[1:])
    assert not any(line.lstrip().startswith(("mL", "57%")) for line in screen.lines)
    assert " ".join(" ".join(screen.lines).split()) == " ".join(recipe.replace("[dim]", "").replace("[/]", "").split())


def test_tables_fit_80_columns_with_whole_numbers_and_headings(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal(monkeypatch)
    headings = ("R² log rate", "R² rate", "MAE log", "Spearman", "in 90%", "NLPD", "in 50%", "in 95%", "rows")
    table = console.table("out of sample", *headings)
    for name in ("one compound left out", "literature to the paper's crystals"):
        table.add_row(name, "-0.55", "-1.02", "0.31", "-0.62", "88%", "12.51", "48%", "100%", "45")
    console.out.print(table)
    shown = "\n".join(screen.lines)
    assert "…" not in shown
    assert all(len(line) <= 80 for line in screen.lines)
    for word in ("Spearman", "-0.55", "-1.02", "12.51", "literature", "crystals"):
        assert word in shown


def test_one_is_one_round() -> None:
    assert (console.count(1, "round"), console.count(1200, "round")) == ("1 round", "1,200 rounds")


def test_control_characters_are_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    table = console.table("name")
    table.add_row("b\x9b31m")
    console.out.print(table)
    console.error("a\x1b]0;pwn")
    console.print_json({"note": "c\udce9\x7f"})
    told = "".join(capsys.readouterr())
    assert all(shown in told for shown in ("b\ufffd31m", "a\ufffd]0;pwn", "c\ufffd\ufffd"))
    assert not any(mark in told for mark in "\x1b\x9b\x7f")
