"""What a campaign takes in: arguments of the right kind, text that can be kept, and finite numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from math import isfinite
from operator import index
from typing import Any, ParamSpec, TypeVar

from campaigns.errors import CampaignError, UnfitTextError
from chemspace.text import one_line, text_problem

#: A longer reason is a text of its own.
LONGEST = 2_000

P = ParamSpec("P")
R = TypeVar("R")
#: By annotation: types that an argument may have, and what to give in words. Whole numbers are read by `index`.
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "bool": ((bool,), "True or False"),
    "str": ((str,), "text"),
    "int": ((), "a whole number"),
    "int | None": ((type(None),), "a whole number"),
}
_LEAST = {"batch_size": 1, "seed": 0}


def checked(method: Callable[P, R]) -> Callable[P, R]:
    """A campaign's method that refuses flags, texts and whole numbers of another kind than its annotations say, by a
    CampaignError in the words of the command line, before it does anything."""
    declared = signature(method)

    @wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = declared.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            types, words = _KINDS.get(str(declared.parameters[name].annotation), ((object,), ""))
            if isinstance(value, types):
                continue
            try:
                number = None if isinstance(value, bool) or "number" not in words else index(value)
            except TypeError:
                number = None
            least = _LEAST.get(name)
            if number is None or (least is not None and number < least):
                what = f"{'' if bool in types else 'the '}{name.replace('_', ' ')}"
                at_least = "" if least is None else f", at least {least}"
                raise CampaignError(f"{what} is {value!r}; give {words}{at_least}")
            bound.arguments[name] = number
        return method(*bound.args, **bound.kwargs)

    return call


def check_words(text: str, where: str) -> None:
    """Refuse what is more than a line that can be recorded, by an UnfitTextError that names the place."""
    check_recordable(text, where)
    if one_line(text) != text:
        raise UnfitTextError(f"{where}: it holds a line end or a tab; write it in one line")
    if len(text) > LONGEST:
        raise UnfitTextError(f"{where}: it has {len(text):,} characters; at most {LONGEST:,} are recorded")


def check_recordable(value: Any, where: str = "") -> None:
    """Refuse unrecordable text and numbers that are not finite, by an UnfitTextError naming place and what."""
    if isinstance(value, str):
        if problem := text_problem(value):
            raise UnfitTextError(f"{where or 'the text'}: it {problem}")
    elif isinstance(value, float) and not isfinite(value):
        raise UnfitTextError(f"{where or 'the number'}: {value} is no finite number")
    elif isinstance(value, dict):
        for name, part in value.items():
            check_recordable(name, where)
            check_recordable(part, f"{where}.{name}" if where else str(name))
    elif isinstance(value, list | tuple):
        for place, part in enumerate(value, start=1):
            check_recordable(part, f"{where}, entry {place}")
