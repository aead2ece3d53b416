"""A campaign in Python: batches as tables, data frames in and out, arguments in the words of the command line."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from campaigns import Campaign
from campaigns.errors import CampaignError, IngestError, LifecycleError
from campaigns.events import Stage


def test_a_batch_prints_as_a_table_and_shows_as_one_in_a_notebook(year: Campaign) -> None:
    (batch,) = year.state.batches
    frame, printed = batch.to_frame(), repr(batch).splitlines()
    assert printed == str(batch).splitlines()
    assert [*frame["formula"]] == [s.formula for s in batch.suggestions]
    assert [*frame.index] == [1, 2]
    assert printed[0] == "round 1"
    for suggestion, line in zip(batch.suggestions, printed[-2:], strict=True):
        assert suggestion.formula in line
        assert f"{suggestion.lifetime_low_ps:.2g} to {suggestion.lifetime_high_ps:.2g}" in line
    assert batch._repr_html_().count("<tr") == 4
    empty = batch.model_copy(update={"suggestions": (), "shortfall": "1 < 2"})
    assert (str(empty), empty._repr_html_(), len(empty.to_frame())) == ("1 < 2", "<p>1 &lt; 2</p>", 0)


def test_a_batch_is_a_sequence_of_its_suggestions(year: Campaign) -> None:
    (batch,) = year.state.batches
    assert (tuple(batch), len(batch), bool(batch)) == (batch.suggestions, 2, True)
    assert (batch[0], batch[-1], batch[:1]) == (*batch.suggestions, batch.suggestions[:1])  # type: ignore[index]
    assert batch[1] in batch
    with pytest.raises(IndexError):
        batch[2]
    empty = batch.model_copy(update={"suggestions": ()})
    assert ([*empty], len(empty), bool(empty)) == ([], 0, False)
    assert year.state.batches[0] == batch != empty


def test_a_data_frame_is_taken_in_and_comes_out(year: Campaign) -> None:
    frame = pd.DataFrame({"formula": ["(PDA)PbI4"], "lifetime_ps": [1.5], "lifetime_stderr_ps": [np.nan]})
    assert year.ingest(frame, dry_run=True).added == 1
    assert year.ingest(frame).added == 1
    assert year.ingest(frame).skipped == 1
    assert [*year.table("measurements")["formula"]] == ["(BDA)PbI4", "(CMA)2PbI4", "(PDA)PbI4"]


@pytest.mark.parametrize(
    "rows",
    [
        pd.DataFrame({"lifetime_ps": [0.5]}, index=pd.Index(["(PA)2PbI4"], name="formula")),
        pd.DataFrame({"formula": ["(PA)2PbI4"], "lifetime_ps": [0.5]}, index=[0.5]),
        pd.DataFrame({"formula": ["(PA)2PbI4"], "lifetime_ps": [0.5], "day": [pd.Timestamp("2026-01-02")]}),
        pd.Series({"formula": "(PA)2PbI4", "lifetime_ps": np.float32(0.5)}),
        {"formula": "(PA)2PbI4", "lifetime_ps": Decimal("0.5")},
        {"formula": ["(PA)2PbI4"], "lifetime_ps": np.array([0.5])},
    ],
    ids=["formulas as index", "numbers as index", "a day", "a series", "one row", "columns"],
)
def test_rows_are_taken_in_however_pandas_or_python_holds_them(year: Campaign, rows: Any) -> None:
    assert year.observe(rows).added == 1
    assert (year.state.measurements[-1].formula, year.state.measurements[-1].value) == ("(PA)2PbI4", 0.5)


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (pd.DataFrame([["(PA)2PbI4", 1, 2]], columns=["formula", "lifetime_ps", "lifetime_ps"]), "stands twice"),
        (pd.DataFrame({"formula": ["(PA)2PbI4"], "lifetime_ps": [np.nan]}), "row 1, column lifetime_ps: "),
        (pd.DataFrame({"formula": [None], "lifetime_ps": [1.0]}), "row 1, column formula: "),
    ],
    ids=["a column twice", "no lifetime", "no formula"],
)
def test_what_is_wrong_with_a_data_frame_is_said_of_its_cell(year: Campaign, frame: pd.DataFrame, says: str) -> None:
    with pytest.raises(IngestError, match=says):
        year.observe(frame)


@pytest.mark.parametrize("size", [2.5, "3", 0, True])
def test_a_batch_size_is_a_whole_number(year: Campaign, size: Any) -> None:
    with pytest.raises(CampaignError, match=r"the batch size is .*; give a whole number, at least 1"):
        year.suggest(size)


@pytest.mark.parametrize("seed", [-1, 0.5, "0"])
def test_a_seed_is_a_whole_number(year: Campaign, seed: Any) -> None:
    with pytest.raises(CampaignError, match=r"the seed is .*; give a whole number, at least 0"):
        year.suggest(seed=seed)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda year: year.retract("1", "x"), "the number is '1'; give a whole number"),
        (lambda year: year.undo(True, "x"), "the number is True; give a whole number"),
        (lambda year: year.replay("1"), "the number is '1'; give a whole number"),
        (lambda year: year.let_go(3), "the reason is 3; give text"),
        (lambda year: year.step(5, "accepted"), "the formula is 5; give text"),
        (lambda year: year.suggest(more="yes"), "more is 'yes'; give True or False"),
        (lambda year: year.predict(["(PDA)PbI4"]), r"the formula is \['\(PDA\)PbI4'\]; give one formula as text"),
        (lambda year: year.amend("new.yaml"), "the description is 'new.yaml'; give a CampaignConfig"),
        (lambda year: Campaign.create(year.folder, {"seed": 1}), r"the description is \{'seed': 1\}; give a Campaign"),  # type: ignore[arg-type]
        (lambda year: year.recipe("(PDA)PbI4", "1"), "the mass g is '1'; give a number"),
        (lambda year: year.ingest("x.csv", maps={}), "ingest has no option maps; it has columns, unit, sheet"),
        (lambda year: year.observe({"formula": ["(PDA)PbI4"], "lifetime_ps": [1, 2]}), "what was given was not"),
        (lambda year: year.ingest(5), "5 is neither a file's path, nor a data frame, nor a row such as"),
        (lambda year: year.observe([["(PDA)PbI4"]]), "is neither a file's path, nor a data frame, nor a row such as"),
    ],
)
def test_an_argument_of_another_kind_is_refused_and_nothing_is_recorded(year: Campaign, call: Any, says: str) -> None:
    before = year.state
    with pytest.raises(CampaignError, match=says):
        call(year)
    assert year.state == before


def test_a_stage_is_said_in_the_words_of_the_command_line(year: Campaign) -> None:
    assert year.step("(PEA)2(FA)Pb2I7", "in_synthesis").stage is Stage.IN_SYNTHESIS
    assert year.step("(PEA)2(FA)Pb2I7", "Mixed phases").stage is Stage.MIXED_PHASES
    with pytest.raises(LifecycleError, match="'boiled' is not one of accepted, declined, in synthesis"):
        year.step("(PEA)2(FA)Pb2I7", "boiled")
    with pytest.raises(LifecycleError, match="'top' is no place in a formula"):
        year.decline_cation("FA", "dull", place="top")  # type: ignore[arg-type]
