"""Planning: simulated campaigns answer how many experiments a goal needs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from screening.backtest import FinishedTable, Schedule, plan_campaign
from screening.errors import BacktestError

X = np.random.default_rng(0).random((80, 2))
Y = (X[:, 0] - 0.4) ** 2 + 0.1 * X[:, 1]
SHORT = Schedule(batch_size=4, budget=4)
KNOWN = FinishedTable(X[:8], Y[:8], tuple(map(str, range(X.shape[1]))), "loss", True)


def test_easy_goals_need_fewer_experiments_than_hard_ones() -> None:
    easy = plan_campaign(KNOWN, X, 0.08, SHORT, draws=3)
    hard = plan_campaign(KNOWN, X, -5.0, SHORT, draws=3)
    assert easy.experiments_for(0.5) < hard.experiments_for(0.5) == np.inf
    assert hard.possible == 0.0
    assert easy.probability_within(4) > 0.5


def test_numbers_that_make_no_plan_are_refused() -> None:
    with pytest.raises(BacktestError, match="1 rows with a result"):
        plan_campaign(replace(KNOWN, x=X[:1], y=Y[:1]), X, 0.0)
    with pytest.raises(BacktestError, match="seed is -1"):
        plan_campaign(KNOWN, X, 0.0, seed=-1)
    with pytest.raises(BacktestError, match="every row has a result"):
        plan_campaign(KNOWN, X[:0], 0.0)
    with pytest.raises(BacktestError, match="probability"):
        plan_campaign(KNOWN, X, 1.0, Schedule(budget=2, batch_size=4), draws=2).experiments_for(0.0)


def test_shares_of_a_batch_are_compared_in_the_same_worlds() -> None:
    plain, none, all_ = (
        plan_campaign(KNOWN, X, 0.06, replace(SHORT, budget=8, teaching=share), draws=2) for share in (0.0, 0.0, 1.0)
    )
    assert plain.possible == all_.possible
    assert plain.needed.tolist() == none.needed.tolist() != all_.needed.tolist()
    assert plain.within_budget == plain.probability_within(8)
