"""`spinscreen serve` before it serves: tokens where they are needed, messages where it cannot."""

from __future__ import annotations

import json
import pwd
from pathlib import Path

import pytest
from typer.testing import CliRunner

from campaigns.cli.app import app
from campaigns.errors import CampaignNotFoundError, WebError
from campaigns.web import app as server
from campaigns.web.settings import Settings, other_people
from tests.campaigns.small import created

started: list[Settings] = []


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    started.clear()
    monkeypatch.setattr(server, "run", lambda settings, port, ready: started.append(settings))
    monkeypatch.setattr("campaigns.web.settings.other_people", lambda: ())


def serve(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["serve", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_on_loopback_nobody_needs_a_token(tmp_path: Path) -> None:
    assert serve(str(tmp_path)) == ""
    assert started[0].tokens is None
    assert started[0].allowed_hosts is not None


def test_where_others_have_accounts_tokens_are_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.web.settings.other_people", lambda: ("ben", "eva"))
    where = [str(tmp_path), "--token-file", str(tmp_path / "tokens.json")]
    assert serve(*where).count("token of") == 2
    assert started[0].tokens is not None
    serve(str(tmp_path), "--open")
    assert started[1].tokens is None
    refused = CliRunner().invoke(app, ["serve", *where, "--open", "--host", "0.0.0.0"])
    assert refused.exit_code == 2


def test_people_are_those_who_can_log_in_and_who_run_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = [
        pwd.struct_passwd(("root", "x", 0, 0, "", str(tmp_path), "/bin/bash")),
        pwd.struct_passwd(("me", "x", 1000, 1000, "", str(tmp_path), "/bin/bash")),
        pwd.struct_passwd(("eva", "x", 1001, 1001, "", str(tmp_path), "/bin/zsh")),
        pwd.struct_passwd(("daemon", "x", 1002, 1002, "", str(tmp_path), "/usr/sbin/nologin")),
        pwd.struct_passwd(("gone", "x", 1003, 1003, "", str(tmp_path / "no"), "/bin/sh")),
    ]
    monkeypatch.setattr(pwd, "getpwall", lambda: accounts)
    monkeypatch.setattr("campaigns.web.settings.os.getuid", lambda: 1000)
    assert [name for name in other_people() if not name.isdecimal()] == ["eva"]


def test_elsewhere_tokens_are_made_once_and_printed_once(tmp_path: Path) -> None:
    where = ["--host", "0.0.0.0", "--token-file", str(tmp_path / "tokens.json")]
    told = serve(str(tmp_path), *where)
    assert told.count("token of") == 2
    tokens = started[0].tokens
    assert tokens is not None
    known = tokens.identify(told.splitlines()[0].split(": ")[1])
    assert known is not None
    assert known.may_write
    assert told.splitlines()[0].split(": ")[1] not in (tmp_path / "tokens.json").read_text()
    assert serve(str(tmp_path), *where) == ""
    more = serve(str(tmp_path), *where, "--add-token", "Anna", "--add-token", "Wall:viewer")
    assert "token of Anna (editor)" in more
    assert "token of Wall (viewer)" in more
    assert len(json.loads((tmp_path / "tokens.json").read_text())["tokens"]) == 4


def test_plain_http_beyond_this_machine_is_warned_of(tmp_path: Path) -> None:
    where = [str(tmp_path), "--host", "0.0.0.0", "--token-file", str(tmp_path / "tokens.json")]
    assert "plain HTTP" in CliRunner().invoke(app, ["serve", *where]).stderr
    assert "plain HTTP" not in CliRunner().invoke(app, ["serve", *where, "--https"]).stderr
    assert "plain HTTP" not in CliRunner().invoke(app, ["serve", str(tmp_path)]).stderr


def test_tokens_are_listed_made_and_revoked(tmp_path: Path) -> None:
    def tokens(*arguments: str) -> str:
        where = ["tokens", "--token-file", str(tmp_path / "tokens.json")]
        result = CliRunner().invoke(app, [*where, *arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    made = tokens("--add", "Anna", "--add", "Guest:viewer", "--days", "7")
    assert "token of Guest (viewer): " in made
    told = json.loads(tokens("--json"))
    assert [(one["name"], one["role"]) for one in told] == [("Anna", "editor"), ("Guest", "viewer")]
    assert all(one["made_at"] < one["expires_at"] for one in told)
    assert "Guest" not in tokens("--revoke", "Guest")
    assert "Anna: editor, made" in tokens()


def test_an_unknown_role_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["serve", str(tmp_path), "--add-token", "Anna:boss"])
    assert result.exit_code == 2
    assert "viewer or editor" in result.output


def test_a_folder_without_a_campaign_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with pytest.raises(CampaignNotFoundError):
        server.run(Settings((tmp_path,)), 0, print)


def test_an_address_that_is_not_ours_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    folder = created(tmp_path / "small").folder
    with pytest.raises(WebError, match="cannot listen on"):
        server.run(Settings((folder,), host="203.0.113.1"), 1, print)
