"""From files in a request to measurements in a campaign."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from fastapi import UploadFile

from campaigns.summary import IngestResult
from campaigns.web.desk import Desk
from campaigns.web.drafts import Draft, Drafts, Uploaded, clean_name
from campaigns.web.errors import QueryError

__all__ = ["confirm", "ingest_table", "uploads_of"]


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
    desk: Desk, drafts: Drafts, upload: Uploaded, *, accept_extreme: bool = False, dry_run: bool = False
) -> IngestResult:
    """Take in a table, whole or not at all.

    Raises:
        IngestError: listing every problem with its row and column.
    """
    with tempfile.TemporaryDirectory(dir=drafts.root) as folder:
        path = Path(folder) / clean_name(upload.name)
        path.write_bytes(upload.content)
        with desk.writing() as campaign:
            return campaign.ingest(path, accept_extreme=accept_extreme, dry_run=dry_run)
