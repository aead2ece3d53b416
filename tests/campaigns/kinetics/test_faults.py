"""What a measurement adds to the decay: fitted, left out or refused, with the right lifetime. The traces in cases/ are
synthetic; their truth is in the file's name or 3 ps."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.kinetics_faults import FAULTS, drawn
from benchmarks.synthetic_traces import exponential_response, oscillating_response
from campaigns.errors import FitSettingError, NoSignalError, OscillationError
from campaigns.kinetics import Trace, TraceFit, fit_trace, read_trace
from campaigns.kinetics.select import slow_noise_p_value

CASES = Path(__file__).parent / "cases"


def fitted(name: str, fwhm: float | None, **settings: object) -> TraceFit:
    return fit_trace(read_trace(CASES / f"{name}.csv"), fwhm, **settings)


def said(fit: TraceFit) -> str:
    return " ".join(fit.warnings)


both = pytest.mark.parametrize("fwhm", [0.2, None])


@both
def test_unequal_pump_power_without_a_spin_is_no_spin_decay(fwhm: float | None) -> None:
    with pytest.raises(NoSignalError, match=r"no spin decay: SC - CC is 10\.5% of \(SC \+ CC\) / 2 at every delay"):
        fitted("power_mismatch_no_spin", fwhm)


@both
def test_unequal_pump_power_is_fitted_beside_the_spin(fwhm: float | None) -> None:
    fit = fitted("power_mismatch_spin3_pop50", fwhm)
    assert fit.lifetime_ps == pytest.approx(2.97, abs=0.03)
    assert fit.lifetime_low_ps < 3.0 < fit.lifetime_high_ps
    assert fit.sum_share == pytest.approx(0.1, abs=0.02)
    assert "of (SC + CC) / 2, as unequal pump power" in said(fit)


@both
def test_beats_have_a_period_and_a_damping_and_no_lifetime(fwhm: float | None) -> None:
    with pytest.raises(OscillationError, match="no single lifetime") as caught:
        fitted("quantum_beat_T10_tau20", fwhm)
    assert caught.value.period_ps == pytest.approx(10.0, abs=0.15)
    assert caught.value.damping_ps == pytest.approx(20.0, abs=1.0)
    forced = fitted("quantum_beat_T10_tau20", fwhm, model="exponential")
    assert "oscillation" in said(forced)


@pytest.mark.parametrize("seed", range(6))
def test_a_fast_beat_seen_through_an_unknown_response_is_no_bound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    delay = np.concatenate([np.arange(-2.0, 0.7, 0.03), np.geomspace(0.7, 26.0, 90)])
    beat = oscillating_response(delay, 0.0, 3.2, 6.4, 0.064)[0]
    noise = rng.normal(scale=0.03, size=len(delay))
    with pytest.raises(OscillationError) as caught:
        fit_trace(Trace.of(delay, difference=beat + noise))
    assert caught.value.period_ps == pytest.approx(6.4, rel=0.1)


def test_a_beat_that_looks_like_a_hidden_decay_beside_own_zeros_is_no_bound() -> None:
    rng = np.random.default_rng(7)
    crystals = [FAULTS["beat, period 2 lifetimes"](drawn(rng), rng).measure(rng) for _ in range(2)]
    with pytest.raises(NoSignalError, match="beside them a decay that the response hides cannot be told"):
        fit_trace(crystals[1])


@both
def test_a_beat_that_is_quicker_than_the_delays_is_none(fwhm: float | None) -> None:
    """Of the difference of these two a beat of 0.00003 ps was said."""
    assert "SC and CC were each scaled to their own maximum (1 and 1)" in said(fitted("normalised_each", fwhm))


def test_a_response_longer_than_a_pulse_or_signals_of_two_units_are_said() -> None:
    trace = read_trace(CASES / "power_mismatch_spin3_pop50.csv")
    slow = Trace.of(trace.delay_ps * 1e3, sc=trace.sc, cc=trace.cc)
    assert "ps is longer than a laser pulse: are the delays in ps?" in said(fit_trace(slow))
    other = Trace.of(trace.delay_ps, sc=100.0 * np.asarray(trace.sc), cc=trace.cc)
    assert "are both in one unit?" in said(fit_trace(other))


def test_an_oscillation_cannot_be_asked_for_as_if_it_had_a_lifetime() -> None:
    with pytest.raises(FitSettingError, match="no single lifetime"):
        fitted("quantum_beat_T10_tau20", 0.2, model="oscillation")


@both
def test_a_coherent_artefact_is_fitted_beside_the_decay_and_an_exclusion_proposed(fwhm: float | None) -> None:
    fit = fitted("coherent_artefact", fwhm)
    assert fit.model in ("exponential+spike", "exponential+zeros")
    assert fit.lifetime_ps == pytest.approx(3.0, abs=0.05)
    assert fit.lifetime_low_ps < 3.0 < fit.lifetime_high_ps
    assert "coherent artefact" in said(fit)
    assert "--exclude -0." in said(fit)


def test_a_delayed_rise_is_not_taken_for_another_response() -> None:
    fit = fitted("delayed_rise_0.6_tau_3", 0.2)
    assert fit.irf_fwhm_ps == pytest.approx(0.2, abs=0.03)
    assert "was given" not in said(fit)


@both
def test_a_delayed_rise_leaves_the_lifetime_of_the_decay(fwhm: float | None) -> None:
    fit = fitted("delayed_rise_0.6_tau_3", fwhm)
    assert fit.model.startswith("delayed")
    assert fit.lifetime_ps == pytest.approx(2.92, abs=0.1)
    assert fit.lifetime_low_ps < 3.0 < fit.lifetime_high_ps
    assert "The signal rises with 0." in said(fit)


@pytest.mark.parametrize("given", [0.135, 0.15, 0.165, None])
def test_a_response_given_wrong_by_a_tenth_is_in_the_interval(given: float | None) -> None:
    fit = fitted("gauss_response_0.15_tau_0.09", given)
    assert fit.lifetime_low_ps < 0.09 < fit.lifetime_high_ps


def test_a_response_taken_as_exact_is_not_corrected() -> None:
    fit = fitted("gauss_response_0.15_tau_0.09", 0.165, irf_error=0.0)
    assert fit.irf_fwhm_ps == 0.165
    assert fit.lifetime_high_ps < 0.09


@pytest.mark.parametrize("given", [0.15, None])
def test_a_pulse_of_another_shape_is_in_the_interval_near_the_response(given: float | None) -> None:
    fit = fitted("sech2_response_0.15_tau_0.09", given)
    assert fit.lifetime_low_ps < 0.09 < fit.lifetime_high_ps
    told = fitted("sech2_response_0.15_tau_0.09", given, irf_shape="sech2")
    assert told.irf_shape == "sech2"
    assert told.lifetime_low_ps < 0.09 < told.lifetime_high_ps


def test_a_width_that_the_trace_contradicts_is_said() -> None:
    fit = fitted("power_mismatch_spin3_pop50", 0.4)
    assert "0.4 ps was given" in said(fit)
    assert fit.irf_fwhm_ps == pytest.approx(0.2, abs=0.01)
    assert fit.lifetime_low_ps < 3.0 < fit.lifetime_high_ps


@both
def test_zeros_of_sc_and_cc_that_differ_do_not_move_the_lifetime(fwhm: float | None) -> None:
    fit = fitted("zero_SC_CC_300fs_apart", fwhm)
    assert fit.lifetime_low_ps < 3.0 < fit.lifetime_high_ps
    assert abs(fit.zeros_apart_ps) == pytest.approx(0.3, abs=0.03)
    assert "Time zero of CC is" in said(fit)


def spoilt(noise: np.ndarray | float, drift: float = 0.0) -> TraceFit:
    """A decay of 3 ps with noise of that size at each of 181 delays and a baseline that drifts over the scan."""
    delay = np.concatenate([np.arange(-2.0, 0.7, 0.03), np.geomspace(0.7, 24.0, 90)])
    noisy = np.random.default_rng(6).normal(size=len(delay)) * noise
    signal = exponential_response(delay, 0.0, 3.0, 0.064) + noisy + np.linspace(0.0, drift, len(delay))
    return fit_trace(Trace.of(delay, difference=signal), 0.15)


def test_a_baseline_that_drifts_over_the_scan_is_fitted_and_said() -> None:
    fit = spoilt(0.02, 0.3)
    assert "drift" in fit.model
    assert fit.lifetime_low_ps < 3.0 < fit.lifetime_high_ps
    assert "The baseline drifts by 29% of the decay's height" in said(fit)


def test_noise_that_differs_along_the_scan_weighs_the_delays() -> None:
    quiet, loud = np.full(181, 0.01), np.where(np.arange(181) < 90, 0.01, 0.08)
    errors = [fit.lifetime_stderr_ps or np.nan for fit in (spoilt(quiet), spoilt(loud), spoilt(0.08))]
    assert errors[0] < errors[1] < errors[2]
    assert spoilt(loud).lifetime_low_ps < 3.0 < spoilt(loud).lifetime_high_ps


@pytest.mark.parametrize(("seed", "is_asked"), [(0, False), (2, True)])
def test_two_lifetimes_that_cannot_be_told_from_one_are_in_the_systematic_interval(seed: int, is_asked: bool) -> None:
    delay = np.concatenate([np.arange(-2.0, 0.7, 0.03), np.geomspace(0.71, 24.0, 90)])
    parts = [exponential_response(delay, 0.0, lifetime, 0.064) for lifetime in (3.0, 9.0)]
    noise = np.random.default_rng(seed).normal(scale=1 / 12, size=len(delay))
    fit = fit_trace(Trace.of(delay, difference=sum(parts) / 2 + noise), 0.15)
    two = next(row for row in fit.comparison if row.model.startswith("biexponential"))
    assert abs(two.aicc - fit.aicc) < 4.0
    assert ("Two lifetimes cannot be told from one" in said(fit)) is is_asked  # where two fit better than one
    low, high = fit.systematic_interval_ps or (math.inf, 0.0)
    assert low < min(3.0, two.parts[0][1])
    assert high >= two.parts[1][1] * (1.0 - 1e-12) > 9.0


def through_a_tail(seed: int) -> Trace:
    """A decay of 0.6 ps, a fifth of whose response is in a tail of 0.3 ps."""
    delay = np.concatenate([np.arange(-2.0, 0.7, 0.03), np.geomspace(0.71, 8.0, 89)])
    tail, prompt = (exponential_response(delay, 0.0, lifetime, 0.064) for lifetime in (0.3, 0.6))
    late = (0.6 * prompt - 0.3 * tail) / 0.3
    noise = 0.025 * np.random.default_rng(seed).normal(size=180)
    return Trace.of(delay, difference=0.8 * prompt + 0.2 * late + noise)


def test_the_systematic_interval_answers_for_a_tail_of_the_response_that_no_trace_shows() -> None:
    for given, error in ((0.15, 0.1), (None, 0.1)):
        fit = fit_trace(through_a_tail(1), given, irf_error=error)
        low, high = fit.systematic_interval_ps or (math.inf, 0.0)
        assert low < 0.6 < fit.lifetime_low_ps < fit.lifetime_high_ps < high
        assert fit.warnings == fit.trace.notes == ()  # what no trace shows is no diagnosis
        assert fit.interval_ps == (low, high)
        assert f"+/- {fit.error_ps:.2g} ps ({low:.3g} to {high:.3g} ps; by noise alone 95%" in fit.summary()
        # Its 95% interval is four standard errors wide.
        assert fit.error_ps == pytest.approx(fit.lifetime_ps * math.log(high / low) / 3.92, rel=1e-3)
        assert fit.to_dict()["systematic_interval_ps"] == fit.to_dict()["interval_ps"] == [low, high]
        assert fit.to_dict()["error_ps"] == replace(fit, lifetime_stderr_ps=None).error_ps == fit.error_ps
    delay = through_a_tail(1).delay_ps
    noise = 0.01 * np.random.default_rng(1).normal(size=len(delay))
    fast = Trace.of(delay, difference=exponential_response(delay, 0.0, 0.2, 0.064) + noise)
    without, with_tail = (fit_trace(fast, 0.15, irf_error=error).systematic_interval_ps for error in (0.0, 0.1))
    assert (without or (0.0,))[0] > 1.1 * (with_tail or (math.inf,))[0]


def test_what_an_unseen_drift_of_time_zero_does_is_what_the_systematic_interval_adds() -> None:
    delay = np.concatenate([np.arange(-2.0, 0.7, 0.03), np.geomspace(0.71, 8.0, 89)])
    over_scan = np.linspace(0.0, 1.0, len(delay))
    noise = 0.01 * np.random.default_rng(3).normal(size=len(delay))
    still, late = (
        fit_trace(
            Trace.of(delay, difference=exponential_response(delay - drift * over_scan, 0, 0.9, 0.064) + noise), 0.15
        )
        for drift in (0.0, 0.375)
    )
    low, high = still.systematic_interval_ps or (0.0, 0.0)
    assert late.lifetime_low_ps > 0.9 > (late.systematic_interval_ps or (1.0, 0.0))[0]
    assert math.log(high / still.lifetime_high_ps) == pytest.approx(
        math.log(late.lifetime_ps / still.lifetime_ps), rel=0.2
    )
    assert low < still.lifetime_low_ps


def test_a_systematic_interval_that_adds_little_is_not_given() -> None:
    delay = np.concatenate([np.arange(-2.0, 0.7, 0.03), np.geomspace(0.71, 160.0, 90)])
    noise = 0.05 * np.random.default_rng(3).normal(size=len(delay))
    fit = fit_trace(Trace.of(delay, difference=exponential_response(delay, 0.0, 20.0, 0.064) + noise), 0.15)
    assert fit.systematic_interval_ps is None
    assert fit.interval_ps == (fit.lifetime_low_ps, fit.lifetime_high_ps)


def test_noise_that_is_slow_is_told_from_white_noise() -> None:
    white = np.random.default_rng(1).normal(size=(40, 180))
    slow = np.fft.irfft(np.fft.rfft(white) / np.sqrt(np.maximum(np.arange(91), 1.0)), 180)
    assert sum(slow_noise_p_value(noise) < 0.02 for noise in white) <= 3
    assert sum(slow_noise_p_value(noise) < 0.02 for noise in slow) >= 38


@pytest.mark.parametrize("settings", [{"irf_error": -0.1}, {"irf_error": 2.0}, {"irf_shape": "square"}])
def test_a_response_that_makes_no_sense_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(FitSettingError, match="the shape is gaussian or sech2"):
        fitted("coherent_artefact", 0.2, **settings)
