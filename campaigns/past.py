"""The log as it stood: an old round of suggestions computed again, and what is new since the last fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from campaigns.errors import LifecycleError
from campaigns.measurement import Measurement
from campaigns.state import replay
from campaigns.store import Event, EventKind
from campaigns.suggestion import SuggestionBatch
from chemspace.progress import Progress

if TYPE_CHECKING:
    from campaigns.replay import Replay
    from campaigns.workbench import Workbench

__all__ = ["fresh_since_fit", "recompute"]


def recompute(
    events: Sequence[Event], bench: Workbench, number: int | None = None, progress: Progress | None = None
) -> Replay:
    """Compute round `number` (None: the last) again and hold it against the recorded one.

    Raises:
        LifecycleError: if there is no such round.
    """
    from campaigns.replay import compare
    from campaigns.versions import provenance

    rounds = [place for place, event in enumerate(events) if event.kind is EventKind.SUGGESTED]
    wanted = len(rounds) if number is None else number
    if not 1 <= wanted <= len(rounds):
        raise LifecycleError(f"there is no round {wanted}; the campaign has had {len(rounds)}")
    event = events[rounds[wanted - 1]]
    batch = SuggestionBatch.from_dict(event.key or "", event.payload)
    past = replay(events[: rounds[wanted - 1]])
    again = bench.afresh().suggest(past, batch.pending, len(batch.suggestions), batch.seed, progress)
    return compare(batch, again, provenance(bench.library, batch.seed))


def fresh_since_fit(events: Sequence[Event]) -> tuple[Measurement, ...]:
    """Measurements that stand now and did not when the last fit was made; all of them where none was."""
    fits = [place for place, event in enumerate(events) if event.kind is EventKind.FITTED]
    now = replay(events).measurements
    known = set(replay(events[: fits[-1]]).measurements) if fits else set()
    return tuple(measurement for measurement in now if measurement not in known)
