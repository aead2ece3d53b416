"""From the laser's files to the campaign's record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.synthetic_traces import Truth, delay_grid, synthetic_trace
from campaigns import Campaign
from campaigns.errors import IngestError, UnconfirmedError
from campaigns.intake import require_confirmed
from campaigns.kinetics import TraceFit, fit_trace, read_traces


def files(tmp_path: Path, lifetime_ps: float, seed: int = 1) -> tuple[list[Path], TraceFit]:
    """SC and CC files of a synthetic crystal, and the fit of what the reader makes of them."""
    delay = delay_grid("linear", 300, lifetime_ps)
    trace = synthetic_trace(np.random.default_rng(seed), delay, Truth(lifetime_ps=lifetime_ps, snr=30.0))
    difference = trace.signal
    paths = [tmp_path / "SC.csv", tmp_path / "CC.csv"]
    for path, sign in zip(paths, (0.5, -0.5), strict=True):
        table = np.column_stack([delay, 2.0 + sign * difference])
        np.savetxt(path, table, delimiter=",", header="delay_ps,signal", comments="")
    return paths, fit_trace(read_traces(*paths), 0.15)


def test_a_fitted_trace_becomes_a_measurement_with_its_error_and_its_files(campaign: Campaign, tmp_path: Path) -> None:
    paths, fit = files(tmp_path, 2.0)
    assert campaign.ingest_trace("PA2PbI4", fit, paths, sample="K3").added == 1
    (row,) = campaign.state.record
    assert row.observation.formula == "(PA)2PbI4"
    assert row.observation.value == pytest.approx(2.0, rel=0.1)
    assert row.observation.stderr == fit.error_ps >= fit.lifetime_stderr_ps
    kept = campaign._log.events()[-1].payload["files"]
    assert [campaign._log.file(file["sha256"]) for file in kept] == [path.read_bytes() for path in paths]


def test_the_same_trace_is_taken_in_once(campaign: Campaign, tmp_path: Path) -> None:
    paths, fit = files(tmp_path, 2.0)
    campaign.ingest_trace("(PA)2PbI4", fit, paths)
    again = campaign.ingest_trace("(PA)2PbI4", fit, paths)
    assert (again.added, again.skipped) == (0, 1)
    assert len(campaign.state.record) == 1


def test_an_upper_bound_is_recorded_and_trains_as_one(campaign: Campaign, tmp_path: Path) -> None:
    paths, fit = files(tmp_path, 0.01)
    assert fit.is_upper_bound
    campaign.ingest_trace("(PA)2PbI4", fit, paths)
    assert campaign.state.measurements[0].is_bound
    summary = campaign.retrain()
    assert summary.n_train == 48
    assert not any("(PA)2PbI4" in line for line in summary.left_out)
    assert {card["n_rows"] for card in summary.scores.values()} == {47}
    assert "(PA)2PbI4" not in {s.formula for s in campaign.suggest().suggestions}


def test_what_a_fit_warns_of_is_asked_before_it_is_taken_in(tmp_path: Path) -> None:
    _, fit = files(tmp_path, 2.0)
    require_confirmed(fit, "SC.csv", accept_warnings=False, accept_extreme=False)
    warned = replace(fit, warnings=("Residuals are not white noise.",))
    with pytest.raises(UnconfirmedError, match="nothing was written: say whether this is right\n  Residuals") as asked:
        require_confirmed(warned, "SC.csv", accept_warnings=False, accept_extreme=False)
    assert asked.value.accept == "accept_warnings"
    require_confirmed(warned, "SC.csv", accept_warnings=True, accept_extreme=False)


@pytest.mark.parametrize("lifetime_ps", [0.00838, 5000.0])
def test_an_extreme_lifetime_of_a_trace_is_refused_as_in_a_table(tmp_path: Path, lifetime_ps: float) -> None:
    _, fit = files(tmp_path, 2.0)
    extreme = replace(fit, lifetime_ps=lifetime_ps)
    with pytest.raises(IngestError, match="if it is right, use --accept-extreme"):
        require_confirmed(extreme, "SC.csv", accept_warnings=True, accept_extreme=False)
    require_confirmed(extreme, "SC.csv", accept_warnings=True, accept_extreme=True)
