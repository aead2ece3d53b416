"""Rounds computed again: in how many refits without one measured compound a suggestion stays in its batch, what the
model that did not know the newest measurements expected of them, whether an old round comes out the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import isclose, log10
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from campaigns.artifacts import PLAIN, Artifacts, provenance
from campaigns.database import EventLog
from campaigns.errors import LifecycleError
from campaigns.events import Event, EventKind, Stage
from campaigns.narrate import picoseconds
from campaigns.records import CationRecords
from campaigns.round import Round, RoundInputs, batch_query, fit_round, indices_of, propose
from campaigns.space import Budget, Scope
from campaigns.state import CampaignState, replay, voids
from campaigns.summary import Suggestion, SuggestionBatch
from campaigns.targets import Observation
from campaigns.training import TrainingSet, compound_rates, validate
from chemspace import parse_formula
from chemspace.progress import Progress
from screening.batch import refits_that_keep as counted
from screening.calibration import fit_scale, half_width
from screening.strategies.strategy import NEAREST


def keep_refits(
    fitted: Round, batch: SuggestionBatch, budget: Budget, artifacts: Artifacts
) -> dict[str, tuple[int, int]]:
    """Count for a batch, as `_counts`, keep it under its key, and let the refits go: they hold thirty MB."""
    if not fitted.validation.refits:
        return {}
    kept = _counts(fitted, [s.formula for s in batch.suggestions], batch.seed, budget)
    fitted.validation.refits.clear()
    artifacts.put("stability", batch.key, kept, PLAIN)
    return kept


def validated_anew(fitted: Round) -> Round:
    """The round with the refits of a new validation, a few CPU seconds."""
    return replace(fitted, validation=validate(fitted.training, fitted.inputs.config))


def _counts(fitted: Round, batch: Sequence[str], seed: int, budget: Budget) -> dict[str, tuple[int, int]]:
    """By formula, in how many refits without one compound (or fold) it is chosen again, and of how many; else empty."""
    training, formulas = fitted.training, fitted.training.formulas
    rates = compound_rates(training.dataset.subset(training.is_usual))
    inside = {compound.formula: rate for compound, rate in rates.items() if compound in fitted.space}
    whole, goal = training.best_inside(fitted.space), fitted.candidates.goal
    noise = float(np.median(training.rows.noise_variance[training.rows.measured]))

    def models() -> Iterator[tuple[Any, float]]:
        for rows, (fits, fold) in fitted.validation.refits:
            out = {formulas[row] for row in rows if row < len(formulas)}  # the others are related
            best = min((rate for formula, rate in inside.items() if formula not in out), default=whole)
            model: Any = fits.model(fold, noise, fitted.surrogate.calibration).eval()
            yield model.at(training.fixed) if training.fixed else model, best if goal is None else min(best, goal)

    indices = indices_of(fitted.space, [parse_formula(formula, fitted.inputs.names) for formula in batch])
    kept = counted(fitted.ranking, batch_query(fitted, len(batch), seed, budget), indices, models())
    if kept is None:
        return {}
    return {formula: (int(count), len(fitted.validation.refits)) for formula, count in zip(batch, kept, strict=True)}


@dataclass(frozen=True, slots=True)
class Expectation:
    """A new measurement and what was expected of it by the rows known before."""

    formula: str  #: the compound
    x: NDArray[np.float64]  #: its features, shape (d,)
    measured_ps: float  #: the lifetime, or its upper bound where `is_upper_bound`, ps
    is_upper_bound: bool
    #: `expected_ps`, `low_ps`, `high_ps`: predicted median and calibrated 95% interval of such a measurement, ps.
    expected_ps: float
    low_ps: float
    high_ps: float

    @property
    def outside(self) -> bool:
        """Whether the measurement lies outside its interval; a bound only where the whole interval is longer."""
        return self.measured_ps < self.low_ps or (self.measured_ps > self.high_ps and not self.is_upper_bound)

    @property
    def moves(self) -> bool:
        """Whether the measurement lies more than one standard deviation from what was expected; a bound only below."""
        away = log10(self.measured_ps / self.expected_ps)
        sd = log10(self.high_ps / self.expected_ps) / half_width(0.95)
        return bool(away < -sd or (away > sd and not self.is_upper_bound))

    @property
    def sentence(self) -> str:
        """What was measured and what was expected."""
        how = "below " if self.is_upper_bound else ""
        return (
            f"{self.formula} was measured at {how}{picoseconds(self.measured_ps)} ps; without it the model expects "
            f"{picoseconds(self.expected_ps)} ps ({picoseconds(self.low_ps)} to {picoseconds(self.high_ps)} with 95%)"
        )


@dataclass(frozen=True, slots=True)
class News:
    """What may have moved a ranking since the fit before."""

    results: Sequence[Expectation] = ()  #: new measurements and what was expected of them
    outcomes: Sequence[tuple[str, str, Stage]] = ()  #: (formula, spacer, stage) of each new word on what forms
    taken_back: Sequence[str] = ()  #: formulas of measurements that do not stand any more
    withdrawn: Sequence[tuple[str, str, Stage]] = ()  #: words on what forms, as `outcomes`, that do not stand any more
    model: str = ""  #: what else of the model is another one, in words; "" where nothing is


def news_since(before: CampaignState | None, fitted: Round, *, by_others: bool) -> News:
    """What happened between the state of the fit before and a round; `by_others` where other code computes now."""
    now, names = fitted.inputs.state, fitted.inputs.names
    results = expectations(fitted, fresh_since(before, now))
    if before is None:
        return News(results)

    def beyond(some: CampaignState, others: CampaignState) -> tuple[tuple[str, str, Stage], ...]:
        """The words of one state on what forms that another one has not, with the spacer."""
        news = [(*one, parse_formula(one[0], names).spacer) for one in some.outcomes if one not in others.outcomes]
        return tuple((formula, spacer.abbreviation, stage) for formula, stage, spacer in news if spacer is not None)

    related = dict.fromkeys(before.related, ()) | now.related
    changed = [
        *before.config.learning_differences(now.config),
        *(["computed by other versions"] if by_others else []),
        *(f"related task {name}" for name, rows in related.items() if before.related.get(name) != rows),
    ]
    model = f"the model is another one ({'; '.join(changed)})" if changed else ""
    return News(results, beyond(now, before), taken_back_since(before, now), beyond(before, now), model)


def expectations(fitted: Round, fresh: Sequence[Observation]) -> tuple[Expectation, ...]:
    """What a model without the `fresh` measurements expects of each that trains: the fold of the validation that left
    them out, where one did, else one fit on the other rows."""
    from screening.surrogates.recipe import MIN_ROWS
    from screening.surrogates.registry import get_recipe
    from screening.validation import out_of_fold

    config, data, x = fitted.inputs.config, fitted.training.dataset, fitted.training.x
    rows = rows_of(fitted.training, fresh)
    if not rows.size or len(data) - rows.size < MIN_ROWS:
        return ()
    recipe, known = get_recipe(config.surrogate), fitted.validation.without(rows)
    mean, sd = known or out_of_fold(recipe, fitted.training.rows, [rows], config.seed)[0]
    reach = half_width(0.95) * sd * _calibration(fitted, rows)
    return tuple(
        Expectation(
            formula=fitted.training.formulas[row],
            x=x[row],
            measured_ps=float(10.0 ** -data.log10_rate[row]),
            is_upper_bound=bool(data.censored[row]),
            expected_ps=float(10.0**-middle),
            low_ps=float(10.0 ** -(middle + half)),
            high_ps=float(10.0 ** -(middle - half)),
        )
        for row, middle, half in zip(rows.tolist(), mean, reach, strict=True)
    )


def _calibration(fitted: Round, rows: NDArray[np.int64]) -> float:
    """The factor of the standard deviations, by the out-of-fold errors of all rows but these."""
    from screening.surrogate import CALIBRATION_SPLIT

    out = fitted.validation.predictions
    out = out[(out["split"] == CALIBRATION_SPLIT) & ~out["row"].isin(rows)]
    return fit_scale((out["y"] - out["mean"]).to_numpy(dtype=float), out["sd"].to_numpy(dtype=float))


def rows_of(training: TrainingSet, measurements: Sequence[Observation]) -> NDArray[np.int64]:
    """Training rows that are these measurements of the campaign, shape (e,)."""
    wanted = {(m.formula, m.value, m.sample) for m in measurements}
    table = training.dataset.table
    keys = zip(table["formula"], table["lifetime_ps"], table["material_id"], table["split"], strict=True)
    rows = [
        row
        for row, (formula, lifetime_ps, sample, split) in enumerate(keys)
        if split == "campaign" and (formula, lifetime_ps, sample) in wanted
    ]
    return np.array(rows, dtype=np.int64)


#: Compounds that are told of.
N_CHANGES = 5

#: Smaller changes (log10 of lifetime and of the chance to form together) are not told: a factor of 1.26.
_WORTH_SAYING = 0.1


def ranking_changes(
    before: pd.DataFrame,
    after: pd.DataFrame,
    x: NDArray[np.float64] | None = None,
    news: News = News(),  # frozen
) -> tuple[str, ...]:
    """A sentence for each compound that moved most among those ranked before and after (features x, shape (m, d), of
    the latter); at most `N_CHANGES`: old and new lifetime, chance to form and place; the measured compound that is
    nearest now if it was not nearest before; and the event that moved it, or that no single one did."""
    both = _places(before).merge(_places(after), on="formula", suffixes=("_before", "_after"))
    both = both.assign(by_lifetime=_moved(both, "lifetime_ps"), by_chance=_moved(both, "feasibility"))
    both = both.assign(size=both["by_lifetime"] + both["by_chance"]).sort_values("size", ascending=False, kind="stable")
    moved = both[both["size"] >= _WORTH_SAYING].head(N_CHANGES)
    return tuple(f"{_sentence(row)}; {_cause(row, x, news)}" for row in moved.to_dict("records"))


def _places(ranking: pd.DataFrame) -> pd.DataFrame:
    columns = ranking[["formula", "lifetime_ps", NEAREST]]
    chance = ranking.get("feasibility", 1.0)
    return columns.assign(place=np.arange(1, len(ranking) + 1), feasibility=chance)


def _moved(both: pd.DataFrame, name: str) -> NDArray[np.float64]:
    change: NDArray[np.float64] = np.log10((both[f"{name}_after"] / both[f"{name}_before"]).to_numpy(dtype=float))
    return np.abs(change)


def _sentence(row: dict[Any, Any]) -> str:
    was, now = row["lifetime_ps_before"], row["lifetime_ps_after"]
    parts = [f"{row['formula']}: {picoseconds(was)} to {picoseconds(now)} ps"]
    chances = [f"{row[f'feasibility_{when}']:.0%}" for when in ("before", "after")]
    if chances[0] != chances[1]:
        parts.append(f"forms {chances[0]} to {chances[1]}")
    parts.append(f"place {row['place_before']} to {row['place_after']}")
    nearest = row[f"{NEAREST}_after"]
    why = f"; nearest measured is now {nearest}" if nearest != row[f"{NEAREST}_before"] else ""
    return ", ".join(parts) + why


def _cause(row: dict[Any, Any], x: NDArray[np.float64] | None, news: News) -> str:
    """The event that moved a compound, in words."""
    if row["by_chance"] > row["by_lifetime"]:
        return _by_outcome(row, news) or _NOTHING
    if news.model:
        return news.model
    if len(news.taken_back) == 1 and not any(one.moves for one in news.results):
        return _BACK.format(news.taken_back[0])
    return _by_result(row, x, news.results) or _NOTHING


_NOTHING = "no single event moved it"
_BACK = "a measurement of {} was taken back"


def _by_outcome(row: dict[Any, Any], news: News) -> str:
    """The words on what forms, said or withdrawn, that point the way P(forms) went: of the same spacer, or the only
    ones."""
    rose = row["feasibility_after"] > row["feasibility_before"]
    measured = {one.formula for one in news.results}
    pointing = [
        (spacer, f"{formula} was measured" if formula in measured and rose else f"{formula} was recorded as {stage}")
        for formula, spacer, stage in news.outcomes
        if (stage is Stage.FORMED) == rose
    ]
    pointing += [
        (
            spacer,
            _BACK.format(formula) if formula in news.taken_back else f"{formula} is not recorded as {stage} any more",
        )
        for formula, spacer, stage in news.withdrawn
        if (stage is Stage.FORMED) != rose
    ]
    of_spacer = [words for spacer, words in pointing if row["formula"].startswith(f"({spacer})")]
    if len(of_spacer) > _TOLD:
        return f"{len(of_spacer)} outcomes of its spacer point that way"
    return " and ".join(of_spacer or [words for _, words in pointing if len(pointing) == 1])


#: Outcomes that are named together; more are counted.
_TOLD = 2


def _by_result(row: dict[Any, Any], x: NDArray[np.float64] | None, results: Sequence[Expectation]) -> str:
    """Of the new results that surprised the nearest in descriptors, if it points the way the prediction went."""
    if x is None or not any(one.moves for one in results):
        return ""
    spread = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    away = [float(np.mean(((one.x - x[row["place_after"] - 1]) / spread) ** 2)) for one in results]
    by_distance = [results[place] for place in np.argsort(away, kind="stable")]
    nearest = next(one for one in by_distance if one.moves)
    went = np.sign(row["lifetime_ps_after"] - row["lifetime_ps_before"])
    if went != np.sign(nearest.measured_ps - nearest.expected_ps):
        return ""
    below = "below " if nearest.is_upper_bound else ""
    how = "slower" if went > 0 else "faster"
    which = (
        "the nearest new result"
        if nearest is by_distance[0]
        else "the nearest of the new results that were not expected"
    )
    return (
        f"{which}, {nearest.formula}, came out {how} than expected "
        f"({below}{picoseconds(nearest.measured_ps)} ps, not {picoseconds(nearest.expected_ps)})"
    )


def at_last_fit(events: Sequence[Event]) -> tuple[CampaignState | None, dict[str, str]]:
    """The state that the last fit was made on, as it stands now, and its versions; None, {} before the first."""
    undone = voids(events)
    fits = [place for place, event in enumerate(events) if event.kind is EventKind.FITTED and event.id not in undone]
    if not fits:
        return None, {}
    return replay(events[: fits[-1]]), dict(events[fits[-1]].payload.get("versions", {}))


def fresh_since(before: CampaignState | None, now: CampaignState) -> tuple[Observation, ...]:
    """Measurements that stand now and did not before; all of them where there is no before."""
    earlier = set() if before is None else {_identity(m) for m in before.measurements}
    return tuple(m for m in now.measurements if _identity(m) not in earlier)


def taken_back_since(before: CampaignState | None, now: CampaignState) -> tuple[str, ...]:
    """Formulas of measurements that stood before and do not now."""
    standing = {_identity(m) for m in now.measurements}
    earlier = () if before is None else before.measurements
    return tuple(m.formula for m in earlier if _identity(m) not in standing)


def _identity(measured: Observation) -> tuple[str, str, float, bool]:
    return measured.formula, measured.sample, measured.value, measured.is_bound


#: Relative difference below which two numbers count as the same: other processors round in another order.
SAME = 1e-6


@dataclass(frozen=True, slots=True)
class Replay:
    """Outcome of computing a batch again."""

    number: int  #: the round
    same: bool  #: whether every compound and number came out the same
    differences: tuple[str, ...]  #: one sentence for each that did not
    versions_changed: tuple[str, ...]  #: packages, code, library, data or seed that are others now, with both
    #: Whether the round's record says by which code it was computed (rounds before that was kept do not).
    code_known: bool

    @property
    def verdict(self) -> str:
        """Whether it is the same, and whether the same code said so, in one sentence."""
        outcome = "comes out the same" if self.same else "does not come out the same"
        if not self.code_known:
            return f"round {self.number} {outcome}; its record does not say by which code it was made"
        by = (
            "by the same code and packages on the same data"
            if not self.versions_changed
            else "and what computes it changed"
        )
        return f"round {self.number} {outcome}, {by}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self) | {
            "differences": list(self.differences),
            "versions_changed": list(self.versions_changed),
            "verdict": self.verdict,
        }


def compare(batch: SuggestionBatch, again: Sequence[Suggestion], now: Mapping[str, str]) -> Replay:
    """Hold a recorded batch against suggestions computed again."""
    differences = tuple(
        difference
        for place, (old, new) in enumerate(zip(batch.suggestions, again, strict=True), start=1)
        for difference in _differences(place, old, new)
    )
    changed = tuple(
        f"{name}: {was} then, {now.get(name, 'absent')} now"
        for name, was in batch.versions.items()
        if was != now.get(name, "absent")
    )
    return Replay(batch.number, not differences, differences, changed, "code_sha256" in batch.versions)


def _differences(place: int, old: Suggestion, new: Suggestion) -> list[str]:
    if old.formula != new.formula:
        return [f"place {place}: {old.formula} then, {new.formula} now"]
    now = _numbers(new)
    return [
        f"place {place}, {old.formula}: {name} {was:.6g} then, {now[name]:.6g} now"
        for name, was in _numbers(old).items()
        if not isclose(was, now[name], rel_tol=SAME, abs_tol=SAME)
    ]


def _numbers(suggestion: Suggestion) -> dict[str, float]:
    """Every number of a suggestion that is computed, by its name."""
    numbers = {name: value for name, value in suggestion.to_dict().items() if isinstance(value, float)}
    return numbers | {f"{name}.{what}": v for name, parts in suggestion.properties.items() for what, v in parts.items()}


def replayed(log: EventLog, number: int | None, oracle_store: Path, progress: Progress | None = None) -> Replay:
    """An old round (None: the last) computed again from the log as it stood then; LifecycleError if there is none."""
    events = log.events()
    rounds = [place for place, event in enumerate(events) if event.kind is EventKind.SUGGESTED]
    wanted = len(rounds) if number is None else number
    if not 1 <= wanted <= len(rounds):
        raise LifecycleError(
            f"there is no round {number}; the campaign has had {len(rounds)}"
            if rounds
            else "there is no round yet; spinscreen suggest makes one"
        )
    event = events[rounds[wanted - 1]]
    state, batch = replay(events[: rounds[wanted - 1]]), SuggestionBatch(key=event.key or "", **event.payload)
    nothing = Artifacts()
    scope = Scope.of(state.config, state.descriptions, log.file, nothing)
    records = CationRecords(scope.config, scope.space, oracle_store, nothing, state.chosen_spacers)
    fitted = fit_round(RoundInputs.of(state, scope, records, batch.pending, progress), nothing, progress)
    again = propose(fitted, len(batch.suggestions), batch.seed, scope.budget)
    return compare(batch, again, provenance(scope.library, batch.seed))
