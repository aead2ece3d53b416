"""Tables on their way into a campaign: row by row, whole or not at all, once however often and by however many."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from campaigns import Campaign
from campaigns.errors import IngestError, LifecycleError, StoreError, UnconfirmedError, UnfitTextError, check_recordable
from campaigns.events import Stage
from campaigns.fates import MANY
from campaigns.files import write_table
from campaigns.intake import outcome_rows
from campaigns.kinetics import fit_trace, read_traces
from screening import SpinDataset
from tests.campaigns.processes import all_at_once, ingest
from tests.campaigns.small import created
from tests.campaigns.test_ingest_trace import files

TABLE = """formula,lifetime_ps,lifetime_stderr_ps,sample
(PA)2PbI4,0.4,0.02,a
(PA)2PbI4,0.4,0.02,b
(PA)2PbI4,0.4,0.02,a
(PEA)2SnI4,<0.05,,c
"""
BAD = TABLE + "(4AMPY)2MAPb3I10,3,,d\n(PA)2PbI4,-1,,e\n"


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    return created(tmp_path / "small")


def write(folder: Path, text: str, name: str = "results.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def n_events(campaign: Campaign) -> int:
    return len(campaign.history())


def test_lifetimes_of_other_conditions_are_told_and_do_not_train(campaign: Campaign, tmp_path: Path) -> None:
    text = "formula,lifetime_ps,temperature_k\n(PEA)2PbI4,300,4\n(PEA)2PbI4,0.33,295\n(BA)2PbI4,30,\n"
    told = campaign.ingest(write(tmp_path, text), accept_extreme=True).warnings
    apart = [words for words in told if "set apart" in words]
    assert [words.partition(":")[0] for words in apart] == ["row 2", "row 4"]
    assert "the stated temperature is not room temperature" in "".join(told)
    flags = campaign.dataset().rows["flags"].tail(3).tolist()
    assert flags == ["other_temperature", "", "other_conditions"]


def test_a_dry_run_says_of_every_row_what_would_happen(campaign: Campaign, tmp_path: Path) -> None:
    campaign.ingest(write(tmp_path, TABLE.split("(PA)2PbI4,0.4,0.02,b")[0], "first.csv"))
    campaign.retract(1, "wrong crystal")
    events = n_events(campaign)
    result = campaign.ingest(write(tmp_path, TABLE), dry_run=True)
    assert [(row.line, row.action, row.sample) for row in result.rows] == [
        (2, "retracted", "a"),
        (3, "add", "b"),
        (4, "retracted", "a"),
        (5, "add", "c"),
    ]
    assert result.rows[0].note == "was retracted (measurement 1: wrong crystal) and was left out"
    assert result.rows[3].note == "outside the campaign's space"
    assert result.rows[3].is_bound
    assert (result.added, result.skipped) == (2, 2)
    assert n_events(campaign) == events


def test_a_row_that_stands_twice_in_a_table_is_taken_in_once(campaign: Campaign, tmp_path: Path) -> None:
    result = campaign.ingest(write(tmp_path, TABLE))
    assert (result.added, result.skipped) == (3, 1)
    assert "stands in row 2 already" in result.rows[2].note
    assert [row.observation.sample for row in campaign.state.record] == ["a", "b", "c"]


def test_a_dry_run_of_a_bad_table_hands_over_the_rows_with_the_problems(campaign: Campaign, tmp_path: Path) -> None:
    with pytest.raises(IngestError) as caught:
        campaign.ingest(write(tmp_path, BAD), dry_run=True)
    assert [row.action for row in caught.value.rows] == ["add", "add", "known", "add", "refused", "refused"]
    assert "(4AMPY)(MA)2Pb3I10" in caught.value.rows[4].note
    assert campaign.state.record == ()


def test_keep_going_takes_the_good_rows_and_writes_the_others_with_their_reasons(
    campaign: Campaign, tmp_path: Path
) -> None:
    path = write(tmp_path, BAD)
    result = campaign.ingest(path, keep_going=True)
    assert (result.added, result.skipped, result.refused) == (3, 1, 2)
    assert result.rejects == str(campaign.folder / "results_rejects.csv")
    rejects = pd.read_csv(result.rejects)
    assert rejects["row"].tolist() == [6, 7]
    assert rejects["formula"].tolist() == ["(4AMPY)2MAPb3I10", "(PA)2PbI4"]
    assert "must be positive" in rejects["problem"][1]
    again = campaign.ingest(path, keep_going=True)
    assert (again.added, len(campaign.state.record)) == (0, 3)


def test_repaired_rejects_can_be_taken_in(campaign: Campaign, tmp_path: Path) -> None:
    result = campaign.ingest(write(tmp_path, BAD), keep_going=True)
    assert result.rejects is not None
    repaired = Path(result.rejects).read_text().replace("(4AMPY)2MAPb3I10", "(4AMPY)(MA)2Pb3I10").replace("-1,", "1,")
    assert campaign.ingest(write(tmp_path, repaired, "repaired.csv")).added == 2
    assert len(campaign.state.record) == 5


def test_where_no_row_is_right_nothing_is_written_even_when_told_to_keep_going(
    campaign: Campaign, tmp_path: Path
) -> None:
    events = n_events(campaign)
    with pytest.raises(IngestError):
        campaign.ingest(write(tmp_path, "formula,lifetime_ps\n(PA)2PbI4,-1\n"), keep_going=True)
    assert n_events(campaign) == events
    assert not list(campaign.folder.glob("*rejects*"))


def test_a_reject_file_that_cannot_be_written_stops_the_ingest(campaign: Campaign, tmp_path: Path) -> None:
    events = n_events(campaign)
    with pytest.raises(StoreError, match="cannot be written"):
        campaign.ingest(write(tmp_path, BAD), keep_going=True, rejects=tmp_path / "nowhere" / "rejects.csv")
    assert n_events(campaign) == events


def test_a_table_that_was_read_in_the_wrong_unit_can_be_retracted_and_read_again(
    campaign: Campaign, tmp_path: Path
) -> None:
    path = write(tmp_path, "formula,tau\n(PA)2PbI4,40\n")
    columns = {"lifetime": "tau"}
    campaign.ingest(path, columns=columns, unit="ps")
    campaign.retract(1, "they were fs")
    assert campaign.ingest(path, columns=columns, unit="fs").added == 1
    assert [m.value for m in campaign.state.measurements] == [0.04]


def test_a_trace_can_be_fitted_again_after_its_measurement_was_retracted(campaign: Campaign, tmp_path: Path) -> None:
    paths, fit = files(tmp_path, 2.0)
    campaign.ingest_trace("(PA)2PbI4", fit, paths)
    told = campaign.ingest_trace("(PA)2PbI4", fit, paths)
    assert (told.added, told.skipped) == (0, 1)
    assert "in the campaign already (measurement 1)" in told.warnings[-1]
    campaign.retract(1, "wrong response")
    assert campaign.ingest_trace("(PA)2PbI4", fit_trace(read_traces(*paths), 0.2), paths).added == 1
    assert len(campaign.state.measurements) == 1


def test_the_same_files_for_another_compound_are_told_of(campaign: Campaign, tmp_path: Path) -> None:
    paths, fit = files(tmp_path, 2.0)
    campaign.ingest_trace("(PA)2PbI4", fit, paths)
    told = campaign.ingest_trace("(BA)2PbI4", fit, paths, accept_extreme=True)
    assert told.added == 1
    assert "the same files are measurement 1 of (PA)2PbI4" in " ".join(told.warnings)


def test_eight_processes_ingest_at_once_and_every_row_is_there_once(campaign: Campaign, tmp_path: Path) -> None:
    shared = "".join(f"(PA)2PbI4,{0.1 + i / 100:.2f},shared{i}\n" for i in range(5))
    jobs = []
    for worker in range(8):
        own = "".join(f"(BA)2PbI4,{0.1 + i / 100:.2f},w{worker}-{i}\n" for i in range(5))
        # Every table holds the shared rows too: other bytes, so only the rows themselves tell that they are known.
        tables = [
            write(tmp_path, f"formula,lifetime_ps,sample\n{shared}{own}", f"w{worker}.csv"),
            write(tmp_path, f"formula,lifetime_ps,sample\n{shared}", "shared.csv"),
        ]
        jobs.append((campaign.folder, tables))
    assert all_at_once(ingest, jobs) == [0] * 8
    samples = [row.observation.sample for row in Campaign.open(campaign.folder).state.record]
    assert len(samples) == len(set(samples)) == 5 + 8 * 5


def test_two_who_look_at_the_same_state_cannot_both_retract_or_step(campaign: Campaign, tmp_path: Path) -> None:
    campaign.ingest(write(tmp_path, TABLE))
    first, second = Campaign.open(campaign.folder), Campaign.open(campaign.folder)
    first.retract(1, "wrong crystal")
    with pytest.raises(LifecycleError, match=r"measurement 1 is retracted already \(wrong crystal\)"):
        second.retract(1, "me too")
    third = Campaign.open(campaign.folder)
    first.step("(BA)2PbI4", Stage.FORMED)
    with pytest.raises(LifecycleError, match="is formed; it cannot become accepted"):
        third.step("(BA)2PbI4", Stage.ACCEPTED)
    third.step("(BA)2PbI4", Stage.DECOMPOSED)
    assert Campaign.open(campaign.folder).state.stages["(BA)2PbI4"] is Stage.DECOMPOSED


def test_rows_at_hand_are_taken_in_as_a_table_of_them_is(campaign: Campaign) -> None:
    rows = [{"formula": "(PA)2PbI4", "lifetime_ps": 0.4, "sample": "a"}, {"formula": "(BA)2PbI4", "lifetime_ps": 0.5}]
    assert campaign.observe(rows, dry_run=True).added == 2
    assert (campaign.observe(pd.DataFrame(rows)).added, campaign.observe(rows).added) == (2, 0)
    assert [(m.formula, m.value, m.sample) for m in campaign.state.measurements] == [
        ("(PA)2PbI4", 0.4, "a"),
        ("(BA)2PbI4", 0.5, ""),
    ]
    with pytest.raises(IngestError, match=r"row 1, column lifetime_ps: .*must be positive"):
        campaign.observe([{"formula": "(PA)2PbI4", "lifetime_ps": -1.0}])


WEEK_1 = "formula,lifetime_ps,sample,note\n(BA)2(MA)2Pb3I10,3.4,K7,\n(PA)2PbI4,1.9,K8,\n"
WEEK_2 = "formula,lifetime_ps,lifetime_stderr_ps,sample,note\n(BA)2(MA)2Pb3I10,3.4,0.2,K7,checked by XRD\n"


def test_one_crystal_stays_one_when_its_note_and_error_are_edited_and_that_is_confirmed(
    campaign: Campaign, tmp_path: Path
) -> None:
    campaign.ingest(write(tmp_path, WEEK_1))
    path = write(tmp_path, WEEK_2 + "(PA)2PbI4,1.9,,K8,\n(PEA)2(MA)Pb2I7,2.2,,K9,\n", "week2.csv")
    shown = campaign.ingest(path, dry_run=True)
    assert [row.action for row in shown.rows] == ["correct", "known", "add"]
    assert shown.rows[0].note == "corrects measurement 1: error 0.2, note 'checked by XRD'"
    before = n_events(campaign)
    with pytest.raises(UnconfirmedError, match=r"row 2: .* corrects measurement 1: error 0.2, note 'checked by XRD'"):
        campaign.ingest(path)
    assert n_events(campaign) == before
    result = campaign.ingest(path, accept_corrections=True)
    assert (result.added, result.corrected, result.skipped) == (1, 1, 1)
    told = [(m.sample, m.value, m.stderr, m.note) for m in campaign.state.measurements]
    assert told == [("K7", 3.4, 0.2, "checked by XRD"), ("K8", 1.9, None, ""), ("K9", 2.2, None, "")]
    assert campaign.history()[-1]["what"].endswith("corrected (BA)2(MA)2Pb3I10 (number 1)")
    assert Campaign.open(campaign.folder).state == campaign.state
    again = campaign.ingest(path)
    assert (again.added, again.corrected, again.skipped) == (0, 0, 3)


def test_one_crystal_stays_one_when_its_value_is_rounded_or_given_in_another_unit(
    campaign: Campaign, tmp_path: Path
) -> None:
    campaign.ingest(
        write(tmp_path, "formula,lifetime_ps,sample\n(PA)2PbI4,5.523,K7\n(BA)2PbI4,0.31,\n(PA)2PbI4,6.1,K8\n")
    )
    told = "formula,rate_per_ps,sample\n"
    again = f"{told}(PA)2PbI4,{1 / 5.523!r},K7\n(BA)2PbI4,{1 / 0.31!r},\n"
    assert campaign.ingest(write(tmp_path, again, "rates.csv"), accept_guesses=True).skipped == 2
    rows = "(PA)2PbI4,5.52,K7\n(PA)2PbI4,6.1003,K8\n(PA)2PbI4,5.518,K7\n(PA)2PbI4,5.5,K7\n(PA)2PbI4,5.52,\n"
    result = campaign.ingest(write(tmp_path, "formula,lifetime_ps,sample\n" + rows, "week2.csv"), dry_run=True)
    assert [row.action for row in result.rows] == ["known", "known", "add", "add", "add"]


def test_one_crystal_stays_one_when_it_is_given_a_name_and_when_the_name_is_left_out(
    campaign: Campaign, tmp_path: Path
) -> None:
    rows = [("(PA)2PbI4", 1.23), ("(BA)2PbI4", 0.31), ("(PEA)2PbI4", 0.45)]
    nameless = "formula,lifetime_ps\n" + "".join(f"{formula},{value}\n" for formula, value in rows)
    campaign.ingest(write(tmp_path, nameless))
    campaign.retract(3, "wrong pump")
    named = "(PA)2PbI4,1.23,K1\n(PA)2PbI4,1.23,K2\n(BA)2PbI4,0.31,K3\n(PEA)2PbI4,0.45,K4\n"
    named_file = write(tmp_path, "formula,lifetime_ps,sample\n" + named, "week2.csv")
    shown = campaign.ingest(named_file, dry_run=True)
    assert [row.action for row in shown.rows] == ["correct", "add", "correct", "retracted"]
    assert shown.rows[0].note == "corrects measurement 1: sample 'K1'"
    campaign.ingest(named_file, accept_corrections=True)
    standing = [(m.sample, m.value) for m in campaign.state.measurements]
    assert standing == [("K1", 1.23), ("K3", 0.31), ("K2", 1.23)]
    mixed = write(tmp_path, "formula,lifetime_ps,sample\n" + named + "(PA)2PbI4,1.23,\n", "mixed.csv")
    for path in (named_file, mixed, write(tmp_path, nameless + "(PA)2PbI4,1.23\n")):
        assert {row.action for row in campaign.ingest(path, dry_run=True).rows} == {"known", "retracted"}


def test_one_crystal_stays_one_however_its_name_is_written(campaign: Campaign, tmp_path: Path) -> None:
    campaign.ingest(write(tmp_path, "formula,lifetime_ps,sample\n(PA)2PbI4,1.2,K 9a\n(BA)2PbI4,0.3,K1-2\n"))
    rows = "(PA)2PbI4,1.2,k9A\n(PA)2PbI4,1.3,K9A\n(BA)2PbI4,0.3,K12\n"
    result = campaign.ingest(write(tmp_path, "formula,lifetime_ps,sample\n" + rows, "week2.csv"), dry_run=True)
    assert [row.action for row in result.rows] == ["known", "add", "add"]
    assert "of one crystal, K9A" in " ".join(result.warnings)


@pytest.mark.parametrize(("before", "after"), [("", "0.2"), ("0.2", "")])
def test_a_crystal_that_was_taken_back_stays_so_when_its_error_is_added_or_left_out(
    campaign: Campaign, tmp_path: Path, before: str, after: str
) -> None:
    head = "formula,lifetime_ps,lifetime_stderr_ps,sample\n"
    campaign.ingest(write(tmp_path, f"{head}(PA)2PbI4,3.4,{before},K7\n"))
    campaign.retract(1, "laser drift")
    result = campaign.ingest(write(tmp_path, f"{head}(PA)2PbI4,3.4,{after},K7\n", "week2.csv"))
    told = "was retracted (measurement 1: laser drift) and was left out; if it stands after all, undo the retraction"
    assert result.warnings == (f"row 2: (PA)2PbI4 3.4 ps {told}",)
    assert not campaign.state.measurements


def test_a_crystal_that_stands_as_another_compound_is_told(campaign: Campaign, tmp_path: Path) -> None:
    campaign.ingest(write(tmp_path, "formula,lifetime_ps,sample\n(PA)2PbI4,1.9,K8\n(BA)2PbI4,0.3,1\n"))
    rows = "(PA)2(MA)Pb2I7,1.9,K8\n(PEA)2PbI4,0.33,1\n"
    result = campaign.ingest(write(tmp_path, "formula,lifetime_ps,sample\n" + rows, "week2.csv"), dry_run=True)
    assert [word for word in result.warnings if "stands with this value" in word] == [
        "row 2: crystal K8 stands with this value as (PA)2PbI4 in measurement 1; if its formula was corrected, retract "
        "that one"
    ]


def test_a_crystal_that_seems_to_have_two_names_is_told(campaign: Campaign, tmp_path: Path) -> None:
    campaign.ingest(write(tmp_path, "formula,lifetime_ps,sample\n(PA)2PbI4,0.853,K2\n(BA)2PbI4,0.3,1\n"))
    rows = "(PA)2PbI4,0.853,K2a\n(PA)2PbI4,0.854,K3\n(BA)2PbI4,0.3,2\n"  # two digits are often the same by chance
    result = campaign.ingest(write(tmp_path, "formula,lifetime_ps,sample\n" + rows, "week2.csv"), dry_run=True)
    assert [word for word in result.warnings if "two names" in word] == [
        "row 2: (PA)2PbI4 0.853 ps is the value of crystal K2 too (measurement 1); if one crystal has two names now, "
        "retract one of the two"
    ]


def test_a_row_is_called_by_its_first_line_and_a_table_of_outcomes_by_what_it_is(
    campaign: Campaign, tmp_path: Path
) -> None:
    campaign.ingest(path := write(tmp_path, 'formula,lifetime_ps,note\n(PA)2PbI4,0.5,"two\nlines"\n(BA)2PbI4,0.6,\n'))
    assert [row.line for row in campaign.ingest(path).rows] == [2, 4]
    with pytest.raises(IngestError, match="a table with a column 'stage' is one of outcomes: say --outcomes"):
        campaign.ingest(write(tmp_path, "formula,stage\n(PA)2PbI4,not formed\n", "outcomes.csv"))


def test_an_empty_cell_takes_nothing_back(campaign: Campaign, tmp_path: Path) -> None:
    campaign.ingest(write(tmp_path, WEEK_2))
    assert campaign.ingest(write(tmp_path, WEEK_1, "week1.csv")).rows[0].action == "known"


def test_the_labs_copy_of_a_published_row_is_known_and_an_own_crystal_is_not(
    campaign: Campaign, tmp_path: Path
) -> None:
    rows = "(PEA)2PbI4,0.3,\n(BA)2PbI4,0.2,\n(PEA)2PbI4,0.3,K1\n(PEA)2PbI4,0.35,\n(EOA)2PbI4,12.99,ours\n"
    result = campaign.ingest(write(tmp_path, "formula,lifetime_ps,sample\n" + rows))
    assert [row.action for row in result.rows] == ["known", "known", "add", "add", "known"]
    assert "the published row S14 (doi 10.1039/d5sc07406a), which trains already" in result.warnings[0]
    row = next(row for row in SpinDataset.published().table.to_dict("records") if row["material_id"] == "S16")
    copied = write(tmp_path, f"formula,lifetime_ps\n{row['formula']},{row['lifetime_ps']}\n", "copy.csv")
    (told,) = campaign.ingest(copied).warnings
    assert "S16 (doi 10.1039/d5sc07406a), which is known already" in told  # it is set apart, and outside the space
    assert "another crystal's lifetime differs in a digit more: write that" in result.warnings[-1]


def test_a_named_crystal_with_a_published_lifetime_is_told_and_is_a_copy_where_it_cites_the_paper(
    campaign: Campaign, tmp_path: Path
) -> None:
    rows = "(PEA)2PbI4,0.3,K1,https://doi.org/10.1039/D5SC07406A\n(PEA)2PbI4,0.3,K2,notebook 7\n"
    result = campaign.ingest(write(tmp_path, "formula,lifetime_ps,sample,source\n" + rows))
    assert [row.action for row in result.rows] == ["known", "add"]
    twin = "row 3: (PEA)2PbI4 0.3 ps is the lifetime of the published row S14 (doi 10.1039/d5sc07406a) too"
    assert sum(word.startswith(twin) for word in result.warnings) == 1, result.warnings


def test_of_many_rows_that_are_known_the_first_are_named_and_what_is_new_is_told(
    campaign: Campaign, tmp_path: Path
) -> None:
    rows = [f"(PA)2PbI4,{1.5 + 0.01 * k:.2f},K{k}" for k in range(MANY + 3)]
    head = "formula,lifetime_ps,sample\n"
    assert campaign.ingest(write(tmp_path, head + "\n".join(rows)), accept_extreme=True).added == MANY + 3
    more = campaign.ingest(write(tmp_path, head + "\n".join([*rows, "(PA)2PbI4,0.01,K99"])), accept_extreme=True)
    assert [row.action for row in more.rows] == ["known"] * (MANY + 3) + ["add"]
    assert sum("is in the campaign already" in word for word in more.warnings) == MANY
    assert "so were 3 further rows left out; a dry run lists each" in more.warnings
    assert any(word.startswith(f"row {MANY + 5}: (PA)2PbI4 is 0.01 ps here") for word in more.warnings)


def test_the_whole_published_table_brings_nothing(campaign: Campaign, tmp_path: Path) -> None:
    path = tmp_path / "master.csv"
    SpinDataset.published().table[["formula", "lifetime_ps"]].to_csv(path, index=False)
    result = campaign.ingest(path, keep_going=True, dry_run=True, accept_extreme=True)
    assert (result.added, result.skipped, result.refused) == (0, 50, 2)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (
            "(PA)2PbI4,5.5,0.4,q1\n(PA)2PbI4,1.1,0.1,q2\n(PA)2PbI4,1.2,0.1,q3\n",
            [
                "row 3: (PA)2PbI4 is 1.1 ± 0.1 ps here and 5.5 ± 0.4 ps in row 2: they differ by 0.70 decades, 13.8 "
                "standard errors; published replicates differ by 0.05 to 0.19",
                "row 4: (PA)2PbI4 is 1.2 ± 0.1 ps here and 5.5 ± 0.4 ps in row 2: they differ by 0.66 decades, 13.8 "
                "standard errors; published replicates differ by 0.05 to 0.19",
            ],
        ),
        ("(PA)2PbI4,2.5,1.5,q1\n(PA)2PbI4,1.2,0.4,q2\n(PA)2PbI4,1.0,,q3\n", []),
        (
            "(PA)2PbI4,1.9,,K1\n(PA)2PbI4,2.4,,K1\n",
            [
                "row 3: (PA)2PbI4 is 2.4 ps here and 1.9 ps in row 2, of one crystal, K1; if the one corrects the "
                "other, retract the wrong one"
            ],
        ),
        (
            "(PA)2PbI4,<0.5,,q1\n(PA)2PbI4,0.2,,q2\n(PA)2PbI4,4,,q3\n",
            [
                "row 4: (PA)2PbI4 is 4 ps here and 0.2 ps in row 3: they differ by 1.30 decades; published replicates "
                "differ by 0.05 to 0.19"
            ],
        ),
        (
            "(PEA)2PbI4,3,,own\n",
            [
                "row 2: (PEA)2PbI4 is 3 ps here and 0.3 ps in the published row S14 (doi 10.1039/d5sc07406a): they "
                "differ by 1.00 decades; published replicates differ by 0.05 to 0.19"
            ],
        ),
    ],
)
def test_replicates_that_disagree_are_told_in_both_figures(
    campaign: Campaign, tmp_path: Path, rows: str, told: list[str]
) -> None:
    table = write(tmp_path, "formula,lifetime_ps,lifetime_stderr_ps,sample\n" + rows)
    result = campaign.ingest(table, accept_extreme=True)
    assert result.added == rows.count("\n")
    further = ("outside the campaign", "is set apart", "earlier crystals")
    assert [word for word in result.warnings if not any(words in word for words in further)] == told


def test_what_is_odd_is_told_again_until_it_is_learnt(campaign: Campaign, tmp_path: Path) -> None:
    path = write(tmp_path, "formula,lifetime_ps,sample\n(PA)2PbI4,0.4,a\n(PA)2PbI4,4,b\n(iso-BA)2PbI4,0.2,c\n")
    first, again = (
        [
            word
            for word in campaign.ingest(path, accept_extreme=True).warnings
            if "differ by" in word or "is read as" in word
        ]
        for _ in range(2)
    )
    assert [word[:6] for word in first] == ["row 3:", "row 4:"]
    assert [word[:6] for word in again] == ["row 2:", "row 3:", "row 4:"]


def test_what_was_taken_back_elsewhere_is_recorded_as_such_and_trains_nothing(
    campaign: Campaign, tmp_path: Path
) -> None:
    campaign.ingest(write(tmp_path, WEEK_1))
    campaign.retract(1, "response drifted")
    write_table(tmp_path / "out.csv", [row.to_dict() for row in campaign.state.record])
    other = created(tmp_path / "other")
    result = other.ingest(tmp_path / "out.csv")
    assert [m.formula for m in other.state.measurements] == ["(PA)2PbI4"]
    assert [row.action for row in result.rows] == ["retracted", "add"]
    assert (result.added, result.retracted, result.skipped) == (1, 1, 0)
    note = "is retracted in the file (response drifted) and trains nothing"
    assert result.warnings == (f"row 2: (BA)2(MA)2Pb3I10 3.4 ps {note}",)
    assert [row.retracted for row in other.state.record] == ["response drifted", None]
    again = other.ingest(tmp_path / "out.csv")
    assert (again.changed, again.skipped) == (False, 2)
    assert Campaign.open(other.folder).state == other.state


def test_a_retraction_elsewhere_is_taken_over_once_it_is_confirmed(campaign: Campaign, tmp_path: Path) -> None:
    path = write(tmp_path, WEEK_1)
    campaign.ingest(path)
    other = created(tmp_path / "other")
    other.ingest(path)
    campaign.retract(1, "response drifted")
    write_table(tmp_path / "out.csv", [row.to_dict() for row in campaign.state.record])
    with pytest.raises(UnconfirmedError, match="takes back measurement 1: response drifted"):
        other.ingest(tmp_path / "out.csv")
    other.ingest(tmp_path / "out.csv", accept_corrections=True)
    assert [row.retracted for row in other.state.record] == ["response drifted", None]
    assert "(BA)2(MA)2Pb3I10" not in other.state.stages
    other.undo(other.state.last_event, "it was right")
    assert [row.retracted for row in other.state.record] == [None, None]
    assert other.state.stages["(BA)2(MA)2Pb3I10"] is Stage.MEASURED


def test_a_crystal_taken_back_and_measured_again_goes_out_and_comes_in_as_both(
    campaign: Campaign, tmp_path: Path
) -> None:
    campaign.ingest(write(tmp_path, "formula,lifetime_ps,lifetime_stderr_ps,sample\n(PA)2PbI4,0.4,0.1,K1\n"))
    campaign.retract(1, "the error is wrong")
    campaign.ingest(
        write(tmp_path, "formula,lifetime_ps,lifetime_stderr_ps,sample\n(PA)2PbI4,0.4,0.2,K1\n", "again.csv")
    )
    write_table(tmp_path / "out.csv", [row.to_dict() for row in campaign.state.record])
    other = created(tmp_path / "other")
    for _ in range(2):
        other.ingest(tmp_path / "out.csv")
        assert [(row.observation.stderr, row.retracted) for row in other.state.record] == [
            (0.1, "the error is wrong"),
            (0.2, None),
        ]


TOLD = """formula,lifetime_ps,lifetime_stderr_ps,sample,temperature_k,fluence_uj_cm2,is_upper_bound,technique,note
(PA)2PbI4,1.2,0.1,K1,,,,,first
(PA)2PbI4,1.3,,K2,,4.5,,,
(PA)2PbI4,1.2,0.1,K1,77,,,,cold
(BDA)PbI4,<0.2,,,,,,TR,
(EOA)2PbI4,0.4,,,,,yes,,
"""


def test_an_export_comes_in_as_it_went_out(campaign: Campaign, tmp_path: Path) -> None:
    campaign.ingest(write(tmp_path, TOLD))
    told = [row.observation for row in campaign.state.record]
    assert [one.is_bound for one in told] == [False, False, False, True, True]
    assert (told[2].temperature_k, told[1].fluence_uj_cm2, told[3].technique) == (77.0, 4.5, "TR")
    campaign.retract(2, "cracked")
    campaign.step("(PDA)PbI4", Stage.ACCEPTED)
    campaign.step("(PDA)PbI4", Stage.FORMED, made="(PDA)(MA)Pb2I7")
    campaign.step("(BDA)PbI4", Stage.ACCEPTED, reason="a second crystal")
    campaign.step("(CMA)2PbI4", Stage.DECLINED, reason="dull")
    campaign.decline_cation("4AMP", "too expensive")
    other = created(tmp_path / "other")
    for _ in range(2):  # the second time all of it is known
        write_table(tmp_path / "out.csv", [row.to_dict() for row in campaign.state.record])
        write_table(tmp_path / "steps.csv", outcome_rows(campaign.state))
        other.ingest(tmp_path / "out.csv")
        last = other.ingest_outcomes(tmp_path / "steps.csv")
        came = [(row.observation, row.retracted) for row in other.state.record]
        assert came == [(row.observation, row.retracted) for row in campaign.state.record]
        assert other.state.outcomes == campaign.state.outcomes
        steps = [(step.formula, step.stage, step.made, step.reason) for step in other.state.steps]
        assert steps == [(step.formula, step.stage, step.made, step.reason) for step in campaign.state.steps]
        assert [one.inchikey for one in other.state.ruled_out] == [one.inchikey for one in campaign.state.ruled_out]
    assert (last.added, last.skipped) == (0, 5)
    assert other.state.stages["(BDA)PbI4"] is Stage.MEASURED


def test_another_carrier_or_density_is_told_and_set_apart_and_comes_back_from_an_export(
    campaign: Campaign, tmp_path: Path
) -> None:
    rows = "(PA)2PbI4,1.2,exciton,1e18,TR\n(PDA)PbI4,1.3,,2e18,TR\n(BDA)PbI4,1.1,,5e19,TR\n(CMA)2PbI4,190,e-,,TRKR\n"
    heading = "formula,lifetime_ps,carrier,density_cm3,technique\n"
    result = campaign.ingest(write(tmp_path, heading + rows), accept_extreme=True)
    apart = [word for word in result.warnings if "set apart" in word]
    assert [word.split(" is set")[0] for word in apart] == ["row 4: (BDA)PbI4", "row 5: (CMA)2PbI4"]
    assert "density of excitons is more than ten times off" in apart[0]
    assert "the stated carrier is not the exciton" in apart[1]
    flags = campaign.dataset().rows["flags"].tolist()[-4:]
    assert flags == ["", "", "other_density", "other_carrier"]
    write_table(tmp_path / "out.csv", [row.to_dict() for row in campaign.state.record])
    assert campaign.ingest(tmp_path / "out.csv").added == 0
    with pytest.raises(IngestError, match="is not a density; write how many"):
        campaign.ingest(write(tmp_path, heading + "(PA)2PbI4,1.9,,3,TR\n"))


def test_outcomes_that_cannot_be_read_are_listed_and_nothing_is_taken_in(campaign: Campaign, tmp_path: Path) -> None:
    path = tmp_path / "steps.csv"
    path.write_text(
        "formula,stage,cation,place\n(PA)2PbI4,boiled,,\n(QQQ)2PbI4,formed,,\n,declined,PA,top\n,formed,,\n"
    )
    with pytest.raises(IngestError) as refused:
        campaign.ingest_outcomes(path)
    assert [problem.split(":")[0] for problem in refused.value.problems] == ["row 2", "row 3", "row 4", "row 5"]
    assert campaign.state.steps == ()


def test_a_name_that_was_read_as_another_is_told_with_its_row(campaign: Campaign, tmp_path: Path) -> None:
    rows = "(PEA)₂PbI₄,0.31\nPEA2FAPb2I7,1.9\n(iso-BA)2PbI4,0.3\n(C6H5CH2NH3)2PbI4,0.35\n(BA)2(MA0.5FA0.5)Pb2I7,2\n"
    result = campaign.ingest(write(tmp_path, "formula,lifetime_ps\n" + rows))
    assert [word for word in result.warnings if "is read as" in word] == [
        "row 4: (iso-BA)2PbI4 is read as (iBA)2PbI4 (iBA, iso-butylammonium)",
        "row 5: (C6H5CH2NH3)2PbI4 is read as (BZA)2PbI4 (BZA, benzylammonium)",
    ]


HALF = json.dumps({"formula": "(PA)2PbI4", "lifetime_ps": 1.2, "sample": "K1", "note": "\ud83d"})
ESCAPE = json.dumps({"formula": "(PA)2PbI4", "lifetime_ps": 1.2, "sample": "\x1b]0;x\x07"})


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (HALF, r"row 1, column note: the cell holds half a character \(U\+D83D\), which is no valid text"),
        (ESCAPE, r"row 1, column sample: the cell holds the control character U\+001B; delete it"),
    ],
)
def test_text_that_no_file_can_hold_is_refused_with_row_and_column(
    campaign: Campaign, tmp_path: Path, line: str, problem: str
) -> None:
    path = write(tmp_path, line, "results.jsonl")
    for dry_run in (True, False):
        with pytest.raises(IngestError, match=problem):
            campaign.ingest(path, dry_run=dry_run)
    good = json.dumps({"formula": "(PA)2PbI4", "lifetime_ps": 1.2, "note": "line 1\nline 2, τ"})
    path = write(tmp_path, f"{line}\n{good}", "mixed.jsonl")
    result = campaign.ingest(path, keep_going=True)
    assert (result.added, result.refused) == (1, 1)
    assert campaign.state.measurements[-1].note == "line 1 line 2, τ"
    assert "U+" in Path(str(result.rejects)).read_text(encoding="utf-8")
    assert Campaign.open(campaign.folder).state == campaign.state


def test_no_door_takes_text_that_no_file_can_hold(campaign: Campaign, tmp_path: Path) -> None:
    campaign.observe([{"formula": "(PA)2PbI4", "lifetime_ps": 1.2}])
    before = n_events(campaign)
    with pytest.raises(UnfitTextError, match=r"reason: it holds the control character U\+001B"):
        campaign.retract(1, "wrong \x1b[31m")
    with pytest.raises(UnfitTextError, match="reason: it holds half a character"):
        campaign.step("(BA)2PbI4", Stage.DECLINED, reason="\udce9")
    for reason, says in (
        ("a\rb", "U+000D"),
        ("a\nb", "one line"),
        ("\u202eb", "U+202E"),
        (2001 * "x", "at most 2,000"),
    ):
        with pytest.raises(UnfitTextError, match=re.escape(says)):
            campaign.step("(BA)2PbI4", Stage.DECLINED, reason=reason)
    table = json.dumps({"formula": "(BA)2PbI4", "stage": "declined", "reason": "no\x9b"}).encode()
    with pytest.raises(IngestError, match=r"row 1: column reason: the cell holds the control character U\+009B"):
        campaign.ingest_outcomes(write(tmp_path, table.decode(), "outcomes.jsonl"), dry_run=True)
    with pytest.raises(UnfitTextError, match=r"objective\.goal: inf is no finite number"):
        check_recordable({"objective": {"goal": float("inf")}})
    assert n_events(campaign) == before


def test_text_of_an_older_log_that_no_file_can_hold_is_shown_with_a_mark(campaign: Campaign) -> None:
    row = {"formula": "(PA)2PbI4", "lifetime_ps": 1.2, "note": "\ud83d", "sample": "a\x1b"}
    payload = json.dumps({"name": "old.jsonl", "rows": [row]})
    with sqlite3.connect(campaign.folder / "campaign.db") as connection:
        connection.execute(
            "INSERT INTO event (at, actor, kind, payload) VALUES (datetime('now'), 'a', 'measured', ?)", (payload,)
        )
    campaign.refresh()
    (shown,) = campaign.state.measurements
    assert (shown.note, shown.sample) == ("\ufffd", "a\ufffd")
