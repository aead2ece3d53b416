"""Lifetimes that contradict what is known of their compound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import Campaign
from campaigns.cli import main
from campaigns.errors import UnconfirmedError
from campaigns.fates import APART_DECADES, Expected, doubt
from chemspace import parse_formula
from screening.calibration import interval
from tests.campaigns.test_ingest_trace import files

EXPECTED = Expected(4.8, 1.2, 19.2)
LIFETIMES = st.floats(0.01, 1000.0)


def test_femtoseconds_taken_for_picoseconds_are_asked_about_with_what_was_meant() -> None:
    found = doubt(310.0, (0.3,), EXPECTED)
    assert found is not None
    assert (found.meant_ps, found.unit) == (0.31, "fs")
    assert found.sentence == (
        "310 ps, and earlier crystals of this compound gave 0.30 ps: did you mean 0.31 ps (310 fs)?"
    )


def test_a_lifetime_that_no_slip_explains_is_asked_about_all_the_same() -> None:
    found = doubt(12.0, (0.3,), EXPECTED)
    assert found is not None
    assert found.meant_ps is None
    assert found.sentence.endswith("Is it this compound, and is the unit right?")


def test_without_earlier_crystals_the_model_is_asked() -> None:
    assert doubt(19.0, (), EXPECTED) is None
    found = doubt(4100.0, (), EXPECTED)
    assert found is not None
    assert found.unit == "fs"
    assert "the model expects" in found.sentence
    assert doubt(4100.0, (), None) is None


def test_the_interval_of_another_level_is_that_of_the_calibrated_model() -> None:
    import numpy as np

    sd = np.array([0.3])
    low, high = (10.0 ** float(-end[0]) for end in reversed(interval(np.array([0.0]), sd, 0.9)))
    wide = [10.0 ** float(-end[0]) for end in reversed(interval(np.array([0.0]), sd, 0.999))]
    assert Expected(1.0, low, high).reach(0.999) == pytest.approx(wide)


@given(known=LIFETIMES, decades=st.floats(0.0, 0.99 * APART_DECADES), sign=st.sampled_from([-1, 1]))
def test_replicates_are_never_doubted(known: float, decades: float, sign: int) -> None:
    assert doubt(known * 10.0 ** (sign * decades), (known,), None) is None


@given(known=LIFETIMES, bound=LIFETIMES)
def test_a_bound_is_doubted_only_where_it_is_shorter(known: float, bound: float) -> None:
    found = doubt(bound, (known,), None, is_bound=True)
    assert (found is not None) == (bound < known / 10.0**APART_DECADES)


SLIP = "formula,lifetime_ps,sample\n(PEA)2PbI4,310,k\n(PA)2PbI4,0.4,l\n"
ASKED = "row 2, (PEA)2PbI4: 310 ps, and earlier crystals of this compound gave 0.30 ps: did you mean 0.31 ps (310 fs)?"


def test_a_table_is_asked_about_before_it_is_stored_and_the_doubt_is_stored_with_the_row(
    campaign: Campaign, tmp_path: Path
) -> None:
    table = tmp_path / "week.csv"
    table.write_text(SLIP, encoding="utf-8")
    with pytest.raises(UnconfirmedError) as asked:
        campaign.ingest(table)
    assert (asked.value.guesses, asked.value.accept) == ((ASKED,), "accept_extreme")
    assert campaign.state.record == ()
    assert [doubted.sentence for doubted in campaign.ingest(table, dry_run=True).doubts] == [ASKED]
    assert campaign.ingest(table, accept_extreme=True).added == 2
    assert [row.observation.warned for row in campaign.state.record] == [ASKED.partition(": ")[2], ""]
    assert campaign.ingest(table).skipped == 2


def test_what_the_model_expects_of_a_compound_without_crystals_counts(campaign: Campaign, tmp_path: Path) -> None:
    table = tmp_path / "week.csv"
    table.write_text("formula,lifetime_ps\n(PA)2PbI4,900\n", encoding="utf-8")
    with pytest.raises(UnconfirmedError, match=r"row 2, \(PA\)2PbI4: 900 ps, and the model expects"):
        campaign.ingest(
            table, expected=lambda compound: Expected(0.3, 0.2, 0.45) if compound.formula == "(PA)2PbI4" else None
        )


def test_a_lifetime_of_a_trace_is_asked_about_and_stored_with_what_its_fit_warns_of(
    campaign: Campaign, tmp_path: Path
) -> None:
    paths, fit = files(tmp_path, 20.0)
    fit = replace(fit, warnings=("Residuals are not white noise.",))
    with pytest.raises(UnconfirmedError, match=r"\(PEA\)2PbI4: 20 ps, and earlier crystals"):
        campaign.ingest_trace("(PEA)2PbI4", fit, paths)
    campaign.ingest_trace("(PEA)2PbI4", fit, paths, accept_extreme=True)
    (row,) = campaign.state.record
    assert row.to_dict()["warned"].startswith("Residuals are not white noise. 20 ps, and earlier crystals")


def test_the_command_asks_and_a_suggestion_is_what_was_expected(
    year: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    suggested = year.state.batches[-1].suggestions[0]
    expected = year.expected(parse_formula(suggested.formula))
    assert expected == Expected(suggested.lifetime_ps, suggested.lifetime_low_ps, suggested.lifetime_high_ps)
    table = tmp_path / "week.csv"
    table.write_text(SLIP, encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["spinscreen", "ingest", str(year.folder), str(table)])
    with pytest.raises(SystemExit, match="1"):
        main()
    told = capsys.readouterr().err
    assert ASKED in told
    assert "--accept-extreme" in told
    assert not any(row.file == "week.csv" for row in year.state.record)
