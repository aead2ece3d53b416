"""Can a campaign work as described? Asked before anything is written."""

from __future__ import annotations

from campaigns.config import CampaignConfig
from campaigns.config_errors import nearest
from campaigns.errors import ConfigError
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
        from screening.acquisition.named import BATCH_ACQUISITIONS

        _one_of("acquisition", config.acquisition, ("auto", *BATCH_ACQUISITIONS))
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
    if any(wish.column == "price" for wish in config.objective.wishes) and not any(
        entry.per_mol is not None for entry in config.prices.values()
    ):
        raise ConfigError(
            "objective.wishes: a wish on the price needs a price table: give prices, as {PEA: {per_mol: 5}}",
            ("objective", "wishes"),
        )
    flags = {flag for entry in config.prices.values() for flag in entry.hazards}
    if unknown := [flag for flag in config.limits.refused_hazards if flag not in flags]:
        raise ConfigError(
            f"budget.refused_hazards: no cation of the price table carries {unknown[0]!r}"
            f"{nearest(unknown[0], dict.fromkeys(sorted(flags)))}",
            ("limits", "refused_hazards"),
        )
    return space_of(config, library)


def _one_of(field: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise ConfigError(f"{field}: none is called {name!r}{nearest(name, dict.fromkeys(known))}", (field,))
