"""Where pages and report find what was worked out of a fit: JSON files in the campaign's folder, by fit and code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from campaigns.versions import code_state

__all__ = ["DEEP", "PREPARED", "prepared_folder", "read_prepared"]

#: Subfolder of a campaign that holds what its pages need; it may be deleted at any time.
PREPARED = "pages"
#: What takes minutes: baselines, shuffled targets, learning curve, back-test.
DEEP = "deep.json"


def prepared_folder(campaign: Path, data_key: str) -> Path:
    """The folder of the fit with this key as this code works it out, in the campaign's folder."""
    return campaign / PREPARED / f"{data_key}-{code_state()['code_sha256'][:8]}"


def read_prepared(path: Path) -> dict[str, Any] | None:
    """What a file holds; None where it is not there yet, or was cut short by a full disk."""
    try:
        held: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return held
