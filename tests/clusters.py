"""A Dask cluster of this machine, for tests of what runs on one."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import distributed

__all__ = ["local_cluster"]


@contextmanager
def local_cluster(workers: int, threads: int, *, processes: bool) -> Iterator[distributed.LocalCluster]:
    """Without a dashboard, and quiet: a busy port or a slow event loop of Dask's is no finding of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with distributed.LocalCluster(
            n_workers=workers, threads_per_worker=threads, processes=processes, dashboard_address=None, silence_logs=50
        ) as made:
            yield made
