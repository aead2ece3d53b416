"""Values of a measured property that come in while a campaign runs: recorded, learnt from, taken back, replayed."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version
from json import dumps
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.campaign_kills import LIBRARY
from campaigns import Campaign, CampaignConfig
from campaigns.artifacts import data_key
from campaigns.errors import CampaignExistsError, IngestError, LifecycleError, PropertyError, UnconfirmedError
from campaigns.events import EventKind
from campaigns.state import replay
from campaigns.targets import MIN_ROWS
from chemspace import CationLibrary
from tests.campaigns.conftest import Launched
from tests.campaigns.processes import all_at_once, ingest_values, ingest_values_forever, process
from tests.campaigns.small import created
from tests.campaigns.test_properties import TABLE, made

GAP = "band_gap_ev"
NEW = "compound,value,error,sample\n(PA)2PbI4,2.55,0.02,K7\n(BDA)PbI4,2.31,,\n(PEA)2SnI4,1.97,,\n"


def write(folder: Path, text: str, name: str = "new.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def described(folder: Path, **properties: Any) -> Campaign:
    """A campaign with a property that was created and never trained: enough for everything that only records."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    asked = {"space": {"n_layers": "1-3"}, "properties": {GAP: {"table": TABLE}, **properties}}
    return Campaign.create(
        folder, CampaignConfig.parse(asked), libraries=[write(folder.parent, LIBRARY, "cations.csv")]
    )


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    return described(tmp_path / "small")


def key_of(campaign: Campaign) -> str:
    return campaign._data_key


def test_values_are_recorded_behind_those_of_the_launch_with_their_file(campaign: Campaign, tmp_path: Path) -> None:
    result = campaign.ingest_values(write(tmp_path, NEW), GAP)
    assert (result.property, result.added, result.skipped, result.outside) == (GAP, 3, 0, ("(PEA)2SnI4",))
    again = Campaign.open(campaign.folder)
    assert again.state == campaign.state
    record = again.state.records[GAP]
    assert [row.number for row in record] == [*range(1, 28)]
    assert [row.of_launch for row in record] == [True] * 24 + [False] * 3
    new = record[24]
    assert (new.observation.formula, new.observation.value, new.observation.stderr, new.observation.sample) == (
        "(PA)2PbI4",
        2.55,
        0.02,
        "K7",
    )
    assert (new.file, new.actor) == ("new.csv", record[0].actor)
    assert again._log.file(new.files[0]) == NEW.encode()
    assert len(again.state.properties[GAP].table) == 27
    assert again.config == campaign.config
    assert again.history()[-1]["what"] == f"ingested new.csv: 3 values of {GAP} ((PA)2PbI4, (BDA)PbI4, (PEA)2SnI4)"
    standing = again.status().to_dict()["properties"][GAP]
    assert (standing["n_values"], standing["n_ingested"], len(standing["record"])) == (27, 3, 3)
    frame = again.table("properties")
    assert (len(frame), frame["property"].unique().tolist()) == (27, [GAP])
    assert again.state.stages == {}


def test_the_same_file_twice_adds_nothing_and_says_so(campaign: Campaign, tmp_path: Path) -> None:
    path = write(tmp_path, NEW)
    campaign.ingest_values(path, GAP)
    events = len(campaign.history())
    result = campaign.ingest_values(path, GAP)
    assert (result.added, result.skipped) == (0, 3)
    assert [row.action for row in result.rows] == ["known"] * 3
    assert result.warnings[0].startswith(f"row 2: {GAP} 2.55 of (PA)2PbI4 is in the campaign already (value 25)")
    assert len(campaign.history()) == events


def test_a_value_of_the_launch_is_known_however_its_formula_is_written_unless_it_is_another_crystal(
    campaign: Campaign, tmp_path: Path
) -> None:
    value = TABLE[0]["value"]
    rows = f"PEA2PbI4,{value},0.5,\nPEA2PbI4,{value},,K8\nPEA2PbI4,{value},,K8\nPEA2PbI4,{value + 0.01},,\n"
    path = write(tmp_path, "formula,value,error,sample\n" + rows)
    with pytest.raises(UnconfirmedError, match=r"corrects value 1, of the launch's table: error 0\.5"):
        campaign.ingest_values(path, GAP)
    result = campaign.ingest_values(path, GAP, accept_corrections=True)
    assert [row.action for row in result.rows] == ["correct", "add", "known", "add"]
    assert campaign.state.properties[GAP].table[0].error == 0.5
    assert "stands in row 3 already" in result.rows[2].note
    assert [row.observation.sample for row in campaign.state.records[GAP][24:]] == ["K8", ""]


def test_a_launch_with_a_longer_table_says_how_values_come_in(campaign: Campaign, tmp_path: Path) -> None:
    more = [*TABLE, {"compound": "(PA)2PbI4", "value": 2.55}]
    with pytest.raises(CampaignExistsError) as caught:
        described(campaign.folder, **{GAP: {"table": more}})
    assert f"{GAP}: a table of 24 values here, another one of 25 asked for; further values come in" in str(caught.value)
    assert "compound" not in str(caught.value)
    with pytest.raises(CampaignExistsError, match=r"\(properties: .*'goal': None.* here, .*'maximize'.* asked for"):
        described(campaign.folder, **{GAP: {"table": TABLE, "goal": "maximize"}})
    with pytest.raises(CampaignExistsError, match=r"properties: .* asked for"):
        described(campaign.folder, gap={"table": TABLE})
    campaign.ingest_values(write(tmp_path, NEW), GAP)
    assert described(campaign.folder).state == campaign.state


def test_one_table_may_hold_two_properties(tmp_path: Path) -> None:
    shift = [{**row, "value": row["value"] / 10} for row in TABLE]
    campaign = described(tmp_path / "two", stokes_shift_ev={"table": shift})
    path = write(tmp_path, f"compound,{GAP},stokes_shift_ev\n(PA)2PbI4,2.5,0.1\n")
    for name in (GAP, "stokes_shift_ev"):
        assert campaign.ingest_values(path, name).added == 1
    values = campaign.state.records
    assert [values[name][-1].observation.value for name in campaign.config.properties] == [2.5, 0.1]


def test_one_bad_row_refuses_the_file_and_a_file_of_rejects_takes_it(campaign: Campaign, tmp_path: Path) -> None:
    path = write(tmp_path, NEW + "(PEA)2PbI4,2380,,\n")
    before = key_of(campaign)
    for dry_run in (True, False):
        with pytest.raises(IngestError, match="row 5, column value: 2380 is out of all range") as caught:
            campaign.ingest_values(path, GAP, dry_run=dry_run)
        assert [row.action for row in caught.value.rows] == ["add", "add", "add", "refused"]
    assert (len(campaign.history()), key_of(campaign)) == (1, before)
    result = campaign.ingest_values(path, GAP, keep_going=True, rejects=tmp_path / "rejects.csv")
    assert (result.added, result.refused, result.rejects) == (3, 1, str(tmp_path / "rejects.csv"))
    rejects = pd.read_csv(tmp_path / "rejects.csv")
    assert (rejects["row"].tolist(), rejects["compound"].tolist()) == ([5], ["(PEA)2PbI4"])
    repaired = (tmp_path / "rejects.csv").read_text().replace("2380", "2.38")
    assert campaign.ingest_values(write(tmp_path, repaired, "repaired.csv"), GAP).added == 1
    nothing = write(tmp_path, "compound,value\n(PEA)2PbI4,-1\n", "bad.csv")
    with pytest.raises(IngestError):
        campaign.ingest_values(nothing, GAP, keep_going=True)


def test_a_dry_run_writes_nothing(campaign: Campaign, tmp_path: Path) -> None:
    result = campaign.ingest_values(write(tmp_path, NEW), GAP, dry_run=True)
    assert (result.added, len(campaign.history())) == (3, 1)
    told = result.to_dict()
    assert told["rows"][0] == {
        "line": 2, "action": "add", "formula": "(PA)2PbI4", "sample": "K7", "note": "", "value": 2.55, "error": 0.02,
    }  # fmt: skip
    assert told["property"] == GAP


def test_lifetimes_are_told_as_before(campaign: Campaign, tmp_path: Path) -> None:
    told = campaign.ingest(write(tmp_path, "formula,lifetime_ps\n(PA)2PbI4,0.4\n"), dry_run=True).to_dict()
    assert "property" not in told
    assert {"value", "error"}.isdisjoint(told["rows"][0])


def test_a_property_that_is_not_there_is_told_with_those_that_are(campaign: Campaign, tmp_path: Path) -> None:
    with pytest.raises(PropertyError, match=f"no property 'gap'; it has {GAP}"):
        campaign.ingest_values(write(tmp_path, NEW), "gap")
    with pytest.raises(PropertyError, match=f"no property 'gap'; it has {GAP}"):
        campaign.retract_value("gap", 1, "wrong")
    plain = created(tmp_path / "plain")
    with pytest.raises(PropertyError, match=r"no further measured property.*properties: \{gap: \{table: gap.csv\}\}"):
        plain.ingest_values(write(tmp_path, NEW), "gap")


def test_new_values_are_another_key_and_without_them_it_is_the_one_before(campaign: Campaign, tmp_path: Path) -> None:
    before = key_of(campaign)
    campaign.ingest_values(write(tmp_path, NEW), GAP)
    after = key_of(campaign)
    assert after != before
    for number in (25, 26, 27):
        campaign.retract_value(GAP, number, "wrong crystal")
    assert key_of(campaign) == before
    campaign.retract_value(GAP, 1, "digitised badly")
    assert key_of(campaign) not in (before, after)


def test_keys_of_campaigns_without_such_events_stay_as_they_were(campaign: Campaign) -> None:
    bare = CampaignConfig()
    for state in (replace(campaign.state, config=bare, records={"lifetime_ps": ()}), campaign.state):
        parts = [state.config.key_fields(), [], [], state.config.protocol.key, version("spinscreen")]
        told = dumps(parts, sort_keys=True)
        assert data_key(state.config, state) == sha256(told.encode()).hexdigest()[:16]


def test_a_value_is_taken_back_once_with_a_reason_and_does_not_come_back_with_its_file(
    campaign: Campaign, tmp_path: Path
) -> None:
    path = write(tmp_path, NEW)
    campaign.ingest_values(path, GAP)
    with pytest.raises(LifecycleError, match=r"say why value 25 of band_gap_ev is retracted \(--reason\)"):
        campaign.retract_value(GAP, 25, " ")
    with pytest.raises(LifecycleError, match="no value 28 of band_gap_ev; its record holds 27"):
        campaign.retract_value(GAP, 28, "wrong")
    gone = campaign.retract_value(GAP, 25, "wrong crystal")
    assert (gone.observation.formula, gone.retracted) == ("(PA)2PbI4", "wrong crystal")
    with pytest.raises(LifecycleError, match=r"value 25 of band_gap_ev is retracted already \(wrong crystal\)"):
        campaign.retract_value(GAP, 25, "me too")
    assert campaign.history()[-1]["what"] == "retracted value 25 of band_gap_ev: wrong crystal"
    result = campaign.ingest_values(path, GAP)
    assert [row.action for row in result.rows] == ["retracted", "known", "known"]
    assert "was retracted (value 25: wrong crystal)" in result.rows[0].note
    other = campaign.ingest_values(write(tmp_path, NEW.replace("0.02", "0.2"), "again.csv"), GAP)
    assert [row.action for row in other.rows] == ["add", "known", "known"]
    standing = campaign.status().properties[GAP]
    assert (standing["n_values"], standing["n_ingested"]) == (27, 3)
    assert [row["number"] for row in standing["record"]] == [25, 26, 27, 28]


def test_a_value_of_the_launch_is_taken_back_too_while_enough_stand(tmp_path: Path) -> None:
    campaign = described(tmp_path / "few", **{GAP: {"table": TABLE[: MIN_ROWS + 1]}})
    campaign.retract_value(GAP, 1, "digitised badly")
    assert campaign.state.properties[GAP].table == campaign.config.properties[GAP].table[1:]
    with pytest.raises(LifecycleError, match="7 values would stand, and at least 8 are needed"):
        campaign.retract_value(GAP, 2, "too")
    assert campaign.status().properties[GAP]["record"][0]["file"] == ""


def test_of_two_who_look_at_the_same_state_one_takes_back(campaign: Campaign) -> None:
    other = Campaign.open(campaign.folder)
    campaign.retract_value(GAP, 1, "wrong")
    with pytest.raises(LifecycleError, match=r"retracted already \(wrong\)"):
        other.retract_value(GAP, 1, "me too")


@pytest.mark.parametrize("at", range(1, 5))
def test_a_log_read_in_two_parts_gives_the_state_of_the_whole(campaign: Campaign, tmp_path: Path, at: int) -> None:
    campaign.ingest_values(write(tmp_path, NEW), GAP)
    campaign.retract_value(GAP, 26, "wrong")
    campaign.ingest(write(tmp_path, "formula,lifetime_ps\n(PA)2PbI4,0.4\n", "lifetimes.csv"))
    events = campaign._log.events()
    assert [event.kind for event in events[1:3]] == [EventKind.OBSERVED, EventKind.RETRACTED]
    assert replay(events[at:], replay(events[:at])) == replay(events) == campaign.state


def test_processes_that_bring_the_same_values_at_once_leave_each_there_once(campaign: Campaign, tmp_path: Path) -> None:
    head = "compound,value,sample\n"
    shared = "".join(f"(PA)2PbI4,{2.5 + i / 100:.2f},shared{i}\n" for i in range(3))
    jobs = []
    for worker in range(4):
        own = "".join(f"(BA)2PbI4,{2.5 + i / 100:.2f},w{worker}-{i}\n" for i in range(3))
        jobs.append((campaign.folder, GAP, [write(tmp_path, head + shared + own, f"w{worker}.csv")]))
    assert all_at_once(ingest_values, jobs) == [0] * 4
    samples = [row.observation.sample for row in Campaign.open(campaign.folder).state.records[GAP][24:]]
    assert len(samples) == len(set(samples)) == 3 + 4 * 3


def test_a_kill_loses_no_value_that_was_acknowledged(campaign: Campaign, tmp_path: Path) -> None:
    said = tmp_path / "acknowledged"
    said.touch()
    writer = process(ingest_values_forever, campaign.folder, GAP, tmp_path, said)
    writer.start()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and said.read_text().count("\n") < 5:
        time.sleep(0.01)
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join(10)
    acknowledged = said.read_text().split("\n")[:-1]
    assert len(acknowledged) >= 5
    again = Campaign.open(campaign.folder)
    record = again.state.records[GAP][24:]
    assert set(acknowledged) <= {row.observation.sample for row in record}
    assert all(again._log.file(row.files[0]).endswith(f"{row.observation.sample}\n".encode()) for row in record)


def test_new_values_are_learnt_from_and_rounds_before_and_after_come_out_the_same(
    launched: Launched, tmp_path: Path
) -> None:
    wish = {"wishes": [{"column": GAP, "useless": 1.8, "perfect": 2.5}]}
    campaign = made(launched, tmp_path / "gaps", properties={GAP: {"table": TABLE}}, objective=wish)
    first = campaign.suggest()
    unseen = "(EA)2PbI4"  # of a cation that is neither in the library nor among the published compounds
    assert CationLibrary.builtin()["EA"].inchikey not in {c.inchikey for c in campaign.library}
    rows = "".join(f"({spacer})2(FA)Pb2I7,2.6{i},\n" for i, spacer in enumerate(("PEA", "BA", "PA")))
    campaign.ingest_values(write(tmp_path, f"compound,value,error\n{unseen},2.4,0.02\n{rows}"), GAP)
    assert campaign.fit() is None
    assert campaign.describe().failures == ()
    before, fit = campaign.state.fits[first.data_key], campaign.retrain()
    assert fit.properties[GAP]["n_rows"] == before["properties"][GAP]["n_rows"] + 4 == 28
    assert fit.properties[GAP]["left_out"] == []
    assert fit.properties[GAP]["scores"] != before["properties"][GAP]["scores"]
    assert f"{GAP}, learnt from 28 rows" in fit.strategy
    second = campaign.suggest()
    assert second.data_key == fit.data_key != first.data_key
    assert not {s.formula for s in first.suggestions} & {s.formula for s in second.suggestions}
    expected = campaign.predict("(PA)2(FA)Pb2I7").properties[GAP]["mean"]
    assert expected > 2.3
    campaign.retract_value(GAP, 1, "digitised badly")
    third = campaign.suggest()
    assert third.data_key not in (first.data_key, second.data_key)
    again = Campaign.open(campaign.folder, oracle_store=launched.oracle_store)
    now = again.fit()
    assert now is not None
    assert now.properties[GAP]["n_rows"] == 27
    for number in (1, 2, 3):
        told = again.replay(number)
        assert (told.same, told.differences) == (True, ())
