"""What takes minutes is worked out once for a data set, whoever serves it and however often."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from campaigns import artifacts
from campaigns.errors import StoreError
from campaigns.report import view as deep_view
from campaigns.web.service import Cache, dig
from chemspace.progress import silent
from tests.campaigns.conftest import Launched

CLAIMS: list[dict[str, Any]] = [{"model": "mlp", "claimed": 0.99}]


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was worked out, in order."""
    done: list[str] = []

    def view(round: Any, tell: object) -> dict[str, str]:
        done.append(getattr(round, "key", "present"))
        return {"verdict": done[-1]}

    def repeat(tell: object) -> list[dict[str, Any]]:
        done.append("paper")
        return CLAIMS

    monkeypatch.setattr(deep_view, "deep_view", view)
    monkeypatch.setattr(deep_view, "paper_view", repeat)
    return done


def check(cache: Cache, key: str) -> None:
    told: Any = SimpleNamespace(key=key)
    cache.dig(key, told, lambda done, total, note: None)


def test_each_fit_is_checked_once_and_the_paper_once_for_all_campaigns(tmp_path: Path, worked: list[str]) -> None:
    first, second = (Cache(tmp_path / name, tmp_path / "shared" / "oracle.db") for name in ("a", "b"))
    assert first.paper() is None
    for cache, key in ((first, "one"), (first, "one"), (first, "two"), (second, "one"), (first, "one")):
        check(cache, key)
    assert worked == ["one", "paper", "two", "one"]
    restarted = Cache(tmp_path / "a", tmp_path / "shared" / "oracle.db")
    check(restarted, "two")
    assert restarted.deep("two") == {"verdict": "two"}
    assert restarted.paper() == second.paper() == CLAIMS
    assert worked == ["one", "paper", "two", "one"]


@pytest.mark.parametrize("content", [b"PK", b"[1, 2]", b""])
def test_a_file_that_was_cut_short_or_damaged_is_made_again(tmp_path: Path, worked: list[str], content: bytes) -> None:
    check(Cache(tmp_path / "a", tmp_path / "shared" / "oracle.db"), "one")
    for held in tmp_path.rglob("*.npz"):
        held.write_bytes(content)
    again = Cache(tmp_path / "a", tmp_path / "shared" / "oracle.db")
    assert (again.paper(), again.deep("one")) == (None, None)
    check(again, "one")
    assert (again.paper(), again.deep("one")) == (CLAIMS, {"verdict": "one"})
    assert worked == ["one", "paper", "one", "paper"]


def test_the_checks_are_of_the_fit_that_is_the_present_one_when_they_run(
    launched: Launched, tmp_path: Path, worked: list[str]
) -> None:
    campaign = launched.copy(tmp_path / "a")
    store = tmp_path / "shared" / "oracle.db"
    store.parent.mkdir()
    store.write_bytes(launched.oracle_store.read_bytes())
    fit = campaign.fit()
    assert fit is not None
    dig(campaign.folder, store, silent)
    assert worked == ["present", "paper"]
    assert Cache(campaign.folder, store).deep(fit.data_key) == {"verdict": "present"}
    results = tmp_path / "results.csv"
    results.write_text("formula,lifetime_ps\n(PA)2PbI4,0.4\n")
    campaign.ingest(results)
    dig(campaign.folder, store, silent)  # the model has not learnt from that yet: nothing to check
    assert worked == ["present", "paper"]


def test_other_code_works_its_pages_out_anew(
    tmp_path: Path, worked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    check(Cache(tmp_path / "a", tmp_path / "shared" / "oracle.db"), "one")
    monkeypatch.setattr(artifacts, "_made_by", lambda: "another release")
    other = Cache(tmp_path / "a", tmp_path / "shared" / "oracle.db")
    assert (other.deep("one"), other.paper()) == (None, None)


def test_a_folder_that_cannot_be_written_is_told_before_the_work(tmp_path: Path, worked: list[str]) -> None:
    (tmp_path / "a").write_text("no folder")
    with pytest.raises(StoreError, match="cannot be written"):
        check(Cache(tmp_path / "a", tmp_path / "shared" / "oracle.db"), "one")
    assert worked == []
