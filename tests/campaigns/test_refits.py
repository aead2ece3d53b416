"""Rounds computed again come out again, and what the model that did not know a result expected of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from campaigns import Campaign
from campaigns.errors import LifecycleError
from campaigns.events import Stage
from campaigns.files import EXPORTS, write_table
from campaigns.refits import N_CHANGES, Expectation, News, compare, ranking_changes
from tests.campaigns.small import created


def test_each_round_comes_out_the_same_from_the_log_as_it_stood(campaign: Campaign, results: Path) -> None:
    first = campaign.suggest().suggestions
    results.write_text(f"formula,lifetime_ps\n{first[0].formula},9\n")
    campaign.ingest(results)
    campaign.suggest()
    for number in (1, 2):
        told = campaign.replay(number)
        assert (told.number, told.same, told.differences, told.versions_changed) == (number, True, (), ())
        assert told.verdict == f"round {number} comes out the same, by the same code and packages on the same data"
    with pytest.raises(LifecycleError, match="no round 3; the campaign has had 2"):
        campaign.replay(3)


def test_a_campaign_without_a_round_says_so(tmp_path: Path) -> None:
    with pytest.raises(LifecycleError, match="there is no round yet; spinscreen suggest makes one"):
        created(tmp_path / "small").replay()


def test_every_fit_and_every_batch_records_what_computed_it(campaign: Campaign) -> None:
    fit, batch = campaign.fit(), campaign.suggest()
    assert fit is not None
    for versions in (fit.versions, batch.versions):
        assert {"torch", "git_commit", "git_changes", "code_sha256", "library_sha256", "published_sha256"} < set(
            versions
        )
        assert versions["seed"] == "0"


def test_a_batch_that_comes_out_otherwise_is_told_with_both_values(campaign: Campaign) -> None:
    batch = campaign.suggest()
    first, second, *rest = batch.suggestions
    other = first.model_copy(update={"lifetime_ps": first.lifetime_ps * 2})
    told = compare(batch, [other, first, *rest], batch.versions)
    assert not told.same
    assert "lifetime_ps" in told.differences[0]
    assert f"place 2: {second.formula} then, {first.formula} now" in told.differences
    assert "does not come out the same" in told.verdict


def test_other_code_is_told_even_where_the_numbers_are_the_same(campaign: Campaign) -> None:
    batch = campaign.suggest()
    changed = compare(batch, batch.suggestions, {**batch.versions, "code_sha256": "b" * 64})
    assert changed.same
    assert changed.versions_changed[0].startswith("code_sha256: ")
    assert "what computes it changed" in changed.verdict
    old = compare(batch.model_copy(update={"versions": {"torch": "0.1"}}), batch.suggestions, batch.versions)
    assert old.versions_changed == (f"torch: 0.1 then, {batch.versions['torch']} now",)
    assert "does not say by which code it was made" in old.verdict


def test_the_log_tells_every_event_in_a_sentence(campaign: Campaign, results: Path) -> None:
    formula = campaign.suggest().suggestions[0].formula
    campaign.step(formula, Stage.DECLINED, reason="no supplier")
    results.write_text("formula,lifetime_ps\n(PA)2PbI4,0.2\n")
    campaign.ingest(results)
    campaign.retract(1, "wrong file")
    told = [event["what"] for event in campaign.history()]
    assert told[0] == "created over the library cations.csv"
    assert f"{formula} declined: no supplier" in told
    assert "ingested results.csv: 1 measured ((PA)2PbI4)" in told
    assert told[-1] == "retracted measurement 1: wrong file"


@pytest.mark.parametrize("suffix", list(EXPORTS))
def test_a_table_is_written_as_its_name_says(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table{suffix}"
    write_table(path, [{"formula": "(PA)2PbI4", "lifetime_ps": 0.25}])
    read = {
        ".csv": pd.read_csv,
        ".jsonl": lambda file: pd.read_json(file, lines=True),
        ".parquet": pd.read_parquet,
    }[suffix]
    assert read(path).to_dict("records") == [{"formula": "(PA)2PbI4", "lifetime_ps": 0.25}]


NOTHING = "; no single event moved it"


def ranking(*rows: tuple[str, float, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["formula", "lifetime_ps", "nearest_measured"])


def test_the_largest_move_comes_first_with_places_and_the_new_neighbour() -> None:
    before = ranking(("A", 4.0, "X"), ("B", 2.0, "X"), ("C", 1.0, "X"))
    after = ranking(("B", 9.0, "Y"), ("A", 2.0, "X"), ("C", 1.05, "X"), ("D", 7.0, "Y"))
    assert ranking_changes(before, after) == (
        "B: 2.0 to 9.0 ps, place 2 to 1; nearest measured is now Y; no single event moved it",
        "A: 4.0 to 2.0 ps, place 1 to 2; no single event moved it",
    )


def test_at_most_a_handful_is_told() -> None:
    names = [f"F{i}" for i in range(20)]
    before = ranking(*((name, 1.0, "X") for name in names))
    after = ranking(*((name, 2.0 + i, "X") for i, name in enumerate(names)))
    assert len(ranking_changes(before, after)) == N_CHANGES


def test_a_move_is_owed_to_the_nearest_new_result_that_points_the_same_way() -> None:
    before = ranking(("A", 4.0, "X"), ("B", 2.0, "X"))
    after = ranking(("A", 2.0, "X"), ("B", 9.0, "X"))
    x = np.array([[0.0, 0.0], [3.0, 1.0]])
    slow = Expectation("S", np.array([2.9, 1.0]), 30.0, False, 6.0, 1.0, 40.0)
    fast = Expectation("F", np.array([3.0, 1.1]), 0.1, False, 2.0, 0.5, 9.0)
    first, second = ranking_changes(before, after, x, News([slow]))
    assert first.endswith("; the nearest new result, S, came out slower than expected (30 ps, not 6.0)")
    assert second == f"A: 4.0 to 2.0 ps, place 1 to 1{NOTHING}"
    assert ranking_changes(before, after, x, News([fast]))[0] == f"B: 2.0 to 9.0 ps, place 2 to 2{NOTHING}"


def test_a_bound_is_told_as_one_and_is_no_cause_of_a_longer_lifetime() -> None:
    x = np.array([[0.0, 0.0], [3.0, 1.0]])
    above = Expectation("S", np.array([2.9, 1.0]), 9.0, True, 2.0, 1.0, 40.0)
    below = Expectation("F", np.array([2.9, 1.0]), 0.15, True, 2.0, 0.5, 9.0)
    before, after = ranking(("B", 2.0, "X"), ("A", 4.0, "X")), ranking(("A", 4.0, "X"), ("B", 9.0, "X"))
    assert ranking_changes(before, after, x, News([above]))[0] == f"B: 2.0 to 9.0 ps, place 1 to 2{NOTHING}"
    told = ranking_changes(after, before, x[::-1], News([below]))[0]
    assert told.endswith("; the nearest new result, F, came out faster than expected (below 0.15 ps, not 2.0)")


def test_a_changed_chance_to_form_is_told() -> None:
    before, after = (ranking(("A", 4.0, "X"), ("B", 2.0, "X")).assign(feasibility=chance) for chance in (0.9, 0.3))
    assert ranking_changes(before, after)[0] == f"A: 4.0 to 4.0 ps, forms 90% to 30%, place 1 to 1{NOTHING}"


def test_a_result_within_one_standard_deviation_is_no_cause() -> None:
    before, after = ranking(("A", 4.0, "X"), ("B", 2.0, "X")), ranking(("A", 9.0, "X"), ("B", 2.0, "X"))
    x = np.array([[0.0, 0.0], [3.0, 1.0]])
    near = Expectation("S", np.array([0.1, 0.0]), 0.8, False, 0.69, 0.1, 4.8)  # log10(0.8 / 0.69) is 0.15 sd
    far = Expectation("T", np.array([9.0, 0.0]), 4.0, False, 0.69, 0.1, 4.8)
    (told,) = ranking_changes(before, after, x, News([near]))
    assert told.endswith(NOTHING)
    (told,) = ranking_changes(before, after, x, News([near, far]))
    assert "the nearest of the new results that were not expected, T, came out slower" in told


def test_a_chance_to_form_is_owed_to_the_outcome_that_points_its_way() -> None:
    before, after = (
        ranking(("(BDA)PbI4", 4.0, "X"), ("(PEA)2PbI4", 2.0, "X")).assign(feasibility=chance)
        for chance in ([0.9, 0.9], [0.5, 0.6])
    )
    slow = Expectation("S", np.zeros(2), 30.0, False, 6.0, 1.0, 40.0)
    formed = ("(PEA)2(MA)Pb2I7", "PEA", Stage.FORMED)
    mixed = ("(BDA)(MA)Pb2I7", "BDA", Stage.MIXED_PHASES)
    told = ranking_changes(before, after, np.zeros((2, 2)), News([slow], [formed, mixed]))
    assert [line.split("; ")[-1] for line in told] == ["(BDA)(MA)Pb2I7 was recorded as mixed phases"] * 2
    other = ("(BA)2PbI4", "BA", Stage.NOT_FORMED)
    told = ranking_changes(before, after, None, News([], [mixed, other]))
    assert [line.split("; ")[-1] for line in told] == ["(BDA)(MA)Pb2I7 was recorded as mixed phases", NOTHING[2:]]


def test_another_model_or_a_retraction_is_named() -> None:
    before, after = ranking(("A", 4.0, "X"), ("B", 2.0, "X")), ranking(("A", 9.0, "X"), ("B", 2.0, "X"))
    (told,) = ranking_changes(before, after, None, News(model="the model is another one (seed: 0 before, 1 now)"))
    assert told.endswith("; the model is another one (seed: 0 before, 1 now)")
    (told,) = ranking_changes(before, after, None, News(taken_back=("(PA)2PbI4",)))
    assert told.endswith("; a measurement of (PA)2PbI4 was taken back")


def test_an_outcome_that_was_undone_or_said_with_others_is_named() -> None:
    before, after = (
        ranking(("(BDA)PbI4", 4.0, "X"), ("(PEA)2PbI4", 2.0, "X")).assign(feasibility=chance)
        for chance in ([0.5, 0.5], [0.9, 0.9])
    )
    mixed, failed = (("(BDA)(MA)Pb2I7", "BDA", stage) for stage in (Stage.MIXED_PHASES, Stage.NOT_FORMED))
    told = ranking_changes(before, after, None, News(withdrawn=[mixed]))
    assert [line.split("; ")[-1] for line in told] == ["(BDA)(MA)Pb2I7 is not recorded as mixed phases any more"] * 2
    assert ranking_changes(after, before, None, News(withdrawn=[mixed]))[0].endswith(NOTHING)
    both = ranking_changes(after, before, None, News(outcomes=[mixed, failed]))[0]
    assert both.endswith("(BDA)(MA)Pb2I7 was recorded as mixed phases and (BDA)(MA)Pb2I7 was recorded as not formed")
    many = ranking_changes(after, before, None, News(outcomes=[mixed, failed, mixed]))[0]
    assert many.endswith("; 3 outcomes of its spacer point that way")
    formed = ("(BDA)(FA)Pb2I7", "BDA", Stage.FORMED)
    result = Expectation(formed[0], np.zeros(2), 6.0, False, 6.0, 1.0, 40.0)
    assert ranking_changes(before, after, None, News([result], [formed]))[0].endswith("; (BDA)(FA)Pb2I7 was measured")


def test_a_measurement_taken_back_is_named_beside_a_result_that_was_expected() -> None:
    before, after = ranking(("A", 4.0, "X"), ("B", 2.0, "X")), ranking(("A", 9.0, "X"), ("B", 2.0, "X"))
    expected = Expectation("S", np.zeros(2), 6.0, False, 6.0, 1.0, 40.0)
    (told,) = ranking_changes(before, after, np.zeros((2, 2)), News([expected], taken_back=("(PA)2PbI4",)))
    assert told.endswith("; a measurement of (PA)2PbI4 was taken back")
