"""The same work on a Dask cluster, and the death of one of its workers in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chemspace import Cation
from oracle import OracleStore, Protocol, describe, describe_each
from oracle.errors import ProtocolError, WorkerCrashError
from tests.clusters import local_cluster
from tests.oracle.conftest import SMALL

ROOT = Path(__file__).parents[2]

#: Each takes most of a second with ten conformers.
CHAINS = tuple("[NH3+]" + "C" * n for n in range(9, 15))

# Dask's own clean-up at the end of a worker that was killed: sockets and event loops that it leaves to the collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture
def cluster() -> Iterator[object]:
    with local_cluster(2, 1, processes=True) as made:
        yield made


def test_a_cluster_gives_the_numbers_of_this_machine(
    cluster: object, small: list[Cation], quick: Protocol, store: OracleStore
) -> None:
    address = cluster.scheduler_address  # type: ignore[attr-defined]  # a LocalCluster
    there = describe(small, quick, store, dask=address)
    assert there == describe(small, quick, workers=1)
    assert len(store) == len(small)


def test_the_death_of_a_dask_worker_loses_no_cation(cluster: object, small: list[Cation]) -> None:
    slow = [Cation.from_smiles("[NH3+]" + "C" * n) for n in (12, 13, 14)]
    pids = [worker.pid for worker in cluster.workers.values()]  # type: ignore[attr-defined]  # a LocalCluster

    def strike(done: int, total: int, note: str) -> None:
        if done == 1:  # both workers are busy with others by now
            os.kill(pids[0], signal.SIGKILL)

    records = describe(
        [*slow, *small],
        Protocol(n_conformers=20, n_optimised=1),
        dask=cluster.scheduler_address,  # type: ignore[attr-defined]  # a LocalCluster
        progress=strike,
    )
    assert len(records) == 9
    assert all(record.ok or (record.error_type == "WorkerCrashError" and record.retry) for record in records)
    assert sum(record.ok for record in records) >= 8


def command(store: Path, address: str, *smiles: str) -> subprocess.Popen[str]:
    """`spinscreen oracle describe --dask`, as a user starts it."""
    words = [*smiles, "--dask", address, "--conformers", "10", "--optimised", "1", "--oracle-store", str(store)]
    program = [sys.executable, "-m", "campaigns.cli", "oracle", "describe", *words, "--json"]
    return subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_command_survives_the_death_of_a_dask_worker(cluster: object, tmp_path: Path) -> None:
    pids = [worker.pid for worker in cluster.workers.values()]  # type: ignore[attr-defined]  # a LocalCluster
    with OracleStore(tmp_path / "oracle.db") as store:
        process = command(store.path, cluster.scheduler_address, *CHAINS, *SMALL)  # type: ignore[attr-defined]
        deadline = time.monotonic() + 60
        while not len(store):
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.02)
        os.kill(pids[0], signal.SIGKILL)
        assert len(store) < len(CHAINS) + len(SMALL), "the worker died too late to be in the middle"
        out, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        rows = json.loads(out)
        assert [row["smiles"] for row in rows] == [Cation.from_smiles(text).smiles for text in (*CHAINS, *SMALL)]
        assert {row["status"] for row in rows} == {"ok"}, rows
        assert {record.inchikey for record in store} == {row["inchikey"] for row in rows}


def test_a_scheduler_that_goes_away_is_an_error_and_what_was_finished_is_kept(
    cluster: object, small: list[Cation], store: OracleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oracle.workers.PATIENCE", 10)
    cations = [*small, *map(Cation.from_smiles, CHAINS)]
    address = cluster.scheduler_address  # type: ignore[attr-defined]  # a LocalCluster
    found = describe_each(cations, Protocol(n_conformers=10, n_optimised=1), store, dask=address)
    next(found)
    cluster.close()  # type: ignore[attr-defined]  # a LocalCluster
    with pytest.raises(WorkerCrashError, match=r"the Dask scheduler at tcp://.* is gone; .* run again for the rest"):
        list(found)
    assert 1 <= len(store) < len(cations)


def test_workers_of_other_versions_are_refused(cluster: object, small: list[Cation]) -> None:
    old = Protocol(engine_version="0.1", n_conformers=1, n_optimised=1)
    with pytest.raises(ProtocolError, match=r"names tblite 0\.1, installed is"):
        describe(small, old, dask=cluster.scheduler_address)  # type: ignore[attr-defined]  # a LocalCluster


def test_a_scheduler_that_does_not_answer_is_an_error(small: list[Cation], quick: Protocol) -> None:
    with pytest.raises(WorkerCrashError, match="no Dask scheduler answers at nonsense"):
        describe(small, quick, dask="nonsense://nowhere:1")
