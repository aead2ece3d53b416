"""Hooks: a real server on this machine is posted to, and hangs, redirects, refuses."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from campaigns import Campaign, CampaignConfig
from campaigns.delivery import deliver, signature
from campaigns.errors import ConfigError
from campaigns.events import EventKind
from campaigns.hooks import HOOK_LOG, Hook
from tests.campaigns.conftest import described

MESSAGE = {"id": "msg_1", "type": "measured", "campaign": "demo", "timestamp": "2026-01-01T00:00:00+00:00", "data": {}}


class Server(ThreadingHTTPServer):
    """Keeps what is posted, and answers as its path says."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.posts: list[tuple[str, dict[str, str], bytes]] = []
        self.release = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def wait_for(self, kinds: set[str], patience_s: float = 30.0) -> dict[str, Any]:
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            found = {(told := json.loads(body))["type"]: told for _, _, body in self.posts}
            if kinds <= found.keys():
                return found
            time.sleep(0.05)
        raise AssertionError(f"told only of {[json.loads(body)['type'] for *_, body in self.posts]}")


class Answering(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.posts.append((self.path, {key.lower(): value for key, value in self.headers.items()}, body))
        if self.path == "/hangs":
            self.server.release.wait(20)
            return
        second_try = len(self.server.posts) > 1
        code = {"/redirects": 302, "/refuses": 403, "/busy": 503, "/busy-once": 200 if second_try else 503}
        self.send_response(code.get(self.path, 200))
        self.send_header("location", "http://192.0.2.1/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.release.set()
        running.shutdown()
        thread.join()


def tried(hook: Hook, log: Path) -> list[str]:
    asyncio.run(deliver(hook, MESSAGE, log))
    return [json.loads(line)["outcome"] for line in log.read_text(encoding="utf-8").splitlines()]


def test_a_hook_is_told_of_results_the_goal_suggestions_and_surprises(year: Campaign, server: Server) -> None:
    hooks = [{"url": server.address, "secret_env": ""}]
    year.amend(described(hooks=hooks, objective={"goal_lifetime_ps": 400}), confirmed=True)
    year.observe([{"formula": "(CMA)2PbI4", "lifetime_ps": 500.0, "sample": "A1"}])
    suggested = year.suggest()
    fit = dict(year.state.fits[suggested.data_key]) | {"surprises": ["500 ps where 1 ps was expected"]}
    year._append(EventKind.FITTED, fit, key="another fit")
    told = server.wait_for({"measured", "goal", "surprise", "suggested"})
    assert told["measured"]["data"]["rows"][0]["value"] == 500.0
    assert told["goal"]["data"]["goal_lifetime_ps"] == 400
    assert told["surprise"]["data"]["surprises"] == ["500 ps where 1 ps was expected"]
    assert [s["formula"] for s in told["suggested"]["data"]["suggestions"]] == [
        s.formula for s in suggested.suggestions
    ]
    year.observe([{"formula": "(CMA)2PbI4", "lifetime_ps": 600.0, "sample": "A2"}])
    until = time.monotonic() + 30
    while (told := [json.loads(body)["type"] for *_, body in server.posts]).count("measured") < 2:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert told.count("goal") == 1  # it was reached before


def test_a_campaign_does_not_wait_for_a_hook_that_hangs(year: Campaign, server: Server) -> None:
    year.amend(described(hooks=[{"url": server.address + "/hangs", "timeout_s": 0.2, "tries": 1}]), confirmed=True)
    before = time.monotonic()
    assert year.observe([{"formula": "(CMA)2PbI4", "lifetime_ps": 3.0, "sample": "A1"}]).added == 1
    assert not server.posts or time.monotonic() - before < 15  # the server lets go after 20
    log = year.folder / HOOK_LOG
    until = time.monotonic() + 30
    while not (log.exists() and log.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    assert json.loads(log.read_text())["outcome"] == "no answer within 0.2 s; given up"


def test_a_post_is_signed_as_the_specification_says(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The example of the specification's own libraries (github.com/standard-webhooks/standard-webhooks).
    secret, body = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == expected
    hook = Hook(url=server.address, secret_env="A_HOOKS_KEY")
    assert "A_HOOKS_KEY with the key is not set: nothing was sent" in tried(hook, tmp_path / "log")[0]
    assert server.posts == []
    monkeypatch.setenv("A_HOOKS_KEY", secret)
    assert tried(hook, tmp_path / "log")[1:] == ["delivered"]
    ((_, headers, content),) = server.posts
    assert json.loads(content) == MESSAGE
    seconds = int(headers["webhook-timestamp"])
    assert headers["webhook-signature"] == signature(secret, headers["webhook-id"], seconds, content)


@pytest.mark.parametrize(
    ("path", "outcomes"),
    [
        ("/busy", ["answered 503; tried again", "answered 503; given up"]),
        ("/busy-once", ["answered 503; tried again", "delivered"]),
        ("/refuses", ["refused with 403; given up"]),
        (
            "/redirects",
            [
                "it redirects (302) to http://192.0.2.1/elsewhere, which is not followed: give the final address; "
                "given up"
            ],
        ),
        ("/hangs", ["no answer within 0.2 s; tried again", "no answer within 0.2 s; given up"]),
    ],
)
def test_what_makes_sense_is_tried_again_with_a_limit_and_logged(
    server: Server, tmp_path: Path, path: str, outcomes: list[str]
) -> None:
    timeout_s = 0.2 if path == "/hangs" else 10.0
    assert (
        tried(Hook(url=server.address + path, timeout_s=timeout_s, tries=2, pause_s=0.01), tmp_path / "l") == outcomes
    )
    # A busy machine may send nothing within 0.2 s.
    assert len(server.posts) == len(outcomes) or path == "/hangs"


def test_nobody_there_is_tried_again_and_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    hook = Hook(url="http://127.0.0.1:9/", tries=2, pause_s=0.01)
    assert len(tried(hook, tmp_path / "log")) == 2
    assert not asyncio.run(deliver(hook, MESSAGE, tmp_path / "no folder" / "log"))


def test_a_command_gets_the_message_where_commands_are_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, log = tmp_path / "told.json", tmp_path / "log"
    script = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())"
    hook = Hook(command=(sys.executable, "-S", "-c", script, str(target)))
    assert "SPINSCREEN_HOOK_COMMANDS=1" in tried(hook, log)[-1]
    assert not target.exists()
    monkeypatch.setenv("SPINSCREEN_HOOK_COMMANDS", "1")
    assert tried(hook, log)[-1] == "delivered"
    assert json.loads(target.read_text()) == MESSAGE
    assert "cannot be run" in tried(Hook(command=("no such program",)), log)[-1]
    sleeps = Hook(command=(sys.executable, "-S", "-c", "import time; time.sleep(60)"), timeout_s=0.3, tries=1)
    assert tried(sleeps, log)[-1] == "no answer within 0.3 s; given up"
    fails = Hook(command=(sys.executable, "-S", "-c", "raise SystemExit(3)"), tries=1)
    assert tried(fails, log)[-1] == "it ended with exit code 3; given up"


@pytest.mark.parametrize(
    ("hook", "sentence"),
    [
        ({}, "one url or one command"),
        ({"url": "https://a.example", "command": ["x"]}, "one url or one command"),
        ({"url": "http://lab.example/hook"}, "write https, or is_anywhere: true"),
        ({"url": "http://127.0.0.1.lab.example/"}, "write https, or is_anywhere: true"),
        ({"url": "file:///etc/passwd"}, "no address that can be posted to"),
        ({"url": "https://anna:geheim@lab.example"}, "holds a password"),
        ({"url": "https://lab.example:port/"}, "is no address"),
        ({"url": "https://lab.example", "tries": 1000}, "give 10 or less"),
        ({"url": "https://lab.example", "on": ["sometimes"]}, "'suggested', 'measured', 'surprise' or 'goal'"),
    ],
)
def test_a_target_that_will_not_do_is_refused_in_a_sentence(hook: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=r"hooks\[0\]") as refused:
        CampaignConfig.parse({"hooks": [hook]})
    assert sentence in str(refused.value)


def test_loopback_and_what_was_said_of_are_taken() -> None:
    for url in ("http://localhost:1/", "http://127.8.0.1/", "http://[::1]:80/x", "https://lab.example"):
        assert Hook(url=url).name == url
    assert Hook(url="http://lab.example", is_anywhere=True).url == "http://lab.example"


def test_hooks_change_no_fit_and_stand_in_the_file_of_the_description() -> None:
    config = CampaignConfig.parse({"hooks": [{"command": ["announce"], "on": ["goal"]}]})
    assert config.key_fields() == CampaignConfig().key_fields()
    assert CampaignConfig.parse(config.in_sections()) == config
