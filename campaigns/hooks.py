"""Hooks of a campaign: who is told of a suggested round, a result, a surprise, a goal that is reached.

A process of its own delivers (`campaigns.delivery`), so that no hook can hold up or fail the campaign.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args
from urllib.parse import urlsplit
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, model_validator

from campaigns.events import LIFETIME_PS, EventKind
from campaigns.files import title_of

if TYPE_CHECKING:
    from campaigns.state import CampaignState

#: When a hook is told something.
Occasion: TypeAlias = Literal["suggested", "measured", "surprise", "goal"]
#: What became of each try, in the campaign's folder: one JSON object a line.
HOOK_LOG = "hooks.jsonl"


class Hook(BaseModel):
    """Somebody who is told: a URL that is posted to, or a command that gets the message on its standard input."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    url: str = ""  #: https, or http on this machine's own address
    #: Program and arguments; it runs only where SPINSCREEN_HOOK_COMMANDS=1 is set, since a campaign's folder may come
    #: from somebody else.
    command: tuple[str, ...] = ()
    on: tuple[Occasion, ...] = Field(default=get_args(Occasion), min_length=1)  #: the occasions
    #: Environment variable with the key that signs what is posted; the key itself is kept nowhere.
    secret_env: str = Field(default="", pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")
    is_anywhere: bool = False  #: post by plain http to other machines too
    timeout_s: float = Field(default=10.0, gt=0, le=300)  #: patience with one try, s
    tries: int = Field(default=4, ge=1, le=10)  #: at most, where nobody answers, or with 408, 429 or 5xx
    pause_s: float = Field(default=2.0, gt=0, le=60)  #: before the second try, s; twice as long before each further one

    @model_validator(mode="after")
    def _one_target(self) -> Hook:
        if bool(self.url) == bool(self.command):
            raise ValueError("a hook is one url or one command, as {url: 'https://lab.example/hook'}")
        if self.command and self.secret_env:
            raise ValueError("a command is not signed; leave secret_env out")
        if self.url:
            self._check_url()
        return self

    def _check_url(self) -> None:
        try:
            parts = urlsplit(self.url)
            host = parts.hostname or ""
            _ = parts.port  # read here, so that a wrong one is refused
        except ValueError:
            raise ValueError(f"{self.url!r} is no address; write https://lab.example/hook") from None
        if parts.scheme not in ("http", "https") or not host:
            raise ValueError(f"{self.url!r} is no address that can be posted to; write https://lab.example/hook")
        if parts.username or parts.password:
            raise ValueError("the address holds a password, which the log would keep; sign by secret_env instead")
        if parts.scheme == "http" and not (self.is_anywhere or is_own_host(host)):
            raise ValueError(
                f"{self.url!r} would tell {host} over plain http what anybody on the way can read; write https, or "
                "is_anywhere: true"
            )

    @property
    def name(self) -> str:
        """What the log calls it."""
        return self.url or self.command[0]


def is_own_host(host: str) -> bool:
    """Whether a host of an address is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def occasions(
    kind: EventKind, payload: Mapping[str, Any], before: CampaignState
) -> Iterator[tuple[Occasion, dict[str, Any]]]:
    """What an event gives to tell, and the facts."""
    if kind is EventKind.SUGGESTED:
        yield "suggested", {"seed": payload["seed"], "suggestions": payload["suggestions"]}
    elif kind is EventKind.FITTED and payload.get("surprises"):
        yield "surprise", {"surprises": [*payload["surprises"]]}
    elif kind is EventKind.OBSERVED:
        rows = [row for row in payload["rows"] if row.get("retracted") is None]
        rows += payload.get("corrections", ())
        if rows:
            yield "measured", {"target": payload["target"], "file": payload["name"], "rows": rows}
        goal = before.config.objective.goal_lifetime_ps
        if goal is not None and payload["target"] == LIFETIME_PS:
            reached_before = any(row.value >= goal for row in before.measurements if not row.is_bound)
            reached = [row for row in rows if row["value"] >= goal and not row.get("is_bound")]
            if reached and not reached_before:
                yield "goal", {"goal_lifetime_ps": goal, "rows": reached}


#: Deliveries under way: kept, so that each is asked for its end before it is forgotten.
_under_way: list[subprocess.Popen[bytes]] = []


def tell(folder: Path, hooks: Sequence[Hook], occasion: Occasion, facts: Mapping[str, Any]) -> None:
    """Start a process that tells every hook of this occasion; nothing is waited for, and nothing raised."""
    asked = [hook for hook in hooks if occasion in hook.on]
    if not asked:
        return
    message = {
        "id": f"msg_{uuid4().hex}",
        "type": occasion,
        "campaign": title_of(folder),
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": dict(facts),
    }
    work = {"log": str(folder / HOOK_LOG), "hooks": [hook.model_dump(mode="json") for hook in asked]}
    _under_way[:] = [one for one in _under_way if one.poll() is None]
    try:
        with TemporaryFile() as file:  # not a pipe, which is full after 64 kB
            file.write(json.dumps(work | {"message": message}).encode())
            file.seek(0)
            _under_way.append(
                subprocess.Popen(
                    [sys.executable, "-P", "-m", "campaigns.delivery"],
                    stdin=file,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,  # so that Ctrl+C, or a closed terminal, ends the command only
                )
            )
    except OSError as error:
        for hook in asked:
            record(folder / HOOK_LOG, hook, message, 0, f"no process could be started: {error.strerror or error}")


def record(log: Path, hook: Hook, message: Mapping[str, Any], attempt: int, outcome: str) -> None:
    """Write what became of a try into the log; where it cannot be written, that stops nothing."""
    entry = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "hook": hook.name,
        "message": message["id"],
        "type": message["type"],
        "attempt": attempt,
        "outcome": outcome,
    }
    try:
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
    except OSError:
        return
