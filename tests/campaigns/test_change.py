"""What new results moved in the ranking."""

from __future__ import annotations

import numpy as np
import pandas as pd

from campaigns.events import Stage
from campaigns.refits import N_CHANGES, Expectation, News, ranking_changes

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
    assert "the nearest new result, T, came out slower" in told


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
