"""A language model's client speaks to the real server, with the rights of its token and no others."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client as ModelClient
from mcp.client.stdio import StdioServerParameters

from campaigns import Campaign
from campaigns.agents import serve_agents
from campaigns.client import Client
from campaigns.targets import Target
from campaigns.web import registry
from campaigns.web.settings import Role, Settings, TokenFile
from tests.campaigns.conftest import described
from tests.campaigns.web.conftest import running

LIFETIMES = [{"formula": "(BA)2PbI4", "lifetime_ps": 5e5, "sample": "K2"}, {"formula": "(XYZ)9PbI4", "lifetime_ps": 1}]
GAPS = [{"compound": "(BA)2PbI4", "value": 2380}]


def sent(rows: list[dict[str, Any]]) -> tuple[str, str]:
    """A table as it is uploaded."""
    return "told.jsonl", "".join(json.dumps(row) + "\n" for row in rows)


#: What REST offers below a campaign, by its path: the tool of the same, what it is asked, and the same request.
READS: dict[str, tuple[str, dict[str, Any], str]] = {
    "suggestions": ("suggestions", {"round": 7}, "suggestions?round=7"),
    "outcomes": ("outcomes", {}, "outcomes"),
    "declines": ("declines", {}, "declines"),
    "description": ("description", {}, "description"),
    "ranking": ("ranking", {"text": "PEA"}, "ranking?text=PEA&page=1&size=20"),
    "compound": ("compound", {"formula": "(PEA)2PbI4"}, "compound?formula=(PEA)2PbI4"),
    "events": ("events", {"limit": 5}, "events?limit=5"),
    "measurements": ("measurements", {"task": "tin"}, "measurements?task=tin"),
    "properties": ("properties", {}, "properties"),
    "properties/{property}/values": ("values", {"property": "gap"}, "properties/gap/values"),
}
HOOKS = {"description": {"hooks": [{"url": "https://lab.example"}]}}
FORMULA = {"formula": "(XYZ)9PbI4"}
WHY: dict[str, Any] = {"reason": "wrong crystal"}
#: Each asks what is refused to everybody, or asked about.
ACTS: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "suggestions": ("suggest", {"batch_size": 0}, "suggestions", {"json": {"batch_size": 0}}),
    "outcomes": (
        "outcome",
        {"formula": "(BA)2PbI4", "stage": "exploded"},
        "outcomes",
        {"json": {"formula": "(BA)2PbI4", "stage": "exploded"}},
    ),
    "declines": (
        "decline_cation",
        {"cation": "XYZ", **WHY},
        "declines",
        {"json": {"cation": "XYZ", "place": "spacer", **WHY}},
    ),
    "amendments": ("amend", HOOKS, "amendments", {"json": HOOKS}),
    "events/{number}/undo": ("undo", {"event": 1, **WHY}, "events/1/undo", {"json": WHY}),
    "measurements/table": (
        "record_lifetimes",
        {"rows": LIFETIMES, "task": "tin"},
        "measurements/table",
        {"files": {"file": sent(LIFETIMES)}, "data": {"task": "tin"}},
    ),
    "measurements/trace": (
        "record_trace",
        FORMULA | {"sc": "1 2", "cc": "1 2"},
        "measurements/trace",
        {"files": {"sc": b"1 2", "cc": b"1 2"}, "data": FORMULA},
    ),
    "measurements/{number}/retraction": (
        "retract",
        {"number": 9, "task": "tin", **WHY},
        "measurements/9/retraction?task=tin",
        {"json": WHY},
    ),
    "properties/{property}/table": (
        "record_values",
        {"property": "gap", "rows": GAPS},
        "properties/gap/table",
        {"files": {"file": sent(GAPS)}},
    ),
    "properties/{property}/values/{number}/retraction": (
        "retract_value",
        {"property": "gap", "number": 9, **WHY},
        "properties/gap/values/9/retraction",
        {"json": WHY},
    ),
}
ACTING = {tool for tool, *_ in ACTS.values()} | {"accept", "decline"}
READING = {tool for tool, *_ in READS.values()} | {"list_campaigns", "status", "predict"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    with Campaign.create(tmp_path / "lab", described()) as lab:
        lab.observe([{"formula": "(PEA)2PbI4", "lifetime_ps": 0.7, "sample": "K1"}])
        lab.observe([{"formula": "(PEA)2SnI4", "lifetime_ps": 0.9, "sample": "S1"}], Target.of_task("tin").name)
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


def test_every_verb_of_rest_is_a_tool_with_the_same_answers_rights_and_questions(settings: Settings) -> None:
    assert settings.tokens is not None
    below = "/api/campaigns/{campaign}/"
    waited = {("post", "predictions"), ("get", "jobs")}  # a prediction is a job that its tool waits for
    tokens = [settings.tokens.add(role.value, role) for role in (Role.EDITOR, Role.VIEWER)]

    async def talk(address: str) -> None:
        paths = httpx.get(f"{address}/api/openapi.json").json()["paths"]
        rest_of = {path.removeprefix(below): told for path, told in paths.items() if path.startswith(below)}
        verbs = {(verb, path) for path, told in rest_of.items() for verb in told}
        assert verbs == {("get", one) for one in READS} | {("post", one) for one in ACTS} | waited
        for token in tokens:
            headers = {"authorization": f"Bearer {token}"}
            with Client(address, token) as rest, httpx.Client(headers=headers) as plain:
                async with ModelClient(serve_agents(rest, may_act=True)) as model:
                    assert {tool.name for tool in (await model.list_tools()).tools} == READING | ACTING
                    for tool, asked, path in READS.values():
                        answer = plain.get(f"{address}/api/campaigns/lab/{path}")
                        refused, text = await said(model, tool, campaign="lab", **asked)
                        assert refused == answer.is_error, (tool, text)
                        told = answer.json()
                        assert told["title"] in text if refused else json.loads(text) == told
                    for tool, asked, path, body in ACTS.values():
                        answer = plain.post(f"{address}/api/campaigns/lab/{path}", **body)
                        refused, text = await said(model, tool, campaign="lab", **asked)
                        assert (refused, answer.is_error) == (True, True), (tool, text)
                        assert ("may read only" in text) == (token == tokens[1]), text
                        for words in (answer.json()["title"], *answer.json()["problems"]):
                            assert words in text, tool

    with running(settings) as address:
        asyncio.run(talk(address))
    with Campaign.open(settings.folders[0]) as lab:
        assert len(lab.state.record) == 1


def test_a_model_with_a_viewers_token_or_none_changes_nothing_and_one_that_floods_is_held_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "MAX_WRITES", 3)
    monkeypatch.setattr(registry, "MAX_REQUESTS", 20)
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
                looked = [await said(model, "status", campaign=campaign) for _ in range(20)]
                assert "20 requests a minute are taken of Ben; go on in the next one" in looked[-1][1]
        with Client(address, token) as rest:  # others have their turn
            assert rest.campaigns()
        with Client(address) as nobody:
            async with ModelClient(serve_agents(nobody, may_act=False)) as model:
                refused, text = await said(model, "list_campaigns")
                assert (refused, "needs a token" in text) == (True, True)

    with running(settings) as address:
        asyncio.run(talk(address))
