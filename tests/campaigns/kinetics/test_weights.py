"""Errors beside the signals weigh the delays of a trace."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.synthetic_traces import exponential_response
from campaigns.errors import AxisError
from campaigns.kinetics import Trace, TraceFit, fit_trace, read_trace, read_traces
from campaigns.kinetics.trace import joined

#: Too few delays for the residuals to tell where the noise is.
DELAY = np.concatenate([np.arange(-1.0, 0.7, 0.06), np.geomspace(0.7, 24.0, 29)])
#: Ten times the noise in the later half of the scan.
ERROR = np.where(DELAY < 1.5, 0.01, 0.1)


def signals() -> tuple[np.ndarray, np.ndarray]:
    """SC and CC of a spin of 3 ps, with that noise."""
    noise = ERROR * np.random.default_rng(4).normal(size=(2, len(DELAY)))
    spin, population = (exponential_response(DELAY, 0.0, lifetime, 0.085) for lifetime in (3.0, 500.0))
    return 2.0 * population + 0.5 * spin + noise[0], 2.0 * population - 0.5 * spin + noise[1]


SC, CC = signals()


def written(path: Path, headings: str, *columns: np.ndarray) -> Path:
    rows = "\n".join(",".join(f"{value:.9g}" for value in row) for row in zip(*columns, strict=True))
    path.write_text(f"{headings}\n{rows}\n", encoding="utf-8")
    return path


def notes(fit: TraceFit) -> str:
    return " ".join(fit.trace.notes)


@pytest.mark.parametrize(
    ("headings", "columns"),
    [
        ("delay_ps,sc,sc_err,cc,cc_err", (SC, ERROR, CC, ERROR)),
        ("delay_ps,sc,cc,SC std,CC std", (SC, CC, ERROR, ERROR)),
        ("delay_ps,sc,cc,sigma", (SC, CC, ERROR)),
        ("delay_ps,difference,±", (SC - CC, ERROR * 2.0**0.5)),
        ("delay_ps,sc,uncertainty,cc,uncertainty", (SC, ERROR, CC, ERROR)),
    ],
)
def test_a_noisy_half_weighs_less(tmp_path: Path, headings: str, columns: tuple[np.ndarray, ...]) -> None:
    fit = fit_trace(read_trace(written(tmp_path / "t.csv", headings, DELAY, *columns)), 0.2)
    alike = fit_trace(Trace.of(DELAY, difference=SC - CC, sources=fit.trace.sources), 0.2, model="exponential")
    assert "The errors of the file weigh the delays (chi2 " in notes(fit)
    assert "they are too" not in notes(fit)
    assert fit.lifetime_low_ps < 3.0 < fit.lifetime_high_ps
    assert 2.0 * fit.time_zero_stderr_ps < alike.time_zero_stderr_ps


def test_two_files_each_with_its_errors_and_scans_of_them(tmp_path: Path) -> None:
    files = [
        written(tmp_path / f"{name}.csv", "delay_ps,signal,stderr", DELAY, signal, ERROR)
        for name, signal in (("sc", SC), ("cc", CC))
    ]
    one = read_traces(*files)
    assert one.error == pytest.approx(ERROR * 2.0**0.5)
    assert joined([one, one]).error == pytest.approx(np.repeat(ERROR * 2.0**0.5, 2))
    assert one.without(-0.3, 0.3).error == pytest.approx((ERROR * 2.0**0.5)[abs(DELAY) > 0.3])


def test_errors_of_one_file_alone_are_not_used_and_said(tmp_path: Path) -> None:
    sc = written(tmp_path / "sc.csv", "delay_ps,signal,stderr", DELAY, SC, ERROR)
    cc = written(tmp_path / "cc.csv", "delay_ps,signal", DELAY, CC)
    trace = read_traces(sc, cc)
    assert trace.error is None
    assert "are not used as weights: one file has none" in " ".join(trace.notes)


@pytest.mark.parametrize(
    ("headings", "columns", "why"),
    [
        ("delay_ps,sc,cc,sigma", (SC, CC, np.full(len(DELAY), 0.02)), "they are the same at all delays"),
        (
            "delay_ps,sc,cc,sigma",
            (SC, CC, np.where(DELAY < 0.0, 0.0, ERROR)),
            "17 of them are zero, negative or missing",
        ),
        ("delay_ps,sc,cc,sigma", (SC, CC, -ERROR), "58 of them are zero, negative or missing"),
        (
            "delay_ps,sc,cc,sigma",
            (SC, CC, np.where(DELAY > 9.0, np.nan, ERROR)),
            "8 of them are zero, negative or missing",
        ),
        ("delay_ps,sc,cc,sc_err", (SC, CC, ERROR), "they do not say which signal each belongs to"),
        ("delay_ps,sc,cc,err a,err b", (SC, CC, ERROR, ERROR), "they do not say which signal each belongs to"),
    ],
)
def test_errors_that_say_nothing_change_no_digit(
    tmp_path: Path, headings: str, columns: tuple[np.ndarray, ...], why: str
) -> None:
    fit = fit_trace(read_trace(written(tmp_path / "t.csv", headings, DELAY, *columns)), 0.2)
    plain = fit_trace(read_trace(written(tmp_path / "p.csv", "delay_ps,sc,cc", DELAY, SC, CC)), 0.2)
    assert fit.lifetime_ps == plain.lifetime_ps
    assert fit.lifetime_high_ps == plain.lifetime_high_ps
    assert re.search(rf"are not used as weights: {why}", notes(fit))


@pytest.mark.parametrize(("factor", "size"), [(0.3, "small"), (4.0, "large")])
def test_errors_that_the_residuals_contradict_are_said_and_weigh_the_same(
    tmp_path: Path, factor: float, size: str
) -> None:
    fits = [
        fit_trace(read_trace(written(tmp_path / "t.csv", "delay_ps,sc,cc,err", DELAY, SC, CC, error)), 0.2)
        for error in (ERROR, factor * ERROR)
    ]
    assert fits[0].lifetime_high_ps == pytest.approx(fits[1].lifetime_high_ps, rel=1e-9)
    assert f"they are too {size} by a factor of" in notes(fits[1])


def test_a_single_small_error_does_not_carry_the_fit() -> None:
    error = ERROR.copy()
    error[33] = 1e-6
    fits = [fit_trace(Trace.of(DELAY, sc=SC, cc=CC, error=each), 0.2) for each in (ERROR, error)]
    assert fits[1].lifetime_ps == pytest.approx(fits[0].lifetime_ps, rel=0.05)


def test_errors_that_are_not_positive_are_refused() -> None:
    with pytest.raises(AxisError, match="an error of 0: errors of SC - CC are positive"):
        Trace.of(DELAY, sc=SC, cc=CC, error=np.where(DELAY < 0.0, 0.0, ERROR))
