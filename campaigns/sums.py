"""Sums over the blocks of a campaign's database file, kept beside it: a byte that changed in a place where no event and
no kept file stands is seen by nothing else."""

from __future__ import annotations

import json
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from campaigns.errors import StoreError
from campaigns.files import write_whole

#: The sums in a campaign's folder; whoever deletes them loses this check until the next event.
SUMS = "campaign.sums"
_BLOCK = 1 << 16
_LEFT_OUT = "bytes of the database that hold neither an event nor a file were not compared"


def write_sums(database: Path, number: int, hash_: str) -> None:
    """Keep the sums of the file as it is after the event with this number and hash; a failure leaves the old ones.

    Nothing is written while the file's write-ahead log is there: another process is at work, and writes them after.
    """
    with suppress(OSError, StoreError):
        if not _has_log(database):
            content = {"event": number, "hash": hash_, "blocks": _blocks(database)}
            text = json.dumps([content, _sum(content)])
            write_whole(database.with_name(SUMS), lambda draft: draft.write_text(text, encoding="utf-8"), durable=False)


def compare_sums(database: Path, number: int, hash_: str) -> tuple[str, str]:
    """What is wrong by the sums, and why they say nothing; "" for each where it is not so."""
    path = database.with_name(SUMS)
    try:
        content, own = json.loads(path.read_text(encoding="utf-8"))
        wrong_sum = "" if own == _sum(content) else "its own sum is another"
    except FileNotFoundError:
        return "", f"{path} is not there; {_LEFT_OUT}"
    except (OSError, ValueError, TypeError) as error:
        wrong_sum = str(error)
    if wrong_sum:
        return f"{path} is damaged ({wrong_sum}); the next event writes it anew", ""
    if content["event"] > number:
        return f"{database}: event {content['event']} was written here and is gone; the last one now is {number}", ""
    if content["event"] < number or _has_log(database):
        return (
            "",
            f"{path} is of event {content['event']}: bytes of {database.name} between its events were not compared",
        )
    if content["hash"] != hash_:
        return f"{database}: event {number} is another one than was written here", ""
    blocks = _blocks(database)
    wrong = next((i for i, pair in enumerate(zip(content["blocks"], blocks, strict=False)) if pair[0] != pair[1]), None)
    if wrong is None and len(blocks) == len(content["blocks"]):
        return "", ""
    start = (min(len(blocks), len(content["blocks"])) if wrong is None else wrong) * _BLOCK
    return f"{database} changed after event {number} was written, in the {_BLOCK // 1024} kB from byte {start:,} on", ""


def _has_log(database: Path) -> bool:
    return any(database.with_name(f"{database.name}-{end}").exists() for end in ("wal", "journal"))


def _blocks(path: Path) -> list[str]:
    with path.open("rb") as stream:
        return [sha256(block).hexdigest()[:16] for block in iter(lambda: stream.read(_BLOCK), b"")]


def _sum(content: dict[str, Any]) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
