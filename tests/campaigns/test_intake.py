"""Tables on their way into a campaign: row by row, whole or not at all, once however often and by however many."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from campaigns import Campaign
from campaigns.errors import IngestError, LifecycleError, StoreError
from campaigns.events import Stage
from campaigns.kinetics import fit_trace, read_traces
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
    assert result.rows[0].note == "was retracted (wrong crystal) and was left out"
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
    told = campaign.ingest_trace("(BA)2PbI4", fit, paths)
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
