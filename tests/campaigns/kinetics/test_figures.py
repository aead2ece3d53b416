"""Figures of fits and maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.synthetic_traces import Truth, delay_grid, synthetic_map, synthetic_trace
from campaigns.errors import AxisError, PlotFileError
from campaigns.kinetics import Trace, fit_trace
from campaigns.kinetics.figures import DelayAxis, kinetics_figure, map_figure, spectra_figure, write_html
from campaigns.kinetics.maps import trace_at


@given(delay=st.lists(st.floats(-1e3, 1e5), min_size=2, max_size=30, unique=True))
def test_the_delay_axis_keeps_the_order_of_delays(delay: list[float]) -> None:
    ordered = np.sort(np.array(delay))
    axis = DelayAxis(ordered)
    assert (np.diff(axis.position(ordered)) >= 0).all()
    assert axis.position(np.array([0.0, 0.5]))[1] == 0.5


def test_ticks_are_delays_inside_the_data() -> None:
    layout = DelayAxis(np.linspace(-2.0, 300.0, 50)).layout()
    assert layout["ticktext"] == ["-1", "-0.5", "0", "0.5", "1", "3", "10", "30", "100", "300"]


def test_kinetics_show_data_fit_and_residuals() -> None:
    trace = synthetic_trace(np.random.default_rng(0), delay_grid("log", 200, 20.0), Truth(lifetime_ps=20.0, snr=20.0))
    fit = fit_trace(trace, 0.15)
    figure = kinetics_figure(fit)
    drawn = {line.name: line for line in figure.data}
    assert set(drawn) == {"SC", "CC", "SC − CC", f"fit: {fit.model}", "residual"}
    assert np.std(drawn["residual"].y) == pytest.approx(1.0, abs=0.05)
    assert list(drawn["SC"].customdata) == list(trace.delay_ps)
    assert fit.summary() in figure.layout.title.text.replace("&lt;", "<")


def test_a_point_that_was_left_out_is_marked_and_does_not_set_the_scale() -> None:
    rng, delay = np.random.default_rng(3), np.linspace(-1.0, 12.0, 120)
    spin = np.where(delay > 0.0, np.exp(-delay / 3.0), 0.0) + rng.normal(scale=0.01, size=120)
    spin[60] += 30.0
    fit = fit_trace(Trace.of(delay, difference=spin), 0.1)
    drawn = {each.name: each for each in kinetics_figure(fit).data}
    assert fit.left_out_ps == (delay[60],)
    assert len(drawn["SC − CC"].y) == len(drawn["residual"].y) == 119
    assert list(drawn["left out"].y) == [np.delete(spin, 60).max()]
    assert f"{spin[60]:.3g}, left out" in drawn["left out"].hovertemplate


def test_a_long_trace_is_thinned_before_drawing() -> None:
    delay = np.linspace(-1.0, 20.0, 50_000)
    trace = synthetic_trace(np.random.default_rng(0), delay, Truth(lifetime_ps=3.0, snr=20.0))
    figure = kinetics_figure(fit_trace(Trace.of(delay, difference=trace.signal), 0.15))
    assert max(len(line.x) for line in figure.data) <= 4000


def test_maps_share_one_symmetric_scale_and_mark_the_window(tmp_path: Path) -> None:
    rng, wavelength = np.random.default_rng(0), np.linspace(500.0, 560.0, 41)
    maps = synthetic_map(
        rng, wavelength, delay_grid("log", 120, 3.0), Truth(lifetime_ps=3.0, snr=8.0, height=-1e-3), peak_nm=524.0
    )
    trace, window = trace_at(*maps)
    figure = map_figure(*maps, window)
    assert [line.type for line in figure.data] == ["heatmap", "heatmap"]
    assert figure.layout.coloraxis.cmin == -figure.layout.coloraxis.cmax
    assert len(figure.layout.shapes) == 4
    spectra = spectra_figure(*maps, 0.5, window)
    assert [line.name for line in spectra.data] == ["SC", "CC"]
    with pytest.raises(AxisError, match="the maps run from -1 to 24 ps"):
        spectra_figure(*maps, 99.0)
    path = tmp_path / "out.html"
    write_html(path, "A <title>", [figure, spectra, kinetics_figure(fit_trace(trace, 0.15))], ["x < y"])
    page = path.read_text(encoding="utf-8")
    assert "A &lt;title&gt;" in page
    assert "x &lt; y" in page
    assert "cdn.plot.ly/plotly" not in page
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    taken = tmp_path / "taken.html"
    taken.mkdir()
    (taken / "inside").touch()
    for path, why in ((tmp_path / "absent" / "out.html", "cannot be written"), (taken, "is no ordinary file")):
        with pytest.raises(PlotFileError, match=why):
            write_html(path, "t", [])
    assert list(tmp_path.iterdir()) == [taken]
