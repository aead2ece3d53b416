"""A saved space: a small YAML file that names its libraries by content hash and its cations by position in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any

from chemspace import constraints as constraint_kinds
from chemspace.cation import Cation
from chemspace.constraints import Constraint
from chemspace.errors import ChemspaceError, SpaceError
from chemspace.library import CationLibrary
from chemspace.space import CompoundSpace

__all__ = ["CONSTRAINT_KINDS", "FORMAT", "load_space", "save_space"]

#: Number in the file's first line; raised when the format changes.
FORMAT = 1

#: The constraints that a file can name.
CONSTRAINT_KINDS: dict[str, Any] = {
    kind.name: kind
    for kind in (getattr(constraint_kinds, name) for name in constraint_kinds.__all__ if name != "Constraint")
}


def save_space(space: CompoundSpace, path: str | Path, libraries: Sequence[CationLibrary] = ()) -> None:
    """Write a space; every cation must come from one of `libraries` or the built-in one.

    Raises:
        SpaceError: if a cation is in none of them, a constraint is not one of `chemspace.constraints`, or the file
            cannot be written.
    """
    known = _known(libraries)
    record: dict[str, Any] = {
        "spinscreen_space": FORMAT,
        "libraries": [{"content_hash": key, "cations": len(library)} for key, library in known.items()],
        "spacers": _references(space.spacers, known),
        "cages": _references(space.cages, known),
        "n_layers": list(space.n_layers),
        "b_sites": list(space.b_sites),
        "halides": list(space.halides),
        "cage_mixtures": [
            [[_references([cation], known)[0], str(f)] for cation, f in mixture] for mixture in space.cage_mixtures
        ],
        "halide_mixtures": [[[symbol, str(f)] for symbol, f in mixture] for mixture in space.halide_mixtures],
        "constraints": [_constraint_record(constraint) for constraint in space.constraints],
    }
    try:
        with open(path, "w", encoding="utf-8") as stream:
            _yaml().dump(record, stream)
    except OSError as error:
        raise SpaceError(f"{path} cannot be written: {error.strerror}") from error


def load_space(path: str | Path, libraries: Sequence[CationLibrary] = ()) -> CompoundSpace:
    """Read a space written by `save_space`.

    Raises:
        SpaceError: if the file is no saved space, or needs a library that is not among those given; the message names
            the content hash it needs.
    """
    record = _read(path)
    known = _known(libraries)
    order = [str(entry.get("content_hash")) for entry in record.get("libraries", [])]
    try:
        return CompoundSpace(
            spacers=_cations(record["spacers"], order, known),
            cages=_cations(record["cages"], order, known),
            n_layers=tuple(int(n) for n in record["n_layers"]),
            b_sites=tuple(record["b_sites"]),
            halides=tuple(record["halides"]),
            cage_mixtures=tuple(
                tuple((_cations([entry], order, known)[0], Fraction(f)) for entry, f in mixture)
                for mixture in record["cage_mixtures"]
            ),
            halide_mixtures=tuple(
                tuple((symbol, Fraction(f)) for symbol, f in mixture) for mixture in record["halide_mixtures"]
            ),
            constraints=tuple(_constraint(entry) for entry in record["constraints"]),
        )
    except ChemspaceError as error:
        raise SpaceError(f"{Path(path).name}: {error}") from error
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise SpaceError(f"{Path(path).name} is no saved space of format {FORMAT} ({what})") from error


def _read(path: str | Path) -> dict[str, Any]:
    from ruamel.yaml.error import YAMLError

    try:
        record = _yaml().load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SpaceError(f"{path} cannot be read: {error.strerror}") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise SpaceError(f"{Path(path).name} is no YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(record, dict) or "spinscreen_space" not in record:
        raise SpaceError(f"{Path(path).name} is no saved space: it lacks the line spinscreen_space: {FORMAT}")
    if record["spinscreen_space"] != FORMAT:
        raise SpaceError(f"{Path(path).name} has format {record['spinscreen_space']}; this version reads {FORMAT}")
    return record


def _yaml() -> Any:
    from ruamel.yaml import YAML  # only saved spaces need it

    yaml: Any = YAML(typ="safe", pure=True)
    yaml.sort_base_mapping_type_on_output = False  # keep the order above
    yaml.default_flow_style = None
    yaml.width = 120
    return yaml


def _known(libraries: Sequence[CationLibrary]) -> dict[str, CationLibrary]:
    """Libraries by content hash, the user's before the built-in one."""
    return {library.content_hash: library for library in (*libraries, CationLibrary.builtin())}


def _references(cations: Iterable[Cation], known: Mapping[str, CationLibrary]) -> list[str]:
    """Cations as "library:position" or "library:first-last" (both counted from 0), neighbours in one entry."""
    places: dict[str, tuple[int, int]] = {}
    for number, library in reversed(list(enumerate(known.values()))):
        places.update({cation.inchikey: (number, place) for place, cation in enumerate(library)})
    found = []
    for cation in cations:
        if cation.inchikey not in places:
            raise SpaceError(f"{cation.abbreviation} is in none of the libraries given; give the one it comes from")
        found.append(places[cation.inchikey])
    entries = []
    for _, group in groupby(enumerate(found), key=lambda item: (item[1][0], item[1][1] - item[0])):
        run = [place for _, place in group]
        (number, first), (_, last) = run[0], run[-1]
        entries.append(f"{number}:{first}" if first == last else f"{number}:{first}-{last}")
    return entries


def _cations(entries: Sequence[str], order: Sequence[str], known: Mapping[str, CationLibrary]) -> tuple[Cation, ...]:
    cations: list[Cation] = []
    for entry in entries:
        number, _, places = entry.partition(":")
        wanted = order[int(number)]
        if wanted not in known:
            raise SpaceError(f"needs the library with content hash {wanted}; none of the libraries given has it")
        first, _, last = places.partition("-")
        members = tuple(known[wanted])[int(first) : int(last or first) + 1]
        if len(members) != int(last or first) - int(first) + 1:
            raise SpaceError(f"entry {entry!r} reaches beyond its library")
        cations.extend(members)
    return tuple(cations)


def _constraint_record(constraint: Constraint) -> dict[str, Any]:
    if type(constraint) is not CONSTRAINT_KINDS.get(constraint.name):
        raise SpaceError(f"{constraint} cannot be saved: it is none of chemspace.constraints")
    fields = {key: _plain(value) for key, value in asdict(constraint).items()}  # type: ignore[call-overload]  # all are dataclasses
    return {constraint.name: fields}


def _constraint(entry: Mapping[str, Mapping[str, Any]]) -> Constraint:
    ((name, fields),) = entry.items()
    if name not in CONSTRAINT_KINDS:
        raise SpaceError(f"constraint {name!r} is unknown; there are {', '.join(sorted(CONSTRAINT_KINDS))}")
    made: Constraint = CONSTRAINT_KINDS[name](**{key: _frozen(value) for key, value in fields.items()})
    return made


def _plain(value: Any) -> Any:
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def _frozen(value: Any) -> Any:
    return tuple(_frozen(part) for part in value) if isinstance(value, list) else value
