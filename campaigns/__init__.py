"""Floor 4: what to make next, and what was learnt. `Campaign` is the only object of spinscreen with a memory."""

from __future__ import annotations

# `typing` and `importlib` take longer than all else until Ctrl+C is heard, so they are not imported to run.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from campaigns.campaign import Campaign
    from campaigns.config import CampaignConfig

__all__ = ["Campaign", "CampaignConfig"]

#: Module of each name. Loaded when asked for: the command line imports this package for every --help.
_HOMES = {"Campaign": "campaigns.campaign", "CampaignConfig": "campaigns.config"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
