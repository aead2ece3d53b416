"""What can be asked of a campaign without changing it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from campaigns.config import CampaignConfig
from campaigns.errors import StoreError
from campaigns.files import RANKING
from campaigns.libraries import kept_library
from campaigns.property_value import property_standings
from campaigns.state import CampaignState, replay
from campaigns.store import DATABASE, POINTER, EventLog
from campaigns.summary import FitSummary, Status
from campaigns.workbench import Workbench
from chemspace import CationLibrary, Compound, CompoundSpace, parse_formula
from chemspace.progress import Progress
from oracle import default_store_path

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure
    from pymatgen.core.structure import Structure

    from campaigns.prediction import Prediction
    from campaigns.replay import Replay
    from campaigns.round import Round
    from campaigns.surprise import Expectation
    from chemspace.recipe import Recipe
    from screening.validation.card import FullCard

__all__ = ["REJECTS", "REPORT", "CampaignView"]

#: The report in a campaign's folder.
REPORT = "report.html"
#: Rows of the user's library that became no cation.
REJECTS = "library_rejects.csv"


class CampaignView:
    """A campaign's state, and everything that is computed from it and kept nowhere."""

    def __init__(
        self, folder: Path, log: EventLog, library: CationLibrary | None = None, oracle_store: Path | None = None
    ):
        """Bind a folder and its open log; use `create` or `open`."""
        self.folder = folder
        self._log = log
        self._state = replay(log.events())
        config = self._state.config
        if library is None:
            library = kept_library(config, log.file, folder)
        self._bench = Workbench(config, library, oracle_store or default_store_path(), folder)
        self._ranked_before: pd.DataFrame | None = None
        self._news: tuple[Expectation, ...] = ()

    @property
    def state(self) -> CampaignState:
        """What the campaign knows."""
        return self._state

    @property
    def config(self) -> CampaignConfig:
        """What it was asked to do."""
        return self._state.config

    @property
    def library(self) -> CationLibrary:
        """The cations of its space."""
        return self._bench.library

    @property
    def names(self) -> CationLibrary:
        """Every cation a formula may name: the library's and the built-in ones."""
        return self._bench.names

    @property
    def space(self) -> CompoundSpace:
        """The compounds it may suggest."""
        return self._bench.space

    def changes(self) -> tuple[str, ...]:
        """What the last `retrain` moved most in the ranking, and why; () if there was no ranking before."""
        from campaigns.change import ranking_changes

        if self._ranked_before is None:
            return ()
        ranking = self.round().ranking
        return ranking_changes(self._ranked_before, ranking.frame, ranking.x, self._news)

    def round(self, progress: Progress | None = None) -> Round:
        """Everything behind the present suggestions: training rows, validation, surrogate, ranking."""
        return self._bench.learn(self._state, self._state.pending_before(self._data_key), progress)

    def validate(self, progress: Progress | None = None) -> FullCard:
        """The full score card: every split, calibration, shuffled targets, baselines, learning curve.

        Raises:
            CampaignError, ScreeningError: if there is too little to learn from.
        """
        return self._bench.validate(self._state, progress)

    def fit(self) -> FitSummary | None:
        """The fit on the present data, None if there was none yet."""
        known = self._state.fit(self._data_key)
        return None if known is None else FitSummary.from_dict(known)

    def predict(self, formula: str | Compound, progress: Progress | None = None) -> Prediction:
        """What the model expects of a compound, in the space or not, and why.

        A cation without descriptors is computed first.

        Raises:
            ChemspaceError: for a formula that cannot be read.
            CampaignError: if a cation of it has no descriptors.
        """
        return self._bench.predict(self._state, formula, progress)

    def recipe(self, formula: str, mass_g: float | None = None) -> Recipe:
        """What to weigh in for a compound, by default for the mass that the campaign's description names.

        Raises:
            ChemspaceError: for a formula that cannot be read, or a compound without a recipe.
        """
        from chemspace.recipe import make_recipe

        return make_recipe(parse_formula(formula, self.names), self.config.limits.mass_g if mass_g is None else mass_g)

    def structure(self, formula: str, progress: Progress | None = None) -> Structure:
        """An idealised crystal of a compound to start a calculation from, with xTB geometries of its cations.

        Raises:
            ChemspaceError: for a formula that cannot be read, a mixture, or a cation too bulky for its place.
        """
        return self._bench.structure(self._state, parse_formula(formula, self.names), progress)

    def table(self, name: str) -> pd.DataFrame:
        """One of the campaign's tables, of `campaigns.tables.TABLES`: suggestions, measurements, compounds, scores, ...

        Raises:
            CampaignError: if there is no such table; the message lists those there are.
        """
        from campaigns.tables import table

        return table(self, name)

    def figures(self, progress: Progress | None = None) -> dict[str, Figure]:
        """The report's figures (Plotly) by name: parity, calibration, importances."""
        from campaigns.figures import figures

        return figures(self.round(progress))

    def status(self) -> Status:
        """Where the campaign stands, without computing anything."""
        return Status(
            folder=str(self.folder),
            created_at=self._state.created_at.isoformat(timespec="seconds"),
            n_compounds=len(self.space),
            n_measured=len(self._bench.dataset(self._state)),
            n_ingested=len(self._state.measurements),
            best_observed=self._bench.best_observed(self._state),
            best_predicted=None if (fit := self.fit()) is None else fit.best_predicted,
            stages={formula: stage.value for formula, stage in self._state.stages.items()},
            pending=self._state.pending,
            record=tuple(row.to_dict() for row in self._state.record),
            rounds=len(self._state.batches),
            fit=fit,
            properties=property_standings(self.config.properties, self._state.property_values),
        )

    def write_candidates(self, path: str | Path, progress: Progress | None = None) -> int:
        """Write the numbers of every compound of the space, as the present round sees them, to a Parquet file.

        Mean, standard deviation and 90% interval, what is ranked by, P(forms), the nearest measured compound, its
        distance and whether that is inside the domain of what is measured; measured compounds included.

        Returns:
            Number of compounds.

        Raises:
            CampaignError, ScreeningError: if there is too little to learn from.
            StoreError: if the file cannot be written.
        """
        from campaigns.candidates import write_candidates

        if not Path(path).parent.is_dir():
            raise StoreError(f"{path} cannot be written: there is no folder {Path(path).parent}")
        return write_candidates(self.round(progress), *self._bench.tables(), Path(path), progress)

    def replay(self, number: int | None = None, progress: Progress | None = None) -> Replay:
        """Compute an old batch again from the log as it stood then, and say whether it is the same.

        Args:
            number: the round; None takes the last.
            progress: called while training.

        Raises:
            LifecycleError: if there is no such round.
        """
        from campaigns.past import recompute

        return recompute(self._log.events(), self._bench, number, progress)

    def history(self) -> tuple[dict[str, str], ...]:
        """Everything that happened, oldest first: keys at (ISO time, UTC), actor, kind, what."""
        from campaigns.telling import sentence

        return tuple(
            {
                "at": event.at.isoformat(timespec="seconds"),
                "actor": event.actor,
                "kind": event.kind.value,
                "what": sentence(event),
            }
            for event in self._log.events()
        )

    def raw_files(self) -> Iterator[tuple[str, bytes]]:
        """(first twelve digits of the SHA-256, "_" and name; content) of every file that was handed in."""
        for digest, name in self._log.file_names().items():
            yield f"{digest[:12]}_{name}", self._log.file(digest)

    def files(self) -> tuple[Path, ...]:
        """The files in the campaign's folder that are there."""
        names = (DATABASE, POINTER, *RANKING, REPORT, REJECTS)
        return tuple(path for name in names if (path := self.folder / name).exists())

    def close(self) -> None:
        """Release the database."""
        self._log.close()

    @property
    def _data_key(self) -> str:
        return self._bench.data_key(self._state)
