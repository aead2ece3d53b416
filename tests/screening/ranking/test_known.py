"""Price, P(forms) and novelty traded off against the rate: known numbers in an expected growth of hypervolume."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from botorch.utils.multi_objective.hypervolume import Hypervolume
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm, spearmanr

from screening.batch import choose_batch
from screening.errors import BatchError, NothingLeftError, RankingError
from screening.feasibility import fit_feasibility
from screening.ranking import Columns, Goal, Known, MeasuredSet, Ranking, Tradeoff, price_property, rank, space_features
from screening.ranking.aims import Numbers
from screening.strategies import log_expected_improvement
from screening.surrogates import Surrogate, fit_surrogate
from tests.screening.ranking.test_rank import SPACE, TABLES, Wavy
from tests.screening.ranking.test_tradeoff import GAP, OBSERVED, RATE, ROWS

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
    return Numbers(block, x, x[:, 0], np.full(len(x), sd), np.zeros(len(x)), np.full(len(x), log_p))


@pytest.mark.parametrize("sign", [1.0, -1.0])
@given(rate=st.floats(-1.5, 1.0), cost=st.floats(-0.5, 1.9))
@settings(max_examples=8, deadline=None)
def test_the_value_is_the_mean_growth_of_the_dominated_area_over_the_rates(
    sign: float, rate: float, cost: float
) -> None:
    known = Known("cost", sign, worst=-2.0 * sign, observed=OBSERVED[:, 1])
    tradeoff = Tradeoff.of(RATE, [], OBSERVED, worst_log10_rate=2.0, known=[known], source=COST)
    signs = torch.tensor([-1.0, sign])
    volume = Hypervolume(torch.tensor([-2.0, -2.0]))
    front = signs * torch.from_numpy(OBSERVED)
    drawn = np.column_stack([rate + 0.6 * norm.ppf((np.arange(400) + 0.5) / 400), np.full(400, cost)])
    grown = [volume.compute(torch.cat([front, one[None]])) for one in signs * torch.from_numpy(drawn)]
    growth = np.array(grown) - volume.compute(front)
    value = np.exp(tradeoff.log_values(_numbers(np.array([[rate, cost]]))))[0]
    assert value == pytest.approx(growth.mean(), abs=2e-3)


def test_a_measured_and_a_known_property_share_one_volume() -> None:
    x = np.column_stack([OBSERVED, [3.0, 5.0, 8.0, 4.0]])
    source = Columns({"cost": lambda block, points: np.asarray(points[:, 2])})
    known = Known("cost", -1.0, worst=10.0, observed=x[:, 2])
    tradeoff = Tradeoff.of(RATE, [Goal("gap", GAP, 1.0, worst=-2.0)], x, 2.0, [known], source)
    signs = torch.tensor([-1.0, 1.0, -1.0])
    volume = Hypervolume(signs * torch.from_numpy(tradeoff.reference))
    front = signs * torch.from_numpy(x)
    point = np.array([-0.4, 0.8, 3.5])
    drawn = point + np.random.default_rng(1).normal(size=(600, 3)) * [0.6, 0.4, 0.0]
    growth = np.array([volume.compute(torch.cat([front, one[None]])) for one in signs * torch.from_numpy(drawn)])
    growth -= volume.compute(front)
    assert np.exp(tradeoff.log_values(_numbers(point[None])))[0] == pytest.approx(
        growth.mean(), abs=4 * growth.std() / np.sqrt(600)
    )
    assert tradeoff.columns(_numbers(point[None])) == {"gap": [0.8], "cost": [3.5]}


def test_where_what_is_measured_has_formed_the_chance_to_form_multiplies_the_expected_improvement() -> None:
    tradeoff = Tradeoff.of(RATE, [], OBSERVED, known=[Known("feasibility", 1.0, worst=0.0)])
    x = np.array([[-1.5, 0.0], [-0.7, 0.0], [0.9, 0.0]])
    improvement = log_expected_improvement(x[:, 0], np.full(3, 0.6), OBSERVED[:, 0].min())
    assert tradeoff.log_values(_numbers(x, log_p=np.log(0.3))) == pytest.approx(improvement + np.log(0.3), abs=1e-6)
    assert tradeoff.weight(np.array([-2.0])).tolist() == [0.0]
    assert Tradeoff.of(RATE, [Goal("gap", GAP, 1.0)], OBSERVED).weight(np.array([-2.0])).tolist() == [-2.0]


def test_novelty_of_what_is_measured_is_the_distance_to_the_others() -> None:
    measured = MeasuredSet(("a", "b", "c", "c"), np.array([[0.0, 0.0], [1.0, 0.0], [4.0, 2.0], [4.0, 2.0]]))
    told = Tradeoff.of(RATE, [], measured.x, known=[Known("novelty", 1.0, 0.0)], source=Columns(measured=measured))
    apart = measured.distances(measured.x)
    assert told.x_observed[:, 2] == pytest.approx([apart[0, 1], apart[1, 0], apart[2, 1]])
    assert measured.alone(measured.x)[2:] == pytest.approx(apart[[2, 3], 1])
    value = told.log_values(_numbers(np.array([[1.0, 0.0], [1.0, 9.0]])))
    assert value[0] == -np.inf  # measured already: nothing new about it
    assert np.isfinite(value[1])
    lonely = MeasuredSet(("a",), np.array([[0.0, 0.0]]))
    alone = Tradeoff.of(RATE, [], lonely.x, known=[Known("novelty", 1.0, 0.0)], source=Columns(measured=lonely))
    assert alone.x_observed[0, 2] == 0.0


@pytest.mark.parametrize("single", [False, True])
def test_a_pass_trades_the_rate_off_against_price_chance_and_novelty(single: bool) -> None:
    from tests.screening.ranking.test_rank import WavyWithModel

    ranking, tradeoff = _ranked(WavyWithModel(), single_precision=single, block_size=50)
    block = SPACE.take(EVERY)
    log_p = fit_feasibility().bind(SPACE).log_probability(block)
    told = Numbers(block, X, *Wavy().predict(X), np.zeros(len(X)), log_p)
    value = tradeoff.log_values(told)
    order = np.lexsort((EVERY, -value))[:60]
    assert ranking.frame["index"].tolist() == order.tolist()
    assert ranking.frame["acquisition"].to_numpy() == pytest.approx(value[order])
    assert ranking.frame["price"].to_numpy() == pytest.approx(PRICE(block, X)[order])
    assert (ranking.frame["price"] < 300.0).all()
    assert ranking.frame["novelty"].to_numpy() == pytest.approx(MeasuredSet(_names(), X[SEEN]).nearest(X[order])[1])


def _names() -> tuple[str, ...]:
    return tuple(str(number) for number in SEEN)


def _ranked(surrogate: Wavy, **more: object) -> tuple[Ranking, Tradeoff]:
    known = [
        Known("price", -1.0, worst=300.0, observed=PRICE(SPACE.take(SEEN), X[SEEN])),
        Known("feasibility", 1.0, worst=0.1),
        Known("novelty", 1.0, worst=0.0),
    ]
    source = Columns({"price": PRICE}, MeasuredSet(_names(), X[SEEN]))
    tradeoff = Tradeoff.of(surrogate, [], X[SEEN], known=known, source=source)
    options = {"best_observed": -1.0, "top_k": 60, "aim": tradeoff} | more
    return rank(SPACE, *TABLES, surrogate, fit_feasibility(), **options), tradeoff  # type: ignore[arg-type]  # by name


def test_what_has_no_price_or_a_worse_one_than_the_worst_is_left_out() -> None:
    some = {key: value for key, value in PER_MOL.items() if key != SPACE.spacers[0].inchikey}
    source = Columns({"price": price_property(SPACE, some)})
    seen = price_property(SPACE, some)(SPACE.take(SEEN), X[SEEN])
    assert np.isnan(seen).any()

    def left(worst: float) -> Ranking:
        tradeoff = Tradeoff.of(Wavy(), [], X[SEEN], known=[Known("price", -1.0, worst, seen)], source=source)
        return rank(SPACE, *TABLES, Wavy(), best_observed=0.0, top_k=len(SPACE), aim=tradeoff)

    assert len(left(1e6)) == len(SPACE) - len(SPACE) // len(SPACE.spacers)
    assert (left(100.0).frame["price"] < 100.0).all()
    with pytest.raises(NothingLeftError, match=r"worse than the worst still of interest \(price 1\) or not known"):
        left(1.0)


@pytest.fixture(scope="module")
def model() -> Surrogate:
    return fit_surrogate(ROWS.x, ROWS.y, ROWS.noise, ROWS.groups, name="gp")


_POINTS = np.random.default_rng(5).uniform(-2.0, 2.0, size=(60, 2))


def _with_cost(model: Surrogate) -> tuple[Tradeoff, Ranking]:
    known = [Known("cost", -1.0, 2.5, ROWS.x[:, 1]), Known("novelty", 1.0, 0.0)]
    measured = MeasuredSet(tuple(map(str, range(len(ROWS.x)))), ROWS.x)
    tradeoff = Tradeoff.of(model, [], ROWS.x, known=known, source=Columns(COST.properties, measured))
    frame = pd.DataFrame({"index": np.arange(60), "cost": _POINTS[:, 1]})
    spacer = (np.arange(60) % 4).astype(np.int64)
    return tradeoff, Ranking(frame, _POINTS, spacer, np.zeros(60), float(ROWS.y.min()), 60, 0, 0)


def test_a_batch_by_botorch_agrees_with_the_pass_and_knows_what_is_pending(model: Surrogate) -> None:
    tradeoff, ranking = _with_cost(model)
    mean, sd = model.predict(_POINTS)
    zero = np.zeros(60)
    told = tradeoff.log_values(Numbers(SPACE.take(np.arange(60)), _POINTS, mean, sd, zero, zero))
    nothing = pd.DataFrame({"cost": np.empty(0)})
    alone = tradeoff.batch_values(model.model, ranking.frame, _POINTS, _POINTS[:0], nothing, 3)
    hopeful = alone > -10.0  # beyond, BoTorch smooths and only the order is meant
    assert hopeful.sum() > 20
    assert spearmanr(told[hopeful], alone[hopeful]).statistic > 0.9
    first = int(alone.argmax())
    dear, cheap = (
        tradeoff.batch_values(model.model, ranking.frame, _POINTS, _POINTS[[first]], pd.DataFrame({"cost": [cost]}), 3)
        for cost in (2.4, -2.0)
    )
    near = np.argsort(((_POINTS - _POINTS[first]) ** 2).sum(axis=1))[:10]
    assert alone[first] - cheap[first] > 1.0
    assert (alone - cheap)[near].mean() > (alone - dear)[near].mean()  # a cheap one dominates more


def test_a_batch_is_told_what_pending_compounds_cost(model: Surrogate) -> None:
    tradeoff, ranking = _with_cost(model)
    assert tradeoff.awaits == ("cost",)
    batch = choose_batch(ranking, model, q=3, aim=tradeoff, seed=1, max_per_spacer=1)
    assert len({int(index) % 4 for index in batch}) == 3
    first = choose_batch(ranking, model, q=1, aim=tradeoff, seed=1)[0]
    assert first == batch[0]
    pending = _POINTS[[first]]
    second = choose_batch(ranking, model, pending, q=1, aim=tradeoff, seed=1, awaited=ranking.frame.iloc[[first]])[0]
    assert second == choose_batch(ranking, model, q=2, aim=tradeoff, seed=1)[1]
    with pytest.raises(BatchError, match="1 compounds are pending: give `awaited`, one row each with the columns cost"):
        choose_batch(ranking, model, pending, q=1, aim=tradeoff)


@pytest.mark.parametrize(
    ("known", "source", "words"),
    [
        (Known("colour", 1.0, 0.0, np.zeros(4)), Columns(), "no column 'colour' to trade off; there are"),
        (Known("novelty", 1.0, 0.0), Columns(), "give `measured`"),
        (Known("cost", -1.0, 9.0), COST, "cost: give `observed`"),
        (Known("cost", -1.0, 9.0, np.zeros(3)), COST, r"cost: \(3,\) observed values for 4 compounds"),
    ],
    ids=["unknown", "novelty", "observed", "length"],
)
def test_what_nothing_can_tell_is_refused(known: Known, source: Columns, words: str) -> None:
    with pytest.raises(RankingError, match=words):
        Tradeoff.of(RATE, [], OBSERVED, known=[known], source=source)


def test_a_known_property_needs_a_sign_and_a_worst_value() -> None:
    with pytest.raises(RankingError, match="cost: its sign is 0"):
        Known("cost", 0.0, 1.0)
    with pytest.raises(RankingError, match="cost: the worst value still of interest is nan"):
        Known("cost", 1.0, float("nan"))


def test_a_large_block_has_the_values_of_its_compounds_one_by_one() -> None:
    generator = np.random.default_rng(0)
    seen, x = generator.normal(size=(40, 4)), generator.normal(size=(20_000, 4))
    source = Columns({"a": lambda block, x: np.asarray(x[:, 2]), "b": lambda block, x: np.asarray(x[:, 3])})
    known = [Known("a", 1.0, -3.0, seen[:, 2]), Known("b", -1.0, 3.0, seen[:, 3])]
    tradeoff = Tradeoff.of(RATE, [Goal("gap", GAP, 1.0)], seen, 3.0, known, source)
    block = SPACE.take(np.zeros(len(x), dtype=np.int64))
    zero = np.zeros(len(x))
    value = tradeoff.log_values(Numbers(block, x, x[:, 0], zero + 0.6, zero, zero))
    some = generator.permutation(len(x))[:50]
    told = Numbers(SPACE.take(some * 0), x[some], x[some, 0], zero[:50] + 0.6, zero[:50], zero[:50])
    assert len(x) * tradeoff.boxes.shape[1] > 2e6
    assert value[some] == pytest.approx(tradeoff.log_values(told))
