"""Uploaded tables that somebody looks at row by row, and confirms, before anything of them is stored."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from campaigns.errors import IngestError, UnconfirmedError
from campaigns.web.desk import Desk
from campaigns.web.drafts import clean_name
from campaigns.web.errors import QueryError
from campaigns.web.waiting import Waiting

if TYPE_CHECKING:
    from campaigns.ingest import ReadingOptions, ValueOptions
    from campaigns.summary import IngestResult, RowReport

__all__ = ["Preview", "Reading", "TableDraft", "Tables", "for_people", "look_at", "take_in_draft"]

#: What the messages of the reader call options of the command line, in words of the page.
_WORDS = (
    (r"; if it is right, use --accept-extreme", "; if it is right, say so below"),
    (r"; say which: --map .*$", "; choose below"),
    (r", say so: --map \S+='?[^']*'?$", ", choose it below"),
    (r"; name it: --map \S+$", "; choose it below"),
    (r": leave --sheet out", ": leave the field empty"),
    (r": say which sheet, --sheet .*$", ": name the sheet below"),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a table is read: column of a field, unit of the lifetimes, sheet. Empty leaves it to the headings.
    `of_property` names the further measured property that it holds values of; empty is lifetimes."""

    columns: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    sheet: str = ""
    accept_extreme: bool = False
    of_property: str = ""

    def options(self) -> ReadingOptions:
        """As arguments of `Campaign.ingest`."""
        return {
            "columns": dict(self.columns),
            "unit": self.unit or None,
            "sheet": self.sheet or None,
            "accept_extreme": self.accept_extreme,
        }

    def value_options(self) -> ValueOptions:
        """As arguments of `Campaign.ingest_values`."""
        return {"columns": dict(self.columns), "sheet": self.sheet or None}


@dataclass(frozen=True, slots=True)
class TableDraft:
    """A table in the server's own folder that waits for somebody to confirm it."""

    id: str
    path: Path
    campaign: str
    reading: Reading

    @property
    def folder(self) -> Path:
        """What belongs to this table alone."""
        return self.path.parent

    @property
    def is_workbook(self) -> bool:
        """Whether it has sheets."""
        with self.path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Preview:
    """What taking a table in would do.

    Attributes:
        headings: of its columns; () where no table was found.
        columns: heading of each field that is read.
        unit: of the lifetimes; "" where each cell names its own, or none is known.
        guesses: what was recognised and not declared, as sentences; somebody has to say that it is right.
        problems: why nothing of it can be taken in.
        rows: what becomes of each row.
        result: what would be taken in; None where nothing can.
    """

    headings: tuple[str, ...]
    columns: Mapping[str, str]
    unit: str
    guesses: tuple[str, ...]
    problems: tuple[str, ...]
    rows: tuple[RowReport, ...]
    result: IngestResult | None


class Tables:
    """The tables of all campaigns that wait, in a folder of the server's own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._waiting: Waiting[TableDraft] = Waiting("this table is not here (any more); upload it again")

    def take(self, campaign: str, name: str, content: bytes, of_property: str = "") -> TableDraft:
        """Keep a table under a name of the server's choosing.

        Raises:
            QueryError: if it is empty.
        """
        if not content:
            wanted = "compound and value" if of_property else "formula and lifetime_ps"
            raise QueryError(f"choose a table first, with the columns {wanted}")
        draft_id = secrets.token_urlsafe(12)
        path = self.root / f"table-{draft_id}" / clean_name(name)
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        return self._waiting.put(TableDraft(draft_id, path, campaign, Reading(of_property=of_property)))

    def get(self, campaign: str, draft_id: str) -> TableDraft:
        """The table called `draft_id` of a campaign.

        Raises:
            NotServedError: if there is none (any more).
        """
        return self._waiting.get(campaign, draft_id)

    def read_as(self, draft: TableDraft, reading: Reading) -> TableDraft:
        """The table read in another way."""
        return self._waiting.change(replace(draft, reading=reading))


def look_at(desk: Desk, draft: TableDraft) -> Preview:
    """What taking a table in would do; nothing is stored.

    Raises:
        PropertyError: if it is to hold values of a property that the campaign does not have.
    """
    if draft.reading.of_property:
        return _look_at_values(desk, draft)
    headings, columns, unit = _layout(draft)
    options = draft.reading.options()
    guesses: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    rows: tuple[RowReport, ...] = ()
    result: IngestResult | None = None
    with desk.writing() as campaign:
        try:
            try:
                result = campaign.ingest(draft.path, dry_run=True, keep_going=True, **options)
            except UnconfirmedError as question:
                guesses = question.guesses
                options["accept_guesses"] = True
                result = campaign.ingest(draft.path, dry_run=True, keep_going=True, **options)
            rows = result.rows
        except IngestError as error:
            problems, rows = tuple(for_people(problem) for problem in error.problems), error.rows
    return Preview(headings, columns, unit, guesses, problems, rows, result)


def take_in_draft(desk: Desk, draft: TableDraft, *, keep_going: bool) -> IngestResult:
    """Take a confirmed table in, whole; or, where `keep_going`, the rows that are right.

    Raises:
        IngestError: listing every problem with its row and column.
    """
    if name := draft.reading.of_property:
        with desk.writing() as campaign:
            return campaign.ingest_values(draft.path, name, keep_going=keep_going, **draft.reading.value_options())
    options = draft.reading.options()
    options["accept_guesses"] = True  # they were shown, and confirmed
    with desk.writing() as campaign:
        return campaign.ingest(draft.path, keep_going=keep_going, **options)


def _look_at_values(desk: Desk, draft: TableDraft) -> Preview:
    from campaigns.ingest.grid import read_grid
    from campaigns.ingest.values import value_fields

    reading, name = draft.reading, draft.path.name
    headings: tuple[str, ...] = ()
    columns: Mapping[str, str] = reading.columns
    problems: tuple[str, ...] = ()
    rows: tuple[RowReport, ...] = ()
    result: IngestResult | None = None
    with desk.writing() as campaign:
        try:
            grid = read_grid(name, draft.path.read_bytes(), reading.sheet or None)
            headings = tuple(column for column in grid.columns if column)
            columns = value_fields(name, grid, reading.of_property, reading.columns)
        except IngestError:
            pass  # said below
        try:
            result = campaign.ingest_values(
                draft.path, reading.of_property, dry_run=True, keep_going=True, **reading.value_options()
            )
            rows = result.rows
        except IngestError as error:
            problems, rows = tuple(for_people(problem) for problem in error.problems), error.rows
    return Preview(headings, columns, "", (), problems, rows, result)


def for_people(problem: str) -> str:
    """A problem in words of the page, which has fields in place of options."""
    for pattern, words in _WORDS:
        problem = re.sub(pattern, words, problem)
    return problem


def _layout(draft: TableDraft) -> tuple[tuple[str, ...], Mapping[str, str], str]:
    """Headings, column of each field, unit of the lifetimes, as far as they can be told."""
    from campaigns.ingest.grid import read_grid
    from campaigns.ingest.layout import layout_of

    reading, name = draft.reading, draft.path.name
    try:
        grid = read_grid(name, draft.path.read_bytes(), reading.sheet or None)
    except IngestError:
        return (), reading.columns, reading.unit
    headings = tuple(column for column in grid.columns if column)
    try:
        layout = layout_of(name, grid, reading.columns, reading.unit or None)
    except IngestError:
        return headings, reading.columns, reading.unit
    return headings, layout.columns, layout.units["lifetime"] or ""
