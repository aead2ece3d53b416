"""What takes minutes is worked out once for a data set, whoever serves it and however often."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from campaigns.report import view as deep_view
from campaigns.web.cache import Cache, dig
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


def test_a_file_that_was_cut_short_is_made_again(tmp_path: Path, worked: list[str]) -> None:
    check(Cache(tmp_path / "a", tmp_path / "shared" / "oracle.db"), "one")
    (held,) = (tmp_path / "shared").iterdir()
    held.write_text(held.read_text()[:5])
    again = Cache(tmp_path / "a", tmp_path / "shared" / "oracle.db")
    assert again.paper() is None
    check(again, "one")
    assert again.paper() == CLAIMS
    assert worked == ["one", "paper", "paper"]


@pytest.mark.parametrize("text", ["[1, 2]", "{}", "3", '{"claims": 1}'])
def test_a_file_of_another_shape_is_made_again(tmp_path: Path, worked: list[str], text: str) -> None:
    cache = Cache(tmp_path / "a", tmp_path / "shared" / "oracle.db")
    check(cache, "one")
    (held,) = (tmp_path / "a").rglob("*.json")
    held.write_text(text)
    again = Cache(tmp_path / "a", tmp_path / "shared" / "oracle.db")
    assert again.deep("one") is None
    check(again, "one")
    assert worked == ["one", "paper", "one"]


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
    monkeypatch.setattr("campaigns.artifacts.code_sha256", lambda: "of another release")
    assert Cache(tmp_path / "a", tmp_path / "shared" / "oracle.db").deep("one") is None


def test_the_key_of_the_papers_table_stays_while_table_and_code_do(monkeypatch: pytest.MonkeyPatch) -> None:
    before = deep_view.paper_key()
    assert before == deep_view.paper_key()
    monkeypatch.setattr("importlib.metadata.version", lambda name: "another")
    assert deep_view.paper_key() != before
