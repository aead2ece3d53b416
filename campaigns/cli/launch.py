"""`spinscreen launch` and `amend`: start a campaign, finish one that was interrupted, describe it anew."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import console
from campaigns.cli.options import (
    EXISTING_FILE,
    CampaignOptions,
    ComputingOptions,
    Dask,
    OptionGroup,
    ReadingOptions,
    Workers,
    campaign_folder,
    takes,
)

if TYPE_CHECKING:
    from campaigns.campaign import Campaign
    from campaigns.config import CampaignConfig
    from campaigns.description import Description
    from campaigns.plan import Amendment, LaunchPlan
    from campaigns.space import Gathered


def _template_names(incomplete: str) -> list[str]:
    """For the shell's completion."""
    from campaigns.description import template_names

    return [name for name in template_names() if name.startswith(incomplete)]


class Oracle(StrEnum):
    """Where the descriptors of spacers come from."""

    XTB = "xtb"
    LEARNED = "learned"


class FieldOptions(OptionGroup, panel="The campaign's description (an option overrides the file)"):
    """Single fields of a description."""

    library: Annotated[
        list[str] | None,
        "Cation library, .csv, .smi, .sdf, .xlsx or .parquet, or builtin; repeat to merge several. Default: builtin.",
    ] = None
    protons: ReadingOptions
    n_layers: Annotated[str | None, "Numbers of layers, as 1-5 or 1,2,3. Default: 1-5."] = None
    cages: Annotated[str | None, "Cage cations, as MA,FA. Default: every organic one of charge +1."] = None
    include_flagged: Annotated[bool | None, "Train on the doubtful published rows too."] = None
    batch_size: Annotated[int | None, "--batch-size", "-q", "Suggestions in a round. Default: 5.", {"min": 1}] = None
    oracle: Annotated[
        Oracle | None, "xtb computes every spacer; learned predicts them and computes those that can change the list."
    ] = None
    budget: Annotated[int | None, "Spacers that xTB may compute, with --oracle learned.", {"min": 0}] = None
    seed: Annotated[int | None, "Seed of everything random. Default: 0.", {"min": 0}] = None

    def given(self) -> dict[str, Any]:
        """What the options give, in the sections of a description."""
        cages = None if self.cages is None else tuple(name.strip() for name in self.cages.split(","))
        sections: dict[str, dict[str, Any]] = {
            "": {"include_flagged": self.include_flagged, "dications": self.protons.dications, "seed": self.seed},
            "space": {"n_layers": None if self.n_layers is None else _layers(self.n_layers), "cages": cages},
            "budget": {"batch_size": self.batch_size, "calculations": self.budget},
        }
        named = {
            section: {name: value for name, value in fields.items() if value is not None}
            for section, fields in sections.items()
        }
        if self.oracle is Oracle.XTB:
            named["budget"]["calculations"] = None
        return named.pop("") | {section: fields for section, fields in named.items() if fields}

    def over(self, found: Description) -> Description:
        """A description with what the options say over it."""
        from campaigns.config import BUILTIN, CampaignConfig

        if (self.oracle is Oracle.LEARNED) is not (self.budget is not None):
            raise typer.BadParameter(
                "--oracle learned and --budget go together: say how many spacers xTB may compute, as "
                "--oracle learned --budget 3000"
            )
        merged = CampaignConfig.parse(_over(found.config.model_dump(exclude_unset=True), self.given()))
        sources = tuple(BUILTIN if one == BUILTIN else Path(one) for one in self.library or ()) or found.libraries
        if columns := self.protons.columns:
            from campaigns.space import with_columns

            sources = tuple(one if one == BUILTIN else with_columns(Path(str(one)), columns) for one in sources)
        return replace(found, config=merged, libraries=sources)


class DescriptionOptions(FieldOptions, panel="The campaign's description (an option overrides the file)"):
    """A description's file or template, and what is said over it."""

    config: Annotated[Path | None, "--config", "-c", "YAML file.", EXISTING_FILE] = None
    template: Annotated[
        str | None, "lead-iodide, tin or mixed-halide, instead of a file.", {"autocompletion": _template_names}
    ] = None

    def read(self) -> Description:
        """The description of the file or template, or the default one, with what the options say over it."""
        from campaigns.config import CampaignConfig
        from campaigns.description import Description, read_description, read_template

        if self.config is not None:
            return self.over(read_description(self.config))
        return self.over(Description(CampaignConfig()) if self.template is None else read_template(self.template))


def _over(fields: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """`fields` with those that are given in their place, section by section."""
    return fields | {
        name: fields.get(name, {}) | value if isinstance(value, dict) else value for name, value in given.items()
    }


class LaunchOptions(ComputingOptions):
    description: DescriptionOptions
    dry_run: Annotated[bool, "Show sizes, estimates of time and memory, and problems; write nothing."] = False
    show_template: Annotated[bool, "Print the template as a file to start from, and stop."] = False
    known: Annotated[
        Path | None,
        "--from",
        "Begin with what another campaign knows: measurements, outcomes, declines, what is awaited.",
        {"metavar": "OLD", "callback": campaign_folder},
    ] = None
    store: Annotated[
        str | None,
        "Keep it in PostgreSQL: postgresql://user@host/database?schema=name. Default: a file in the folder.",
        {"metavar": "URL"},
    ] = None
    workers: Workers = 2
    dask: Dask = None


@takes(LaunchOptions)
def launch(options: LaunchOptions) -> None:
    """Screen a space of compounds and suggest what to make first.

    Runs the whole job: enumerate, compute xTB descriptors, train on the measured lifetimes, validate out of sample,
    rank, suggest, report. Interrupted, it goes on where it was when run again; a campaign that is there is continued
    as it was described where nothing else is said.

    Examples:

      spinscreen launch demo

      spinscreen launch amines --library amines.smi --dications --n-layers 1-3

      spinscreen launch mixed --template mixed-halide --dry-run

      spinscreen launch million --library virtual.csv --oracle learned --budget 30000

      spinscreen launch any --template lead-iodide --show-template > mine.yaml

      spinscreen launch mine --config mine.yaml --batch-size 8

      spinscreen launch wider --config wider.yaml --from mine
    """
    asked = options.description
    if asked.config is not None and asked.template is not None:
        raise typer.BadParameter("give --config or --template, not both")
    if options.show_template:
        from campaigns.description import template_names, template_text

        if asked.template is None:
            raise typer.BadParameter(f"say which: --template {', '.join(template_names())}")
        console.out.print(template_text(asked.template), markup=False, soft_wrap=True, end="")
        return
    new = asked.given() or asked.config or asked.template or asked.library or options.store or options.known
    goes_on = not new and _is_there(options.folder)
    if options.dry_run:
        from campaigns.cli.show import show_plan

        plan, then = _plan_known(options) if goes_on else _plan(options)
        console.answer(plan.to_dict(), lambda: show_plan(plan, then))
    else:
        _run(options.open() if goes_on else _create(options), options)


def _layers(text: str) -> object:
    from campaigns.config import parse_layers

    try:
        return parse_layers(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--n-layers") from None


def _is_there(folder: Path) -> bool:
    from campaigns.campaign import Campaign
    from campaigns.errors import CampaignNotFoundError

    try:
        Campaign.open(folder).close()
    except CampaignNotFoundError:
        return False
    return True


def _create(options: LaunchOptions) -> Campaign:
    from campaigns.campaign import Campaign
    from campaigns.errors import ConfigError

    described = options.description.read()
    try:
        return Campaign.create(
            options.folder,
            described.config,
            libraries=described.libraries,
            oracle_store=options.oracle_store,
            store=options.store,
            known=None if options.known is None else Campaign.open(options.known),
        )
    except ConfigError as problem:
        raise described.located(problem) from problem


def _run(campaign: Campaign, options: LaunchOptions) -> None:
    from campaigns.cli.show import note_search, show_fit, show_next, show_rejects, show_spacers, show_suggestions
    from campaigns.space import Gathered

    space = campaign.space
    console.note(
        f"{options.folder}: {campaign.n_compounds:,} compounds"
        + (f" that the constraints leave of {len(space):,}" if space.constraints else "")
        + f" from {len(space.spacers):,} spacers and {len(space.cage_options)} cage cations"
        + (" or mixtures" if space.cage_mixtures else "")
    )
    show_rejects(campaign.library.report, campaign.write_rejects())
    if campaign.config.budget.calculations is not None and not campaign.state.spacer_rounds:
        note_search(_planned(campaign.config, Gathered((), campaign.library), options))
    with console.bar("xTB descriptors") as progress:
        described = campaign.describe(workers=options.workers, progress=progress, dask=options.dask)
    for line in described.failures:
        console.warn(line)
    show_spacers(campaign.state.spacer_standing(space.spacers), console.note)
    with console.bar("training, ranking") as progress:
        batch = campaign.suggest(progress=progress, dask=options.dask)
    campaign.report()
    if options.as_json:
        console.print_json([suggestion.to_dict() for suggestion in batch.suggestions])
        return
    show_fit(campaign.retrain() if (fit := campaign.fit()) is None else fit)
    if batch.suggestions:
        show_suggestions(batch, {}, stability=campaign.stability(batch), names=campaign.names)
    if batch.shortfall:
        console.line(batch.shortfall)
    show_next(options.folder, campaign.files())


def _plan(options: LaunchOptions) -> tuple[LaunchPlan, str]:
    from campaigns.errors import ConfigError
    from campaigns.space import gather

    described = options.description.read()
    read = gather(described.libraries, dications=described.config.dications, edition=described.config.defaults)
    try:
        return _planned(described.config, read, options), f"makes {options.folder}"
    except ConfigError as problem:
        raise described.located(problem) from problem


def _plan_known(options: LaunchOptions) -> tuple[LaunchPlan, str]:
    """Plan to go on with a campaign that is there, as it was described."""
    from campaigns.space import Gathered

    campaign = options.open()
    return _planned(campaign.config, Gathered((), campaign.library), options), f"goes on with {options.folder}"


def _planned(config: CampaignConfig, read: Gathered, options: LaunchOptions) -> LaunchPlan:
    from campaigns.plan import plan_launch
    from oracle import default_store_path

    store = options.oracle_store or default_store_path()
    with console.bar("measuring") as progress:
        return plan_launch(config, read, store, workers=options.workers, progress=progress)


class AmendOptions(CampaignOptions):
    description: Annotated[
        Path | None,
        typer.Argument(metavar="NEW.yaml", help="The whole description as it shall be.", exists=True, dir_okay=False),
    ] = None
    single: FieldOptions
    reason: Annotated[str, "Why, for the record."] = ""
    show: Annotated[bool, "Print the present description as a file to change, and stop."] = False
    yes: Annotated[bool, "--yes", "-y", "Take the differences as right."] = False


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
    amended = _amend(campaign, described, options)
    lines = ("amended:", *(f"  {line}" for line in (*amended.changes, *amended.notes)))
    changed = "\n".join((*lines, f"Next: spinscreen suggest {options.folder}"))
    console.answer(
        amended.to_dict(), changed if amended.changes else "the campaign is described so already; nothing was changed"
    )


def _described(campaign: Campaign, options: AmendOptions) -> Description:
    """The new description, its libraries where it names some."""
    from campaigns.description import Description, read_description

    described = (
        Description(campaign.config, ()) if options.description is None else read_description(options.description)
    )
    if "libraries" not in described.config.model_fields_set:
        described = replace(described, libraries=())
    return options.single.over(described)


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
