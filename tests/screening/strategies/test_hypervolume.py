"""Rate and a second property at once: expected hypervolume improvement, checked against drawn outcomes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from botorch.utils.multi_objective.hypervolume import Hypervolume as Volume
from numpy.typing import NDArray
from scipy.stats import spearmanr

from screening.batch import BatchLimits, BatchQuery, choose_batch
from screening.errors import RankingError
from screening.feasibility import fit_feasibility
from screening.ranking import Candidates, PassSettings, rank, space_features
from screening.strategies import Chosen, Columns, FixedObjective, Numbers, PropertyObjective, Shortlist, StrategyInputs
from screening.strategies.objectives import Hypervolume
from screening.strategies.strategy import Predictor
from screening.surrogate import Surrogate, fit_surrogate
from screening.surrogates import TrainingRows
from tests.screening.ranking.test_rank import SPACE, TABLES
from tests.screening.rows import smooth_rows

Array = NDArray[np.float64]
ROWS = smooth_rows(20, 2)
_X = np.random.default_rng(5).uniform(-2.0, 2.0, size=(60, 2))


class _Straight:
    """Predicts a column of the features, with one spread for all."""

    def __init__(self, column: int, sd: float) -> None:
        self.column, self.sd = column, sd

    def predict(self, x: Array, chunk: int = 0) -> tuple[Array, Array]:
        return x[:, self.column], np.full(len(x), self.sd)


RATE, GAP = _Straight(0, 0.6), _Straight(1, 0.4)
OBSERVED = np.array([[-1.0, 0.2], [0.0, 1.0], [0.5, 1.5], [0.4, 0.1]])


def traded(
    surrogate: Predictor,
    goals: Sequence[PropertyObjective],
    x_observed: Array,
    worst_log10_rate: float | None = None,
    known: Sequence[FixedObjective] = (),
    source: Columns | None = None,
) -> Hypervolume:
    return Hypervolume.make(
        StrategyInputs(0, surrogate, x_observed, source or Columns(), (), (*goals, *known), worst_log10_rate)
    )


def _values(tradeoff: Hypervolume, x: Array, sd: float = 0.6) -> Array:
    return tradeoff.score(
        Numbers(x, x[:, 0], np.full(len(x), sd), np.zeros(len(x)), 0.0, SPACE.take(np.arange(len(x))))
    )


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_value_is_the_mean_growth_of_the_dominated_area_over_drawn_outcomes(sign: float) -> None:
    tradeoff = traded(RATE, [PropertyObjective("gap", GAP, sign, worst=-2.0 * sign)], OBSERVED, worst_log10_rate=2.0)
    signs = torch.tensor([-1.0, sign])
    volume = Volume(torch.tensor([-2.0, -2.0]))
    front = signs * torch.from_numpy(OBSERVED)
    before = volume.compute(front)
    drawn = np.random.default_rng(1).normal(size=(600, 2)) * [0.6, 0.4]
    for point in ([-0.8, 0.9], [0.2, 0.3], [1.0, 1.6]):
        outcomes = signs * torch.from_numpy(np.array(point) + drawn)
        growth = [volume.compute(torch.cat([front, one[None]])) - before for one in outcomes]
        value = np.exp(_values(tradeoff, np.array([point])))[0]
        assert value == pytest.approx(np.mean(growth), abs=4 * np.std(growth) / np.sqrt(600))


def test_a_worst_value_that_is_not_given_lies_below_the_front() -> None:
    rate, gap = traded(RATE, [PropertyObjective("gap", GAP, 1.0)], OBSERVED).reference
    assert rate > 0.5
    assert gap < 0.2
    assert traded(RATE, [PropertyObjective("gap", GAP, 1.0, worst=0.9)], OBSERVED, -0.3).reference.tolist() == [
        -0.3,
        0.9,
    ]


def test_hopeless_compounds_still_have_an_order() -> None:
    tradeoff = traded(RATE, [PropertyObjective("gap", GAP, 1.0)], OBSERVED)
    far = np.array([[50.0, -40.0], [60.0, -40.0], [70.0, -50.0]])
    value = _values(tradeoff, far, sd=0.1)
    assert np.isfinite(value).all()
    assert (np.diff(value) < 0).all()


def test_a_pass_ranks_by_both_properties_and_the_chance_to_form() -> None:
    feasibility = fit_feasibility()
    x = space_features(SPACE, np.arange(len(SPACE)), *TABLES)
    columns = (_Straight(2, 0.3), _Straight(4, 0.3))
    tradeoff = traded(columns[0], [PropertyObjective("homo", columns[1], -1.0)], x[::40])
    ranking = rank(
        Candidates(SPACE, *TABLES, columns[0], 0.0, strategy=tradeoff, feasibility=feasibility),
        25,
        PassSettings(block_size=50),
    )
    log_p = feasibility.bind(SPACE).log_probability(SPACE.take(np.arange(len(SPACE))))
    block = SPACE.take(np.arange(len(SPACE)))
    value = tradeoff.score(Numbers(x, x[:, 2], np.full(len(x), 0.3), log_p, 0.0, block))
    order = np.lexsort((np.arange(len(SPACE)), -value))[:25]
    assert ranking.frame["index"].tolist() == order.tolist()
    assert ranking.frame["acquisition"].to_numpy() == pytest.approx(value[order])
    assert ranking.frame["homo"].to_numpy() == pytest.approx(x[order, 4])


@pytest.fixture(scope="module")
def models() -> tuple[Surrogate, Surrogate]:
    rate = fit_surrogate(ROWS.training, name="gp")
    gap = np.sin(2.0 * ROWS.x[:, 0]) - ROWS.x[:, 1]
    return rate, fit_surrogate(TrainingRows.of(ROWS.x, gap, groups=ROWS.groups), "gp")


def test_a_batch_by_botorch_agrees_with_the_pass_and_knows_what_is_pending(models: tuple[Surrogate, Surrogate]) -> None:
    rate, gap = models
    tradeoff = traded(rate, [PropertyObjective("gap", gap, 1.0)], ROWS.x)
    mean, sd = rate.predict(_X)
    shortlist = Shortlist(_X, rate.model, 0.0, 3)
    told = Numbers(_X, mean, sd, np.zeros(len(_X)), 0.0, SPACE.take(np.arange(60)))
    alone = tradeoff.gains(shortlist, Chosen(_X[:0]))
    hopeful = alone > -20.0  # beyond, BoTorch smooths and only the order is meant
    assert spearmanr(tradeoff.score(told)[hopeful], alone[hopeful]).statistic > 0.9
    assert alone.tolist() == tradeoff.gains(shortlist, Chosen(_X[:0])).tolist()
    first = int(alone.argmax())
    loss = alone - tradeoff.gains(shortlist, Chosen(_X[[first]]))
    near = np.argsort(((_X - _X[first]) ** 2).sum(axis=1))
    assert loss[first] > 1.0
    assert np.median(loss[near[:10]]) > np.median(loss[near[-10:]])


def test_a_batch_is_chosen_by_it(models: tuple[Surrogate, Surrogate]) -> None:
    from tests.screening.batch.test_values import _ranking

    tradeoff = traded(models[0], [PropertyObjective("gap", models[1], 1.0)], ROWS.x)
    ranking = _ranking(models[0], "log_ei")
    batch = choose_batch(
        ranking, models[0], BatchQuery(q=3, seed=1, strategy=tradeoff, limits=BatchLimits(max_per_spacer=1))
    )
    alone = tradeoff.gains(Shortlist(ranking.x, models[0].model, 0.0, 1), Chosen(ranking.x[:0]))
    assert batch[0] == ranking.frame["index"][int(alone.argmax())]
    assert len({int(index) % 4 for index in batch}) == 3


def test_what_cannot_be_traded_off_is_refused() -> None:
    with pytest.raises(RankingError, match="needs a property beside the rate"):
        traded(RATE, [], OBSERVED)
    with pytest.raises(RankingError, match="whose rate is measured"):
        traded(RATE, [PropertyObjective("gap", GAP, 1.0)], OBSERVED[:0])
    with pytest.raises(RankingError, match="gap: its sign is 2"):
        PropertyObjective("gap", GAP, 2.0)
