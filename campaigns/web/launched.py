"""What a campaign was launched with, in words."""

from __future__ import annotations

from collections.abc import Iterator

from campaigns.config import CampaignConfig
from campaigns.web.desk import Desk

__all__ = ["launch_facts"]


def launch_facts(desk: Desk) -> list[tuple[str, str]]:
    """(what, how) of a launch: who and when, library, space, objective, model, oracle, batch and seed."""
    campaign, events = desk.front, desk.events()
    config, library = campaign.config, campaign.library
    made = events[0]
    names = (config.library, *(other.name for other in config.further_libraries))
    return [
        ("Launched", f"{made['at'][:16].replace('T', ' ')} UTC by {made['actor']}"),
        ("Library", f"{', '.join(names)}: {len(library.spacers):,} spacers, {len(library.cages):,} cage cations"),
        ("Space", _space(desk)),
        *_rules(config),
        ("Sought", _objective(config)),
        ("Model", f"{config.surrogate}, acquisition {config.acquisition}, seed {config.seed}"),
        ("Descriptors", config.protocol.label),
        ("A batch", "; ".join(_batch(config))),
    ]


def _space(desk: Desk) -> str:
    space = desk.front.space
    layers = sorted(space.n_layers)
    whole = len(layers) > 2 and layers == list(range(layers[0], layers[-1] + 1))
    n = f"{layers[0]} to {layers[-1]}" if whole else ", ".join(map(str, layers))
    halides = (" and ".join(symbol for symbol, _ in option) for option in space.halide_options)
    rp = sum(cation.charge == 1 for cation in space.spacers)
    cages = (" and ".join(cation.abbreviation for cation, _ in option) for option in space.cage_options)
    return (
        f"{len(space):,} compounds: {rp:,} RP and {len(space.spacers) - rp:,} DJ spacers, n = {n}, "
        f"cages {', '.join(cages) or 'none'}; {', '.join(space.b_sites)} with {', '.join(halides)}"
    )


def _rules(config: CampaignConfig) -> Iterator[tuple[str, str]]:
    if config.constraints:
        names = (name.replace("_", " ") for rule in config.constraints for name in rule)
        yield "Left out by", ", ".join(names)
    if config.properties:
        goals = {"maximize": ", sought high", "minimize": ", sought low", None: ""}
        told = (
            f"{name.replace('_', ' ')}{goals[held.goal]} ({len(held.table)} values)"
            for name, held in config.properties.items()
        )
        yield "Also measured", "; ".join(told)


def _objective(config: CampaignConfig) -> str:
    if wishes := config.objective.wishes:
        told = (f"{w.column.replace('_', ' ')} from {w.useless:g} (useless) to {w.perfect:g} (perfect)" for w in wishes)
        return f"all of these together: {'; '.join(told)}"
    goal = config.objective.goal_lifetime_ps
    sought = "the longest spin lifetime" if goal is None else f"a spin lifetime above {goal:g} ps"
    if tradeoff := config.objective.tradeoff:
        ends = {"price": "below", "feasibility": "above", "novelty": "above"}
        told = (f"{name} ({ends[name]} {worst:g})" for name, worst in tradeoff.items())
        return f"{sought}, traded off against {', '.join(told)}"
    return sought


def _batch(config: CampaignConfig) -> Iterator[str]:
    limits = config.limits
    yield f"{config.batch_size} compounds of {limits.mass_g:g} g"
    if limits.max_per_spacer is not None:
        yield f"at most {limits.max_per_spacer} of a spacer"
    if limits.max_cost is not None:
        yield f"cations for at most {limits.max_cost:g}"
    if limits.max_days is not None:
        yield f"delivered within {limits.max_days:g} days"
    if limits.refused_hazards:
        yield f"no cation with {' or '.join(limits.refused_hazards)}"
    if config.prices:
        yield f"{len(config.prices)} cations in the price table"
