"""What became of the compounds of a space: measured, awaited, declined, failed, refused, or left to suggest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from campaigns.events import NEVER_AGAIN, Stage

if TYPE_CHECKING:
    from campaigns.reader import CampaignReader
    from chemspace import Compound

#: Larger spaces are not counted: no group uses one up. Of more compounds than `_LOOKED_AT` no hazards are looked up.
COUNTED, _LOOKED_AT = 20_000, 1000


def nothing_left(campaign: CampaignReader, pending: Sequence[str]) -> str | None:
    """What became of the compounds where none is left to suggest, what would free some; None while some are left."""
    from campaigns.space import without
    from chemspace import parse_formula

    space, stages = campaign.space, campaign.state.stages
    if len(space) > COUNTED:
        return None

    def indices(compounds: Iterable[Compound | None]) -> NDArray[np.int64]:
        found = [space.index(compound) for compound in compounds if compound is not None and compound in space]
        return np.unique(np.array(found, dtype=np.int64))

    def with_stage(wanted: Iterable[Stage]) -> Iterable[Compound]:
        return (parse_formula(formula, campaign.names) for formula, stage in stages.items() if stage in wanted)

    left = np.concatenate([np.empty(0, dtype=np.int64), *(block.index for block in space.blocks(COUNTED))])
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
    counts = {
        "measured": n_measured,
        "awaited": n_awaited,
        "declined": n_declined,
        "failed": n_failed,
        "refused for a hazard": len(left),
    }
    used = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    ways = []
    if n_awaited:
        ways.append("tell which of the awaited will not be made (spinscreen outcome CAMPAIGN FORMULA abandoned)")
    if len(left):
        ways.append("lift a refused hazard")
    ways.append("amend the description to a wider space (spinscreen amend)")
    compounds = "1 compound" if n_compounds == 1 else f"{n_compounds} compounds"
    return f"nothing is left to suggest of {compounds}: {used}. To go on: {', or '.join(ways)}"
