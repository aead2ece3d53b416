"""Who may do what: tokens with a name and a role, of which only hashes are kept."""

from __future__ import annotations

import json
import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Any

from campaigns.web.errors import TokenError

__all__ = ["Role", "TokenFile"]


_NAME = re.compile(r"[\w .@+-]{1,60}")


class Role(StrEnum):
    """A viewer reads; an editor also accepts, ingests and retracts."""

    VIEWER = "viewer"
    EDITOR = "editor"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks. `token_hash` is empty where no token was needed."""

    name: str
    role: Role
    token_hash: str = ""

    @property
    def may_write(self) -> bool:
        """Whether they may change a campaign."""
        return self.role is Role.EDITOR


class TokenFile:
    """Tokens in a file that only its owner reads: names, roles and SHA-256 hashes.

    A token is 256 random bits, so its plain hash cannot be reversed by trying. The file also holds the key that signs
    session cookies, so that sessions outlive a restart.
    """

    def __init__(self, path: Path) -> None:
        """Read `path`, which need not exist.

        Raises:
            TokenError: if it is no token file.
        """
        self.path = path
        self._rows: list[dict[str, Any]] = []
        self.secret = secrets.token_hex(32)
        if path.exists():
            try:
                held = json.loads(path.read_text(encoding="utf-8"))
                self._rows, self.secret = list(held["tokens"]), str(held["secret"])
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise TokenError(f"{path} is not a token file ({error}); name another, or remove it") from error

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, name: str, role: Role) -> str:
        """Make a token, keep its hash, return it: this is the only time it is seen.

        Raises:
            TokenError: for a name that is taken or not a name, or a file that cannot be written.
        """
        if not _NAME.fullmatch(name):
            raise TokenError(f"{name!r} is no name for a token; use letters, digits, blanks and . @ + - (at most 60)")
        if any(row["name"] == name for row in self._rows):
            raise TokenError(f"{self.path} has a token for {name!r} already; give another name, or remove that one")
        token = secrets.token_urlsafe(32)
        made = datetime.now(UTC).isoformat(timespec="seconds")
        self._rows.append({"name": name, "role": role.value, "sha256": _hash(token), "made_at": made})
        self._write()
        return token

    def identify(self, token: str) -> Identity | None:
        """Whose token it is, None if nobody's."""
        return self.identify_hash(_hash(token))

    def identify_hash(self, token_hash: str) -> Identity | None:
        """Whose token has this hash; None if nobody's, or no longer."""
        found = [row for row in self._rows if compare_digest(row["sha256"].encode(), token_hash.encode())]
        return Identity(found[0]["name"], Role(found[0]["role"]), found[0]["sha256"]) if found else None

    def _write(self) -> None:
        draft = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        text = json.dumps({"secret": self.secret, "tokens": self._rows}, indent=2)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            draft.replace(self.path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise TokenError(f"{self.path} cannot be written ({error.strerror})") from error


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()
