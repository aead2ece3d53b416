"""The campaign in the browser and for the lab's programs: one FastAPI application over any number of campaigns.

Nothing here is imported by `campaigns` itself; `spinscreen serve` loads it when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from campaigns.web.app import create_app
    from campaigns.web.settings import Settings

__all__ = ["Settings", "create_app"]


def __getattr__(name: str) -> Any:
    if name == "create_app":
        from campaigns.web.app import create_app

        return create_app
    if name == "Settings":
        from campaigns.web.settings import Settings

        return Settings
    raise AttributeError(f"module 'campaigns.web' has no attribute {name!r}")
