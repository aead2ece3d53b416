"""What the server needs of a campaign beyond what it says about itself, in one place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from campaigns.campaign import Campaign
from campaigns.telling import sentence

if TYPE_CHECKING:
    from chemspace import Compound
    from chemspace.progress import Progress
    from oracle import CationRecord

__all__ = ["cost_of", "history_after", "records_of"]


def records_of(
    campaign: Campaign, also: Sequence[Compound] = (), progress: Progress | None = None
) -> dict[str, CationRecord]:
    """The oracle's records of every cation of the space, of what is measured and of `also`, by InChIKey."""
    return campaign._bench.records(campaign.state, also, progress)


def cost_of(campaign: Campaign) -> Callable[[Compound], float]:
    """Money for the cations of a compound by the campaign's price table; NaN where a price is unknown."""
    return campaign._bench.budget.cost


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
