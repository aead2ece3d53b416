"""What every test shares."""

from __future__ import annotations

import os

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
