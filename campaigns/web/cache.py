"""What pages show of a fit, kept in the campaign's folder by the fit's key; it can be deleted at any time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache

from campaigns.artifacts import DEEP, prepared_folder, read_prepared
from campaigns.errors import StoreError
from campaigns.files import write_whole
from campaigns.web.query import MAX_INDEXED, RankIndex, build_index
from chemspace.progress import Progress
from oracle import default_store_path

if TYPE_CHECKING:
    from campaigns.round import Round


#: The model's figures in a fit's folder.
MODEL = "model.json"
#: What a file has to hold to be one; any other holds the paper's claims.
_FIELDS = {MODEL: frozenset({"figures", "progress", "left_out"}), DEEP: frozenset({"verdict"})}
#: Fits whose files are kept: the present one and the one before.
KEPT = 2


class Cache:
    """Files under `pages/` in a campaign's folder, one folder a fit, and the last ones read in memory."""

    def __init__(self, campaign_folder: Path, oracle_store: Path | None) -> None:
        """Keep what belongs to a campaign in its folder, and what is the same for all of them beside the oracle's
        store (None: the user's)."""
        self._campaign, self._shared = campaign_folder, (oracle_store or default_store_path()).parent
        self._read: LRUCache[Path, dict[str, Any]] = LRUCache(2 * KEPT)

    def index(self, key: str) -> RankIndex | None:
        """The ranking's arrays of the fit with this key, None where they are not laid out."""
        return RankIndex.open(self._folder(key) / "ranking")

    def drawn(self, key: str) -> dict[str, Any] | None:
        """What `draw` worked out, None before."""
        return self._load(self._folder(key) / MODEL)

    def deep(self, key: str) -> dict[str, Any] | None:
        """What `dig` worked out, None before."""
        return self._load(self._folder(key) / DEEP)

    def lay_out(self, key: str, fitted: Round, progress: Progress) -> None:
        """Score every compound of a round's space into arrays.

        Raises:
            StoreError: if the folder cannot be written, or the space is larger than `MAX_INDEXED`.
        """
        if len(fitted.space) > MAX_INDEXED:
            raise StoreError(
                f"the space holds {len(fitted.space):,} compounds; pages list spaces up to {MAX_INDEXED:,}, "
                "ranking.parquet holds the top of larger ones"
            )
        build_index(_make(self._folder(key)) / "ranking", fitted, progress)
        self._drop_old(key)

    def draw(self, key: str, fitted: Round, progress: Progress) -> None:
        """Work out the model's score card and figures."""
        from campaigns.report.view import model_view

        self._fill(self._folder(key) / MODEL, lambda: model_view(fitted, progress))

    def dig(self, key: str, fitted: Round, progress: Progress) -> None:
        """Work out what takes minutes: baselines, shuffled targets, learning curve, the paper's claims, a back-test."""
        from campaigns.report.view import deep_view, paper_view

        self._fill(self._folder(key) / DEEP, lambda: deep_view(fitted, progress))
        self._fill(self._paper, lambda: {"claims": paper_view(progress)})

    def paper(self) -> list[dict[str, Any]] | None:
        """The reference paper's claims beside what they come to, None before `dig`; the same for every campaign."""
        content = self._load(self._paper)
        return None if content is None else list(content["claims"])

    @cached_property
    def _paper(self) -> Path:
        """Worked out once for the paper's table and this code, by whichever campaign comes first."""
        from campaigns.report.view import paper_key

        return self._shared / f"paper-{paper_key()}.json"

    def _fill(self, path: Path, make: Callable[[], dict[str, Any]]) -> None:
        if self._load(path) is None:
            _make(path.parent)  # before the work, which a folder that cannot be written would waste
            text = json.dumps(make())
            _make(path.parent)  # later fits may have swept it away meanwhile
            write_whole(path, lambda draft: draft.write_text(text, encoding="utf-8"))

    def _load(self, path: Path) -> dict[str, Any] | None:
        if (known := self._read.get(path)) is not None:
            return known
        content = read_prepared(path)
        if not isinstance(content, dict) or not _FIELDS.get(path.name, frozenset({"claims"})) <= content.keys():
            return None  # not there, cut short or damaged: made again
        self._read[path] = content
        return content

    def _folder(self, key: str) -> Path:
        return prepared_folder(self._campaign, key)

    def _drop_old(self, key: str) -> None:
        here = self._folder(key)
        others = sorted((p for p in here.parent.iterdir() if p.is_dir() and p != here), key=lambda p: p.stat().st_mtime)
        for old in others[: max(0, len(others) - KEPT + 1)]:
            shutil.rmtree(old, ignore_errors=True)


def dig(campaign_folder: Path, oracle_store: Path | None, progress: Progress) -> None:
    """Work out what takes minutes for the present fit of the campaign in a folder, unless it is there.

    Raises:
        CampaignNotFoundError, StoreError: if the campaign, or the folder of its pages, cannot be used.
    """
    from campaigns.campaign import Campaign

    campaign = Campaign.open(campaign_folder, oracle_store=oracle_store)
    fit = campaign.fit()
    if fit is not None:  # else results have just come in, and the fit on them is checked after it
        Cache(campaign_folder, oracle_store).dig(fit.data_key, campaign.round(progress), progress)


def _make(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written ({error.strerror}); the pages need room there") from error
    return folder
