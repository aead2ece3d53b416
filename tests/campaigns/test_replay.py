"""Old suggestions come out again, and the log tells what happened."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from campaigns import Campaign
from campaigns.errors import LifecycleError
from campaigns.events import Stage
from campaigns.files import EXPORTS, write_table
from campaigns.refits import compare


def test_each_round_comes_out_the_same_from_the_log_as_it_stood(campaign: Campaign, results: Path) -> None:
    first = campaign.suggest().suggestions
    results.write_text(f"formula,lifetime_ps\n{first[0].formula},9\n")
    campaign.ingest(results)
    campaign.suggest()
    for number in (1, 2):
        told = campaign.replay(number)
        assert (told.number, told.same, told.differences, told.versions_changed) == (number, True, (), ())
        assert told.verdict == f"round {number} comes out the same, by the same code and packages on the same data"
    with pytest.raises(LifecycleError, match="no round 3"):
        campaign.replay(3)


def test_every_fit_and_every_batch_records_what_computed_it(campaign: Campaign) -> None:
    fit, batch = campaign.fit(), campaign.suggest()
    assert fit is not None
    for versions in (fit.versions, batch.versions):
        assert {"torch", "git_commit", "git_changes", "code_sha256", "library_sha256", "published_sha256"} < set(
            versions
        )
        assert versions["seed"] == "0"


def test_a_batch_that_comes_out_otherwise_is_told_with_both_values(campaign: Campaign) -> None:
    batch = campaign.suggest()
    first, second, *rest = batch.suggestions
    other = first.model_copy(update={"lifetime_ps": first.lifetime_ps * 2})
    told = compare(batch, [other, first, *rest], batch.versions)
    assert not told.same
    assert "lifetime_ps" in told.differences[0]
    assert f"place 2: {second.formula} then, {first.formula} now" in told.differences
    assert "does not come out the same" in told.verdict


def test_other_code_is_told_even_where_the_numbers_are_the_same(campaign: Campaign) -> None:
    batch = campaign.suggest()
    changed = compare(batch, batch.suggestions, {**batch.versions, "code_sha256": "b" * 64})
    assert changed.same
    assert changed.versions_changed[0].startswith("code_sha256: ")
    assert "what computes it changed" in changed.verdict
    old = compare(batch.model_copy(update={"versions": {"torch": "0.1"}}), batch.suggestions, batch.versions)
    assert old.versions_changed == (f"torch: 0.1 then, {batch.versions['torch']} now",)
    assert "does not say by which code it was made" in old.verdict


def test_the_log_tells_every_event_in_a_sentence(campaign: Campaign, results: Path) -> None:
    formula = campaign.suggest().suggestions[0].formula
    campaign.step(formula, Stage.DECLINED, reason="no supplier")
    results.write_text("formula,lifetime_ps\n(PA)2PbI4,0.2\n")
    campaign.ingest(results)
    campaign.retract(1, "wrong file")
    told = [event["what"] for event in campaign.history()]
    assert told[0] == "created over the library cations.csv"
    assert f"{formula} declined: no supplier" in told
    assert "ingested results.csv: 1 measured ((PA)2PbI4)" in told
    assert told[-1] == "retracted measurement 1: wrong file"


@pytest.mark.parametrize("suffix", list(EXPORTS))
def test_a_table_is_written_as_its_name_says(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table{suffix}"
    write_table(path, [{"formula": "(PA)2PbI4", "lifetime_ps": 0.25}])
    read = {
        ".csv": pd.read_csv,
        ".jsonl": lambda file: pd.read_json(file, lines=True),
        ".parquet": pd.read_parquet,
    }[suffix]
    assert read(path).to_dict("records") == [{"formula": "(PA)2PbI4", "lifetime_ps": 0.25}]
