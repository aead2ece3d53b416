"""Pictures of what was measured, beside the campaign."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.synthetic_traces import Truth, delay_grid, synthetic_map
from campaigns import Campaign
from campaigns.kinetics import Measured, MeasuredFiles, TraceFit, fit_trace
from tests.campaigns.small import created
from tests.campaigns.test_ingest_trace import files


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    return created(tmp_path / "small")


def maps(folder: Path) -> tuple[MeasuredFiles, Measured, TraceFit]:
    """Map files of a synthetic crystal, what is read from them and its fit."""
    delay, wavelength = delay_grid("log", 120, 2.0), np.linspace(510.0, 540.0, 25)
    paths = []
    pair = synthetic_map(
        np.random.default_rng(6), wavelength, delay, Truth(lifetime_ps=2.0, snr=8.0, height=-1e-3), peak_nm=524.0
    )
    for name, each in zip(("sc_map.csv", "cc_map.csv"), pair, strict=True):
        block = np.vstack([np.r_[0.0, each.delay_ps], np.column_stack([wavelength, each.signal])])
        np.savetxt(folder / name, block, delimiter=",")
        paths.append(folder / name)
    given = MeasuredFiles(sc_map=paths[:1], cc_map=paths[1:])
    measured = given.read()
    return given, measured, fit_trace(measured.trace, 0.15)


def test_maps_are_taken_in_with_their_files_and_drawn(campaign: Campaign, tmp_path: Path) -> None:
    given, measured, fit = maps(tmp_path)
    result = campaign.ingest_trace("(PA)2PbI4", fit, given.paths(), measured=measured, spectrum_at_ps=0.5)
    assert result.page == str(campaign.folder / "traces" / "0001-PA2-PbI4.html")
    page = Path(result.page).read_text(encoding="utf-8")
    for shown in ("same-circular (SC)", "counter-circular (CC)", "Spectra at 0.5", "residual (s.d.)", "Measurement 1"):
        assert shown in page
    assert len(page) < 1_000_000  # the drawing library stands beside it, once for all pages
    assert (campaign.folder / "traces" / "plotly.min.js").stat().st_size > 1_000_000
    kept = json.loads(Path(result.page).with_suffix(".json").read_text(encoding="utf-8"))
    assert (kept["measurement"], kept["formula"]) == (1, "(PA)2PbI4")
    assert kept["lifetime_ps"] == campaign.state.record[0].observation.value
    assert tuple(source["sha256"] for source in kept["sources"]) == campaign.state.record[0].files


def test_a_page_that_was_lost_is_drawn_again_by_the_same_ingest(campaign: Campaign, tmp_path: Path) -> None:
    paths, fit = files(tmp_path, 2.0)
    page = campaign.ingest_trace("(PA)2PbI4", fit, paths).page
    assert page is not None
    Path(page).unlink()
    assert campaign.ingest_trace("(PA)2PbI4", fit, paths).added == 0
    assert Path(page).exists()


def test_a_page_that_cannot_be_written_does_not_lose_the_measurement(campaign: Campaign, tmp_path: Path) -> None:
    paths, fit = files(tmp_path, 2.0)
    (campaign.folder / "traces").write_text("in the way")
    result = campaign.ingest_trace("(PA)2PbI4", fit, paths)
    assert (result.added, result.page, len(campaign.state.record)) == (1, None, 1)
    assert "the measurement is kept, its page is not" in result.warnings[-1]


def test_a_dry_run_draws_nothing(campaign: Campaign, tmp_path: Path) -> None:
    paths, fit = files(tmp_path, 2.0)
    assert campaign.ingest_trace("(PA)2PbI4", fit, paths, dry_run=True).page is None
    assert not (campaign.folder / "traces").exists()
