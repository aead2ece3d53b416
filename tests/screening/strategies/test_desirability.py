"""Ranking by several wishes: rate, feasibility, price, novelty and a second property, each with the user's weight."""

from __future__ import annotations

import numpy as np
import pytest

from chemspace.space import CompoundSpace
from screening.errors import NothingLeftError, RankingError
from screening.feasibility import fit_feasibility
from screening.ranking import RANKING_COLUMNS, Candidates, PassSettings, rank, space_features
from screening.strategies import Columns, MeasuredSet, Wish, price_property
from screening.strategies.objectives import Desirability, log_desirability
from tests.screening.ranking.test_rank import CAGES, SPACE, SPACERS, TABLES, Wavy, WavyWithModel

EVERY = np.arange(len(SPACE))
X = space_features(SPACE, EVERY, *TABLES)
MEASURED = MeasuredSet(("a", "b"), X[[3, 200]])
PER_MOL = {cation.inchikey: 10.0 + 7.0 * number for number, cation in enumerate((*SPACERS, *CAGES))}
PRICE = price_property(SPACE, PER_MOL)
WISHES = (
    Wish("log10_rate", 3.0, -3.0, 2.0),
    Wish("feasibility", 0.0, 1.0),
    Wish("price", 1000.0, 0.0, 0.5),
    Wish("novelty", 0.0, 3.0, 0.3),
    Wish("band_gap", 0.0, 9.0, 0.7),
)


def _band_gap(block: object, x: np.ndarray) -> np.ndarray:
    return np.asarray(x[:, 1])


SOURCE = Columns({"price": PRICE, "band_gap": _band_gap}, MEASURED)


def _by_hand(wishes: tuple[Wish, ...]) -> np.ndarray:
    block = SPACE.take(EVERY)
    columns = {
        "log10_rate": Wavy().predict(X)[0],
        "lifetime_ps": 10.0 ** -Wavy().predict(X)[0],
        "feasibility": np.exp(fit_feasibility().bind(SPACE).log_probability(block)),
        "price": np.array([sum(float(n) * PER_MOL[c.inchikey] for c, n in SPACE[int(i)].cation_counts) for i in EVERY]),
        "novelty": MEASURED.nearest(X)[1],
        "band_gap": X[:, 1],
    }
    return log_desirability(columns, wishes)


@pytest.mark.parametrize("single", [False, True])
def test_the_ranking_is_that_of_the_weighted_desirability_of_every_compound(single: bool) -> None:
    desire = Desirability(WISHES, SOURCE)
    ranking = rank(
        Candidates(SPACE, *TABLES, WavyWithModel(), -1.0, strategy=desire, feasibility=fit_feasibility()),
        40,
        PassSettings(block_size=50, single_precision=single),
    )
    value = _by_hand(WISHES)
    order = np.lexsort((EVERY, -value))[:40]
    assert ranking.frame["index"].tolist() == order.tolist()
    assert ranking.frame["acquisition"].to_numpy() == pytest.approx(value[order])
    assert list(ranking.frame) == [*RANKING_COLUMNS, "log10_rate", "price", "novelty", "band_gap", "tag"]
    assert ranking.frame["band_gap"].to_numpy() == pytest.approx(X[order, 1])


@pytest.mark.parametrize("column", ["feasibility", "price", "novelty", "band_gap"])
def test_a_heavier_weight_brings_more_of_what_is_wished(column: str) -> None:
    ends = {"feasibility": (0.0, 1.0), "price": (2000.0, 0.0)}
    useless, perfect = ends.get(column, (0.0, 10.0))
    means = []
    for weight in (0.05, 20.0):
        wishes = (Wish("log10_rate", 3.0, -3.0), Wish(column, useless, perfect, weight))
        desire = Desirability(wishes, SOURCE)
        frame = rank(Candidates(SPACE, *TABLES, Wavy(), -1.0, strategy=desire, feasibility=fit_feasibility()), 20).frame
        means.append(frame[column].mean())
    assert (means[1] - means[0]) * (perfect - useless) > 0.0


def test_a_compound_without_a_price_is_left_out_where_a_price_is_wished() -> None:
    some = {key: value for key, value in PER_MOL.items() if key != SPACERS[0].inchikey}
    desire = Desirability((Wish("price", 1000.0, 0.0),), Columns({"price": price_property(SPACE, some)}))
    ranking = rank(Candidates(SPACE, *TABLES, Wavy(), 0.0, strategy=desire), len(SPACE))
    assert len(ranking) == len(SPACE) - len(SPACE) // len(SPACERS)
    nothing = Desirability((Wish("price", 1000.0, 0.0),), Columns({"price": price_property(SPACE, {})}))
    with pytest.raises(NothingLeftError, match="a wished column is not known"):
        rank(Candidates(SPACE, *TABLES, Wavy(), 0.0, strategy=nothing))


def test_a_single_layer_has_the_price_of_its_spacers_alone() -> None:
    one = CompoundSpace(SPACERS, (), (1,))
    price = price_property(one, PER_MOL)(one.take([0, 12]), np.empty((2, 8)))
    assert price == pytest.approx([2 * PER_MOL[SPACERS[0].inchikey], PER_MOL[SPACERS[12].inchikey]])


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ((), "no wishes"),
        ((Wish("colour", 0.0, 1.0),), "no column 'colour' to wish for; there are log10_rate"),
        ((Wish("novelty", 0.0, 1.0),), "give `measured`, or leave novelty out"),
    ],
    ids=["none", "unknown", "novelty"],
)
def test_wishes_that_nothing_can_tell_are_refused(wishes: tuple[Wish, ...], words: str) -> None:
    with pytest.raises(RankingError, match=words):
        Desirability(wishes)
