"""`spinscreen launch`: start a campaign, or finish one that was interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import console
from campaigns.cli.options import EXISTING_FILE, AsJson, Folder, OracleStorePath, Workers

if TYPE_CHECKING:
    from campaigns.campaign import Campaign
    from campaigns.config import CampaignConfig, Description
    from campaigns.plan import LaunchPlan
    from campaigns.space import Gathered


DESCRIBED = "The campaign's description (an option overrides the file)"


def _template_names(incomplete: str) -> list[str]:
    """For the shell's completion."""
    from campaigns.config import template_names

    return [name for name in template_names() if name.startswith(incomplete)]


def launch(
    folder: Folder,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="YAML file.", rich_help_panel=DESCRIBED, **EXISTING_FILE)
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(
            "--template",
            help="lead-iodide, tin or mixed-halide, instead of a file.",
            rich_help_panel=DESCRIBED,
            show_default=False,
            autocompletion=_template_names,
        ),
    ] = None,
    library: Annotated[
        list[str] | None,
        typer.Option(
            help="Cation library, .csv, .smi or .parquet, or builtin; repeat to merge several. Default: builtin.",
            rich_help_panel=DESCRIBED,
            show_default=False,
        ),
    ] = None,
    dications: Annotated[
        bool | None,
        typer.Option(
            "--dications",
            help="The diamines of library files take two protons.",
            rich_help_panel=DESCRIBED,
            show_default=False,
        ),
    ] = None,
    n_layers: Annotated[
        str | None,
        typer.Option(
            help="Numbers of layers, as 1-5 or 1,2,3. Default: 1-5.", rich_help_panel=DESCRIBED, show_default=False
        ),
    ] = None,
    cages: Annotated[
        str | None,
        typer.Option(
            help="Cage cations, as MA,FA. Default: every organic one of charge +1.",
            rich_help_panel=DESCRIBED,
            show_default=False,
        ),
    ] = None,
    include_flagged: Annotated[
        bool | None,
        typer.Option(
            "--include-flagged",
            help="Train on the doubtful published rows too.",
            rich_help_panel=DESCRIBED,
            show_default=False,
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size",
            "-q",
            min=1,
            help="Suggestions in a round. Default: 5.",
            rich_help_panel=DESCRIBED,
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="Seed of everything random. Default: 0.", rich_help_panel=DESCRIBED, show_default=False
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show sizes, estimates of time and memory, and problems; write nothing.")
    ] = False,
    show_template: Annotated[
        bool, typer.Option("--show-template", help="Print the template as a file to start from, and stop.")
    ] = False,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Keep it in PostgreSQL: postgresql://user@host/database?schema=name. Default: a file in the folder.",
            show_default=False,
        ),
    ] = None,
    workers: Workers = 2,
    oracle_store: OracleStorePath = None,
    as_json: AsJson = False,
) -> None:
    """Screen a space of compounds and suggest what to make first.

    Runs the whole job: enumerate, compute xTB descriptors, train on the measured lifetimes, validate out of sample,
    rank, suggest, report. Interrupted, it goes on where it was when run again; a campaign that is there is continued
    as it was described where nothing else is said.

    Examples:

      spinscreen launch demo

      spinscreen launch amines --library amines.smi --dications --n-layers 1-3

      spinscreen launch mixed --template mixed-halide --dry-run

      spinscreen launch any --template lead-iodide --show-template > mine.yaml

      spinscreen launch mine --config mine.yaml --batch-size 8
    """
    if config is not None and template is not None:
        raise typer.BadParameter("give --config or --template, not both")
    if show_template:
        _print_template(template)
        return
    options = {
        "n_layers": None if n_layers is None else _layers(n_layers),
        "cages": None if cages is None else tuple(name.strip() for name in cages.split(",")),
        "include_flagged": include_flagged,
        "dications": dications,
        "batch_size": batch_size,
        "seed": seed,
    }
    given = {name: value for name, value in options.items() if value is not None}
    goes_on = not (config or template or library or given or store) and _is_there(folder)
    if dry_run and goes_on:
        _plan_known(folder, workers, oracle_store, as_json)
    elif dry_run:
        _plan(folder, _described(config, template, library, given), workers, oracle_store, as_json)
    elif goes_on:
        _run(_open(folder, oracle_store), folder, workers, as_json)
    else:
        described = _described(config, template, library, given)
        _run(_create(folder, described, oracle_store, store), folder, workers, as_json)


def _layers(text: str) -> object:
    from campaigns.config import parse_layers

    try:
        return parse_layers(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--n-layers") from None


def _described(
    config: Path | None, template: str | None, library: list[str] | None, given: dict[str, Any]
) -> Description:
    """The description of a file or template, or the default one, with what the options say over it."""
    from dataclasses import replace

    from campaigns.config import BUILTIN, CampaignConfig, Description, read_description, read_template

    if config is not None:
        found = read_description(config)
    else:
        found = Description(CampaignConfig()) if template is None else read_template(template)
    merged = CampaignConfig.parse(found.config.model_dump() | given)
    sources = found.libraries if not library else tuple(BUILTIN if one == BUILTIN else Path(one) for one in library)
    return replace(found, config=merged, libraries=sources)


def _is_there(folder: Path) -> bool:
    from campaigns.errors import CampaignNotFoundError

    try:
        _open(folder, None).close()
    except CampaignNotFoundError:
        return False
    return True


def _open(folder: Path, oracle_store: Path | None) -> Campaign:
    from campaigns.campaign import Campaign

    return Campaign.open(folder, oracle_store=oracle_store)


def _create(folder: Path, described: Description, oracle_store: Path | None, store: str | None) -> Campaign:
    from campaigns.campaign import Campaign
    from campaigns.errors import ConfigError

    try:
        return Campaign.create(
            folder, described.config, libraries=described.libraries, oracle_store=oracle_store, store=store
        )
    except ConfigError as problem:
        raise described.located(problem) from problem


def _run(campaign: Campaign, folder: Path, workers: int, as_json: bool) -> None:
    from campaigns.cli.show import show_fit, show_next, show_rejects, show_suggestions

    space = campaign.space
    console.note(
        f"{folder}: {space.estimated_size() if space.constraints else f'{len(space):,}'} compounds from "
        f"{len(space.spacers):,} spacers and {len(space.cage_options)} cage cations"
        + (" or mixtures" if space.cage_mixtures else "")
    )
    show_rejects(campaign.library.report, campaign.write_rejects())
    with console.bar("xTB descriptors") as progress:
        described = campaign.describe(workers=workers, progress=progress)
    for line in described.failures:
        console.warn(line)
    with console.bar("training, ranking") as progress:
        batch = campaign.suggest(progress=progress)
    campaign.report()
    if as_json:
        console.print_json([suggestion.to_dict() for suggestion in batch.suggestions])
        return
    show_fit(campaign.retrain() if (fit := campaign.fit()) is None else fit)
    show_suggestions(batch)
    show_next(folder, campaign.files())


def _plan(folder: Path, described: Description, workers: int, oracle_store: Path | None, as_json: bool) -> None:
    from campaigns.errors import ConfigError
    from campaigns.space import gather

    read = gather(described.libraries, dications=described.config.dications)
    try:
        plan = _planned(described.config, read, workers, oracle_store)
    except ConfigError as problem:
        raise described.located(problem) from problem
    _tell(plan, f"makes {folder}", as_json)


def _plan_known(folder: Path, workers: int, oracle_store: Path | None, as_json: bool) -> None:
    """Plan to go on with a campaign that is there, as it was described."""
    from campaigns.space import Gathered

    campaign = _open(folder, oracle_store)
    plan = _planned(campaign.config, Gathered((), campaign.library), workers, oracle_store)
    _tell(plan, f"goes on with {folder}", as_json)


def _planned(config: CampaignConfig, read: Gathered, workers: int, oracle_store: Path | None) -> LaunchPlan:
    from campaigns.plan import plan_launch
    from oracle import default_store_path

    with console.bar("measuring") as progress:
        return plan_launch(config, read, oracle_store or default_store_path(), workers=workers, progress=progress)


def _tell(plan: LaunchPlan, then: str, as_json: bool) -> None:
    from campaigns.cli.show import show_plan

    if as_json:
        console.print_json(plan.to_dict())
    else:
        show_plan(plan, then)


def _print_template(name: str | None) -> None:
    from campaigns.config import template_names, template_text

    if name is None:
        raise typer.BadParameter(f"say which: --template {', '.join(template_names())}")
    console.out.print(template_text(name), markup=False, soft_wrap=True, end="")
