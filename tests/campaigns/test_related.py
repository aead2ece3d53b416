"""Results of another metal or laboratory: learnt from where that predicts better, told either way, never our own."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from campaigns import Campaign
from campaigns.artifacts import Artifacts
from campaigns.cli.app import app
from campaigns.errors import PropertyError
from campaigns.exchange import as_markdown, ingest_crate, model_card, write_eln
from campaigns.targets import Target
from campaigns.training import join_tasks, training_set
from screening import SpinDataset
from tests.campaigns.conftest import Launched, described

TIN, OPPOSITE = Target.of_task("tin").name, Target.of_task("upside down").name


def rows(power: float = 1.0) -> pd.DataFrame:
    """The tin twin of every published lead compound, a third as slow, or by another power of its lifetime."""
    data = SpinDataset.published().trainable()
    pairs = zip(data.compounds, data.table["lifetime_ps"], strict=True)
    known = {c.formula.replace("Pb", "Sn"): 0.3 * t**power for c, t in pairs if c is not None and c.b_site == "Pb"}
    return pd.DataFrame({"formula": known.keys(), "lifetime_ps": known.values()})


@pytest.fixture
def own(launched: Launched, tmp_path: Path) -> Campaign:
    config = described(surrogate="gp", space={"n_layers": [1, 2, 3]})
    return Campaign.create(tmp_path / "own", config, libraries=[launched.library], oracle_store=launched.oracle_store)


def test_a_task_that_helps_is_learnt_from_one_that_contradicts_is_not_and_both_are_told(
    own: Campaign, launched: Launched, tmp_path: Path
) -> None:
    alone, best = own.retrain(), own.best_observed()
    key, x = own._data_key, own.round().training.x
    before = own.round().surrogate.predict(x)

    assert own.ingest(rows(), TIN).outside == ()
    own.describe()
    fit = own.retrain()
    assert fit.related["tin"]["is_used"]
    assert fit.related["tin"]["saved"] > fit.related["tin"]["stderr"] > 0.0
    split = "leave_one_compound_out"
    assert (fit.scores[split]["r2_log"] or 0.0) > (alone.scores[split]["r2_log"] or 0.0) + 0.1
    assert (fit.n_measured, fit.n_train) == (alone.n_measured, alone.n_train)
    assert (own.best_observed(), own.state.stages, own.status().record) == (best, {}, ())
    learnt = own.round().surrogate.predict(x)
    assert all("related task tin" in line for line in own.changes())

    own.ingest(rows(-1.0), OPPOSITE)
    fit = own.retrain()
    assert not fit.related["upside down"]["is_used"]
    assert all((new == old).all() for new, old in zip(own.round().surrogate.predict(x), learnt, strict=True))
    helped, refused = (told["sentence"] for told in fit.related.values())
    assert helped.startswith("related task tin (42 rows): learnt from, +")
    assert refused.startswith("related task upside down (42 rows): ignored, learning from it does not predict")
    assert helped in as_markdown(model_card(own))
    assert helped in own.history()[-1]["what"]
    assert helped in " ".join(CliRunner().invoke(app, ["status", str(own.folder)], terminal_width=200).output.split())

    own.suggest(2)
    assert own.replay().same
    with Campaign.create(
        tmp_path / "next", own.config, libraries=[launched.library], oracle_store=launched.oracle_store, known=own
    ) as carried:
        assert carried.state.related == own.state.related
    for event in own.history():
        if event["kind"] == "property_measured":
            own.undo(event["id"], "another apparatus", confirmed=True)
    assert own._data_key == key
    again = own.round().surrogate.predict(x)
    assert all((new == old).all() for new, old in zip(again, before, strict=True))


def test_related_rows_come_once_are_taken_back_and_go_from_one_campaign_into_another(tmp_path: Path) -> None:
    runner, table = CliRunner(), tmp_path / "tin.csv"
    few = rows().head(2).assign(sample=["S1", "S2"])
    few.to_csv(table, index=False)
    config = described()
    with Campaign.create(tmp_path / "one", config) as one, Campaign.create(tmp_path / "two", config) as two:
        dry = runner.invoke(app, ["ingest", str(one.folder), str(table), "--task", "tin", "--dry-run", "--json"])
        assert (json.loads(dry.stdout)["task"], json.loads(dry.stdout)["added"]) == ("tin", 2)
        assert (one.ingest(few, TIN).added, one.ingest(few, TIN).skipped) == (2, 2)
        gone = runner.invoke(app, ["retract", str(one.folder), "2", "--task", "tin", "--reason", "wrong crystal"])
        assert gone.stdout.startswith("row 2 of the related task tin (")
        one.refresh()
        assert [len(row) for row in one.state.related.values()] == [1]

        out = tmp_path / "out.csv"
        told = runner.invoke(app, ["export", str(one.folder), str(out), "--task", "tin"])
        assert "2 lifetimes of the related task tin in" in told.stdout
        result = two.ingest(out, TIN)
        assert (result.added, result.retracted) == (1, 1)
        assert two.state.related == one.state.related
        assert list(one.table("related")["task"]) == ["tin", "tin"]

        write_eln(one, tmp_path / "one.eln")
        with Campaign.create(tmp_path / "three", config) as three:
            ingest_crate(three, tmp_path / "one.eln")
            assert three.state.related == one.state.related
        with pytest.raises(PropertyError, match="'' is no name of a related task"):
            one.ingest(few, "lifetime_ps@")
        assert runner.invoke(app, ["export", str(one.folder), str(out), "--task", "lead"]).exit_code == 2


def test_another_laboratorys_real_rows_are_tried_as_a_task_and_what_came_of_it_is_told(
    own: Campaign, tmp_path: Path
) -> None:
    # the paper's table (doi 10.1039/d5sc07406a): what its authors measured themselves, and what they took from others
    inputs = own.round().inputs
    by_authors = (inputs.dataset.table["split"] == "synthesised").to_numpy()
    others, authors = inputs.dataset.subset(~by_authors), inputs.dataset.subset(by_authors)
    assert (len(others), len(authors)) == (38, 14)
    known = training_set(others, inputs.records, own.config, {"the authors": authors})
    _, validation, _, (told,) = join_tasks(known, own.config, Artifacts(tmp_path / "kept"), "others")
    assert told.saved is not None
    assert told.stderr is not None
    assert told.is_used == (told.saved > told.stderr)
    assert told.sentence.startswith("related task the authors (14 rows): ")
    assert told.sentence in str(told.to_dict())
    assert set(validation.predictions["row"]) == set(range(len(known.dataset)))  # ours alone are scored
