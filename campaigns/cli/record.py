"""`spinscreen replay`, `export` and `log`: what happened, as it was; `check`, `backup` and `plugins`: a campaign as
written, its copy, what it can name."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from campaigns.cli import console
from campaigns.cli.options import (
    NEW_FILE,
    CampaignOptions,
    ComputingOptions,
    OracleStorePath,
    PrintingOptions,
    takes,
    writable,
)
from campaigns.events import FAILED, REASONS, Stage, possible_steps
from chemspace.registry import Registry, load_plugins

if TYPE_CHECKING:
    from campaigns.campaign import Campaign
    from campaigns.summary import Step


class ReplayOptions(ComputingOptions):
    number: Annotated[int | None, typer.Argument(metavar="ROUND", help="Default: the last.")] = None


@takes(ReplayOptions, keeps=False)
def replay(options: ReplayOptions) -> None:
    """Compute an old round of suggestions again and say whether it comes out the same, and what computes it changed.

    Exit code 1 where it does not.

    Example: spinscreen replay demo 1
    """
    campaign = options.open()
    with console.bar("training, ranking") as progress:
        replayed = campaign.replay(options.number, progress=progress)
    lines = (replayed.verdict, *(f"  {line}" for line in (*replayed.differences, *replayed.versions_changed)))
    console.answer(replayed.to_dict(), "\n".join(lines))
    if not replayed.same:
        raise typer.Exit(1)


class Form(StrEnum):
    """What `export` writes."""

    TABLE = "table"
    ELN = "eln"
    NOMAD = "nomad"
    DATA_PACKAGE = "data-package"
    MODEL_CARD = "model-card"


#: By form: what is added to the campaign's name where no file is named, the endings it may have, the function of
#: `campaigns.exchange` that writes it, and what that counts.
WRITERS = {
    Form.ELN: (".eln", (".eln",), "write_eln", "compound"),
    Form.NOMAD: ("_nomad.zip", (".zip",), "write_nomad", "compound"),
    Form.DATA_PACKAGE: ("_data.zip", (".zip",), "write_data_package", "table"),
    Form.MODEL_CARD: ("_model.md", (".md", ".json"), "write_model_card", "split"),
}


Task = Annotated[str | None, "Not our own lifetimes but those of a related task.", {"metavar": "NAME"}]


class ExportOptions(CampaignOptions):
    output: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="A table ends in .csv, .jsonl or .parquet. Left out with --format: the name of CAMPAIGN.",
            **NEW_FILE,
        ),
    ] = None
    form: Annotated[Form, "--format", "What other software reads; see the documentation."] = Form.TABLE
    raw: Annotated[
        Path | None,
        "Write the raw files too (tables, traces, maps, library), each under its hash and name.",
        {"metavar": "FOLDER", "file_okay": False},
    ] = None
    of_property: Annotated[
        str | None,
        "--property",
        "Not lifetimes but every value of this measured property, the launch's table first.",
        {"metavar": "NAME"},
    ] = None
    task: Task = None
    outcomes: Annotated[bool, "Not lifetimes but what became of compounds, and declined cations."] = False


@takes(ExportOptions, keeps=False)
def export(options: ExportOptions) -> None:
    """Write the campaign's own measurements as a table, retracted ones with their reason.

    `ingest` of another campaign reads it as it is, and --outcomes too. The column sha256 names the raw files of each
    row, number is what `retract` takes.

    Examples:

      spinscreen export demo measured.csv

      spinscreen export demo measured.csv --raw raw

      spinscreen export demo gaps.csv --property band_gap_ev

      spinscreen export demo tin.csv --task tin

      spinscreen export demo outcomes.csv --outcomes

      spinscreen export demo --format eln
    """
    if options.form is not Form.TABLE:
        _export_form(options)
        return
    from campaigns.files import EXPORTS, write_files, write_table
    from campaigns.targets import named_target

    output, raw, of_property = options.output, options.raw, options.of_property
    if output is None:
        raise typer.BadParameter("say where the table goes, as measured.csv", param_hint="FILE")
    if output.suffix not in EXPORTS:
        raise typer.BadParameter(f"{output.name} must end in {', '.join(EXPORTS)}", param_hint="FILE")
    if sum((options.outcomes, of_property is not None, options.task is not None)) > 1:
        raise typer.BadParameter("give one of --property, --task and --outcomes")
    campaign = options.look()
    what = "measurements" if of_property is None else f"values of {of_property}"
    what = what if options.task is None else f"lifetimes of the related task {options.task}"
    target = named_target(campaign.config, of_property, options.task)
    record = campaign.state.records.get(target.name, ())
    if options.task is not None and not record:
        raise typer.BadParameter(f"nothing came in of a related task called {options.task}", param_hint="--task")
    rows: list[dict[str, Any]] = [row.to_dict() for row in record if not row.is_undone]
    if options.outcomes:
        from campaigns.intake import outcome_rows

        what, rows = "outcomes", [*outcome_rows(campaign.state)]
    write_table(output, rows)
    written = [] if raw is None else write_files(raw, campaign.raw_files())
    text = f"{len(rows)} {what} in {output}" + ("" if raw is None else f"\n{len(written)} raw files in {raw}")
    answer = {"file": str(output), "rows": len(rows), "raw": [str(path) for path in written]}
    console.answer(answer, text)


def _export_form(options: ExportOptions) -> None:
    """Write the whole campaign in a form that other software reads."""
    if options.raw or options.outcomes or options.of_property or options.task:
        raise typer.BadParameter(
            "--raw, --property, --task and --outcomes are for tables; this form holds all it can hold"
        )
    added, endings, function, noun = WRITERS[options.form]
    output = options.output or writable(Path(f"{options.folder.resolve().name}{added}"))
    assert output is not None
    if output.suffix not in endings:
        raise typer.BadParameter(f"{output.name} must end in {' or '.join(endings)}", param_hint="FILE")
    from campaigns import exchange

    entries: int = getattr(exchange, function)(options.open(), output)
    answer = {"file": str(output), "entries": entries}
    console.answer(answer, f"{console.count(entries, noun)} in {output}")


@takes(CampaignOptions, keeps=False)
def log(options: CampaignOptions) -> None:
    """Show everything that happened, oldest first: its number, when, who, what.

    Example: spinscreen log demo
    """
    history = options.look().history()
    digits = len(str(history[-1]["id"]))
    lines = (
        f"{event['id']:{digits}d}  {event['at'][:19]}  {event['actor']}  {event['what']}"
        + ("  (undone)" if event["is_undone"] else "")
        for event in history
    )
    console.answer(list(history), "\n".join(lines))


Why = Annotated[str, "--reason", "Why, for the record. Needed."]

#: What `outcome` takes; the others have commands of their own.
OUTCOMES = ("in synthesis", "formed", *sorted(stage.value for stage in FAILED), "not measurable", "abandoned", "stale")


class CompoundOptions(CampaignOptions):
    """Of a command on one compound of a campaign."""

    formula: Annotated[str, typer.Argument(metavar="FORMULA", help="The compound, as it was suggested.")]


class AcceptOptions(CompoundOptions):
    reason: Annotated[str, "Why, for the record."] = ""


@takes(AcceptOptions)
def accept(options: AcceptOptions) -> None:
    """Say that a suggestion will be made.

    Example: spinscreen accept demo "(4AMP)(FA)Pb2I7"
    """
    from chemspace import parse_formula

    campaign, formula = _step(options, options.formula, Stage.ACCEPTED, options.reason)
    for declined in campaign.state.declined_in(parse_formula(formula, campaign.names)):
        console.warn(f"{declined}; {formula} is awaited all the same")
    suggested = any(one.formula == formula for batch in campaign.state.batches for one in batch.suggestions)
    if suggested and all(one.formula != formula for one in campaign.state.measurements):
        return  # published compounds are not suggested; to read them takes a third of a CPU second
    data = campaign.dataset()
    rows = zip(data.compounds, data.table["lifetime_ps"], data.censored, strict=True)
    if measured := [
        f"{'below ' if is_bound else ''}{lifetime:.3g} ps"
        for compound, lifetime, is_bound in rows
        if compound is not None and compound.formula == formula
    ]:
        console.warn(f"{formula} is measured already: {', '.join(measured)}")
    elif not suggested:
        console.note(f"{formula} was not suggested; its result is awaited as if it had been")


class DeclineOptions(CampaignOptions):
    formula: Annotated[str | None, typer.Argument(metavar="FORMULA", help="The compound, as it was suggested.")] = None
    spacer: Annotated[str | None, "Not one compound but all with this spacer.", {"metavar": "CATION"}] = None
    cage: Annotated[str | None, "All with this cage cation.", {"metavar": "CATION"}] = None
    reason: Annotated[
        str, f"Why, for the record. Needed; such as: {', '.join(REASONS)}.", {"autocompletion": lambda: [*REASONS]}
    ] = ""


@takes(DeclineOptions)
def decline(options: DeclineOptions) -> None:
    """Say what will not be made, and why: one compound, or all with a cation. It is not suggested again.

    Open suggestions with a declined cation are declined too; what is accepted goes on. `undo` lifts it.

    Examples:

      spinscreen decline demo "(HZ)2PbI4" --reason "hydrazine is not handled here"

      spinscreen decline demo --spacer F4-PDMA --reason "too expensive"
    """
    named = {"spacer": options.spacer, "cage": options.cage}
    given = [(place, name) for place, name in named.items() if name is not None]
    if len(given) + (options.formula is not None) != 1:
        raise typer.BadParameter("give one FORMULA, --spacer or --cage")
    if options.formula is not None:
        _step(options, options.formula, Stage.DECLINED, options.reason)
        return
    ((place, name),) = given
    declined = options.open().decline_cation(name, options.reason, place="spacer" if place == "spacer" else "cage")
    text = f"{declined.name} as {declined.place}: declined; no compound with it is suggested"
    console.answer(declined.to_dict(), text)


class OutcomeOptions(CompoundOptions):
    stage: Annotated[str, typer.Argument(metavar="OUTCOME", help=f"One of: {', '.join(OUTCOMES)}.")] = ""
    every: Annotated[bool, "--all", "With stale alone: of every suggestion that nobody took up."] = False
    made: Annotated[str, "What formed instead, if it was another compound."] = ""
    reason: Annotated[str, "Why, for the record. Needed for abandoned."] = ""


@takes(OutcomeOptions)
def outcome(options: OutcomeOptions) -> None:
    """Record how a synthesis stands or ended. What did not form teaches the model what forms.

    Examples:

      spinscreen outcome demo "(EOA)2(FA)3Pb4I13" "mixed phases" --reason "n = 3 and 5 in XRD"

      spinscreen outcome demo stale --all
    """
    if options.every:
        if (options.formula, options.stage, options.made) != (Stage.STALE.value, "", ""):
            raise typer.BadParameter("only suggestions can end together: spinscreen outcome CAMPAIGN stale --all")
        steps = options.open().let_go(options.reason)
        text = "\n".join(f"{step.formula}: stale" for step in steps) or "no suggestion is open"
        console.answer([_as_dict(step) for step in steps], text)
        return
    wanted = options.stage.replace("_", " ").replace("-", " ")
    if wanted not in OUTCOMES:
        raise typer.BadParameter(f"{options.stage!r} is not one of {', '.join(OUTCOMES)}", param_hint="OUTCOME")
    _step(options, options.formula, Stage(wanted), options.reason, options.made)


class RetractOptions(CampaignOptions):
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The measurement's number, as in `status`.")]
    reason: Why = ""
    of_property: Annotated[
        str | None,
        "--property",
        "Not a lifetime but a value of this property; its number is that in `status` or `export --property`.",
        {"metavar": "NAME"},
    ] = None
    task: Task = None


@takes(RetractOptions)
def retract(options: RetractOptions) -> None:
    """Take a measurement back. It stays in the record; the next fit does not see it.

    Examples:

      spinscreen retract demo 3 --reason "pump power was wrong"

      spinscreen retract demo 25 --property band_gap_ev --reason "wrong crystal"
    """
    from campaigns.targets import named_target

    number, of_property = options.number, options.of_property
    if of_property is not None and options.task is not None:
        raise typer.BadParameter("give --property or --task, not both")
    campaign = options.open()
    last = campaign.state.last_event
    target = named_target(campaign.config, of_property, options.task)
    row = campaign.retract(number, options.reason, target.name)
    what = row.observation
    bound = "below " if what.is_bound else ""
    if of_property is not None:
        text = f"value {number} of {of_property} ({what.formula}, {what.value:g}) is retracted"
        answer = {"property": of_property, **row.to_dict()}
    else:
        which = f"row {number} of the related task {target.task}" if target.task else f"measurement {number}"
        text = f"{which} ({what.formula}, {bound}{what.value:g} ps) is retracted"
        answer = {"number": row.number, **what.to_dict(), "retracted": row.retracted}
    console.answer(answer, _recorded(campaign, last, text))


class UndoOptions(CampaignOptions):
    number: Annotated[int, typer.Argument(metavar="EVENT", help="The event's number, as in `log`.")]
    reason: Why = ""
    yes: Annotated[bool, "Undo it though later events stand on it."] = False


@takes(UndoOptions)
def undo(options: UndoOptions) -> None:
    """Undo anything that was recorded by mistake: an ingest, a step, a retraction, an undo. The log keeps it.

    What stands on it is told first; nothing is undone then until --yes is said.

    Example: spinscreen undo demo 17 --reason "wrong compound"
    """
    campaign = options.open()
    last = campaign.state.last_event
    undone = campaign.undo(options.number, options.reason, confirmed=options.yes)
    answer = {"event": options.number, "what": undone, "reason": options.reason}
    answered = _recorded(campaign, last, f"undone: {undone}")
    console.answer(
        answer, f"{answered}\nNext: spinscreen suggest {options.folder}" if campaign.is_behind() else answered
    )


def _step(options: CampaignOptions, formula: str, stage: Stage, reason: str, made: str = "") -> tuple[Campaign, str]:
    """Record a step; the campaign, and the formula as it is recorded."""
    campaign = options.open()
    last, before = campaign.state.last_event, campaign.state.steps
    step = campaign.step(formula, stage, reason=reason, made=made)
    instead = f"; made instead: {step.made}" if step.made else ""
    was = next((one for one in reversed(before) if one.formula == step.formula and one.stage is not step.stage), None)
    if stage not in (Stage.ACCEPTED, Stage.DECLINED):  # what became of it follows a decision, and overrides none
        was = None
    told = f"; {was.stands.value} before, by {was.actor} at {was.at:%Y-%m-%d %H:%M:%S} UTC" if was else ""
    again = " (what happened a second time needs other words: --reason)" if stage in possible_steps(stage) else ""
    text = _recorded(campaign, last, f"{step.formula}: {step.stands.value}{instead}{told}", again)
    console.answer(_as_dict(step), text)
    return campaign, step.formula


def _recorded(campaign: Campaign, last: int, text: str, again: str = "") -> str:
    """`text`, and whether there was nothing to record after event `last`: the command was run before. `again` says
    what to do about what did happen a second time."""
    return text if campaign.state.last_event > last else f"already so: {text}{again}"


def _as_dict(step: Step) -> dict[str, str]:
    return {**step.payload, "actor": step.actor, "at": step.at.isoformat(timespec="seconds")}


@takes(PrintingOptions, keeps=False)
def plugins(options: PrintingOptions) -> None:
    """List the surrogates, strategies, engines and descriptors that there are: where each comes from, and what it is.

    A package adds to them by an entry point of the group spinscreen.plugins.

    Examples:

      spinscreen plugins

      spinscreen plugins --json
    """
    from oracle.descriptors import DESCRIPTORS
    from oracle.engines.registry import ENGINES
    from screening.strategies import STRATEGIES
    from screening.surrogates.registry import SURROGATES

    failures = load_plugins()
    registries: tuple[Registry[Any], ...] = (SURROGATES, STRATEGIES, ENGINES, DESCRIPTORS)
    listed = {
        f"{registry.kind}s": [
            {"name": entry.name, "source": entry.source, "words": entry.words} for entry in registry.entries()
        ]
        for registry in registries
    }
    failed = [{"name": f.name, "source": f.source, "reason": f.reason} for f in failures]
    console.answer({**listed, "not_loaded": failed}, lambda: _show(listed))
    for failure in failures:
        console.warn(f"the plug-in {failure.name} of {failure.source} could not be loaded: {failure.reason}")


def _show(found: dict[str, list[dict[str, str]]]) -> None:
    for title, rows in found.items():
        table = console.table(title, "from", "what it is", left=("from", "what it is"))
        for row in rows:
            table.add_row(*(escape(text) for text in row.values()))
        console.out.print(table)
        console.out.print()


class CheckOptions(CampaignOptions):
    oracle_store: OracleStorePath = None


@takes(CheckOptions, keeps=False)
def check(options: CheckOptions) -> None:
    """Look whether everything a campaign keeps is as it was written: events, files, database, the oracle's records.

    A line for everything that is damaged, and exit code 1 then. What is damaged and made anew by itself is a warning.

    Example: spinscreen check demo
    """
    from campaigns.upkeep import look_over
    from oracle import default_store_path

    found = look_over(options.folder, options.oracle_store or default_store_path())
    for line in found.notes:
        console.warn(line)
    looked_at = (
        f"{console.count(found.events, 'event')}, {console.count(found.files, 'kept file')}, "
        f"{console.count(found.records, 'record')} of the oracle"
    )
    sound = f"{options.folder} is as it was written ({looked_at})"
    console.answer(found.to_dict(), "\n".join(found.damage) or sound)
    if found.damage:
        raise typer.Exit(1)


class BackupOptions(CampaignOptions):
    target: Annotated[Path, typer.Argument(metavar="FILE", help="Where; an older backup is replaced.", **NEW_FILE)]


@takes(BackupOptions, keeps=False)
def backup(options: BackupOptions) -> None:
    """Copy a campaign's log and files into one file, whole and checked, also while others write to it.

    To go back to it, copy the file to campaign.db in a new folder.

    Example: spinscreen backup demo demo-monday.db
    """
    from campaigns.upkeep import back_up

    n_events = back_up(options.folder, options.target)
    size = options.target.stat().st_size
    text = (
        f"{console.count(n_events, 'event')} of {options.folder} in {options.target} ({size / 1e6:.1f} MB); "
        "to go back to it, copy it to campaign.db in a new folder"
    )
    console.answer({"file": str(options.target), "events": n_events, "bytes": size}, text)
