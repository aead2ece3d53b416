"""`spinscreen amend`: change a campaign's description while it runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaigns.cli import console
from campaigns.cli.launch import FieldOptions
from campaigns.cli.options import CampaignOptions, takes

if TYPE_CHECKING:
    from campaigns.amend import Amendment
    from campaigns.campaign import Campaign
    from campaigns.description import Description


class AmendOptions(CampaignOptions):
    description: Annotated[
        Path | None,
        typer.Argument(metavar="[NEW.yaml]", help="The whole description as it shall be.", exists=True, dir_okay=False),
    ] = None
    single: FieldOptions
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = ""
    show: Annotated[
        bool, typer.Option("--show", help="Print the present description as a file to change, and stop.")
    ] = False
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take the differences as right.")] = False


@takes(AmendOptions)
def amend(options: AmendOptions) -> None:
    """Change a campaign's description: cations, layers, batch size, goal, prices, hazards, objective, model.

    The differences are shown and confirmed. Results, outcomes, what is awaited and what is declined stay, and the next
    round is by the new description. A file that names no library keeps the campaign's. `undo` brings back the old one.

    Examples:

      spinscreen amend demo --show > new.yaml

      spinscreen amend demo new.yaml --reason "FA comes late"

      spinscreen amend demo --batch-size 4 --yes
    """
    campaign = options.open()
    if options.show:
        console.out.print(campaign.config.to_yaml(), markup=False, highlight=False, soft_wrap=True, end="")
        return
    if options.description is None and not (options.single.given() or options.single.library):
        raise typer.BadParameter("give NEW.yaml or what shall change, as --batch-size 4; --show prints what there is")
    described = _described(campaign, options)
    told = _amend(campaign, described, options)
    lines = ("amended:", *(f"  {line}" for line in (*told.changes, *told.notes)))
    changed = "\n".join((*lines, f"Next: spinscreen suggest {options.folder}"))
    console.answer(
        told.to_dict(), changed if told.changes else "the campaign is described so already; nothing was changed"
    )


def _described(campaign: Campaign, options: AmendOptions) -> Description:
    """The new description, its libraries where it names some."""
    from campaigns.description import Description, read_description

    found = Description(campaign.config, ()) if options.description is None else read_description(options.description)
    if "libraries" not in found.config.model_fields_set:
        found = replace(found, libraries=())
    return options.single.over(found)


def _amend(campaign: Campaign, described: Description, options: AmendOptions) -> Amendment:
    from campaigns.errors import ConfigError, UnconfirmedError

    confirmed = options.yes
    while True:
        try:
            return campaign.amend(
                described.config, libraries=described.libraries or None, reason=options.reason, confirmed=confirmed
            )
        except UnconfirmedError as question:
            console.ask(question, "Is this right?")
            confirmed = True
        except ConfigError as problem:
            raise described.located(problem) from problem
