"""Arguments of Python callers, refused in the words of the command line."""

from __future__ import annotations

from operator import index

from campaigns.errors import CampaignError, LifecycleError
from campaigns.events import Stage


def whole_number(value: object, least: int, what: str) -> int:
    """`value` as a whole number of at least `least`. Raises CampaignError naming `what` it is, and what is right."""
    try:
        number = index(value)  # type: ignore[arg-type]  # what is no whole number raises
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise CampaignError(f"{what} is {value!r}; give a whole number, at least {least}")
    return number


def stage_of(word: str) -> Stage:
    """The stage that a word of the command line names, as "not formed" or "not_formed". Raises LifecycleError listing
    the stages that there are."""
    stages = {stage.value: stage for stage in Stage if stage not in (Stage.SUGGESTED, Stage.MEASURED)}
    wanted = str(word).replace("_", " ").replace("-", " ").strip().lower()
    if isinstance(word, Stage):
        return word
    if wanted not in stages:
        raise LifecycleError(f"{word!r} is not one of {', '.join(stages)}")
    return stages[wanted]
