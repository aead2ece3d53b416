"""What the command line prints: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from math import isfinite
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markup import escape
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text
from typer import confirm

from chemspace.progress import Announcement
from chemspace.progress import Progress as ProgressCallback
from chemspace.tables.cells import printable

if TYPE_CHECKING:
    from campaigns.errors import UnconfirmedError


class _Plain(Console):
    """Control characters of what is printed are shown as U+FFFD, lest a terminal obeys them."""

    def render_str(self, text: str, **how: Any) -> Text:
        return super().render_str(printable(text), **how)


class _Output(_Plain):
    """Stdout; a reader that has seen enough, as `head`, ends the command quietly."""

    def on_broken_pipe(self) -> None:
        with suppress(SystemExit):
            super().on_broken_pipe()
        raise SystemExit(0)


out = _Output(highlight=False)
err = _Plain(stderr=True, highlight=False)
#: Neither notes nor bars: `--quiet`. Results for a program: `--json`.
quiet = is_json = False
#: What is told of a command that was stopped: one that keeps what it finished, and one that keeps nothing half done.
GOES_ON = "stopped; what was finished is kept, the same command goes on from there"
ANEW = "stopped; nothing of its result is kept, the same command begins anew"
#: That of the present command, told before it begins too; one that has done something to keep says what.
stopped = "stopped before anything was done"


def print_json(value: Any) -> None:
    """Print `value` as JSON on stdout, plain, for another program."""
    try:
        print(printable(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)), flush=True)
    except BrokenPipeError:
        out.on_broken_pipe()


def finite(value: Any) -> Any:
    """`value` for JSON: numbers that JSON has no word for (infinite, not a number) become null."""
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def count(number: int, noun: str) -> str:
    """1 round, 2 rounds."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class _Table(Table):
    """A table whose headings are broken between words where it is wider than the terminal."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if Measurement.get(console, options.update(max_width=10_000), self).maximum > options.max_width:
            for column in self.columns[1:]:
                words = str(column.header).split()
                column.header = "\n".join(wrap(str(column.header), max(*map(len, words), 5)))
        return super().__rich_console__(console, options)


def table(first: str, *others: str, left: Collection[str] = (), title: str | None = None) -> Table:
    """A table: the first column and those named in `left` on the left, the others, numbers, on the right.

    Without a title it has no rules. Where the terminal is narrow, headings are broken between words and the first
    column gives way; numbers stay whole.
    """
    made = _Table(box=None, pad_edge=False, header_style="dim") if title is None else _Table(title=escape(title))
    made.add_column(escape(first), overflow="fold")
    for heading in others:
        if heading in left:
            made.add_column(escape(heading), overflow="fold")
        else:
            least = max(*map(len, heading.split()), min(len(heading), 5))
            made.add_column(escape(heading), justify="right", min_width=least)
    return made


def line(text: str) -> None:
    """A line of a result, as it is."""
    _print(Text(printable(text)))


def marked(text: str) -> None:
    """A line of a result with markup; what comes from users is to be escaped."""
    _print(Text.from_markup(printable(text), emoji=False))


#: A number and its unit, and a word and its share, between which no line is broken.
_QUANTITY = re.compile(r"(?<=\d) (?=(?:ps|fs|ns|[mµu]?L|[mk]?g|mmol|mol|M|K|nm|eV|D|bohr³|h|min|s|°C)\b)| (?=\d+%)")
#: Stands for a space that is no place to break a line, while lines are broken.
_TIE = "\ue000"


def _print(text: Text) -> None:
    """Print lines: as they are into a pipe, broken between words in a terminal."""
    if not out.is_terminal:
        out.print(text, soft_wrap=True)
        return
    for paragraph in text.split("\n", allow_blank=True):
        for part in _broken(paragraph, out.width):
            out.print(part, soft_wrap=True)


def _broken(text: Text, width: int) -> Iterator[Text]:
    """`text` in lines of at most `width`, those after the first a little further in."""
    if text.cell_len <= width:
        yield text
        return
    indent = len(text.plain) - len(text.plain.lstrip())
    text = text[indent:]
    text.plain = _QUANTITY.sub(_TIE, text.plain)
    for place, part in enumerate(text.wrap(out, width - indent - 4, overflow="fold")):
        part.plain = part.plain.replace(_TIE, " ")
        part.pad_left(indent + (4 if place else 0))
        yield part


def answer(value: Any, shown: str | Callable[[], object]) -> None:
    """What a command did: for a program, or in lines, or as `shown` shows it."""
    if is_json:
        print_json(value)
    elif callable(shown):
        shown()
    else:
        line(shown)


def remark(text: str) -> None:
    """A line of the result for people; beside one for a program it is a note."""
    note(text) if is_json else line(text)


def note(text: str) -> None:
    """A line about what is going on."""
    if not quiet:
        say(text)


def say(text: str) -> None:
    """A line on stderr."""
    err.print(escape(text), soft_wrap=True)


def say_stopped() -> None:
    """What a command that was stopped leaves."""
    say(stopped)


def begin(*, be_quiet: bool, print_for_program: bool, keeps: bool) -> None:
    """How the command that begins prints: results, warnings and errors only, and results as JSON; and whether it keeps
    what it finished where it is stopped."""
    global quiet, is_json, stopped
    quiet, is_json, stopped = be_quiet, print_for_program, GOES_ON if keeps else ANEW


def warn(text: str) -> None:
    """Something the user should know that does not stop the work."""
    err.print(f"[yellow]warning:[/] {escape(text)}", soft_wrap=True)


def ask(question: UnconfirmedError, words: str) -> None:
    """Go on where a person at a terminal says yes to what is in question; raises `question` elsewhere."""
    if is_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise question
    for guess in question.guesses:
        note(f"  {guess}")
    if not confirm(words, err=True):
        raise question


def error(text: str) -> None:
    """Why the command stopped."""
    err.print(f"[bold red]error:[/] {escape(text)}", soft_wrap=True)


@contextmanager
def bar(title: str) -> Iterator[ProgressCallback]:
    """A progress bar on stderr, one line at the end where that is no terminal; announcements stand above it."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("[dim]{task.fields[note]}"),
    )
    with Progress(*columns, console=err, transient=False, expand=False, disable=quiet) as progress:
        tasks: list[TaskID] = []  # nothing is drawn for work that turns out to be done already

        def update(done: int, total: int, text: str) -> None:
            if isinstance(text, Announcement):
                progress.console.print(escape(text), soft_wrap=True)
                text = ""
            if not tasks:
                tasks.append(progress.add_task(title, total=total, note=""))
            progress.update(tasks[0], completed=done, total=total, note=escape(printable(text[:32])))

        yield update
        for task in tasks:
            progress.update(task, note="")
