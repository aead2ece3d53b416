"""A second measured property in a campaign: its table checked and kept, its model scored, wished for and traded off."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from campaigns import Campaign, CampaignConfig
from campaigns.description import read_description
from campaigns.errors import CampaignError, ConfigError
from campaigns.exchange import as_markdown, model_card
from campaigns.plan import check
from campaigns.refits import compare
from campaigns.summary import FitSummary, SuggestionBatch
from campaigns.targets import learn_property
from chemspace import CationLibrary, Compound, parse_formula
from oracle import OracleStore
from screening.strategies.acquisitions import RandomStrategy
from screening.strategies.objectives import Desirability, Hypervolume
from tests.campaigns.conftest import Launched
from tests.campaigns.test_description import described

LIBRARY = CationLibrary.builtin()
SPACERS = ("PEA", "BA", "PA", "EOA", "BDA", "PDA", "4AMP", "CMA")


def _compounds() -> list[Compound]:
    layers = [Compound.of(LIBRARY[name], LIBRARY["MA"], n) for name, n in product(SPACERS, (2, 3))]
    return [Compound.of(LIBRARY[name], None, 1) for name in SPACERS] + layers


def _falls_with_layers() -> list[dict[str, Any]]:
    """A gap that the number of layers explains, with a little scatter."""
    scatter = np.random.default_rng(4).normal(0.0, 0.01, 24)
    rows = zip(_compounds(), scatter, strict=True)
    return [{"compound": c.formula, "value": round(1.6 + 0.8 / (c.n_layers or 1) + s, 3)} for c, s in rows]


TABLE = _falls_with_layers()
GAPS = "compound,value,error\n" + "".join(f"{row['compound']},{row['value']},0.01\n" for row in TABLE)
NO_SKILL = [{**row, "value": value} for row, value in zip(TABLE, np.random.default_rng(0).permutation(24), strict=True)]


def made(launched: Launched, folder: Path, **fields: Any) -> Campaign:
    asked = {"space": {"n_layers": "1-3"}, "surrogate": "gp", "budget": {"batch_size": 2}, **fields}
    return Campaign.create(
        folder, CampaignConfig.parse(asked), libraries=[launched.library], oracle_store=launched.oracle_store
    )


def from_file(folder: Path, text: str) -> dict[str, Any]:
    (folder / "gaps.csv").write_text(GAPS)
    config = read_description(described(folder, text)).config
    return config.model_dump(mode="json", include={"properties", "objective", "acquisition"})


WISHED = """\
properties: {band_gap_ev: {table: gaps.csv}}
objective:
  wishes:
    - {column: lifetime_ps, useless: 0, perfect: 50}
    - {column: band_gap_ev, useless: 1.8, perfect: 2.5, weight: 2}
"""


@pytest.fixture(scope="module")
def wished(launched: Launched, tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    root = tmp_path_factory.mktemp("wished")
    campaign = made(launched, root / "wished", **from_file(root, WISHED))
    (root / "gaps.csv").unlink()
    campaign.suggest()
    return campaign


def test_a_wished_property_ranks_by_its_predicted_mean(wished: Campaign) -> None:
    done = wished.round()
    frame = done.ranking.frame
    assert isinstance(done.strategy, Desirability)
    met = np.clip(frame["lifetime_ps"] / 50, 1e-6, 1) * np.clip((frame["band_gap_ev"] - 1.8) / 0.7, 1e-6, 1) ** 2
    assert np.exp(frame["acquisition"].to_numpy()) == pytest.approx(met.to_numpy() ** (1 / 3))
    assert frame["acquisition"].is_monotonic_decreasing
    n_layers = np.array([parse_formula(formula, LIBRARY).n_layers for formula in frame["formula"]], dtype=float)
    assert np.corrcoef(n_layers, frame["band_gap_ev"])[0, 1] < -0.9
    assert (frame["band_gap_ev_sd"] > 0).all()


def test_each_candidate_says_mean_and_spread_of_the_property(wished: Campaign) -> None:
    rows = wished.round().ranking.frame.set_index("formula")
    for suggestion in wished.suggest().suggestions:
        told = suggestion.to_dict()["properties"]["band_gap_ev"]
        assert told == {
            "mean": rows["band_gap_ev"][suggestion.formula],
            "sd": rows["band_gap_ev_sd"][suggestion.formula],
        }
    seen = wished.predict("(PEA)2PbI4").to_dict()["properties"]["band_gap_ev"]
    assert seen["mean"] == pytest.approx(2.4, abs=0.1)
    json.dumps(wished.suggest().to_dict())


def test_its_score_is_out_of_sample_and_a_model_without_skill_says_so(
    wished: Campaign, launched: Launched, tmp_path: Path
) -> None:
    fit = wished.fit()
    assert fit is not None
    assert fit.properties["band_gap_ev"]["n_rows"] == 24
    assert fit.properties["band_gap_ev"]["scores"]["leave_one_spacer_out"]["r2_log"] > 0.7
    assert "band_gap_ev, learnt from 24 rows: ranks unseen compounds usefully" in fit.strategy
    assert FitSummary(**json.loads(json.dumps(fit.to_dict()))) == fit
    assert "## band_gap_ev\n\n24 values: ranks unseen compounds usefully" in as_markdown(model_card(wished))
    wish = {"wishes": [{"column": "noise", "useless": 0, "perfect": 23}]}
    poor = made(launched, tmp_path / "poor", properties={"noise": {"table": NO_SKILL}}, objective=wish).retrain()
    assert "do not believe its ranking" in poor.strategy
    assert "do not believe its ranking" in poor.properties["noise"]["grade"]


def test_the_table_is_the_campaign_s_own_and_a_replay_is_exact(wished: Campaign, launched: Launched) -> None:
    again = Campaign.open(wished.folder, oracle_store=launched.oracle_store)
    assert len(again.config.properties["band_gap_ev"].table) == 24
    assert again.replay().same
    batch = again.suggest()
    first, *rest = batch.suggestions
    other = first.model_copy(update={"properties": {"band_gap_ev": {**first.properties["band_gap_ev"], "mean": 9.0}}})
    told = compare(batch, [other, *rest], batch.versions)
    assert "band_gap_ev.mean" in told.differences[0]


def test_a_batch_of_before_there_were_properties_opens(wished: Campaign) -> None:
    batch = wished.suggest()
    old = batch.to_dict()
    for suggestion in old["suggestions"]:
        del suggestion["properties"]
    assert SuggestionBatch(key=batch.key, **old).suggestions[0].properties == {}
    fit = wished.fit()
    assert fit is not None
    values = fit.to_dict()
    del values["properties"]
    assert FitSummary(**values).properties == {}


def test_another_table_is_another_fit(wished: Campaign) -> None:
    plain = CampaignConfig.parse({"properties": {"band_gap_ev": {"table": TABLE}}})
    other = CampaignConfig.parse({"properties": {"band_gap_ev": {"table": [*TABLE[:-1], {**TABLE[-1], "value": 2.0}]}}})
    assert "properties" not in CampaignConfig().key_fields()
    assert plain.key_fields() != other.key_fields()
    assert plain.key_fields() == CampaignConfig.parse(json.loads(plain.model_dump_json())).key_fields()


def test_rate_and_property_are_traded_off(launched: Launched, tmp_path: Path) -> None:
    text = "properties: {band_gap_ev: {table: gaps.csv, goal: maximize, worst: 1.9}}\nacquisition: qlog_nehvi\n"
    campaign = made(launched, tmp_path / "traded", **from_file(tmp_path, text))
    done = campaign.round()
    assert isinstance(done.strategy, Hypervolume)
    assert done.strategy.reference[1] == 1.9
    assert "maximize band_gap_ev; band_gap_ev, learnt from 24 rows" in done.choice.reason
    assert "compromises" in done.strategy.ranked_by
    batch = campaign.suggest()
    assert len({suggestion.formula for suggestion in batch.suggestions}) == 2
    assert all(suggestion.properties["band_gap_ev"]["sd"] > 0 for suggestion in batch.suggestions)
    assert campaign.replay().same


def test_a_random_campaign_draws_and_says_so(launched: Launched, tmp_path: Path) -> None:
    campaign = made(launched, tmp_path / "drawn", acquisition="random", limits={"max_per_spacer": 1}, seed=3)
    done, batch = campaign.round(), campaign.suggest()
    assert done.strategy == RandomStrategy(3)
    order = done.ranking.frame["index"].to_numpy()
    assert (np.diff(RandomStrategy(3).values(order)) < 0).all()
    assert batch.suggestions[0].formula == done.ranking.frame["formula"][0]
    assert all("drawn at random" in suggestion.reason for suggestion in batch.suggestions)
    assert len({suggestion.spacer for suggestion in batch.suggestions}) == 2
    fit = campaign.fit()
    assert fit is not None
    assert "drawn by lot, no prediction decides" in fit.strategy
    assert not fit.may_stop
    assert campaign.replay().same
    seen = {suggestion.formula for suggestion in batch.suggestions}
    assert not seen & {suggestion.formula for suggestion in campaign.suggest(more=True).suggestions}


def test_rows_without_descriptors_are_left_out_with_the_reason(launched: Launched) -> None:
    rows = [*TABLE, {"compound": "CsPbI3", "value": 1.7}]
    measured = CampaignConfig.parse({"properties": {"gap": {"table": rows}}}).properties["gap"]
    with OracleStore(launched.oracle_store) as store:
        records = {record.inchikey: record for record in store}
    learnt = learn_property("gap", measured, LIBRARY, records, seed=0)
    assert learnt.n_rows == 24
    assert learnt.left_out == ("gap of CsPbI3: no descriptors (no organic cation, or the oracle failed for one)",)
    few = measured.model_copy(update={"table": measured.table[:5] + measured.table[-1:] * 4})
    with pytest.raises(CampaignError, match="only 5 of 9 rows have descriptors; at least 8"):
        learn_property("gap", few, LIBRARY, records, seed=0)


HEAD = "properties: {band_gap_ev: {table: gaps.csv}}\n"


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("compound,value\n", "gaps.csv holds no rows"),
        (
            "formula,gap\n(PEA)2PbI4,2.4\n",
            "gaps.csv cannot be read: column 'value' or 'band_gap_ev' is",
        ),
        ("compound,value\n(PEA)2PbI4,wide\n", "gaps.csv, row 2: 'wide' is not a number"),
        ("compound,value\n(PEA)2PbI4,nan\n", "gaps.csv, row 2: 'nan' is not a number"),
        ("compound,value\n(PEA)2PbI4,\n", "gaps.csv, row 2: the cell is empty; it needs a number"),
        ("compound,value,error\n(PEA)2PbI4,2.4,-1\n", "properties.band_gap_ev.table[0].error: -1.0 will not do"),
    ],
    ids=["empty", "columns", "text", "nan", "blank", "error"],
)
def test_a_table_that_is_none_is_told_by_row(tmp_path: Path, table: str, says: str) -> None:
    (tmp_path / "gaps.csv").write_text(table)
    with pytest.raises(ConfigError) as caught:
        read_description(described(tmp_path, HEAD))
    assert says in str(caught.value)


def test_a_table_may_say_formula_and_the_property_s_name(tmp_path: Path) -> None:
    (tmp_path / "gaps.csv").write_text(GAPS.replace("compound,value", "formula,band_gap_ev"))
    renamed = read_description(described(tmp_path, HEAD)).config
    (tmp_path / "gaps.csv").write_text(GAPS)
    assert renamed == read_description(described(tmp_path, HEAD)).config


def test_a_table_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"line 1, properties.band_gap_ev.table: the table .*gaps.csv cannot be read"):
        read_description(described(tmp_path, HEAD))


def _gap(name: str = "band_gap_ev", **more: Any) -> dict[str, Any]:
    return {"properties": {name: {"table": TABLE, **more}}}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (_gap("Band gap"), "'Band gap' is no name for a column"),
        (_gap("price"), "the name price is taken"),
        (_gap("lifetime_ps"), "the name lifetime_ps is taken"),
        (_gap("gap_sd"), "the name gap_sd is taken"),
        ({"properties": {"gap_ev": {"table": TABLE[:7]}}}, "gap_ev: 7 rows; at least 8 are needed"),
        ({"properties": {"gap_ev": {"table": []}}}, "give at least 1"),
        (
            {"properties": {"gap_ev": {"table": [*TABLE, {"compound": "(XYZ)2PbI4", "value": 2}]}}},
            "entry 25 of the table: .*no cation is called 'XYZ'",
        ),
        (
            {"properties": {"gap_ev": {"table": [{**TABLE[0], "value": 2380.0}, *TABLE]}}},
            "entry 1 of the table: 2380 is out of all range; .* means electronvolts; 2380 meV are 2.38",
        ),
        ({"properties": {"gap_ev": {"table": [*TABLE, {**TABLE[0], "value": -2.4}]}}}, "entry 25 of the table: -2.4"),
        ({"properties": {"gap_ev": {"table": [*TABLE, {**TABLE[0], "error": 50}]}}}, "entry 25 .*: an error of 50 is"),
        ({"properties": {"gap_ev": {"table": [*TABLE, {**TABLE[0], "value": float("inf")}]}}}, "give a number"),
        (_gap(goal="larger"), "use 'maximize' or 'minimize'"),
        (_gap(goals="maximize"), "there is no such field; did you mean goal"),
        (
            {**_gap(), "objective": {"wishes": [{"column": "band_gap", "useless": 0, "perfect": 1}]}},
            "no column is called 'band_gap'; did you mean band_gap_ev",
        ),
        ({**_gap(), "acquisition": "qlog_nehvi"}, "give a measured one a goal"),
        (
            {
                **_gap(goal="minimize"),
                "acquisition": "qlog_nehvi",
                "objective": {"wishes": [{"column": "novelty", "useless": 0, "perfect": 1}]},
            },
            "qlog_nehvi leaves no place for wishes",
        ),
    ],
    ids=[
        "name", "price", "column", "sd", "few", "none", "compound", "unit", "negative", "spread", "infinite", "goal",
        "field", "wish", "no-goal", "both",
    ],
)  # fmt: skip
def test_properties_that_cannot_be_are_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        check(CampaignConfig.parse(fields), LIBRARY)
