"""What a campaign says about one compound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from campaigns import Campaign
from campaigns.cli.look import show_prediction
from campaigns.errors import CampaignError
from screening.features import FEATURE_NAMES, feature_label, input_label


def test_a_prediction_agrees_with_the_ranking_and_adds_up(campaign: Campaign) -> None:
    suggestion = campaign.suggest().suggestions[0]
    told = campaign.predict(suggestion.formula)
    assert told.in_space
    assert told.lifetime_ps == pytest.approx(suggestion.lifetime_ps, rel=1e-9)
    assert told.lifetime_high_ps == pytest.approx(suggestion.lifetime_high_ps, rel=1e-9)
    assert told.feasibility == pytest.approx(suggestion.feasibility, rel=1e-9)
    assert told.nearest_measured == suggestion.nearest_measured
    unexplained = campaign.predict(suggestion.formula, why=False)
    assert (unexplained.lifetime_ps, unexplained.contributions) == (told.lifetime_ps, {})
    parts = told.base_log10_rate + sum(told.contributions.values())
    assert parts == pytest.approx(-np.log10(told.lifetime_ps), abs=1e-6)


def test_contributions_are_told_against_the_measured_compounds(campaign: Campaign) -> None:
    told = campaign.predict("(PA)2(FA)Pb2I7")
    measured = campaign.round()
    expected = measured.surrogate.predict(measured.training.x)[0].mean()
    assert told.base_log10_rate == pytest.approx(expected, abs=1e-6)


def test_a_compound_of_another_library_is_computed_and_is_not_in_the_space(campaign: Campaign) -> None:
    told = campaign.predict("(ODA)(DMA)Pb2I7")
    assert not told.in_space
    assert told.lifetime_low_ps < told.lifetime_ps < told.lifetime_high_ps


def test_a_measured_compound_says_so(campaign: Campaign) -> None:
    assert campaign.predict("(PEA)2PbI4").measured_ps == (pytest.approx(0.3, rel=0.01),)


def test_an_upper_bound_is_told_as_one(campaign: Campaign, capsys: pytest.CaptureFixture[str]) -> None:
    told = campaign.predict("(PEA)2PbI4")
    assert told.bounds_ps == ()
    show_prediction(replace(told, bounds_ps=(60.0,)))
    assert "measured: 0.3, below 60 ps; the prediction has seen that" in capsys.readouterr().out


def test_a_compound_without_organic_cation_has_no_descriptors(campaign: Campaign) -> None:
    with pytest.raises(CampaignError, match="no organic cation"):
        campaign.predict("CsPbI3")


def test_every_feature_has_a_word() -> None:
    assert [feature_label(name) for name in FEATURE_NAMES] == [
        *("molar mass", "electronegativity", "polarizability", "dipole", "HOMO", "LUMO", "tolerance factor"),
        "number of layers",
    ]
    assert input_label("inverse_n_layers") == "1 / layers"
