"""Hold what a command gives now against what was committed."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.golden.commands import GOLDEN

__all__ = ["SAME", "SAME_RANKING", "as_text", "assert_same", "differences", "without_moments"]

#: Relative difference below which two computed numbers are the same, as for `spinscreen replay`: other processors round
#: in another order.
SAME = 1e-6
#: The same for the numbers of a ranking.
SAME_RANKING = 1e-9
#: What says when, and by which code, something was computed.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(\+00:00|Z)?|\d{4}-\d\d-\d\d")
_COMPUTED_BY = ("versions", "versions_changed", "verdict", "code_known", "data_key", "key")


def without_moments(value: Any) -> Any:
    """`value` (JSON) with every time in it blanked, and without what names code, packages and keys of fits."""
    if isinstance(value, dict):
        return {name: without_moments(part) for name, part in value.items() if name not in _COMPUTED_BY}
    if isinstance(value, list):
        return [without_moments(part) for part in value]
    return _MOMENT.sub("WHEN", value) if isinstance(value, str) else value


def as_text(value: Any) -> str:
    """A golden file's content: JSON, or the text as it is."""
    return value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def differences(was: Any, now: Any, rel: float = SAME, at: str = "") -> Iterator[str]:
    """One line for each place in which two JSON values differ by more than `rel` relative."""
    if isinstance(was, dict) and isinstance(now, dict):
        for name in was.keys() | now.keys():
            if name not in now or name not in was:
                yield f"{at}.{name}: {'only before' if name in was else 'only now'}"
            else:
                yield from differences(was[name], now[name], rel, f"{at}.{name}")
    elif isinstance(was, list) and isinstance(now, list):
        if len(was) != len(now):
            yield f"{at}: {len(was)} entries before, {len(now)} now"
        for place, (old, new) in enumerate(zip(was, now, strict=False)):
            yield from differences(old, new, rel, f"{at}[{place}]")
    elif isinstance(was, float) or isinstance(now, float):
        numbers = all(isinstance(value, int | float) for value in (was, now))
        if not numbers or not math.isclose(was, now, rel_tol=rel, abs_tol=rel * 1e-3):
            yield f"{at}: {was!r} before, {now!r} now"
    elif was != now or type(was) is not type(now):
        yield f"{at}: {was!r} before, {now!r} now"


def assert_same(file: Path, now: Any, rel: float = SAME, reading: Callable[[Any], Any] = lambda value: value) -> None:
    """Fail where `now` is not what the golden `file` holds.

    Args:
        file: committed; `.json` is compared as JSON, anything else as text.
        now: JSON, or text.
        rel: relative difference below which numbers in JSON are the same.
        reading: what of the JSON is compared; all of it by default.
    """
    name = file.relative_to(GOLDEN)
    assert file.is_file(), f"there is no {name}; write it with: python -m tests.golden.make {name.parts[0]}"
    was = file.read_text(encoding="utf-8")
    if file.suffix == ".json":
        wrong = sorted(differences(reading(json.loads(was)), reading(json.loads(as_text(now))), rel))
    else:
        wrong = list(difflib.unified_diff(was.splitlines(), now.splitlines(), "before", "now", lineterm="", n=1))
    assert not wrong, (
        f"tests/golden/{name} says otherwise:\n  "
        + "\n  ".join(wrong[:40])
        + f"\nIf that is meant, write it anew with: python -m tests.golden.make {name.parts[0]} "
        "and say in the CHANGELOG what users see"
    )
