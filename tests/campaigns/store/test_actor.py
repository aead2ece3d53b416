"""Who an event is written for."""

from __future__ import annotations

import os
import pwd
import threading
from pathlib import Path

import pytest

from campaigns.database import EventLog, account, acting_as, actor
from campaigns.events import EventKind


def test_events_carry_the_name_of_whom_they_are_written_for(tmp_path: Path) -> None:
    log = EventLog.create(tmp_path / "campaign.db")
    with acting_as("Anna"):
        log.append(EventKind.CREATED, {})
        with acting_as("Ben"):
            log.append(EventKind.CREATED, {})
    log.append(EventKind.CREATED, {})
    assert [event.actor for event in log.events()] == ["Anna", "Ben", account()]


def test_another_thread_is_not_acting_for_anybody(tmp_path: Path) -> None:
    log = EventLog.create(tmp_path / "campaign.db")
    with acting_as("Anna"):
        thread = threading.Thread(target=lambda: log.append(EventKind.CREATED, {}))
        thread.start()
        thread.join()
    assert log.events()[0].actor == account()


def test_an_error_ends_it(tmp_path: Path) -> None:
    log = EventLog.create(tmp_path / "campaign.db")
    with pytest.raises(ValueError, match="no"), acting_as("Anna"):
        raise ValueError("no")
    log.append(EventKind.CREATED, {})
    assert log.events()[0].actor == account()


def test_nobody_writes_as_another_by_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "boss")
    assert actor() == pwd.getpwuid(os.getuid()).pw_name
