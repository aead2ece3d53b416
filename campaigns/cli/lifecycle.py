"""`spinscreen accept`, `decline`, `outcome`, `retract`: what becomes of suggestions and measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from campaigns.cli import console
from campaigns.cli.options import AsJson, Folder
from campaigns.lifecycle import FAILED, Stage

if TYPE_CHECKING:
    from campaigns.lifecycle import Step

__all__ = ["accept", "decline", "outcome", "retract"]

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
