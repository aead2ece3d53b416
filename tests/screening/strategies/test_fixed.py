"""Price, P(forms) and novelty traded off against the rate: known numbers in an expected growth of hypervolume."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from botorch.utils.multi_objective.hypervolume import Hypervolume as Volume
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm, spearmanr

from screening.batch import BatchLimits, BatchQuery, choose_batch
from screening.errors import BatchError, NothingLeftError, RankingError
from screening.feasibility import fit_feasibility
from screening.ranking import Candidates, PassSettings, Ranking, rank, space_features
from screening.strategies import (
    Chosen,
    Columns,
    FixedObjective,
    MeasuredSet,
    Numbers,
    PropertyObjective,
    Shortlist,
    price_property,
)
from screening.strategies.acquisitions import log_expected_improvement
from screening.strategies.objectives import Hypervolume
from screening.surrogate import Surrogate, fit_surrogate
from tests.screening.ranking.test_rank import SPACE, TABLES, Wavy
from tests.screening.strategies.test_hypervolume import GAP, OBSERVED, RATE, ROWS, traded

Array = NDArray[np.float64]
EVERY = np.arange(len(SPACE))
X = space_features(SPACE, EVERY, *TABLES)
PER_MOL = {c.inchikey: 10.0 + 7.0 * number for number, c in enumerate((*SPACE.spacers, *SPACE.cage_cations))}
PRICE = price_property(SPACE, PER_MOL)
SEEN = EVERY[::40]
#: A price for points that are no compounds: their second feature.
COST = Columns({"cost": lambda block, x: np.asarray(x[:, 1])})


def _numbers(x: Array, sd: float = 0.6, log_p: float = 0.0) -> Numbers:
    block = SPACE.take(np.arange(len(x)))
    return Numbers(x, x[:, 0], np.full(len(x), sd), np.full(len(x), log_p), 0.0, block)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@given(rate=st.floats(-1.5, 1.0), cost=st.floats(-0.5, 1.9))
@settings(max_examples=8, deadline=None)
def test_the_value_is_the_mean_growth_of_the_dominated_area_over_the_rates(
    sign: float, rate: float, cost: float
) -> None:
    known = FixedObjective("cost", sign, worst=-2.0 * sign, observed=OBSERVED[:, 1])
    tradeoff = traded(RATE, [], OBSERVED, worst_log10_rate=2.0, known=[known], source=COST)
    signs = torch.tensor([-1.0, sign])
    volume = Volume(torch.tensor([-2.0, -2.0]))
    front = signs * torch.from_numpy(OBSERVED)
    drawn = np.column_stack([rate + 0.6 * norm.ppf((np.arange(400) + 0.5) / 400), np.full(400, cost)])
    grown = [volume.compute(torch.cat([front, one[None]])) for one in signs * torch.from_numpy(drawn)]
    growth = np.array(grown) - volume.compute(front)
    value = np.exp(tradeoff.score(_numbers(np.array([[rate, cost]]))))[0]
    assert value == pytest.approx(growth.mean(), abs=2e-3)


def test_a_measured_and_a_known_property_share_one_volume() -> None:
    x = np.column_stack([OBSERVED, [3.0, 5.0, 8.0, 4.0]])
    source = Columns({"cost": lambda block, points: np.asarray(points[:, 2])})
    known = FixedObjective("cost", -1.0, worst=10.0, observed=x[:, 2])
    tradeoff = traded(RATE, [PropertyObjective("gap", GAP, 1.0, worst=-2.0)], x, 2.0, [known], source)
    signs = torch.tensor([-1.0, 1.0, -1.0])
    volume = Volume(signs * torch.from_numpy(tradeoff.reference))
    front = signs * torch.from_numpy(x)
    point = np.array([-0.4, 0.8, 3.5])
    drawn = point + np.random.default_rng(1).normal(size=(600, 3)) * [0.6, 0.4, 0.0]
    growth = np.array([volume.compute(torch.cat([front, one[None]])) for one in signs * torch.from_numpy(drawn)])
    growth -= volume.compute(front)
    assert np.exp(tradeoff.score(_numbers(point[None])))[0] == pytest.approx(
        growth.mean(), abs=4 * growth.std() / np.sqrt(600)
    )
    assert tradeoff.columns(_numbers(point[None])) == {"gap": [0.8], "cost": [3.5]}


def test_where_what_is_measured_has_formed_the_chance_to_form_multiplies_the_expected_improvement() -> None:
    tradeoff = traded(RATE, [], OBSERVED, known=[FixedObjective("feasibility", 1.0, worst=0.0)])
    x = np.array([[-1.5, 0.0], [-0.7, 0.0], [0.9, 0.0]])
    improvement = log_expected_improvement(x[:, 0], np.full(3, 0.6), OBSERVED[:, 0].min())
    assert tradeoff.score(_numbers(x, log_p=np.log(0.3))) == pytest.approx(improvement + np.log(0.3), abs=1e-6)
    beside = traded(RATE, [PropertyObjective("gap", GAP, 1.0)], OBSERVED)
    assert beside.score(_numbers(x, log_p=-2.0)) == pytest.approx(beside.score(_numbers(x)) - 2.0)


def test_novelty_of_what_is_measured_is_the_distance_to_the_others() -> None:
    measured = MeasuredSet(("a", "b", "c", "c"), np.array([[0.0, 0.0], [1.0, 0.0], [4.0, 2.0], [4.0, 2.0]]))
    told = traded(RATE, [], measured.x, known=[FixedObjective("novelty", 1.0, 0.0)], source=Columns(measured=measured))
    apart = measured.distances(measured.x)
    assert told.x_observed[:, 2] == pytest.approx([apart[0, 1], apart[1, 0], apart[2, 1]])
    assert measured.alone(measured.x)[2:] == pytest.approx(apart[[2, 3], 1])
    value = told.score(_numbers(np.array([[1.0, 0.0], [1.0, 9.0]])))
    assert value[0] == -np.inf  # measured already: nothing new about it
    assert np.isfinite(value[1])
    lonely = MeasuredSet(("a",), np.array([[0.0, 0.0]]))
    alone = traded(RATE, [], lonely.x, known=[FixedObjective("novelty", 1.0, 0.0)], source=Columns(measured=lonely))
    assert alone.x_observed[0, 2] == 0.0


@pytest.mark.parametrize("single", [False, True])
def test_a_pass_trades_the_rate_off_against_price_chance_and_novelty(single: bool) -> None:
    from tests.screening.ranking.test_rank import WavyWithModel

    ranking, tradeoff = _ranked(WavyWithModel(), PassSettings(50, single_precision=single))
    block = SPACE.take(EVERY)
    log_p = fit_feasibility().bind(SPACE).log_probability(block)
    told = Numbers(X, *Wavy().predict(X), log_p, 0.0, block)
    value = tradeoff.score(told)
    order = np.lexsort((EVERY, -value))[:60]
    assert ranking.frame["index"].tolist() == order.tolist()
    assert ranking.frame["acquisition"].to_numpy() == pytest.approx(value[order])
    assert ranking.frame["price"].to_numpy() == pytest.approx(PRICE(block, X)[order])
    assert (ranking.frame["price"] < 300.0).all()
    assert ranking.frame["novelty"].to_numpy() == pytest.approx(MeasuredSet(_names(), X[SEEN]).nearest(X[order])[1])


def _names() -> tuple[str, ...]:
    return tuple(str(number) for number in SEEN)


def _ranked(surrogate: Wavy, settings: PassSettings) -> tuple[Ranking, Hypervolume]:
    known = [
        FixedObjective("price", -1.0, worst=300.0, observed=PRICE(SPACE.take(SEEN), X[SEEN])),
        FixedObjective("feasibility", 1.0, worst=0.1),
        FixedObjective("novelty", 1.0, worst=0.0),
    ]
    source = Columns({"price": PRICE}, MeasuredSet(_names(), X[SEEN]))
    tradeoff = traded(surrogate, [], X[SEEN], known=known, source=source)
    return rank(Candidates(SPACE, *TABLES, surrogate, -1.0, tradeoff, fit_feasibility()), 60, settings), tradeoff


def test_what_has_no_price_or_a_worse_one_than_the_worst_is_left_out() -> None:
    some = {key: value for key, value in PER_MOL.items() if key != SPACE.spacers[0].inchikey}
    source = Columns({"price": price_property(SPACE, some)})
    seen = price_property(SPACE, some)(SPACE.take(SEEN), X[SEEN])
    assert np.isnan(seen).any()

    def left(worst: float) -> Ranking:
        tradeoff = traded(Wavy(), [], X[SEEN], known=[FixedObjective("price", -1.0, worst, seen)], source=source)
        return rank(Candidates(SPACE, *TABLES, Wavy(), 0.0, strategy=tradeoff), len(SPACE))

    assert len(left(1e6)) == len(SPACE) - len(SPACE) // len(SPACE.spacers)
    assert (left(100.0).frame["price"] < 100.0).all()
    with pytest.raises(NothingLeftError, match=r"worse than the worst still of interest \(price 1\) or not known"):
        left(1.0)


@pytest.fixture(scope="module")
def model() -> Surrogate:
    return fit_surrogate(ROWS.training, name="gp")


_POINTS = np.random.default_rng(5).uniform(-2.0, 2.0, size=(60, 2))


def _with_cost(model: Surrogate) -> tuple[Hypervolume, Ranking]:
    known = [FixedObjective("cost", -1.0, 2.5, ROWS.x[:, 1]), FixedObjective("novelty", 1.0, 0.0)]
    measured = MeasuredSet(tuple(map(str, range(len(ROWS.x)))), ROWS.x)
    tradeoff = traded(model, [], ROWS.x, known=known, source=Columns(COST.properties, measured))
    frame = pd.DataFrame({"index": np.arange(60), "cost": _POINTS[:, 1]})
    spacer = (np.arange(60) % 4).astype(np.int64)
    return tradeoff, Ranking(frame, _POINTS, spacer, np.zeros(60), float(ROWS.y.min()), 60, 0, 0)


def test_a_batch_by_botorch_agrees_with_the_pass_and_knows_what_is_pending(model: Surrogate) -> None:
    tradeoff, ranking = _with_cost(model)
    mean, sd = model.predict(_POINTS)
    zero = np.zeros(60)
    told = tradeoff.score(Numbers(_POINTS, mean, sd, zero, 0.0, SPACE.take(np.arange(60))))
    nothing = pd.DataFrame({"cost": np.empty(0)})
    shortlist = Shortlist(_POINTS, model.model, 0.0, 3, frame=ranking.frame)
    alone = tradeoff.gains(shortlist, Chosen(_POINTS[:0], 0, nothing))
    hopeful = alone > -10.0  # beyond, BoTorch smooths and only the order is meant
    assert hopeful.sum() > 20
    assert spearmanr(told[hopeful], alone[hopeful]).statistic > 0.9
    first = int(alone.argmax())
    dear, cheap = (
        tradeoff.gains(shortlist, Chosen(_POINTS[[first]], 0, pd.DataFrame({"cost": [cost]}))) for cost in (2.4, -2.0)
    )
    near = np.argsort(((_POINTS - _POINTS[first]) ** 2).sum(axis=1))[:10]
    assert alone[first] - cheap[first] > 1.0
    assert (alone - cheap)[near].mean() > (alone - dear)[near].mean()  # a cheap one dominates more


def test_a_batch_is_told_what_pending_compounds_cost(model: Surrogate) -> None:
    tradeoff, ranking = _with_cost(model)
    assert tradeoff.pending_names == ("cost",)
    batch = choose_batch(
        ranking, model, BatchQuery(q=3, seed=1, strategy=tradeoff, limits=BatchLimits(max_per_spacer=1))
    )
    assert len({int(index) % 4 for index in batch}) == 3
    first = choose_batch(ranking, model, BatchQuery(q=1, seed=1, strategy=tradeoff))[0]
    assert first == batch[0]
    pending = _POINTS[[first]]
    second = choose_batch(
        ranking,
        model,
        BatchQuery(q=1, seed=1, pending=pending, strategy=tradeoff, pending_columns=ranking.frame.iloc[[first]]),
    )[0]
    assert second == choose_batch(ranking, model, BatchQuery(q=2, seed=1, strategy=tradeoff))[1]
    with pytest.raises(
        BatchError, match="1 compounds are pending: give `pending_columns`, one row each with the columns cost"
    ):
        choose_batch(ranking, model, BatchQuery(q=1, pending=pending, strategy=tradeoff))


@pytest.mark.parametrize(
    ("known", "source", "words"),
    [
        (FixedObjective("colour", 1.0, 0.0, np.zeros(4)), Columns(), "no column 'colour' to trade off; there are"),
        (FixedObjective("novelty", 1.0, 0.0), Columns(), "give `measured`"),
        (FixedObjective("cost", -1.0, 9.0), COST, "cost: give `observed`"),
        (FixedObjective("cost", -1.0, 9.0, np.zeros(3)), COST, r"cost: \(3,\) observed values for 4 compounds"),
    ],
    ids=["unknown", "novelty", "observed", "length"],
)
def test_what_nothing_can_tell_is_refused(known: FixedObjective, source: Columns, words: str) -> None:
    with pytest.raises(RankingError, match=words):
        traded(RATE, [], OBSERVED, known=[known], source=source)


def test_a_known_property_needs_a_sign_and_a_worst_value() -> None:
    with pytest.raises(RankingError, match="cost: its sign is 0"):
        FixedObjective("cost", 0.0, 1.0)
    with pytest.raises(RankingError, match="cost: the worst value still of interest is nan"):
        FixedObjective("cost", 1.0, float("nan"))


def test_a_large_block_has_the_values_of_its_compounds_one_by_one() -> None:
    generator = np.random.default_rng(0)
    seen, x = generator.normal(size=(40, 4)), generator.normal(size=(20_000, 4))
    source = Columns({"a": lambda block, x: np.asarray(x[:, 2]), "b": lambda block, x: np.asarray(x[:, 3])})
    known = [FixedObjective("a", 1.0, -3.0, seen[:, 2]), FixedObjective("b", -1.0, 3.0, seen[:, 3])]
    tradeoff = traded(RATE, [PropertyObjective("gap", GAP, 1.0)], seen, 3.0, known, source)
    block = SPACE.take(np.zeros(len(x), dtype=np.int64))
    zero = np.zeros(len(x))
    value = tradeoff.score(Numbers(x, x[:, 0], zero + 0.6, zero, 0.0, block))
    some = generator.permutation(len(x))[:50]
    told = Numbers(x[some], x[some, 0], zero[:50] + 0.6, zero[:50], 0.0, SPACE.take(some * 0))
    assert len(x) * tradeoff.boxes.shape[1] > 2e6
    assert value[some] == pytest.approx(tradeoff.score(told))
