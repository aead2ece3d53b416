"""A campaign from launch to the suggestions after new results."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from campaigns import Campaign, CampaignConfig
from campaigns.config import SpaceRules
from campaigns.errors import CampaignError, CampaignExistsError, CampaignNotFoundError, ConfigError, IngestError
from campaigns.events import Stage
from campaigns.training import measured_dataset, training_set, validate
from chemspace import parse_formula
from chemspace.errors import RecipeError
from tests.campaigns.conftest import Launched, launch

KEYS = {
    "formula", "phase", "spacer", "cage", "n_layers", "lifetime_ps", "lifetime_low_ps", "lifetime_high_ps",
    "rate_per_ps", "acquisition", "feasibility", "reason", "nearest_measured", "properties",
    "chance_best", "chance_goal", "tag",
}  # fmt: skip


def formulas(campaign: Campaign, **how: object) -> list[str]:
    return [suggestion.formula for suggestion in campaign.suggest(**how).suggestions]  # type: ignore[arg-type]  # a test helper


def test_a_launch_leaves_its_four_files(launched: Launched) -> None:
    names = {path.name for path in launched.folder.iterdir()}
    assert {"campaign.db", "ranking.parquet", "ranking.csv", "report.html"} <= names
    assert not [name for name in names if name.startswith(".")]


def test_the_ranking_holds_the_space_without_what_is_measured(launched: Launched, campaign: Campaign) -> None:
    frame = pd.read_parquet(launched.folder / "ranking.parquet")
    measured = {m.formula for m in measured_dataset((), campaign.names).compounds if m is not None}
    assert len(frame) == len(campaign.space) - sum(compound.formula in measured for compound in campaign.space)
    assert not measured & set(frame["formula"])
    assert frame["acquisition"].is_monotonic_decreasing
    assert pd.read_csv(launched.folder / "ranking.csv")["formula"].tolist() == frame["formula"].tolist()


def test_every_suggestion_carries_its_numbers_and_a_reason(campaign: Campaign) -> None:
    batch = campaign.suggest()
    assert len(batch.suggestions) == 5
    for suggestion in batch.suggestions:
        assert set(suggestion.to_dict()) - {"reported"} == KEYS  # where the literature says something of the spacer
        assert suggestion.lifetime_low_ps < suggestion.lifetime_ps < suggestion.lifetime_high_ps
        assert suggestion.rate_per_ps == pytest.approx(1 / suggestion.lifetime_ps)
        assert 0 < suggestion.feasibility < 1
        assert suggestion.reason
        assert parse_formula(suggestion.formula, campaign.names) in campaign.space


def test_the_same_seed_gives_the_same_suggestions_to_the_bit(launched: Launched, tmp_path: Path) -> None:
    first = Campaign.open(launched.folder).suggest().suggestions
    second = launch(launched, tmp_path / "again").suggest().suggestions
    assert first == second


def test_asking_again_repeats_the_answer_and_asking_for_more_does_not(campaign: Campaign) -> None:
    first = formulas(campaign)
    assert formulas(campaign) == first
    further = formulas(campaign, more=True)
    assert not set(first) & set(further)
    assert not (set(first) | set(further)) & set(formulas(campaign, more=True, batch_size=3))


def test_a_size_or_mass_of_zero_is_refused_and_not_replaced_by_the_usual_one(campaign: Campaign) -> None:
    with pytest.raises(CampaignError, match="at least 1"):
        campaign.suggest(batch_size=0)
    with pytest.raises(RecipeError, match="above 0"):
        campaign.recipe("(PEA)2PbI4", 0.0)


def test_after_an_ingest_nothing_measured_or_pending_is_suggested_again(campaign: Campaign, results: Path) -> None:
    first = formulas(campaign)
    for formula in first[2:]:
        campaign.step(formula, Stage.ACCEPTED)
    results.write_text(f"formula,lifetime_ps,lifetime_stderr_ps\n{first[0]},0.2,0.02\n{first[1]},0.3,\n")
    result = campaign.ingest(results)
    assert (result.added, result.skipped, result.outside) == (2, 0, ())
    assert campaign.fit() is None
    second = formulas(campaign)
    assert not set(first) & set(second)
    assert set(campaign.status().pending) == set(first[2:])
    fit = campaign.fit()
    assert fit is not None
    assert fit.n_measured == 54


def test_the_model_learns_from_what_is_ingested(campaign: Campaign, results: Path) -> None:
    before = pd.read_parquet(campaign.folder / "ranking.parquet").set_index("formula")["lifetime_ps"]
    results.write_text(
        "formula,lifetime_ps\n" + "".join(f"(PA)2(MA)Pb2I7,{t},\n".replace(",\n", "\n") for t in (88, 90, 92))
    )
    campaign.ingest(results)
    campaign.retrain()
    after = pd.read_parquet(campaign.folder / "ranking.parquet").set_index("formula")["lifetime_ps"]
    assert "(PA)2(MA)Pb2I7" not in after.index
    assert after["(PA)2(FA)Pb2I7"] > 1.5 * before["(PA)2(FA)Pb2I7"]
    assert any(line.startswith("(PA)2(FA)Pb2I7: ") for line in campaign.changes())
    assert campaign.status().best_observed == ("(PA)2(MA)Pb2I7", pytest.approx(90.0, rel=0.01))


def test_the_same_file_is_taken_in_once(campaign: Campaign, results: Path) -> None:
    results.write_text("formula,lifetime_ps\n(PA)2PbI4,0.4\n")
    assert campaign.ingest(results).added == 1
    events = len(campaign.history())
    again = campaign.ingest(results)
    assert (again.added, again.skipped) == (0, 1)
    assert "in the campaign already" in again.warnings[0]
    assert len(campaign.history()) == events


def test_a_growing_table_adds_only_its_new_rows(campaign: Campaign, results: Path) -> None:
    results.write_text("formula,lifetime_ps,sample\n(PA)2PbI4,0.4,a\n")
    campaign.ingest(results)
    results.write_text("formula,lifetime_ps,sample\n(PA)2PbI4,0.4,a\n(PA)2PbI4,0.4,b\n")
    assert campaign.ingest(results).added == 1


def test_a_compound_outside_the_space_trains_and_is_never_best(campaign: Campaign, results: Path) -> None:
    best = campaign.status().best_observed
    results.write_text("formula,lifetime_ps\n(ODA)(MA)Pb2I7,300\n(PEA)2SnI4,200\n(Cs)2PbI4,1\n")
    result = campaign.ingest(results)
    assert len(result.outside) == 3
    told = [words for words in result.warnings if "outside the campaign's space" in words]
    assert ["it trains the model" in words for words in told] == [True, True, False]
    assert "has no organic cation to describe" in told[2]
    assert campaign.status().best_observed == best
    suggested = formulas(campaign)
    fit = campaign.fit()
    assert fit is not None
    assert fit.n_train == 49
    assert not set(result.outside) & set(suggested)


def test_a_dry_run_writes_nothing(campaign: Campaign, results: Path) -> None:
    results.write_text("formula,lifetime_ps\n(PA)2PbI4,0.4\n")
    events = len(campaign.history())
    assert campaign.ingest(results, dry_run=True).added == 1
    assert len(campaign.history()) == events


def test_a_bad_row_means_that_nothing_is_written(campaign: Campaign, results: Path) -> None:
    results.write_text("formula,lifetime_ps\n(PA)2PbI4,0.4\n(4AMPY)2MAPb3I10,3\n(PA)2PbI4,-1\n")
    events = len(campaign.history())
    with pytest.raises(IngestError) as caught:
        campaign.ingest(results)
    assert len(caught.value.problems) == 2
    assert "(4AMPY)(MA)2Pb3I10" in str(caught.value)
    assert "row 4" in str(caught.value)
    assert len(campaign.history()) == events


def test_a_second_campaign_in_the_same_folder_is_refused(launched: Launched, campaign: Campaign) -> None:
    with pytest.raises(CampaignExistsError, match="seed: 0 here, 1 asked for"):
        Campaign.create(
            campaign.folder, CampaignConfig(space=SpaceRules(n_layers=(1, 2, 3)), seed=1), libraries=[launched.library]
        )


def test_what_cannot_be_a_campaign_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="XYZ"):
        Campaign.create(tmp_path / "new", CampaignConfig(space=SpaceRules(cages=("XYZ",))))
    with pytest.raises(CampaignNotFoundError):
        Campaign.open(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_shuffled_targets_score_no_better_than_the_mean(launched: Launched, campaign: Campaign) -> None:
    records = campaign.records()
    training = training_set(measured_dataset((), campaign.names), records, campaign.config)
    table = training.dataset.table.copy()
    order = np.random.default_rng(7).permutation(len(table))
    table["log10_rate"] = table["log10_rate"].to_numpy()[order]
    shuffled = dataclasses.replace(training, dataset=dataclasses.replace(training.dataset, table=table))
    for card in validate(shuffled, campaign.config).score_cards.values():
        assert card.r2_log < 0.1


def test_the_figures_are_out_of_fold(campaign: Campaign) -> None:
    fit = campaign.fit()
    assert fit is not None
    assert set(fit.scores) == {"leave_one_compound_out", "leave_one_spacer_out"}
    for card in fit.scores.values():
        assert card["n_rows"] == fit.n_train
        assert card["r2_log"] is not None
        assert card["r2_log"] < 0.9  # an in-sample fit of the same rows is above 0.95


def test_a_result_far_from_what_was_expected_is_told_of_once(campaign: Campaign, results: Path) -> None:
    results.write_text("formula,lifetime_ps,sample\n(PA)2PbI4,900,a\n(PA)2PbI4,950,b\n(PA)2(MA)Pb2I7,3,\n")
    campaign.ingest(results, accept_extreme=True)
    surprises = campaign.retrain().surprises
    # Replicates do not vouch for each other: the model that is asked knew neither.
    assert [line.split(" was measured at ")[0] for line in surprises] == ["(PA)2PbI4", "(PA)2PbI4"]
    assert "900 ps; without it the model expects" in surprises[0]
    assert campaign.retrain().surprises == surprises
    results.write_text("formula,lifetime_ps\n(BA)2(FA)Pb2I7,3\n")
    campaign.ingest(results)
    assert campaign.retrain().surprises == ()
