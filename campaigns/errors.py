"""Errors of the campaign floor and its server, and the checks of what is handed in: arguments, text, numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from math import isfinite
from numbers import Real
from operator import index
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from chemspace.errors import SpinscreenError
from chemspace.tables.cells import one_line, text_problem

if TYPE_CHECKING:
    from campaigns.summary import RowReport

__all__ = [
    "CampaignError",
    "CampaignExistsError",
    "CampaignNotFoundError",
    "ConfigError",
    "DependedOnError",
    "FitSettingError",
    "IngestError",
    "LifecycleError",
    "PdfError",
    "PropertyError",
    "StoreError",
    "UnconfirmedError",
]


class CampaignError(SpinscreenError):
    """Anything a campaign refuses."""


class CampaignNotFoundError(CampaignError):
    """A folder that holds no campaign."""


class CampaignExistsError(CampaignError):
    """A folder that holds a campaign with another configuration."""


class ConfigError(CampaignError):
    """A campaign description that cannot be used.

    Attributes:
        path: keys and positions of the field in question, from the top of the description; () where there is none.
    """

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        self.path = path
        super().__init__(message)


class StoreError(CampaignError):
    """A campaign file that cannot be read or written."""


class SchemaError(StoreError):
    """A campaign file written by a newer spinscreen."""


class DamagedError(StoreError):
    """A campaign's log or kept file that is not what was written."""


class OvertakenError(StoreError):
    """An event made from a state that is no longer the last one: another process was faster."""


class LifecycleError(CampaignError):
    """A step in a compound's life, or a retraction, that cannot follow from where it stands."""


class AlreadySoError(LifecycleError):
    """What is to be recorded is what was recorded last, in the same words."""


class UnfitTextError(CampaignError):
    """Text that cannot be recorded: half a character, or a control character."""


class DependedOnError(LifecycleError):
    """Something that later events stand on is to be undone, and nobody confirmed it."""


class PropertyError(CampaignError):
    """A measured property that the campaign does not have."""


class PdfError(CampaignError):
    """A report that cannot be printed."""


class RemoteError(CampaignError):
    """A request that a server refused, or that reached none.

    Attributes:
        status: of HTTP; 0 where the server was not reached.
        problems: one line each, where the server listed several.
    """

    def __init__(self, status: int, title: str, problems: tuple[str, ...] = ()) -> None:
        self.status, self.problems = status, problems
        super().__init__("\n".join((title, *(f"  {problem}" for problem in problems))))


class IngestError(CampaignError):
    """A table of results that cannot be taken in; every problem is listed and nothing was written.

    Attributes:
        problems: one line each, naming row and column and what would be right.
        rows: what would become of each row, where the table could be read at all.
    """

    def __init__(self, name: str, problems: tuple[str, ...], rows: tuple[RowReport, ...] = ()) -> None:
        self.problems, self.rows = problems, rows
        listed = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"{name} was not ingested, nothing was written:\n{listed}")


class UnconfirmedError(CampaignError):
    """A table whose columns or units were recognised but not declared, or that corrects what is recorded, or another
    description of a campaign; nothing was written.

    Attributes:
        guesses: what was assumed, one sentence each.
        declare: options that say the same; () where only --yes does.
        accept: the argument that takes it as right.
    """

    def __init__(
        self,
        name: str,
        guesses: tuple[str, ...],
        declare: tuple[str, ...] = (),
        accept: str = "accept_guesses",
        done: str = "ingested",
    ) -> None:
        self.guesses, self.declare, self.accept = guesses, declare, accept
        listed = "\n".join(f"  {guess}" for guess in guesses)
        declared = f", or declare it: {' '.join(declare)}" if declare else ""
        option = "--accept-extreme" if accept == "accept_extreme" else "--yes"
        super().__init__(
            f"{name} was not {done}, nothing was written: say whether this is right\n{listed}\n"
            f"If it is, repeat the command with {option}{declared}"
        )


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
    "float | None": ((type(None), Real), "a number"),
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


class WebError(CampaignError):
    """Anything the server refuses."""


class TokenError(WebError):
    """A token file, or a name in it, that cannot be used."""


class UnauthenticatedError(WebError):
    """A request that needs a token and has none, or one that nobody has."""


class ForbiddenError(WebError):
    """A request by somebody who may not do that."""


class NotServedError(WebError):
    """A campaign, job, draft or compound that is not here."""


class NotReadyError(WebError):
    """Something that is still being computed, or has to be asked for first."""


class WorkerError(WebError):
    """Work in a process of its own that was refused there, or whose process died."""


class BusyError(WebError):
    """More work than the server takes on at once."""


class QueryError(WebError):
    """A question that cannot be answered as it was put."""


class KineticsError(CampaignError):
    """A trace, map or fit that cannot be; never raised for a measurement that is merely poor."""


class TraceFileError(KineticsError):
    """A file that is not a table of numbers: empty, a PDF, a workbook, a cell that is no number. `file`: path of the
    file as it was given; `row`: one-based line of the file, or None where no single line is to blame."""

    def __init__(self, file: str, problem: str, right: str, *, row: int | None = None) -> None:
        self.file, self.row = file, row
        where = f"{file}, row {row}" if row is not None else file
        super().__init__(f"{where}: {problem}. {right}")


class UnitError(KineticsError):
    """Delays or wavelengths that cannot be in the unit they are said to be in."""


class AxisError(KineticsError):
    """Delays or wavelengths that cannot be an axis: not finite, repeated, one of them only."""


class DelayMismatchError(KineticsError):
    """SC and CC measured at different delays (or wavelengths): their difference is not defined."""


class TooFewDelaysError(KineticsError):
    """Fewer usable delays than the fit has parameters."""


class NoSignalError(KineticsError):
    """A constant trace, or one in which no decay stands out of the noise."""


class OscillationError(KineticsError):
    """A damped oscillation (Larmor precession, exciton beats): it has a period and a damping, no single lifetime.
    `period_ps`: period, ps; `damping_ps`: 1/e time of the envelope, ps; `damping_stderr_ps` its standard error, NaN
    where unknown."""

    def __init__(self, period_ps: float, damping_ps: float, damping_stderr_ps: float, gain: float) -> None:
        self.period_ps, self.damping_ps, self.damping_stderr_ps = period_ps, damping_ps, damping_stderr_ps
        error = f" +/- {damping_stderr_ps:.2g}" if isfinite(damping_stderr_ps) else ""
        super().__init__(
            f"SC - CC is a damped oscillation with a period of {period_ps:.3g} ps that decays with {damping_ps:.3g}"
            f"{error} ps (AICc {gain:.0f} lower than any decay), such as Larmor precession or exciton beats: it has no "
            "single lifetime. Measure without the transverse field, or name a decay to fit it all the same (--model)"
        )


class NoTimeZeroError(KineticsError):
    """A trace that begins after its rise: time zero cannot be placed."""


class ProbeWindowError(KineticsError):
    """A probe window without a usable wavelength, or a map without a photobleach peak."""


class FitSettingError(KineticsError, ValueError):
    """A setting of the fit that makes no sense, such as a response of negative width."""


class PlotFileError(KineticsError):
    """Figures that cannot be written where they were asked for."""
