"""One round of a campaign: learn from what is measured, rank what is not, choose a batch. Stateless."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from campaigns.budget import Budget
from campaigns.config import CampaignConfig
from campaigns.events import Stage
from campaigns.narrate import reason
from campaigns.propose import (
    KNOWN_GOALS,
    LARGE,
    SHORTLIST,
    TrainingSet,
    aim_of,
    awaited_columns,
    best_observed,
    choose,
    fit,
    indices_in,
    indices_of,
    layered_ions,
    measured_dataset,
    pending_features,
    rank_space,
    training_set,
    validate,
)
from campaigns.space import prices_of
from campaigns.state import CampaignState
from campaigns.summary import FitSummary, Suggestion
from campaigns.targets import LearntProperty
from campaigns.versions import package_versions
from chemspace import CationLibrary, Compound, CompoundSpace, parse_formula
from chemspace.progress import Progress, silent
from oracle import CationRecord
from screening.feasibility import FeasibilityModel, RecordedOutcome, SpacerTraits, fit_feasibility
from screening.features import FEATURE_NAMES
from screening.ranking import Aim, Desire, Lot, StopAdvice, Tradeoff, advise_stopping
from screening.strategies import AIMED_ACQUISITIONS, HYPERVOLUME, RANDOM, Choice, choose_acquisition, pass_of

if TYPE_CHECKING:
    from oracle.descriptors import CationTable
    from screening.explain import Shapley
    from screening.ranking import Ranking
    from screening.surrogates import Surrogate
    from screening.validation import Validation
    from screening.validation.card import FullCard

__all__ = ["Round", "card_of"]


#: Steps done when fitting and when ranking begin, and all of them; for a large space in hundredths, since ranking it
#: is most of the work.
_STEPS, _LONG_STEPS = (1, 2, 3), (5, 8, 100)

#: Length of the top list whose agreement between rounds is looked at.
N_TOP = 20

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
class Round:
    """Everything a round worked out.

    Attributes:
        space: the compounds.
        n_measured: measured rows known, training or not.
        training: rows that train.
        validation: out-of-fold predictions and score cards.
        surrogate: fitted on all training rows.
        strategy: the acquisition the surrogate has earned by its worst split, and why.
        feasibility: learnt from reported outcomes and the campaign's own.
        ranking: the top of the space, without what is measured or pending.
        pending: features of what is pending, shape (p, d).
        best_lifetime_ps: longest lifetime measured inside the space, ps.
        aim: what the ranking is by instead of the acquisition times feasibility, or None.
        properties: what was learnt of the further measured properties.
        awaited: what a tradeoff is told of what is pending, one row each; None for other aims.
    """

    space: CompoundSpace
    n_measured: int
    training: TrainingSet
    validation: Validation
    surrogate: Surrogate
    strategy: Choice
    feasibility: FeasibilityModel
    ranking: Ranking
    pending: NDArray[np.float64]
    best_lifetime_ps: float
    aim: Aim | Lot | None = None
    properties: tuple[LearntProperty, ...] = ()
    awaited: pd.DataFrame | None = None

    @property
    def ranked_by(self) -> str:
        """What the ranking is by, in words."""
        if isinstance(self.aim, Desire):
            return "how far the wishes of the description are met together"
        name = self.strategy.acquisition
        if isinstance(self.aim, Lot):
            return AIMED_ACQUISITIONS[name]
        words = AIMED_ACQUISITIONS.get(name) or pass_of(name).words
        if self.aim is None and not pass_of(name).logarithmic:
            return f"{words}, less what is not likely to form"
        return f"{words}, times the chance that it forms (the acquisition is its logarithm)"

    def explain(self, x: NDArray[np.float64]) -> Shapley:
        """Shapley values of rows x, shape (m, d): what sets each apart from the training rows."""
        from screening.explain import shapley

        return shapley(self.surrogate, x, FEATURE_NAMES, background=self.training.x)


def learn_and_rank(
    config: CampaignConfig,
    library: CationLibrary,
    space: CompoundSpace,
    tables: tuple[CationTable, CationTable],
    records: Mapping[str, CationRecord],
    state: CampaignState,
    pending: Sequence[str],
    progress: Progress | None = None,
    traits: SpacerTraits | None = None,
    validation: Validation | None = None,
    ranking: Ranking | None = None,
    properties: tuple[LearntProperty, ...] = (),
    client: Any = None,
) -> Round:
    """Validate, fit and rank.

    Args:
        config: the campaign's description.
        library: names of the formulas.
        space: the compounds.
        tables: descriptors of the space's spacers and of its cage cations.
        records: the oracle's records of what is measured, by InChIKey.
        state: what is measured beside the published rows, what formed, and what is not to be suggested.
        pending: formulas whose result is awaited.
        progress: called after each of the steps.
        traits: what feasibility reads off the space's spacers, where that is known.
        validation, ranking: of this very round, where they are known.
        properties: what was learnt of the further measured properties.
        client: a `distributed.Client` whose workers pass over the space; None does it here.

    Raises:
        CampaignError, ScreeningError: if there is too little to learn from or nothing left to rank.
    """
    tell = progress or silent
    fitting, ranking_from, total = _STEPS if len(space) < LARGE else _LONG_STEPS
    tell(0, total, "cross-validation")
    dataset = measured_dataset(state.measurements, library)
    training = training_set(dataset, records, config)
    if validation is None:
        validation = validate(training, config)
    tell(fitting, total, "fit")
    surrogate = fit(training, config, validation)
    tell(ranking_from, total, "ranking")

    def ranked(done: int, of: int, note: str) -> None:
        tell(ranking_from + (total - ranking_from - 1) * done // of, total, note)

    waiting = indices_in(space, pending, library)
    measured = indices_of(space, [compound for compound in dataset.compounds if compound is not None])
    strategy = strategy_of(config, validation, properties)
    feasibility = feasibility_of(state.outcomes, library, traits)
    prices = {key: money for key, (money, _) in prices_of(config, library).items() if money is not None}
    aim = aim_of(config, strategy.acquisition, space, training, surrogate, properties, prices)
    if ranking is None:
        ranking = rank_space(
            space,
            tables,
            training,
            surrogate,
            acquisition=pass_of(strategy.acquisition),
            feasibility=feasibility,
            exclude=np.concatenate([measured, waiting, indices_in(space, state.barred, library)]),
            goal_lifetime_ps=config.objective.goal_lifetime_ps,
            aim=aim,
            progress=ranked,
            client=client,
        )
        _add_properties(ranking, properties)
    tell(total, total, "done")
    features = pending_features(space, waiting, tables)
    return Round(
        space=space,
        n_measured=len(dataset),
        training=training,
        validation=validation,
        surrogate=surrogate,
        strategy=strategy,
        feasibility=feasibility,
        ranking=ranking,
        pending=features,
        best_lifetime_ps=float(10.0 ** -best_observed(space, training)),
        aim=aim,
        properties=properties,
        awaited=awaited_columns(aim, space, waiting, features, feasibility),
    )


def strategy_of(config: CampaignConfig, validation: Validation, properties: Sequence[LearntProperty] = ()) -> Choice:
    """The acquisition that the description asks for; "auto" is the one the surrogate has earned by its worst split.

    The reason says how far the models of the properties that take part are to be trusted.
    """
    worst = min(validation.score_cards.values(), key=lambda card: card.r2_log)
    earned = choose_acquisition(worst)
    asked = earned.acquisition if config.acquisition == "auto" else config.acquisition
    if config.objective.wishes:
        told = ", ".join(f"{wish.column} (weight {wish.weight:g})" for wish in config.objective.wishes)
        wished = {wish.column for wish in config.objective.wishes}
        trust = [learnt.sentence for learnt in properties if learnt.name in wished]
        return Choice(asked, "; ".join([f"wishes, as the campaign's description asks, met together: {told}", *trust]))
    if asked == RANDOM:
        return Choice(asked, "random, as the campaign's description asks: drawn by lot, no prediction decides")
    if asked == HYPERVOLUME:
        traded = [learnt for learnt in properties if learnt.goal is not None]
        known = (f"{KNOWN_GOALS[name][1]} (worst {worst:g})" for name, worst in config.objective.tradeoff.items())
        goals = ", ".join([*(f"{learnt.goal} {learnt.name}" for learnt in traded), *known])
        said = f"{asked}, as the campaign's description asks: slow relaxation traded off against: {goals}"
        return Choice(asked, "; ".join([said, *(learnt.sentence for learnt in traded)]))
    if config.acquisition == "auto":
        return earned
    agrees = (
        "which the score card would choose too"
        if earned.acquisition == asked
        else (f"though the score card says {earned.acquisition} ({earned.reason})")
    )
    return Choice(asked, f"{asked}, as the campaign's description asks, {agrees}")


def _add_properties(ranking: Ranking, properties: Sequence[LearntProperty]) -> None:
    """Predicted mean and standard deviation of each property behind the columns of a ranking."""
    for learnt in properties:
        ranking.frame[learnt.name], ranking.frame[f"{learnt.name}_sd"] = learnt.predict(ranking.x)


def feasibility_of(
    outcomes: Sequence[tuple[str, Stage]], library: CationLibrary, traits: SpacerTraits | None = None
) -> FeasibilityModel:
    """Feasibility learnt from reported outcomes and the campaign's own; a 3D compound says nothing about layers."""
    told = [(parse_formula(formula, library), stage) for formula, stage in outcomes if stage in _OUTCOME_WORDS]
    own = [RecordedOutcome(compound, _OUTCOME_WORDS[stage]) for compound, stage in told if compound.spacer is not None]
    return replace(fit_feasibility(own), traits=traits)


def suggestions(done: Round, batch_size: int, seed: int, budget: Budget | None = None) -> tuple[Suggestion, ...]:
    """The next `batch_size` compounds to make, each with its reason.

    Raises:
        NothingToSuggestError: if fewer are left, or the budget allows fewer.
    """
    bounds = {} if budget is None else budget.of(done.space, done.ranking.frame["index"].to_numpy()[:SHORTLIST])
    rows = choose(
        done.ranking,
        done.surrogate,
        done.pending,
        batch_size,
        seed,
        acquisition=done.strategy.acquisition,
        aim=done.aim,
        observed=done.training.x,
        awaited=done.awaited,
        **bounds,
    )
    told = done.explain(done.ranking.x[rows])
    return tuple(
        _suggestion(done, done.ranking.frame.iloc[row], dict(zip(told.feature_names, values, strict=True)))
        for row, values in zip(rows, told.contributions, strict=True)
    )


def summary(done: Round, data_key: str, before: pd.DataFrame | None, surprises: tuple[str, ...] = ()) -> FitSummary:
    """What to remember of a round's fit; `before` is the ranking that stood until now."""
    advice = stop_advice(done, before)
    slowest = done.ranking.frame.iloc[int(done.ranking.frame["lifetime_ps"].to_numpy().argmax())]
    return FitSummary(
        data_key=data_key,
        n_measured=done.n_measured,
        n_train=len(done.training.dataset),
        grade=done.validation.grade,
        scores={split: card.to_dict() for split, card in done.validation.score_cards.items()},
        best_predicted=(str(slowest["formula"]), float(slowest["lifetime_ps"])),
        strategy=done.strategy.reason,
        may_stop=advice.stop,
        stop_advice=advice.reasons,
        surprises=surprises,
        left_out=done.training.left_out,
        versions=package_versions(),
        properties={learnt.name: learnt.to_dict() for learnt in done.properties},
    )


def stop_advice(done: Round, before: pd.DataFrame | None) -> StopAdvice:
    """Whether going on is worth it: advice with reasons, never an order."""
    if isinstance(done.aim, Lot):
        return StopAdvice(False, nan, nan, nan, ("what is drawn at random says nothing about stopping",))
    frame = done.ranking.frame
    previous = None if before is None else before["formula"].head(N_TOP).tolist()
    return advise_stopping(
        frame["mean"].to_numpy(dtype=np.float64),
        frame["sd"].to_numpy(dtype=np.float64),
        done.ranking.best_observed,
        frame["formula"].head(N_TOP).tolist(),
        previous,
    )


def unseen_ions(compound: Compound, measured: Sequence[Compound | None]) -> tuple[str, ...]:
    """Metals and halides of a compound that no measured layered compound holds."""
    known = layered_ions([other for other in measured if other is not None])
    return tuple(ion for ion in (compound.b_site, *(symbol for symbol, _ in compound.halide)) if ion not in known)


def _suggestion(done: Round, row: pd.Series, contributions: dict[str, float]) -> Suggestion:
    compound = done.space[int(row["index"])]
    assert compound.spacer is not None
    assert compound.n_layers is not None
    return Suggestion(
        formula=compound.formula,
        phase=compound.phase,
        spacer=compound.spacer.abbreviation,
        cage="/".join(cation.abbreviation for cation, _ in compound.cage),
        n_layers=compound.n_layers,
        lifetime_ps=float(row["lifetime_ps"]),
        lifetime_low_ps=float(row["lifetime_low_ps"]),
        lifetime_high_ps=float(row["lifetime_high_ps"]),
        rate_per_ps=float(10.0 ** row["mean"]),
        acquisition=float(row["acquisition"]),
        feasibility=float(row["feasibility"]),
        reason=reason(
            contributions,
            lifetime_ps=float(row["lifetime_ps"]),
            lifetime_high_ps=float(row["lifetime_high_ps"]),
            best_lifetime_ps=done.best_lifetime_ps,
            feasibility=float(row["feasibility"]),
            in_domain=bool(row["in_domain"]),
            unseen=unseen_ions(compound, done.training.dataset.compounds),
            drawn=isinstance(done.aim, Lot),
            weighed=_weighed(done.aim, row),
        ),
        nearest_measured=str(row["nearest_measured"]),
        properties={
            learnt.name: {"mean": float(row[learnt.name]), "sd": float(row[f"{learnt.name}_sd"])}
            for learnt in done.properties
        },
    )


def _weighed(aim: Aim | Lot | None, row: pd.Series) -> dict[str, float] | None:
    """What counts beside the lifetime and is not told of every suggestion; None where an acquisition ranks."""
    if isinstance(aim, Desire):
        names = [wish.column for wish in aim.wishes]
    elif isinstance(aim, Tradeoff):
        names = [*(goal.name for goal in aim.goals), *(one.name for one in aim.known)]
    else:
        return None
    told = ("log10_rate", "lifetime_ps", "acquisition", "feasibility")
    return {name: float(row[name]) for name in names if name not in told}


#: The reference paper holds out seven rows and does not say which: so many random draws are scored together.
DRAWS, DRAW_SIZE = 10, 7


def full_card(
    config: CampaignConfig,
    library: CationLibrary,
    records: Mapping[str, CationRecord],
    state: CampaignState,
    progress: Progress | None = None,
) -> FullCard:
    """Every split, calibration, shuffled targets, a spacer-only control, baselines and the learning curve.

    Args:
        config: the campaign's description; its surrogate and seed.
        library: names of the formulas.
        records: the oracle's records by InChIKey.
        state: what is measured beside the published rows.
        progress: called after every part.

    Raises:
        CampaignError, ScreeningError: if there is too little to learn from.
    """
    training = training_set(measured_dataset(state.measurements, library), records, config)
    return card_of(training, config.seed, config.surrogate, holdouts(training, config.seed), progress)


def card_of(
    training: TrainingSet,
    seed: int,
    name: str,
    further: Mapping[str, list[NDArray[np.int64]]] | None = None,
    progress: Progress | None = None,
) -> FullCard:
    """The full score card on the rows that train, upper bounds known as such.

    Args:
        training: the rows.
        seed: of everything random.
        name: of the surrogate.
        further: test rows of hold-outs beside the usual splits, as `holdouts` gives, shape (rows,) each.
        progress: called after every part.

    Raises:
        ScreeningError: if there is too little to learn from.
    """
    from screening.validation.card import full_score_card

    data = training.dataset
    return full_score_card(
        training.x,
        data.log10_rate,
        data.noise,
        data.groups,
        seed,
        name,
        holdouts=further,
        censored=data.censored,
        progress=progress,
    )


def holdouts(training: TrainingSet, seed: int) -> dict[str, list[NDArray[np.int64]]]:
    """Test rows, each of shape (rows,), of the paper's hold-outs (doi 10.1039/d5sc07406a) and of the campaign's own.

    "literature_to_synthesised" trains on literature values and tests on the paper's own crystals (the paper's 38/14);
    "random_seven" holds out seven random rows, drawn `DRAWS` times (its 45/7); "own_measurements" trains on published
    rows and tests on the campaign's own, where there are some.
    """
    from screening.validation.splits import random_holdouts

    split = training.dataset.table["split"].to_numpy()
    generator = np.random.default_rng(seed)
    rows = len(split)
    draws = random_holdouts(rows, DRAW_SIZE, DRAWS, generator)
    tests = {
        "literature_to_synthesised": [np.flatnonzero(split == "synthesised")],
        "random_seven": draws if rows > 2 * DRAW_SIZE else [],
        "own_measurements": [np.flatnonzero(split == "campaign")],
    }
    kept = {name: [test for test in found if 0 < len(test) < rows - 3] for name, found in tests.items()}
    return {name: found for name, found in kept.items() if found}
