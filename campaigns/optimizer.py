"""A campaign as the optimiser of other software: ask-and-tell for scripts, and the class that orchestrators load.

The class has the shape of IvoryOS's optimisers (gitlab.com/heingroup/ivoryos, ivoryos/optimizers/base.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from campaigns.errors import CampaignError
from campaigns.events import FAILED, Stage

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from campaigns.campaign import Campaign
    from campaigns.client import Client

#: What a trial is called by, and what is measured of it.
FORMULA, LIFETIME, OUTCOME = "formula", "lifetime_ps", "outcome"
#: Outcomes that a robot may tell instead of a lifetime.
OUTCOMES = tuple(sorted(stage.value for stage in FAILED | {Stage.NOT_MEASURABLE, Stage.ABANDONED}))


class AskTell(Protocol):
    """Something that says what to make next and is told what came of it."""

    def ask(self, n: int = 1) -> list[dict[str, Any]]:
        """The next trials, each with its formula and what is predicted of it."""

    def tell(self, results: Iterable[Mapping[str, Any]]) -> int:
        """Take results: each a formula with lifetime_ps (and lifetime_stderr_ps, sample, ...), or with an outcome."""


class LocalCampaign:
    """Ask-and-tell over a campaign in a folder.

    Example:
        >>> from campaigns.optimizer import LocalCampaign
        >>> def rounds(campaign, measure):  # measure: formula to lifetime, ps
        ...     loop = LocalCampaign(campaign)
        ...     for trial in loop.ask(2):
        ...         loop.tell([{"formula": trial["formula"], "lifetime_ps": measure(trial["formula"])}])
    """

    def __init__(self, campaign: Campaign) -> None:
        """Bind the campaign."""
        self.campaign = campaign

    def ask(self, n: int = 1) -> list[dict[str, Any]]:
        """The next trials: the same ones until results come in; fewer where fewer compounds are left."""
        return [suggestion.to_dict() for suggestion in self.campaign.suggest(n).suggestions]

    def tell(self, results: Iterable[Mapping[str, Any]]) -> int:
        """Take results; how many are new. Raises CampaignError for a result without a formula, or with neither a
        lifetime nor an outcome; IngestError, LifecycleError for one that cannot be."""
        measured, ended = _sorted_out(results)
        before = self.campaign.state.last_event
        added = self.campaign.observe(measured).added if measured else 0
        for row in ended:
            self.campaign.step(row[FORMULA], row[OUTCOME], reason=row.get("reason", "told by a robot"))
        return added + (len(ended) if self.campaign.state.last_event > before else 0)


class RemoteCampaign:
    """Ask-and-tell over a campaign that `spinscreen serve` serves."""

    def __init__(self, client: Client, name: str) -> None:
        """Bind the client and the campaign's name on its server."""
        self.client, self.name = client, name

    def ask(self, n: int = 1) -> list[dict[str, Any]]:
        """As `LocalCampaign.ask`. Raises RemoteError for what the server refuses."""
        done = self.client.wait(self.client.suggest(self.name, n)["id"], every_s=0.05)
        rows = self.client.suggestions(self.name, done["round"])["suggestions"] if done["formulas"] else []
        return [row for row in rows if row["formula"] in done["formulas"]]

    def tell(self, results: Iterable[Mapping[str, Any]]) -> int:
        """As `LocalCampaign.tell`; learning waits until trials are asked for. Raises RemoteError too."""
        measured, ended = _sorted_out(results)
        added = 0
        if measured:
            added = self.client.ingest_table(self.name, measured, learn=False)["added"]
        for row in ended:
            self.client.outcome(self.name, row[FORMULA], row[OUTCOME], row.get("reason", "told by a robot"))
        return added + len(ended)


def _sorted_out(results: Iterable[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows with a lifetime, and rows with an outcome."""
    measured: list[dict[str, Any]] = []
    ended: list[dict[str, Any]] = []
    for place, result in enumerate(results, start=1):
        row = {name: value for name, value in result.items() if value is not None}
        if FORMULA not in row or (LIFETIME in row) == (OUTCOME in row):
            raise CampaignError(
                f"result {place} needs a formula and either lifetime_ps or outcome ({', '.join(OUTCOMES)}); it has "
                f"{', '.join(row) or 'nothing'}"
            )
        (measured if LIFETIME in row else ended).append(row)
    return measured, ended


class CampaignOptimizer:
    """The optimiser that an orchestrator such as IvoryOS loads: what it suggests are compounds of a campaign.

    Where the campaign is stands in `additional_params`: {"campaign": folder}, or {"address": of a server, "campaign":
    its name there, "token_env": environment variable with the token}. Without it, `datapath` is the folder.

    Attributes:
        loop: what is asked and told.
    """

    def __init__(
        self,
        experiment_name: str,
        parameter_space: Sequence[Mapping[str, Any]] = (),
        objective_config: Sequence[Mapping[str, Any]] = (),
        optimizer_config: Mapping[str, Any] | None = None,
        parameter_constraints: Sequence[Any] | None = None,
        datapath: str | None = None,
        additional_params: Mapping[str, Any] | None = None,
    ) -> None:
        """Open the campaign.

        Args:
            experiment_name: of the orchestrator.
            parameter_space: parameters that each trial gets; one is called "formula", others may be fields of a
                suggestion, such as spacer, cage, n_layers.
            objective_config: [{"name": "lifetime_ps", "minimize": False}], or nothing.
            optimizer_config: unused: a campaign's description says how it chooses.
            parameter_constraints: none are taken: a campaign's description has them.
            datapath: folder of the campaign where `additional_params` names none.
            additional_params: where the campaign is.

        Raises:
            CampaignError: for a parameter, objective or constraint that a campaign does not have.
            CampaignNotFoundError: if there is no campaign.
        """
        self.experiment_name = experiment_name
        names = [str(one.get("name")) for one in parameter_space] or [FORMULA]
        if unknown := [name for name in names if name not in _parameters()]:
            raise CampaignError(
                f"a trial has no parameter {unknown[0]!r}: compounds are suggested; it has {', '.join(_parameters())}"
            )
        wrong = [one for one in objective_config if one.get("name") != LIFETIME or one.get("minimize", False)]
        if wrong:
            raise CampaignError(f"a campaign maximises lifetime_ps; {dict(wrong[0])} is another objective")
        if parameter_constraints:
            raise CampaignError("constraints stand in the campaign's description (space: constraints), not here")
        self._names = list(dict.fromkeys((FORMULA, *names)))
        self._asked: list[str] = []
        params = dict(additional_params or {})
        self.loop = _loop(params, datapath)

    def suggest(self, n: int = 1) -> list[dict[str, Any]]:
        """Parameters of the next trials."""
        trials = self.loop.ask(n)
        self._asked = [trial[FORMULA] for trial in trials]
        return [{name: trial.get(name) for name in self._names} for trial in trials]

    def observe(self, results: Sequence[Mapping[str, Any]]) -> None:
        """What came of the trials of `suggest`, in order, or any that name a formula. CampaignError as `tell`."""
        if not all(FORMULA in one for one in results):
            if len(results) != len(self._asked):
                raise CampaignError(f"{len(results)} results for {len(self._asked)} trials; name the formula of each")
            results = [{FORMULA: formula, **told} for formula, told in zip(self._asked, results, strict=True)]
        self.loop.tell(results)

    def append_existing_data(
        self, existing_data: Iterable[Mapping[str, Any]] | Any, file_path: str | None = None
    ) -> None:
        """Results from before: rows, a data frame, or a table's file. Raises CampaignError as `LocalCampaign.tell`."""
        if file_path is not None:
            import pandas as pd

            existing_data = pd.read_csv(file_path)
        rows = existing_data.to_dict("records") if hasattr(existing_data, "to_dict") else existing_data or ()
        self.loop.tell([{str(name): value for name, value in row.items() if value == value} for row in rows])

    def add_pending(self, points: Iterable[Mapping[str, Any]]) -> None:
        """Trials that are under way: what is asked for next is chosen beside them."""
        for point in points:
            if isinstance(self.loop, RemoteCampaign):
                self.loop.client.accept(self.loop.name, point[FORMULA])
            elif isinstance(self.loop, LocalCampaign):
                self.loop.campaign.step(point[FORMULA], Stage.ACCEPTED)

    def get_plots(self, plot_type: str) -> Figure:
        """A Plotly figure of the model: parity, calibration, importances. CampaignError else, or over a server."""
        if not isinstance(self.loop, LocalCampaign):
            raise CampaignError("a server shows its figures on its pages")
        figures = self.loop.campaign.figures()
        if plot_type not in figures:
            raise CampaignError(f"there is no figure {plot_type!r}; there are {', '.join(figures)}")
        return figures[plot_type]

    @classmethod
    def check_constraints(cls, constraints: Iterable[Any], parameter_space: object) -> list[str]:
        """Why each constraint cannot be used."""
        return [f"{one}: constraints stand in the campaign's description" for one in constraints]

    @staticmethod
    def get_schema() -> dict[str, Any]:
        """What an orchestrator may configure."""
        return {
            "parameter_types": ["choice"],
            "parameters": list(_parameters()),
            "multiple_objectives": False,
            "objectives": [{"name": LIFETIME, "minimize": False}],
            "outcomes": list(OUTCOMES),
            "optimizer_config": {},
            "additional_field": {"campaign": "", "address": "", "token_env": ""},
        }


def _loop(params: Mapping[str, Any], datapath: str | None) -> AskTell:
    from campaigns.campaign import Campaign
    from campaigns.client import Client

    where = params.get("campaign") or datapath
    if not where:
        raise CampaignError('say where the campaign is: additional_params={"campaign": FOLDER}')
    if address := params.get("address"):
        token = os.environ.get(params["token_env"]) if params.get("token_env") else None
        return RemoteCampaign(Client(address, token), str(where))
    return LocalCampaign(Campaign.open(str(where), oracle_store=params.get("oracle_store")))


def _parameters() -> tuple[str, ...]:
    from campaigns.summary import Suggestion

    return tuple(Suggestion.model_fields)
