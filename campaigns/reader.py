"""A campaign as its log says it is, to be looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast
from weakref import ref

from campaigns.artifacts import PLAIN, Artifacts, compared_key, data_key, measured_key
from campaigns.config import CampaignConfig
from campaigns.database import DATABASE, POINTER, EventLog, open_store
from campaigns.errors import ConfigError
from campaigns.events import Event, EventKind
from campaigns.files import RANKING
from campaigns.hooks import occasions, tell
from campaigns.state import CampaignState, replay
from campaigns.summary import FitSummary, SpacerRound, Status, TrackRecord
from campaigns.targets import Observation, property_standings, task_of

if TYPE_CHECKING:
    import pandas as pd

    from campaigns.amend import Amendment
    from campaigns.budget import Budget
    from campaigns.records import CationRecords
    from campaigns.space import Scope, Source
    from campaigns.surprise import News
    from chemspace import CationLibrary, Compound, CompoundSpace
    from chemspace.recipe import Recipe
    from screening.dataset import SpinDataset

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
        from campaigns.history import told

        return told(self._log.events())

    def is_behind(self) -> bool:
        """Whether there is something that no fit has seen, as after an ingest that was stopped."""
        return self.fit() is None and bool(self._state.fits or self._state.measurements)

    def fit(self) -> FitSummary | None:
        """The fit on the present data, None if there was none yet."""
        recorded = self._state.fit(self._data_key)
        return None if recorded is None else FitSummary(**recorded)

    def recipe(self, formula: str, mass_g: float | None = None) -> Recipe:
        """What to weigh in for a compound, by default the campaign's mass. ChemspaceError if it has no recipe."""
        from chemspace import parse_formula
        from chemspace.recipe import make_recipe

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

    def _kept_counts(self) -> dict[str, Any]:
        """What of a status needs the space and the table of what is measured, as `Artifacts` keep it."""

        def count() -> dict[str, Any]:
            n_measured, best = len(self.dataset()), self.best_observed()
            return {"n_compounds": self.n_compounds, "n_measured": n_measured, "best_observed": best}

        return self._artifacts.get("counted", measured_key(self._state), count, PLAIN)

    def _compared(self) -> dict[str, Any]:
        record = self.track_record()
        return {"track_record": None if record is None else record.to_dict()}

    def used_up(self) -> str | None:
        """`nothing_left`, without a look at the space where more compounds are in it than anything was said of."""
        from campaigns.space import COUNTED

        asked, fit, counts = self.config, self.fit(), self._kept_counts()
        limits = asked.budget.refused_hazards, asked.budget.max_cost, asked.budget.max_days
        is_narrowed = self._state.ruled_out or asked.space.constraints or any(limits)
        is_narrowed = is_narrowed or (fit is not None and fit.best_predicted is None)
        n_told, n_compounds = len(self._state.stages) + counts["n_measured"], counts["n_compounds"]
        return None if n_compounds > COUNTED or (not is_narrowed and n_told < n_compounds) else self.nothing_left()

    def track_record(self) -> TrackRecord | None:
        """How its own predictions came out: hits, intervals, beside chance; None before the first such result."""
        from campaigns.track_record import track_record

        return track_record(self._state, include_flagged=self.config.include_flagged)

    def nothing_left(self, pending: Sequence[str] | None = None) -> str | None:
        """What became of the compounds where none is left to suggest; None while some are; `pending` are awaited."""
        from campaigns.usage import nothing_left

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
        from campaigns.amend import library_file

        return library_file(self._state, name, self._log.file)

    def amendment(self, config: CampaignConfig, *, libraries: Sequence[Source] | None = None) -> Amendment:
        """How a description differs from the present one; nothing is stored. Arguments and errors as for `amend`,
        and ConfigError for what is no description."""
        from campaigns.amend import amendment

        if not isinstance(config, CampaignConfig):
            raise ConfigError(
                f"the description is {config!r}; give a CampaignConfig: CampaignConfig.parse(...) makes one of a dict, "
                "campaigns.description.read_description(PATH).config of a file"
            )
        return amendment(self._state, self._scope, config, libraries, self._log.file)

    def refresh(self) -> None:
        """Read the log again: what other processes did since this object was made."""
        fresh = self._log.events(after=self._state.last_event)
        undoes = any(event.kind is EventKind.VOIDED for event in fresh)
        self._take(replay(self._log.events()) if undoes else replay(fresh, self._state))

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
