"""Every curl line of docs/web.md, sent as it stands there to a real server."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from campaigns.web.jobs import JobQueue
from tests.campaigns.test_property_values import described
from tests.campaigns.web.conftest import Prepared, Traces, running
from tests.system import require

DOCS = Path(__file__).resolve().parents[3] / "docs" / "web.md"
#: What the document calls the server, the campaign, and one with a further measured property.
SERVER, CAMPAIGN, OPTICS = "localhost:8710", "demo", "optics"


def documented() -> list[list[str]]:
    """The curl commands of the page, in their order."""
    blocks = re.findall(r"(?:^ {4}.*\n)+", DOCS.read_text(encoding="utf-8"), re.M)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line.strip().startswith("curl ")]


def files_in(folder: Path, traces: Traces, maps: Traces) -> None:
    """What somebody has in their folder who sends the lines."""
    (folder / "results.csv").write_text("formula,lifetime_ps\n(PA)2PbI4,0.4\n")
    (folder / "lab.csv").write_text("Compound,tau\n(BA)2PbI4,310\n")
    (folder / "gaps.csv").write_text("compound,value\n(BA)2PbI4,2.43\n")
    for name in ("SC", "CC"):
        shutil.copy(getattr(traces, name.lower()), folder / f"{name}.csv")
        whole = getattr(maps, name.lower()).read_text()
        for scan in (1, 2):  # a second scan is not byte for byte the first
            (folder / f"{name.lower()}{scan}.csv").write_text(whole + "\n" * scan)


def test_every_verb_of_the_interface_has_a_line() -> None:
    told = " ".join(" ".join(command) for command in documented())
    for path in (
        "campaigns",
        "suggestions",
        "outcomes",
        "measurements",
        "measurements/table",
        "measurements/trace",
        "properties",
        "properties/band_gap_ev/values",
        "properties/band_gap_ev/table",
        "retraction",
        "ranking",
        "compound",
        "events",
        "predictions",
        "jobs",
    ):
        assert re.search(rf"/{path}\b", told), path


def test_every_line_is_answered(
    prepared: Prepared, traces: Traces, maps: Traces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JobQueue, "start", lambda self: None)  # jobs are queued; that they run is tested elsewhere
    curl = require("curl")
    files_in(tmp_path, traces, maps)
    shutil.copytree(prepared.folder, tmp_path / CAMPAIGN)
    described(tmp_path / OPTICS)
    settings = replace(prepared.settings(tmp_path), folders=(tmp_path / CAMPAIGN, tmp_path / OPTICS))
    commands, sent = documented(), 0
    assert len(commands) >= 20
    with running(settings) as base:
        job = httpx.post(f"{base}/api/campaigns/{CAMPAIGN}/suggestions", json={}).json()["id"]
        address = base.removeprefix("http://")
        for _, *arguments in commands:
            told = [part.replace(SERVER, address).replace("jobs/JOB", f"jobs/{job}") for part in arguments]
            done = subprocess.run(
                [curl, "-sS", "-w", "\n%{http_code}", *told], cwd=tmp_path, capture_output=True, text=True, timeout=120
            )
            body, _, status = done.stdout.rpartition("\n")
            assert done.returncode == 0, (arguments, done.stderr)
            assert status in ("200", "201", "202"), (arguments, status, body)
            json.loads(body)
            sent += 1
        record = httpx.get(f"{base}/api/campaigns/{CAMPAIGN}/measurements").json()
    assert sent == len(commands)
    assert [row["retracted"] for row in record].count(None) == len(record) - 1
