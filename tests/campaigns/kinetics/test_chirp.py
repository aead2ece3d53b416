"""Time zero that differs over the wavelengths of a map: noticed, and corrected where it is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from benchmarks.synthetic_traces import Truth, delay_grid, synthetic_map
from campaigns.errors import FitSettingError, ProbeWindowError
from campaigns.kinetics import MeasuredFiles, TraceSettings, TransientMap, fit_trace
from campaigns.kinetics.figures import map_figure
from campaigns.kinetics.maps import straightened, trace_at
from tests.campaigns.kinetics.test_cli_fit_trace import run

Maps = tuple[TransientMap, TransientMap]

WAVELENGTH = np.linspace(490.0, 560.0, 21)
DELAY = delay_grid("linear", 110, 1.0)
TRUTH = Truth(lifetime_ps=1.0, snr=8.0, height=-1e-3)
WINDOW = (505.0, 545.0)


def zero(wavelength_nm: np.ndarray | float) -> np.ndarray:
    """Where time zero is put, ps."""
    x = (np.asarray(wavelength_nm) - 524.0) / 35.0
    return 0.3 * x - 0.1 * x**2


@pytest.fixture(scope="module")
def straight() -> Maps:
    return synthetic_map(np.random.default_rng(2), WAVELENGTH, DELAY, TRUTH, peak_nm=524.0, width_nm=40.0)


@pytest.fixture(scope="module")
def bent(straight: Maps) -> Maps:
    """The same with each wavelength measured at its own time zero."""
    rows = []
    for at, wavelength in enumerate(WAVELENGTH):
        truth = replace(TRUTH, time_zero_ps=float(zero(wavelength)))
        rng = np.random.default_rng(100 + at)
        pair = synthetic_map(rng, WAVELENGTH[at : at + 1], DELAY, truth, peak_nm=524.0, width_nm=40.0)
        rows.append([each.signal[0] for each in pair])
    sc, cc = np.array(rows).transpose(1, 0, 2)
    return replace(straight[0], signal=sc), replace(straight[1], signal=cc)


def test_a_chirp_is_noticed_and_the_maps_are_left_as_they_are(bent: Maps, straight: Maps) -> None:
    maps, chirp = straightened(*bent)
    assert maps == bent
    assert chirp is not None
    assert chirp.at(WAVELENGTH) == pytest.approx(zero(WAVELENGTH), abs=0.06)
    assert straightened(*straight)[1] is None
    lines = [trace for trace in map_figure(*bent, None, chirp).data if trace.name == "time zero"]
    assert [np.ptp(line.x) > 0.3 for line in lines] == [True, True]


@pytest.mark.parametrize("asked", [2, [(nm, float(zero(nm))) for nm in (490.0, 525.0, 560.0)]])
def test_a_map_without_its_chirp_gives_the_lifetime_and_the_response(
    bent: Maps, asked: int | list[tuple[float, float]]
) -> None:
    maps, chirp = straightened(*bent, asked, WINDOW)
    assert chirp is not None
    assert chirp.moved_to_ps == pytest.approx(float(zero(525.0)), abs=0.03)
    (curve, _) = (trace for trace in map_figure(*maps, None, chirp).data if trace.name == "time zero")
    assert np.ptp(curve.x) == 0.0
    fit = fit_trace(trace_at(*maps, WINDOW)[0])
    assert fit.irf_fwhm_ps == pytest.approx(0.15, abs=0.03)
    assert fit.lifetime_low_ps < 1.0 < fit.lifetime_high_ps
    assert fit_trace(trace_at(*bent, WINDOW)[0]).irf_fwhm_ps > 0.25


def test_repeated_delays_and_missing_pixels_are_corrected_too(bent: Maps) -> None:
    twice = [
        replace(
            each, delay_ps=np.repeat(each.delay_ps, 2), signal=np.repeat(each.signal, 2, axis=1) + [1e-6, -1e-6] * 110
        )
        for each in bent
    ]
    twice[0].signal[3, :] = np.nan
    (sc, cc), _ = straightened(twice[0], twice[1], 2, WINDOW)
    (once, _), _ = straightened(*bent, 2, WINDOW)
    assert np.isnan(sc.signal[3]).all()
    assert sc.signal[10:, 20:-20] == pytest.approx(once.signal[10:, 20:-20], abs=1e-5)
    assert sc.delay_ps == pytest.approx(DELAY)
    assert np.array_equal(cc.delay_ps, sc.delay_ps)


def test_too_few_wavelengths_with_a_signal_are_asked_about(straight: Maps) -> None:
    dark = tuple(replace(each, signal=each.signal * 0.0) for each in straight)
    with pytest.raises(ProbeWindowError, match=r"0 groups of wavelengths show a time zero.*give points of the chirp"):
        straightened(*dark, 2)


@pytest.mark.parametrize("text", ["5", "0", "ps", "500:0.1", "500:0.1; 510", "1e5:nan; 2:1"])
def test_a_chirp_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="give an order from 1 to 4, or points"):
        TraceSettings(chirp=text)


def test_two_points_of_a_chirp_at_one_wavelength_are_refused_with_the_wavelength() -> None:
    with pytest.raises(ValidationError, match="two time zeros at 500 nm: leave one point a wavelength"):
        TraceSettings(chirp="500:0.1; 550:0.3; 500:0.2")


def test_points_are_read_with_either_decimal_mark(tmp_path: Path) -> None:
    for text in ("500:-0.2; 550:0.1", " 500 : -0,2;550:0,1 ", "500:-0.2 550:0.1"):
        assert TraceSettings(chirp=text).chirp_asked == [(500.0, -0.2), (550.0, 0.1)]
    assert TraceSettings(chirp=" 3 ").chirp_asked == 3
    with pytest.raises(FitSettingError, match="corrected in maps"):
        MeasuredFiles(trace=tmp_path / "t.csv").read(chirp=2)


def test_the_command_notices_a_chirp_and_corrects_it(tmp_path: Path, bent: Maps) -> None:
    for name, each in zip(("sc", "cc"), bent, strict=True):
        rows = np.column_stack([np.r_[0.0, WAVELENGTH], np.vstack([DELAY, each.signal])])
        np.savetxt(tmp_path / f"{name}.csv", rows, delimiter=",", fmt="%.8g")
    given = ("--sc-map", str(tmp_path / "sc.csv"), "--cc-map", str(tmp_path / "cc.csv"))
    window = ("--window", "505", "545")
    assert "left so (chirp 2 corrects it)" in run(*given, *window)[2]
    assert "corrected before averaging" in run(*given, *window, "--chirp", "2", "--plot", str(tmp_path / "fit.html"))[2]
    assert "time zero" in (tmp_path / "fit.html").read_text()
