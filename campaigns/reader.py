"""A campaign as its log says it is, to be looked at.

With what became of the compounds of its space (measured, awaited, declined, failed, excluded, or left to suggest), and
its own predictions beside what was measured since: hits, intervals, and whether that beats chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast
from weakref import ref

import numpy as np
from numpy.typing import NDArray

from campaigns.artifacts import PLAIN, Artifacts, compared_key, data_key, measured_key
from campaigns.config import COUNTED, CampaignConfig, require_config
from campaigns.database import DATABASE, POINTER, EventLog, open_store
from campaigns.errors import checked
from campaigns.events import NEVER_AGAIN, Event, EventKind, Stage
from campaigns.files import RANKING
from campaigns.hooks import occasions, tell
from campaigns.narrate import sentence
from campaigns.state import CampaignState, caught_up, replay, voids
from campaigns.summary import Compared, FitSummary, SpacerRound, Status, Suggestion, TrackRecord
from campaigns.targets import Observation, property_standings, task_of
from screening.dataset import SpinDataset

if TYPE_CHECKING:
    import pandas as pd

    from campaigns.config import BudgetRules
    from campaigns.plan import Amendment
    from campaigns.records import CationRecords
    from campaigns.refits import News
    from campaigns.space import Budget, Scope, Source
    from chemspace import CationLibrary, Compound, CompoundSpace
    from chemspace.compound import Recipe
    from screening.dataset import SpinDataset


#: More compounds are not looked at one by one.
_LOOKED_AT = 1000


def nothing_left(campaign: CampaignReader, pending: Sequence[str]) -> str | None:
    """What became of the compounds of a space of which none is left to suggest, and what would free some; None while
    some are left. `pending` are formulas whose result is awaited, or that are suggested already."""
    from campaigns.space import without
    from chemspace import parse_formula

    space, stages, awaited = campaign.space, campaign.state.stages, set(campaign.state.pending)
    if len(space) > COUNTED:
        return None
    left = np.concatenate([np.empty(0, dtype=np.int64), *(block.index for block in space.blocks(COUNTED))])
    n_compounds = len(left)

    def take(compounds: Iterable[Compound | None]) -> int:
        """Leave these out of what is left; how many they are."""
        nonlocal left
        found = [space.index(compound) for compound in compounds if compound is not None and compound in space]
        rest = np.setdiff1d(left, np.array(found, dtype=np.int64))
        count, left = len(left) - len(rest), rest
        return count

    def named(formulas: Iterable[str]) -> Iterable[Compound]:
        return (parse_formula(formula, campaign.names) for formula in formulas)

    def with_stage(wanted: Iterable[Stage]) -> Iterable[Compound]:
        return named(formula for formula, stage in stages.items() if stage in wanted)

    counts = {
        "measured": take(campaign.dataset().compounds),
        "awaited": take(named(formula for formula in pending if formula in awaited)),
        "suggested": take(named(pending)),
        "failed": take(with_stage(NEVER_AGAIN - {Stage.DECLINED})),
        "declined": take(with_stage({Stage.DECLINED})),
    }
    allowed = without(space, campaign.state.ruled_out).allowed(left)
    counts["declined"] += int(np.count_nonzero(~allowed))
    left = left[allowed]
    excluded = None if len(left) > _LOOKED_AT else _excluded(campaign, [space[int(index)] for index in left])
    if excluded is None:
        return None
    told = {name: counts[name] for name in ("measured", "awaited", "suggested", "declined", "failed")} | excluded
    ways = [way for name, way in _WAYS.items() if told.get(name)]
    ways.append("amend the description to a wider space (spinscreen amend)")
    used = ", ".join(f"{count} {name}" for name, count in told.items() if count)
    compounds = "1 compound" if n_compounds == 1 else f"{n_compounds} compounds"
    return f"nothing is left to suggest of {compounds}: {used}. To go on: {', or '.join(ways)}"


#: What would free compounds of which that became.
_WAYS = {
    "awaited": "tell which of the awaited will not be made (spinscreen outcome CAMPAIGN FORMULA abandoned)",
    "suggested": "ingest results of what is suggested",
    "declined": "undo a decline (spinscreen undo)",
    "refused for a hazard": "lift a refused hazard",
    "too dear or without a price": "give prices or raise budget.max_cost",
    "too late or without a delivery time": "give delivery times or raise budget.max_days",
    "without descriptors": "let the oracle compute the failed cations otherwise",
}


def _excluded(campaign: CampaignReader, left: Sequence[Compound]) -> dict[str, int] | None:
    """How many compounds are excluded for each reason; None where one is not."""
    reasons = [campaign.budget.excludes(compound) for compound in left]
    if "" in reasons:
        failed = campaign.failed_cations()
        undescribed = [any(cation.inchikey in failed for cation, _ in one.cation_counts) for one in left]
        reasons = [why or "without descriptors" * lost for why, lost in zip(reasons, undescribed, strict=True)]
    return None if "" in reasons else dict(Counter(reasons))


def shortfall(n: int, asked: int, n_ranked: int, limits: BudgetRules) -> str:
    """Why a round holds n compounds and not as many as were asked for, where n_ranked competed for it."""
    if n == n_ranked:
        left = {0: "no compound is", 1: "only 1 compound is"}.get(n, f"only {n} compounds are")
        return f"{left} left to suggest, {asked} were asked for"
    held = {name: getattr(limits, name) for name in ("max_per_spacer", "min_distance", "max_cost", "max_days")}
    told = [f"{name} {limit:g}" for name, limit in held.items() if limit is not None]
    told += [f"no {hazard}" for hazard in limits.refused_hazards]
    found = f"only {n} of {asked} compounds fit" if n else f"none of the {n_ranked} best ranked compounds fits"
    return f"{found} the limits of a batch ({', '.join(told)}); loosen one (spinscreen amend) or ask for fewer"


#: Share of the compounds known before that count as slow: what is slower than all others of them is a hit.
SLOW = 0.25
#: Chance below which hits are told to beat chance.
_LEVEL = 0.05


def track_record(state: CampaignState, *, include_flagged: bool = False) -> TrackRecord | None:
    """What a campaign predicted of what it suggested, beside what was measured of it then and not taken back; None
    before. `include_flagged`: whether doubtful published rows count among what was known."""
    compared = tuple(_compared(state, include_flagged=include_flagged)) if state.batches and state.measurements else ()
    if not compared:
        return None
    judged = [one.is_hit for one in compared if one.is_hit is not None]
    n, hits, inside = len(judged), sum(judged), [one.is_inside for one in compared if one.is_inside is not None]
    tail = sum(comb(n, k) * SLOW**k * (1 - SLOW) ** (n - k) for k in range(hits, n + 1))
    record = TrackRecord(
        sentence="",
        n_judged=n,
        n_hits=hits,
        hit_rate=hits / n if n else None,
        chance=SLOW,
        p_chance=tail,
        beats_chance=tail <= _LEVEL,
        n_inside=sum(inside),
        coverage=sum(inside) / len(inside) if inside else None,
        rank_correlation=_rank_correlation(compared),
        compared=compared,
    )
    return record.model_copy(update={"sentence": _sentence(record)})


def _sentence(record: TrackRecord) -> str:
    n = len(record.compared)
    verdict = "better than chance" if record.beats_chance else "not told from chance so far"
    order = "" if record.rank_correlation is None else f"; rank correlation {record.rank_correlation:.2f}"
    n_open = sum(one.is_inside is None for one in record.compared)
    share = "" if record.coverage is None else f" ({record.coverage:.0%})"
    bounds = f" ({n_open} upper bound{' leaves' if n_open == 1 else 's leave'} it open)" if n_open else ""
    return (
        f"{n} {'compound was' if n == 1 else 'compounds were'} measured after being suggested: {record.n_hits} of "
        f"{record.n_judged} among the slowest quarter of what was known before, {record.chance:.0%} by chance "
        f"(p = {record.p_chance:.2g}): {verdict}; {record.n_inside} of {n - n_open}{share} inside their own 90% "
        f"intervals{bounds}{order}"
    )


def _compared(state: CampaignState, *, include_flagged: bool) -> Iterator[Compared]:
    """The history once through: a suggestion is the last word on its compound until that is measured."""
    standing = {row.number: row.observation for row in state.record if row.retracted is None}
    suggested = ((batch.number, suggestion) for batch in state.batches for suggestion in batch.suggestions)
    data = SpinDataset.published().trainable(include_flagged)
    known = data.table["lifetime_ps"].to_numpy(dtype=np.float64)[~data.censored]
    last = dict[str, tuple[int, Suggestion, float]]()
    seen = set[str]()
    for formula, stage, number in state.history:
        if stage is Stage.SUGGESTED:
            round_, suggestion = next(suggested)
            last[formula] = (round_, suggestion, float(np.quantile(known, 1 - SLOW)))
        elif stage is Stage.MEASURED and number in standing:
            observation = standing.pop(number)
            if formula in last and formula not in seen:
                yield _pair(observation, *last[formula])
            seen.add(formula)
            if not observation.is_bound:
                known = np.append(known, observation.value)


def _pair(observation: Observation, round_: int, suggestion: Suggestion, slow_ps: float) -> Compared:
    measured, is_bound = observation.value, observation.is_bound
    low, high = suggestion.lifetime_low_ps, suggestion.lifetime_high_ps
    return Compared(
        formula=observation.formula,
        round=round_,
        predicted_ps=suggestion.lifetime_ps,
        low_ps=low,
        high_ps=high,
        measured_ps=measured,
        is_bound=is_bound,
        slow_ps=slow_ps,
        is_hit=None if is_bound and measured > slow_ps else measured > slow_ps,
        is_inside=None if is_bound and low <= measured else low <= measured <= high,
    )


def _rank_correlation(compared: tuple[Compared, ...]) -> float | None:
    numbers = [one for one in compared if not one.is_bound]
    ranks = np.array([_ranks([one.predicted_ps for one in numbers]), _ranks([one.measured_ps for one in numbers])])
    if len(numbers) < 3 or (np.ptp(ranks, axis=1) == 0).any():
        return None
    return float(np.corrcoef(ranks)[0, 1])


def _ranks(values: list[float]) -> NDArray[np.float64]:
    """Ranks from 0, equal values sharing the mean of theirs."""
    ordered = np.sort(values)
    first, last = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return np.asarray((first + last - 1) / 2, dtype=np.float64)


#: The report in a campaign's folder.
REPORT = "report.html"
#: Rows of the user's library that became no cation.
REJECTS = "library_rejects.csv"


class CampaignReader:
    """A campaign that is looked at: what its log says, and what follows from that without computing anything."""

    def __init__(
        self, folder: Path, log: EventLog, library: CationLibrary | None = None, oracle_store: Path | None = None
    ):
        """Bind a folder and its open log; use `create` or `open`."""
        self.folder = folder
        self._log = log
        self._state = replay(log.events())
        self._artifacts = Artifacts(folder)
        self._library, self._present_scope = library, cast("Scope | None", None)
        self._given_store = oracle_store
        me = ref(self)  # the log does not keep its campaign alive
        log.listener = lambda kind, payload: _tell_hooks(me(), kind, payload)
        self._ranked_before: pd.DataFrame | None = None
        self._news: News | None = None
        self._records_at: tuple[tuple[SpacerRound, ...], CationRecords] | None = None
        self._measured_rows: tuple[tuple[tuple[Observation, ...], Scope], SpinDataset] | None = None
        self._best: tuple[SpinDataset, Scope, tuple[str, float] | None] | None = None
        self._key: tuple[CampaignState, str] | None = None

    @classmethod
    def open(cls, folder: str | Path, *, oracle_store: str | Path | None = None) -> Self:
        """Open the campaign in `folder`. Raises CampaignNotFoundError; StoreError, SchemaError for its file."""
        log = open_store(Path(folder))
        return cls(Path(folder), log, None, None if oracle_store is None else Path(oracle_store))

    @property
    def state(self) -> CampaignState:
        """What the campaign knows."""
        return self._state

    @property
    def config(self) -> CampaignConfig:
        """What it was asked to do."""
        return self._state.config

    @property
    def _scope(self) -> Scope:
        """Cations, space and budget of the description; read when first asked for."""
        from campaigns.space import Scope

        if self._present_scope is None:
            self._present_scope = Scope.of(
                self.config, self._state.descriptions, self._log.file, self._artifacts, self._library
            )
        return self._present_scope

    @property
    def library(self) -> CationLibrary:
        """The cations of its description."""
        return self._scope.library

    @property
    def names(self) -> CationLibrary:
        """Every cation a formula may name: the library's, those it had before, and the built-in ones."""
        return self._scope.names

    @property
    def space(self) -> CompoundSpace:
        """The compounds it may suggest."""
        return self._scope.space

    @property
    def n_compounds(self) -> int:
        """How many compounds the constraints leave."""
        return self._scope.n_compounds

    @property
    def budget(self) -> Budget:
        """The price table, and the limits of a batch."""
        return self._scope.budget

    def dataset(self) -> SpinDataset:
        """Every measured row that stands, published ones first."""
        from campaigns.training import measured_dataset

        of = self._state.measurements, self._scope
        if self._measured_rows is None or self._measured_rows[0] != of:
            sets_apart = self.config.defaults.sets_apart
            self._measured_rows = of, measured_dataset(of[0], self.names, sets_apart=sets_apart)
        return self._measured_rows[1]

    def best_observed(self) -> tuple[str, float] | None:
        """Formula and lifetime (ps, mean over crystals) of the slowest measured compound of the space to train on."""
        from campaigns.training import compound_rates

        dataset, scope, known = self.dataset(), self._scope, self._best
        if known is None or known[0] is not dataset or known[1] is not scope:
            rates = compound_rates(dataset.trainable(scope.config.include_flagged))
            inside = ((compound.formula, 10.0**-rate) for compound, rate in rates.items() if compound in scope.space)
            known = self._best = dataset, scope, max(inside, key=lambda pair: pair[1], default=None)
        return known[2]

    def failed_cations(self) -> frozenset[str]:
        """InChIKeys of the space's cations that the oracle failed for; nothing is computed."""
        return self._records.failed()

    def events(self, after: int = 0) -> tuple[Event, ...]:
        """The log as it stands now, oldest first: every event after the one with this id."""
        return self._log.events(after=after)

    def history(self) -> tuple[dict[str, Any], ...]:
        """Everything that happened, oldest first: id, at (ISO, UTC), actor, kind, what, is_undone."""
        events = self._log.events()
        undone = voids(events)
        return tuple(
            {
                "id": event.id,
                "at": event.at.isoformat(timespec="seconds"),
                "actor": event.actor,
                "kind": event.label,
                "what": sentence(event),
                "is_undone": event.id in undone,
            }
            for event in events
        )

    def is_behind(self) -> bool:
        """Whether there is something that no fit has seen, as after an ingest that was stopped."""
        return self.fit() is None and bool(self._state.fits or self._state.measurements)

    def fit(self) -> FitSummary | None:
        """The fit on the present data, None if there was none yet."""
        recorded = self._state.fit(self._data_key)
        return None if recorded is None else FitSummary(**recorded)

    @checked
    def recipe(self, formula: str, mass_g: float | None = None) -> Recipe:
        """What to weigh in for a compound, by default the campaign's mass. ChemspaceError if it has no recipe."""
        from chemspace import parse_formula
        from chemspace.compound import make_recipe

        return make_recipe(parse_formula(formula, self.names), self.config.budget.mass_g if mass_g is None else mass_g)

    def table(self, name: str) -> pd.DataFrame:
        """One of the tables in `campaigns.outputs.TABLES`: suggestions, measurements, compounds, scores, ... Raises
        CampaignError if there is no such table; the message lists those there are."""
        from campaigns.outputs import table

        return table(self, name)

    def status(self) -> Status:
        """Where the campaign stands, without computing anything."""
        fit, state = self.fit(), self._state
        record = self._artifacts.get("compared", compared_key(state), self._compared, PLAIN)
        is_chosen = state.chosen_spacers is not None
        return Status(
            **self._kept_counts(),
            **record,
            nothing_left=self.used_up(),
            spacers=state.spacer_standing(self.space.spacers) if is_chosen else None,
            folder=str(self.folder),
            created_at=self._state.created_at.isoformat(timespec="seconds"),
            n_ingested=len(self._state.measurements),
            best_predicted=None if fit is None else fit.best_predicted,
            best_predicted_is=self.became_of_best(fit),
            stages={formula: stage.value for formula, stage in self._state.stages.items()},
            pending=self._state.pending,
            ruled_out=tuple(cation.to_dict() for cation in self._state.ruled_out),
            record=tuple(row.to_dict() for row in self._state.record),
            rounds=len(self._state.batches),
            fit=fit,
            properties=property_standings(self.config.properties, self._state.records),
            related={
                task: tuple(row.to_dict() for row in rows)
                for name, rows in self._state.records.items()
                if (task := task_of(name))
            },
        )

    def ranks_otherwise(self) -> bool:
        """Whether the ranking's files are of other data: what came since the fit on the present ones was taken back."""
        return self.fit() is not None and [*self._state.fits][-1] != self._data_key

    def last_fit(self) -> FitSummary | None:
        """The fit on the present data or, while there is none, the one before."""
        fits = list(self._state.fits.values())
        return self.fit() or (FitSummary(**fits[-1]) if fits else None)

    def became_of_best(self, fit: FitSummary | None) -> str:
        """What became of a fit's best predicted compound since, in words; "" where nothing did. Names are read where
        something may have."""
        if fit is None or fit.best_predicted is None:
            return ""
        formula, state = fit.best_predicted[0], self._state
        if state.stages.get(formula) is Stage.MEASURED:
            return "measured since"
        if not state.ruled_out and state.stages.get(formula) in (None, Stage.SUGGESTED):
            return ""
        from chemspace import parse_formula

        return state.standing(parse_formula(formula, self.names))

    def _kept_counts(self) -> dict[str, Any]:
        """What of a status needs the space and the table of what is measured, as `Artifacts` keep it."""

        def count() -> dict[str, Any]:
            n_measured, best = len(self.dataset()), self.best_observed()
            return {"n_compounds": self.n_compounds, "n_measured": n_measured, "best_observed": best}

        return self._artifacts.get("counted", measured_key(self._state), count, PLAIN)

    def _compared(self) -> dict[str, Any]:
        record = self.track_record()
        return {"track_record": None if record is None else record.to_dict()}

    def used_up(self, n_measured: int | None = None) -> str | None:
        """`nothing_left`, without a look at the space where more compounds are in it than anything was said of;
        `n_measured` rows are measured, where that was counted already."""
        asked, fit = self.config, self.fit()
        if n_measured is None:
            n_measured, n_compounds = self._kept_counts()["n_measured"], self._kept_counts()["n_compounds"]
        else:
            n_compounds = self.n_compounds
        limits = asked.budget.refused_hazards, asked.budget.max_cost, asked.budget.max_days
        is_narrowed = self._state.ruled_out or asked.space.constraints or any(limits)
        is_narrowed = is_narrowed or (fit is not None and fit.best_predicted is None)
        n_told = len(self._state.stages) + n_measured
        return None if n_compounds > COUNTED or (not is_narrowed and n_told < n_compounds) else self.nothing_left()

    def track_record(self) -> TrackRecord | None:
        """How its own predictions came out: hits, intervals, beside chance; None before the first such result."""

        return track_record(self._state, include_flagged=self.config.include_flagged)

    def nothing_left(self, pending: Sequence[str] | None = None) -> str | None:
        """What became of the compounds where none is left to suggest; None while some are; `pending` are awaited."""

        return nothing_left(self, self._state.pending if pending is None else pending)

    def raw_files(self) -> Iterator[tuple[str, bytes]]:
        """(first twelve digits of the SHA-256, "_" and name; content) of every file that was handed in."""
        for digest, name in self._log.file_names().items():
            yield f"{digest[:12]}_{name}", self._log.file(digest)

    def files(self) -> tuple[Path, ...]:
        """The files in the campaign's folder that are there."""
        names = (DATABASE, POINTER, *RANKING, REPORT, REJECTS)
        return tuple(path for name in names if (path := self.folder / name).exists())

    def library_file(self, name: str) -> Source:
        """Name and content of a library that the campaign keeps, of this description or an earlier one; "builtin" as it
        is. Raises LibraryError if it keeps none called so."""
        from campaigns.plan import library_file

        return library_file(self._state, name, self._log.file)

    def amendment(self, config: CampaignConfig, *, libraries: Sequence[Source] | None = None) -> Amendment:
        """How a description differs from the present one; nothing is stored. Arguments and errors as for `amend`,
        and ConfigError for what is no description."""
        from campaigns.plan import amendment

        return amendment(self._state, self._scope, require_config(config), libraries, self._log.file)

    def refresh(self) -> None:
        """Read the log again: what other processes did since this object was made."""
        self._take(caught_up(self._log, self._state))

    def _take(self, state: CampaignState) -> None:
        """Go on from a state; another description has another space."""
        before, self._state = self._state, state
        if (state.config, state.descriptions) != (before.config, before.descriptions):
            self._library = self._present_scope = self._records_at = None

    def close(self) -> None:
        """Release the database."""
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _oracle_store(self) -> Path:
        """Where computed descriptors are kept."""
        from oracle import default_store_path

        return self._given_store or default_store_path()

    @property
    def _data_key(self) -> str:
        state, known = self._state, self._key
        if known is None or known[0] is not state:
            known = self._key = state, data_key(state.config, state)
        return known[1]

    @property
    def _records(self) -> CationRecords:
        """Records of what is computed as the log stands now."""
        from campaigns.records import CationRecords

        rounds = self._state.spacer_rounds
        if self._records_at is None or self._records_at[0] != rounds:
            records = CationRecords(
                self.config, self.space, self._oracle_store, self._artifacts, self._state.chosen_spacers
            )
            self._records_at = rounds, records
        return self._records_at[1]

    def _measured(self) -> list[Compound]:
        from campaigns.training import measured_compounds

        return measured_compounds(self._state, self.names)


def _tell_hooks(campaign: CampaignReader | None, kind: EventKind, payload: Mapping[str, Any]) -> None:
    """Tell the description's hooks of an event; what the campaign knew before it is still its state."""
    if campaign is not None and campaign.config.hooks:
        for occasion, facts in occasions(kind, payload, campaign.state):
            tell(campaign.folder, campaign.config.hooks, occasion, facts)
