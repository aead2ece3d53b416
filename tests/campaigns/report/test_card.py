"""What one weighs before a compound is made: chances from the same distribution as the interval, and its drawing."""

from __future__ import annotations

import re

import pytest

from campaigns.report.card import decisions
from campaigns.summary import Suggestion
from screening.calibration import LIKELY_SLOW, TEACHES_MOST


def suggestion(lifetime_ps: float, low_ps: float, high_ps: float) -> Suggestion:
    return Suggestion(
        formula="(PEA)2PbI4",
        phase="RP",
        spacer="PEA",
        cage="",
        n_layers=1,
        lifetime_ps=lifetime_ps,
        lifetime_low_ps=low_ps,
        lifetime_high_ps=high_ps,
        rate_per_ps=1.0 / lifetime_ps,
        acquisition=0.0,
        feasibility=0.8,
        reason="",
        nearest_measured="",
    )


ROUND = (suggestion(2.0, 1.0, 4.0), suggestion(1.0, 0.1, 10.0), suggestion(4.0, 1.0, 16.0))


def test_the_chance_to_beat_the_best_is_that_of_the_interval() -> None:
    for level, chance in ((2.0, 0.5), (4.0, 0.05), (1.0, 0.95)):
        assert decisions(ROUND, level, None)[0].chance_best == pytest.approx(chance)
    assert decisions(ROUND, None, None)[0].chance_best is None


def test_a_goal_counts_until_it_is_reached() -> None:
    first = decisions(ROUND, 2.0, 4.0)[0]
    assert (first.chance_goal, first.goal) == (pytest.approx(0.05), "4.0")
    assert decisions(ROUND, 5.0, 4.0)[0].chance_goal is None


def test_each_is_made_for_its_lifetime_or_for_what_it_teaches() -> None:
    assert [one.tag for one in decisions(ROUND, 13.0, None)] == [LIKELY_SLOW, TEACHES_MOST, LIKELY_SLOW]


def test_the_intervals_of_a_round_share_their_axis_and_the_line_of_the_best() -> None:
    bars = [one.bar for one in decisions(ROUND, 13.0, None)]
    assert len({re.findall(r'<line class="best" x1="([\d.]+)"', bar)[0] for bar in bars}) == 1
    assert "best so far 13 ps" in bars[0]
    assert "style=" not in "".join(bars)
    ends = [tuple(map(float, re.findall(r'class="span" x1="([\d.]+)" x2="([\d.]+)"', bar)[0])) for bar in bars]
    assert ends[1][0] < ends[0][0] < ends[0][1] < ends[1][1] < ends[2][1]
    assert all(0.0 <= end <= 320.0 for pair in ends for end in pair)
    assert "goal 20 ps" in decisions(ROUND, None, 20.0)[0].bar
