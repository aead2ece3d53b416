"""Campaigns for language models: a server of the Model Context Protocol before a spinscreen server.

Every tool is a request of the REST interface with the user's own token, so that rights, questions, limits and what
the log says of who did it are those of REST.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

from pydantic import Field

from campaigns.client import Client
from campaigns.errors import CampaignError, RemoteError

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

P = ParamSpec("P")
Json = dict[str, Any]
#: What a language model is told of all tools.
INSTRUCTIONS = (
    "spinscreen chooses layered halide perovskites to make and measure, for a long spin lifetime (ps). Predictions are "
    "weak: give the 90% interval with every predicted lifetime. Act only on what a person of the group asked for; "
    "where an answer lists doubts, put them to that person and repeat with confirmed only after a yes."
)
#: Patience with a prediction or a round, s.
PATIENCE_S = 600.0

Campaign = Annotated[str, Field(max_length=200, description="Name of the campaign, from list_campaigns.")]
Formula = Annotated[str, Field(max_length=200, description="Such as (PEA)2(MA)Pb2I7.")]
Words = Annotated[str, Field(max_length=2000)]
Text = Annotated[str, Field(max_length=1_000_000)]


def serve_agents(client: Client, *, may_act: bool) -> MCPServer:
    """The server of the protocol, over a client with the token of the person who lets a language model in. `may_act`:
    whether the verbs that write are offered; the REST server decides whether the token may use them. Raises
    CampaignError if the package mcp is not installed."""
    try:
        from mcp.server.mcpserver import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
        from mcp.types import ToolAnnotations
    except ImportError as error:
        raise CampaignError("this needs the package mcp: pip install 'spinscreen[mcp]'") from error

    def told(tool: Callable[P, Any]) -> Callable[P, str]:
        """The tool with JSON as its answer and refusals in the server's words."""

        @wraps(tool)
        def answer(*args: P.args, **kwargs: P.kwargs) -> str:
            try:
                return json.dumps(tool(*args, **kwargs), ensure_ascii=False)
            except RemoteError as refused:
                raise ToolError(str(refused)) from None

        answer.__annotations__["return"] = str
        return answer

    server: MCPServer = MCPServer("spinscreen", instructions=INSTRUCTIONS, log_level="ERROR")
    for tool in _reading(client):
        server.add_tool(told(tool), annotations=ToolAnnotations(read_only_hint=True))
    for tool in _acting(client) if may_act else ():
        server.add_tool(told(tool), annotations=ToolAnnotations(read_only_hint=False))
    return server


def _reading(client: Client) -> tuple[Callable[..., Any], ...]:
    """The verbs that change nothing."""

    def list_campaigns() -> list[Json]:
        """Every campaign of the server, and where it stands."""
        return client.campaigns()

    def status(campaign: Campaign) -> Json:
        """Where one campaign stands: measured, awaited, best observed and predicted, how good the model is."""
        return client.campaign(campaign)

    def suggestions(campaign: Campaign, round: int | None = None) -> Json:
        """What was suggested to be made, with intervals and reasons; the last round by default."""
        return client.suggestions(campaign, round)

    def ranking(campaign: Campaign, page: int = 1, size: int = 20, text: Words = "") -> Json:
        """One page of the ranked compounds; text is looked for in formulas."""
        return client.ranking(campaign, page=page, size=size, text=text or None)

    def compound(campaign: Campaign, formula: Formula) -> Json:
        """What is known of one compound."""
        return client.compound(campaign, formula)

    def predict(campaign: Campaign, formula: Formula) -> Json:
        """What the model expects of any layered compound, with its 90% interval and what that is made of."""
        return client.wait(client.predict(campaign, formula)["id"], timeout_s=PATIENCE_S)

    def measurements(campaign: Campaign, task: Words = "") -> list[Json]:
        """The lifetimes that the group measured, or those of a related task; retracted ones with the reason."""
        return client.measurements(campaign, task or None)

    def properties(campaign: Campaign) -> list[Json]:
        """The further measured properties, such as a band gap, with the verdict on the model of each."""
        return client.properties(campaign)

    def values(campaign: Campaign, property: Words) -> list[Json]:
        """Every value of a measured property."""
        return client.values(campaign, property)

    def outcomes(campaign: Campaign) -> list[Json]:
        """What became of compounds: accepted, declined, formed, not formed, ..."""
        return client.outcomes(campaign)

    def declines(campaign: Campaign) -> list[Json]:
        """The cations that are not used, and why."""
        return client.declines(campaign)

    def description(campaign: Campaign) -> Json:
        """The campaign's description: its space, objective, model and limits."""
        return client.description(campaign)

    def events(campaign: Campaign, offset: int = 0, limit: int = 50) -> Json:
        """Everything that happened, newest first."""
        return client.events(campaign, offset, limit)

    looked_at = (list_campaigns, status, suggestions, ranking, compound, predict)
    return (*looked_at, measurements, properties, values, outcomes, declines, description, events)


def _acting(client: Client) -> tuple[Callable[..., Any], ...]:
    """The verbs that write."""

    def suggest(campaign: Campaign, batch_size: int | None = None, more: bool = False) -> Json:
        """Learn from what came in and suggest what to make next."""
        done = client.wait(client.suggest(campaign, batch_size, more=more)["id"], timeout_s=PATIENCE_S)
        if not done["formulas"]:
            return done
        return client.suggestions(campaign, done["round"])

    def accept(campaign: Campaign, formula: Formula, reason: Words = "") -> Json:
        """Say that a compound will be made."""
        return client.accept(campaign, formula, reason)

    def decline(campaign: Campaign, formula: Formula, reason: Words) -> Json:
        """Say that a compound will not be made, and why."""
        return client.decline(campaign, formula, reason)

    def outcome(campaign: Campaign, formula: Formula, stage: Words, reason: Words = "", made: Words = "") -> Json:
        """Say how a synthesis stands or ended: in synthesis, formed, not formed, mixed phases, ..."""
        return client.outcome(campaign, formula, stage, reason, made)

    def decline_cation(campaign: Campaign, cation: Words, reason: Words, place: Words = "spacer") -> Json:
        """Leave every compound with a cation in this place (spacer or cage) out of all rounds to come."""
        return client.decline_cation(campaign, cation, reason, place)

    def record_lifetimes(
        campaign: Campaign, rows: list[Json], task: Words = "", confirmed: bool = False, dry_run: bool = False
    ) -> Json:
        """Take in measured lifetimes: rows with formula, lifetime_ps and, where known, lifetime_stderr_ps, sample,
        temperature_k, technique, source. Those of another metal, halide, technique or laboratory come under the name
        of a related task. What looks wrong is asked about; confirmed says that a person checked it."""
        sure: Json = {"accept_guesses": confirmed, "accept_extreme": confirmed}
        return client.ingest_table(campaign, rows, dry_run=dry_run, task=task or None, **sure)

    def record_trace(
        campaign: Campaign,
        formula: Formula,
        sc: Text,
        cc: Text,
        sample: Words = "",
        confirmed: bool = False,
        dry_run: bool = False,
    ) -> Json:
        """Fit the same- and counter-circular trace of one crystal, given as the text of their files, and take the
        lifetime in; dry_run only fits. What looks wrong is asked about; confirmed says that a person checked it."""
        sure: Json = {"accept_warnings": confirmed, "accept_extreme": confirmed}
        files = sc.encode(), cc.encode()
        return client.ingest_trace(campaign, formula, *files, sample=sample, dry_run=dry_run, **sure)

    def record_values(campaign: Campaign, property: Words, rows: list[Json], dry_run: bool = False) -> Json:
        """Take in values of a measured property: rows with compound, value and, where known, error, sample, source."""
        return client.ingest_values(campaign, property, rows, dry_run=dry_run)

    def retract(campaign: Campaign, number: int, reason: Words, task: Words = "") -> Json:
        """Take a measurement back, by its number, or a row of a related task."""
        return client.retract(campaign, number, reason, task or None)

    def retract_value(campaign: Campaign, property: Words, number: int, reason: Words) -> Json:
        """Take a value of a measured property back, by its number."""
        return client.retract_value(campaign, property, number, reason)

    def amend(campaign: Campaign, description: Json, reason: Words = "", confirmed: bool = False) -> Json:
        """Change the description while the campaign runs: give the whole of it, as the tool description tells it.
        Until confirmed, the differences are told and nothing is stored."""
        return client.amend(campaign, description, reason=reason, confirmed=confirmed)

    def undo(campaign: Campaign, event: int, reason: Words, confirmed: bool = False) -> Json:
        """Undo what was recorded by mistake, by the number of its event. What stands on it is listed first."""
        return client.undo(campaign, event, reason, confirmed=confirmed)

    told = (suggest, accept, decline, outcome, decline_cation, record_lifetimes, record_trace, record_values)
    return (*told, retract, retract_value, amend, undo)
