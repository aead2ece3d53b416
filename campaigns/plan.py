"""What a launch would do: sizes, what it would cost, and what speaks against it. Nothing is written.

And changing a campaign's mind: what another description changes, and what a new campaign takes over of an old one.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem

from campaigns.config import BUILTIN, CampaignConfig
from campaigns.errors import CampaignError, ConfigError, check_recordable
from campaigns.events import LIFETIME_PS, Stage
from campaigns.records import needed_cations
from campaigns.space import Gathered, Scope, Source, gather, hazards_of, prices_of, space_of, with_builtin
from campaigns.state import CampaignState
from campaigns.targets import Recorded, check_properties, property_compounds, task_of
from campaigns.training import layered_ions
from chemspace import Cation, CationLibrary, Compound, CompoundSpace, LibraryError, parse_formula
from chemspace.constraints import ExcludedCations
from chemspace.progress import Progress, silent
from chemspace.registry import nearest
from oracle import CationRecord, OracleStore, describe
from screening.dataset import SpinDataset, published_descriptors
from screening.features import to_features

__all__ = ["LaunchPlan", "plan_launch"]


def check(config: CampaignConfig, library: CationLibrary) -> CompoundSpace:
    """Names, protocol, prices and space of a campaign; returns the space. Raises ConfigError naming the field."""
    plain = CampaignConfig()
    if config.surrogate != plain.surrogate:
        from screening.surrogates import surrogate_names

        _one_of("surrogate", config.surrogate, surrogate_names())
    if config.acquisition != plain.acquisition:
        from screening.strategies import STRATEGIES

        _one_of("acquisition", config.acquisition, ("auto", *STRATEGIES))
    if config.oracle:
        config.protocol.require_installed()
    if config.descriptors:
        _check_descriptors(config)
    if config.prices:
        prices_of(config, with_builtin(library, config.defaults))
    for limit, price in (("max_cost", "per_mol"), ("max_days", "days")):
        has_prices = any(getattr(entry, price) is not None for entry in config.prices.values())
        if getattr(config.budget, limit) is not None and not has_prices:
            raise ConfigError(
                f"budget.{limit} needs a price table: give prices, as {{PEA: {{{price}: 5}}}}", ("budget", limit)
            )
    check_recordable(config.model_dump(mode="json"), "the description")
    if config.properties:
        check_properties(config, with_builtin(library, config.defaults))
    _check_aims(config)
    if config.objective.asks_for_price and not any(entry.per_mol is not None for entry in config.prices.values()):
        field = "tradeoff" if "price" in config.objective.tradeoff else "wishes"
        raise ConfigError(
            f"objective.{field}: what asks for the price needs a price table: give prices, as {{PEA: {{per_mol: 5}}}}",
            ("objective", field),
        )
    flags = {flag for entry in config.prices.values() for flag in entry.hazards}
    if unknown := [flag for flag in config.budget.refused_hazards if flag not in flags]:
        raise ConfigError(
            f"budget.refused_hazards: no cation of the price table carries {unknown[0]!r}"
            f"{nearest(unknown[0], sorted(flags))}",
            ("budget", "refused_hazards"),
        )
    return space_of(config, library)


def _check_descriptors(config: CampaignConfig) -> None:
    """Further descriptors that there are, and no more features than explanations can take apart."""
    from screening.features import MAX_EXACT_FEATURES

    n_features = len(config.descriptor_set.feature_names)
    if n_features > MAX_EXACT_FEATURES:
        raise ConfigError(
            f"descriptors: {n_features} features in all; explanations are exact for {MAX_EXACT_FEATURES} at most, "
            f"leave {n_features - MAX_EXACT_FEATURES} out",
            ("descriptors",),
        )


def _check_aims(config: CampaignConfig) -> None:
    """Wishes on columns that there are, and something to trade off where that is asked for."""
    if config.objective.wishes:
        from screening.strategies.strategy import OWN_COLUMNS

        known = dict.fromkeys((*OWN_COLUMNS, "price", *config.properties))
        for place, wish in enumerate(config.objective.wishes):
            if wish.column not in known:
                raise ConfigError(
                    f"objective.wishes: no column is called {wish.column!r}{nearest(wish.column, known)}",
                    ("objective", "wishes", place, "column"),
                )
    takes, traders = frozenset({"wishes"}), list[str]()
    if config.objective.tradeoff or config.acquisition != CampaignConfig().acquisition:
        from screening.strategies import STRATEGIES

        traders = [entry.name for entry in STRATEGIES.entries() if "tradeoff" in entry.item.takes]
        takes = takes if config.acquisition == "auto" else STRATEGIES.get(config.acquisition).takes
    if "wishes" not in takes and config.objective.wishes:
        raise ConfigError(
            f"acquisition: {config.acquisition} leaves no place for wishes; give one or the other", ("acquisition",)
        )
    tradeoff = config.objective.tradeoff
    if tradeoff and "tradeoff" not in takes:
        names = " or ".join(traders)
        raise ConfigError(
            f"objective.tradeoff is what acquisition {names} trades the rate off against; the acquisition here is "
            f"{config.acquisition}: write acquisition: {names}, or leave the tradeoff out",
            ("objective", "tradeoff"),
        )
    if tradeoff.get("feasibility", 0.0) >= 1.0:
        raise ConfigError(
            f"objective.tradeoff: no chance to form is above {tradeoff['feasibility']:g}; the lowest of interest lies "
            "below 1",
            ("objective", "tradeoff", "feasibility"),
        )
    goals = [one for one in config.properties.values() if one.goal]
    if "tradeoff" in takes and not (goals or tradeoff):
        raise ConfigError(
            f"acquisition: {config.acquisition} trades the rate off against further properties: give a measured one a "
            "goal, as properties: {band_gap_ev: {table: gaps.csv, goal: maximize}}, or name known ones with their "
            "worst values, as objective: {tradeoff: {price: 100, novelty: 0}}",
            ("acquisition",),
        )


def _one_of(field: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise ConfigError(f"{field}: none is called {name!r}{nearest(name, known)}", (field,))


#: Stored cations from which the time of one is known well enough, and how many of them are computed again, since the
#: machine may be quicker or busier than it was; with fewer stored, `_SAMPLE` of the missing ones are computed.
_ENOUGH, _AGAIN, _SAMPLE = 20, 4, 8
#: What follows a fit (a batch, its refits, the report), in units of validating and fitting: 6.9 CPU s to 10 with the
#: default surrogate on the published rows.
_AFTER = 0.7
#: Compounds whose scoring is timed.
_BLOCK = 16384
#: Rough size of a record in memory beside its geometry, bytes.
_RECORD_BYTES = 1500


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """Sizes, estimates and problems of a launch."""

    n_compounds: int  #: that the constraints leave
    #: `n_spacers`, `n_rp_spacers`, `n_dj_spacers`, `n_cage_options`: what they are made of.
    n_spacers: int
    n_rp_spacers: int
    n_dj_spacers: int
    n_cage_options: int
    charges: dict[str, int]  #: cations of the user's library by charge and where it comes from, as "+2 by two protons"
    #: Whose descriptors are needed; n_stored: those the oracle's store holds; n_to_compute: the others, or with a
    #: learned oracle as many of them as the budget grants.
    n_cations: int
    n_stored: int
    n_to_compute: int
    n_rounds: int  #: rounds of a learned oracle at most; 0 where every spacer is computed
    oracle_seconds: float  #: time to compute them, and how that is known; oracle_core_hours: of all processes together
    oracle_core_hours: float
    oracle_seconds_from: str
    learning_seconds: float  #: time to train, validate, rank, choose and report, measured here on the published rows
    memory_mb: float  #: largest memory of the process
    problems: tuple[str, ...]  #: what will not work, or not as one may think

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self) | {"problems": list(self.problems)}


def plan_launch(
    config: CampaignConfig, read: Gathered, oracle_store: Path, *, workers: int = 2, progress: Progress | None = None
) -> LaunchPlan:
    """Work out what a launch would do over the libraries that were read; `oracle_store` need not be there. Raises
    ConfigError, SpaceError if the description cannot work at all."""
    tell = progress or silent
    space = check(config, read.library)
    size = space.n_allowed
    tell(0, 3, "the oracle's store")
    measured = SpinDataset.published()
    compounds = [compound for compound in measured.trainable(config.include_flagged).compounds if compound is not None]
    cations = needed_cations(
        (*space.spacers, *space.cage_cations),
        [*compounds, *property_compounds(config.properties, with_builtin(read.library, config.defaults))],
    )
    stored: dict[str, CationRecord] = {}
    if oracle_store.is_file():
        with OracleStore(oracle_store) as store:
            stored = store.get_many([cation.inchikey for cation in cations], config.protocol)
    missing = [c for c in cations if c.inchikey not in stored or stored[c.inchikey].retry]
    tell(1, 3, "time of a cation")
    n_to_compute, search = len(missing), None
    if config.budget.calculations is not None:
        from screening.learned_oracle import SearchPlan

        spacers = set(space.spacers)
        n_open = sum(cation in spacers for cation in missing)
        granted = min(config.budget.calculations, n_open)
        n_to_compute -= n_open - granted
        search = SearchPlan(len(spacers), len(spacers) - n_open, granted) if granted < n_open else None
    seconds, known_from = _oracle_seconds(missing, list(stored.values()), config, workers)
    seconds *= n_to_compute / max(len(missing), 1)
    tell(2, 3, "time to learn")
    learning, a_pass = _learning_seconds(config, size)
    searching, memory = 0.0, 0.0
    if search is not None:
        searching, memory = search.cost([one.smiles for one in space.spacers], a_pass, size, config.protocol)
    tell(3, 3, "done")
    charges = [spacer.charge for spacer in space.spacers]
    return LaunchPlan(
        n_compounds=size,
        n_spacers=len(charges),
        n_rp_spacers=charges.count(1),
        n_dj_spacers=charges.count(2),
        n_cage_options=len(space.cage_options),
        charges={} if read.library.report is None else dict(sorted(read.library.report.charges.items())),
        n_cations=len(cations),
        n_stored=len(cations) - len(missing),
        n_to_compute=n_to_compute,
        n_rounds=0 if search is None else search.n_rounds,
        oracle_seconds=round(seconds, 1),
        oracle_core_hours=round(seconds * workers / 3600.0, 3),
        oracle_seconds_from=known_from,
        learning_seconds=round(learning + searching, 1),
        memory_mb=round(memory + _memory_mb(len(cations) - len(missing) + n_to_compute, list(stored.values()))),
        problems=tuple(_problems(config, read, space, size, compounds, stored, cations)),
    )


def _oracle_seconds(
    missing: Sequence[Cation], stored: Sequence[CationRecord], config: CampaignConfig, workers: int
) -> tuple[float, str]:
    """Time for `missing`: what the stored ones took at the speed of now, or a few of all sizes computed now."""
    if not missing:
        return 0.0, "nothing is left to compute"
    sample = sorted(missing[:: max(1, len(missing) // 2000)], key=lambda cation: _effort(cation.smiles))
    timed, speed = [record for record in stored if record.ok and record.seconds > 0], 1.0
    timed = sorted(timed[:: max(1, len(timed) // 500)], key=lambda record: _effort(record.smiles))
    if len(timed) < _ENOUGH:
        timed = _computed([sample[place] for place in _spread(_SAMPLE, len(sample))], config, workers)
        source = f"{len(timed)} cations computed now"
    else:
        before = {timed[place].smiles: timed[place].seconds for place in _spread(_AGAIN, len(timed))}
        again = _computed([Cation.from_smiles(smiles) for smiles in before], config, workers)
        speed = float(np.median([record.seconds / before[record.smiles] for record in again] or [1.0]))
        source = f"{len(timed)} cations in the store, {len(again)} of them timed again"
    if not timed:
        return 0.0, "not known: the cations tried all failed"
    rate = sum(record.seconds for record in timed) / sum(_effort(record.smiles) for record in timed)
    mean = float(np.mean([_effort(cation.smiles) for cation in sample]))
    return speed * rate * mean * len(missing) / workers, f"by {source}, {workers} processes"


def _spread(count: int, among: int) -> list[int]:
    """Some places among so many, evenly spread."""
    return [int(share * among) for share in (np.arange(count) + 0.5) / count]


def _computed(cations: Sequence[Cation], config: CampaignConfig, workers: int) -> list[CationRecord]:
    """Records computed now, kept nowhere, by as many processes as will compute: they get in each other's way."""
    return [r for r in describe([*dict.fromkeys(cations)], config.protocol, None, workers=workers) if r.ok]


def _effort(smiles: str) -> float:
    """What the time of a cation grows with: heavy atoms times (1 + rotatable bonds). The time of 82 spacers came out as
    0.74 to 1.28 of the true one by it, from eight of all sizes (nine draws of ten)."""
    from rdkit.Chem.rdMolDescriptors import CalcNumRotatableBonds

    mol = Chem.MolFromSmiles(smiles)
    return 1.0 if mol is None else float(mol.GetNumHeavyAtoms() * (1 + CalcNumRotatableBonds(mol)))


def _learning_seconds(config: CampaignConfig, n_compounds: int) -> tuple[float, float]:
    """Seconds to learn, rank, choose and report, and of these to rank, which is timed on one block as it will be."""
    from campaigns.round import SINGLE
    from screening.devices import cores
    from screening.ranking.candidates import SinglePrecision
    from screening.surrogate import fit_surrogate
    from screening.surrogates import TrainingRows
    from screening.validation import cross_validate

    data = SpinDataset.published()
    x = to_features(published_descriptors()[1])
    training_ids = data.trainable(config.include_flagged).table["material_id"]
    keep = np.isfinite(x).all(axis=1) & data.table["material_id"].isin(training_ids).to_numpy()
    rows = data.subset(keep)
    begin = time.perf_counter()
    training = TrainingRows.of(x[keep], rows.log10_rate, rows.noise, rows.groups)
    validation = cross_validate(training, config.surrogate, config.seed)
    fitted = fit_surrogate(training, config.surrogate, config.seed, validation=validation)
    learnt = time.perf_counter()
    predictor = SinglePrecision(fitted) if n_compounds >= SINGLE else fitted
    predictor.predict(np.resize(x[keep], (min(_BLOCK, max(n_compounds, 1)), x.shape[1])))
    blocks = max(1.0, n_compounds / _BLOCK)
    ranking = (time.perf_counter() - learnt) * blocks / min(cores(), blocks)
    return (1.0 + _AFTER) * (learnt - begin) + ranking, ranking


def _memory_mb(n_cations: int, stored: Sequence[CationRecord]) -> float:
    """What the process holds now, and the records it would hold."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    used_mb = used / 1e6 if sys.platform == "darwin" else used / 1e3
    geometry = float(np.mean([len(record.geometry or "") for record in stored[:500]])) if stored else 1000.0
    return used_mb + n_cations * (_RECORD_BYTES + geometry) / 1e6


def _problems(
    config: CampaignConfig,
    read: Gathered,
    space: CompoundSpace,
    n_compounds: int,
    measured: Sequence[Compound],
    stored: dict[str, CationRecord],
    cations: Sequence[Cation],
) -> list[str]:
    """What will not work, or not as one may think."""
    problems: list[str] = []
    if n_compounds < config.budget.batch_size:
        problems.append(f"{n_compounds} compounds are fewer than the {config.budget.batch_size} of a batch")
    failed = [c for c in cations if c.inchikey in stored and not stored[c.inchikey].ok and not stored[c.inchikey].retry]
    if failed:
        names = ", ".join(cation.abbreviation for cation in failed[:5])
        problems.append(f"{len(failed)} cations have no descriptors, the oracle failed for them: {names}")
    if not any(compound in space for compound in measured):
        problems.append("no measured compound lies inside the space: improvement counts from the best of all measured")
    layered = [compound for compound in measured if compound.spacer is not None]
    wanted = {symbol for option in space.halide_options for symbol, _ in option}
    measured_ions = layered_ions(layered)
    absent = [ion for ion in (*space.b_sites, *sorted(wanted)) if ion not in measured_ions]
    few = [ion for ion in space.b_sites if sum(compound.b_site == ion for compound in layered) == 1]
    problems += [f"no measured layered compound holds {ion}: what is said of it is extrapolated" for ion in absent]
    problems += [f"one measured layered compound holds {ion}: what is said of it is nearly extrapolated" for ion in few]
    return problems + cautions(config, read.library, space, n_compounds)


def cautions(
    config: CampaignConfig, library: CationLibrary, space: CompoundSpace, n_compounds: int | None = None
) -> list[str]:
    """What of a description's library, prices and hazards does not work as one may think; compounds are counted where
    no count is given."""
    report = library.report
    lines = [] if report is None else [*report.clashes]
    if report is not None and report.n_rejected:
        first = report.rejections[0]
        lines.append(
            f"{report.n_rejected} of {report.n_in} rows of {report.path} become no cation; first: row {first.row}, "
            f"{first.reason}"
        )
    return lines + _unpriced(config, library, space) + _refused(config, library, space, n_compounds)


def _unpriced(config: CampaignConfig, library: CationLibrary, space: CompoundSpace) -> list[str]:
    """Cations that a limited budget leaves out because the price table does not know them."""
    limited = [(0, "price", config.budget.max_cost), (1, "delivery time", config.budget.max_days)]
    if all(limit is None for _, _, limit in limited):
        return []
    prices = prices_of(config, with_builtin(library, config.defaults))
    lines = []
    for which, what, limit in limited:
        for place, cations in (("spacers", space.spacers), ("cage cations", space.cage_cations)):
            absent = [c for c in cations if prices.get(c.inchikey, (None, None))[which] is None]
            if limit is not None and absent:
                lines.append(f"{len(absent)} of {len(cations)} {place} have no {what} in the table: never suggested")
    return lines


def _refused(
    config: CampaignConfig, library: CationLibrary, space: CompoundSpace, n_compounds: int | None
) -> list[str]:
    """Cations whose hazard flags the budget refuses, and how many compounds they bar."""
    flags = set(config.budget.refused_hazards)
    if not flags:
        return []
    n_compounds = space.n_allowed if n_compounds is None else n_compounds
    carried = hazards_of(config, with_builtin(library, config.defaults))
    barred = {key for key, own in carried.items() if own & flags}
    names = [c.abbreviation for c in (*space.spacers, *space.cage_cations) if c.inchikey in barred]
    if not names:
        return [f"no cation of the space carries a refused hazard ({', '.join(sorted(flags))})"]
    rule = ExcludedCations(tuple(barred), tuple(barred))
    left = replace(space, constraints=(*space.constraints, rule)).n_allowed
    return [
        f"refused hazards ({', '.join(sorted(flags))}) bar {n_compounds - left:,} of {n_compounds:,} "
        f"compounds, all those with {', '.join(names[:5])}{' and others' if len(names) > 5 else ''}: never suggested"
    ]


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
        is_mixture = all(isinstance(part, tuple) and [*map(type, part)] == [str, str] for part in value)
        return " and ".join(f"{share} {name}" for name, share in value) if is_mixture else ", ".join(map(_words, value))
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
    return f"{space.n_allowed:,}"


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
