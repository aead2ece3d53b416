"""Several processes at once that have imported the campaign floor already: forked from a server that did so once."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from campaigns.campaign import Campaign
from campaigns.database import create_store
from campaigns.events import EventKind

__all__ = [
    "all_at_once",
    "append_forever",
    "append_many",
    "create",
    "ingest",
    "ingest_values",
    "ingest_values_forever",
    "process",
]

_CONTEXT: ForkServerContext = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__, "alembic.command", "psycopg", "sqlalchemy.dialects.postgresql"])


def process(task: Callable[..., object], *arguments: Any) -> BaseProcess:
    """A process that will run `task`."""
    return _CONTEXT.Process(target=task, args=arguments)


def all_at_once(task: Callable[..., object], arguments: Sequence[tuple[Any, ...]]) -> list[int | None]:
    """Run `task` once for each tuple of arguments, all at the same time; the exit codes."""
    processes = [process(task, *each) for each in arguments]
    for one in processes:
        one.start()
    for one in processes:
        one.join(120)
    return [one.exitcode for one in processes]


def ingest(folder: Path, tables: Sequence[Path]) -> None:
    """Take tables into the campaign in `folder`, one after the other."""
    campaign = Campaign.open(folder)
    for table in tables:
        campaign.ingest(table)


def ingest_values(folder: Path, name: str, tables: Sequence[Path]) -> None:
    """Take tables of a property's values into the campaign in `folder`, one after the other."""
    campaign = Campaign.open(folder)
    for table in tables:
        campaign.ingest_values(table, name)


def ingest_values_forever(folder: Path, name: str, drafts: Path, acknowledged: Path) -> None:
    """Take in one value after the other, and write the sample of each that was acknowledged into a file."""
    campaign, table = Campaign.open(folder), drafts / "one.csv"
    with acknowledged.open("a") as file:
        for i in range(100_000):
            table.write_text(f"compound,value,sample\n(PA)2PbI4,2.5,s{i}\n")
            campaign.ingest_values(table, name)
            file.write(f"s{i}\n")
            file.flush()


def create(folder: Path, address: str | None) -> None:
    """Create a campaign's store."""
    create_store(folder, address).append(EventKind.CREATED, {}, key="created")


def append_many(folder: Path, worker: int, count: int) -> None:
    """Append events of this worker's own, and such as every worker appends."""
    log = create_store(folder)
    for i in range(count):
        log.append(EventKind.OBSERVED, {"worker": worker, "i": i}, key=f"{worker}-{i}")
        log.append(EventKind.OBSERVED, {"shared": i}, key=f"shared-{i}")


def append_forever(folder: Path, address: str | None, acknowledged: Path) -> None:
    """Append event after event, and write the key of each that was acknowledged into a file."""
    log = create_store(folder, address)
    with acknowledged.open("a") as file:
        for i in range(100_000):
            log.append(EventKind.OBSERVED, {"i": i}, key=str(i))
            file.write(f"{i}\n")
            file.flush()
