"""What takes minutes is worked out once for a data set, whoever serves it and however often."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from campaigns.report import deep_view
from campaigns.web.cache import Cache

CLAIMS: list[dict[str, Any]] = [{"model": "mlp", "claimed": 0.99}]


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was worked out, in order."""
    done: list[str] = []

    def check(round: Any, tell: object) -> dict[str, str]:
        done.append(round.key)
        return {"verdict": round.key}

    def repeat(tell: object) -> list[dict[str, Any]]:
        done.append("paper")
        return CLAIMS

    monkeypatch.setattr(deep_view, "deep_view", check)
    monkeypatch.setattr(deep_view, "paper_view", repeat)
    return done


def dig(cache: Cache, key: str) -> None:
    (cache._root / key).mkdir(parents=True, exist_ok=True)
    told: Any = SimpleNamespace(key=key)
    cache.dig(key, told, lambda done, total, note: None)


def test_each_fit_is_checked_once_and_the_paper_once_for_all_campaigns(tmp_path: Path, worked: list[str]) -> None:
    first, second = (Cache(tmp_path / name, tmp_path / "shared") for name in ("a", "b"))
    assert first.paper() is None
    for cache, key in ((first, "one"), (first, "one"), (first, "two"), (second, "one"), (first, "one")):
        dig(cache, key)
    assert worked == ["one", "paper", "two", "one"]
    restarted = Cache(tmp_path / "a", tmp_path / "shared")
    dig(restarted, "two")
    assert restarted.deep("two") == {"verdict": "two"}
    assert restarted.paper() == second.paper() == CLAIMS
    assert worked == ["one", "paper", "two", "one"]


def test_a_file_that_was_cut_short_is_made_again(tmp_path: Path, worked: list[str]) -> None:
    dig(Cache(tmp_path / "a", tmp_path / "shared"), "one")
    (held,) = (tmp_path / "shared").iterdir()
    held.write_text(held.read_text()[:5])
    again = Cache(tmp_path / "a", tmp_path / "shared")
    assert again.paper() is None
    dig(again, "one")
    assert again.paper() == CLAIMS
    assert worked == ["one", "paper", "paper"]


def test_the_key_of_the_papers_table_stays_while_table_and_code_do(monkeypatch: pytest.MonkeyPatch) -> None:
    before = deep_view.paper_key()
    assert before == deep_view.paper_key()
    monkeypatch.setattr("importlib.metadata.version", lambda name: "another")
    assert deep_view.paper_key() != before
