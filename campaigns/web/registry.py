"""All campaigns of one server."""

from __future__ import annotations

import getpass
import re
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

from campaigns.web.errors import NotServedError
from campaigns.web.jobs import JobBoard
from campaigns.web.service import Desk
from campaigns.web.settings import Settings
from campaigns.web.tokens import Identity, Role, Sessions
from campaigns.web.uploads import Drafts, Tables


class Office:
    """The campaigns by their names in addresses, the jobs, and the uploads that wait for a decision."""

    def __init__(self, settings: Settings) -> None:
        """Open every campaign.

        Raises:
            CampaignNotFoundError, StoreError, SchemaError: if one cannot be opened.
        """
        self.settings = settings
        self.board = JobBoard()
        self._whoever = None if settings.tokens is not None else Identity(getpass.getuser(), Role.EDITOR)
        self.sessions = Sessions(secrets.token_hex(32) if settings.tokens is None else settings.tokens.secret)
        self._desks: dict[str, Desk] = {}
        for folder in settings.folders:
            slug = _slug(folder, self._desks)
            self._desks[slug] = Desk(slug, folder, self.board, settings)
        self._uploads = tempfile.TemporaryDirectory(prefix="spinscreen-uploads-")
        self.drafts, self.tables = Drafts(Path(self._uploads.name)), Tables(Path(self._uploads.name))

    def __iter__(self) -> Iterator[Desk]:
        return iter(self._desks.values())

    def __len__(self) -> int:
        return len(self._desks)

    def desk(self, slug: str) -> Desk:
        """The campaign called `slug`.

        Raises:
            NotServedError: if there is none.
        """
        try:
            return self._desks[slug]
        except KeyError:
            raise NotServedError(
                f"no campaign {slug[:60]!r} is served here; there are: {', '.join(self._desks)}"
            ) from None

    def known(self, slug: str) -> Desk | None:
        """The campaign called `slug`, None if there is none."""
        return self._desks.get(slug)

    def start(self) -> None:
        """Begin with background work."""
        self.board.start()
        if self.settings.prepare:
            for desk in self:
                desk.prepare("server")

    def stop(self) -> None:
        """Release everything."""
        self.board.stop()
        self._uploads.cleanup()

    def whoever(self) -> Identity | None:
        """Who somebody without a token is: the login user where none is needed, else nobody."""
        return self._whoever


def _slug(folder: Path, taken: dict[str, Desk]) -> str:
    """The folder's name as it can stand in an address; numbered where two are called the same."""
    base = re.sub(r"[^A-Za-z0-9_-]+", "-", folder.resolve().name).strip("-").lower() or "campaign"
    names = [base, *(f"{base}-{number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)
