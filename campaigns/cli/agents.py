"""`spinscreen mcp`: campaigns for language models."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from campaigns.cli.options import OptionGroup, takes


class McpOptions(OptionGroup):
    address: Annotated[
        str, typer.Argument(metavar="[ADDRESS]", help="Of the server that `spinscreen serve` started.")
    ] = "http://127.0.0.1:8710"
    token_env: Annotated[
        str, typer.Option(metavar="NAME", help="Environment variable with the token of whoever lets the model in.")
    ] = "SPINSCREEN_TOKEN"
    read_only: Annotated[bool, typer.Option("--read-only", help="Offer no verb that writes, whatever the token.")] = (
        False
    )


@takes(McpOptions)
def mcp(options: McpOptions) -> None:
    """Let a language model read campaigns and, with an editor's token, act: a Model Context Protocol server on stdio.

    It asks a running `spinscreen serve` with the token, so that rights, questions and the log are those of REST.
    Without a token it offers the verbs that read.

    Example: SPINSCREEN_TOKEN=... spinscreen mcp http://127.0.0.1:8710
    """
    from campaigns.agents import serve_agents
    from campaigns.client import Client

    token = os.environ.get(options.token_env) or None
    with Client(options.address, token) as client:
        serve_agents(client, may_act=token is not None and not options.read_only).run("stdio")
