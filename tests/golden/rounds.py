"""The first round of a campaign for each word that a description knows for what is ranked by."""

from __future__ import annotations

from typing import Any

from tests.golden.commands import Commands

__all__ = ["first_round"]


def first_round(run: Commands, acquisition: str) -> list[dict[str, Any]]:
    """What a new campaign that ranks by `acquisition` suggests."""
    batch: list[dict[str, Any]] = run("launch", f"by_{acquisition}", "--config", f"{acquisition}.yaml", "--json").json
    return batch
