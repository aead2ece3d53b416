"""Floor 4: what to make next, and what was learnt. `Campaign` is the only object of spinscreen with a memory."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from campaigns.campaign import Campaign
    from campaigns.config import CampaignConfig

__all__ = ["Campaign", "CampaignConfig"]

#: Module of each name. Loaded when asked for: the command line imports this package for every --help.
_HOMES = {"Campaign": "campaigns.campaign", "CampaignConfig": "campaigns.config"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
