"""`spinscreen suggest --dask`: the space is passed over by a cluster, the suggestions are those of this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.artifacts import CACHE
from oracle import OracleError
from tests.campaigns.cli.test_described import run
from tests.campaigns.conftest import Launched
from tests.clusters import local_cluster


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with local_cluster(1, 2, processes=False) as cluster:
        yield cluster.scheduler_address


def test_the_suggestions_are_those_of_this_machine(launched: Launched, address: str, tmp_path: Path) -> None:
    batches = []
    for name, where in (("here", ()), ("there", ("--dask", address))):
        launched.copy(tmp_path / name).close()
        for kept in (tmp_path / name / CACHE).glob("ranking-*.npz"):
            kept.unlink()
        done = run(launched, "suggest", tmp_path / name, "--batch-size", 3, "--seed", 5, *where, "--json")
        assert done.exit_code == 0, done.output
        batches.append(json.loads(done.stdout))
    assert batches[0] == batches[1]
    assert len(batches[1]) == 3


def test_a_scheduler_that_does_not_answer_is_told(
    launched: Launched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oracle.workers.PATIENCE", 0.5)
    launched.copy(tmp_path / "copy").close()
    for kept in (tmp_path / "copy" / CACHE).glob("ranking-*.npz"):
        kept.unlink()
    done = run(launched, "suggest", tmp_path / "copy", "--seed", 5, "--dask", "tcp://127.0.0.1:9")
    assert isinstance(done.exception, OracleError)
    assert str(done.exception).startswith("no Dask scheduler answers at tcp://127.0.0.1:9 (")
    assert "start one (dask scheduler) with workers" in str(done.exception)


def test_a_table_is_ranked_here(launched: Launched, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("a,rate\n1,2\n")
    words = ("--pool", table, "--observed", table, "--target", "rate", "--dask", "tcp://127.0.0.1:9")
    done = run(launched, "suggest", *words)
    assert done.exit_code == 2
    assert "a table is ranked on this machine" in done.stderr


def test_a_launch_computes_on_the_cluster_it_is_given(
    launched: Launched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oracle.workers.PATIENCE", 0.5)
    (tmp_path / "two.smi").write_text("CCCCCN\nCCCCCCCN\n")
    words = ("--library", tmp_path / "two.smi", "--oracle-store", tmp_path / "empty.db", "--dask", "tcp://127.0.0.1:9")
    done = run(launched, "launch", tmp_path / "new", *words)
    assert isinstance(done.exception, OracleError)
    assert str(done.exception).startswith("no Dask scheduler answers at tcp://127.0.0.1:9 (")
