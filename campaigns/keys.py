"""What a fit and a batch were computed from, as a hash: the same key is the same result."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from campaigns.config import CampaignConfig, MeasuredProperty
from campaigns.measurement import Measurement

__all__ = ["batch_key", "data_key"]


def data_key(
    config: CampaignConfig,
    measurements: Sequence[Measurement],
    outcomes: Sequence[tuple[str, str]],
    protocol_key: str,
    version: str,
    properties: Mapping[str, MeasuredProperty],
) -> str:
    """Key of a fit: the description, what was measured and made, the oracle's protocol and spinscreen's version.

    The size and the limits of a batch are left out: they change no fit. A property counts with its values where they
    are no longer those of the launch, which the description holds.
    """
    told = [config.key_fields(), [m.to_dict() for m in measurements], list(outcomes), protocol_key, version]
    changed = {
        name: [row.model_dump(mode="json") for row in measured.table]
        for name, measured in properties.items()
        if measured.table != config.properties[name].table
    }
    return _digest([*told, changed] if changed else told)


def batch_key(fit_key: str, seed: int, batch_size: int, pending: Sequence[str], barred: Sequence[str]) -> str:
    """Key of a batch: the fit, the seed, the size, what was pending and what was ruled out."""
    return "suggest:" + _digest([fit_key, seed, batch_size, sorted(pending), sorted(barred)])


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
