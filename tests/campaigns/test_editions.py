"""Editions: an old campaign keeps the defaults it was launched under."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns import Campaign, CampaignConfig
from campaigns.config import SpaceRules
from campaigns.description import read_description
from campaigns.errors import CampaignExistsError, ConfigError
from campaigns.events import EDITIONS, FIRST, NEWEST, upcast
from chemspace import CationLibrary
from oracle import Protocol


def launch(folder: Path, text: str = "") -> Campaign:
    """The campaign of one layer that a file describes."""
    file = folder / "mine.yaml"
    file.write_text(f"space: {{n_layers: [1]}}\n{text}")
    return Campaign.create(folder / "mine", read_description(file).config)


def test_a_new_description_gets_the_newest_edition_and_a_log_that_names_none_the_first(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("seed: 1\n")
    assert read_description(tmp_path / "mine.yaml").config.edition == NEWEST
    _, payload = upcast("created", {"config": {"seed": 1}})
    assert CampaignConfig.parse(payload["config"]).edition == FIRST
    _, payload = upcast("created", {"config": CampaignConfig().model_dump(mode="json")})
    assert CampaignConfig.parse(payload["config"]).edition == NEWEST


def test_a_campaign_of_an_older_edition_is_the_same_where_a_file_names_no_edition(tmp_path: Path) -> None:
    launch(tmp_path, "edition: 1\n").close()
    with launch(tmp_path) as campaign:
        assert campaign.config.edition == FIRST
    with pytest.raises(CampaignExistsError, match="edition: 1 here, 3 asked for"):
        launch(tmp_path, "edition: 3\n")
    with pytest.raises(CampaignExistsError, match="seed: 0 here, 3 asked for"):
        launch(tmp_path, "seed: 3\n")


def test_an_edition_that_is_not_known_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 2, edition: there is no edition 9; this spinscreen knows 1, 2, 3"):
        launch(tmp_path, "edition: 9\n")


def test_the_first_edition_computes_as_the_first_release_did() -> None:
    first = CampaignConfig(edition=FIRST, oracle={"seed": 7}).protocol
    assert first == Protocol(conformer_solvent=None, n_conformers=20, n_optimised=2, stretch=0.0, seed=7)
    water = CampaignConfig(edition=FIRST, oracle={"solvent": "water"}).protocol
    assert (water.of_geometry, "conformer_solvent" in water.to_json()) == (water, False)
    assert CampaignConfig(edition=2).protocol == Protocol(conformer_search="embedded")
    assert CampaignConfig().protocol == Protocol()


def test_the_first_edition_keeps_its_fits_and_another_one_makes_its_own() -> None:
    rules = SpaceRules(n_layers=(1, 2))
    assert "edition" not in CampaignConfig(edition=FIRST, space=rules).key_fields()
    assert CampaignConfig(edition=NEWEST, space=rules).key_fields()["edition"] == NEWEST


def test_the_first_edition_holds_the_355_cations_of_the_first_release() -> None:
    assert len(EDITIONS[FIRST].library) == 355
    assert [*EDITIONS[NEWEST].library] == [*CationLibrary.builtin()]
    added = set(EDITIONS[NEWEST].library) - set(EDITIONS[FIRST].library)
    assert {cation.abbreviation for cation in added} == {"S-1NEA", "S-2NEA", "NO2-PEA", "S-NH3MBA"}
