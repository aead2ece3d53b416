"""What holds for every command: an example in its help, --json, plain text in a pipe, exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from campaigns.cli.app import app
from oracle import Protocol
from tests.campaigns.conftest import Launched

#: A server prints nothing when it is done, it is never done.
WITHOUT_JSON = {"serve", "mcp"}


def commands(group: TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def every_command() -> list[tuple[tuple[str, ...], Any]]:
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    return list(commands(root))


def test_the_commands_of_the_loop_are_there() -> None:
    names = {" ".join(path) for path, _ in every_command()}
    wanted = "launch suggest accept outcome ingest fit-trace retract status validate explain report export replay"
    assert names >= {*wanted.split(), "backtest", "paper", "oracle describe", "library show", "decline", "log"}


def test_every_command_has_an_example_that_names_it() -> None:
    for path, command in every_command():
        assert f"spinscreen {' '.join(path)}" in (command.help or ""), path


def test_every_command_can_print_json() -> None:
    for path, command in every_command():
        options = {option for parameter in command.params for option in parameter.opts}
        assert "--json" in options or path[0] in WITHOUT_JSON, path


def test_every_option_and_argument_is_explained() -> None:
    for path, command in every_command():
        for parameter in command.params:
            assert parameter.name == "help" or getattr(parameter, "help", None), (path, parameter.name)


def test_defaults_that_the_help_of_describe_tells_are_those_of_the_protocol() -> None:
    command = dict(every_command())["oracle", "describe"]
    told = {parameter.name: parameter.help for parameter in command.params}
    assert told["n_conformers"].endswith(f"Default: {Protocol.n_conformers}.")
    assert told["n_optimised"].endswith(f"Default: {Protocol.n_optimised}.")


def test_help_tells_the_exit_codes() -> None:
    told = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "140"}).stdout
    assert "Exit codes: 0 done, 1 the data are wrong" in told
    assert "130 stopped by you" in told


def test_the_shell_completes_commands_and_templates() -> None:
    def completed(words: str) -> str:
        environment = os.environ | {
            "_SPINSCREEN_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
        }
        code = "import sys; sys.argv[0] = 'spinscreen'; from campaigns.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
        )
        return done.stdout

    assert set(completed("spinscreen la").split()) == {"launch"}
    assert set(completed("spinscreen launch x --template m").split()) == {"mixed-halide"}


@pytest.mark.parametrize("command", ["status", "log"])
def test_a_pipe_gets_no_colours(launched: Launched, command: str) -> None:
    told = [sys.executable, "-m", "campaigns.cli", command, str(launched.folder)]
    environment = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"} | {
        "TERM": "xterm-256color"
    }
    done = subprocess.run(told, capture_output=True, text=True, check=True, env=environment)
    assert "\x1b" not in done.stdout + done.stderr


def test_data_that_are_wrong_are_1_and_a_wrong_command_is_2(launched: Launched, tmp_path: Path) -> None:
    def code(*arguments: object) -> int:
        told = [sys.executable, "-m", "campaigns.cli", *map(str, arguments)]
        return subprocess.run(told, capture_output=True, check=False).returncode

    assert code("accept", launched.folder, "(PEA)3PbI4") == 1
    assert code("accept", tmp_path / "nowhere", "(PEA)2PbI4") == 2
    assert code("paper", "--seed", "-1") == 2
