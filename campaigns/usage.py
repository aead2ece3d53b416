"""What became of the compounds of a space: measured, awaited, declined, failed, refused, or left to suggest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from campaigns.events import NEVER_AGAIN, Stage
from campaigns.space import without
from chemspace import Compound, parse_formula

if TYPE_CHECKING:
    from campaigns.reader import CampaignReader

#: Larger spaces are not counted: no group uses one up. Of more compounds than `_LOOKED_AT` no hazards are looked up.
_COUNTED, _LOOKED_AT = 20_000, 1000


@dataclass(frozen=True, slots=True)
class SpaceUse:
    """A space of which nothing is left to suggest.

    Attributes:
        n_compounds: compounds of the space.
        n_measured, n_awaited, n_declined: of these measured, pending and declined.
        n_failed: tried without a phase-pure or measurable compound.
        n_refused: left, but for a cation with a hazard that the campaign refuses.
    """

    n_compounds: int
    n_measured: int
    n_awaited: int
    n_declined: int
    n_failed: int
    n_refused: int

    @property
    def sentence(self) -> str:
        """What they are, and what would free some."""
        counts = {
            "measured": self.n_measured,
            "awaited": self.n_awaited,
            "declined": self.n_declined,
            "failed": self.n_failed,
            "refused for a hazard": self.n_refused,
        }
        told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        ways = []
        if self.n_awaited:
            ways.append("tell which of the awaited will not be made (spinscreen outcome CAMPAIGN FORMULA abandoned)")
        if self.n_refused:
            ways.append("lift a refused hazard")
        ways.append("amend the description to a wider space (spinscreen amend)")
        return f"nothing is left to suggest of {self.n_compounds} compounds: {told}. To go on: {', or '.join(ways)}"


def used_up(campaign: CampaignReader, pending: Sequence[str]) -> SpaceUse | None:
    """How a campaign's space is used up; None while something is left of it."""
    space, stages = campaign.space, campaign.state.stages
    if len(space) > _COUNTED:
        return None

    def indices(compounds: Iterable[Compound | None]) -> NDArray[np.int64]:
        found = [space.index(compound) for compound in compounds if compound is not None and compound in space]
        return np.unique(np.array(found, dtype=np.int64))

    def with_stage(wanted: Iterable[Stage]) -> Iterable[Compound]:
        return (parse_formula(formula, campaign.names) for formula, stage in stages.items() if stage in wanted)

    left = np.concatenate([np.empty(0, dtype=np.int64), *(block.index for block in space.blocks(_COUNTED))])
    n_compounds = len(left)

    def take(compounds: Iterable[Compound | None]) -> int:
        """Leave these out of what is left; how many they are."""
        nonlocal left
        rest = np.setdiff1d(left, indices(compounds))
        count, left = len(left) - len(rest), rest
        return count

    n_measured = take(campaign.dataset().compounds)
    n_awaited = take(parse_formula(formula, campaign.names) for formula in pending)
    n_failed = take(with_stage(NEVER_AGAIN - {Stage.DECLINED}))
    n_declined = take(with_stage({Stage.DECLINED}))
    allowed = without(space, campaign.state.ruled_out).allowed(left)
    n_declined, left = n_declined + int(np.count_nonzero(~allowed)), left[allowed]
    if len(left) > _LOOKED_AT or not all(campaign.budget.refused(space[int(index)]) for index in left):
        return None
    return SpaceUse(n_compounds, n_measured, n_awaited, n_declined, n_failed, len(left))
