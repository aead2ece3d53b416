"""Options declared by their help: what Typer makes of a group's fields."""

from __future__ import annotations

from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from campaigns.cli import console
from campaigns.cli.options import OptionGroup, takes


class Oven(OptionGroup, panel="The oven"):
    """How hot, and for how long."""

    celsius: Annotated[float, "Temperature, degrees Celsius.", {"min": 20.0, "max": 300.0}] = 120.0
    dry_first: Annotated[bool, "Dry the salts before."] = False
    of_lab: Annotated[str | None, "--lab", "-l", "Whose oven.", {"metavar": "NAME"}] = None


class BakeOptions(OptionGroup):
    formula: Annotated[str, typer.Argument(help="What is baked.")]
    oven: Oven


@takes(BakeOptions)
def bake(options: BakeOptions) -> None:
    """Bake a film."""
    console.line(f"{options.formula} {options.oven.celsius:g} {options.oven.dry_first} {options.oven.of_lab}")


app = typer.Typer()
app.command()(bake)


def said(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words), env={"COLUMNS": "100"})
    return result.exit_code, result.output


def test_an_option_is_called_as_its_field_unless_a_flag_is_declared() -> None:
    assert said("MAPbI3") == (0, "MAPbI3 120 False None\n")
    assert said("MAPbI3", "--celsius", "90", "--dry-first", "-l", "ours") == (0, "MAPbI3 90 True ours\n")


@pytest.mark.parametrize("words", [("--no-dry-first",), ("--of-lab", "ours"), ("--celsius", "301")])
def test_what_is_not_declared_or_out_of_its_limits_is_a_wrong_command(words: tuple[str, ...]) -> None:
    assert said("MAPbI3", *words)[0] == 2


def test_options_stand_in_the_help_under_the_heading_of_their_group_with_limits_and_names_of_values() -> None:
    code, text = said("--help")
    panel = text[text.index("The oven") :]
    assert code == 0
    assert "20 to 300" in panel
    assert "NAME" in panel
    assert "--dry-first" in panel
