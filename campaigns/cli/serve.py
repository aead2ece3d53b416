"""`spinscreen serve`, `tokens` and `mcp`: campaigns in the browser, over REST, and for language models."""

from __future__ import annotations

import gc
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaigns.cli import console
from campaigns.cli.options import AsJson, OptionGroup, OracleStorePath, Workers, takes

if TYPE_CHECKING:
    from campaigns.web.settings import Role, TokenFile

#: How long a token lasts unless somebody says otherwise, days.
DAYS = 365.0


class ServeOptions(OptionGroup):
    folders: Annotated[list[Path], typer.Argument(metavar="CAMPAIGN", help="Folders of the campaigns.")]
    host: Annotated[str, "Address to listen on. Any but this machine's own needs tokens."] = "127.0.0.1"
    port: Annotated[int, "Port; 0 takes a free one.", {"min": 0, "max": 65535}] = 8710
    add_token: Annotated[
        list[str] | None,
        "Make a token for somebody, viewer or editor (default), and print it once. Repeat for more people.",
        {"metavar": "NAME[:ROLE]"},
    ] = None
    token_file: Annotated[Path | None, "File with the hashes of the tokens. Default: in the user's settings."] = None
    is_open: Annotated[
        bool,
        "--open",
        "Ask for no token although others have accounts on this machine.",
        {"envvar": "SPINSCREEN_SERVE_OPEN"},
    ] = False
    max_upload_mb: Annotated[int, "Largest request, MB.", {"min": 1, "max": 2000}] = 64
    https: Annotated[bool, "People reach it through a proxy with HTTPS."] = False
    oracle_store: OracleStorePath = None
    workers: Workers = 2


class TokenOptions(OptionGroup):
    add: Annotated[
        list[str] | None,
        "Make a token, viewer or editor (default). Repeat for more people.",
        {"metavar": "NAME[:ROLE]"},
    ] = None
    days: Annotated[float, "How long a new token lasts, days.", {"min": 0.01, "max": 36500}] = DAYS
    revoke: Annotated[list[str] | None, "Take somebody's token away. Repeat for more people.", {"metavar": "NAME"}] = (
        None
    )
    link: Annotated[
        list[str] | None, "Make a link by which somebody logs in once, within a day.", {"metavar": "NAME"}
    ] = None
    address: Annotated[str, "Address of the server, for links."] = "http://127.0.0.1:8710/"
    token_file: Annotated[Path | None, "File with the hashes of the tokens. Default: in the user's settings."] = None
    as_json: AsJson = False


@takes(ServeOptions, keeps=False)
def serve(options: ServeOptions) -> None:
    """Open campaigns in the browser for the whole group, and as a REST interface for the lab.

    On this machine alone nobody needs a token, unless others have accounts on it. There, and on another address,
    everybody does: the first start makes one for an editor and one for a viewer and prints them once.

    Examples:

      spinscreen serve demo

      spinscreen serve demo second --host 0.0.0.0 --add-token Anna --add-token Wall:viewer
    """
    from campaigns.web.app import run
    from campaigns.web.settings import Settings, is_loopback, other_people

    gc.set_threshold(700)  # Python's own: what goes round in a server would stay as long as it
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    is_local = is_loopback(options.host)
    if options.is_open and not is_local:
        raise typer.BadParameter("only this machine's own address may be open", param_hint="--open")
    others = () if options.is_open or not is_local else other_people()
    if others:
        named = ", ".join((*others[:3], *(["..."] if len(others) > 3 else [])))
        console.note(f"others have accounts on this machine ({named}): tokens are asked for (--open: none)")
    tokens = _tokens(options.token_file, options.add_token or [], needed=bool(others) or not is_local)
    settings = Settings(
        folders=tuple(options.folders),
        oracle_store=options.oracle_store,
        tokens=tokens,
        host=options.host,
        secure_cookies=options.https,
        max_upload_bytes=options.max_upload_mb * 1_000_000,
        workers=options.workers,
    )
    if not (is_local or options.https):
        console.warn(
            "this is plain HTTP: whoever is on the network can read tokens and results; put a proxy with HTTPS in "
            "front and say --https"
        )
    console.stopped = "the server has stopped"
    people = [] if tokens is None else [token.name for token in tokens if token.made_at >= started_at]

    def ready(address: str) -> None:
        console.note(f"open {address}   (stop with Ctrl+C)")
        for name in people:
            assert tokens is not None
            _show_link(name, f"{address}login?link={tokens.link(name)}")

    run(settings, options.port, ready)


def _show_link(name: str, address: str) -> None:
    """A login link, with its QR code for a phone where somebody looks at the terminal."""
    console.out.print(f"{name} logs in once, within a day: {address}", soft_wrap=True, markup=False)
    if console.out.is_terminal:
        import segno

        segno.make(address, error="l").terminal(compact=True)


def _tokens(path: Path | None, wanted: list[str], *, needed: bool) -> TokenFile | None:
    """The tokens to ask for; None where this machine is trusted and nobody asked for any."""
    from campaigns.web.settings import Role, TokenFile

    if not needed and not wanted and path is None:
        return None
    tokens = TokenFile(path or _default_file())
    people = [_person(text) for text in wanted]
    if needed and not len(tokens) and not people:
        people = [("editor", Role.EDITOR), ("viewer", Role.VIEWER)]
    _make(tokens, people, DAYS)
    if not len(tokens):
        raise typer.BadParameter(
            f"{tokens.path} holds no token; make one with --add-token NAME", param_hint="--token-file"
        )
    return tokens


@takes(TokenOptions)
def tokens(options: TokenOptions) -> None:
    """List, make and revoke the tokens of `spinscreen serve`. A server that runs sees it at once.

    Examples:

      spinscreen tokens

      spinscreen tokens --add Anna --add Guest:viewer --days 7

      spinscreen tokens --revoke Guest

      spinscreen tokens --link Anna --address http://lab-pc:8710/
    """
    from campaigns.web.settings import TokenFile

    held = TokenFile(options.token_file or _default_file())
    for name in options.revoke or []:
        held.revoke(name)
        console.note(f"the token of {name} is revoked, and its sessions are over")
    _make(held, [_person(text, "--add") for text in options.add or []], options.days)
    for name in options.link or []:
        _show_link(name, f"{options.address.rstrip('/')}/login?link={held.link(name)}")
    listed = [{"name": t.name, "role": t.role, "made_at": t.made_at, "expires_at": t.expires_at} for t in held]
    console.answer(listed, lambda: _list(held))


def _list(held: TokenFile) -> None:
    if not len(held):
        console.note(f"{held.path} holds no token")
    for token in held:
        ends = f"{'ended' if token.is_over else 'until'} {token.expires_at[:10]}" if token.expires_at else "no end"
        line = f"{token.name}: {token.role}, made {token.made_at[:10]}, {ends}"
        console.out.print(line, soft_wrap=True, markup=False)


def _make(tokens: TokenFile, people: list[tuple[str, Role]], days: float) -> None:
    """Make tokens and print each once."""
    for name, role in people:
        console.out.print(f"token of {name} ({role}): {tokens.add(name, role, days)}", soft_wrap=True, markup=False)
    if people:
        console.note(
            f"kept as hashes in {tokens.path}, for {days:g} days; the tokens themselves are not shown again "
            "(`spinscreen tokens` lists and revokes them)"
        )


def _person(text: str, option: str = "--add-token") -> tuple[str, Role]:
    from campaigns.web.settings import Role

    name, colon, role = text.rpartition(":")
    if not colon:
        return text, Role.EDITOR
    if role not in tuple(Role):
        raise typer.BadParameter(f"{role!r} is no role; use viewer or editor", param_hint=option)
    return name, Role(role)


def _default_file() -> Path:
    from platformdirs import user_config_path

    return user_config_path("spinscreen") / "tokens.json"


class McpOptions(OptionGroup):
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="Of the server that `spinscreen serve` started.")
    ] = "http://127.0.0.1:8710"
    token_env: Annotated[
        str, "Environment variable with the token of whoever lets the model in.", {"metavar": "NAME"}
    ] = "SPINSCREEN_TOKEN"
    read_only: Annotated[bool, "Offer no verb that writes, whatever the token."] = False


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
