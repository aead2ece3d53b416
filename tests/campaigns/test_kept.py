"""Copies of the last computation: believed where they are right, missed by nobody where they are not."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from campaigns import Campaign
from campaigns.artifacts import CACHE, Kept
from campaigns.summary import SuggestionBatch
from tests.campaigns.conftest import Launched


def numbers(batch: SuggestionBatch) -> list[dict[str, object]]:
    return [suggestion.to_dict() for suggestion in batch.suggestions]


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the copies are good, nothing is to be validated or ranked again")

    monkeypatch.setattr("campaigns.round.validate", refuse)
    monkeypatch.setattr("campaigns.round.rank_space", refuse)


@pytest.mark.usefixtures("no_training")
def test_a_later_command_starts_from_what_an_earlier_one_worked_out(campaign: Campaign) -> None:
    assert len(campaign.suggest(3, seed=5).suggestions) == 3


def test_suggestions_from_copies_are_those_computed_afresh(launched: Launched, tmp_path: Path) -> None:
    with_copies, without = launched.copy(tmp_path / "with"), launched.copy(tmp_path / "without")
    shutil.rmtree(without.folder / CACHE)
    assert numbers(with_copies.suggest(3, seed=5)) == numbers(without.suggest(3, seed=5))
    assert with_copies.round().validation.to_dict() == without.round().validation.to_dict()
    ours, theirs = with_copies.round().ranking, without.round().ranking
    assert ours.frame.equals(theirs.frame)
    assert (ours.n_scored, ours.n_excluded, ours.best_observed) == (
        theirs.n_scored,
        theirs.n_excluded,
        theirs.best_observed,
    )


def test_copies_of_other_data_are_not_believed(campaign: Campaign, results: Path) -> None:
    before = campaign.round().ranking.frame["mean"].to_numpy()
    results.write_text(f"formula,lifetime_ps\n{campaign.suggest().suggestions[0].formula},40\n")
    campaign.ingest(results)
    campaign.retrain()
    again = Campaign.open(campaign.folder, oracle_store=campaign._bench._oracle_store)
    assert (again.round().ranking.frame["mean"].to_numpy()[:5] != before[:5]).all()


def test_damaged_copies_are_written_again(campaign: Campaign) -> None:
    copies = sorted((campaign.folder / CACHE).iterdir())
    assert [path.name for path in copies] == ["descriptors.npz", "ranking.npz", "validation.npz"]
    whole = [path.read_bytes() for path in copies]
    for path, content in zip(copies, (b"", b"damaged", b"PK\x03\x04 cut off"), strict=True):
        path.write_bytes(content)
    campaign.round()
    assert [len(path.read_bytes()) for path in copies] == [len(bytes_) for bytes_ in whole]


def test_a_folder_that_takes_no_copies_goes_without(launched: Launched, tmp_path: Path) -> None:
    campaign = launched.copy(tmp_path / "copy")
    shutil.rmtree(campaign.folder / CACHE)
    (campaign.folder / CACHE).write_text("in the way")
    assert len(campaign.suggest(3, seed=5).suggestions) == 3


def test_a_replay_believes_no_copies(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path | None] = []
    look = Kept._read

    def watched(self: Kept, name: str, key: str) -> dict[str, Any] | None:
        read.append(self._folder)
        return look(self, name, key)

    monkeypatch.setattr(Kept, "_read", watched)
    assert campaign.replay(1).same
    assert read
    assert set(read) == {None}


def test_a_ranking_of_other_descriptors_is_not_believed(campaign: Campaign) -> None:
    bench = campaign._bench
    first = campaign.round().ranking.frame["formula"].iloc[0]
    spacers, cages = bench.tables()
    values = spacers.values.copy()
    values[int(campaign.round().ranking.spacer[0])] = np.nan
    bench._kept.keep_tables(bench._tables_key, dataclasses.replace(spacers, values=values), cages, ())
    again = Campaign.open(campaign.folder, oracle_store=bench._oracle_store)
    assert first not in set(again.round().ranking.frame["formula"])


def test_cations_without_descriptors_are_told_each_time(campaign: Campaign) -> None:
    kept, bench = campaign._bench._kept, campaign._bench
    spacers, cages = bench.tables()
    kept.keep_tables(bench._tables_key, spacers, cages, ("XYZ has no descriptors: bonds changed",))
    again = Campaign.open(campaign.folder, oracle_store=bench._oracle_store)
    assert again.describe().failures == ("XYZ has no descriptors: bonds changed",)
