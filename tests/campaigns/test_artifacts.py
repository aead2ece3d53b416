"""What was computed is kept: believed where it is right, missed by nobody where it is not."""

from __future__ import annotations

import dataclasses
import io
import os
import pickle
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from campaigns import Campaign
from campaigns.artifacts import CACHE, PLAIN, Artifacts
from campaigns.records import SpaceTables, tables_form
from campaigns.summary import SuggestionBatch
from tests.campaigns.conftest import Launched, described


def numbers(batch: SuggestionBatch) -> list[dict[str, object]]:
    return [suggestion.to_dict() for suggestion in batch.suggestions]


def kept(campaign: Campaign, name: str = "") -> list[Path]:
    return sorted((campaign.folder / CACHE).glob(f"{name}*.npz"))


def with_tables(campaign: Campaign, launched: Launched, change: Callable[[SpaceTables], SpaceTables]) -> Campaign:
    """The campaign opened anew, the descriptors that its folder keeps changed by `change`."""
    tables = campaign._records.tables()
    Artifacts(campaign.folder).put(
        "descriptors", campaign._records._tables_key, change(tables), tables_form(tables.spacers.descriptors)
    )
    return Campaign.open(campaign.folder, oracle_store=launched.oracle_store)


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("what is kept is good, nothing is to be validated or ranked again")

    monkeypatch.setattr("campaigns.training.validate", refuse)
    monkeypatch.setattr("campaigns.round.rank", refuse)


@pytest.mark.usefixtures("no_training")
def test_a_later_command_starts_from_what_an_earlier_one_worked_out(campaign: Campaign) -> None:
    assert len(campaign.suggest(3, seed=5).suggestions) == 3


def test_nothing_is_fitted_twice_for_one_state(
    campaign: Campaign, launched: Launched, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits: list[None] = []
    from campaigns.training import fit

    def counted(*arguments: Any) -> object:
        fits.append(None)
        return fit(*arguments)

    monkeypatch.setattr("campaigns.round.fit", counted)
    batch = campaign.suggest(3, seed=5)
    campaign.predict(batch.suggestions[0].formula)
    campaign.report()
    assert campaign.round() is campaign.round()
    accepted, failed = (suggestion.formula for suggestion in batch.suggestions[:2])
    campaign.step(accepted, "accepted")
    campaign.step(failed, "not formed", reason="twice")
    later = Campaign.open(campaign.folder, oracle_store=launched.oracle_store)
    later.report()
    assert {accepted, failed}.isdisjoint(later.round().ranking.frame["formula"])
    assert not fits  # the launch's is kept


def test_a_compound_is_explained_by_what_the_last_fit_left_as_by_the_fit(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    formula = campaign.suggest().suggestions[0].formula
    monkeypatch.setattr("campaigns.round.known", lambda *_: None)
    fitted = campaign.predict(formula).to_dict()
    monkeypatch.undo()
    monkeypatch.setattr("campaigns.round.learn", lambda *_: pytest.fail("nothing is to be fitted again"))
    held = campaign.predict(formula).to_dict()
    for part in ("features", "contributions"):
        assert held.pop(part) == pytest.approx(fitted.pop(part))
    numbers = {name: held.pop(name) for name, value in fitted.items() if isinstance(value, float)}
    assert numbers == pytest.approx({name: fitted.pop(name) for name in numbers})
    assert held == fitted


def test_suggestions_from_what_is_kept_are_those_computed_afresh(launched: Launched, tmp_path: Path) -> None:
    with_copies, without = launched.copy(tmp_path / "with"), launched.copy(tmp_path / "without")
    shutil.rmtree(without.folder / CACHE)
    assert numbers(with_copies.suggest(3, seed=5)) == numbers(without.suggest(3, seed=5))
    assert with_copies.round().validation.to_dict() == without.round().validation.to_dict()
    ours, theirs = with_copies.round().ranking, without.round().ranking
    assert ours.frame.equals(theirs.frame)
    assert (ours.frame.dtypes == theirs.frame.dtypes).all()
    assert (ours.n_scored, ours.n_excluded, ours.best_observed) == (
        theirs.n_scored,
        theirs.n_excluded,
        theirs.best_observed,
    )


def test_what_follows_from_other_data_is_not_believed(campaign: Campaign, launched: Launched, results: Path) -> None:
    before = campaign.round().ranking.frame["mean"].to_numpy()
    results.write_text(f"formula,lifetime_ps\n{campaign.suggest().suggestions[0].formula},40\n")
    campaign.ingest(results)
    campaign.retrain()
    again = Campaign.open(campaign.folder, oracle_store=launched.oracle_store)
    assert (again.round().ranking.frame["mean"].to_numpy()[:5] != before[:5]).all()


def test_damaged_files_are_written_again(campaign: Campaign) -> None:
    names = {path: path.name.split("-")[0] for path in kept(campaign)}
    learnt = ["descriptors", "frozen", "ranking", "validation"]
    # Of a round, which is not chosen again, of a status, and which ranking a report takes.
    others = ["compared", "counted", "ranked", "stability"]
    assert list(names.values()) == sorted(learnt + others)
    paths = [path for path, name in names.items() if name not in others]
    whole = [path.read_bytes() for path in paths]
    for path, content in zip(paths, (b"", b"\x00", b"damaged", b"PK\x03\x04 cut off"), strict=True):
        path.write_bytes(content)
    campaign.round()
    assert [len(path.read_bytes()) for path in paths] == [len(bytes_) for bytes_ in whole]


def test_a_folder_that_takes_no_files_goes_without(launched: Launched, tmp_path: Path) -> None:
    campaign = launched.copy(tmp_path / "copy")
    shutil.rmtree(campaign.folder / CACHE)
    (campaign.folder / CACHE).write_text("in the way")
    assert len(campaign.suggest(3, seed=5).suggestions) == 3


def test_an_outcome_or_a_goal_ranks_anew_and_trains_nothing(year: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    year.suggest()
    monkeypatch.setattr("campaigns.training.validate", None)
    monkeypatch.setattr("campaigns.round.fit", None)
    year.step("(BDA)(MA)Pb2I7", "not formed")
    assert year.fit() is None
    assert year.suggest().number == 3
    year.amend(described(objective={"goal_lifetime_ps": 20.0}), confirmed=True)
    assert year.suggest().number == 4
    monkeypatch.undo()
    assert year.replay(4).same


def test_a_replay_believes_nothing_that_is_kept(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign.round()
    looked_at: list[Artifacts] = []
    find = Artifacts.find

    def watched(self: Artifacts, *arguments: Any) -> object:
        looked_at.append(self)
        return find(self, *arguments)

    monkeypatch.setattr(Artifacts, "find", watched)
    assert campaign.replay(1).same
    assert looked_at
    assert {artifacts.folder for artifacts in looked_at} == {None}
    assert campaign._artifacts not in looked_at


def test_a_ranking_of_other_descriptors_is_not_believed(campaign: Campaign, launched: Launched) -> None:
    ranking = campaign.round().ranking

    def spoilt(tables: SpaceTables) -> SpaceTables:
        chosen = np.arange(len(tables.spacers.organic)) == int(ranking.spacer[0])
        values = np.where(chosen[:, None], np.nan, tables.spacers.values)  # no data frame
        return SpaceTables(dataclasses.replace(tables.spacers, values=values), tables.cages)

    again = with_tables(campaign, launched, spoilt)
    assert ranking.frame["formula"].iloc[0] not in set(again.round().ranking.frame["formula"])


def test_cations_without_descriptors_are_told_each_time(campaign: Campaign, launched: Launched) -> None:
    told = ("XYZ has no descriptors: bonds changed",)
    again = with_tables(campaign, launched, lambda tables: SpaceTables(tables.spacers, tables.cages, told))
    assert again.describe().failures == told


CONTENT: dict[str, Any] = {
    "numbers": np.array([1.5, np.nan]),
    "whole": np.arange(3, dtype=np.int16),
    "names": ["(PEA)2PbI4", "β"],
    "one": 0.1,
    "table": pd.DataFrame({"formula": ["(PEA)2PbI4", ""], "mean": [0.25, -1.0], "near": [True, False]}),
    "empty": pd.DataFrame({"formula": pd.Series([], dtype=object)}),
}


def test_what_is_written_is_read_as_it_was(tmp_path: Path) -> None:
    Artifacts(tmp_path).put("thing", "key", CONTENT, PLAIN)
    again = Artifacts(tmp_path).find("thing", "key", PLAIN)
    assert again is not None
    assert set(again) == set(CONTENT)
    assert np.array_equal(again["numbers"], CONTENT["numbers"], equal_nan=True)
    assert again["whole"].dtype == np.int16
    assert (again["names"], again["one"]) == (CONTENT["names"], 0.1)
    assert again["table"].equals(CONTENT["table"])
    assert list(again["empty"]) == ["formula"]
    assert Artifacts(tmp_path).find("thing", "another key", PLAIN) is None


def test_of_each_name_the_last_few_are_kept(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    for number in range(4):
        artifacts.put("thing", str(number), {"number": number}, PLAIN, keep=2)
        artifacts.put("other", str(number), {"number": number}, PLAIN)
    assert [number for number in range(4) if artifacts.find("thing", str(number), PLAIN)] == [2, 3]
    assert len(list((tmp_path / CACHE).glob("thing-*.npz"))) == 2
    assert len(list((tmp_path / CACHE).glob("other-*.npz"))) == 1


class Trap:
    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return pytest.fail, ("a file ran code",)


def test_what_killed_processes_left_goes_whatever_its_key_was(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    artifacts.put("thing", "1", {"number": 1}, PLAIN)
    (kept,) = (path.name for path in (tmp_path / CACHE).iterdir())
    for name in (f".{kept}.abcd1234", f".{kept}.x1y2z3w4", f".other-{kept[6:]}.x1y2z3w4"):
        (tmp_path / CACHE / name).mkdir()
        (tmp_path / CACHE / name / "by_lifetime_ps.npy").write_bytes(b"half")
    for name in (f".{kept}.x1y2z3w4", f".other-{kept[6:]}.x1y2z3w4"):
        os.utime(tmp_path / CACHE / name, (time.time() - 7200,) * 2)
    artifacts.put("thing", "2", {"number": 2}, PLAIN)
    drafts = sorted(path.name for path in (tmp_path / CACHE).iterdir() if path.is_dir())
    assert drafts == sorted([f".{kept}.abcd1234", f".other-{kept[6:]}.x1y2z3w4"])


def test_a_file_that_somebody_prepared_runs_no_code(tmp_path: Path) -> None:
    Artifacts(tmp_path).put("thing", "key", {"values": np.zeros(2)}, PLAIN)
    (path,) = (tmp_path / CACHE).iterdir()
    trap = io.BytesIO()
    np.lib.format.write_array(trap, np.array([Trap()], dtype=object), allow_pickle=True)
    for content in (trap.getvalue(), pickle.dumps(Trap())):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("values.npy", content)
            archive.writestr("json.npy", content)
        assert Artifacts(tmp_path).find("thing", "key", PLAIN) is None
