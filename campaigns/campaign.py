"""The campaign: the one object with a memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

from campaigns.artifacts import PLAIN, Artifacts, batch_key, computed_otherwise, provenance
from campaigns.config import BUILTIN, CampaignConfig, require_config
from campaigns.database import create_store, point_to
from campaigns.errors import (
    AlreadySoError,
    CampaignError,
    CampaignExistsError,
    LifecycleError,
    OvertakenError,
    StoreError,
    UnconfirmedError,
    checked,
)
from campaigns.events import TOLD_STAGES, EventKind, Stage, stage_named
from campaigns.fates import Expectation, Expected
from campaigns.files import read_ranking, title_of, write_ranking, write_whole
from campaigns.ingest import ObservationTable, ReadingOptions, json_lines, read_file, read_observations, read_table
from campaigns.intake import (
    Asked,
    FittedTrace,
    IntakeRules,
    of_table,
    of_trace,
    retraction,
    ruling_out,
    step,
    take_in,
    take_in_table,
)
from campaigns.narrate import sentence
from campaigns.plan import check
from campaigns.reader import REJECTS, REPORT, CampaignReader
from campaigns.records import needed_cations, starting_structure
from campaigns.space import Source, gather, keep_library, write_rejects
from campaigns.state import CampaignState, voiding
from campaigns.summary import (
    Described,
    FitSummary,
    IngestResult,
    Prediction,
    RuledOut,
    Step,
    Suggestion,
    SuggestionBatch,
)
from campaigns.targets import LIFETIME, Recorded, target_of
from campaigns.training import card_of, holdouts, training_set
from chemspace import Compound, parse_formula
from chemspace.progress import Progress, silent
from chemspace.tables.cells import printable

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure
    from pymatgen.core.structure import Structure

    from campaigns.intake import OutcomeResult
    from campaigns.kinetics import Measured, TraceFit
    from campaigns.plan import Amendment
    from campaigns.refits import Replay
    from campaigns.round import Kept, Known, Round, Taught
    from oracle import CationRecord
    from oracle.descriptors import CationTable
    from screening.ranking import Candidates
    from screening.validation import FullCard

#: What rows are called that came in without a file.
OBSERVED = "observed.jsonl"


class Campaign(CampaignReader):
    """A screening campaign in a folder.

    Its state is the replay of an append-only log in `campaign.db`; everything computed from it (fits, rankings) can
    be computed again and gives the same numbers. Where `progress` is taken, it is called while something is computed.

    Example:
        >>> import tempfile
        >>> from campaigns import Campaign
        >>> with tempfile.TemporaryDirectory() as folder, Campaign.create(f"{folder}/demo") as campaign:
        ...     campaign.config.budget.batch_size
        5
    """

    @classmethod
    def create(
        cls,
        folder: str | Path,
        config: CampaignConfig | None = None,
        *,
        libraries: Sequence[Source] = (),
        oracle_store: str | Path | None = None,
        store: str | None = None,
        known: Campaign | None = None,
    ) -> Campaign:
        """Create a campaign, or open the one that is there if it was asked for the same.

        Args:
            folder: where; made if missing.
            config: what to do; the default screens lead iodides over the built-in library.
            libraries: files of cations, whose content the campaign keeps, merged in order; "builtin" is the
                built-in library, and what is taken where none is given.
            oracle_store: file of computed descriptors; None takes the user's cache.
            store: where its log and files are kept: postgresql://user@host/database, `?schema=name` to tell several
                in one database apart; None takes a SQLite file in the folder.
            known: another campaign whose measurements, outcomes, declines and what is awaited this one begins with.

        Raises:
            CampaignExistsError: if the folder holds a campaign with another description.
            ConfigError, LibraryError, SpaceError: if the description cannot work; nothing is written then.
            StoreError: if the folder cannot be written.
        """
        folder, wanted = Path(folder), require_config(CampaignConfig() if config is None else config)
        read = gather(libraries or (BUILTIN,), dications=wanted.dications, edition=wanted.defaults)
        wanted = wanted.with_libraries(read.files)
        check(wanted, read.library)
        payload: dict[str, Any] = {"config": wanted.model_dump(mode="json")}
        kept = [(name, content) for name, content in read.files if content is not None]
        if known is not None:
            from campaigns.plan import carried, check_names

            check_names(known.names, read.library)
            payload["carried"] = carried(title_of(known.folder), known.state, wanted)
            kept += [(name, known._log.file(digest)) for digest, name in known._log.file_names().items()]
        log = create_store(folder, store)
        is_new = log.append(EventKind.CREATED, payload, key="created", files=kept)
        if is_new:
            keep_library(wanted, read.library, Artifacts(folder))
        campaign = cls(
            folder, log, read.library if is_new else None, None if oracle_store is None else Path(oracle_store)
        )
        if differences := campaign.config.differences(wanted):
            raise CampaignExistsError(
                f"{folder} holds a campaign with another description ({'; '.join(differences)}); "
                "give the new one another folder"
            )
        if known is not None and "carried" not in log.events()[0].payload:
            raise CampaignExistsError(
                f"{folder} holds a campaign already, which did not begin with what another one knew; give the new one "
                "another folder, or ingest what `export` writes of the other one"
            )
        point_to(folder, store)
        return campaign

    def records(self, also: Sequence[Compound] = (), progress: Progress | None = None) -> dict[str, CationRecord]:
        """The oracle's records of every cation of the space, of what is measured and of `also`, by InChIKey; missing
        ones are computed."""
        return self._records.of(needed_cations(self._records.of_space, [*self._measured(), *also]), progress)

    def tables(self, progress: Progress | None = None) -> tuple[CationTable, CationTable]:
        """Descriptors of the space's spacers and of its cage cations; missing ones are computed."""
        tables = self._records.tables(progress)
        return tables.spacers, tables.cages

    def changes(self) -> tuple[str, ...]:
        """What the last `retrain` moved most in the ranking, and why; () if there was no ranking before."""
        if self._ranked_before is None or self._news is None:
            return ()
        from campaigns.refits import ranking_changes

        ranking = self.round().ranking
        return ranking_changes(self._ranked_before, ranking.frame, ranking.x, self._news)

    def round(self, progress: Progress | None = None) -> Round:
        """Everything behind the present suggestions: training rows, validation, surrogate, ranking."""
        return self._learn(self._state.pending, progress)

    def validate(self, progress: Progress | None = None) -> FullCard:
        """The full score card: every split, calibration, shuffled targets, baselines, learning curve. Raises
        CampaignError, ScreeningError if there is too little to learn from."""
        records = self._records.of(needed_cations((), self._measured()), progress)
        training = training_set(self.dataset(), records, self.config)
        tests = holdouts(training, self.config.seed)
        return card_of(training, self.config.seed, self.config.surrogate, tests, progress)

    @checked
    def predict(self, formula: str | Compound, progress: Progress | None = None, *, why: bool = True) -> Prediction:
        """What the model expects of a compound, in the space or not, and unless `why` is false why. A cation without
        descriptors is computed first. Raises ChemspaceError for a formula that cannot be read; CampaignError if a
        cation of it has no descriptors."""
        from campaigns.round import predict

        if not isinstance(formula, str | Compound):
            raise CampaignError(f"the formula is {formula!r}; give one formula as text")
        compound = parse_formula(formula, self.names) if isinstance(formula, str) else formula
        fitted = self.fitted(progress)
        return predict(fitted, compound, self._records.of(needed_cations((), [compound]), progress), why=why)

    def fitted(self, progress: Progress | None = None) -> Known | Round:
        """What `predict` goes by: what is kept of the present round or, where that does not do, the round."""
        from campaigns.round import Known

        at_hand = self.at_hand(progress)
        return at_hand if isinstance(at_hand, Known) else self.round(progress)

    def at_hand(self, progress: Progress | None = None) -> Known | Taught:
        """What is kept of the present round or, where that does not predict, the rows it learns from: nothing is
        fitted."""
        from campaigns.round import RoundInputs, known, taught

        inputs = RoundInputs.of(self._state, self._scope, self._records, self._state.pending, progress)
        return known(inputs, self._artifacts) or taught(inputs)

    def expected(self, compound: Compound) -> Expected | None:
        """What the last suggestion of a compound, or else the present model, says of its lifetime; None where neither
        does: it is outside the space, or nothing has learnt from the present data."""
        for suggestion in (one for batch in reversed(self._state.batches) for one in batch.suggestions):
            if suggestion.formula == compound.formula:
                return Expected(suggestion.lifetime_ps, suggestion.lifetime_low_ps, suggestion.lifetime_high_ps)
        if self.fit() is None or compound not in self.space:
            return None
        predicted = self.predict(compound, why=False)
        return Expected(predicted.lifetime_ps, predicted.lifetime_low_ps, predicted.lifetime_high_ps)

    @checked
    def structure(self, formula: str, progress: Progress | None = None, tilted: bool = False) -> Structure:
        """An idealised crystal of a compound to start a calculation from, with xTB geometries of its cations; where
        `tilted`, octahedra tilt as in the filed crystals of its halide and number of layers. Raises ChemspaceError for
        a formula that cannot be read, a mixture, a cation too bulky for its place, or tilts without layers."""
        compound = parse_formula(formula, self.names)
        return starting_structure(compound, self._records.of(needed_cations((), [compound]), progress), tilted)

    def figures(self, progress: Progress | None = None) -> dict[str, Figure]:
        """The report's figures (Plotly) by name: parity, calibration, importances."""
        from campaigns.outputs import figures

        return figures(self.round(progress))

    def write_candidates(self, path: str | Path, progress: Progress | None = None) -> int:
        """Write the numbers of every compound of the space, as the present round sees them, to a Parquet file; their
        number.

        Mean, standard deviation and 90% interval, what is ranked by, P(forms), the nearest measured compound, its
        distance and whether that is inside the domain of what is measured; measured compounds included. Raises
        CampaignError, ScreeningError if there is too little to learn from; StoreError if the file cannot be written.
        """
        from campaigns.outputs import write_candidates

        if not Path(path).parent.is_dir():
            raise StoreError(f"{path} cannot be written: there is no folder {Path(path).parent}")
        if Path(path).exists() and not Path(path).is_file():
            raise StoreError(f"{path} is no ordinary file and stays as it is; name another one")
        return write_candidates(self.round(progress), Path(path), progress)

    def stability(self, batch: SuggestionBatch, *, refit: bool = False) -> dict[str, tuple[int, int]]:
        """In how many refits without one measured compound each suggestion stays in its batch, and of how many.

        Args:
            batch: one of the rounds.
            refit: whether to refit where that was not kept (a few CPU seconds), if nothing has come in since.

        Returns:
            By formula; empty where it is not known.
        """
        found = self._artifacts.find("stability", batch.key, PLAIN)
        if found is None and refit and batch.data_key == self._data_key and batch.suggestions:
            from campaigns.refits import keep_refits, validated_anew

            found = keep_refits(validated_anew(self._learn(batch.pending, None)), batch, self.budget, self._artifacts)
        return {formula: (int(kept[0]), int(kept[1])) for formula, kept in (found or {}).items()}

    @checked
    def replay(self, number: int | None = None, progress: Progress | None = None) -> Replay:
        """Compute an old batch (None: the last) again from the log as it stood then, and say whether it is the same.
        Raises LifecycleError if there is no such round."""
        from campaigns.refits import replayed

        return replayed(self._log, number, self._oracle_store, progress)

    def write_rejects(self) -> Path | None:
        """Write the rows of the user's library that became no cation, each with its reason; None if there are none."""
        target = self.folder / REJECTS
        return target if write_rejects(self.library, self.config, self._log.file, target) else None

    @checked
    def describe(self, *, workers: int = 2, progress: Progress | None = None, dask: str | None = None) -> Described:
        """Compute the descriptors of every cation the campaign needs and does not have, in so many processes, or on the
        Dask cluster of this address or scheduler file.

        With a budget of calculations a learned oracle chooses the spacers, round by round, until the list on the
        present data is stable or the budget is spent. Each round is recorded before it is computed, and what is
        computed is kept at once: stopped anywhere, the next call goes on. Raises CampaignError if nothing is computed
        and nothing may be.
        """
        if self.config.budget.calculations is not None:
            self._search_spacers(workers, progress or silent, dask)
        return self._records.describe(self._measured(), workers=workers, progress=progress, dask=dask)

    def retrain(self, progress: Progress | None = None, *, dask: str | None = None) -> FitSummary:
        """Train on everything measured, validate out of sample, rank the space and write the ranking's files.

        What stood in the ranking before is kept for `changes`. A measurement that is new since the last fit and lies
        outside the 95% interval that a model without it predicts is told of in `surprises`.
        `dask` is the address or scheduler file of a Dask cluster that passes over the space; None does it here. Raises
        CampaignError, ScreeningError if there is too little to learn from; OracleError if no Dask scheduler answers.
        """
        from campaigns.refits import at_last_fit, news_since
        from campaigns.round import summary, top_list

        key = self._data_key
        before, computed_before = at_last_fit(self._log.events())
        fitted = self._learn(self._state.pending, progress, dask)
        self._ranked_before = read_ranking(self.folder)
        write_ranking(self.folder, fitted.ranking.frame)
        computed_by = provenance(self.library, self.config.seed)
        self._news = news_since(before, fitted, by_others=computed_otherwise(computed_before, computed_by))
        surprises = tuple(one.sentence for one in self._news.results if one.outside)
        if (earlier := self.fit()) is not None:
            surprises = earlier.surprises
        fit = summary(fitted, self._state.top_before(key), surprises).model_copy(update={"versions": computed_by})
        payload = fit.to_dict() | {"top": top_list(fitted.ranking)}
        again = f":{self._state.last_event}" if self.ranks_otherwise() else ""
        self._append(EventKind.FITTED, payload, key=self._state.event_key(f"fit:{key}{again}"))
        self.status()  # what it counts is kept, for commands that need nothing else of what is in memory here
        return fit

    @checked
    def suggest(
        self,
        batch_size: int | None = None,
        seed: int | None = None,
        *,
        more: bool = False,
        progress: Progress | None = None,
        dask: str | None = None,
    ) -> SuggestionBatch:
        """The next compounds to make.

        Asked again, the answer is the recorded one, whatever became of its compounds, until results come in or `more`
        is said; where fewer are asked for, the first of it, and where more are, further ones beside it. Pending is what
        was accepted and is not measured yet; suggestions on older data that nobody took up are stale once a new round
        is recorded.

        Args:
            batch_size: how many; None takes the campaign's.
            seed: None takes the campaign's.
            more: choose further compounds beside those that were suggested on these data.
            progress: called while training.
            dask: address or scheduler file of a Dask cluster that passes over the space; None does it here. The
                answer is the same.

        Returns:
            The round; its `shortfall` says why where there are fewer suggestions; without any it is not recorded.

        Raises:
            CampaignError: if fewer than one is asked for.
            OracleError: if no Dask scheduler answers.
        """
        size = self.config.budget.batch_size if batch_size is None else batch_size
        chosen_seed = self.config.seed if seed is None else seed
        if self.ranks_otherwise():
            self.retrain(progress, dask=dask)
        if self.fit() is None:
            self.retrain(progress, dask=dask)
        if not more and (recorded := self._state.last_batch(self._data_key, size, chosen_seed)) is not None:
            return recorded
        pending = self._state.pending_for(self._data_key, None if more else chosen_seed)
        return self._choose(size, chosen_seed, pending, lambda: self._learn(pending, progress, dask))

    def read(
        self, path: str | Path | pd.DataFrame, target: str = LIFETIME.name, **reading: Unpack[ReadingOptions]
    ) -> ObservationTable:
        """Read a table of results for `ingest`, which may take a while and needs no turn among those who write. Raises
        PropertyError, UnconfirmedError, IngestError as `ingest`."""
        measured = target_of(self.config, target)
        if isinstance(path, str | Path):
            return read_table(Path(path), measured, self.names, reading)
        return read_observations(OBSERVED, json_lines(path), measured, self.names, **reading)

    @checked
    def ingest(
        self,
        path: str | Path | pd.DataFrame | ObservationTable,
        target: str = LIFETIME.name,
        *,
        dry_run: bool = False,
        keep_going: bool = False,
        rejects: str | Path | None = None,
        expected: Expectation | None = None,
        **reading: Unpack[ReadingOptions],
    ) -> IngestResult:
        """Take in a table of results (CSV, .xlsx or JSON lines), whole or not at all.

        Args:
            path: the table: measured lifetimes, or values of a further property such as a band gap; a data frame;
                or what `read` gave of it for the same target.
            target: what was measured: the lifetime, or a property of the campaign's description.
            dry_run: check everything and write nothing.
            keep_going: take in the rows that are right and write the others, each with its reason, to a file.
            rejects: that file, .csv; None puts it into the campaign's folder.
            expected: what is expected of a compound; None asks the last suggestion of it and the model.
            reading: columns, unit, sheet and what is accepted, as in `campaigns.ingest.ReadingOptions`.

        Raises:
            CampaignError: if an option of `reading` is unknown.
            PropertyError: if the campaign does not measure `target`.
            UnconfirmedError: if columns or units had to be guessed, rows correct what is recorded, or a lifetime
                contradicts earlier crystals or the model.
            IngestError: listing every problem with its row and column; nothing was written.
            StoreError: if the campaign cannot be written.
        """
        known = ReadingOptions.__annotations__
        if unknown := [name for name in reading if name not in known]:
            raise CampaignError(f"ingest has no option {unknown[0]}; it has {', '.join(known)}")
        table = path if isinstance(path, ObservationTable) else self.read(path, target, **reading)
        rules = IntakeRules(
            keep_going=keep_going,
            accept_corrections=dry_run or reading.get("accept_corrections", False),
            accept_doubts=dry_run or reading.get("accept_extreme", False),
            expected=expected or self.expected,
            tell_known=self.is_behind(),
        )
        return self._take_in(table, rules, rejects, dry_run=dry_run)

    @checked
    def ingest_outcomes(self, path: str | Path, *, dry_run: bool = False) -> OutcomeResult:
        """Take in a table of outcomes as `export` writes it, with the columns formula, stage, made, reason, cation,
        place: steps of compounds, declined cations; whole or not at all.

        A row that is known is passed over. What is measured here stays so, whatever else the table tells of it. Raises
        IngestError listing every row that cannot be read; nothing was written.
        """
        from campaigns.intake import OutcomeResult, new_outcomes

        name, content = printable(Path(path).name), read_file(Path(path))
        self.refresh()
        events, skipped = new_outcomes(name, content, self._state, self.names)
        for kind, payload in () if dry_run else events:  # stopped between two, the same command goes on
            self._log.append(kind, payload)
        self.refresh()
        return OutcomeResult(name, len(events), skipped)

    @checked
    def observe(
        self,
        rows: pd.DataFrame | pd.Series | Mapping[str, Any] | Iterable[Mapping[str, Any]],
        target: str = LIFETIME.name,
        *,
        dry_run: bool = False,
        accept_corrections: bool = False,
    ) -> IngestResult:
        """Take in observations that are at hand as rows, or one, a mapping (or row of a data frame) for each by the
        columns that a table has: formula and lifetime_ps, or compound and value, and more where it is known. Whole or
        not at all; arguments and errors as for `ingest`."""
        table = read_observations(OBSERVED, json_lines(rows), target_of(self.config, target), self.names)
        rules = IntakeRules(accept_corrections=dry_run or accept_corrections, tell_known=self.is_behind())
        return self._take_in(table, rules, dry_run=dry_run)

    def ingest_values(self, path: str | Path, name: str, **how: Any) -> IngestResult:
        """`ingest` of values of the property called `name`, as 0.1.0 called it."""
        return self.ingest(path, name, **how)

    def ingest_trace(
        self,
        formula: str,
        fit: TraceFit,
        files: Sequence[Path],
        *,
        sample: str = "",
        dry_run: bool = False,
        measured: Measured | None = None,
        spectrum_at_ps: float | None = None,
        **asked: Unpack[Asked],
    ) -> IngestResult:
        """Take in the lifetime fitted to a trace, with the raw files behind it, and draw it.

        Args:
            formula: the compound that was measured.
            fit: from `campaigns.kinetics.fit_trace`; an upper bound is recorded as one.
            files: the raw files, kept by content hash.
            sample: the lab's name of the crystal.
            dry_run: check everything and write nothing.
            measured: what was read from the files; with maps, they are drawn too.
            spectrum_at_ps: delay of the spectra drawn from maps, ps; None takes where the difference is largest.
            asked: what a person was asked about it.

        Raises:
            ChemspaceError: for a formula that cannot be read.
            UnconfirmedError: if the lifetime contradicts earlier crystals or the model, unless accepted.
            StoreError: if the campaign cannot be written.
        """
        from campaigns.outputs import recorded_trace, with_page

        trace = FittedTrace(parse_formula(formula, self.names), fit, files, sample)
        accepted = dry_run or asked.get("accept_extreme", False)
        rules = IntakeRules(accept_doubts=accepted, expected=asked.get("expected", self.expected))
        make = partial(of_trace, trace, space=self.space, rules=rules)
        state, result = take_in(self._log, self._state, make, dry_run=dry_run)
        if dry_run:
            return result
        self._take(state)
        row = recorded_trace(self._state, trace.compound.formula, files)
        return with_page(result, row, self.folder, fit, measured, spectrum_at_ps)

    @checked
    def step(self, formula: str, stage: Stage | str, *, reason: str = "", made: str = "") -> Step:
        """Record a step in a compound's life: accepted, declined, in synthesis, or how its synthesis ended.

        The compound's last step said again in the same words is that step: nothing is recorded.

        Args:
            formula: the compound that was asked for.
            stage: where it stands now, or its word on the command line, as "accepted".
            reason: why; needed to decline or abandon.
            made: what was made instead, if it was something else; both are kept.

        Raises:
            LifecycleError: if there is no such stage, the step cannot follow, or a reason is missing.
            ChemspaceError: for a formula that cannot be read.
        """
        after = stage if isinstance(stage, Stage) else stage_named(str(stage))
        if after is None:
            raise LifecycleError(f"{stage!r} is not one of {', '.join(TOLD_STAGES)}")
        with suppress(AlreadySoError):
            self._append_checked(EventKind.STEPPED, lambda state: step(state, self.names, formula, after, reason, made))
        asked = parse_formula(formula, self.names).formula
        return next(one for one in reversed(self._state.steps) if one.formula == asked)

    @checked
    def amend(
        self,
        config: CampaignConfig,
        *,
        libraries: Sequence[Source] | None = None,
        reason: str = "",
        confirmed: bool = False,
    ) -> Amendment:
        """Change the description: results, outcomes, what is awaited and what is declined stay.

        Undo the event to have the description of before.

        Args:
            config: the whole description as it shall be.
            libraries: of its cations: "builtin", a path, name and content, or the name of a file that the campaign
                keeps. None keeps the libraries as they are.
            reason: why, for the record.
            confirmed: store it; else it is shown.

        Returns:
            How it differs; where it does not, nothing is stored.

        Raises:
            UnconfirmedError: listing the differences, unless `confirmed`.
            ConfigError, LibraryError, SpaceError: if the description cannot work.
        """
        while True:
            last, amended = self._state.last_event, self.amendment(config, libraries=libraries)
            if not amended.changes:
                return amended
            if not confirmed:
                lines = (*amended.changes, *amended.notes)
                raise UnconfirmedError("the campaign", lines, accept="confirmed", done="amended")
            if self.take_amendment(amended, reason, after=last):
                return amended

    def take_amendment(self, amended: Amendment, reason: str, *, after: int) -> bool:
        """Store an amendment that was worked out after the event of this number; False where another came meanwhile."""
        payload = {"config": amended.config.model_dump(mode="json"), "changes": [*amended.changes], "reason": reason}
        with suppress(OvertakenError):
            self._append(EventKind.AMENDED, payload, files=amended.files, after=after)
            return True
        self.refresh()
        return False

    @checked
    def decline_cation(self, name: str, reason: str, *, place: Literal["spacer", "cage"] = "spacer") -> RuledOut:
        """Leave every compound with a cation in this place of formulas out of all rounds to come; undo the event to
        lift that. Open suggestions with it are declined; what is accepted goes on. Raises LifecycleError if the space
        has no such cation there, it is declined already, or no reason is given; UnknownCationError if no cation is
        called so."""
        self._append_checked(
            EventKind.RULED_OUT, lambda state: ruling_out(state, self.space, self.names[name], place, reason)
        )
        return self._state.ruled_out[-1]

    @checked
    def let_go(self, reason: str = "") -> tuple[Step, ...]:
        """Let every suggestion that nobody took up go stale, so that it may be suggested again."""
        open_ = [formula for formula, stage in self._state.stages.items() if stage is Stage.SUGGESTED]
        return tuple(self.step(formula, Stage.STALE, reason=reason) for formula in open_)

    @checked
    def retract(self, number: int, reason: str, target: str = LIFETIME.name) -> Recorded:
        """Take an observation back: it stays in the record, and the next fit does not see it. Said again in the same
        words, it is taken back once.

        Args:
            number: its number in the record of the target; in that of a property the launch's table comes first.
            reason: why.
            target: what was measured: the lifetime, or a property of the campaign's description.

        Raises:
            PropertyError: if the campaign does not measure `target`.
            LifecycleError: if there is no such observation, it is retracted already, no reason is given, or too few
                values of a property would stand to learn from.
        """
        key = self._state.event_key(f"retract:{number}" if target == LIFETIME.name else f"retract:{target}:{number}")
        with suppress(AlreadySoError):
            self._append_checked(EventKind.RETRACTED, lambda state: retraction(state, target, number, reason), key=key)
        return self._state.records[target][number - 1]

    def retract_value(self, name: str, number: int, reason: str) -> Recorded:
        """`retract` of a value of the property called `name`, as 0.1.0 called it."""
        return self.retract(number, reason, name)

    @checked
    def undo(self, number: int, reason: str, *, confirmed: bool = False) -> str:
        """Undo an event: it stays in the log and does not count any more. What undid one may be undone too. Said again
        in the same words, it is undone once. Measurements that it brought stay in the record with their numbers, as
        retracted ones, and may come again.

        `number` is that of the event in `history`; `confirmed` undoes it though later events stand on it. The answer
        says what was undone, in a sentence. Raises LifecycleError if there is no such event, it is the first or undone
        already, or no reason is given; DependedOnError naming what stands on it, unless `confirmed`.
        """

        def payload(state: CampaignState) -> dict[str, Any]:
            return voiding(self._log.events(), state, number, reason, confirmed=confirmed)

        with suppress(AlreadySoError):
            self._append_checked(EventKind.VOIDED, payload, key=self._state.event_key(f"undo:{number}"))
        return next(sentence(event) for event in self._log.events() if event.id == number)

    def report(self, path: str | Path | None = None, progress: Progress | None = None) -> Path:
        """Write the report, one HTML file that needs nothing else, with the last round as it stands, into `path` or the
        campaign's folder; the campaign stays as it is."""
        from campaigns.report import render
        from campaigns.report.view import report_view  # Plotly
        from campaigns.round import RoundInputs, kept, summary

        target, fit = Path(path) if path is not None else self.folder / REPORT, self.fit()
        inputs = RoundInputs.of(self._state, self._scope, self._records, self._state.pending, progress)
        drawn: Kept | Round | None = None if fit is None else kept(inputs, self._artifacts)
        if fit is None or drawn is None:
            drawn = fitted = self.round(progress)
            fit = fit or summary(fitted)
        best = {"best_predicted": fit.best_predicted, "best_predicted_is": self.became_of_best(fit)}
        status = self.status().model_copy(update=best)  # of the model it shows
        html = render(report_view(drawn, fit, self._state.batches, status, self.names, self.budget))
        write_whole(target, lambda file: file.write_text(html, encoding="utf-8"))
        return target

    def _learn(self, pending: Sequence[str], progress: Progress | None, dask: str | None = None) -> Round:
        """The round on the present state; kept, since the next step of a command asks for it again."""
        from campaigns.round import RoundInputs, fit_round

        def fit() -> Round:
            inputs = RoundInputs.of(self._state, self._scope, self._records, pending, progress)
            return fit_round(inputs, self._artifacts, progress, dask)

        if self.config.budget.calculations is not None:
            self.describe(progress=progress, dask=dask)
        key = f"{self._data_key} {len(self._state.spacer_rounds)} {self._state.left_out(pending)}"
        return self._artifacts.get("round", key, fit)

    def _search_spacers(self, workers: int, tell: Progress, dask: str | None) -> None:
        from campaigns.records import SpacerSearch
        from campaigns.round import RoundInputs, learn, left_to_suggest, pass_settings

        search = SpacerSearch(self.config, self.space, self._oracle_store, self._artifacts)
        settings, granted = pass_settings(len(self.space)), self.config.budget.calculations or 0

        def computed(done: int, total: int, note: str) -> None:
            spent = granted - self._state.calculations_left
            tell(max(0, spent - (total - done)), granted, f"round {len(self._state.spacer_rounds)}: {note}")

        def candidates() -> Candidates:
            inputs = RoundInputs.of(self._state, self._scope, self._records, self._state.pending, fresh=True)
            return left_to_suggest(inputs, learn(inputs, self._artifacts).candidates)

        while True:
            self._records.describe(self._measured(), workers=workers, progress=computed, dask=dask)
            key, chosen = self._data_key, self._records.is_chosen
            planned = search.next_round(self._state, key, chosen, candidates, settings, tell)
            if planned is None:
                return
            event_key = self._state.event_key(f"spacers:{key}:{planned.number}")
            self._append(EventKind.DESCRIBED, planned.to_dict(), key=event_key)

    def _choose(
        self, batch_size: int, seed: int, pending: tuple[str, ...], learn: Callable[[], Round]
    ) -> SuggestionBatch:
        """Choose a batch and record it as a round, if anything is left to suggest."""
        from campaigns.reader import shortfall
        from campaigns.refits import keep_refits
        from campaigns.round import propose

        barred = (*self._state.barred, *(f"{one.place}:{one.inchikey}" for one in self._state.ruled_out))
        chosen, key = tuple[Suggestion, ...](), ""
        if not (why := self.nothing_left(pending) or ""):
            fitted = learn()
            chosen = propose(fitted, batch_size, seed, self.budget)
            if len(chosen) < batch_size:
                why = shortfall(len(chosen), batch_size, len(fitted.ranking), self.budget.limits)
        if chosen:
            key = self._state.event_key(batch_key(self._data_key, seed, len(chosen), pending, barred))
        batch = SuggestionBatch(
            number=self._state.n_rounds + 1 if chosen else len(self._state.batches),
            key=key,
            data_key=self._data_key,
            seed=seed,
            pending=pending,
            suggestions=chosen,
            versions=provenance(self.library, seed) if chosen else {},
            asked=batch_size if why else 0,
            shortfall=why,
        )
        if not chosen:
            return batch
        self._append(EventKind.SUGGESTED, batch.to_dict(), key=key)
        recorded = self._state.batch(key)
        assert recorded is not None  # ours, or that of a process which was faster with the same key
        keep_refits(fitted, batch, self.budget, self._artifacts)
        return recorded

    def _take_in(
        self, table: ObservationTable, rules: IntakeRules, rejects: str | Path | None = None, *, dry_run: bool
    ) -> IngestResult:
        file = Path(rejects) if rejects is not None else self.folder / f"{Path(table.name).stem}_rejects.csv"
        make = partial(of_table, table, names=self.names, space=self.space, rules=rules)
        where = file if rules.keep_going else None
        state, result = take_in_table(self._log, self._state, table, make, rejects=where, dry_run=dry_run)
        if not dry_run:  # else another thread may have written meanwhile
            self._take(state)
        return result

    def _append_checked(
        self, kind: EventKind, make: Callable[[CampaignState], dict[str, Any]], key: str | None = None
    ) -> None:
        """Record what `make` allows on the state as it is when it is written, whatever others did meanwhile."""
        while True:
            with suppress(OvertakenError):
                if self._append(kind, make(self._state), key=key, after=self._state.last_event):
                    return
            self.refresh()

    def _append(self, kind: EventKind, payload: dict[str, Any], **where: Any) -> bool:
        added = self._log.append(kind, payload, **where)
        self.refresh()
        return added
