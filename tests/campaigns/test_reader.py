"""What a campaign predicted beside what was measured then; a space that is used up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from campaigns import Campaign, CampaignConfig
from campaigns.events import Stage
from chemspace import parse_formula
from screening import SpinDataset
from tests.campaigns.cli.test_described import run
from tests.campaigns.conftest import Launched


def measured(campaign: Campaign, *lifetimes_ps: float | str) -> list[str]:
    """Measure the suggestions of the last round in their order; their formulas."""
    formulas = [s.formula for s in campaign.suggest().suggestions]
    rows = [{"formula": f, "lifetime_ps": t} for f, t in zip(formulas, lifetimes_ps, strict=False)]
    campaign.observe(rows)
    return formulas


def test_there_is_no_record_before_a_suggestion_is_measured(year: Campaign) -> None:
    year.retract(1, "wrong crystal")
    assert (year.track_record(), year.status().track_record) == (None, None)


def test_hits_intervals_and_chance_are_counted(year: Campaign) -> None:
    year.retract(1, "it was in round 1")
    batch = year.suggest()
    low, high = batch.suggestions[0].lifetime_low_ps, batch.suggestions[0].lifetime_high_ps
    published = SpinDataset.published().trainable(False).table["lifetime_ps"].to_numpy()
    slow = float(np.quantile(published, 0.75))
    slowest = 2 * max(high, slow)
    formulas = measured(year, slowest, f"<{low / 2:.3g}")
    record = year.track_record()
    assert record is not None
    assert [one.formula for one in record.compared] == formulas
    assert record.compared[0].slow_ps == pytest.approx(slow)
    assert [(one.is_hit, one.is_inside) for one in record.compared] == [(True, False), (False, False)]
    assert (record.n_hits, record.hit_rate, record.coverage) == (1, 0.5, 0.0)
    assert record.p_chance == pytest.approx(1 - 0.75**2)
    assert not record.beats_chance
    assert year.status().to_dict()["track_record"]["sentence"] == record.sentence
    year.retract(3, "wrong crystal")
    fewer = year.track_record()
    assert fewer is not None
    assert [one.formula for one in fewer.compared] == formulas[1:]


def test_what_was_measured_before_or_again_does_not_count(year: Campaign) -> None:
    formula, _ = measured(year, 3.0)
    year.observe([{"formula": formula, "lifetime_ps": 0.1, "sample": "second"}])
    record = year.track_record()
    assert record is not None
    assert [(one.formula, one.measured_ps, one.round) for one in record.compared] == [
        ("(BDA)PbI4", 0.7, 1),
        (formula, 3.0, 2),
    ]


def test_status_and_report_tell_it_and_an_upper_bound_is_inside_no_interval(year: Campaign, launched: Launched) -> None:
    formula, _ = measured(year, "<900")
    record = year.track_record()
    assert record is not None
    assert [(one.formula, one.is_hit, one.is_inside) for one in record.compared][1:] == [(formula, None, None)]
    assert "1 of 1 (100%) inside their own 90% intervals (1 upper bound leaves it open)" in record.sentence
    status, report = run(launched, "status", year.folder).stdout, year.report().read_text(encoding="utf-8")
    assert record.sentence in status
    assert record.sentence.split(":")[0] in report
    assert "54 lifetimes measured, 2 of them ours (1 upper bound)" in status
    assert "2 of them ingested here (1 upper bound)" in report


def test_a_best_predicted_compound_whose_spacer_is_declined_is_told_as_that(
    campaign: Campaign, launched: Launched
) -> None:
    best = campaign.status().best_predicted
    assert best is not None
    spacer = parse_formula(best[0], campaign.names).spacer
    assert spacer is not None
    declined = run(launched, "decline", campaign.folder, "--spacer", spacer.abbreviation, "--reason", "too dear")
    assert declined.exit_code == 0, declined.output
    told = f"declined; {spacer.abbreviation} is declined as spacer (too dear)"  # it was suggested, too
    assert f"ps ({told})" in " ".join(run(launched, "status", campaign.folder).stdout.split())
    campaign.refresh()
    assert campaign.status().best_predicted_is == told


LIBRARY = "smiles,abbreviation,role\nCCCN,PA,spacer\nCN,MA,cage\n"


@pytest.fixture
def small(launched: Launched, tmp_path: Path) -> Campaign:
    """Two compounds, (PA)2PbI4 and (PA)2(MA)Pb2I7; both suggested."""
    library = tmp_path / "two.csv"
    library.write_text(LIBRARY)
    asked = {"n_layers": (1, 2), "cages": ("MA",), "batch_size": 2, "limits": {"max_per_spacer": 2}, "surrogate": "gp"}
    config = CampaignConfig.parse(asked)
    campaign = Campaign.create(tmp_path / "ex", config, libraries=[library], oracle_store=launched.oracle_store)
    assert len(campaign.suggest().suggestions) == 2
    return campaign


def ingest(campaign: Campaign, path: Path, *rows: str) -> None:
    path.write_text("\n".join(["formula,lifetime_ps", *rows]) + "\n")
    campaign.ingest(path)


def test_one_measured_and_one_accepted_leave_nothing_and_the_model_is_scored(small: Campaign, results: Path) -> None:
    small.step("(PA)2(MA)Pb2I7", Stage.ACCEPTED)
    ingest(small, results, "(PA)2PbI4,0.4")
    fit = small.retrain()
    assert fit.best_predicted is None
    assert fit.scores
    assert fit.may_stop
    assert small.suggest().suggestions == ()
    assert len(small.state.batches) == 1
    told = small.status().nothing_left
    assert told is not None
    assert told.startswith("nothing is left to suggest of 2 compounds: 1 measured, 1 awaited. To go on: ")
    assert small.predict("(PA)2(MA)Pb2I7").lifetime_ps > 0
    written = small.report().read_text(encoding="utf-8")
    assert "nothing is left to suggest of 2 compounds" in written
    assert "2 compounds of the space are measured, awaited, declined or failed and are not ranked" in written
    assert Campaign.open(small.folder).fit() == fit


def test_what_nobody_took_up_is_suggested_again(small: Campaign, results: Path) -> None:
    ingest(small, results, "(PA)2PbI4,0.4")
    assert small.status().nothing_left is None
    batch = small.suggest()
    assert [s.formula for s in batch.suggestions] == ["(PA)2(MA)Pb2I7"]
    assert batch.shortfall == "only 1 compound is left to suggest, 2 were asked for"
    assert str(batch).endswith(f"\n{batch.shortfall}")
    assert small.suggest() == small.suggest(1) == batch == Campaign.open(small.folder).suggest()
    further = small.suggest(3)
    assert further.suggestions == ()
    assert further.shortfall.startswith(
        "nothing is left to suggest of 2 compounds: 1 measured, 1 suggested. To go on: "
    )
    assert str(further) == further.shortfall
    assert len(small.state.batches) == 2
    assert small.replay().same


def test_what_is_given_up_is_free_again(small: Campaign, results: Path) -> None:
    small.step("(PA)2(MA)Pb2I7", Stage.ACCEPTED)
    ingest(small, results, "(PA)2PbI4,0.4")
    assert small.suggest(1).suggestions == ()
    small.step("(PA)2(MA)Pb2I7", Stage.ABANDONED, reason="the student left")
    assert small.status().nothing_left is None
    assert [s.formula for s in small.suggest().suggestions] == ["(PA)2(MA)Pb2I7"]


def test_declined_and_failed_are_told_apart(small: Campaign) -> None:
    small.step("(PA)2PbI4", Stage.DECLINED, reason="dull")
    small.step("(PA)2(MA)Pb2I7", Stage.MIXED_PHASES)
    told = small.status().nothing_left
    assert told is not None
    assert "2 compounds: 1 declined, 1 failed. To go on: undo a decline (spinscreen undo), or amend the" in told
    assert small.suggest().suggestions == ()


def test_what_prices_hazards_times_and_the_oracle_exclude_is_told_apart_and_the_report_is_written(
    small: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices = {"PA": {"per_mol": 1e6, "days": 30, "hazards": ["H300"]}}
    config = small.config.model_dump(mode="json") | {"prices": prices}
    for limits, told in (
        ({"max_cost": 1.0}, "2 too dear or without a price. To go on: give prices or raise budget.max_cost, or amend"),
        ({"max_days": 1.0}, "2 too late or without a delivery time. To go on: give delivery times or raise"),
        ({"refused_hazards": ("H300",)}, "2 refused for a hazard. To go on: lift a refused hazard, or amend"),
    ):
        small.amend(CampaignConfig.parse(config | {"budget": config["budget"] | limits}), confirmed=True)
        batch = small.suggest()
        assert (batch.suggestions, batch.shortfall) == ((), small.status().nothing_left)
        assert f"nothing is left to suggest of 2 compounds: {told}" in batch.shortfall
    assert "2 refused for a hazard" in small.report().read_text(encoding="utf-8")
    small.amend(CampaignConfig.parse(config | {"prices": {}}), confirmed=True)
    assert small.nothing_left() is None
    monkeypatch.setattr(small, "failed_cations", lambda: frozenset({small.space.spacers[0].inchikey}))
    assert "2 without descriptors. To go on: let the oracle compute" in (small.nothing_left() or "")


def test_a_library_of_which_all_is_measured_is_launched_scored_and_reported(launched: Launched, tmp_path: Path) -> None:
    library = tmp_path / "known.csv"
    library.write_text("smiles,abbreviation,role\nCCCCN,BuA,spacer\n")
    config = CampaignConfig.parse({"space": {"n_layers": (1,)}, "surrogate": "mean"})
    campaign = Campaign.create(tmp_path / "known", config, libraries=[library], oracle_store=launched.oracle_store)
    assert campaign.suggest().suggestions == ()
    assert campaign.state.fits
    assert "nothing is left to suggest of 1 compound: 1 measured" in campaign.report().read_text(encoding="utf-8")


def test_what_a_status_keeps_is_that_of_the_campaign_as_it_stands(small: Campaign, results: Path) -> None:
    def told(campaign: Campaign) -> tuple[object, ...]:
        status = campaign.status()
        return status.n_measured, status.best_observed, status.track_record, status.nothing_left

    small.step("(PA)2(MA)Pb2I7", Stage.ACCEPTED)
    before = told(small)
    ingest(small, results, "(PA)2PbI4,40")
    after = told(small)
    assert (after[0], after[1]) == (before[0] + 1, ("(PA)2PbI4", pytest.approx(40.0)))  # type: ignore[operator]
    assert (before[2], before[3]) == (None, None)
    assert None not in after
    assert told(Campaign.open(small.folder)) == after
    small.retract(1, "wrong crystal")
    assert told(small) == told(Campaign.open(small.folder)) == before
    small.retrain()
    small.step("(PA)2(MA)Pb2I7", Stage.ABANDONED, reason="too dear")
    assert told(small) == told(Campaign.open(small.folder)) == before
