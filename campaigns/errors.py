"""Errors of the campaign floor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chemspace.errors import SpinscreenError

if TYPE_CHECKING:
    from campaigns.summary import RowReport

__all__ = [
    "CampaignError",
    "CampaignExistsError",
    "CampaignNotFoundError",
    "ConfigError",
    "DependedOnError",
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
