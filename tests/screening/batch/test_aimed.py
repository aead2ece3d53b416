"""Batches of what wishes or a lot have ranked: what one more experiment changes counts, the rest is the ranking's."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from screening.batch import BatchLimits, BatchQuery, choose_batch
from screening.feasibility import fit_feasibility
from screening.ranking import Candidates, Ranking, rank, space_features
from screening.strategies import Columns, MeasuredSet, Wish, price_property
from screening.strategies.acquisitions import RandomStrategy
from screening.strategies.objectives import Desirability
from screening.surrogate import Surrogate, fit_surrogate
from tests.screening.ranking.test_rank import SPACE, TABLES, Wavy
from tests.screening.rows import published_rows

X = space_features(SPACE, np.arange(len(SPACE)), *TABLES)
MEASURED = MeasuredSet(("a", "b"), X[[3, 200]])
NO_MODEL = SimpleNamespace(model=None)
CHEAP = Wish("price", 1000.0, 0.0)
PRICE = {"price": price_property(SPACE, {c.inchikey: 10.0 for c in (*SPACE.spacers, *SPACE.cage_cations)})}


def _ranked(*wishes: Wish) -> tuple[Ranking, Desirability]:
    desire = Desirability(wishes, Columns(PRICE, MEASURED))
    found = rank(
        Candidates(SPACE, *TABLES, Wavy(), -1.0, strategy=desire, feasibility=fit_feasibility(), measured=MEASURED), 300
    )
    return found, desire


def test_wishes_that_no_experiment_moves_take_the_head_of_the_ranking() -> None:
    ranking, desire = _ranked(Wish("log10_rate", 3.0, -3.0), Wish("lifetime_ps", 0.0, 9.0), Wish("feasibility", 0, 1))
    assert (
        choose_batch(ranking, NO_MODEL, BatchQuery(q=4, pending=X[[7]], strategy=desire)).tolist()
        == ranking.frame["index"][:4].tolist()
    )


def test_novelty_ends_where_a_neighbour_is_pending_or_chosen() -> None:
    ranking, desire = _ranked(CHEAP, Wish("novelty", 0.0, 60.0, 3.0))
    first, second = choose_batch(ranking, NO_MODEL, BatchQuery(q=2, strategy=desire))
    frame = ranking.frame
    assert first == frame["index"][0]
    novelty = np.minimum(frame["novelty"], MEASURED.apart(ranking.x, X[[first]]))
    value = np.log(1.0 - frame["price"] / 1000.0) + 3.0 * np.log(np.maximum(novelty / 60.0, 1e-6))
    assert second == frame["index"][int(value.argmax())]
    assert second != frame["index"][1]
    assert choose_batch(ranking, NO_MODEL, BatchQuery(q=1, pending=X[[first]], strategy=desire))[0] == second


def test_distance_is_by_the_measure_of_novelty() -> None:
    assert MEASURED.apart(X[:9], MEASURED.x) == pytest.approx(MEASURED.nearest(X[:9])[1])
    assert np.isinf(MEASURED.apart(X[:2], X[:0])).all()


@pytest.fixture(scope="module")
def surrogate() -> Surrogate:
    rows = published_rows()
    return fit_surrogate(rows.training, name="gp")


def test_a_wished_acquisition_is_that_given_what_is_pending(surrogate: Surrogate) -> None:
    desire = Desirability((Wish("acquisition", -60.0, 9.0),), Columns(PRICE, MEASURED))
    ranking = rank(Candidates(SPACE, *TABLES, surrogate, -1.0, strategy=desire), 100)
    assert choose_batch(ranking, surrogate, BatchQuery(q=1, strategy=desire))[0] == ranking.frame["index"][0]
    batch = choose_batch(ranking, surrogate, BatchQuery(q=4, strategy=desire))
    plain = choose_batch(ranking, surrogate, BatchQuery(q=4))
    assert batch.tolist() == plain.tolist()


def test_a_lot_is_drawn_by_the_seed_of_the_batch_within_the_limits() -> None:
    ranking = rank(
        Candidates(SPACE, *TABLES, Wavy(), 0.0, strategy=RandomStrategy(5), feasibility=fit_feasibility()), 200
    )
    index = ranking.frame["index"].tolist()
    assert choose_batch(ranking, NO_MODEL, BatchQuery(q=6, seed=5, strategy=RandomStrategy(5))).tolist() == index[:6]
    other = choose_batch(ranking, NO_MODEL, BatchQuery(q=6, seed=6, strategy=RandomStrategy(5))).tolist()
    assert other != index[:6]
    assert set(other) <= set(index)
    apart = choose_batch(
        ranking, NO_MODEL, BatchQuery(q=6, seed=5, strategy=RandomStrategy(5), limits=BatchLimits(max_per_spacer=1))
    )
    assert len(set(ranking.spacer[[index.index(i) for i in apart]])) == 6
