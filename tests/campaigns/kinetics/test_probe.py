"""The probe window of a map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.synthetic_traces import Truth, delay_grid, synthetic_map
from campaigns.errors import DelayMismatchError, ProbeWindowError
from campaigns.kinetics import TransientMap, fit_trace
from campaigns.kinetics.maps import photobleach_peak, trace_at

WAVELENGTH = np.linspace(480.0, 620.0, 141)


@pytest.fixture(scope="module")
def maps() -> tuple[TransientMap, TransientMap]:
    rng = np.random.default_rng(8)
    return synthetic_map(
        rng, WAVELENGTH, delay_grid("log", 200, 3.0), Truth(lifetime_ps=3.0, snr=6.0, height=-1e-3), peak_nm=524.0
    )


def spoiled(each: TransientMap) -> TransientMap:
    """NaN rows below, pump scatter and a noisy edge above."""
    rng, signal = np.random.default_rng(1), each.signal.copy()
    signal[:6] = np.nan
    signal[90:95] += 0.05 + rng.normal(scale=0.01, size=(5, signal.shape[1]))
    signal[-10:] += rng.normal(scale=0.02, size=(10, signal.shape[1]))
    return replace(each, signal=signal)


def test_the_peak_is_found_among_nans_scatter_and_noise(maps: tuple[TransientMap, TransientMap]) -> None:
    assert photobleach_peak(*maps) == pytest.approx(524.0, abs=3.0)
    assert photobleach_peak(spoiled(maps[0]), spoiled(maps[1])) == pytest.approx(524.0, abs=3.0)


def test_the_trace_of_a_map_gives_the_lifetime(maps: tuple[TransientMap, TransientMap]) -> None:
    trace, window = trace_at(*maps)
    assert window.peak_nm is not None
    assert window.high_nm - window.low_nm == pytest.approx(5.0)
    assert "photobleach peak" in trace.notes[-1]
    fit = fit_trace(trace, 0.15)
    assert fit.lifetime_low_ps < 3.0 < fit.lifetime_high_ps
    assert fit.swapped is False


def test_a_window_by_hand_is_averaged(maps: tuple[TransientMap, TransientMap]) -> None:
    trace, window = trace_at(*maps, (530.0, 520.0))
    assert (window.low_nm, window.high_nm, window.peak_nm) == (520.0, 530.0, None)
    assert trace.sc is not None
    assert trace.sc == pytest.approx(maps[0].signal[40:51].mean(axis=0))


def test_a_window_outside_the_map_is_refused_with_its_range(maps: tuple[TransientMap, TransientMap]) -> None:
    with pytest.raises(ProbeWindowError, match="141 from 480 to 620 nm"):
        trace_at(*maps, (700.0, 710.0))


def test_maps_on_different_axes_are_refused(maps: tuple[TransientMap, TransientMap]) -> None:
    with pytest.raises(DelayMismatchError, match="differ in their delays"):
        trace_at(maps[0], replace(maps[1], delay_ps=maps[1].delay_ps + 0.1))


def test_maps_of_noise_or_without_a_baseline_have_no_peak(maps: tuple[TransientMap, TransientMap]) -> None:
    late = [replace(m, delay_ps=m.delay_ps[120:], signal=m.signal[:, 120:]) for m in maps]
    noise = np.random.default_rng(0).normal(size=(2, *maps[0].signal.shape))
    for pair in (late, [replace(m, signal=n) for m, n in zip(maps, noise, strict=True)]):
        with pytest.raises(ProbeWindowError, match="--window"):
            photobleach_peak(*pair)
