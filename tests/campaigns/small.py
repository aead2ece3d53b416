"""A campaign that was created and never trained: enough for everything that only records."""

from __future__ import annotations

from pathlib import Path

from benchmarks.campaign_kills import LIBRARY
from campaigns import Campaign, CampaignConfig
from campaigns.config import SpaceRules

__all__ = ["created"]


def created(folder: Path, store: str | None = None) -> Campaign:
    """A new campaign over the small library, in `folder`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    library = folder.parent / "cations.csv"
    library.write_text(LIBRARY, encoding="utf-8")
    return Campaign.create(
        folder, CampaignConfig(space=SpaceRules(n_layers=(1, 2, 3))), libraries=[library], store=store
    )
