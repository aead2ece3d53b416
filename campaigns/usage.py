"""What became of the compounds of a space: measured, awaited, declined, failed, excluded, or left to suggest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from campaigns.events import NEVER_AGAIN, Stage

if TYPE_CHECKING:
    from campaigns.config import BudgetRules
    from campaigns.reader import CampaignReader
    from chemspace import Compound

#: More compounds are not looked at one by one.
_LOOKED_AT = 1000


def nothing_left(campaign: CampaignReader, pending: Sequence[str]) -> str | None:
    """What became of the compounds of a space of which none is left to suggest, and what would free some; None while
    some are left. `pending` are formulas whose result is awaited, or that are suggested already."""
    from campaigns.space import COUNTED, without
    from chemspace import parse_formula

    space, stages, awaited = campaign.space, campaign.state.stages, set(campaign.state.pending)
    if len(space) > COUNTED:
        return None
    left = np.concatenate([np.empty(0, dtype=np.int64), *(block.index for block in space.blocks(COUNTED))])
    n_compounds = len(left)

    def take(compounds: Iterable[Compound | None]) -> int:
        """Leave these out of what is left; how many they are."""
        nonlocal left
        found = [space.index(compound) for compound in compounds if compound is not None and compound in space]
        rest = np.setdiff1d(left, np.array(found, dtype=np.int64))
        count, left = len(left) - len(rest), rest
        return count

    def named(formulas: Iterable[str]) -> Iterable[Compound]:
        return (parse_formula(formula, campaign.names) for formula in formulas)

    def with_stage(wanted: Iterable[Stage]) -> Iterable[Compound]:
        return named(formula for formula, stage in stages.items() if stage in wanted)

    counts = {
        "measured": take(campaign.dataset().compounds),
        "awaited": take(named(formula for formula in pending if formula in awaited)),
        "suggested": take(named(pending)),
        "failed": take(with_stage(NEVER_AGAIN - {Stage.DECLINED})),
        "declined": take(with_stage({Stage.DECLINED})),
    }
    allowed = without(space, campaign.state.ruled_out).allowed(left)
    counts["declined"] += int(np.count_nonzero(~allowed))
    left = left[allowed]
    excluded = None if len(left) > _LOOKED_AT else _excluded(campaign, [space[int(index)] for index in left])
    if excluded is None:
        return None
    told = {name: counts[name] for name in ("measured", "awaited", "suggested", "declined", "failed")} | excluded
    ways = [way for name, way in _WAYS.items() if told.get(name)]
    ways.append("amend the description to a wider space (spinscreen amend)")
    used = ", ".join(f"{count} {name}" for name, count in told.items() if count)
    compounds = "1 compound" if n_compounds == 1 else f"{n_compounds} compounds"
    return f"nothing is left to suggest of {compounds}: {used}. To go on: {', or '.join(ways)}"


#: What would free compounds of which that became.
_WAYS = {
    "awaited": "tell which of the awaited will not be made (spinscreen outcome CAMPAIGN FORMULA abandoned)",
    "suggested": "ingest results of what is suggested",
    "declined": "undo a decline (spinscreen undo)",
    "refused for a hazard": "lift a refused hazard",
    "too dear or without a price": "give prices or raise budget.max_cost",
    "too late or without a delivery time": "give delivery times or raise budget.max_days",
    "without descriptors": "let the oracle compute the failed cations otherwise",
}


def _excluded(campaign: CampaignReader, left: Sequence[Compound]) -> dict[str, int] | None:
    """How many compounds are excluded for each reason; None where one is not."""
    reasons = [campaign.budget.excludes(compound) for compound in left]
    if "" in reasons:
        failed = campaign.failed_cations()
        undescribed = [any(cation.inchikey in failed for cation, _ in one.cation_counts) for one in left]
        reasons = [why or "without descriptors" * lost for why, lost in zip(reasons, undescribed, strict=True)]
    return None if "" in reasons else dict(Counter(reasons))


def shortfall(n: int, asked: int, n_ranked: int, limits: BudgetRules) -> str:
    """Why a round holds n compounds and not as many as were asked for, where n_ranked competed for it."""
    if n == n_ranked:
        left = {0: "no compound is", 1: "only 1 compound is"}.get(n, f"only {n} compounds are")
        return f"{left} left to suggest, {asked} were asked for"
    held = {name: getattr(limits, name) for name in ("max_per_spacer", "min_distance", "max_cost", "max_days")}
    told = [f"{name} {limit:g}" for name, limit in held.items() if limit is not None]
    told += [f"no {hazard}" for hazard in limits.refused_hazards]
    found = f"only {n} of {asked} compounds fit" if n else f"none of the {n_ranked} best ranked compounds fits"
    return f"{found} the limits of a batch ({', '.join(told)}); loosen one (spinscreen amend) or ask for fewer"
