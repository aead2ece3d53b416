"""Can a campaign work as described? Asked before anything is written."""

from __future__ import annotations

from campaigns.config import CampaignConfig
from campaigns.config_errors import nearest
from campaigns.errors import ConfigError
from campaigns.properties import check_properties
from campaigns.space import prices_of, space_of, with_builtin
from chemspace import CationLibrary, CompoundSpace

__all__ = ["check"]


def check(config: CampaignConfig, library: CationLibrary) -> CompoundSpace:
    """Names, protocol, prices and space of a campaign; returns the space.

    Args:
        config: the description.
        library: its cations.

    Raises:
        ConfigError: naming the field that cannot be.
        SpaceError: if nothing can be enumerated.
    """
    plain = CampaignConfig()
    if config.surrogate != plain.surrogate:
        from screening.surrogates import surrogate_names

        _one_of("surrogate", config.surrogate, surrogate_names())
    if config.acquisition != plain.acquisition:
        from screening.acquisition.named import AIMED_ACQUISITIONS, BATCH_ACQUISITIONS

        _one_of("acquisition", config.acquisition, ("auto", *BATCH_ACQUISITIONS, *AIMED_ACQUISITIONS))
    if config.oracle:
        config.protocol.require_installed()
    if config.prices:
        prices_of(config, with_builtin(library))
    for limit, price in (("max_cost", "per_mol"), ("max_days", "days")):
        known = any(getattr(entry, price) is not None for entry in config.prices.values())
        if getattr(config.limits, limit) is not None and not known:
            raise ConfigError(
                f"budget.{limit} needs a price table: give prices, as {{PEA: {{{price}: 5}}}}", ("limits", limit)
            )
    if config.properties:
        check_properties(config, with_builtin(library))
    _check_aims(config)
    if config.objective.asks_for_price and not any(entry.per_mol is not None for entry in config.prices.values()):
        field = "tradeoff" if "price" in config.objective.tradeoff else "wishes"
        raise ConfigError(
            f"objective.{field}: what asks for the price needs a price table: give prices, as {{PEA: {{per_mol: 5}}}}",
            ("objective", field),
        )
    flags = {flag for entry in config.prices.values() for flag in entry.hazards}
    if unknown := [flag for flag in config.limits.refused_hazards if flag not in flags]:
        raise ConfigError(
            f"budget.refused_hazards: no cation of the price table carries {unknown[0]!r}"
            f"{nearest(unknown[0], dict.fromkeys(sorted(flags)))}",
            ("limits", "refused_hazards"),
        )
    return space_of(config, library)


def _check_aims(config: CampaignConfig) -> None:
    """Wishes on columns that there are, and something to trade off where that is asked for."""
    if config.objective.wishes:
        from screening.ranking.columns import OWN_COLUMNS

        known = dict.fromkeys((*OWN_COLUMNS, "price", *config.properties))
        for place, wish in enumerate(config.objective.wishes):
            if wish.column not in known:
                raise ConfigError(
                    f"objective.wishes: no column is called {wish.column!r}{nearest(wish.column, known)}",
                    ("objective", "wishes", place, "column"),
                )
    if config.acquisition in ("qlog_nehvi", "random") and config.objective.wishes:
        raise ConfigError(
            f"acquisition: {config.acquisition} leaves no place for wishes; give one or the other", ("acquisition",)
        )
    tradeoff = config.objective.tradeoff
    if tradeoff and config.acquisition != "qlog_nehvi":
        raise ConfigError(
            f"objective.tradeoff is what acquisition qlog_nehvi trades the rate off against; the acquisition here is "
            f"{config.acquisition}: write acquisition: qlog_nehvi, or leave the tradeoff out",
            ("objective", "tradeoff"),
        )
    if tradeoff.get("feasibility", 0.0) >= 1.0:
        raise ConfigError(
            f"objective.tradeoff: no chance to form is above {tradeoff['feasibility']:g}; the lowest of interest lies "
            "below 1",
            ("objective", "tradeoff", "feasibility"),
        )
    goals = [one for one in config.properties.values() if one.goal]
    if config.acquisition == "qlog_nehvi" and not (goals or tradeoff):
        raise ConfigError(
            "acquisition: qlog_nehvi trades the rate off against further properties: give a measured one a goal, as "
            "properties: {band_gap_ev: {table: gaps.csv, goal: maximize}}, or name known ones with their worst values, "
            "as objective: {tradeoff: {price: 100, novelty: 0}}",
            ("acquisition",),
        )


def _one_of(field: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise ConfigError(f"{field}: none is called {name!r}{nearest(name, dict.fromkeys(known))}", (field,))
