"""A pass on a Dask cluster gives the list of the local one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import distributed
import pandas as pd
import pytest

from screening.errors import RankingError
from screening.feasibility import fit_feasibility
from screening.ranking import Candidates, PassSettings, rank
from screening.surrogate import fit_surrogate
from tests.clusters import local_cluster
from tests.screening.ranking.test_rank import SPACE, TABLES, Wavy
from tests.screening.rows import published_rows


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with local_cluster(1, 2, processes=True) as cluster, distributed.Client(cluster) as own:
        yield own


def test_the_ranking_is_that_of_one_process(client: Any) -> None:
    rows = published_rows()
    surrogate = fit_surrogate(rows.training, name="gp")
    seen: list[tuple[int, int]] = []
    candidates = Candidates(SPACE, *TABLES, surrogate, -0.5, feasibility=fit_feasibility(), exclude=[1, 5])
    here = rank(candidates, 25)
    there = rank(
        candidates,
        25,
        PassSettings(block_size=20, single_precision=True, client=client),
        progress=lambda done, total, note: seen.append((done, total)),
    )
    pd.testing.assert_frame_equal(there.frame, here.frame)
    assert (there.n_scored, there.n_excluded) == (here.n_scored, here.n_excluded)
    assert seen[-1] == (len(SPACE), len(SPACE))


def test_an_error_of_a_worker_is_the_local_one(client: Any) -> None:
    with pytest.raises(RankingError, match="predicts no number"):
        rank(Candidates(SPACE, *TABLES, _Lost(), 0.0), settings=PassSettings(client=client))


def test_a_client_without_workers_is_refused() -> None:
    class Empty:
        def nthreads(self) -> dict[str, int]:
            return {}

    with pytest.raises(RankingError, match="no workers"):
        rank(Candidates(SPACE, *TABLES, Wavy(), 0.0), settings=PassSettings(client=Empty()))


class _Lost:
    def predict(self, x: Any, chunk: int = 0) -> tuple[Any, Any]:
        return x[:, 0] * float("nan"), x[:, 0]
