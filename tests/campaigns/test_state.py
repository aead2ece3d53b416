"""A state is what its log says, read at once or in parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns import CampaignConfig
from campaigns.database import EventLog
from campaigns.errors import SchemaError
from campaigns.events import EventKind, upcast
from campaigns.state import replay


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    log = EventLog.create(tmp_path / "campaign.db")
    log.append(EventKind.CREATED, {"config": CampaignConfig().model_dump(mode="json")})
    for stage in ("accepted", "in synthesis", "formed"):
        log.append(EventKind.STEPPED, {"formula": "(PEA)2PbI4", "stage": stage, "reason": "", "made": ""})
    row = {"formula": "(PEA)2PbI4", "value": 0.3}
    log.append(EventKind.OBSERVED, {"target": "lifetime_ps", "name": "t.csv", "rows": [row, row | {"sample": "b"}]})
    log.append(EventKind.RETRACTED, {"target": "lifetime_ps", "number": 2, "reason": "wrong"})
    return log


@pytest.mark.parametrize("at", range(1, 7))
def test_a_log_read_in_two_parts_gives_the_state_of_the_whole(log: EventLog, at: int) -> None:
    events = log.events()
    assert log.events(after=at) == events[at:]
    assert replay(log.events(after=at), replay(events[:at])) == replay(events)


def test_nothing_new_leaves_the_state_as_it_is(log: EventLog) -> None:
    state = replay(log.events())
    assert replay(log.events(after=state.last_event), state) is state


def test_events_of_0_1_0_are_read_as_they_are_written_today() -> None:
    row = {"formula": "(PEA)2PbI4", "lifetime_ps": 0.3, "lifetime_stderr_ps": 0.1, "is_upper_bound": False}
    gap = {"formula": "(PEA)2PbI4", "value": 2.4, "error": 0.1}
    told = [
        upcast("measured", {"name": "t.csv", "rows": [row], "files": []}),
        upcast("property_measured", {"property": "band_gap_ev", "name": "g.csv", "rows": [gap]}),
        upcast("retracted", {"number": 1, "reason": "wrong"}),
        upcast("property_retracted", {"property": "band_gap_ev", "number": 25, "reason": "wrong"}),
    ]
    assert [(kind, payload["target"]) for kind, payload in told] == [
        (EventKind.OBSERVED, "lifetime_ps"),
        (EventKind.OBSERVED, "band_gap_ev"),
        (EventKind.RETRACTED, "lifetime_ps"),
        (EventKind.RETRACTED, "band_gap_ev"),
    ]
    assert told[0][1]["rows"] == [{"formula": "(PEA)2PbI4", "value": 0.3, "stderr": 0.1, "is_bound": False}]
    assert told[1][1]["rows"] == [{"formula": "(PEA)2PbI4", "value": 2.4, "stderr": 0.1}]


def test_retractions_have_a_kind_that_0_1_0_refuses() -> None:
    assert EventKind.RETRACTED.value not in ("retracted", "property_retracted")


@pytest.mark.parametrize("place", ["the round", "a suggestion"])
def test_a_round_with_what_only_a_newer_version_knows_is_refused(log: EventLog, place: str) -> None:
    words = dict.fromkeys(("formula", "phase", "spacer", "cage", "reason", "nearest_measured"), "")
    numbers = dict.fromkeys(("lifetime_ps", "lifetime_low_ps", "lifetime_high_ps", "rate_per_ps", "acquisition"), 1.0)
    one = words | numbers | {"n_layers": 1, "feasibility": 1.0}
    batch = {"number": 1, "data_key": "", "seed": 0, "pending": [], "suggestions": [one], "versions": {}}
    log.append(EventKind.SUGGESTED, batch)
    assert replay(log.events()).n_rounds == 1
    newer = batch | {"suggestions": [one | {"field": 0.1}]} if place == "a suggestion" else batch | {"field": 0.1}
    log.append(EventKind.SUGGESTED, newer)
    with pytest.raises(SchemaError, match=r"field: extra inputs are not permitted\); .*a newer one wrote it"):
        replay(log.events())
