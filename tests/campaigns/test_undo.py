"""Any event but the first can be undone by an event: the state is as if it had never been, and replays hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from campaigns import Campaign
from campaigns.errors import DependedOnError, LifecycleError
from campaigns.events import EventKind, Stage
from tests.campaigns.cli.test_described import run
from tests.campaigns.conftest import Launched, described


def last(campaign: Campaign, kind: EventKind) -> int:
    """Number of the last event of a kind."""
    return [event.id for event in campaign.events() if event.kind is kind][-1]


def ingest(campaign: Campaign, path: Path, *rows: str) -> None:
    path.write_text("\n".join(["formula,lifetime_ps", *rows]) + "\n")
    campaign.ingest(path)


def test_an_outcome_by_mistake_leaves_no_trace_in_what_forms(campaign: Campaign) -> None:
    formula = campaign.suggest().suggestions[0].formula
    before, key = campaign.state, campaign._data_key
    campaign.step(formula, Stage.MIXED_PHASES)
    assert campaign._data_key != key
    assert campaign.undo(last(campaign, EventKind.STEPPED), "wrong compound") == f"{formula} mixed phases"
    assert campaign._data_key == key
    assert campaign.state.stages == before.stages
    assert campaign.state.outcomes == before.outcomes
    assert campaign.suggest() == before.batches[-1]
    assert Campaign.open(campaign.folder).state == campaign.state


@pytest.mark.parametrize("stage", [Stage.ACCEPTED, Stage.DECLINED])
def test_an_answer_is_taken_back(campaign: Campaign, stage: Stage) -> None:
    formula = campaign.suggest().suggestions[0].formula
    campaign.step(formula, stage, reason="a test")
    campaign.undo(last(campaign, EventKind.STEPPED), "of another")
    assert campaign.state.stages[formula] is Stage.SUGGESTED
    assert formula not in (*campaign.state.pending, *campaign.state.barred)


def test_an_ingest_is_undone_and_the_same_table_comes_in_again(campaign: Campaign, results: Path) -> None:
    key = campaign._data_key
    ingest(campaign, results, "(PA)2PbI4,0.5", "(BDA)PbI4,0.7")
    campaign.undo(last(campaign, EventKind.OBSERVED), "wrong campaign")
    assert campaign._data_key == key
    assert campaign.state.measurements == ()
    assert [row.retracted for row in campaign.state.record] == ["undone: wrong campaign"] * 2
    result = campaign.ingest(results)
    assert (result.added, result.warnings) == (2, ())
    assert [row.number for row in campaign.state.record if row.retracted is None] == [3, 4]
    assert Campaign.open(campaign.folder).state == campaign.state
    with pytest.raises(LifecycleError, match="measurement 1 is retracted already"):
        campaign.retract(1, "again")


def test_a_retraction_is_undone_and_may_be_made_again(campaign: Campaign, results: Path) -> None:
    ingest(campaign, results, "(PA)2PbI4,0.5")
    measured = campaign.state.measurements
    campaign.retract(1, "wrong crystal")
    campaign.undo(last(campaign, EventKind.RETRACTED), "it was right")
    assert campaign.state.measurements == measured
    assert campaign.state.stages["(PA)2PbI4"] is Stage.MEASURED
    campaign.retract(1, "wrong after all")
    assert campaign.state.record[0].retracted == "wrong after all"


def test_an_undo_is_undone(campaign: Campaign, results: Path) -> None:
    ingest(campaign, results, "(PA)2PbI4,0.5")
    before, taken_in = campaign.state, last(campaign, EventKind.OBSERVED)
    campaign.undo(taken_in, "wrong table")
    with pytest.raises(LifecycleError, match=rf"event {taken_in} is undone already \(wrong table\); undo event \d+"):
        campaign.undo(taken_in, "again")
    campaign.undo(last(campaign, EventKind.VOIDED), "the right table")
    assert campaign.state.measurements == before.measurements
    campaign.undo(taken_in, "wrong table, still")
    assert campaign.state.measurements == ()


def test_what_stands_on_an_event_is_told_first(campaign: Campaign, results: Path) -> None:
    ingest(campaign, results, "(PA)2PbI4,0.5", "(BDA)PbI4,0.7")
    taken_in = last(campaign, EventKind.OBSERVED)
    campaign.retract(2, "wrong crystal")
    campaign.suggest()
    with pytest.raises(DependedOnError, match=r"retracted measurement 2: wrong crystal; round 2 chosen with it\. They"):
        campaign.undo(taken_in, "wrong table")
    assert campaign.state.measurements
    campaign.undo(taken_in, "wrong table", confirmed=True)
    assert campaign.state.measurements == ()
    accepted = campaign.suggest().suggestions[0].formula
    campaign.step(accepted, Stage.ACCEPTED)
    campaign.step(accepted, Stage.FORMED)
    first = next(event.id for event in campaign.events() if event.kind is EventKind.STEPPED)
    with pytest.raises(DependedOnError, match="formed"):
        campaign.undo(first, "not accepted")


def test_a_correction_stands_on_the_ingest_of_what_it_corrects(year: Campaign, results: Path) -> None:
    results.write_text("formula,lifetime_ps,sample\n(PDA)PbI4,0.9,K1\n")
    year.ingest(results)
    taken_in = last(year, EventKind.OBSERVED)
    results.write_text("formula,lifetime_ps,sample,note\n(PDA)PbI4,0.9,K1,checked by XRD\n")
    assert year.ingest(results, accept_corrections=True).corrected == 1
    correction = rf"event {last(year, EventKind.OBSERVED)}, ingested results\.csv: corrected \(PDA\)PbI4 \(number 3\)"
    with pytest.raises(DependedOnError, match=correction):
        year.undo(taken_in, "wrong table")


def test_a_retraction_stands_on_its_ingest_in_a_campaign_that_began_with_another_ones_rows(
    year: Campaign, launched: Launched, tmp_path: Path
) -> None:
    known = Campaign.create(
        tmp_path / "next", described(), libraries=[launched.library], oracle_store=launched.oracle_store, known=year
    )
    known.observe([{"formula": "(PDA)PbI4", "lifetime_ps": 0.9}])
    taken_in = last(known, EventKind.OBSERVED)
    known.retract(3, "drift")
    with pytest.raises(DependedOnError, match="retracted measurement 3: drift"):
        known.undo(taken_in, "wrong table")


@pytest.mark.parametrize(
    "say",
    [
        lambda campaign: campaign.observe([{"formula": "(PDA)PbI4", "lifetime_ps": 0.9, "sample": "K1"}]),
        lambda campaign: campaign.decline_cation("BDA", "too dear"),
        lambda campaign: campaign.retract(1, "cracked"),
        lambda campaign: campaign.step("(PEA)2PbI4", Stage.NOT_FORMED),
    ],
    ids=["ingest", "decline", "retraction", "outcome"],
)
def test_what_was_said_again_after_an_undo_is_told_before_that_is_undone(
    year: Campaign, say: Callable[[Campaign], object]
) -> None:
    say(year)
    year.undo(year.state.last_event, "a mistake")
    undo = year.state.last_event
    say(year)
    with pytest.raises(DependedOnError, match=f"stand on: event {year.state.last_event}, "):
        year.undo(undo, "right after all")


def test_replays_hold_before_between_and_after(campaign: Campaign, results: Path) -> None:
    ingest(campaign, results, "(PA)2PbI4,0.5")
    campaign.suggest()
    campaign.undo(last(campaign, EventKind.OBSERVED), "wrong table", confirmed=True)
    assert campaign.suggest().number == 1
    campaign.undo(last(campaign, EventKind.SUGGESTED), "not discussed")
    assert [batch.number for batch in campaign.state.batches] == [1]
    ingest(campaign, results, "(BDA)PbI4,0.7")
    assert campaign.suggest().number == 3
    for number in (1, 2, 3):
        told = campaign.replay(number)
        assert (told.number, told.same) == (number, True)


@pytest.mark.parametrize("takes_back", ["undo", "retract"])
def test_the_ranking_and_what_moved_follow_what_is_taken_back(
    campaign: Campaign, results: Path, takes_back: str
) -> None:
    campaign.suggest()
    before = campaign.table("ranking").set_index("formula")["lifetime_ps"]
    ingest(campaign, results, "(EOA)2(MA)Pb2I7,60")
    campaign.suggest()
    assert campaign.table("ranking").set_index("formula")["lifetime_ps"]["(EOA)2(FA)Pb2I7"] > before.max()
    if takes_back == "undo":
        campaign.undo(last(campaign, EventKind.OBSERVED), "nanoseconds", confirmed=True)
    else:
        campaign.retract(1, "nanoseconds")
    assert campaign.suggest().number == 1
    now = campaign.table("ranking").set_index("formula")["lifetime_ps"]
    assert now.to_dict() == pytest.approx(before[now.index].to_dict())
    assert campaign.changes()[0].endswith("; a measurement of (EOA)2(MA)Pb2I7 was taken back")
    n_events = campaign.state.last_event
    assert (campaign.suggest().number, campaign.state.last_event) == (1, n_events)


def test_a_round_whose_fit_was_undone_is_the_same_list_and_is_fitted_again(year: Campaign) -> None:
    batch = year.suggest()
    year.undo(last(year, EventKind.FITTED), "a test", confirmed=True)
    assert year.fit() is None
    assert year.suggest() == batch
    assert year.fit() is not None


def test_what_cannot_be_undone_says_why(campaign: Campaign) -> None:
    for number, reason, why in (
        (1, "a test", "event 1 made the campaign"),
        (99, "a test", "there is no event 99"),
        (2, " ", "say why event 2 is undone"),
    ):
        with pytest.raises(LifecycleError, match=why):
            campaign.undo(number, reason, confirmed=True)


def test_the_command_asks_first_and_the_log_marks_what_is_undone(campaign: Campaign, launched: Launched) -> None:
    formula = campaign.suggest().suggestions[0].formula
    campaign.step(formula, Stage.ACCEPTED)
    campaign.step(formula, Stage.IN_SYNTHESIS)
    first, second = (event.id for event in campaign.events() if event.kind is EventKind.STEPPED)
    refused = run(launched, "undo", campaign.folder, first, "--reason", "a test")
    assert isinstance(refused.exception, DependedOnError)
    assert f"event {second}, {formula} in synthesis" in str(refused.exception)
    done = run(launched, "undo", campaign.folder, second, "--reason", "a test")
    assert done.stdout.strip() == f"undone: {formula} in synthesis"
    told = run(launched, "log", campaign.folder).stdout.splitlines()
    assert told[second - 1].endswith(f"{formula} in synthesis  (undone)")
    assert told[-1].endswith(f"undid event {second}: a test")
    assert told[first - 1].startswith(f"{first}  ")
