"""What may happen next to a compound or a measurement: checked against the state, as the event that will record it."""

from __future__ import annotations

from typing import Any

from campaigns.errors import LifecycleError
from campaigns.lifecycle import MADE_OTHERWISE, NEEDS_REASON, Stage, check_step
from campaigns.state import CampaignState
from chemspace import CationLibrary, parse_formula

__all__ = ["retraction", "step"]


def step(
    state: CampaignState, names: CationLibrary, formula: str, stage: Stage, reason: str = "", made: str = ""
) -> dict[str, Any]:
    """The payload of a step in a compound's life.

    Args:
        state: as it stands.
        names: cations a formula may name.
        formula: the compound that was asked for.
        stage: where it stands now.
        reason: why; needed to decline or abandon.
        made: formula of what was made instead, if it was something else.

    Raises:
        LifecycleError: if the step cannot follow, a reason is missing, or something else was made where nothing was.
        ChemspaceError: for a formula that cannot be read.
    """
    asked = parse_formula(formula, names).formula
    instead = parse_formula(made, names).formula if made else ""
    if stage in NEEDS_REASON and not reason.strip():
        raise LifecycleError(f"{asked}: say why it is {stage.value} (--reason), so that the next round knows")
    if instead not in ("", asked) and stage not in MADE_OTHERWISE:
        raise LifecycleError(
            f"{asked} {stage.value}, made {instead}: another compound made instead goes with "
            f"{', '.join(sorted(MADE_OTHERWISE))}; say what else was seen in the reason"
        )
    check_step(asked, state.stages.get(asked), stage)
    return {"formula": asked, "stage": stage.value, "reason": reason, "made": "" if instead == asked else instead}


def retraction(state: CampaignState, number: int, reason: str) -> dict[str, Any]:
    """The payload of taking a measurement back.

    Raises:
        LifecycleError: if there is no such measurement, it is retracted already, or no reason is given.
    """
    row = next((row for row in state.record if row.number == number), None)
    if row is None:
        raise LifecycleError(f"there is no measurement {number}; the record holds {len(state.record)}")
    if row.retracted is not None:
        raise LifecycleError(f"measurement {number} is retracted already ({row.retracted})")
    if not reason.strip():
        raise LifecycleError(f"say why measurement {number} is retracted (--reason)")
    return {"number": number, "reason": reason}
