"""What people and programs see before anything is computed: help texts, the OpenAPI document, the server's answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.golden.commands import FIXED, ROOT, Commands

__all__ = ["SEEN", "help_texts", "openapi", "resolved", "rest_answers", "served"]

#: A command in a panel of `--help`, but no option and no argument.
_COMMAND = re.compile(r"^│ ([a-z][a-z-]+)  ", re.M)
#: Requests to the REST interface that only read; `lab` is the campaign with every kind of event.
SEEN = {
    "campaigns": "campaigns",
    "campaign": "campaigns/lab",
    "suggestions": "campaigns/lab/suggestions",
    "suggestions_of_round_2": "campaigns/lab/suggestions?round=2",
    "outcomes": "campaigns/lab/outcomes",
    "measurements": "campaigns/lab/measurements",
    "properties": "campaigns/lab/properties",
    "values": "campaigns/lab/properties/band_gap_ev/values",
    "events": "campaigns/lab/events?limit=1000",
    "no_campaign": "campaigns/other",
    "no_such_round": "campaigns/lab/suggestions?round=77",
    "wrong_query": "campaigns/lab/ranking?sort=beauty",
}


def help_texts(run: Commands) -> dict[str, str]:
    """The help of every command and of every command in it, by file name."""
    texts = {"spinscreen.txt": run("--help").out}
    for name in _COMMAND.findall(texts["spinscreen.txt"]):
        text = texts[f"{name}.txt"] = run(name, "--help").out
        if "─ Commands ─" in text:
            panel = text.split("─ Commands ─")[1]
            texts |= {f"{name}_{inner}.txt": run(name, inner, "--help").out for inner in _COMMAND.findall(panel)}
    return {name: "\n".join(line.rstrip() for line in text.splitlines()) + "\n" for name, text in texts.items()}


@contextmanager
def served(folder: Path, oracle_store: Path, names: tuple[str, ...], code: Path = ROOT) -> Iterator[httpx.Client]:
    """A server over the campaigns of these names in `folder`, for as long as this is open."""
    environment = os.environ | FIXED | {"SPINSCREEN_ORACLE_STORE": str(oracle_store), "PYTHONPATH": str(code)}
    environment["SPINSCREEN_SERVE_OPEN"] = "1"  # whoever else has an account where the tests run
    command = [sys.executable, "-P", "-m", "campaigns.cli", "serve", *names, "--port", "0"]
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, encoding="utf-8")
    try:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "http://" in line)
        address = re.search(r"http://\S+", line)
        assert address is not None
        with httpx.Client(base_url=address.group(), timeout=30.0, trust_env=False) as client:
            yield client
    finally:
        process.terminate()
        process.communicate()


def openapi(client: httpx.Client) -> dict[str, Any]:
    """The OpenAPI document with its keys in order, without the version of spinscreen."""
    document: dict[str, Any] = json.loads(json.dumps(client.get("api/openapi.json").json(), sort_keys=True))
    del document["info"]["version"]
    return document


def resolved(document: dict[str, Any]) -> Any:
    """The routes of an OpenAPI document with every schema where it is used, so that the names of models and functions
    play no part."""
    schemas = document["components"]["schemas"]

    def inside(value: Any, *, names: bool) -> Any:
        """`value` resolved; `names` says that its keys are names of fields and not words of OpenAPI."""
        if isinstance(value, list):
            return [inside(part, names=False) for part in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value and not names:
            name = value["$ref"].rsplit("/", 1)[1]
            return inside(schemas.get(name, {"type": name}), names=False)
        left_out = () if names else ("title", "operationId", "summary", "description")
        return {
            key: inside(part, names=key == "properties" and not names)
            for key, part in value.items()
            if key not in left_out
        }

    return inside(document["paths"], names=True)


def rest_answers(client: httpx.Client) -> dict[str, Any]:
    """Status and body of each of `SEEN`."""
    answers = {name: client.get(f"api/{path}") for name, path in SEEN.items()}
    return {name: {"status": told.status_code, "body": told.json()} for name, told in answers.items()}
