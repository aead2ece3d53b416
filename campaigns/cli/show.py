"""How results look in a terminal. Plain text when the output is a pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from campaigns.cli.console import count, marked, note, out, table, warn
from campaigns.narrate import picoseconds, told_apart
from campaigns.summary import FitSummary, IngestResult, RowReport, Status, Suggestion, SuggestionBatch
from campaigns.targets import LIFETIME, Target

if TYPE_CHECKING:
    from campaigns.plan import LaunchPlan
    from chemspace.library import CationLibrary, ReadReport
    from screening.calibration import ScoreWords

#: Refused library rows that are shown; the reject file holds all.
N_REJECTS = 5


def show_fit(fit: FitSummary, before: FitSummary | None = None) -> None:
    """The score card and the verdict, beside those of the fit before."""
    from screening.calibration import BRIEF_SCORES

    marked(f"\n[bold]How far to trust the model[/] ({fit.n_train} of {fit.n_measured} measured rows train it)")
    _show_scores(BRIEF_SCORES, fit.scores, {} if before is None else before.scores)
    marked(f"{escape(fit.grade)}\n{escape(fit.strategy)}")
    for told in fit.related.values():
        marked(escape(told["sentence"]))
    show_properties(fit, before)
    if fit.may_stop:
        marked(f"[yellow]consider stopping:[/] {escape('; '.join(fit.stop_advice))}")


def show_properties(fit: FitSummary, before: FitSummary | None = None) -> None:
    """Out-of-sample scores and verdict of the models of further properties, beside those of the fit before."""
    from screening.calibration import PROPERTY_SCORES

    for name, model in fit.properties.items():
        earlier = {} if before is None else before.properties.get(name, {}).get("scores", {})
        marked(f"\n[bold]{escape(name)}[/] (learnt from {model['n_rows']} rows by a Gaussian process of its own)")
        _show_scores(PROPERTY_SCORES, model["scores"], earlier)
        marked(escape(model["grade"]))
        for line in model["left_out"]:
            warn(f"left out: {line}")


def _show_scores(columns: Sequence[ScoreWords], scores: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Scores by split, those of the fit before under them."""
    shown = table("out of fold", *(column.short for column in columns))
    for split, values in scores.items():
        shown.add_row(split.replace("_", " "), *(column.show(values) for column in columns))
        if split in before:
            shown.add_row("  before", *(column.show(before[split]) for column in columns), style="dim")
    out.print(shown)


def show_changes(changes: tuple[str, ...]) -> None:
    """What moved in the ranking."""
    if changes:
        marked("\n[bold]What moved[/] (among the top ranked, before and after)")
        for line in changes:
            marked(f"  {escape(line)}")


def show_suggestions(
    batch: SuggestionBatch,
    stages: Mapping[str, str],
    recipes: Sequence[str] = (),
    structures: Mapping[str, str | None] | None = None,
    stability: Mapping[str, tuple[int, int]] | None = None,
    names: CationLibrary | None = None,
) -> None:
    """The suggestions of one round, each with where it stands if that moved on, its spacer by name, and with its recipe
    in a line, the file of its structure, and in how many refits it stays in the batch where given."""
    marked(f"\n[bold]Make next[/] (round {batch.number}; predicted lifetime with its 90% interval)")
    alike, reasons = told_apart([s.reason for s in batch.suggestions])
    if alike:
        marked(f"    each: {escape(alike)}")
    for place, s in enumerate(batch.suggestions, start=1):
        stage = stages.get(s.formula) or "suggested"
        marked(
            f"{place:2d}  [bold cyan]{escape(s.formula)}[/]  {picoseconds(s.lifetime_ps)} ps "
            f"[dim]({picoseconds(s.lifetime_low_ps)} to {picoseconds(s.lifetime_high_ps)})[/]  "
            f"{_worth(s)}  forms {s.feasibility:.0%}{f'  [yellow]{escape(stage)}[/]' if stage != 'suggested' else ''}"
        )
        if names is not None and (known := names[s.spacer].names):
            marked(f"    [dim]{escape(s.spacer)} is[/] {escape(known[-1])}")
        for told in filter(None, (reasons[place - 1], s.reported)):
            marked(f"    {escape(told)}")
        kept = (stability or {}).get(s.formula)
        again = (
            "" if kept is None else f"  [dim]suggested again in {kept[0]} of {kept[1]} refits without one compound[/]"
        )
        marked(f"    [dim]nearest measured:[/] {escape(s.nearest_measured)}{again}")
        if s.properties:
            marked(f"    [dim]predicted:[/] {escape(properties(s.properties))}")
        if recipes:
            marked(f"    [dim]recipe:[/] {escape(recipes[place - 1])}")
        if structures and (path := structures.get(s.formula)) is not None:
            marked(f"    [dim]structure:[/] {escape(path)}")


def _worth(suggestion: Suggestion) -> str:
    """The chance to beat the best and, where there is one, to reach the goal; rounds of before have neither."""
    if suggestion.chance_best is None:
        return f"acquisition {suggestion.acquisition:.2f}"
    goal = "" if suggestion.chance_goal is None else f", reaches the goal {suggestion.chance_goal:.0%}"
    return f"[green]{suggestion.tag}[/]  beats the best {suggestion.chance_best:.0%}{goal}"


def show_rejects(report: ReadReport | None, written: Path | None) -> None:
    """What became of the rows of the user's library."""
    if report is None:
        return
    note(str(report))
    for clash in report.clashes[:N_REJECTS]:
        warn(f"{report.path}: {clash}")
    for refused in report.rejections[:N_REJECTS]:
        warn(f"{report.path}, row {refused.row}: {refused.text}: {refused.reason}")
    if written is not None:
        warn(f"rows that became no cation: {report.n_rejected}; each stands with its reason in {written}")


def show_best(status: Status) -> None:
    """Best observed and best predicted, told apart."""
    out.print()
    untold = "known after the next training: spinscreen suggest" if status.fit is None else "none is left to suggest"
    decided = f"  ({status.best_predicted_is})" if status.best_predicted_is else ""
    for label, best, none, now in (
        ("best observed", status.best_observed, "none in the space", ""),
        ("best predicted", status.best_predicted, untold, decided),
    ):
        marked(f"{label + ':':16s}{none if best is None else escape(f'{best[0]}  {best[1]:.3g} ps{now}')}")


def show_next(folder: Path, files: Iterable[Path]) -> None:
    """What was written and what to type next."""
    marked("\n[bold]Written[/]")
    for path in files:
        marked(f"  {escape(str(path))}")
    marked("\n[bold]Next[/]")
    for command, what in (
        (f"spinscreen suggest {folder}", "the same list again, or the next one after new results"),
        (f"spinscreen ingest {folder} results.csv", "take in a CSV with the columns formula,lifetime_ps"),
    ):
        marked(f"  {escape(command):36s}  [dim]{what}[/]")


def show_status(status: Status) -> None:
    """Where the campaign stands."""
    marked(f"[bold]{escape(status.folder)}[/]  since {status.created_at}")
    measured = f"{count(status.n_measured, 'lifetime')} measured, {status.n_ingested} of them ours"
    if n_bounds := sum(row["is_upper_bound"] and row["retracted"] is None for row in status.record):
        measured += f" ({count(n_bounds, 'upper bound')})"
    marked(f"{count(status.n_compounds, 'compound')}; {measured}")
    for name, counts in status.properties.items():
        marked(f"{escape(name)}: {count(counts['n_values'], 'value')}, {counts['n_ingested']} of them taken in here")
    show_spacers(status.spacers, lambda text: marked(escape(text)))
    if status.nothing_left:
        marked(escape(status.nothing_left))
    show_best(status)
    if status.track_record is not None:
        marked(f"\n[bold]Predicted and measured[/]\n{escape(status.track_record.sentence)}")
    awaited = count(len(status.pending), "result")
    marked(f"\n[bold]Compounds[/] ({count(status.rounds, 'round')} of suggestions, {awaited} awaited)")
    for stage in dict.fromkeys(status.stages.values()):
        formulas = [f"{formula}{_measured(status, formula)}" for formula, now in status.stages.items() if now == stage]
        marked(f"  {stage + ':':22s}{escape(', '.join(formulas))}")
    for one in status.ruled_out:
        marked(escape(f"  {'not used:':22s}{one['cation']} as {one['place']} ({one['reason']})"))
    show_record("Measured here", status.record, LIFETIME)
    for name, values in status.properties.items():
        show_record(f"{name}, since the launch", values["record"], Target.of_property(name))
    for task, rows in status.related.items():
        show_record(f"Related task {task}", rows, LIFETIME)
    if status.fit is not None:
        show_fit(status.fit)


def _measured(status: Status, formula: str) -> str:
    """That a compound is measured, where it stands otherwise."""
    has = any(row["formula"] == formula and row["retracted"] is None for row in status.record)
    return " (measured)" if has and status.stages[formula] != "measured" else ""


def show_record(title: str, rows: Sequence[Mapping[str, Any]], target: Target) -> None:
    """What was taken in, or taken back, of one target."""
    if not rows:
        return
    marked(f"\n[bold]{escape(title)}[/]")
    unit = f" {target.unit}" if target.is_lifetime else ""
    for row in rows:
        known: dict[str, Any] = {field: row.get(name) for field, name in target.fields.items()}
        sample = escape(f"  {known['sample']}" if known["sample"] else "")
        where = f"{escape(row['file'])}, {row['at'][:10]}" if row["file"] else "the launch's table"
        gone = "" if row["retracted"] is None else f"  [red]retracted:[/] {escape(row['retracted'])}"
        value = f"{_figure(known['value'], known['stderr'], known.get('is_bound', False))}{unit}{sample}"
        marked(f"  {row['number']:3d}  {escape(known['formula'])}  {value}  [dim]{where}[/]{gone}")


def _figure(value: float | None, stderr: float | None, is_bound: bool) -> str:
    if value is None:
        return ""
    return f"{'<' if is_bound else ''}{value:.4g}" + ("" if stderr is None else f" ± {stderr:.2g}")


def properties(predicted: Mapping[str, Mapping[str, float]]) -> str:
    """Predicted properties with their standard deviations, in a line."""
    return ", ".join(f"{name} {value['mean']:.3g} ± {value['sd']:.2g}" for name, value in predicted.items())


_COLOURS = {"add": "green", "known": "dim", "correct": "cyan", "retracted": "yellow", "refused": "red"}


def show_ingest(result: IngestResult, *, dry_run: bool) -> None:
    """What an ingest did, or would do."""
    if dry_run:
        show_rows(result.rows, result.target)
    verb = "would be added" if dry_run else "added"
    of = "" if result.property is None else f" of {escape(result.property)}"
    if result.target.task:
        of = f" of the related task {escape(result.target.task)}"
    rows = f"{count(result.added, 'row')}{of} {verb}"
    if result.corrected:
        rows += f", {result.corrected} corrected"
    if result.retracted:
        rows += f", {result.retracted} recorded as retracted"
    refused = f", {result.refused} refused" if result.refused else ""
    marked(f"{escape(result.name)}: {rows}, {result.skipped} already known{refused}")
    if result.rejects is not None:
        marked(f"The refused rows stand with their reasons in {escape(result.rejects)}")
    if result.page is not None:
        marked(f"Pictures: {escape(result.page)}")


def show_rows(rows: Sequence[RowReport], target: Target) -> None:
    """Row by row what would happen."""
    if not rows:
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("row", "what", "formula", target.title, "sample", "note"):
        table.add_column(title, justify="right" if title == "row" else "left", overflow="fold")
    for row in rows:
        colour = _COLOURS[row.action]
        table.add_row(
            str(row.line),
            f"[{colour}]{row.action}[/]",
            escape(row.formula),
            _figure(row.value, row.stderr, row.is_bound),
            escape(row.sample),
            escape(row.note),
        )
    out.print(table)


def show_plan(plan: LaunchPlan, then: str) -> None:
    """Sizes, estimates, problems; `then` says what the launch itself does, as "makes demo"."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right")
    table.add_column()
    table.add_row(f"{plan.n_compounds:,}", "compounds")
    table.add_row(
        f"{plan.n_spacers:,}", f"spacers: {plan.n_rp_spacers:,} of charge +1 (RP), {plan.n_dj_spacers:,} of +2 (DJ)"
    )
    for charge, number in plan.charges.items():
        table.add_row(f"{number:,}", f"cations of your library: {charge}")
    table.add_row(f"{plan.n_cage_options}", "cage cations and mixtures")
    most = f" at most, in {count(plan.n_rounds, 'round')} of a learned oracle" if plan.n_rounds else ""
    table.add_row(f"{plan.n_to_compute:,}", f"cations to compute{most}; {plan.n_stored:,} are in the oracle's store")
    hours = f", {plan.oracle_core_hours:.2g} core-hours" if plan.oracle_seconds else ""
    table.add_row(span(plan.oracle_seconds), f"for the oracle ({plan.oracle_seconds_from}{hours})")
    table.add_row(span(plan.learning_seconds), "to train, validate, rank and report (by the published rows here)")
    table.add_row(f"{plan.memory_mb:,.0f} MB", "of memory at most")
    out.print(table)
    for problem in plan.problems:
        marked(f"[yellow]look at this:[/] {escape(problem)}")
    marked(f"nothing was written; without --dry-run this {escape(then)}")


def note_search(plan: LaunchPlan) -> None:
    """What a learned oracle will cost at most, before it begins."""
    hours = f"{plan.oracle_core_hours:.2g} core-hours, {span(plan.oracle_seconds)} ({plan.oracle_seconds_from})"
    most = f"{count(plan.n_to_compute, 'calculation')} in {count(plan.n_rounds, 'round')}"
    note(
        f"learned oracle: at most {most}: {hours}; "
        f"about {span(plan.learning_seconds)} to learn and rank, {plan.memory_mb:,.0f} MB"
    )


def show_spacers(told: Mapping[str, Any] | None, show: Callable[[str], None]) -> None:
    """How many spacers are computed and how many predicted, and what is open, where a learned oracle chooses."""
    if told is not None:
        left = f"{told['calculations_left']:,} of {count(told['calculations'], 'calculation')} left"
        computed = f"{told['n_computed']:,} of {count(told['n_spacers'], 'spacer')} computed"
        never = f"{told['n_predicted']:,} predicted only and never suggested"
        show(f"{computed}, {never}; {left}; {told['outlook']}")


def span(seconds: float) -> str:
    """A time that is only roughly known: 8 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
