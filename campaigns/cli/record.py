"""`spinscreen replay`, `export` and `log`: what happened, as it was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from campaigns.cli import console
from campaigns.cli.console import out
from campaigns.cli.options import AsJson, Folder, OracleStorePath
from campaigns.events import FAILED, Stage

if TYPE_CHECKING:
    from campaigns.events import Step


def replay(
    folder: Folder,
    number: Annotated[
        int | None, typer.Argument(metavar="[ROUND]", help="Default: the last.", show_default=False)
    ] = None,
    oracle_store: OracleStorePath = None,
    as_json: AsJson = False,
) -> None:
    """Compute an old round of suggestions again and say whether it comes out the same, and what computes it changed.

    Exit code 1 where it does not.

    Example: spinscreen replay demo 1
    """
    from campaigns.campaign import Campaign

    campaign = Campaign.open(folder, oracle_store=oracle_store)
    with console.bar("training, ranking") as progress:
        told = campaign.replay(number, progress=progress)
    if as_json:
        console.print_json(told.to_dict())
    else:
        out.print(escape(told.verdict), soft_wrap=True)
        for line in (*told.differences, *told.versions_changed):
            out.print(f"  {escape(line)}", soft_wrap=True)
    if not told.same:
        raise typer.Exit(1)


def export(
    folder: Folder,
    output: Annotated[
        Path, typer.Argument(metavar="FILE", help="Ends in .csv, .jsonl or .parquet.", show_default=False)
    ],
    raw: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write the raw files too (tables, traces, maps, library), each under its hash and name.",
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    of_property: Annotated[
        str | None,
        typer.Option(
            "--property",
            metavar="NAME",
            help="Not lifetimes but every value of this measured property, the launch's table first.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the campaign's own measurements as a table, retracted ones with their reason.

    The column sha256 names the raw files of each row, number is what `retract` takes.

    Examples:

      spinscreen export demo measured.csv

      spinscreen export demo measured.csv --raw raw

      spinscreen export demo gaps.csv --property band_gap_ev
    """
    from campaigns.campaign import Campaign
    from campaigns.files import EXPORTS, write_files, write_table
    from campaigns.targets import property_of

    if output.suffix not in EXPORTS:
        raise typer.BadParameter(f"{output.name} must end in {', '.join(EXPORTS)}", param_hint="FILE")
    campaign = Campaign.open(folder)
    what = "measurements" if of_property is None else f"values of {of_property}"
    if of_property is None:
        rows = [row.to_dict() for row in campaign.state.record]
    else:
        property_of(campaign.config, of_property)
        rows = [row.to_dict() for row in campaign.state.property_values[of_property]]
    write_table(output, rows)
    written = [] if raw is None else write_files(raw, campaign.raw_files())
    if as_json:
        console.print_json({"file": str(output), "rows": len(rows), "raw": [str(path) for path in written]})
        return
    out.print(f"{len(rows)} {escape(what)} in {escape(str(output))}", soft_wrap=True)
    if raw is not None:
        out.print(f"{len(written)} raw files in {escape(str(raw))}", soft_wrap=True)


def log(folder: Folder, as_json: AsJson = False) -> None:
    """Show everything that happened, oldest first: when, who, what.

    Example: spinscreen log demo
    """
    from campaigns.campaign import Campaign

    told = Campaign.open(folder).history()
    if as_json:
        console.print_json(list(told))
        return
    for event in told:
        out.print(f"{event['at'][:19]}  {escape(event['actor'])}  {escape(event['what'])}", soft_wrap=True)


Formula = Annotated[
    str, typer.Argument(metavar="FORMULA", help="The compound, as it was suggested.", show_default=False)
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the record.", show_default=False)]
Why = Annotated[str, typer.Option("--reason", help="Why, for the record. Needed.", show_default=False)]

#: What `outcome` takes; the others have commands of their own.
OUTCOMES = ("in synthesis", "formed", *sorted(stage.value for stage in FAILED), "not measurable", "abandoned", "stale")


def accept(folder: Folder, formula: Formula, reason: Reason = "", as_json: AsJson = False) -> None:
    """Say that a suggestion will be made.

    Example: spinscreen accept demo "(4AMP)(FA)Pb2I7"
    """
    _step(folder, formula, Stage.ACCEPTED, reason, "", as_json)


def decline(folder: Folder, formula: Formula, reason: Why = "", as_json: AsJson = False) -> None:
    """Say that a suggestion will not be made, and why; it is not suggested again.

    Example: spinscreen decline demo "(HZ)2PbI4" --reason "hydrazine is not handled here"
    """
    _step(folder, formula, Stage.DECLINED, reason, "", as_json)


def outcome(
    folder: Folder,
    formula: Formula,
    stage: Annotated[
        str, typer.Argument(metavar="OUTCOME", help=f"One of: {', '.join(OUTCOMES)}.", show_default=False)
    ],
    made: Annotated[
        str, typer.Option("--made", help="What formed instead, if it was another compound.", show_default=False)
    ] = "",
    reason: Annotated[
        str, typer.Option("--reason", help="Why, for the record. Needed for abandoned.", show_default=False)
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Record how a synthesis stands or ended. What did not form teaches the model what forms.

    Example: spinscreen outcome demo "(EOA)2(FA)3Pb4I13" "mixed phases" --reason "n = 3 and 5 in XRD"
    """
    wanted = stage.replace("_", " ").replace("-", " ")
    if wanted not in OUTCOMES:
        raise typer.BadParameter(f"{stage!r} is not one of {', '.join(OUTCOMES)}", param_hint="OUTCOME")
    _step(folder, formula, Stage(wanted), reason, made, as_json)


def retract(
    folder: Folder,
    number: Annotated[
        int, typer.Argument(metavar="NUMBER", help="The measurement's number, as in `status`.", show_default=False)
    ],
    reason: Why = "",
    of_property: Annotated[
        str | None,
        typer.Option(
            "--property",
            metavar="NAME",
            help="Not a lifetime but a value of this property; its number is that in `status` or `export --property`.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take a measurement back. It stays in the record; the next fit does not see it.

    Examples:

      spinscreen retract demo 3 --reason "pump power was wrong"

      spinscreen retract demo 25 --property band_gap_ev --reason "wrong crystal"
    """
    from campaigns.campaign import Campaign

    if of_property is not None:
        value = Campaign.open(folder).retract_value(of_property, number, reason)
        if as_json:
            console.print_json({"property": of_property, **value.to_dict()})
        else:
            told = f"value {number} of {of_property} ({value.value.formula}, {value.value.value:g}) is retracted"
            console.out.print(told, markup=False, soft_wrap=True)
        return
    row = Campaign.open(folder).retract(number, reason)
    if as_json:
        console.print_json({"number": row.number, **row.measurement.to_dict(), "retracted": row.retracted})
    else:
        measured = row.measurement
        console.out.print(f"measurement {number} ({measured.formula}, {measured.lifetime_ps:g} ps) is retracted")


def _step(folder: Folder, formula: str, stage: Stage, reason: str, made: str, as_json: bool) -> None:
    from campaigns.campaign import Campaign

    step = Campaign.open(folder).step(formula, stage, reason=reason, made=made)
    if as_json:
        console.print_json(_as_dict(step))
    else:
        instead = f"; made instead: {step.made}" if step.made else ""
        console.out.print(f"{step.formula}: {step.stands.value}{instead}", markup=False, soft_wrap=True)


def _as_dict(step: Step) -> dict[str, str]:
    return {
        "formula": step.formula,
        "stage": step.stage.value,
        "made": step.made,
        "reason": step.reason,
        "actor": step.actor,
        "at": step.at.isoformat(timespec="seconds"),
    }
