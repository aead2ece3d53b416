"""One campaign on the server: its state for readers, one writer at a time, and what was computed from it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from cachetools import LRUCache

from campaigns.artifacts import CACHE, DEEP, PLAIN, Artifacts, writable
from campaigns.campaign import Campaign
from campaigns.database import DATABASE, acting_as
from campaigns.errors import (
    BusyError,
    ForbiddenError,
    NotReadyError,
    NotServedError,
    QueryError,
    StoreError,
    WorkerError,
)
from campaigns.events import AWAITED, NEVER_AGAIN, Event, Stage
from campaigns.fates import Expected
from campaigns.files import title_of
from campaigns.narrate import sentence
from campaigns.reader import track_record
from campaigns.space import without
from campaigns.state import CampaignState, voids
from campaigns.summary import FitSummary
from campaigns.targets import Recorded, property_standings, task_of
from campaigns.web.jobs import Job, JobQueue, Lane, run_in_process, turn
from campaigns.web.query import MAX_INDEXED, Ranked, RankIndex, RankQuery, Searcher, build_index
from campaigns.web.settings import Identity, Settings
from chemspace import parse_formula
from chemspace.progress import Progress, silent
from chemspace.registry import PLUGIN_GROUP
from oracle import CationRecord, OracleStore, default_store_path
from screening.errors import UnknownSurrogateError

if TYPE_CHECKING:
    from campaigns.config import CampaignConfig
    from campaigns.plan import Amendment
    from campaigns.round import Known, Round, Taught
    from campaigns.summary import SuggestionBatch, TrackRecord
    from chemspace import Cation, Compound


#: Where something is to be done, whose turn it is, and what to do.
TURNS = {
    Stage.SUGGESTED: ("group meeting", "accept or decline"),
    Stage.ACCEPTED: ("synthesis", "start growing"),
    Stage.IN_SYNTHESIS: ("synthesis", "say how it ended"),
    Stage.FORMED: ("laser", "measure"),
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A campaign at one moment: its state, where each compound stands that was ever mentioned, the fit on the present
    data (None while it has to be learnt from), that or the one before, what became of the compound it predicts best,
    formula and lifetime (ps) of the slowest measured compound inside the space, rows known, what became of the
    compounds where none is left to suggest, indices (ascending) of what is measured, awaited or ruled out, and by
    formula the lifetimes and upper bounds (ps) that stand, published rows too."""

    state: CampaignState
    stages: Mapping[str, Stage]
    fit: FitSummary | None
    last_fit: FitSummary | None
    best_predicted_is: str
    best_observed: tuple[str, float] | None
    n_measured: int
    nothing_left: str | None
    taken: tuple[int, ...]
    measured: Mapping[str, tuple[float, ...]]
    bounds: Mapping[str, tuple[float, ...]]

    @property
    def properties(self) -> dict[str, dict[str, Any]]:
        """How many values there are of each further measured property, and what came since the launch."""
        return property_standings(self.state.config.properties, self.state.records)

    @property
    def tasks(self) -> dict[str, tuple[Recorded, ...]]:
        """The record of each related task, newest first."""
        return {task: rows[::-1] for name, rows in self.state.records.items() if (task := task_of(name))}

    @property
    def batch(self) -> SuggestionBatch | None:
        """The last suggestions."""
        return self.state.batches[-1] if self.state.batches else None

    def round(self, number: int | None = None) -> SuggestionBatch:
        """The suggestions of a round, the last by default. Raises NotServedError if there is no such round."""
        batches = self.state.batches
        if not batches:
            raise NotServedError("nothing has been suggested yet")
        if number is None:
            return batches[-1]
        known = next((batch for batch in batches if batch.number == number), None)
        if known is None:
            raise NotServedError(f"there is no round {number}; the campaign has had {self.state.n_rounds}")
        return known

    @property
    def is_outdated(self) -> bool:
        """Whether results have come in, or the description was amended, since the last suggestions were made."""
        return self.batch is None or self.fit is None or not self.state.is_current(self.batch, self.fit.data_key)

    @property
    def waiting(self) -> dict[str, list[tuple[str, Stage, str]]]:
        """What waits for whom: (formula, stage, what to do) by whose turn it is."""
        turns: dict[str, list[tuple[str, Stage, str]]] = {"group meeting": [], "synthesis": [], "laser": []}
        for formula, stage in self.stages.items():
            if stage in TURNS:
                who, what = TURNS[stage]
                turns[who].append((formula, stage, what))
        return turns


#: The model's figures, the ranking's arrays, the paper's claims and the report among the artifacts, and how many fits
#: keep theirs: the present one and the one before.
MODEL, LAID_OUT, PAPER, WRITTEN, FITS = "model", "pages", "paper", "report", 2


class Cache:
    """What pages show of a fit, by its key: among the campaign's artifacts, and what is the same for all campaigns
    beside the oracle's store (None: the user's)."""

    def __init__(self, campaign_folder: Path, oracle_store: Path | None) -> None:
        self._own = Artifacts(campaign_folder)
        self._shared = Artifacts((oracle_store or default_store_path()).parent)

    def index(self, key: str) -> RankIndex | None:
        """The ranking's arrays of the fit with this key, None where they are not laid out."""
        return RankIndex.open(self._own.laid_out(LAID_OUT, key))

    def drawn(self, key: str) -> dict[str, Any] | None:
        """What `draw` worked out, None before."""
        return self._own.find(MODEL, key, PLAIN)

    def deep(self, key: str) -> dict[str, Any] | None:
        """What `dig` worked out, None before."""
        return self._own.find(DEEP, key, PLAIN)

    def paper(self) -> list[dict[str, Any]] | None:
        """The reference paper's claims beside what they come to, None before `dig`; the same for every campaign."""
        content = self._shared.find(PAPER, "", PLAIN)
        return None if content is None else list(content["claims"])

    def lay_out(self, key: str, fitted: Round, progress: Progress) -> None:
        """Score every compound of a round's space into arrays. StoreError if it cannot be written, or too large."""
        if len(fitted.space) > MAX_INDEXED:
            raise StoreError(
                f"the space holds {len(fitted.space):,} compounds; pages list spaces up to {MAX_INDEXED:,}, "
                "ranking.parquet holds the top of larger ones"
            )
        self._own.laid_out(LAID_OUT, key, lambda folder: build_index(folder, fitted, progress), keep=FITS)

    def write(self, campaign: Campaign, progress: Progress) -> Path:
        """Write the campaign's report as it stands, and say where. StoreError if it cannot be written."""
        key = str(campaign.state.last_event)
        return self._own.laid_out(WRITTEN, key, lambda path: campaign.report(path, progress), keep=FITS)

    def draw(self, fit: FitSummary, fitted: Round, progress: Progress) -> None:
        """Work out the model's score card and figures."""
        from campaigns.report.view import model_view

        self._own.get(MODEL, fit.data_key, lambda: model_view(fitted, fit, progress), PLAIN, keep=FITS)

    def dig(self, key: str, fitted: Round, progress: Progress) -> None:
        """Work out what takes minutes: baselines, shuffled targets, learning curve, the paper's claims, a back-test."""
        from campaigns.report.view import deep_view, paper_view

        for kept in (self._own, self._shared):  # before the work, which a folder that cannot be written would waste
            assert kept.folder is not None
            writable(kept.folder)
        self._own.get(DEEP, key, lambda: deep_view(fitted, progress), PLAIN, keep=FITS)
        self._shared.get(PAPER, "", lambda: {"claims": paper_view(progress)}, PLAIN, keep=FITS)


def dig(campaign_folder: Path, oracle_store: Path | None, progress: Progress) -> None:
    """Work out what takes minutes for a campaign's fit, unless it is there. CampaignNotFoundError, StoreError."""
    campaign = Campaign.open(campaign_folder, oracle_store=oracle_store)
    fit = campaign.fit()
    if fit is not None:  # else results have just come in, and the fit on them is checked after it
        Cache(campaign_folder, oracle_store).dig(fit.data_key, campaign.round(progress), progress)


def learn(folder: Path, oracle_store: Path | None, by: str, workers: int, progress: Progress) -> dict[str, Any]:
    """Learn from what has come in, suggest, and work out what pages show; what came of it. Errors as of `Campaign`."""
    with acting_as(by), Campaign.open(folder, oracle_store=oracle_store) as campaign:
        before = campaign.last_fit()
        described = campaign.describe(workers=workers, progress=progress)
        fit = campaign.fit() or campaign.retrain(progress)
        changes = campaign.changes()
        told = _suggested(campaign.suggest(progress=progress))
        _settle(campaign, Cache(folder, oracle_store), progress)
    old = {} if before is None else before.scores
    return told | {
        "changes": list(changes),
        "surprises": list(fit.surprises),
        "failures": list(described.failures),
        "grade": fit.grade,
        "scores": {split: [old.get(split, {}).get("r2_log"), card.get("r2_log")] for split, card in fit.scores.items()},
    }


def suggest(
    folder: Path, oracle_store: Path | None, by: str, how: Mapping[str, Any], progress: Progress
) -> dict[str, Any]:
    """A batch of suggestions, and what pages show of the round; `how` is for `Campaign.suggest`, as are the errors."""
    with acting_as(by), Campaign.open(folder, oracle_store=oracle_store) as campaign:
        told = _suggested(campaign.suggest(**how, progress=progress))
        _settle(campaign, Cache(folder, oracle_store), progress)
    return told


def predict(folder: Path, oracle_store: Path | None, formula: str, progress: Progress) -> dict[str, Any]:
    """A prediction by the model of the present data, as `Prediction.to_dict`. Errors as of `Campaign`."""
    with Campaign.open(folder, oracle_store=oracle_store) as campaign:
        return campaign.predict(formula, progress).to_dict()


def report(folder: Path, oracle_store: Path | None, progress: Progress) -> Path:
    """Write the report of the campaign as it stands, and say where. Errors as of `Campaign`, StoreError."""
    with Campaign.open(folder, oracle_store=oracle_store) as campaign:
        return Cache(folder, oracle_store).write(campaign, progress)


def settle(folder: Path, oracle_store: Path | None, progress: Progress) -> None:
    """Work out what pages show of the present fit, unless that is there. Errors as of `Campaign`, StoreError."""
    with Campaign.open(folder, oracle_store=oracle_store) as campaign:
        _settle(campaign, Cache(folder, oracle_store), progress)


def _suggested(batch: SuggestionBatch) -> dict[str, Any]:
    formulas = [suggestion.formula for suggestion in batch.suggestions]
    return {"round": batch.number, "formulas": formulas, "shortfall": batch.shortfall}


def _settle(campaign: Campaign, cache: Cache, progress: Progress) -> None:
    if campaign.fit() is not None:
        fitted, fit = campaign.round(progress), campaign.fit()
        assert fit is not None
        cache.lay_out(fit.data_key, fitted, progress)
        cache.draw(fit, fitted, progress)


#: How often the file is looked at for what other processes wrote, s.
LOOK_EVERY_S = 0.5
#: Drawn cards, figures and explained compounds that are kept in memory.
KEPT = 256
T = TypeVar("T")


class CampaignService:
    """One campaign as the server holds it. Long work is done in processes of their own, one job at a time; what it
    works out stays with its data key until the data change."""

    def __init__(self, slug: str, folder: Path, queue: JobQueue, settings: Settings) -> None:
        """Open the campaign in `folder`. Raises CampaignNotFoundError, StoreError, SchemaError as `Campaign.open`."""
        self.slug, self.folder, self.queue = slug, folder, queue
        self._settings = settings
        self.campaign = Campaign.open(folder, oracle_store=settings.oracle_store)
        self._write_lock = threading.RLock()  # a write may look too
        self._look_lock, self._snapshot_lock = threading.Lock(), threading.Lock()
        self._things_lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._index_of: dict[str, int | None] = {}
        self._looked_at, self._seen = time.monotonic(), self._signature()
        self._fitted: Known | Taught | None = None
        self._report_lock = threading.Lock()
        self._report = 0, folder / CACHE / WRITTEN
        #: Job that predicts a compound, by what it was asked for.
        self._asked: LRUCache[tuple[Hashable, ...], str] = LRUCache(KEPT)
        self._searcher: tuple[str, Searcher] | None = None
        self._space = self.campaign.space
        self._things: LRUCache[tuple[Hashable, ...], Any] = LRUCache(KEPT)
        self._events: tuple[int, tuple[dict[str, str], ...]] = (0, ())
        self.cache = Cache(folder, settings.oracle_store)

    @property
    def title(self) -> str:
        """What people call it: the name of its folder."""
        return title_of(self.folder)

    def snapshot(self, *, newest: bool = False) -> Snapshot:
        """Where it stands; what other processes wrote is seen within `LOOK_EVERY_S`. While somebody works the `newest`
        out, others have the one before: no write is acknowledged until it is in."""
        now = time.monotonic()
        if now - self._looked_at > LOOK_EVERY_S and self._look_lock.acquire(blocking=False):
            try:
                self._looked_at = now
                # while somebody writes, which begins with a look, nobody waits for the disk to say what is there
                if (signature := self._signature()) != self._seen and self._write_lock.acquire(blocking=False):
                    try:
                        self.campaign.refresh()
                        self._seen = signature
                    finally:
                        self._write_lock.release()
            finally:
                self._look_lock.release()
        had, asked = self._snapshot, self.campaign.state
        if not self._snapshot_lock.acquire(blocking=newest or had is None):
            return cast(Snapshot, had)
        try:  # made once, however many ask after a write, and however many are written meanwhile
            if (known := self._snapshot) is None or (
                known.state is not self.campaign.state and (known is had or known.state.last_event < asked.last_event)
            ):
                campaign, state = self.campaign, self.campaign.state
                if self._space is not campaign.space:  # amended: what was worked out is of other compounds
                    self._space, self._fitted, self._searcher = campaign.space, None, None
                    self._index_of.clear()
                    with self._things_lock:
                        self._things.clear()
                dataset, stages = campaign.dataset(), state.stages
                measured, bounds = dict[str, tuple[float, ...]](), dict[str, tuple[float, ...]]()
                for compound, value, is_bound in zip(
                    dataset.compounds, dataset.table["lifetime_ps"], dataset.censored, strict=True
                ):
                    if compound is not None:
                        values = bounds if is_bound else measured
                        values[compound.formula] = (*values.get(compound.formula, ()), float(value))
                gone = AWAITED | NEVER_AGAIN | {Stage.SUGGESTED, Stage.MEASURED}
                taken = {formula for formula, stage in stages.items() if stage in gone}
                known = self._snapshot = Snapshot(
                    state=state,
                    stages=MappingProxyType(stages),
                    fit=campaign.fit(),
                    last_fit=(last_fit := campaign.last_fit()),
                    best_predicted_is=campaign.became_of_best(last_fit),
                    best_observed=campaign.best_observed(),
                    n_measured=len(dataset),
                    nothing_left=campaign.used_up(len(dataset)),
                    taken=self._taken(taken | measured.keys() | bounds.keys()),
                    measured=measured,
                    bounds=bounds,
                )
            return known
        finally:
            self._snapshot_lock.release()

    def _taken(self, formulas: set[str]) -> tuple[int, ...]:
        """Indices of those formulas and of what holds a declined cation, ascending."""
        own, declined = self._indices(formulas), self.campaign.state.ruled_out
        if not declined or len(self._space) > MAX_INDEXED:
            return own
        allowed = without(self._space, declined).allowed(np.arange(len(self._space)))
        return tuple(sorted({*own, *np.flatnonzero(~allowed).tolist()}))

    def _indices(self, formulas: set[str]) -> tuple[int, ...]:
        """Indices in the space of those formulas that it holds, ascending; each is looked up once."""
        space = self.campaign.space
        for formula in formulas - self._index_of.keys():
            compound = parse_formula(formula, self.campaign.names)
            self._index_of[formula] = space.index(compound) if compound in space else None
        indices = (self._index_of[formula] for formula in formulas)
        return tuple(sorted(index for index in indices if index is not None))

    def version(self) -> tuple[int, int] | None:
        """Changes with whatever a page can show; never waits: None where something was written that is not seen yet."""
        now = time.monotonic()
        if now - self._looked_at > LOOK_EVERY_S:
            if self._signature() != self._seen:
                return None
            self._looked_at = now
        known, is_made = self._snapshot, self._snapshot_lock.locked()
        if known is None or (known.state is not self.campaign.state and not is_made):
            return None
        return known.state.last_event, self.queue.revision

    @contextmanager
    def reading(self) -> Iterator[Campaign]:
        """The campaign for a question that changes nothing, such as a dry run: it holds up nobody."""
        self.snapshot()
        yield self.campaign

    @contextmanager
    def writing(self) -> Iterator[Campaign]:
        """The campaign for a short write: one at a time, on what other processes wrote until now. When it ends, whoever
        asks sees it."""
        with self._write_lock:
            self.campaign.refresh()
            yield self.campaign
        self.snapshot(newest=True)

    def amend(
        self,
        config: CampaignConfig,
        given: Mapping[str, bytes],
        by: str,
        reason: str,
        is_confirmed: Callable[[Amendment], bool],
    ) -> tuple[Amendment, bool]:
        """How a description differs, and whether it was stored, which `is_confirmed` decides by the differences. Its
        libraries are those of `given` by their names or kept ones, never a file of the server's own. Raises
        ForbiddenError if it has other hooks, which let the server post and run programs; errors as `Campaign.amend`."""
        named = [one.name for one in config.libraries] if "libraries" in config.model_fields_set else None
        has_hooks = "hooks" in config.model_fields_set
        while True:
            with self.reading() as campaign:  # libraries are read before anybody has to wait for a write
                last, hooks = campaign.state.last_event, campaign.config.hooks
                if has_hooks and config.hooks != hooks:
                    raise ForbiddenError("hooks are changed on the server's command line: spinscreen amend CAMPAIGN")
                config, read = config.model_copy(update={"hooks": hooks}), campaign.library_file
                libraries = None if named is None else [(n, given[n]) if n in given else read(n) for n in named]
                amended = campaign.amendment(config, libraries=libraries)
            if not amended.changes or not is_confirmed(amended):
                return amended, False
            with acting_as(by), self.writing() as campaign:
                if campaign.take_amendment(amended, reason, after=last):
                    return amended, True

    def events(self) -> tuple[dict[str, str], ...]:
        """Everything that happened, oldest first: keys number, at, actor, kind, what."""
        last = self.snapshot().state.last_event
        with self._things_lock:
            last_seen, events = self._events
            if last_seen < last and (fresh := self.campaign.events(after=last_seen)):
                self._events = (fresh[-1].id, (*events, *map(_described, fresh)))
            return self._events[1]

    def undone(self) -> frozenset[int]:
        """Numbers of the events that do not count any more."""
        state = self.snapshot().state
        if not state.n_voids:
            return frozenset()
        return self.kept(("undone", state.last_event), lambda: frozenset(voids(self.campaign.events())))

    def kept(self, key: tuple[Hashable, ...], make: Callable[[], T]) -> T:
        """What `make` gives, kept in memory by `key` with the last `KEPT` such things."""
        with self._things_lock:
            if key in self._things:
                return cast(T, self._things[key])
        made = make()
        with self._things_lock:
            self._things[key] = made
        return made

    def at_work(self, *kinds: str) -> list[Job]:
        """Jobs of these kinds that wait or run, newest first."""
        return [job for job in self.queue.of(self.slug) if job.kind in kinds and not job.is_over]

    def track_record(self) -> TrackRecord | None:
        """How the campaign's own predictions came out; None before the first such result."""
        state = self.snapshot().state
        flagged = state.config.include_flagged
        return self.kept(("track record", state.last_event), lambda: track_record(state, include_flagged=flagged))

    def figures(self) -> tuple[FitSummary | None, dict[str, Any] | None, dict[str, Any] | None]:
        """The last fit, what `Cache.draw` and what `Cache.dig` worked out of it; None for each that is not there."""
        fit = self.snapshot().last_fit
        return (None,) * 3 if fit is None else (fit, self.cache.drawn(fit.data_key), self.cache.deep(fit.data_key))

    def prepare(self, by: str) -> Job:
        """Queue what the pages need of the present fit: the round, the ranking's arrays, the model's figures."""
        return self.queue.submit(self.slug, "prepare", by, self._prepare, once=True)

    def learn(self, by: str) -> Job:
        """Queue learning from what has come in, and new suggestions."""
        work = partial(self._apart, learn, by, self._settings.workers)
        return self.queue.submit(self.slug, "learn", by, work, once=True)

    def suggest(self, by: str, batch_size: int | None, seed: int | None, *, more: bool) -> Job:
        """Queue a batch of suggestions."""
        how = {"batch_size": batch_size, "seed": seed, "more": more}
        return self.queue.submit(self.slug, "suggest", by, partial(self._apart, suggest, by, how))

    def predict(self, identity: Identity, compound: Compound) -> Job:
        """Queue a prediction, which takes turns with others only; the oracle is run for cations it does not know.
        ForbiddenError if a viewer asks for such a one, BusyError if they have `MAX_PREDICTIONS` already."""
        if not identity.may_write and self._is_new(compound):
            raise ForbiddenError(
                f"xTB would have to run for a cation of {compound.formula}; this needs a token with the role editor"
            )

        def work(progress: Progress) -> dict[str, Any]:
            from campaigns.round import Known
            from campaigns.round import predict as predicted

            if not isinstance(self._fitted, Known):
                self._load(progress)
            if not isinstance(fitted := self.fitted(), Known):
                where = self.folder, self._settings.oracle_store, compound.formula
                return run_in_process(predict, where, progress)
            return predicted(fitted, compound, self.campaign.records([compound], progress)).to_dict()

        return self.queue.submit(self.slug, "predict", identity.name, work, lane=Lane.PREDICT)

    def expected(self, compound: Compound) -> Expected | None:
        """What the last suggestion of a compound, or else the ranking, says of it; None where neither does."""
        for suggestion in (s for b in reversed(self.snapshot().state.batches) for s in b.suggestions):
            if suggestion.formula == compound.formula:
                return Expected(suggestion.lifetime_ps, suggestion.lifetime_low_ps, suggestion.lifetime_high_ps)
        space = self.campaign.space
        try:
            row = self.searcher().index.row(space.index(compound)) if compound in space else None
        except NotReadyError:
            return None
        if not row or not row.get("lifetime_ps"):
            return None
        return Expected(row["lifetime_ps"], row["lifetime_low_ps"], row["lifetime_high_ps"])

    def fitted(self) -> Known | Taught:
        """What predicts, of the present data or, while it is learnt, of those before. NotReadyError; then it is queued.
        Of the engines of new campaigns it is arrays; of others the rows alone, and a process of its own predicts: torch
        is loaded by the processes that learn, not here."""
        if self._fitted is None:
            raise NotReadyError(self._why_not_ready("the model is being prepared"))
        return self._fitted

    def report(self) -> Path:
        """The report as the campaign stands or, while results are learnt from, as it stood; it is made in a process of
        its own. NotReadyError as `fitted`."""
        self.fitted()

        def present() -> Path | None:
            snapshot, (number, path) = self.snapshot(), self._report
            return path if (number == snapshot.state.last_event or snapshot.fit is None) and path.is_file() else None

        if (written := present()) is None:
            with turn(), self._report_lock:
                if (written := present()) is None:
                    snapshot, where = self.snapshot(), (self.folder, self._settings.oracle_store)
                    if snapshot.fit is None:
                        raise NotReadyError(self._why_not_ready("the report is being written"))
                    written = run_in_process(report, where, silent)
                    self._report = snapshot.state.last_event, written
        return written

    def searcher(self) -> Searcher:
        """Answers queries on the ranking. Raises NotReadyError as `fitted`."""
        fit = self.snapshot().last_fit
        key = "" if fit is None else fit.data_key
        if (known := self._searcher) is not None and known[0] == key:
            return known[1]
        is_of_space = self.snapshot().fit is not None or len(self.campaign.state.descriptions) == 1
        if fit is not None and is_of_space and (index := self.cache.index(key)) is not None:
            self._searcher = (key, Searcher(self.campaign.space, index))
            return self._searcher[1]
        why = self._why_not_ready("the ranking is being laid out")
        if known is not None:
            return known[1]
        raise NotReadyError(why)

    def ranked(self, query: RankQuery, number: int, size: int) -> tuple[int, list[Ranked]]:
        """How many compounds answer the query, and a page (from 1) of them. NotReadyError, QueryError as below."""
        searcher, snapshot, space = self.searcher(), self.snapshot(), self.campaign.space
        page = searcher.page(query, snapshot.taken, number, size)
        rows = []
        for place, index in enumerate(page.indices, start=page.first):
            formula = space[index].formula
            stage = snapshot.stages.get(formula, "")
            rows.append(Ranked(place=place, index=index, formula=formula, stage=stage, **searcher.index.row(index)))
        return page.total, rows

    def explained(self, compound: Compound, identity: Identity) -> dict[str, Any]:
        """Prediction of a compound with the contributions of its features, as `Prediction.to_dict`. Raises
        NotReadyError as `fitted`; or while xTB runs for a cation that is new, which is queued. QueryError if that
        failed. CampaignError if a cation has no descriptors. ForbiddenError as `predict`."""
        from campaigns.round import Known
        from campaigns.round import predict as predicted

        fitted = self.fitted()
        if self._is_new(compound):
            key = "new", compound.formula
            return self._predicted(key, compound, identity, "xTB runs for a cation of this compound that is new here")
        asked = "explained", compound.formula, fitted.inputs.state.last_event
        if not isinstance(fitted, Known):
            return self._predicted(asked, compound, identity, "the model is asked in a process of its own")
        records = self.records([cation for cation, _ in compound.cation_counts])
        return self.kept(asked, lambda: predicted(fitted, compound, records).to_dict())

    def gaps(self) -> list[tuple[str, str]]:
        """(formula, band gap in words) of the last round's suggestions, as far as one is filed or predicted."""
        from campaigns.round import gap_of

        batch, campaign = self.snapshot().batch, self.campaign
        if batch is None:
            return []

        def told() -> list[tuple[str, str]]:
            compounds = [parse_formula(one.formula, campaign.names) for one in batch.suggestions]
            records = self.records([cation for one in compounds for cation, _ in one.cation_counts])
            organic = {one: {c.inchikey for c, _ in one.cation_counts if c.is_organic} for one in compounds}
            described = [one for one in compounds if organic[one] <= records.keys()]
            found = ((one.formula, gap_of(campaign.config, one, records)) for one in described)
            return [(formula, str(gap)) for formula, gap in found if gap is not None]

        return self.kept(("gaps", batch.key), told)

    def records(self, cations: Sequence[Cation]) -> dict[str, CationRecord]:
        """The oracle's records of these cations by InChIKey, those that it holds: nothing is computed."""
        with OracleStore(self._settings.oracle_store or default_store_path()) as store:
            return store.get_many((cation.inchikey for cation in cations), self.campaign.config.protocol)

    def _is_new(self, compound: Compound) -> bool:
        """Whether xTB has to run for one of its cations."""
        cations = [cation for cation, _ in compound.cation_counts if cation.is_organic]
        return not {cation.inchikey for cation in cations} <= self.records(cations).keys()

    def _predicted(
        self, key: tuple[Hashable, ...], compound: Compound, identity: Identity, while_queued: str
    ) -> dict[str, Any]:
        """What came of the prediction that was queued under a key; else it is queued, and NotReadyError says why it
        takes seconds."""
        with self._things_lock:
            asked = self._asked.get(key)
        job = next((job for job in self.queue.of(self.slug) if job.id == asked), None)
        if job is not None and job.problem:
            raise QueryError(f"{compound.formula} cannot be predicted: {job.problem}")
        if job is not None and job.result is not None:
            return job.result
        if job is None:
            try:
                queued = self.predict(identity, compound).id
            except BusyError as problem:
                raise NotReadyError(str(problem)) from problem
            with self._things_lock:
                self._asked[key] = queued
        raise NotReadyError(f"{while_queued}; it takes seconds")

    def _why_not_ready(self, while_prepared: str) -> str:
        """Why what pages show of the present fit is not there; it is queued, where it was not."""
        if not self.snapshot().state.fits:
            return "nothing has been learnt yet; learn and suggest first, on the overview"
        if self.snapshot().fit is None:
            if self.at_work("learn"):
                return "the model is learning from results that have come in"
            return "results have come in that the model has not learnt from; learn from them first, on the overview"
        if not self.at_work("prepare", "learn"):
            last = next((job for job in self.queue.of(self.slug) if job.kind == "prepare"), None)
            if last is not None and last.problem:
                return f"the pages could not be prepared: {last.problem}"
            self.prepare("server")
        return f"{while_prepared}; this takes a few seconds after a start or a new result"

    def _prepare(self, progress: Progress) -> dict[str, Any]:
        fit = self.snapshot().fit
        if fit is not None and not (self.cache.index(fit.data_key) and self.cache.drawn(fit.data_key)):
            return self._apart(settle, progress) or {}
        return self._load(progress)

    def _apart(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """What `work` (a function of this module) makes of the campaign in a process of its own, which takes the memory
        of learning with it when it ends; the last of the arguments is the progress. What predicts is then at hand."""
        *given, progress = arguments
        given = [self.folder, self._settings.oracle_store, *given]
        try:
            result = run_in_process(work, tuple(given), progress, limit_s=inf)
        except UnknownSurrogateError as problem:
            raise WorkerError(f"{problem}; what learns knows what entry points of {PLUGIN_GROUP} name") from None
        self._load(progress)
        return result

    def _load(self, progress: Progress) -> dict[str, Any]:
        """Have what predicts by the present fit at hand."""
        with self.writing() as campaign:
            self._looked_at = -inf  # whoever asks next sees what other processes wrote
            pinned = copy(campaign)  # keeps to this state while others write
        if (fit := pinned.fit()) is not None:
            self._fitted = pinned.at_hand(progress)
            if self._settings.dig and (not self.cache.deep(fit.data_key) or not self.cache.paper()):
                self.queue.submit(self.slug, "score card", "server", self._dig, lane=Lane.SLOW, once=True)
        return {}

    def _dig(self, progress: Progress) -> dict[str, Any]:
        """Check the fit that is the present one when this turn comes: later ones may have followed meanwhile."""
        run_in_process(dig, (self.folder, self._settings.oracle_store), progress)
        return {}

    def _signature(self) -> tuple[tuple[int, int], ...]:
        """Changes when anything is written to the campaign's file."""
        found = []
        for name in (DATABASE, f"{DATABASE}-wal"):
            with suppress(OSError):
                about = (self.folder / name).stat()
                found.append((about.st_mtime_ns, about.st_size))
        # A store that is no file in the folder is read again now and then.
        return tuple(found) or ((int(time.monotonic() // 5), 0),)


def _described(event: Event) -> dict[str, str]:
    at = event.at.isoformat(timespec="seconds")
    return {"number": str(event.id), "at": at, "actor": event.actor, "kind": event.label, "what": sentence(event)}
