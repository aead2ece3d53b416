"""A random order: seeded, fair, the same however the space is walked, and blind to every prediction."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from oracle.descriptors import CationTable
from screening.errors import NothingLeftError
from screening.feasibility import fit_feasibility
from screening.ranking import Candidates, PassSettings, rank
from screening.strategies.acquisitions import RandomStrategy
from tests.screening.ranking.test_rank import SPACE, TABLES

INDEX, PLAIN = np.arange(100_000), PassSettings()


class _Unasked:
    """A surrogate that only the rows of the finished list may be predicted by."""

    def __init__(self) -> None:
        self.asked = 0

    def predict(self, x: np.ndarray, chunk: int = 0) -> tuple[np.ndarray, np.ndarray]:
        self.asked += len(x)
        return np.zeros(len(x)), np.ones(len(x))


def _drawn(seed: int, settings: PassSettings = PLAIN, exclude: Collection[int] = ()) -> list[int]:
    return (
        rank(Candidates(SPACE, *TABLES, _Unasked(), 0.0, RandomStrategy(seed), exclude=exclude), 30, settings)
        .frame["index"]
        .tolist()
    )


def test_every_compound_is_as_likely_as_any_other() -> None:
    shares = np.exp(RandomStrategy(3).values(INDEX))
    assert kstest(shares, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(shares[:-1], shares[1:])[0, 1]) < 0.02
    assert np.isfinite(RandomStrategy(3).values(INDEX)).all()


@given(st.integers(0, 2**32), st.integers(0, 2**32), st.permutations(range(20)))
def test_a_number_depends_on_seed_and_index_alone(seed: int, other: int, order: list[int]) -> None:
    index = np.array(order)
    assert RandomStrategy(seed).values(index).tolist() == RandomStrategy(seed).values(np.arange(20))[index].tolist()
    assert seed == other or RandomStrategy(seed).values(index).tolist() != RandomStrategy(other).values(index).tolist()


def test_a_drawn_list_is_the_same_for_any_block_size_number_of_threads_and_precision() -> None:
    whole = _drawn(7)
    assert len(set(whole)) == 30
    assert whole == _drawn(7, PassSettings(13, 2)) == _drawn(7, PassSettings(single_precision=True))
    assert whole != _drawn(8)
    assert set(whole) != set(range(30))


def test_what_is_excluded_makes_room_and_feasibility_does_not_count() -> None:
    whole = _drawn(7)
    assert _drawn(7, exclude=whole[:5])[:25] == whole[5:]
    frame = rank(
        Candidates(SPACE, *TABLES, _Unasked(), 0.0, strategy=RandomStrategy(7), feasibility=fit_feasibility()), 30
    ).frame
    assert frame["index"].tolist() == whole
    assert frame["feasibility"].between(0.0, 1.0, inclusive="neither").all()
    with pytest.raises(NothingLeftError):
        _drawn(7, exclude=range(len(SPACE)))


def test_nothing_is_predicted_but_the_list_and_nothing_without_descriptors_is_drawn() -> None:
    values = TABLES[0].values.copy()
    values[3] = np.nan
    surrogate = _Unasked()
    tables = (CationTable(values, TABLES[0].organic), TABLES[1])
    ranking = rank(Candidates(SPACE, *tables, surrogate, 0.0, strategy=RandomStrategy(1)), 30)
    assert surrogate.asked == 30
    assert 3 not in ranking.spacer
    assert ranking.n_undescribed == len(SPACE) // len(SPACE.spacers)
