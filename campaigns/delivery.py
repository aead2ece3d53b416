"""The process that delivers a message to hooks: posts and runs, signs, tries again with a limit, and logs.

Posts are signed as the Standard Webhooks specification says (standardwebhooks.com, symmetric signatures v1).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from campaigns.hooks import Hook, is_own_host, record

#: Where this variable is 1, commands of a campaign's description are run.
MAY_RUN = "SPINSCREEN_HOOK_COMMANDS"
#: Answers after which another try makes sense, beside 5xx.
_LATER = frozenset({408, 429})
DELIVERED = "delivered"


class _GivenUpError(Exception):
    """Another try would end the same."""


class _FailedError(Exception):
    """Another try may do."""


def signature(secret: str, identity: str, seconds: int, body: bytes) -> str:
    """The header webhook-signature: "v1," and the HMAC-SHA256 of id, time and body, base64.

    Example:
        >>> signature("the lab's key", "msg_1", 1614265330, b"{}")[:3]
        'v1,'
    """
    key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
    signed = f"{identity}.{seconds}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


async def deliver(hook: Hook, message: Mapping[str, Any], log: Path) -> bool:
    """Tell one hook, try again where that makes sense, and log each try. Returns whether it was told."""
    for attempt in range(1, hook.tries + 1):
        try:
            async with asyncio.timeout(hook.timeout_s):
                await (_post(hook, message) if hook.url else _run(hook, message))
        except TimeoutError:
            outcome, is_last = f"no answer within {hook.timeout_s:g} s", attempt == hook.tries
        except _FailedError as error:
            outcome, is_last = str(error), attempt == hook.tries
        except _GivenUpError as error:
            outcome, is_last = str(error), True
        else:
            record(log, hook, message, attempt, DELIVERED)
            return True
        record(log, hook, message, attempt, f"{outcome}; {'given up' if is_last else 'tried again'}")
        if is_last:
            return False
        await asyncio.sleep(hook.pause_s * 2 ** (attempt - 1))
    return False


async def _post(hook: Hook, message: Mapping[str, Any]) -> None:
    body, seconds = json.dumps(message, ensure_ascii=False).encode(), int(time.time())
    headers = {
        "content-type": "application/json",
        "user-agent": "spinscreen",
        "webhook-id": message["id"],
        "webhook-timestamp": str(seconds),
    }
    if hook.secret_env:
        secret = os.environ.get(hook.secret_env, "")
        if not secret:
            raise _GivenUpError(f"the environment variable {hook.secret_env} with the key is not set: nothing was sent")
        try:
            headers["webhook-signature"] = signature(secret, message["id"], seconds, body)
        except ValueError:
            raise _GivenUpError(f"the key in {hook.secret_env} is no base64 after whsec_: nothing was sent") from None
    trusts_proxy = not is_own_host(urlsplit(hook.url).hostname or "")
    try:
        async with (
            httpx.AsyncClient(timeout=hook.timeout_s, trust_env=trusts_proxy, follow_redirects=False) as client,
            client.stream("POST", hook.url, content=body, headers=headers) as answer,
        ):
            code, where = answer.status_code, answer.headers.get("location", "elsewhere")
    except httpx.TransportError as error:
        raise _FailedError(f"no answer ({str(error) or type(error).__name__})") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _GivenUpError(f"no answer ({error})") from error
    if 300 <= code < 400:
        raise _GivenUpError(f"it redirects ({code}) to {where[:200]}, which is not followed: give the final address")
    if code in _LATER or code >= 500:
        raise _FailedError(f"answered {code}")
    if code >= 400:
        raise _GivenUpError(f"refused with {code}")


async def _run(hook: Hook, message: Mapping[str, Any]) -> None:
    if os.environ.get(MAY_RUN) != "1":
        raise _GivenUpError(f"commands of a campaign run only where {MAY_RUN}=1 is set: nothing was run")
    quiet = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *hook.command, stdin=asyncio.subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True
        )
    except (OSError, ValueError) as error:
        raise _GivenUpError(f"it cannot be run ({error})") from error
    try:
        await process.communicate(json.dumps(message, ensure_ascii=False).encode())
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        raise _FailedError(f"it ended with exit code {process.returncode}")


async def _deliver_all(work: Mapping[str, Any]) -> None:
    hooks = [Hook.model_validate(one) for one in work["hooks"]]
    await asyncio.gather(*(deliver(hook, work["message"], Path(work["log"])) for hook in hooks))


if __name__ == "__main__":
    asyncio.run(_deliver_all(json.load(sys.stdin)))
