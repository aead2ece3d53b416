"""A language model's client speaks to the real server, with the rights of its token and no others."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client as ModelClient
from mcp.client.stdio import StdioServerParameters

from campaigns import Campaign
from campaigns.agents import serve_agents
from campaigns.client import Client
from campaigns.web import registry
from campaigns.web.settings import Settings
from campaigns.web.tokens import Role, TokenFile
from tests.campaigns.conftest import described
from tests.campaigns.web.conftest import running

READING = {
    "list_campaigns",
    "status",
    "suggestions",
    "ranking",
    "compound",
    "predict",
    "measurements",
    "outcomes",
    "events",
}
ACTING = {"suggest", "accept", "decline", "outcome", "record_lifetimes", "retract", "undo"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    with Campaign.create(tmp_path / "lab", described()) as lab:
        lab.observe([{"formula": "(PEA)2PbI4", "lifetime_ps": 0.7, "sample": "K1"}])
    tokens = TokenFile(tmp_path / "tokens.json")
    return Settings(folders=(tmp_path / "lab",), tokens=tokens, prepare=False, dig=False)


async def said(model: ModelClient, tool: str, **arguments: Any) -> tuple[bool, str]:
    """Whether a tool was refused, and its words."""
    answer = await model.call_tool(tool, arguments)
    return bool(answer.is_error), "".join(part.text for part in answer.content if part.type == "text")


def test_a_model_acts_with_an_editors_token_as_over_rest(settings: Settings) -> None:
    assert settings.tokens is not None
    token = settings.tokens.add("Anna", Role.EDITOR)

    async def talk(address: str) -> None:
        command = StdioServerParameters(
            command=sys.executable,
            args=["-m", "campaigns.cli", "mcp", address],
            env={"SPINSCREEN_TOKEN": token, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        async with ModelClient(command) as model:
            assert {tool.name for tool in (await model.list_tools()).tools} == READING | ACTING
            _, text = await said(model, "list_campaigns")
            (campaign,) = (one["id"] for one in json.loads(text))
            lab = {"campaign": campaign}
            refused, text = await said(model, "accept", **lab, formula="(BA)2PbI4")
            assert (refused, json.loads(text)["actor"]) == (False, "Anna")
            row = {"formula": "(BA)2PbI4", "lifetime_ps": 1.5, "sample": "K2"}
            assert json.loads((await said(model, "record_lifetimes", **lab, rows=[row], dry_run=True))[1])["added"] == 1
            assert len(json.loads((await said(model, "measurements", **lab))[1])) == 1
            refused, text = await said(model, "record_lifetimes", **lab, rows=[row | {"lifetime_ps": 5e5}])
            assert refused  # the question of REST
            assert "(BA)2PbI4" in text or "row 1" in text
            refused, text = await said(model, "retract", **lab, number=1, reason="wrong crystal")
            assert json.loads(text)["retracted"] == "wrong crystal"
            for tool, nonsense, sentence in (
                ("accept", {"formula": "(XYZ)9PbI4"}, "XYZ"),
                ("accept", {"formula": 7}, "formula"),
                ("accept", {"formula": "x" * 10_000}, "formula"),
                ("outcome", {"formula": "(BA)2PbI4", "stage": "exploded"}, "'not formed'"),
                ("undo", {"event": 1, "reason": "because"}, "cannot be undone"),
                ("compound", {"formula": "nonsense"}, "nonsense"),
            ):
                refused, text = await said(model, tool, **lab, **nonsense)
                assert (refused, sentence in text) == (True, True), text
            assert (await said(model, "status", campaign="../../etc"))[0]

    with running(settings) as address:
        asyncio.run(talk(address))


def test_a_model_with_a_viewers_token_or_none_changes_nothing_and_one_that_floods_is_held_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "MAX_WRITES", 3)
    monkeypatch.setattr(registry, "MINUTE_S", 1e9)
    assert settings.tokens is not None
    editor = settings.tokens.add("Ben", Role.EDITOR)
    token = settings.tokens.add("screen", Role.VIEWER)

    async def talk(address: str) -> None:
        with Client(address, token) as rest:
            async with ModelClient(serve_agents(rest, may_act=True)) as model:
                ((campaign),) = (one["id"] for one in json.loads((await said(model, "list_campaigns"))[1]))
                refused, text = await said(model, "accept", campaign=campaign, formula="(BA)2PbI4")
                assert (refused, "may read only" in text) == (True, True)
                tools = (await model.list_tools()).tools
                assert {tool.name for tool in tools if not tool.annotations.read_only_hint} == ACTING  # type: ignore[union-attr]
            async with ModelClient(serve_agents(rest, may_act=False)) as model:
                assert not ACTING & {tool.name for tool in (await model.list_tools()).tools}
                assert (await said(model, "accept", campaign=campaign, formula="(BA)2PbI4"))[0]
        with Client(address, editor) as rest:
            async with ModelClient(serve_agents(rest, may_act=True)) as model:
                accepted = [await said(model, "accept", campaign=campaign, formula="(BA)2PbI4") for _ in range(5)]
                assert sum(refused for refused, _ in accepted) >= 2
                assert "3 requests to write a minute are taken of Ben" in accepted[-1][1]
                assert not (await said(model, "status", campaign=campaign))[0]
        with Client(address) as nobody:
            async with ModelClient(serve_agents(nobody, may_act=False)) as model:
                refused, text = await said(model, "list_campaigns")
                assert (refused, "needs a token" in text) == (True, True)

    with running(settings) as address:
        asyncio.run(talk(address))
