"""What new results moved in the ranking."""

from __future__ import annotations

import numpy as np
import pandas as pd

from campaigns.surprise import N_CHANGES, Expectation, ranking_changes


def ranking(*rows: tuple[str, float, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["formula", "lifetime_ps", "nearest_measured"])


def test_the_largest_move_comes_first_with_places_and_the_new_neighbour() -> None:
    before = ranking(("A", 4.0, "X"), ("B", 2.0, "X"), ("C", 1.0, "X"))
    after = ranking(("B", 9.0, "Y"), ("A", 2.0, "X"), ("C", 1.05, "X"), ("D", 7.0, "Y"))
    assert ranking_changes(before, after) == (
        "B: 2.0 to 9.0 ps, place 2 to 1; nearest measured is now Y",
        "A: 4.0 to 2.0 ps, place 1 to 2",
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
    first, second = ranking_changes(before, after, x, [slow])
    assert first.endswith("; the nearest new result, S, came out slower than expected (30 ps, not 6.0)")
    assert second == "A: 4.0 to 2.0 ps, place 1 to 1"
    assert ranking_changes(before, after, x, [fast])[0] == "B: 2.0 to 9.0 ps, place 2 to 2"


def test_a_bound_is_told_as_one_and_is_no_cause_of_a_longer_lifetime() -> None:
    x = np.array([[0.0, 0.0], [3.0, 1.0]])
    above = Expectation("S", np.array([2.9, 1.0]), 9.0, True, 2.0, 1.0, 40.0)
    below = Expectation("F", np.array([2.9, 1.0]), 0.15, True, 2.0, 0.5, 9.0)
    before, after = ranking(("B", 2.0, "X"), ("A", 4.0, "X")), ranking(("A", 4.0, "X"), ("B", 9.0, "X"))
    assert ranking_changes(before, after, x, [above])[0] == "B: 2.0 to 9.0 ps, place 1 to 2"
    told = ranking_changes(after, before, x[::-1], [below])[0]
    assert told.endswith("; the nearest new result, F, came out faster than expected (below 0.15 ps, not 2.0)")


def test_a_changed_chance_to_form_is_told() -> None:
    before, after = (ranking(("A", 4.0, "X"), ("B", 2.0, "X")).assign(feasibility=chance) for chance in (0.9, 0.3))
    assert ranking_changes(before, after)[0] == "A: 4.0 to 4.0 ps, forms 90% to 30%, place 1 to 1"
