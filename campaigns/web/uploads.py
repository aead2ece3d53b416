"""From files in a request to measurements in a campaign."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi import UploadFile

from campaigns.summary import IngestResult
from campaigns.web.desk import Desk
from campaigns.web.drafts import Draft, Drafts, Uploaded, clean_name
from campaigns.web.errors import QueryError

__all__ = ["confirm", "ingest_table", "ingest_values", "uploads_of"]


def uploads_of(given: Mapping[str, Sequence[UploadFile | None]]) -> list[Uploaded]:
    """The files of a request by role; empty fields of a form are passed over."""
    return [
        Uploaded(role, file.filename or "", file.file.read())
        for role, files in given.items()
        for file in files
        if file is not None and (file.filename or file.size)
    ]


def confirm(desk: Desk, draft: Draft) -> IngestResult:
    """Take the fitted lifetime of a draft into the campaign, with its raw files.

    The same files of the same compound are taken in once, however many people confirm them.

    Raises:
        QueryError: if the draft has no fit or no compound.
    """
    if draft.fit is None:
        raise QueryError(draft.problem or "there is no fit to confirm")
    if not draft.formula:
        raise QueryError("say which compound was measured")
    with desk.writing() as campaign:
        return campaign.ingest_trace(draft.formula, draft.fit, draft.paths, sample=draft.sample)


def ingest_table(
    desk: Desk, drafts: Drafts, upload: Uploaded, *, dry_run: bool = False, keep_going: bool = False, **reading: Any
) -> IngestResult:
    """Take in a table, whole or not at all; or, where `keep_going`, the rows that are right.

    Args:
        desk: the campaign's.
        drafts: whose folder the table may lie in meanwhile.
        upload: the table.
        dry_run: check everything and write nothing.
        keep_going: leave out the rows that cannot be taken in.
        reading: `campaigns.ingest.ReadingOptions`.

    Raises:
        UnconfirmedError: if columns or units had to be guessed.
        IngestError: listing every problem with its row and column.
    """
    with _as_file(drafts, upload) as path, desk.writing() as campaign:
        return campaign.ingest(path, dry_run=dry_run, keep_going=keep_going, **reading)


def ingest_values(
    desk: Desk,
    drafts: Drafts,
    upload: Uploaded,
    name: str,
    *,
    dry_run: bool = False,
    keep_going: bool = False,
    **reading: Any,
) -> IngestResult:
    """Take in a table of values of the property called `name`; the rest is as for `ingest_table`.

    Raises:
        PropertyError: if the campaign has no such property.
        IngestError: listing every problem with its row and column.
    """
    with _as_file(drafts, upload) as path, desk.writing() as campaign:
        return campaign.ingest_values(path, name, dry_run=dry_run, keep_going=keep_going, **reading)


@contextmanager
def _as_file(drafts: Drafts, upload: Uploaded) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=drafts.root) as folder:
        path = Path(folder) / clean_name(upload.name)
        path.write_bytes(upload.content)
        yield path
