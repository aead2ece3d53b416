"""A state is what its log says, read at once or in parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns import CampaignConfig
from campaigns.database import EventLog
from campaigns.events import EventKind
from campaigns.state import replay


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    log = EventLog.create(tmp_path / "campaign.db")
    log.append(EventKind.CREATED, {"config": CampaignConfig().model_dump(mode="json")})
    for stage in ("accepted", "in synthesis", "formed"):
        log.append(EventKind.STEPPED, {"formula": "(PEA)2PbI4", "stage": stage, "reason": "", "made": ""})
    row = {"formula": "(PEA)2PbI4", "lifetime_ps": 0.3}
    log.append(EventKind.MEASURED, {"name": "t.csv", "rows": [row, row | {"sample": "b"}]})
    log.append(EventKind.RETRACTED, {"number": 2, "reason": "wrong"})
    return log


@pytest.mark.parametrize("at", range(1, 7))
def test_a_log_read_in_two_parts_gives_the_state_of_the_whole(log: EventLog, at: int) -> None:
    events = log.events()
    assert log.events(after=at) == events[at:]
    assert replay(log.events(after=at), replay(events[:at])) == replay(events)


def test_nothing_new_leaves_the_state_as_it_is(log: EventLog) -> None:
    state = replay(log.events())
    assert replay(log.events(after=state.last_event), state) is state
