"""Batches: greedy for what each member adds, conditioned on what is pending, within the limits."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from botorch.models import SingleTaskGP
from hypothesis import given
from hypothesis import strategies as st

from screening.batch import BatchLimits, BatchQuery, choose_batch, refits_that_keep, teaching_places
from screening.calibration import TEACHES_MOST, teaches_most
from screening.errors import BatchError
from screening.ranking import Ranking
from screening.strategies import STRATEGIES, Chosen, Shortlist
from screening.strategies.acquisitions import SharedMoments, gaussian_moments, log_expected_improvement

_X = np.random.default_rng(0).random((60, 2))
_MODEL = SingleTaskGP(
    torch.as_tensor(_X[:8]),
    torch.as_tensor(np.sin(5 * _X[:8, :1]) + _X[:8, 1:]),
    train_Yvar=torch.full((8, 1), 1e-4, dtype=torch.float64),
)
SURROGATE = SimpleNamespace(model=_MODEL)
BEST = float((np.sin(5 * _X[:8, :1]) + _X[:8, 1:]).min())


def _ranking(log_feasibility: np.ndarray | None = None) -> Ranking:
    posterior = _MODEL.posterior(torch.as_tensor(_X))
    mean, sd = posterior.mean.detach().numpy()[:, 0], posterior.variance.detach().sqrt().numpy()[:, 0]
    log_p = np.zeros(60) if log_feasibility is None else log_feasibility
    value = log_expected_improvement(mean, sd, BEST) + log_p
    order = np.argsort(-value)
    tags = np.where(teaches_most(mean, sd), TEACHES_MOST, "likely slow")
    frame = pd.DataFrame({"index": order + 1000, "acquisition": value[order], "tag": tags[order]})
    return Ranking(frame, _X[order], (order % 4).astype(np.int64), log_p[order], BEST, 60, 0, 0)


def test_the_first_pick_with_nothing_pending_heads_the_ranking() -> None:
    ranking = _ranking()
    assert choose_batch(ranking, SURROGATE, BatchQuery(q=3))[0] == ranking.frame["index"][0]


def test_a_batch_is_distinct_reproducible_and_spread() -> None:
    ranking = _ranking()
    batch = choose_batch(ranking, SURROGATE, BatchQuery(q=5, seed=3))
    assert len(set(batch.tolist())) == 5
    assert batch.tolist() == choose_batch(ranking, SURROGATE, BatchQuery(q=5, seed=3)).tolist()
    assert batch.tolist() != ranking.frame["index"][:5].tolist()


def test_a_batch_is_worth_as_much_as_botorch_s_sequential_greedy_one() -> None:
    from botorch.acquisition import qLogExpectedImprovement
    from botorch.acquisition.objective import GenericMCObjective
    from botorch.optim import optimize_acqf_discrete
    from botorch.sampling import SobolQMCNormalSampler

    value = qLogExpectedImprovement(
        _MODEL,
        best_f=-BEST,
        sampler=SobolQMCNormalSampler(torch.Size([1024]), seed=1),
        objective=GenericMCObjective(lambda samples, X=None: -samples[..., 0]),
    )
    theirs, _ = optimize_acqf_discrete(value, q=4, choices=torch.as_tensor(_X), unique=True)
    value.set_X_pending(None)
    ours = torch.as_tensor(_X[choose_batch(_ranking(), SURROGATE, BatchQuery(q=4)) - 1000])
    assert float(value(ours).detach()) > float(value(theirs).detach()) - 0.03


@pytest.mark.parametrize("name", ["log_ei", "lcb", "max_variance"])
def test_a_batch_is_that_of_trying_every_candidate(name: str) -> None:
    ranking, strategy, picked = _ranking(), STRATEGIES.get(name)(), list[int]()
    chosen = choose_batch(ranking, SURROGATE, BatchQuery(q=6, seed=2, strategy=strategy)) - 1000
    for place in chosen:
        left = np.setdiff1d(np.arange(60), picked)
        gains = strategy.gains(Shortlist(_X[left], _MODEL, BEST, 2), Chosen(_X[picked], len(picked)))
        assert place == left[np.argmax(gains)]
        picked.append(int(place))


def test_what_is_pending_is_not_asked_for_again() -> None:
    ranking = _ranking()
    first = int(choose_batch(ranking, SURROGATE, BatchQuery(q=1))[0])
    pending = _X[first - 1000][None, :]
    assert choose_batch(ranking, SURROGATE, BatchQuery(q=1, pending=pending))[0] != first


def test_a_spacer_fills_no_more_than_its_share() -> None:
    batch = choose_batch(_ranking(), SURROGATE, BatchQuery(q=4, limits=BatchLimits(max_per_spacer=1)))
    assert len({(index - 1000) % 4 for index in batch.tolist()}) == 4
    with pytest.raises(BatchError, match="only 4 of 5"):
        choose_batch(_ranking(), SURROGATE, BatchQuery(q=5, limits=BatchLimits(max_per_spacer=1)))


def test_members_keep_the_smallest_distance_from_each_other_and_from_pending_ones() -> None:
    pending = _X[[20]]
    batch = choose_batch(_ranking(), SURROGATE, BatchQuery(q=4, pending=pending, limits=BatchLimits(min_distance=0.5)))
    points = np.vstack([pending, _X[batch - 1000]]) / _X.std(axis=0)
    distance = np.sqrt(((points[:, None] - points[None]) ** 2).mean(axis=2))
    assert distance[~np.eye(5, dtype=bool)].min() >= 0.5


def test_money_and_days_are_kept() -> None:
    ranking = _ranking()
    cost, days = np.full(60, 10.0), np.full(60, 30.0)
    cost[:5], days[5:10] = np.nan, 3.0
    batch = choose_batch(
        ranking, SURROGATE, BatchQuery(q=3, limits=BatchLimits(max_cost=30.0, max_days=7.0), cost=cost, days=days)
    )
    rows = [ranking.frame["index"].tolist().index(index) for index in batch.tolist()]
    assert set(rows) <= set(range(5, 10))
    with pytest.raises(BatchError, match="only 3 of 4"):
        choose_batch(ranking, SURROGATE, BatchQuery(q=4, limits=BatchLimits(max_cost=30.0), cost=cost))


def test_an_infeasible_favourite_gives_way() -> None:
    favourite = int(choose_batch(_ranking(), SURROGATE, BatchQuery(q=1))[0]) - 1000
    log_p = np.zeros(60)
    log_p[favourite] = -20.0
    assert favourite + 1000 not in choose_batch(_ranking(log_p), SURROGATE, BatchQuery(q=3)).tolist()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"q": 0}, "at least 1"),
        ({"seed": -1}, "seed is -1"),
        ({"q": 61}, "only 60 of 61"),
        ({"pending": np.zeros((1, 3))}, "3 columns"),
        ({"limits": BatchLimits(max_cost=1.0)}, "no candidate has a cost"),
    ],
)
def test_a_batch_that_cannot_be_is_refused_with_the_reason(asked: dict[str, object], words: str) -> None:
    with pytest.raises(BatchError, match=words):
        choose_batch(_ranking(), SURROGATE, BatchQuery(**asked))  # type: ignore[arg-type]  # wrong values on purpose


@pytest.mark.parametrize("wrong", [{"max_per_spacer": 0}, {"min_distance": -1.0}, {"max_cost": float("nan")}])
def test_limits_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BatchError):
        BatchLimits(**wrong)  # type: ignore[arg-type]  # wrong values on purpose


@pytest.mark.parametrize("teaching", [0, 1, 3, 5])
def test_a_batch_holds_as_many_that_teach_as_are_asked_for(teaching: int) -> None:
    ranking = _ranking()
    batch = choose_batch(ranking, SURROGATE, BatchQuery(q=5, seed=3, teaching=teaching))
    tags = ranking.frame.set_index("index")["tag"][batch]
    assert len(set(batch.tolist())) == 5
    assert (tags == TEACHES_MOST).sum() == teaching


def test_where_a_kind_has_run_out_the_other_one_takes_its_places() -> None:
    ranking = _ranking()
    barred = (ranking.frame["tag"] == TEACHES_MOST).to_numpy()
    batch = choose_batch(ranking, SURROGATE, BatchQuery(q=4, teaching=2, barred=barred))
    assert len(set(batch.tolist())) == 4
    assert (ranking.frame.set_index("index")["tag"][batch] != TEACHES_MOST).all()


@given(q=st.integers(1, 200), share=st.floats(0.0, 1.0))
def test_a_share_leaves_each_kind_a_place_in_two_or_more(q: int, share: float) -> None:
    places = teaching_places(q, share)
    if q < 2 or share == 0.0:
        assert places is None
    elif share == 1.0:
        assert places == q
    else:
        assert places is not None
        assert 1 <= places <= q - 1
        assert abs(places - share * q) <= 1.0


def test_refits_by_the_same_model_choose_the_same_batch_and_others_do_not() -> None:
    ranking, query = _ranking(), BatchQuery(q=4, seed=3, pending=_X[[50]])
    batch = choose_batch(ranking, SURROGATE, query)
    with torch.no_grad():
        _MODEL.posterior(torch.as_tensor(_X))  # its caches are filled
    turned = SingleTaskGP(
        torch.as_tensor(_X[:8]),
        torch.as_tensor(-np.sin(5 * _X[:8, :1]) - _X[:8, 1:]),
        train_Yvar=torch.full((8, 1), 1e-4, dtype=torch.float64),
    )
    same, other = (Moments(model) for model in (_MODEL, turned))
    kept = refits_that_keep(ranking, query, batch, [(same, BEST), (same, BEST), (other, -BEST)])
    assert kept is not None
    assert kept.min() >= 2
    assert kept.sum() < 12


def test_a_strategy_that_draws_from_the_model_says_nothing_of_refits() -> None:
    query = BatchQuery(q=2, strategy=STRATEGIES.get("thompson")())
    assert refits_that_keep(_ranking(), query, np.array([1000, 1001]), [(Moments(_MODEL), BEST)]) is None
    joint = BatchQuery(q=2, shortlist=60)
    assert refits_that_keep(_ranking(), joint, np.array([1000, 1001]), [(object(), BEST)]) is None  # as of `mean`


class Moments:
    """The moments of a BoTorch model as those of the shipped surrogates are asked for."""

    def __init__(self, model: SingleTaskGP) -> None:
        self._model = model

    def parameters(self) -> Iterator[torch.Tensor]:
        return self._model.parameters()

    def marginal(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        told = self._model.posterior(x[:, None, :]).distribution
        return told.mean[:, 0], told.covariance_matrix[:, 0, 0]

    def joint_moments(self, x: torch.Tensor, first: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        told = self._model.posterior(x).distribution
        return told.mean, told.covariance_matrix[..., first:]

    def unexplained_variance(self) -> float:
        return 0.0


@pytest.mark.parametrize("few", [200, 0])
def test_picks_share_what_is_known_of_the_shortlist(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screening.strategies.acquisitions._FEW", few)
    pending, rows = np.random.default_rng(4).random((3, 2)), np.array([0, 2, 5, 9])
    for model in (_MODEL, Moments(_MODEL)):
        shared = SharedMoments(model, _X[:12], pending)
        for picked in ([], [7], [7, 3]):
            anew = gaussian_moments(model, _X[rows], np.vstack([pending, _X[picked]]))
            for known, asked in zip(shared(rows, picked), anew, strict=True):
                assert known == pytest.approx(asked, rel=1e-6, abs=1e-9)
