"""What a case is, and the list of all cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module

__all__ = ["CASES", "OURS", "Case", "Outcome", "Setting", "Unfinished", "case", "load"]

#: Modules that register cases when they are imported.
MODULES = ("oracle", "surrogate", "ranking", "backtest", "enumeration", "traces", "store")

#: The contender that the others are measured against, in every case.
OURS = "spinscreen"


@dataclass(frozen=True)
class Setting:
    """How a case is run.

    Attributes:
        seed: of everything random.
        scale: 1.0 as registered; less makes fewer repeats, for trying a case out.
        csv: finished tables of the user, "path:column" or "path:column:max".
    """

    seed: int = 0
    scale: float = 1.0
    csv: tuple[str, ...] = ()

    def times(self, n: int, least: int = 2) -> int:
        """`n` repeats at this scale."""
        return max(least, round(self.scale * n))


@dataclass(frozen=True)
class Unfinished:
    """A contender that started and did not come to its end.

    Attributes:
        why: the limit that ended it.
        at_least: what a sample of it is for certain, where that is known.
    """

    why: str
    at_least: float | None = None


@dataclass
class Outcome:
    """What the contenders needed or reached.

    Attributes:
        samples: contender to one number an item, in the same order for all; the first contender is ours. A contender
            that could not take part, or was ended, has no entry.
        unfinished: contenders that a limit ended.
        absent: contenders that did not take part, with the reason.
        notes: sentences for the reader, such as agreement of results.
    """

    samples: dict[str, list[float]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    unfinished: dict[str, Unfinished] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Case:
    """One question with its contenders.

    Attributes:
        name: to ask for it by.
        question: what is compared, in a sentence.
        unit: of the samples; smaller is better in every case.
        item: what one sample is of.
        run: runs it.
        slow: left out of a run of all cases.
    """

    name: str
    question: str
    unit: str
    item: str
    run: Callable[[Setting], Outcome]
    slow: bool = False


CASES: dict[str, Case] = {}


def case(name: str, question: str, unit: str, item: str, slow: bool = False) -> Callable[..., Callable[..., Outcome]]:
    """Register the decorated function as a case."""

    def register(run: Callable[[Setting], Outcome]) -> Callable[[Setting], Outcome]:
        CASES[name] = Case(name, question, unit, item, run, slow)
        return run

    return register


def load() -> Mapping[str, Case]:
    """All cases by name."""
    for module in MODULES:
        import_module(f"benchmarks.cases.{module}")
    return CASES


def chosen(names: Sequence[str]) -> list[Case]:
    """The cases of these names, or all that are not slow.

    Raises:
        KeyError: for a name that is not known.
    """
    cases = load()
    return [cases[name] for name in names] if names else [each for each in cases.values() if not each.slow]
