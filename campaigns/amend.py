"""Changing a campaign's mind: what another description changes, and what a new campaign takes over of an old one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from campaigns.config import BUILTIN, CampaignConfig
from campaigns.errors import CampaignError, ConfigError
from campaigns.events import LIFETIME_PS, Stage
from campaigns.plan import cautions, check
from campaigns.space import Scope, Source, gather
from campaigns.state import CampaignState
from campaigns.targets import Recorded, task_of
from chemspace import Cation, CationLibrary, CompoundSpace, LibraryError, parse_formula

#: Names of cations that a difference lists.
_LISTED = 8


@dataclass(frozen=True, slots=True)
class Amendment:
    """Another description of a campaign, and how it differs from the present one."""

    config: CampaignConfig  #: the other description
    changes: tuple[str, ...]  #: one line for each difference; () where there is none
    notes: tuple[str, ...]  #: what follows from them, one line each
    files: tuple[tuple[str, bytes], ...] = ()  #: name and content of its libraries

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"changes": [*self.changes], "notes": [*self.notes]}


def amendment(
    state: CampaignState,
    scope: Scope,
    config: CampaignConfig,
    libraries: Sequence[Source] | None,
    file: Callable[[str], bytes],
) -> Amendment:
    """What a description would change; `file` gives a kept file by its SHA-256. ConfigError if it cannot work."""
    if "edition" not in config.model_fields_set:  # as before
        kept = {"edition": state.config.edition}
        config = CampaignConfig.parse(kept | config.model_dump(mode="json", exclude_unset=True))
    given = [one.name for one in state.config.libraries] if libraries is None else libraries
    dications = state.config.dications if config.dications is None else config.dications  # left to the rule: as it was
    sources = [
        one
        if isinstance(one, tuple) or one == BUILTIN or Path(one).is_file()
        else library_file(state, Path(one).name, file)
        for one in given
    ]
    read = gather(sources, dications=dications, edition=config.defaults)
    config = config.with_libraries(read.files).model_copy(update={"dications": dications})
    space = check(config, read.library)
    check_names(scope.names, read.library)
    for name, asked in config.properties.items():
        own = (row.observation for row in state.records.get(name, ()) if row.of_launch)
        begun = [(row.formula, row.value) for row in own]
        if begun and begun != [(row.compound, row.value) for row in asked.table]:
            raise ConfigError(
                f"properties.{name}: the campaign began it with {len(begun)} other values; leave its table as it was, "
                f"further values come in with: spinscreen ingest CAMPAIGN FILE --property {name}",
                ("properties", name, "table"),
            )
    changes = (
        *_cations("spacer", scope.space.spacers, space.spacers),
        *_cations("cage cation", scope.space.cages, space.cages),
    )
    changes += tuple(_fields(state.config.fields(), config.fields()))
    if changes:
        known = cautions(scope.config, scope.library, scope.space)
        notes = (
            *_notes(state, scope, space),
            *_renamed(scope.names, read.library),
            *(line for line in cautions(config, read.library, space) if line not in known),
        )
    else:
        notes = ()
    files = tuple((name, content) for name, content in read.files if content is not None)
    return Amendment(config, changes, notes, files)


def library_file(state: CampaignState, name: str, file: Callable[[str], bytes]) -> Source:
    """Name and content of a kept library; "builtin" as it is. Raises LibraryError if there is none called so."""
    hashes = {one.name: one.sha256 for described in state.descriptions for one in described.libraries}
    if name not in hashes and name != BUILTIN:
        raise LibraryError(f"{name} cannot be read: there is no such file, and the campaign keeps none called so")
    digest = hashes.get(name)
    return BUILTIN if digest is None else (name, file(digest))


def check_names(names: CationLibrary, library: CationLibrary) -> None:
    """Refuse a library that calls a cation as another one is called already, by a ConfigError naming both."""
    called = {cation.abbreviation: cation for cation in names}
    for cation in library:
        other = called.get(cation.abbreviation)
        if other is not None and other != cation:
            raise ConfigError(
                f"libraries: {cation.abbreviation} is {other.smiles} in this campaign and {cation.smiles} in the new "
                "library; call the new one otherwise",
                ("libraries",),
            )


def _cations(what: str, before: Sequence[Cation], after: Sequence[Cation]) -> Iterator[str]:
    for verb, more, fewer in (("added", after, before), ("left out", before, after)):
        known = {cation.inchikey for cation in fewer}
        if names := [cation.abbreviation for cation in more if cation.inchikey not in known]:
            listed = ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
            yield f"{len(names)} {what}{'s' if len(names) > 1 else ''} {verb}: {listed}"


def _fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """A line for each field, or entry of a field, that differs."""
    for name in before:
        old, new = before[name], after[name]
        if old == new:
            continue
        if not isinstance(old, Mapping):
            is_another = _words(old) == _words(new)
            yield f"{name}: {_words(old)}{', with another content' if is_another else f' becomes {_words(new)}'}"
            continue
        for key in dict.fromkeys((*old, *new)):
            if old.get(key) != new.get(key):
                yield f"{name}.{key}: {_words(old.get(key))} becomes {_words(new.get(key))}"


def _words(value: Any) -> str:
    if value is None or value in ((), {}, []):
        return "none"
    if isinstance(value, Mapping):
        if set(value) == {"name", "sha256"}:
            return str(value["name"])
        return "{" + ", ".join(f"{key}: {_words(part)}" for key, part in value.items() if part not in (None, ())) + "}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_words, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _notes(state: CampaignState, scope: Scope, space: CompoundSpace) -> Iterator[str]:
    before, after = _size(scope.space), _size(space)
    if before != after:
        yield f"{before} compounds become {after}"
    for what, formulas, stay in (
        ("measured", [row.formula for row in state.measurements], "trains the model and is never best"),
        ("awaited", state.pending, "its result is taken in"),
        ("suggested", [f for f, stage in state.stages.items() if stage is Stage.SUGGESTED], "no further round has it"),
    ):
        compounds = {parse_formula(formula, scope.names) for formula in formulas}
        outside = sorted(c.formula for c in compounds if c in scope.space and c not in space)
        if outside:
            listed = ", ".join(outside[:_LISTED]) + (", ..." if len(outside) > _LISTED else "")
            yield f"outside the new space: {listed} ({what}; {stay})"


def _renamed(names: CationLibrary, library: CationLibrary) -> Iterator[str]:
    """Cations that a new library calls otherwise: formulas in the record use the names they had."""
    called = {cation.inchikey: cation.abbreviation for cation in names}
    for cation in library:
        if (name := called.get(cation.inchikey, cation.abbreviation)) != cation.abbreviation:
            yield f"{cation.abbreviation} is called {name}, as it was; {cation.abbreviation} is read too"


def _size(space: CompoundSpace) -> str:
    return str(space.estimated_size()) if space.constraints else f"{len(space):,}"


#: Where nobody took up a suggestion, or its round is over, nothing is known of a compound.
_NOTHING = frozenset({Stage.SUGGESTED, Stage.STALE})


def carried(name: str, state: CampaignState, config: CampaignConfig) -> dict[str, Any]:
    """What a campaign knows, for another one's first event: measurements, steps, what is awaited and declined; no
    suggestions, nor values of properties that the other one lacks. Raises CampaignError if there is nothing."""
    if not (any(state.records.values()) or state.steps or state.ruled_out):
        raise CampaignError(f"{name} has no measurements, outcomes or declined cations; there is nothing to carry over")
    known = {formula for formula, stage in state.stages.items() if stage not in _NOTHING}
    return {
        "campaign": name,
        "descriptions": [config.model_dump(mode="json") for config in state.descriptions],
        "records": {
            target: [_row(name, row) for row in rows if _is_new(row, config)]
            for target, rows in state.records.items()
            if target == LIFETIME_PS or target in config.properties or task_of(target)
        },
        "steps": [
            {**step.payload, "at": step.at.isoformat(), "actor": step.actor}
            for step in state.steps
            if step.formula in known
        ],
        "history": [
            (formula, stage.value, number)
            for formula, stage, number in state.history
            if formula in known and stage not in _NOTHING
        ],
        "ruled_out": [asdict(one) | {"at": one.at.isoformat()} for one in state.ruled_out],
    }


def _row(name: str, row: Recorded) -> dict[str, Any]:
    values = asdict(row) | {"observation": row.observation.to_payload(), "at": row.at.isoformat()}
    values |= {"file": row.file or f"the launch's table of {name}", "files": [*row.files]}
    return {field: value for field, value in values.items() if field != "number"}


def _is_new(row: Recorded, config: CampaignConfig) -> bool:
    """Whether an observation does not stand in the description's own table."""
    begun = config.properties.get(row.observation.target)
    table = () if begun is None else begun.table
    return (row.observation.formula, row.observation.value) not in {(own.compound, own.value) for own in table}
