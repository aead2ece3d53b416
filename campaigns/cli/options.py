"""Options of a command as the fields of an `OptionGroup`, and the options that several commands share.

    class RetractOptions(CampaignOptions):
        number: Annotated[int, typer.Argument(help="The measurement's number.")]
        reason: Annotated[str, "Why, for the record."] = ""
        of_task: Annotated[str | None, "--task", "Not our own lifetime.", {"metavar": "NAME"}] = None


    @takes(RetractOptions)
    def retract(options: RetractOptions) -> None: ...

An option is declared by its help; before it flags other than its own name, after it further settings of `typer.Option`.
Those of a class with a `panel` stand under that heading. A switch has no second flag that turns it off.
Arguments come first, those of the base class before the own ones; then the own options, then those of the base class.
A field whose type is another such group stands for that one's options: they are listed in its place, and the
command gets them as one object.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from enum import StrEnum
from functools import cache
from inspect import Parameter, Signature, get_annotations, getdoc
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, dataclass_transform, get_args

import typer
from typer.models import ArgumentInfo, OptionInfo

from campaigns.cli import console

if TYPE_CHECKING:
    from campaigns.campaign import Campaign
    from campaigns.reader import CampaignReader
    from screening.table_features import TableQuery

Options = TypeVar("Options")


def campaign_folder(path: Path | None) -> Path | None:
    """`path`, unless it is a file."""
    if path is None or not path.is_file():
        return path
    if path.name == "campaign.db":
        raise typer.BadParameter(f"{path} is the file of a campaign; give its folder: {path.parent}")
    here = campaigns_here()
    hint = f"; the campaigns here are {', '.join(here)}" if here else ""
    raise typer.BadParameter(f"{path} is a file; the campaign's folder comes first{hint}")


def campaigns_here() -> list[str]:
    """The campaigns in the working folder, at most five."""
    return sorted(path.parent.name for path in Path().glob("*/campaign.db"))[:5]


def writable(path: Path | None) -> Path | None:
    """`path`, if a file can be written there: asked before hours of work go into it."""
    if path is not None and not path.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {path.parent}")
    if path is not None and not os.access(path.parent, os.W_OK):
        raise typer.BadParameter(f"nothing can be written into {path.parent}; check the permissions")
    return path


#: Settings of an option that takes a file which must be there, and of one that names a file to write.
EXISTING_FILE = {"exists": True, "dir_okay": False}
NEW_FILE = {"dir_okay": False, "callback": writable}

Folder = Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="The campaign's folder.", callback=campaign_folder)]
AsJson = Annotated[bool, "--json", "Print JSON instead of text."]
Workers = Annotated[int, "--workers", "Processes that compute xTB descriptors.", {"min": 1}]
Dask = Annotated[
    str | None, "--dask", "Address or scheduler file of a Dask cluster that does the work. Default: this machine."
]
OracleStorePath = Annotated[
    Path | None,
    "--oracle-store",
    "File that keeps computed descriptors for all campaigns. Default: the user's cache folder.",
    {"envvar": "SPINSCREEN_ORACLE_STORE"},
]


#: Heading in the help under which the options of a group stand.
_PANELS: dict[type, str | None] = {}


@dataclass_transform(kw_only_default=True, frozen_default=True)
class OptionGroup:
    """Options together: what a subclass annotates are its options, given as keywords or by their defaults.

    Not a dataclass: making thirty of them takes longer than all else that `--help` does.
    """

    def __init_subclass__(cls, panel: str | None = None) -> None:
        _PANELS[cls] = panel

    def __init__(self, **values: Any) -> None:
        vars(self).update(values)


class Protonation(StrEnum):
    """How many protons a neutral diamine takes."""

    AUTO = "auto"
    ONE = "one"
    TWO = "two"


class ProtonationOptions(OptionGroup):
    """How many protons the neutral diamines of a library take."""

    protonation: Annotated[Protonation, "Protons of a neutral diamine: as in hydriodic acid (auto), one, or two."] = (
        Protonation.AUTO
    )
    both: Annotated[bool, "--dications", "The same as --protonation two."] = False

    @property
    def dications(self) -> bool | None:
        """As `chemspace.CationLibrary.read` takes it."""
        return True if self.both else {Protonation.ONE: False, Protonation.TWO: True}.get(self.protonation)


class ReadingOptions(ProtonationOptions):
    """How the rows of a library become cations."""

    mapped: Annotated[
        list[str] | None,
        "--map",
        "Column of a library's field, as smiles=Structure or name=Code; repeat.",
        {"metavar": "FIELD=COLUMN"},
    ] = None

    @property
    def columns(self) -> dict[str, str]:
        """Heading of each field that is headed otherwise, as `chemspace.CationLibrary.read` takes it."""
        return mapping_of(self.mapped, "smiles=Structure")


class Replicates(StrEnum):
    """What results of equal rows of a table are."""

    MEAN = "mean"
    ROWS = "rows"


class TableOptions(OptionGroup, panel="Columns and rows of a table"):
    """How any table is read."""

    columns: Annotated[
        str | None, "Columns to learn from, separated by commas. Default: all that can be; the others are told."
    ] = None
    categories: Annotated[
        str | None,
        "Columns of numbers that are codes, separated by commas, or none. Default: whole numbers from 0 or 1 on "
        "without a gap. Texts are categories anyway.",
    ] = None
    noise: Annotated[str | None, "Column with standard deviations of the results."] = None
    replicates: Annotated[Replicates, "Results of equal rows: one, their mean, or each by itself."] = Replicates.MEAN
    keep_going: Annotated[bool, "Leave out rows with a cell that is no number where one is needed."] = False

    def query(self, target: str | None, minimize: bool) -> TableQuery:
        """What is asked of the table."""
        from screening.table_features import TableQuery

        categories = () if self.categories == "none" else _names(self.categories)
        return TableQuery(
            target, minimize, _names(self.columns), categories, self.noise, self.replicates.value, self.keep_going
        )


def _names(text: str | None) -> list[str] | None:
    """Headings between commas; quotes keep a comma in a heading."""
    if text is None:
        return None
    return [name.strip() for name in next(csv.reader([text], skipinitialspace=True)) if name.strip()]


class PrintingOptions(OptionGroup):
    """Of every command that prints a result."""

    as_json: AsJson = False


class CampaignOptions(PrintingOptions):
    """Of a command on one campaign."""

    folder: Folder

    def open(self) -> Campaign:
        """The campaign."""
        from campaigns.campaign import Campaign

        return Campaign.open(self.folder)

    def look(self) -> CampaignReader:
        """The campaign to be looked at, without what a change of it imports."""
        from campaigns.reader import CampaignReader

        return CampaignReader.open(self.folder)


class ComputingOptions(CampaignOptions):
    """Of a command that may compute descriptors for a campaign."""

    oracle_store: OracleStorePath = None

    def open(self) -> Campaign:
        """The campaign over the store of descriptors."""
        from campaigns.campaign import Campaign

        _keep_memory()
        return Campaign.open(self.folder, oracle_store=self.oracle_store)


def _keep_memory() -> None:
    """Have glibc keep up to 256 MB that are free: to map arrays anew in every step took a tenth of an ingest."""
    import ctypes
    import sys

    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(-3, 32 << 20)  # M_MMAP_THRESHOLD, at its most
        library.mallopt(-1, 256 << 20)  # M_TRIM_THRESHOLD


def takes(kind: type[Options], *, keeps: bool = True) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """Make a command of a function of one options object: Typer sees one parameter for each field of `kind`.

    `keeps`: whether a command that is stopped keeps what it finished. Every command takes `--quiet` too. Paragraphs of
    the docstring are wrapped to the terminal's width, not as they stand in the source.
    """

    def decorate(function: Callable[[Options], None]) -> Callable[..., None]:
        def command(*, quiet: bool, **values: Any) -> None:
            console.begin(be_quiet=quiet, print_for_program=values.get("as_json", False), keeps=keeps)
            function(_filled(kind, values))

        command.__name__, command.__module__ = function.__name__, function.__module__
        command.__doc__ = "\n\n".join(part.replace("\n", " ") for part in (getdoc(function) or "").split("\n\n"))
        command.__annotations__ = {}
        command.__signature__ = Signature([*_parameters(kind), _QUIET])  # type: ignore[attr-defined]
        return command

    return decorate


_QUIET = Parameter(
    "quiet",
    Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[
        bool, typer.Option("--quiet", metavar="", help="No notes and no progress: results, warnings, errors.")
    ],
)


def _is_group(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, OptionGroup)


def _parameters(kind: Any) -> Iterator[Parameter]:
    """The options of a group, those of its parts in their place."""
    for name, hint in _options(kind).items():
        if _is_group(hint):
            yield from _parameters(hint)
        else:
            default = getattr(kind, name, Parameter.empty)
            yield Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=_worded(hint))


#: What a help text calls a value; a switch takes none.
_WORDS = {bool: "", int: "NUMBER", float: "NUMBER", str: "TEXT"}


def _worded(hint: Any) -> Any:
    """An option as its help says it: "1 or more" where Typer writes "<int range> [x>=1]"."""
    kind, *_ = get_args(hint)
    info = copy(next((part for part in get_args(hint) if isinstance(part, OptionInfo)), None))
    if info is None:
        return hint
    low, high = info.min, info.max
    if low is not None or high is not None:
        least, most = -inf if low is None else low, inf if high is None else high
        allowed = f"{least:g} or more" if high is None else f"{least:g} to {most:g}"
        info.min, info.max, info.metavar = None, None, info.metavar or allowed

        def within(value: float | None) -> float | None:
            if value is not None and not least <= value <= most:
                raise typer.BadParameter(f"{value:g} is not {allowed}")
            return value

        info.callback = within
    elif info.metavar is None:
        plain = next((each for each in (kind, *get_args(kind)) if each in _WORDS), None)
        info.metavar = None if plain is None else _WORDS[plain]
        if Path in (kind, *get_args(kind)):
            info.metavar = "FOLDER" if not info.file_okay else "PATH" if info.dir_okay else "FILE"
    return Annotated[kind, info]


def _filled(kind: Any, values: dict[str, Any]) -> Any:
    return kind(**{n: _filled(hint, values) if _is_group(hint) else values[n] for n, hint in _options(kind).items()})


def _declared(name: str, hint: Any, of: Any) -> Any:
    """A field's type with what Typer takes of its declaration."""
    said = get_args(hint)
    if not (texts := [part for part in said if isinstance(part, str)]):
        return hint
    kind, (*flags, words) = said[0], texts
    if kind in (bool, bool | None) and not flags:
        flags = [f"--{name.replace('_', '-')}"]
    settings = {key: value for part in said if isinstance(part, dict) for key, value in part.items()}
    return Annotated[kind, typer.Option(*flags, help=words, **{"rich_help_panel": _PANELS[of]} | settings)]


@cache
def _options(kind: Any) -> dict[str, Any]:
    """The options of a group with their types, in the order in which they are listed."""
    arguments: dict[str, Any] = {}
    options: dict[str, Any] = {}
    for base in (each for each in kind.__mro__ if issubclass(each, OptionGroup)):
        hints = get_annotations(base, eval_str=True)
        own = {n: _declared(n, hint, base) for n, hint in hints.items() if n not in arguments and n not in options}
        is_argument = {n: any(isinstance(part, ArgumentInfo) for part in get_args(hint)) for n, hint in own.items()}
        arguments = {name: hint for name, hint in own.items() if is_argument[name]} | arguments
        options |= {name: hint for name, hint in own.items() if not is_argument[name]}
    return arguments | options


def mapping_of(pairs: Sequence[str] | None, example: str) -> dict[str, str]:
    """Column of each field, from FIELD=COLUMN each."""
    columns = {}
    for pair in pairs or ():
        name, sign, column = pair.partition("=")
        if not sign:
            raise typer.BadParameter(f"{pair!r} is no mapping; write FIELD=COLUMN, as {example}", param_hint="--map")
        columns[name.strip()] = column.strip()
    return columns
