"""What the server needs of a campaign beyond what it says about itself, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from campaigns.campaign import Campaign
from campaigns.telling import sentence

if TYPE_CHECKING:
    from campaigns.budget import Budget
    from chemspace import Compound
    from chemspace.progress import Progress
    from oracle import CationRecord

__all__ = ["budget_of", "history_after", "records_of"]


def records_of(
    campaign: Campaign, also: Sequence[Compound] = (), progress: Progress | None = None
) -> dict[str, CationRecord]:
    """The oracle's records of every cation of the space, of what is measured and of `also`, by InChIKey."""
    return campaign._bench.records(campaign.state, also, progress)


def budget_of(campaign: Campaign) -> Budget:
    """The price table and limits of the campaign."""
    return campaign._bench.budget


def history_after(campaign: Campaign, event_id: int) -> list[tuple[int, dict[str, str]]]:
    """(id, what `Campaign.history` says of it) of every event after the one with this id, oldest first."""
    return [
        (
            event.id,
            {
                "at": event.at.isoformat(timespec="seconds"),
                "actor": event.actor,
                "kind": event.kind.value,
                "what": sentence(event),
            },
        )
        for event in campaign._log.events(after=event_id)
    ]
