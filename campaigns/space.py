"""From a campaign's description to its library and its space."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaigns.config import CampaignConfig
from campaigns.config_errors import nearest, problems
from campaigns.errors import ConfigError
from chemspace import Cation, CationLibrary, CompoundSpace, SpaceError, UnknownCationError
from chemspace.cation import also_called, under_own_name

if TYPE_CHECKING:
    from chemspace.constraints import Constraint

__all__ = ["hazards_of", "library_from_content", "merged", "prices_of", "space_of", "with_builtin"]

_INCHIKEY = re.compile(r"[A-Z]{14}-[A-Z]{10}-[A-Z]")


def library_from_content(
    name: str, content: bytes, rejects: Path | None = None, *, dications: bool = False
) -> CationLibrary:
    """The library in a kept file.

    Args:
        name: what the user called the file; tells its format.
        content: the file.
        rejects: CSV file to write with a reason for every refused row.
        dications: whether diamines take two protons.

    Raises:
        LibraryError: as `CationLibrary.read`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return CationLibrary.read(path, rejects=rejects, dications=dications)


def merged(libraries: Sequence[CationLibrary]) -> CationLibrary:
    """Every cation of `libraries` once, by its first abbreviation; the later ones stay as aliases.

    A cation whose abbreviation another one has already is called by its InChIKey; the old name stays as an alias.
    """
    if len(libraries) == 1:
        return libraries[0]
    kept: dict[str, Cation] = {}
    taken: set[str] = set()
    for cation in (cation for library in libraries for cation in library):
        if cation.inchikey in kept:
            kept[cation.inchikey] = also_called(kept[cation.inchikey], cation)
            continue
        if cation.abbreviation in taken:
            cation = under_own_name(cation)
        kept[cation.inchikey] = cation
        taken.add(cation.abbreviation)
    return CationLibrary(kept.values())


def with_builtin(library: CationLibrary) -> CationLibrary:
    """`library` and every built-in cation it does not have, so that published compounds can be named beside it.

    Where both use an abbreviation for different cations, the user's holds.
    """
    taken = {cation.abbreviation for cation in library}
    known = (c for c in CationLibrary.builtin() if c not in library and c.abbreviation not in taken)
    return CationLibrary([*library, *known])


def space_of(config: CampaignConfig, library: CationLibrary) -> CompoundSpace:
    """The compounds a campaign may suggest.

    Spacers are the library's; cage cations the named ones, or every organic one of charge +1 (an inorganic cage has
    no orbital descriptors). A library without cage cations takes the built-in ones.

    Raises:
        ConfigError: for an unknown cation, or a constraint that cannot be.
        SpaceError: if nothing can be enumerated.
    """
    names = with_builtin(library) if _names_cations(config) else library
    space = CompoundSpace(
        spacers=library.spacers,
        cages=_cages(config, library, names),
        n_layers=config.n_layers,
        b_sites=config.b_sites,
        halides=config.halides,
        cage_mixtures=_cage_mixtures(config, names),
        halide_mixtures=tuple(
            tuple((symbol, Fraction(part)) for symbol, part in mixture) for mixture in config.halide_mixtures
        ),
        constraints=tuple(_constraint(place, rule, names, config) for place, rule in enumerate(config.constraints)),
    )
    if config.constraints and space.estimated_size().count == 0:
        raise ConfigError(f"constraints: they leave none of {len(space):,} compounds; loosen one", ("constraints",))
    return space


def prices_of(config: CampaignConfig, names: CationLibrary) -> dict[str, tuple[float | None, float | None]]:
    """Money a mole and days until delivery of each cation in the price table, by InChIKey.

    Raises:
        ConfigError: for a cation that no library knows.
    """
    return {
        _inchikey(name, names, ("prices", name)): (price.per_mol, price.days) for name, price in config.prices.items()
    }


def hazards_of(config: CampaignConfig, names: CationLibrary) -> dict[str, frozenset[str]]:
    """Hazard flags of each cation in the price table, by InChIKey.

    Raises:
        ConfigError: for a cation that no library knows.
    """
    return {_inchikey(name, names, ("prices", name)): frozenset(price.hazards) for name, price in config.prices.items()}


def _names_cations(config: CampaignConfig) -> bool:
    return bool(config.cages or config.cage_mixtures or config.constraints or config.prices)


def _cages(config: CampaignConfig, library: CationLibrary, names: CationLibrary) -> tuple[Cation, ...]:
    if max(config.n_layers) == 1:
        return ()
    if config.cages is not None:
        return tuple(_named(name, names, ("cages", place)) for place, name in enumerate(config.cages))
    # A library in which nothing is marked as a cage cation (a bare list of amines) means its entries as spacers.
    marked = any(c.role == "cage" for c in library.cages)
    return tuple(c for c in (library if marked else CationLibrary.builtin()).cages if c.is_organic)


def _cage_mixtures(config: CampaignConfig, names: CationLibrary) -> tuple[tuple[tuple[Cation, Fraction], ...], ...]:
    if max(config.n_layers) == 1:
        return ()
    return tuple(
        tuple((_named(name, names, ("cage_mixtures", place)), Fraction(part)) for name, part in mixture)
        for place, mixture in enumerate(config.cage_mixtures)
    )


def _named(name: str, names: CationLibrary, path: tuple[str | int, ...]) -> Cation:
    try:
        return names[name]
    except UnknownCationError as error:
        raise ConfigError(f"{path[0]}: {error}", path) from error


def _inchikey(name: str, names: CationLibrary, path: tuple[str | int, ...]) -> str:
    return name if _INCHIKEY.fullmatch(name) else _named(name, names, path).inchikey


def _constraint(place: int, rule: dict[str, Any], names: CationLibrary, config: CampaignConfig) -> Constraint:
    """One constraint of `chemspace.constraints`; cations named in it become InChIKeys, prices come from the table."""
    from pydantic import TypeAdapter, ValidationError

    from chemspace.space_file import CONSTRAINT_KINDS

    ((name, given),) = rule.items()
    here = ("constraints", place, name)
    if name not in CONSTRAINT_KINDS:
        raise ConfigError(f"constraints: there is none called {name!r}{nearest(name, CONSTRAINT_KINDS)}", here)
    kind = CONSTRAINT_KINDS[name]
    values = dict(given) if isinstance(given, dict) else {}
    known = [field.name for field in fields(kind)]
    if not isinstance(given, dict) or (unknown := [key for key in values if key not in known]):
        what = f"has no field {unknown[0]!r}; it has" if values else "takes"
        raise ConfigError(f"constraints.{name} {what} {', '.join(known)}", here)
    if "pairs" in values:
        values["pairs"] = [[_inchikey(str(one), names, here) for one in pair] for pair in _list(values["pairs"])]
    if "per_mol" in known:
        values["per_mol"] = _priced(values.get("per_mol"), names, config, here)
    try:
        made: Constraint = TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        raise ConfigError(f"constraints.{name}.{problems(error)[0]}", here) from error
    except SpaceError as error:
        raise ConfigError(f"constraints: {error}", here) from error
    return made


def _priced(
    given: Any, names: CationLibrary, config: CampaignConfig, path: tuple[str | int, ...]
) -> list[tuple[str, Any]]:
    """Prices per mole by InChIKey: the constraint's own, else those of the campaign's table."""
    if given is None:
        return [(key, per_mol) for key, (per_mol, _) in prices_of(config, names).items() if per_mol is not None]
    pairs = given.items() if isinstance(given, dict) else (tuple(pair) for pair in _list(given))
    return [(_inchikey(str(name), names, path), price) for name, price in pairs]


def _list(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else ()
