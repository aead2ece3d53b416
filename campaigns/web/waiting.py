"""Uploads that wait until somebody confirms them: a limited number, each with a folder of its own."""

from __future__ import annotations

import shutil
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from campaigns.web.errors import NotServedError

__all__ = ["KEPT", "Waiting"]

#: Uploads that are kept; the oldest go first.
KEPT = 60


class _Upload(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def campaign(self) -> str: ...

    @property
    def folder(self) -> Path: ...


Upload = TypeVar("Upload", bound=_Upload)


class Waiting(Generic[Upload]):
    """Uploads by their name; safe for several threads."""

    def __init__(self, gone: str) -> None:
        """Nothing waits yet; `gone` is what is said of an upload that is not here."""
        self._gone = gone
        self._lock = threading.Lock()
        self._uploads: OrderedDict[str, Upload] = OrderedDict()

    def put(self, upload: Upload) -> Upload:
        """Keep an upload; the oldest ones beyond `KEPT` are forgotten with their files."""
        with self._lock:
            self._uploads[upload.id] = upload
            while len(self._uploads) > KEPT:
                _, old = self._uploads.popitem(last=False)
                shutil.rmtree(old.folder, ignore_errors=True)
        return upload

    def get(self, campaign: str, name: str) -> Upload:
        """The upload called `name` of a campaign.

        Raises:
            NotServedError: if there is none (any more).
        """
        upload = self._uploads.get(name)
        if upload is None or upload.campaign != campaign:
            raise NotServedError(self._gone)
        return upload

    def change(self, upload: Upload) -> Upload:
        """Put a changed upload in the place of the one of its name, if that still waits."""
        with self._lock:
            if upload.id in self._uploads:
                self._uploads[upload.id] = upload
        return upload

    def drop(self, upload: Upload) -> None:
        """Forget an upload and its files."""
        with self._lock:
            self._uploads.pop(upload.id, None)
        shutil.rmtree(upload.folder, ignore_errors=True)
