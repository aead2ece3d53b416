"""`spinscreen suggest`: the next compounds to make, of a campaign or of any table of candidates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import console
from campaigns.cli.options import EXISTING_FILE, NEW_FILE, AsJson, Dask, OracleStorePath, campaign_folder, takes

if TYPE_CHECKING:
    import pandas as pd

    from campaigns.campaign import Campaign
    from campaigns.summary import SuggestionBatch


_OfPool = partial(typer.Option, rich_help_panel="Any table instead of a campaign")


@dataclass(frozen=True, kw_only=True)
class PoolOptions:
    """Any table instead of a campaign."""

    pool: Annotated[
        Path | None, _OfPool(help="Candidates with numeric columns, CSV, Excel or Parquet.", **EXISTING_FILE)
    ] = None
    observed: Annotated[Path | None, _OfPool(help="Measured rows with the same columns.", **EXISTING_FILE)] = None
    target: Annotated[str | None, _OfPool(help="Column with the results.")] = None
    minimize: Annotated[bool, _OfPool("--minimize/--maximize", help="Which results are good.")] = True
    noise: Annotated[str | None, _OfPool(help="Column with standard deviations.")] = None


@dataclass(frozen=True, kw_only=True)
class SuggestOptions:
    """Options of `spinscreen suggest`."""

    folder: Annotated[
        Path | None, typer.Argument(metavar="[CAMPAIGN]", help="The campaign's folder.", callback=campaign_folder)
    ] = None
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", "-q", min=1, help="How many. Default: the campaign's, or 5.")
    ] = None
    seed: Annotated[int | None, typer.Option(min=0, help="Default: the campaign's.")] = None
    more: Annotated[
        bool, typer.Option("--more", help="A further batch, although the last one is not measured yet.")
    ] = False
    details: Annotated[
        bool, typer.Option("--details", help="With each: what the prediction is made of, neighbours, recipe.")
    ] = False
    mass: Annotated[
        float | None,
        typer.Option(help="Grams of compound in the recipes, above 0. Default: the campaign's, or 1."),
    ] = None
    structures: Annotated[
        Path | None, typer.Option(help="Write a starting structure (CIF) of each into this folder.", file_okay=False)
    ] = None
    candidates: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write every candidate with its numbers too: prediction, interval, what is ranked by, chance to form, "
            "nearest measured one. Ends in .parquet.",
            **NEW_FILE,
        ),
    ] = None
    table: PoolOptions
    dask: Dask = None
    oracle_store: OracleStorePath = None
    as_json: AsJson = False


@takes(SuggestOptions)
def suggest(options: SuggestOptions) -> None:
    """Suggest what to make next.

    Of a campaign: asked again without new results it gives the same answer. What was suggested before the last results
    came in is pending: it is taken into account and not repeated.

    Examples:

      spinscreen suggest demo --json

      spinscreen suggest demo --details --structures cif --mass 0.5

      spinscreen suggest demo --candidates all.parquet

      spinscreen suggest huge --dask tcp://head-node:8786

      spinscreen suggest --pool table.csv --observed measured.csv --target rate --minimize
    """
    table, candidates = options.table, options.candidates
    if candidates is not None and candidates.suffix != ".parquet":
        raise typer.BadParameter(f"{candidates.name} must end in .parquet", param_hint="--candidates")
    if table.pool is not None or table.observed is not None or table.target is not None:
        if options.dask is not None:
            raise typer.BadParameter("--dask passes over the space of a campaign; a table is ranked on this machine")
        if options.folder is not None or table.pool is None or table.observed is None or table.target is None:
            raise typer.BadParameter("give a campaign, or --pool, --observed and --target together")
        _suggest_of_table(options, table.pool, table.observed, table.target)
    elif options.folder is not None:
        _suggest_of_campaign(options, options.folder)
    else:
        raise typer.BadParameter("give the campaign's folder, or a table with --pool, --observed and --target")


def _suggest_of_campaign(options: SuggestOptions, folder: Path) -> None:
    from campaigns.campaign import Campaign

    campaign = Campaign.open(folder, oracle_store=options.oracle_store)
    with console.bar("training, ranking") as progress:
        batch = campaign.suggest(
            batch_size=options.batch_size, seed=options.seed, more=options.more, progress=progress, dask=options.dask
        )
    if options.candidates is not None:
        with console.bar("candidates") as progress:
            count = campaign.write_candidates(options.candidates, progress)
        console.note(f"{count:,} candidates in {options.candidates}")
    written = {} if options.structures is None else _write_structures(campaign, batch, options.structures)
    if options.as_json:
        fit = campaign.fit()
        for name, model in () if fit is None else fit.properties.items():
            console.note(f"{name}, learnt from {model['n_rows']} rows: {model['grade']}")
        details = options.details or options.mass is not None
        console.print_json(batch_json(campaign, batch, details, options.mass, written))
    else:
        show_batch(campaign, batch, options.details, options.mass, written)


def _write_structures(campaign: Campaign, batch: SuggestionBatch, folder: Path) -> dict[str, str | None]:
    """File of each compound by formula; None where none can be built, and the reason as a warning."""
    from campaigns.errors import StoreError
    from campaigns.files import file_name
    from chemspace import GeometryError
    from chemspace.crystal import write_structure

    written: dict[str, str | None] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} cannot be made: {error.strerror}") from error
    with console.bar("structures") as progress:
        for place, suggestion in enumerate(batch.suggestions, start=1):
            path = folder / file_name(suggestion.formula, ".cif")
            try:
                write_structure(campaign.structure(suggestion.formula), path)
                written[suggestion.formula] = str(path)
            except GeometryError as problem:
                console.warn(f"{suggestion.formula} has no starting structure: {problem}")
                written[suggestion.formula] = None
            progress(place, len(batch.suggestions), suggestion.formula)
    return written


def batch_json(
    campaign: Campaign,
    batch: SuggestionBatch,
    details: bool = False,
    mass_g: float | None = None,
    written: Mapping[str, str | None] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """The suggestions; what was asked for beside them under further keys."""
    rows, stages = [], campaign.state.stages
    for suggestion in batch.suggestions:
        row = suggestion.to_dict() | {"stage": stages[suggestion.formula].value}
        if details:
            row["recipe"] = campaign.recipe(suggestion.formula, mass_g).to_dict()
            row["explanation"] = console.finite(campaign.predict(suggestion.formula).to_dict())
        if suggestion.formula in written:
            row["structure"] = written[suggestion.formula]
        rows.append(row)
    return rows


def show_batch(
    campaign: Campaign,
    batch: SuggestionBatch,
    details: bool = False,
    mass_g: float | None = None,
    written: Mapping[str, str | None] = MappingProxyType({}),
) -> None:
    """The suggestions as a table, and where the campaign stands."""
    from rich.markup import escape

    from campaigns.cli.show import show_best, show_properties, show_suggestions

    recipes = [campaign.recipe(suggestion.formula, mass_g) for suggestion in batch.suggestions]
    status = campaign.status()
    if batch.suggestions:
        show_suggestions(batch, status.stages, [recipe.line for recipe in recipes], written)
    elif status.nothing_left:
        console.line(status.nothing_left)
    for suggestion, recipe in zip(batch.suggestions, recipes, strict=True) if details else ():
        from campaigns.cli.explain import show_prediction

        console.out.rule(style="dim")
        show_prediction(campaign.predict(suggestion.formula))
        console.marked(f"\n{escape(str(recipe))}")
    if status.fit is not None:
        show_properties(status.fit)
    show_best(status)


def _suggest_of_table(options: SuggestOptions, pool: Path, observed: Path, target: str) -> None:
    from chemspace.tables.frame import read_frame
    from screening.pool import score_table, suggest_from_table

    minimize, noise = options.table.minimize, options.table.noise
    rows, measured = read_frame(pool), read_frame(observed)
    size, seed = options.batch_size or 5, options.seed or 0
    chosen = suggest_from_table(rows, measured, target, size, minimize=minimize, noise=noise, seed=seed)
    if options.candidates is not None:
        from campaigns.files import write_frame

        numbers = score_table(rows, measured, target, minimize=minimize, noise=noise)
        own = rows.drop(columns=[name for name in numbers if name in rows]).reset_index(drop=True)
        write_frame(options.candidates, numbers.join(own))
        console.note(f"{len(rows):,} candidates in {options.candidates}")
    if options.as_json:
        console.print_json(_plain(chosen))
    else:
        _show_table(chosen, target)


def _plain(chosen: pd.DataFrame) -> list[dict[str, object]]:
    """Rows for JSON: missing numbers are null, what JSON has no word for is text."""
    rows: list[dict[str, object]] = console.finite(chosen.to_dict("records"))
    kinds = (str, int, float, type(None))
    return [{str(k): v if isinstance(v, kinds) else str(v) for k, v in row.items()} for row in rows]


def _show_table(chosen: pd.DataFrame, target: str) -> None:
    from rich.markup import escape

    own = [name for name in chosen.columns if chosen[name].dtype == object][:1]
    own_titles = [str(name) for name in own]
    table = console.table("#", "row", *own_titles, target, "90% interval", "acquisition", left=own_titles)
    for place, row in enumerate(chosen.to_dict("records"), start=1):
        table.add_row(
            str(place),
            str(row["row"] + 1),
            *(escape(str(row[name])) for name in own),
            f"{row['mean']:.4g}",
            f"{row['low']:.4g} to {row['high']:.4g}",
            f"{row['acquisition']:.2f}",
        )
    console.out.print(table)
    console.marked("[dim]row: of the pool's table, from 1 after its header; the interval is of a new measurement[/]")
