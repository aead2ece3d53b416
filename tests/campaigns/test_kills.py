"""A few of the random kills of benchmarks/campaign_kills.py: nothing lost, nothing damaged, everything finishes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import benchmarks
from tests.campaigns.conftest import Launched


def test_killed_commands_lose_nothing_and_finish_when_run_again(launched: Launched) -> None:
    script = Path(benchmarks.__path__[0]) / "campaign_kills.py"
    command = [sys.executable, str(script), "--kills", "3", "--near", "3", "--oracle-store", str(launched.oracle_store)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 kills" in done.stdout
    assert "\n0 problems" in done.stdout
