"""One round of a campaign: learn from what is measured, rank what is not, choose a batch. Stateless."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from math import log10, nan
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from campaigns.artifacts import (
    PLAIN,
    Artifacts,
    data_key,
    digest,
    package_versions,
    ranking_form,
    training_key,
    traits_form,
    validation_form,
)
from campaigns.config import CampaignConfig
from campaigns.errors import CampaignError
from campaigns.events import EDITIONS, FIRST, NEWEST, Edition, Stage
from campaigns.narrate import Candidate, Driver, reason
from campaigns.records import CationRecords, SpaceTables, needed_cations
from campaigns.space import Budget, Scope, prices_of, without
from campaigns.state import CampaignState
from campaigns.summary import FitSummary, Prediction, Suggestion
from campaigns.targets import LearntProperty, learn_property, property_compounds
from campaigns.training import (
    RelatedTask,
    TrainingSet,
    fit,
    join_tasks,
    layered_ions,
    measured_compounds,
    measured_dataset,
    related_datasets,
    training_set,
)
from chemspace import CationLibrary, Compound, CompoundSpace, parse_formula
from chemspace.progress import Progress, silent
from chemspace.space import SpaceBlock
from oracle import CationRecord, compound_descriptors
from oracle.descriptors import CationTable
from screening.batch import BatchQuery, choose_batch, teaching_places
from screening.calibration import TEACHES_MOST
from screening.dataset import SpinDataset
from screening.errors import BatchError, NothingLeftError
from screening.feasibility import SHAPE_NAMES, FeasibilityModel, RecordedOutcome, SpacerTraits, fit_feasibility
from screening.features import to_features
from screening.ranking import Candidates, PassSettings, Ranking, StopAdvice, advise_stopping, rank, top_size
from screening.ranking.candidates import lifetime_columns
from screening.strategies import (
    Choice,
    Columns,
    FixedObjective,
    MeasuredSet,
    Numbers,
    PropertyObjective,
    Strategy,
    StrategyInputs,
    Wish,
    choose_strategy,
    make_strategy,
    price_of,
    price_property,
)
from screening.strategies.strategy import Property, latent_sd, unexplained_variance

if TYPE_CHECKING:
    from screening.crystals import BandGap
    from screening.features import Shapley
    from screening.frozen import FrozenSurrogate
    from screening.surrogate import Surrogate
    from screening.validation import Validation

__all__ = ["Round"]

#: Rows of the ranking that are kept, and how many of them compete for a place in the batch.
TOP_K, SHORTLIST = 1000, 1000
#: From this size on a space is passed over in single precision; the result is that of double precision. From the second
#: on ranking is most of the work.
SINGLE, LARGE = 20_000, 50_000
#: From this size on few compounds are predicted (`screening.ranking.sketch`), unless bounds leave most of them out.
VAST = 500_000
#: Steps done when fitting and when ranking begin, and all of them; for a large space in hundredths, since ranking it
#: is most of the work.
_STEPS, _LONG_STEPS = (1, 2, 3), (5, 8, 100)
#: Fixed properties that may be traded off against the rate: sign of the better, and what is sought, in words.
_FIXED = {"price": (-1.0, "low price"), "feasibility": (1.0, "chance to form"), "novelty": (1.0, "novelty")}
#: Spaces of fewer spacers have their traits worked out faster than read.
_WORTH_KEEPING = 500

#: Stages that say something about formation, in the words of `screening.feasibility`. What decomposed did not form a
#: compound one can measure.
_OUTCOME_WORDS = {
    Stage.FORMED: "formed",
    Stage.MIXED_PHASES: "mixed phases",
    Stage.OTHER_DIMENSIONALITY: "other dimensionality",
    Stage.NOT_FORMED: "not formed",
    Stage.DECOMPOSED: "not formed",
}


@dataclass(frozen=True)
class RoundInputs:
    """Everything that a round follows from."""

    config: CampaignConfig  #: the campaign's description
    names: CationLibrary  #: every cation that a formula may name
    space: CompoundSpace  #: the compounds
    tables: SpaceTables  #: descriptors of the space's cations
    #: The oracle's records, by InChIKey, of at least the cations of what is measured.
    records: Mapping[str, CationRecord]
    state: CampaignState  #: what is measured beside the published rows, what formed, and what is not to be suggested
    pending: tuple[str, ...]  #: formulas whose result is awaited

    @classmethod
    def of(
        cls,
        state: CampaignState,
        scope: Scope,
        records: CationRecords,
        pending: Sequence[str],
        progress: Progress | None = None,
        *,
        fresh: bool = False,
    ) -> RoundInputs:
        """What a round on this state follows from; missing descriptors are computed, and with `fresh` kept nowhere."""
        tables = records.fresh_tables(progress) if fresh else records.tables(progress)
        measured = records.of(needed_cations((), measured_compounds(state, scope.names)), progress)
        return cls(scope.config, scope.names, scope.space, tables, measured, state, tuple(pending))

    @cached_property
    def dataset(self) -> SpinDataset:
        """Every measured row, published ones first."""
        return measured_dataset(self.state.measurements, self.names, sets_apart=self.config.defaults.sets_apart)

    @cached_property
    def related(self) -> dict[str, SpinDataset]:
        """Rows of each related task."""
        return related_datasets(self.state, self.names)

    @cached_property
    def awaited(self) -> NDArray[np.int64]:
        """Indices in the space of the pending compounds that it holds, shape (p,)."""
        return self._indices(self.pending)

    @cached_property
    def excluded(self) -> NDArray[np.int64]:
        """Indices in the space of what is measured, pending or ruled out, shape (e,)."""
        measured = indices_of(self.space, [compound for compound in self.dataset.compounds if compound is not None])
        return np.concatenate([measured, self.awaited, self._indices(self.state.barred)])

    @cached_property
    def prices(self) -> dict[str, float]:
        """Money a mole of each cation in the price table, by InChIKey."""
        prices = prices_of(self.config, self.names)
        return {inchikey: per_mol for inchikey, (per_mol, _) in prices.items() if per_mol is not None}

    @cached_property
    def fit_key(self) -> str:
        """Of the fit: what was measured, and the descriptors of it."""
        compounds = [compound for compound in self.dataset.compounds if compound is not None]
        compounds += property_compounds(self.state.properties, self.names)
        measured = needed_cations((), compounds)
        records = [self.records[cation.inchikey] for cation in measured]
        described = digest(CationTable.from_records(measured, records, self.config.descriptor_set))
        return f"{training_key(self.config, self.state)} {described}"

    @property
    def rank_key(self) -> str:
        """Of the ranking: `ranked_key`, and the compounds that it leaves out."""
        return f"{self.ranked_key} {self.state.left_out(self.pending)}"

    @cached_property
    def ranked_key(self) -> str:
        """Of the ranking but for single compounds that it leaves out: the fit, and the descriptors of the space."""
        whole = data_key(self.config, self.state)  # outcomes and goals rank, and train nothing
        return f"{whole} {self.fit_key} {self.tables.digest} {[one.inchikey for one in self.state.ruled_out]}"

    def _indices(self, formulas: Iterable[str]) -> NDArray[np.int64]:
        return indices_of(self.space, (parse_formula(formula, self.names) for formula in formulas))


@dataclass(frozen=True)
class Round:
    """Everything a round worked out."""

    inputs: RoundInputs  #: what it follows from
    training: TrainingSet  #: rows that train
    validation: Validation  #: out-of-fold predictions and score cards
    related: tuple[RelatedTask, ...]  #: what became of the related tasks
    properties: tuple[LearntProperty, ...]  #: what was learnt of the further measured properties
    choice: Choice  #: the strategy that was asked for or that the surrogate has earned by its worst split, and why
    #: The compounds of the space, with the surrogate fitted on all training rows, the strategy, and the feasibility
    #: learnt from reported outcomes and the campaign's own; none is excluded.
    candidates: Candidates
    ranking: Ranking  #: the top of the space, without what is measured or pending

    @property
    def surrogate(self) -> Surrogate:
        """Fitted on all training rows."""
        return cast("Surrogate", self.candidates.surrogate)

    @property
    def strategy(self) -> Strategy:
        """What the ranking is by."""
        return self.candidates.strategy

    @property
    def feasibility(self) -> FeasibilityModel:
        """What tells the chance to form."""
        assert self.candidates.feasibility is not None
        return self.candidates.feasibility

    @property
    def space(self) -> CompoundSpace:
        """The compounds."""
        return self.inputs.space

    @cached_property
    def data_key(self) -> str:
        """Key of the data it was learnt from."""
        return data_key(self.inputs.config, self.inputs.state)

    @property
    def measured(self) -> MeasuredSet:
        """Formulas and features of the rows that train."""
        assert self.candidates.measured is not None
        return self.candidates.measured

    @cached_property
    def best_lifetime_ps(self) -> float:
        """Longest lifetime measured inside the space, ps."""
        return float(10.0 ** -self.training.best_inside(self.space))

    @cached_property
    def pending(self) -> NDArray[np.float64]:
        """Features of what is pending, shape (p, d)."""
        return self.candidates.features(self.space.take(self.inputs.awaited))

    @property
    def teaching_share(self) -> float:
        """Share of a batch for what teaches most."""
        config = self.inputs.config
        share = config.teaching_share if self.strategy.name == "log_ei" else config.budget.teaching_share or 0.0
        return share if self.strategy.predicts else 0.0

    def explain(self, x: NDArray[np.float64]) -> Shapley:
        """Shapley values of rows x, shape (m, d): what sets each apart from the training rows."""
        from screening.features import shapley
        from screening.ranking.candidates import SinglePrecision

        quick: Any = SinglePrecision(self.surrogate) if hasattr(self.surrogate.model, "marginal") else self.surrogate
        return shapley(quick, x, self.training.descriptors.feature_names, background=self.training.x)


def fit_round(
    inputs: RoundInputs, artifacts: Artifacts, progress: Progress | None = None, dask: str | None = None
) -> Round:
    """Validate, fit and rank; what artifacts hold is not computed again."""
    tell = progress or silent
    fitting, ranking_from, total = _STEPS if len(inputs.space) < LARGE else _LONG_STEPS
    tell(0, total, "cross-validation")
    learnt = learn(inputs, artifacts, lambda: tell(fitting, total, "fit"))
    tell(ranking_from, total, "ranking")

    def ranked(done: int, of: int, note: str) -> None:
        tell(ranking_from + (total - ranking_from - 1) * done // of, total, note)

    def pass_over() -> Ranking:
        from oracle.workers import connected

        left = left_to_suggest(inputs, learnt.candidates)
        try:
            with connected(dask) as client:
                ranking = rank(left, TOP_K, pass_settings(len(inputs.space), client), ranked)
            now = {"key": inputs.rank_key, "excluded": inputs.excluded}
            artifacts.put("ranked", inputs.ranked_key, now, PLAIN)
            return ranking
        except NothingLeftError as error:
            if error.is_used_up or len(inputs.excluded):
                return Ranking.empty(left)
            raise

    ranking = artifacts.get("ranking", inputs.rank_key, pass_over, ranking_form())
    tell(total, total, "done")
    return Round(inputs, *learnt, ranking)


def pass_settings(n_compounds: int, client: Any = None) -> PassSettings:
    """How a space of so many compounds is passed over; with a Dask `client`, by its workers."""
    return PassSettings(single_precision=n_compounds >= SINGLE, sketched=n_compounds >= VAST, client=client)


def left_to_suggest(inputs: RoundInputs, candidates: Candidates) -> Candidates:
    """The candidates without what is measured, pending or ruled out."""
    return replace(candidates, exclude=inputs.excluded, space=without(inputs.space, inputs.state.ruled_out))


@dataclass(frozen=True)
class Taught:
    """What is learnt from, parts as in `Round`: all there is of one whose model is not kept as arrays."""

    inputs: RoundInputs
    training: TrainingSet

    @property
    def measured(self) -> MeasuredSet:
        """Formulas and features of the rows that train."""
        return MeasuredSet(self.training.formulas, self.training.x)


class KnownProperty(NamedTuple):
    """A further property as `LearntProperty` predicts it."""

    name: str
    surrogate: FrozenSurrogate

    def predict(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """As `LearntProperty.predict`."""
        return self.surrogate.predict(x)


@dataclass(frozen=True)
class Known(Taught):
    """What one compound is predicted by, parts as in `Round`."""

    surrogate: FrozenSurrogate
    feasibility: FeasibilityModel
    properties: tuple[KnownProperty, ...]


def taught(inputs: RoundInputs) -> Taught:
    """The rows that a round on these data learns from; nothing is fitted."""
    return Taught(inputs, training_set(inputs.dataset, inputs.records, inputs.config))


def known(inputs: RoundInputs, artifacts: Artifacts) -> Known | None:
    """What the last fit on these data left behind; None where that is not all that a prediction needs."""
    from screening.frozen import FrozenSurrogate

    frozen = artifacts.find("frozen", inputs.fit_key, PLAIN)
    if frozen is None or inputs.related:
        return None
    parts: dict[str, dict[str, Any]] = {name: {} for name in ("", *inputs.state.properties)}
    for name, value in frozen.items():
        property_, _, own = name.rpartition(":")
        parts[property_][own] = value
    lifetime, *others = (FrozenSurrogate(part) for part in parts.values())
    properties = tuple(map(KnownProperty, inputs.state.properties, others))
    feasibility = feasibility_in(inputs, strength=frozen["strength"])
    return Known(inputs, taught(inputs).training, lifetime, feasibility, properties)


class Kept(NamedTuple):
    """What a report is drawn from, parts as in `Round`."""

    inputs: RoundInputs
    training: TrainingSet
    surrogate: Surrogate | FrozenSurrogate
    validation: Validation
    ranking: Ranking


def kept(inputs: RoundInputs, artifacts: Artifacts) -> Kept | None:
    """The same for a report; None where what the last fit left behind is not all that one needs."""
    fitted = known(inputs, artifacts)
    validation = artifacts.find("validation", inputs.fit_key, validation_form())
    ranking = _kept_ranking(inputs, artifacts)
    if fitted is None or validation is None or ranking is None:
        return None
    return Kept(inputs, fitted.training, fitted.surrogate, validation, ranking)


def _kept_ranking(inputs: RoundInputs, artifacts: Artifacts) -> Ranking | None:
    """The kept ranking, those of its compounds that were accepted or declined since counted as excluded; None where
    there is none, or what it leaves out changed otherwise."""
    last = artifacts.find("ranked", inputs.ranked_key, PLAIN)
    ranking = None if last is None else artifacts.find("ranking", last["key"], ranking_form())
    if last is None or ranking is None or np.setdiff1d(last["excluded"], inputs.excluded).size:
        return None
    since = np.setdiff1d(inputs.excluded, last["excluded"])
    is_known = bool(np.isin(since, ranking.frame["index"]).all())
    return replace(ranking, n_excluded=ranking.n_excluded + len(since)) if is_known else None


def _thawed(inputs: RoundInputs, artifacts: Artifacts) -> Surrogate | None:
    """The surrogate of the last fit on these data; None where it is not kept, or rows of related tasks may join."""
    from screening.frozen import thaw

    frozen = None if inputs.related else artifacts.find("frozen", inputs.fit_key, PLAIN)
    return None if frozen is None else thaw({name: value for name, value in frozen.items() if ":" not in name})


def _keep_frozen(inputs: RoundInputs, artifacts: Artifacts, learnt: Learnt) -> None:
    from screening.frozen import freeze

    surrogate, feasibility = cast("Surrogate", learnt.candidates.surrogate), learnt.candidates.feasibility
    held = artifacts.find("frozen", inputs.fit_key, PLAIN)
    if held is not None or feasibility is None or (kept := freeze(surrogate)) is None:
        return
    for one in learnt.properties:
        if (own := freeze(one.surrogate)) is None:
            return
        kept |= {f"{one.name}:{name}": value for name, value in own.items()}
    artifacts.put("frozen", inputs.fit_key, kept | {"strength": feasibility.spacers.classifier.strength}, PLAIN)


class Learnt(NamedTuple):
    """What a round learnt, as in `Round`."""

    training: TrainingSet
    validation: Validation
    related: tuple[RelatedTask, ...]
    properties: tuple[LearntProperty, ...]
    choice: Choice
    candidates: Candidates


def learn(inputs: RoundInputs, artifacts: Artifacts, on_fit: Callable[[], None] = lambda: None) -> Learnt:
    """Everything of a round but its ranking."""
    config = inputs.config
    properties = _learn_properties(inputs, artifacts)
    known = training_set(inputs.dataset, inputs.records, config, inputs.related)
    training, validation, key, related = join_tasks(known, config, artifacts, inputs.fit_key)
    on_fit()
    surrogate = artifacts.get("surrogate", key, lambda: _thawed(inputs, artifacts) or fit(training, config, validation))
    measured = MeasuredSet(training.formulas, training.x)
    asked = _strategy_inputs(inputs, training, surrogate, properties, measured)
    choice, strategy = choose_by(config, validation, asked, properties)
    goal_ps, feasibility = config.objective.goal_lifetime_ps, feasibility_in(inputs)
    candidates = Candidates(
        inputs.space,
        inputs.tables.spacers,
        inputs.tables.cages,
        surrogate,
        training.best_inside(inputs.space),
        strategy,
        replace(feasibility, traits=_spacer_traits(inputs.space, artifacts, feasibility)),
        measured=measured,
        properties={learnt.name: learnt.surrogate for learnt in properties},
        goal=None if goal_ps is None else -log10(goal_ps),
    )
    learnt = Learnt(training, validation, related, properties, choice, candidates)
    _keep_frozen(inputs, artifacts, learnt)
    return learnt


def _learn_properties(inputs: RoundInputs, artifacts: Artifacts) -> tuple[LearntProperty, ...]:
    """What is learnt of the further measured properties."""
    learnt = []
    for name, measured in inputs.state.properties.items():
        kept = f"validation_{name}", inputs.fit_key
        known = artifacts.find(*kept, validation_form())
        described = inputs.names, inputs.records, inputs.config.seed, known, inputs.config.descriptor_set
        learnt.append(learn_property(name, measured, *described))
        if known is None:
            artifacts.put(*kept, learnt[-1].validation, validation_form())
    return tuple(learnt)


def _spacer_traits(space: CompoundSpace, artifacts: Artifacts, model: FeasibilityModel) -> SpacerTraits:
    """What feasibility reads off the spacers, and of many what reports say of them; of many both are kept."""
    key = sha256(
        "\n".join([version("rdkit"), *SHAPE_NAMES, *(spacer.smiles for spacer in space.spacers)]).encode()
    ).hexdigest()
    form = traits_form() if len(space.spacers) >= _WORTH_KEEPING else None
    traits = artifacts.get("spacers", key, lambda: SpacerTraits.of(space.spacers), form)
    evidence = model.spacers.evidence
    if form is None or evidence is None:
        return traits

    def compare() -> dict[str, Any]:
        return {"log_odds": model.evidence_log_odds(traits.shapes, traits.prints)}

    known = artifacts.get("evidence", key + sha256(evidence.pull.tobytes()).hexdigest(), compare, PLAIN)
    return replace(traits, evidence=known["log_odds"])


def choose_by(
    config: CampaignConfig, validation: Validation, inputs: StrategyInputs, properties: Sequence[LearntProperty]
) -> tuple[Choice, Strategy]:
    """The strategy that the description asks for, and why; "auto": what the surrogate earned by its worst split."""
    earned = choose_strategy(min(validation.score_cards.values(), key=lambda card: card.r2_log), config.teaching_share)
    name = earned.name if config.acquisition == "auto" else config.acquisition
    strategy = make_strategy(name, inputs)
    if strategy.asked:
        trust = [learnt.sentence for learnt in properties if learnt.name in strategy.reads]
        return Choice(name, "; ".join([strategy.asked, *trust])), strategy
    if config.acquisition == "auto":
        return earned, strategy
    agrees = (
        "which the score card would choose too"
        if earned.name == name
        else (f"though the score card says {earned.name} ({earned.reason})")
    )
    return Choice(name, f"{name}, as the campaign's description asks, {agrees}"), strategy


def _strategy_inputs(
    inputs: RoundInputs,
    training: TrainingSet,
    surrogate: Surrogate,
    properties: Sequence[LearntProperty],
    measured: MeasuredSet,
) -> StrategyInputs:
    """What a strategy may be made from: wishes, goals and where their columns come from."""
    objective, is_number = inputs.config.objective, ~training.dataset.censored
    columns: dict[str, Property] = {learnt.name: _mean_of(learnt) for learnt in properties}
    observed: dict[str, NDArray[np.float64]] = {}
    if objective.asks_for_price:
        columns["price"] = price_property(inputs.space, inputs.prices)
        per_mol = np.array([nan if c is None else price_of(c, inputs.prices) for c in training.dataset.compounds])
        observed["price"] = per_mol[is_number]
    goals = (
        PropertyObjective(learnt.name, learnt.surrogate, 1.0 if learnt.goal == "maximize" else -1.0, learnt.worst)
        for learnt in properties
        if learnt.goal is not None
    )
    fixed = (
        FixedObjective(name, _FIXED[name][0], worst, observed.get(name), _FIXED[name][1])
        for name, worst in objective.tradeoff.items()
    )
    return StrategyInputs(
        inputs.config.seed,
        surrogate,
        training.x[is_number],
        Columns(columns, measured),
        tuple(Wish(wish.column, wish.useless, wish.perfect, wish.weight) for wish in objective.wishes),
        (*goals, *fixed),
        None if objective.goal_lifetime_ps is None else -log10(objective.goal_lifetime_ps),
    )


def _mean_of(learnt: LearntProperty) -> Property:
    def mean(block: SpaceBlock, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return learnt.predict(x)[0]

    return mean


def feasibility_in(inputs: RoundInputs, strength: float | None = None) -> FeasibilityModel:
    """P(forms) as the campaign's edition has it; `strength` as in `fit_feasibility`."""
    edition = inputs.config.defaults
    measured = () if edition.number == FIRST else inputs.dataset.compounds
    return feasibility_of(inputs.state.outcomes, inputs.names, edition, measured, strength)


def feasibility_of(
    outcomes: Sequence[tuple[str, Stage]],
    library: CationLibrary,
    edition: Edition = EDITIONS[NEWEST],
    measured: Sequence[Compound | None] = (),
    strength: float | None = None,
) -> FeasibilityModel:
    """Feasibility learnt from reported outcomes and the campaign's own; a 3D compound says nothing about layers."""
    told = [(parse_formula(formula, library), stage) for formula, stage in outcomes if stage in _OUTCOME_WORDS]
    own = [RecordedOutcome(compound, _OUTCOME_WORDS[stage]) for compound, stage in told if compound.spacer is not None]
    layered = [compound for compound in measured if compound is not None and compound.spacer is not None]
    return fit_feasibility(own, edition.feasibility_prior, edition.reported, measured=layered, strength=strength)


def propose(fitted: Round, batch_size: int, seed: int, budget: Budget) -> tuple[Suggestion, ...]:
    """The next `batch_size` compounds to make, each with its reason, in the order they were chosen; fewer where fewer
    are left or fit the limits.

    At most one of a spacer unless the limits say otherwise; where the ranking has too few spacers for that, the cap
    rises until the batch is full. Limits that are given hold strictly.
    """
    rows = choose(fitted, batch_size, seed, budget)
    chosen = fitted.ranking.frame.iloc[rows].to_dict("records")
    shares = fitted.explain(fitted.ranking.x[rows])
    usual = fitted.training.x.mean(0)
    return tuple(
        _suggestion(fitted, row, [Driver(*one) for one in zip(shares.feature_names, values, x, usual, strict=True)])
        for row, values, x in zip(chosen, shares.contributions, shares.x, strict=True)
    )


def choose(fitted: Round, batch_size: int, seed: int, budget: Budget) -> list[int]:
    """Rows of the ranking that `propose` takes."""
    ranking, size = fitted.ranking, min(batch_size, len(fitted.ranking))
    indices = ranking.frame["index"].to_numpy(dtype=np.int64)
    while size:
        try:
            chosen = choose_batch(ranking, fitted.surrogate, batch_query(fitted, size, seed, budget))
        except BatchError as error:
            if error.n_fit is None:
                raise
            size = error.n_fit
        else:
            return [int(np.flatnonzero(indices == index)[0]) for index in chosen]
    return []


def batch_query(fitted: Round, batch_size: int, seed: int, budget: Budget) -> BatchQuery:
    """What a batch of a round is to be."""
    indices = fitted.ranking.frame["index"].to_numpy(dtype=np.int64)[:SHORTLIST]
    return BatchQuery(
        batch_size,
        seed,
        fitted.strategy,
        budget.limits_of(fitted.ranking.spacer[:SHORTLIST], batch_size),
        SHORTLIST,
        fitted.pending,
        pending_columns(fitted),
        fitted.training.x,
        teaching=teaching_places(batch_size, fitted.teaching_share),
        **budget.of(fitted.space, indices),
    )


def pending_columns(fitted: Round) -> pd.DataFrame:
    """What the strategy has to know of the pending compounds, one row each."""
    names, rows = fitted.strategy.pending_names, range(len(fitted.pending))
    if not names:
        return pd.DataFrame(index=rows)
    block, none = fitted.space.take(fitted.inputs.awaited), np.full(len(rows), nan)
    numbers = Numbers(fitted.pending, none, none, fitted.candidates.log_feasibility(block), nan, block)
    return pd.DataFrame(fitted.strategy.columns(numbers), index=rows)[[*names]]


def _suggestion(fitted: Round, row: Mapping[Any, Any], drivers: Sequence[Driver]) -> Suggestion:
    compound = fitted.space[int(row["index"])]
    candidate = Candidate(
        lifetime_ps=float(row["lifetime_ps"]),
        lifetime_high_ps=float(row["lifetime_high_ps"]),
        best_lifetime_ps=fitted.best_lifetime_ps,
        feasibility=float(row["feasibility"]),
        in_domain=bool(row["in_domain"]),
        unseen=unseen_ions(compound, fitted.training.dataset.compounds),
        drawn=not fitted.strategy.predicts,
        teaches=row["tag"] == TEACHES_MOST,
        weighed=_weighed(fitted.strategy, row),
    )
    properties = {
        learnt.name: {"mean": float(row[learnt.name]), "sd": float(row[f"{learnt.name}_sd"])}
        for learnt in fitted.properties
    }
    suggestion = Suggestion.of(compound, row, reason(drivers, candidate), properties)
    return suggestion.model_copy(update={"reported": fitted.feasibility.told(compound)})


def _weighed(strategy: Strategy, row: Mapping[Any, Any]) -> dict[str, float] | None:
    """What counts beside the lifetime and is not told of every suggestion; None where an acquisition ranks."""
    told = ("log10_rate", "lifetime_ps", "acquisition", "feasibility")
    return {name: float(row[name]) for name in strategy.reads if name not in told} if strategy.reads else None


def unseen_ions(compound: Compound, measured: Sequence[Compound | None]) -> tuple[str, ...]:
    """Metals and halides of a compound that no measured layered compound holds."""
    known = layered_ions([other for other in measured if other is not None])
    return tuple(ion for ion in (compound.b_site, *(symbol for symbol, _ in compound.halide)) if ion not in known)


def summary(fitted: Round, before: Sequence[str] = (), surprises: tuple[str, ...] = ()) -> FitSummary:
    """What to remember of a round's fit; `before` is the top list of the last round."""
    from screening.validation import verdict_of

    advice, ranked = stop_advice(fitted, before), fitted.ranking.frame
    slowest = ranked.iloc[int(ranked["lifetime_ps"].to_numpy().argmax())] if len(ranked) else None
    return FitSummary(
        data_key=fitted.data_key,
        n_measured=len(fitted.inputs.dataset),
        n_train=len(fitted.training.dataset),
        grade=verdict_of(fitted.validation, fitted.training.classes["two_group"]),
        scores={split: card.to_dict() for split, card in fitted.validation.score_cards.items()},
        best_predicted=None if slowest is None else (str(slowest["formula"]), float(slowest["lifetime_ps"])),
        strategy=fitted.choice.reason,
        may_stop=advice.stop,
        stop_advice=advice.reasons,
        surprises=surprises,
        left_out=fitted.training.left_out,
        versions=package_versions(),
        properties={learnt.name: learnt.to_dict() for learnt in fitted.properties},
        related={task.name: task.to_dict() for task in fitted.related},
    )


def stop_advice(fitted: Round, before: Sequence[str] = ()) -> StopAdvice:
    """Whether going on is worth it: advice with reasons, never an order."""
    if not len(fitted.ranking):
        return StopAdvice(True, 0.0, 0.0, nan, ("every compound of the space is measured, awaited or ruled out",))
    if not fitted.strategy.predicts:
        return StopAdvice(False, nan, nan, nan, ("what is drawn at random says nothing about stopping",))
    frame = fitted.ranking.frame
    sd = latent_sd(frame["sd"].to_numpy(dtype=np.float64), unexplained_variance(fitted.surrogate))
    top, best = top_list(fitted.ranking), fitted.ranking.best_observed
    return advise_stopping(frame["mean"].to_numpy(dtype=np.float64), sd, best, top, [*before])


def top_list(ranking: Ranking) -> tuple[str, ...]:
    """Formulas of the compounds at the head of a ranking that rounds are compared by."""
    size = top_size(ranking.n_scored - ranking.n_excluded - ranking.n_undescribed)
    return tuple(ranking.frame["formula"].head(size))


def indices_of(space: CompoundSpace, compounds: Iterable[Compound]) -> NDArray[np.int64]:
    """Indices in `space` of those `compounds` that it holds, shape (e,)."""
    return np.array([space.index(compound) for compound in compounds if compound in space], dtype=np.int64)


def predict(
    fitted: Known | Round, compound: Compound, records: Mapping[str, CationRecord], *, why: bool = True
) -> Prediction:
    """Predict any compound whose organic cations `records` holds, by a round or what is kept of one. Raises
    CampaignError if a cation of it has no descriptors, with the oracle's reason."""
    from screening.features import shapley

    descriptors = fitted.training.descriptors
    x = to_features(compound_descriptors([compound], records, descriptors), descriptors)
    organic = [cation for cation, _ in compound.cation_counts if cation.is_organic]
    if not organic:
        raise CampaignError(f"{compound.formula} has no organic cation; the descriptors describe organic cations only")
    for cation in organic:
        if not (record := records[cation.inchikey]).ok:
            raise CampaignError(f"{compound.formula}: {cation.abbreviation} has no descriptors ({record.error})")
    mean, sd = fitted.surrogate.predict(x)
    names = descriptors.feature_names
    shares = shapley(fitted.surrogate, x if why else x[:0], names, background=fitted.training.x)
    numbers = {**lifetime_columns(mean, sd), **fitted.measured.columns(x)}
    layered = compound.spacer is not None
    here = np.array([formula == compound.formula for formula in fitted.training.formulas]) & fitted.training.is_usual
    lifetimes = fitted.training.dataset.table["lifetime_ps"].to_numpy(dtype=float)
    return Prediction(
        formula=compound.formula,
        in_space=compound in fitted.inputs.space,
        **{name: values.tolist()[0] for name, values in numbers.items()},
        feasibility=float(fitted.feasibility.probability([compound])[0]) if layered else None,
        feasibility_reasons=tuple(fitted.feasibility.reasons(compound)) if layered else (),
        features=dict(zip(names, map(float, x[0]), strict=True)),
        contributions=dict(zip(names, map(float, shares.contributions[0]), strict=True)) if why else {},
        base_log10_rate=shares.base,
        measured_ps=tuple(lifetimes[here & ~fitted.training.dataset.censored].tolist()),
        bounds_ps=tuple(lifetimes[here & fitted.training.dataset.censored].tolist()),
        properties={
            learnt.name: dict(zip(("mean", "sd"), (float(part[0]) for part in learnt.predict(x)), strict=True))
            for learnt in fitted.properties
        },
        band_gap=gap_of(fitted.inputs.config, compound, records),
    )


def gap_of(config: CampaignConfig, compound: Compound, records: Mapping[str, CationRecord]) -> BandGap | None:
    """Band gap of a compound, filed or predicted: predicted where the oracle's level is that of the crystals' table."""
    from screening.crystals import LEVEL, band_gap

    protocol = config.protocol
    level = (protocol.method, protocol.solvent, protocol.conformer_solvent, protocol.polarizability)
    x = to_features(compound_descriptors([compound], records))[0]
    return band_gap(compound, x if level == LEVEL and np.isfinite(x).all() else None)
