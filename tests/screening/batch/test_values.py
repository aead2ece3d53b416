"""Every acquisition chooses true batches: distinct, within the limits, and knowing what is pending."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from screening.batch import BatchLimits, BatchQuery, choose_batch
from screening.errors import BatchError
from screening.ranking import Ranking
from screening.strategies import STRATEGIES, Acquisition, Chosen, Shortlist
from screening.strategies.acquisitions import variance_after
from screening.surrogate import Surrogate, fit_surrogate
from tests.screening.rows import smooth_rows

Array = NDArray[np.float64]
ROWS = smooth_rows(20, 2)
_X = np.random.default_rng(5).uniform(-2.0, 2.0, size=(80, 2))
BEST = float(ROWS.y.min())
ACQUISITIONS = [entry.name for entry in STRATEGIES.entries() if issubclass(entry.item, Acquisition)]
#: Their values do not depend on what is pending: the mean is expected to stay, a drawn function is what it is.
BLIND = {"greedy", "thompson"}


@pytest.fixture(scope="module")
def surrogate() -> Surrogate:
    return fit_surrogate(ROWS.training, name="gp")


def _acquisition(name: str) -> Acquisition:
    strategy = STRATEGIES.get(name)()
    assert isinstance(strategy, Acquisition)
    return strategy


def _gains(name: str, surrogate: Surrogate, points: Array, seed: int, space: Array | None = None) -> Array:
    shortlist = Shortlist(_X, surrogate.model, BEST, seed, ROWS.x, space)
    return _acquisition(name).gains(shortlist, Chosen(points))


def _ranking(surrogate: Surrogate, name: str) -> Ranking:
    value = _acquisition(name).value(*surrogate.predict(_X), BEST)
    order = np.argsort(-value, kind="stable")
    frame = pd.DataFrame({"index": order, "acquisition": value[order]})
    return Ranking(frame, _X[order], (order % 4).astype(np.int64), np.zeros(80), BEST, 80, 0, 0)


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_a_batch_is_distinct_reproducible_and_within_the_limits(surrogate: Surrogate, name: str) -> None:
    ranking = _ranking(surrogate, name)
    batches = [
        choose_batch(
            ranking,
            surrogate,
            BatchQuery(q=4, seed=1, observed=ROWS.x, strategy=_acquisition(name), limits=BatchLimits(max_per_spacer=1)),
        )
        for _ in range(2)
    ]
    assert batches[0].tolist() == batches[1].tolist()
    assert {int(index) % 4 for index in batches[0]} == {0, 1, 2, 3}


@pytest.mark.parametrize("name", [name for name in ACQUISITIONS if name not in BLIND])
def test_what_is_pending_is_worth_less_and_far_candidates_lose_little(surrogate: Surrogate, name: str) -> None:
    plain = _gains(name, surrogate, _X[:0], 3)
    first = int(plain.argmax())
    told = _gains(name, surrogate, _X[[first]], 3)
    loss = plain - told
    assert loss[first] > 0.0
    near = np.argsort(((_X - _X[first]) ** 2).sum(axis=1))
    assert loss[near[:10]].mean() > loss[near[-10:]].mean()


@pytest.mark.parametrize("name", ["log_ei", "log_pi", "max_variance", "qlog_nei", "qnipv"])
def test_members_of_a_batch_know_of_each_other(surrogate: Surrogate, name: str) -> None:
    ranking = _ranking(surrogate, name)
    batch = choose_batch(ranking, surrogate, BatchQuery(q=4, observed=ROWS.x, strategy=_acquisition(name)))
    alone = _gains(name, surrogate, _X[:0], 42, ranking.x)
    assert batch[0] == alone.argmax()
    assert batch.tolist() != np.argsort(-alone, kind="stable")[:4].tolist()


def test_thompson_members_follow_functions_of_their_own(surrogate: Surrogate) -> None:
    ranking = _ranking(surrogate, "thompson")
    draws = {
        tuple(choose_batch(ranking, surrogate, BatchQuery(q=3, seed=s, strategy=_acquisition("thompson"))).tolist())
        for s in range(5)
    }
    assert len(draws) > 1


def test_a_measured_point_has_no_variance_left_and_noise_leaves_some() -> None:
    variance, covariance, cross = np.array([1.0, 1.0]), np.array([[1.0]]), np.array([[1.0], [0.0]])
    assert variance_after(variance, covariance, cross, 0.0) == pytest.approx([0.0, 1.0], abs=1e-6)
    assert variance_after(variance, covariance, cross, 1.0) == pytest.approx([0.5, 1.0])


def test_barred_candidates_are_not_chosen(surrogate: Surrogate) -> None:
    ranking = _ranking(surrogate, "log_ei")
    barred = np.ones(80, dtype=bool)
    barred[[10, 11, 12]] = False
    batch = choose_batch(ranking, surrogate, BatchQuery(q=3, barred=barred))
    assert set(batch.tolist()) == set(ranking.frame["index"][10:13])
    with pytest.raises(BatchError, match="only 3 of 4"):
        choose_batch(ranking, surrogate, BatchQuery(q=4, barred=barred))


def test_a_batch_by_noisy_improvement_needs_what_is_measured(surrogate: Surrogate) -> None:
    with pytest.raises(BatchError, match="observed"):
        choose_batch(_ranking(surrogate, "qlog_nei"), surrogate, BatchQuery(strategy=_acquisition("qlog_nei")))
