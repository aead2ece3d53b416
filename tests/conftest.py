"""What every test shares."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# tblite in this process is five to ten times slower with two threads once torch has loaded the same OpenMP library.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A store of the user's own is neither read nor written by the tests.
os.environ.pop("SPINSCREEN_ORACLE_STORE", None)

# Hypothesis gives each example 200 ms by the clock: on a machine that is busy with other things a sound test fails.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The examples are the same in every run, so that a change is judged by what it changed; HYPOTHESIS_PROFILE=search draws
# new ones.
settings.register_profile("same", settings.get_profile("search"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

#: Files of half a minute and more begin first, or the last of them is waited for by one core alone.
LONG = (
    *("test_browser", "test_paper", "test_plugins", "test_remote", "test_logs", "test_week", "test_notebook"),
    *("test_optimizer", "test_kills", "test_related", "test_pictures", "test_described", "test_rounds", "test_year"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first, in the order of LONG."""
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONG)))
