"""`spinscreen suggest`: the next compounds to make, of a campaign or of any table of candidates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import console
from campaigns.cli.options import (
    EXISTING_FILE,
    NEW_FILE,
    AsJson,
    Dask,
    OptionGroup,
    OracleStorePath,
    TableOptions,
    campaign_folder,
    takes,
)
from campaigns.events import FREED_STAGES, NEVER_AGAIN
from campaigns.files import EXPORTS

if TYPE_CHECKING:
    import pandas as pd

    from campaigns.campaign import Campaign
    from campaigns.summary import SuggestionBatch
    from screening.pool import PoolTable


class PoolOptions(OptionGroup, panel="Any table instead of a campaign"):
    """Any table instead of a campaign."""

    pool: Annotated[Path | None, "Candidates, one a row: CSV, Excel, JSON lines or Parquet.", EXISTING_FILE] = None
    observed: Annotated[
        Path | None, "Measured rows with the same columns. Without: a first batch that spreads.", EXISTING_FILE
    ] = None
    target: Annotated[str | None, "Column with the results."] = None
    minimize: Annotated[bool, "--minimize/--maximize", "Which results are good."] = True
    pending: Annotated[Path | None, "Rows that are being measured now: not suggested again.", EXISTING_FILE] = None
    out: Annotated[
        Path | None, "Write the suggestions too, .csv, .jsonl or .parquet.", {"metavar": "FILE"}, NEW_FILE
    ] = None


class SuggestOptions(OptionGroup):
    folder: Annotated[
        Path | None, typer.Argument(metavar="CAMPAIGN", help="The campaign's folder.", callback=campaign_folder)
    ] = None
    batch_size: Annotated[int | None, "--batch-size", "-q", "How many. Default: the campaign's, or 5.", {"min": 1}] = (
        None
    )
    seed: Annotated[int | None, "Default: the campaign's.", {"min": 0}] = None
    more: Annotated[bool, "A further batch, although the last one is not measured yet."] = False
    details: Annotated[bool, "With each: what the prediction is made of, neighbours, recipe."] = False
    mass: Annotated[float | None, "Grams of compound in the recipes, above 0. Default: the campaign's, or 1."] = None
    structures: Annotated[
        Path | None, "Write a starting structure (CIF) of each into this folder.", {"file_okay": False}
    ] = None
    tilted: Annotated[bool, "With --structures: octahedra tilted as in filed crystals, not straight."] = False
    candidates: Annotated[
        Path | None,
        "Write every candidate with its numbers too: prediction, interval, what is ranked by, chance to form, nearest "
        "measured one. Ends in .parquet.",
        {"metavar": "FILE"},
        NEW_FILE,
    ] = None
    table: PoolOptions
    reading: TableOptions
    dask: Dask = None
    oracle_store: OracleStorePath = None
    as_json: AsJson = False


@takes(SuggestOptions)
def suggest(options: SuggestOptions) -> None:
    """Suggest what to make next.

    Of a campaign: asked again without new results it gives the same answer. What is accepted and not measured yet is
    taken into account and not repeated; what nobody took up expires with the next round and may come again.

    Examples:

      spinscreen suggest demo --json

      spinscreen suggest demo --details --structures cif --mass 0.5

      spinscreen suggest demo --candidates all.parquet

      spinscreen suggest huge --dask tcp://head-node:8786

      spinscreen suggest --pool table.csv --observed measured.csv --target rate --minimize

      spinscreen suggest --pool table.csv --out first.csv
    """
    table, candidates = options.table, options.candidates
    if options.tilted and options.structures is None:
        raise typer.BadParameter("it says how --structures are built; give that folder too", param_hint="--tilted")
    if candidates is not None and candidates.suffix != ".parquet":
        raise typer.BadParameter(f"{candidates.name} must end in .parquet", param_hint="--candidates")
    if table.out is not None and table.out.suffix not in EXPORTS:
        raise typer.BadParameter(f"{table.out.name} must end in {', '.join(EXPORTS)}", param_hint="--out")
    if any(value is not None for value in (table.pool, table.observed, table.target, table.pending, table.out)):
        if options.dask is not None:
            raise typer.BadParameter("--dask passes over the space of a campaign; a table is ranked on this machine")
        if options.folder is not None or table.pool is None or (table.observed is None) != (table.target is None):
            raise typer.BadParameter(
                "give a campaign, or a table: --pool, with --observed and --target together once something is measured"
            )
        _suggest_of_table(options, table.pool)
    elif options.folder is not None:
        _suggest_of_campaign(options, options.folder)
    else:
        raise typer.BadParameter("give the campaign's folder, or a table with --pool")


def _suggest_of_campaign(options: SuggestOptions, folder: Path) -> None:
    from campaigns.campaign import Campaign

    campaign = Campaign.open(folder, oracle_store=options.oracle_store)
    with console.bar("training, ranking") as progress:
        batch = campaign.suggest(
            batch_size=options.batch_size, seed=options.seed, more=options.more, progress=progress, dask=options.dask
        )
    if options.more:  # said again, it would ask for another round
        console.stopped = f"stopped; round {batch.number} is kept, and this shows it: spinscreen suggest {folder}"
    if options.candidates is not None:
        with console.bar("candidates") as progress:
            count = campaign.write_candidates(options.candidates, progress)
        console.note(f"{count:,} candidates in {options.candidates}")
    written = {} if options.structures is None else _write_structures(campaign, batch, options)
    if options.as_json:
        fit = campaign.fit()
        for name, model in () if fit is None else fit.properties.items():
            console.note(f"{name}, learnt from {model['n_rows']} rows: {model['grade']}")
        details = options.details or options.mass is not None
        console.print_json(batch_json(campaign, batch, details, options.mass, written))
        if batch.shortfall:
            console.note(batch.shortfall)
    else:
        from campaigns.cli.show import show_changes

        show_changes(campaign.changes())
        show_batch(campaign, batch, options.details, options.mass, written)


def _write_structures(campaign: Campaign, batch: SuggestionBatch, options: SuggestOptions) -> dict[str, str | None]:
    """File of each compound by formula; None where none can be built, and the reason as a warning."""
    from campaigns.errors import StoreError
    from campaigns.files import file_name
    from chemspace import GeometryError
    from chemspace.crystal import write_structure

    written: dict[str, str | None] = {}
    folder, ending = options.structures or Path(), "-tilted.cif" if options.tilted else ".cif"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} cannot be made: {error.strerror}") from error
    with console.bar("structures") as progress:
        for place, suggestion in enumerate(batch.suggestions, start=1):
            path = folder / file_name(suggestion.formula, ending)
            try:
                write_structure(campaign.structure(suggestion.formula, tilted=options.tilted), path)
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
    rows, stages, kept = [], campaign.state.stages, campaign.stability(batch, refit=True) if details else {}
    for suggestion in batch.suggestions:
        row = suggestion.to_dict() | {"stage": stages[suggestion.formula].value}
        if suggestion.formula in kept:
            row["refits_kept"], row["refits"] = kept[suggestion.formula]
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
        kept = campaign.stability(batch, refit=details)
        show_suggestions(batch, status.stages, [recipe.line for recipe in recipes], written, kept, campaign.names)
    if told := status.nothing_left or batch.shortfall:
        console.line(told)
    elif gone := sum(status.stages[one.formula] in NEVER_AGAIN | FREED_STAGES for one in batch.suggestions):
        console.line(
            f"not made: {gone} of {len(batch.suggestions)}; others: spinscreen suggest {campaign.folder} --more"
        )
    for suggestion, recipe in zip(batch.suggestions, recipes, strict=True) if details else ():
        from campaigns.cli.look import show_prediction
        from chemspace import parse_formula

        console.out.rule(style="dim")
        compound = parse_formula(suggestion.formula, campaign.names)
        show_prediction(campaign.predict(compound), campaign.state.standing(compound))
        console.marked(f"\n{escape(str(recipe))}")
    if status.fit is not None:
        show_properties(status.fit)
    show_best(status)


def _suggest_of_table(options: SuggestOptions, pool: Path) -> None:
    console.stopped = console.ANEW  # before what takes seconds to import
    from campaigns.files import write_frame
    from chemspace.tables.frame import read_frame
    from screening.pool import PoolTable

    asked = options.table
    observed, pending = (None if path is None else read_frame(path) for path in (asked.observed, asked.pending))
    table = PoolTable.of(read_frame(pool), observed, options.reading.query(asked.target, asked.minimize), pending)
    for sentence in (table.sentence, *table.remarks):
        console.remark(sentence)
    chosen = _from_one(table.suggest(options.batch_size or 5, options.seed or 0))
    if options.candidates is not None:
        write_frame(options.candidates, _from_one(table.score()))
        console.note(f"{len(table.pool):,} candidates in {options.candidates}")
    if asked.out is not None:
        write_frame(asked.out, chosen)
        console.note(f"{console.count(len(chosen), 'suggestion')} in {asked.out}")
    console.answer(_plain(chosen), lambda: _show_table(chosen, table))


def _from_one(numbers: pd.DataFrame) -> pd.DataFrame:
    """Row numbers as people count them, from 1 after the headings."""
    counted = [name for name in ("row", "nearest_row") if name in numbers]
    return numbers.assign(**{name: numbers[name] + 1 for name in counted})


def _plain(chosen: pd.DataFrame) -> list[dict[str, object]]:
    """Rows for JSON: missing numbers are null, what JSON has no word for is text."""
    rows: list[dict[str, object]] = console.finite(chosen.to_dict("records"))
    kinds = (str, int, float, type(None))
    return [{str(k): v if isinstance(v, kinds) else str(v) for k, v in row.items()} for row in rows]


#: Own columns of a candidate that are shown.
_SHOWN = 8


def _show_table(chosen: pd.DataFrame, table: PoolTable) -> None:
    from rich.markup import escape

    names = [name for name in table.pool.columns if "names" in table.features.left_out.get(name, "")]
    titles = [str(name) for name in (*names[:1], *table.features.names[:_SHOWN])]
    predicted = {"mean", "low", "high", "chance_best"} <= {*chosen}
    numbers = [str(table.query.target), "90% interval", "beats the best"] if predicted else []
    grid = console.table("#", "row", *titles, *numbers, left=titles)
    for place, row in enumerate(chosen.to_dict("records"), start=1):
        own = [row.get(f"{name} in the pool", row.get(name)) for name in titles]  # NaN, an empty cell, is not itself
        cells = [escape("" if cell != cell else f"{cell:g}" if isinstance(cell, float) else str(cell)) for cell in own]
        if predicted:
            known = table.spread_is_known
            spread = f"{row['low']:.4g} to {row['high']:.4g}" if known else "-"
            cells += [f"{row['mean']:.4g}", spread, f"{row['chance_best']:.0%}" if known else "-"]
        grid.add_row(str(place), str(row["row"]), *cells)
    console.out.print(grid)
    legend = "row: of the pool's table, from 1 after its headings"
    if predicted and table.spread_is_known:
        legend += "; the interval is of a new measurement, as wide as the errors of results left out ask for"
    console.marked(f"[dim]{legend}[/]")
    if predicted and not table.spread_is_known:
        console.line(table.why_no_spread)
