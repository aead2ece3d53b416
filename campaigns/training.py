"""What the surrogate is taught: the measured rows that train, their validation, the fit, and the full score card.

Results of another metal, halide, technique or laboratory are a related task, learnt from where that predicts better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from math import log10
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from campaigns.artifacts import Artifacts, validation_form
from campaigns.config import CampaignConfig
from campaigns.errors import CampaignError
from campaigns.targets import Observation, property_compounds
from chemspace import CationLibrary, Compound, CompoundSpace
from chemspace.progress import Progress
from oracle import CationRecord
from oracle.descriptors import DEFAULT_DESCRIPTORS, DescriptorSet, compound_descriptors
from screening.dataset import EXCLUDING_FLAGS, UPPER_BOUND, SpinDataset, excluding_flags
from screening.features import to_features

if TYPE_CHECKING:
    import pandas as pd

    from campaigns.state import CampaignState
    from screening.surrogate import Surrogate
    from screening.surrogates import TrainingRows
    from screening.validation import FullCard, Validation

__all__ = ["card_of"]


#: Below this nothing can be validated: every fold must keep a handful of rows.
MIN_ROWS = 8
UNDESCRIBED = "no descriptors: its composition is uncertain or the oracle failed for one of its cations"


@dataclass(frozen=True)
class TrainingSet:
    """Rows that train, as arrays."""

    dataset: SpinDataset  #: the k rows
    x: NDArray[np.float64]  #: features, shape (k, d)
    left_out: tuple[str, ...]  #: one line for each measured row that does not train, with the reason
    descriptors: DescriptorSet = DEFAULT_DESCRIPTORS  #: what the features are made of
    #: Rows of related tasks that could train beside them, by name.
    related: Mapping[str, TrainingSet] = field(default_factory=dict)
    joined: tuple[str, ...] = ()  #: names of those that do
    conditions: tuple[str, ...] = ()  #: names of the conditions that are learnt from

    @property
    def formulas(self) -> tuple[str, ...]:
        """Canonical formula of each row; a published row whose halides are uncertain keeps its filed one."""
        filed = self.dataset.table["formula"]
        return tuple(f if c is None else c.formula for c, f in zip(self.dataset.compounds, filed, strict=True))

    @property
    def inputs(self) -> NDArray[np.float64]:
        """What is learnt from, shape (k, d + c) with c conditions behind the features."""
        return np.column_stack([self.x, *(CONDITIONS[name].of(self.dataset) for name in self.conditions)])

    @property
    def rows(self) -> TrainingRows:
        """The rows as a surrogate takes them, upper bounds known as such, those of joined tasks behind them."""
        from screening.surrogates import TrainingRows

        sets = [self, *(self.related[name] for name in self.joined)]
        data = [one.dataset for one in sets]
        rows = TrainingRows.of(
            *(np.concatenate([one.inputs for one in sets]), np.concatenate([one.log10_rate for one in data])),
            *(np.concatenate([one.noise for one in data]), [group for one in data for group in one.groups]),
            censored=np.concatenate([one.censored for one in data]),
            compounds=[formula for one in sets for formula in one.formulas],
        )
        return rows.of_tasks(np.repeat(np.arange(len(data)), [len(one) for one in data]))

    @property
    def classes(self) -> dict[str, tuple[str, ...]]:
        """What the layers alone say of each row: n = 1 Ruddlesden-Popper or not, and three classes."""
        kinds = [
            f"n = 1 {phase}" if n_layers == 1 else "rest"
            for phase, n_layers in zip(self.dataset.table["phase"], self.dataset.table["n_layers"], strict=True)
        ]
        two = tuple(kind if kind == "n = 1 RP" else "rest" for kind in kinds)
        return {"two_group": two, "class_means": tuple(kinds)}

    def best_inside(self, space: CompoundSpace) -> float:
        """Lowest measured log10 rate of a compound inside the space, as `compound_rates`; of all where none is."""
        data = self.dataset.subset(self.is_usual)
        inside = [rate for compound, rate in compound_rates(data).items() if compound in space]
        return min(inside, default=float(data.log10_rate[~data.censored].min()))

    @property
    def is_usual(self) -> NDArray[np.bool_]:
        """Rows measured as compounds are predicted, at the usual conditions, shape (k,)."""
        other = {condition.flag for condition in CONDITIONS.values()}
        return np.array([other.isdisjoint(excluding_flags(flags)) for flags in self.dataset.table["flags"]], dtype=bool)

    @property
    def fixed(self) -> tuple[float, ...]:
        """Conditions that compounds are predicted at, as the model takes them."""
        return tuple(CONDITIONS[name].scale(CONDITIONS[name].usual) for name in self.conditions)


def compound_rates(dataset: SpinDataset) -> dict[Compound, float]:
    """log10 rate of each measured compound: mean over its crystals by their errors, so that no lucky one decides.
    Bounds and rows of uncertain composition do not count."""
    data = dataset.subset(~dataset.censored)
    rows: dict[Compound, list[int]] = {}
    for row, compound in enumerate(data.compounds):
        if compound is not None:
            rows.setdefault(compound, []).append(row)
    rates, weights = data.log10_rate, np.maximum(data.noise, 1e-6) ** -2.0
    return {compound: float(np.average(rates[own], weights=weights[own])) for compound, own in rows.items()}


@lru_cache(maxsize=2)  # reader, records and round each ask for the same rows, before an ingest and after it
def measured_dataset(
    measurements: tuple[Observation, ...], library: CationLibrary, *, sets_apart: bool = True
) -> SpinDataset:
    """The published rows and a campaign's own; whether rows of other conditions are set apart is the edition's."""
    published = SpinDataset.published().called_by(library)
    if not measurements:
        return published
    return published.append(_frame(measurements), library, confirm_range=True, robust=sets_apart)


def _frame(measurements: Sequence[Observation]) -> pd.DataFrame:
    """Measurements as `SpinDataset.append` takes them."""
    import pandas as pd

    rows = pd.DataFrame([measurement.to_dict() for measurement in measurements])
    rows["flags"] = np.where(rows.pop("is_upper_bound"), UPPER_BOUND, "")
    rows = rows.rename(columns={"sample": "material_id", "source": "doi"})
    for column in {"lifetime_stderr_ps", *CONDITIONS} & {*rows}:
        rows[column] = pd.to_numeric(rows[column])
    return rows


def related_datasets(state: CampaignState, library: CationLibrary) -> dict[str, SpinDataset]:
    """Rows of each related task that stand, by its name; nothing of them is set apart."""
    return {name: SpinDataset.alone(_frame(rows), library) for name, rows in state.related.items()}


def measured_compounds(state: CampaignState, names: CationLibrary) -> list[Compound]:
    """What a lifetime, of a related task too, or a further property is measured of."""
    own = measured_dataset(state.measurements, names, sets_apart=state.config.defaults.sets_apart)
    sets = (own, *related_datasets(state, names).values())
    properties = property_compounds(state.properties, names) if state.properties else []
    return [*(compound for one in sets for compound in one.compounds if compound is not None), *properties]


def layered_ions(compounds: Sequence[Compound]) -> frozenset[str]:
    """Metals and halides that the layered ones among `compounds` hold."""
    layered = [compound for compound in compounds if compound.spacer is not None]
    halides = {symbol for compound in layered for symbol, _ in compound.halide}
    return frozenset({compound.b_site for compound in layered} | halides)


def training_set(
    dataset: SpinDataset,
    records: Mapping[str, CationRecord],
    config: CampaignConfig,
    related: Mapping[str, SpinDataset] | None = None,
) -> TrainingSet:
    """Rows of `dataset` that train, with their features, and those of related tasks. CampaignError below `MIN_ROWS`."""
    x = _features(dataset, records, config.descriptor_set)
    described_rows, flagged = np.asarray(np.isfinite(x).all(axis=1)), list(dataset.table["flags"])
    own = [set(excluding_flags(flags)) for flags in flagged]
    vary = {
        name: int((np.array([CONDITIONS[name].flag in flags for flags in own]) & described_rows).sum())
        for name in config.conditions
    }
    learnt = tuple(name for name, count in vary.items() if count >= FEWEST_OTHER)
    taught = {CONDITIONS[name].flag for name in learnt}
    of_others = np.array([bool(flags) and flags <= taught for flags in own]) & described_rows
    if learnt:
        dataset = _with_own_errors(dataset, of_others)
    reasons = [
        None if is_other else _why_not(flags, bool(ok), config.include_flagged)
        for flags, ok, is_other in zip(flagged, described_rows, of_others, strict=True)
    ]
    keep = np.array([reason is None for reason in reasons])
    numbers = int((keep & ~dataset.censored).sum())
    if numbers < MIN_ROWS:
        raise CampaignError(f"only {numbers} measured rows can train a model; at least {MIN_ROWS} are needed")
    names = zip(dataset.table["material_id"], dataset.table["formula"], reasons, strict=True)
    left_out = tuple(f"{name} {formula}: {reason}".strip() for name, formula, reason in names if reason is not None)
    left_out += tuple(
        f"{name}: {count} rows vary in it; it is learnt from once {FEWEST_OTHER} do"
        for name, count in vary.items()
        if name not in learnt
    )
    tasks = {
        name: replace(task, conditions=learnt)
        for name, rows in (related or {}).items()
        for task in (_task_set(name, rows, records, config.descriptor_set),)
    }
    gone = tuple(line for task in tasks.values() for line in task.left_out)
    kept = dataset.subset(keep)
    return TrainingSet(kept, x[keep], left_out + gone, config.descriptor_set, tasks, conditions=learnt)


def _task_set(
    task: str, dataset: SpinDataset, records: Mapping[str, CationRecord], descriptors: DescriptorSet
) -> TrainingSet:
    x = _features(dataset, records, descriptors)
    keep = np.array([bool(row.all()) for row in np.isfinite(x)])
    left_out = tuple(f"{task}: {formula}: {UNDESCRIBED}" for formula in dataset.table["formula"][~keep])
    return TrainingSet(dataset.subset(keep), x[keep], left_out, descriptors)


def _features(
    dataset: SpinDataset, records: Mapping[str, CationRecord], descriptors: DescriptorSet
) -> NDArray[np.float64]:
    """Features of every row, NaN where its compound has no descriptors."""
    compounds = dataset.compounds
    known = np.array([compound is not None for compound in compounds])
    described = compound_descriptors([c for c in compounds if c is not None], records, descriptors)
    x = np.full((len(dataset), len(descriptors.feature_names)), np.nan)
    x[known] = to_features(described, descriptors)
    return x


@dataclass(frozen=True)
class Condition:
    """A condition of a measurement that can be learnt from."""

    name: str  #: its column
    flag: str  #: of rows measured at another one
    usual: float  #: what rows without any are taken to be of, in the column's unit
    is_log: bool = False  #: whether the model takes its decadic logarithm

    def scale(self, value: float) -> float:
        """A value as the model takes it."""
        return log10(value) if self.is_log else value

    def of(self, dataset: SpinDataset) -> NDArray[np.float64]:
        """What each row was measured at, as the model takes it, shape (k,)."""
        stated = dataset.table[self.name].astype(float).fillna(self.usual)
        return np.array([self.scale(value) for value in stated], dtype=np.float64)


#: How many rows of another condition teach what it does, and the conditions: the fluence that rows without any are of
#: is the mean of the two that published rows state.
FEWEST_OTHER = 12
CONDITIONS = {
    one.name: one
    for one in (
        Condition("temperature_k", "other_temperature", 295.0),
        Condition("fluence_uj_cm2", "other_fluence", 3.7, is_log=True),
    )
}


def _with_own_errors(dataset: SpinDataset, rows: NDArray[np.bool_]) -> SpinDataset:
    """The data set in which some rows, (k,), have the errors of sound ones: their own, or that of replicates."""
    table = dataset.table.copy()
    own = table["lifetime_stderr_ps"].astype(float) / (table["lifetime_ps"].astype(float) * np.log(10.0))
    sound = np.array([not excluding_flags(flags) for flags in table["flags"]])
    plain = float(table.loc[sound & own.isna(), "log10_rate_stderr"].iloc[0])
    table.loc[rows, "log10_rate_stderr"] = own.fillna(plain)[rows]
    return SpinDataset(table, dataset.parts)


def validate(training: TrainingSet, config: CampaignConfig) -> Validation:
    """Out-of-fold predictions and score cards, leaving out one row and one spacer at a time."""
    from screening.validation import cross_validate

    return cross_validate(training.rows, config.surrogate, config.seed)


def fit(training: TrainingSet, config: CampaignConfig, validation: Validation) -> Surrogate:
    """The surrogate on all rows, its intervals recalibrated by the out-of-fold errors of `validation`."""
    from screening.surrogate import fit_surrogate

    surrogate = fit_surrogate(training.rows, config.surrogate, config.seed, validation=validation)
    return surrogate.at(training.fixed) if training.fixed else surrogate


def _why_not(flags: str, described: bool, include_flagged: bool) -> str | None:
    """Why a row does not train, None if it does."""
    excluding = excluding_flags(flags)
    if excluding and not include_flagged:
        return "; ".join(EXCLUDING_FLAGS[flag] for flag in excluding)
    if not described:
        return UNDESCRIBED
    return None


#: The reference paper holds out seven rows and does not say which: so many random draws are scored together.
DRAWS, DRAW_SIZE = 10, 7


def card_of(
    training: TrainingSet,
    seed: int,
    name: str,
    further: Mapping[str, list[NDArray[np.int64]]] | None = None,
    progress: Progress | None = None,
) -> FullCard:
    """The full score card on the rows that train, upper bounds known as such; `further` hold-outs, shape (rows,) each,
    as `holdouts` gives. Raises ScreeningError if there is too little to learn from."""
    from screening.validation import full_score_card

    return full_score_card(training.rows, name, seed, classes=training.classes, holdouts=further, progress=progress)


def holdouts(training: TrainingSet, seed: int) -> dict[str, list[NDArray[np.int64]]]:
    """Test rows, each of shape (rows,), of the paper's hold-outs (doi 10.1039/d5sc07406a) and of the campaign's own.

    "literature_to_synthesised" trains on literature values and tests on the paper's own crystals (the paper's 38/14);
    "random_seven" holds out seven random rows, drawn `DRAWS` times (its 45/7); "own_measurements" trains on published
    rows and tests on the campaign's own, where there are some.
    """
    from screening.validation import random_holdouts

    split = training.dataset.table["split"].to_numpy()
    generator = np.random.default_rng(seed)
    rows = len(split)
    draws = random_holdouts(rows, DRAW_SIZE, DRAWS, generator)
    tests = {
        "literature_to_synthesised": [np.flatnonzero(split == "synthesised")],
        "random_seven": draws if rows > 2 * DRAW_SIZE else [],
        "own_measurements": [np.flatnonzero(split == "campaign")],
    }
    usable = {name: [test for test in found if 0 < len(test) < rows - 3] for name, found in tests.items()}
    return {name: found for name, found in usable.items() if found}


#: Fewer related rows than this are not tried.
FEWEST_ROWS = 3
#: Validations that are kept: a round tries each related task once.
KEPT = 8


@dataclass(frozen=True)
class RelatedTask:
    """What became of a related task."""

    name: str  #: of the task
    n_rows: int  #: rows of it that have descriptors
    is_used: bool  #: whether the model learns from it
    #: `saved`, `stderr`: squared error (log10 rate) of compounds left out that learning from it saves, and the paired
    #: standard error of that; None where it was not tried.
    saved: float | None = None
    stderr: float | None = None
    reason: str = ""  #: why it was not tried; "" where it was

    def to_dict(self) -> dict[str, Any]:
        """As JSON, with the sentence for people."""
        return asdict(self) | {"sentence": self.sentence}

    @property
    def sentence(self) -> str:
        """Whether the model learns from it, and why."""
        rows = f"related task {self.name} ({self.n_rows} row{'' if self.n_rows == 1 else 's'})"
        if self.saved is None or self.stderr is None:
            return f"{rows}: ignored, {self.reason}"
        error = f"{self.saved:+.3f} ± {self.stderr:.3f} of squared error saved on compounds left out"
        if self.is_used:
            return f"{rows}: learnt from, {error}"
        return f"{rows}: ignored, learning from it does not predict better by more than the error of that ({error})"


def join_tasks(
    training: TrainingSet, config: CampaignConfig, artifacts: Artifacts, key: str
) -> tuple[TrainingSet, Validation, str, tuple[RelatedTask, ...]]:
    """Try the related tasks one after the other, and keep each that predicts compounds left out better by more than one
    paired standard error. Returns the rows with the tasks that are learnt from, their validation, the key of both, and
    what became of each task."""
    from screening.surrogates.registry import get_recipe, learns_tasks
    from screening.validation import squared_error_saved

    best = artifacts.get("validation", key, _validating(training, config), validation_form())
    told, able = [], learns_tasks(get_recipe(config.surrogate))
    for name, rows in training.related.items():
        n_rows = len(rows.dataset)
        if not able or n_rows < FEWEST_ROWS:
            few = f"at least {FEWEST_ROWS} rows with descriptors are needed"
            reason = few if able else f"the surrogate {config.surrogate} learns nothing from related tasks"
            told.append(RelatedTask(name, n_rows, is_used=False, reason=reason))
            continue
        joint, joint_key = replace(training, joined=(*training.joined, name)), f"{key} {name} {_key(rows)}"
        tried = artifacts.get("related", joint_key, _validating(joint, config), validation_form(), keep=KEPT)
        saved, stderr = squared_error_saved(tried, best, np.asarray(training.rows.compounds), "leave_one_compound_out")
        is_used = saved > stderr
        told.append(RelatedTask(name, n_rows, is_used, saved, stderr))
        if is_used:
            training, best, key = joint, tried, joint_key
    return training, best, key, tuple(told)


def _key(rows: TrainingSet) -> str:
    numbers = (rows.x, rows.dataset.log10_rate, rows.dataset.noise, rows.dataset.censored)
    return sha256(b"".join(np.ascontiguousarray(one).tobytes() for one in numbers)).hexdigest()[:16]


def _validating(training: TrainingSet, config: CampaignConfig) -> Callable[[], Validation]:
    return lambda: validate(training, config)
