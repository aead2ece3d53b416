"""The fitted lifetime of one trace, with everything needed to judge it."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, isfinite

import numpy as np
from numpy.typing import NDArray

from campaigns.kinetics.conventions import CONVENTIONS, half_life_ps
from campaigns.kinetics.models import Model
from campaigns.kinetics.problem import linear_terms
from campaigns.kinetics.residuals import ResidualTests
from campaigns.kinetics.select import ModelScore
from campaigns.kinetics.trace import Trace

__all__ = ["TraceFit"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TraceFit:
    """Lifetime of the difference SC - CC. Where `is_upper_bound`, the lifetime is censored: it is not longer than
    `lifetime_ps`, and no number was measured.

    Attributes:
        lifetime_ps: tau of the difference (mean lifetime of a stretched decay), ps; where
            `is_upper_bound`, the bound, equal to `lifetime_high_ps`.
        lifetime_stderr_ps: standard error from the curvature, ps; None for a bound.
        lifetime_low_ps: lower end of the profile-likelihood interval, ps; 0 for a bound.
        lifetime_high_ps: upper end, ps; infinite where the trace is too short to say.
        is_upper_bound: whether the trace only says that the lifetime is shorter than the response resolves.
        irf_fwhm_ps: full width at half maximum of the Gaussian response, ps.
        irf_fitted: whether that width was fitted (else it was given).
        model: "exponential", "exponential+offset" and so on.
        aicc: corrected Akaike criterion of that model, comparable within one trace only.
        r_squared: share of the trace's variance that the fit explains.
        confidence: of the interval.
        time_zero_ps: centre of the response, ps.
        time_zero_stderr_ps: its standard error, ps; 0 where it was given, NaN where the delays are too coarse to say.
        amplitude: height of the decay at time zero before the response, in the unit of the signal.
        offset: baseline at all delays, same unit; 0 where the model has none.
        plateau: what stays after time zero, same unit; 0 where the model has none.
        noise: standard deviation of one point, same unit.
        comparison: every model that was tried, best AICc first.
        tests: of the residuals.
        swapped: whether SC and CC seem to be exchanged; None where only the difference is known.
        warnings: what a reader should know before using the number, one sentence each.
        trace: what was fitted; its notes say how it was read.
        theta: the non-linear parameters behind `curve`, in the order of `campaigns.kinetics.problem.Problem`.
    """

    lifetime_ps: float
    lifetime_stderr_ps: float | None
    lifetime_low_ps: float
    lifetime_high_ps: float
    is_upper_bound: bool
    irf_fwhm_ps: float
    irf_fitted: bool
    model: str
    aicc: float
    r_squared: float
    confidence: float
    time_zero_ps: float
    time_zero_stderr_ps: float
    amplitude: float
    offset: float
    plateau: float
    noise: float
    comparison: tuple[ModelScore, ...]
    tests: ResidualTests
    swapped: bool | None
    warnings: tuple[str, ...]
    trace: Trace = field(repr=False)
    theta: tuple[float, ...] = field(repr=False)

    @property
    def half_life_ps(self) -> float:
        """Time in which the difference halves, ps (a bound where the lifetime is one)."""
        return half_life_ps(self.lifetime_ps)

    def curve(self, delay_ps: Array) -> Array:
        """The fitted curve at any delays, shape (t,), in the unit of the signal."""
        model = Model.parse(self.model)
        terms = linear_terms(model, np.asarray(delay_ps, dtype=np.float64), np.array(self.theta), self.irf_fwhm_ps)
        heights = [self.amplitude, *({"offset": self.offset, "plateau": self.plateau}[e] for e in model.extras)]
        curve: Array = terms @ np.array(heights)
        return curve

    def summary(self) -> str:
        """One line for people."""
        if self.is_upper_bound:
            hidden = f"the response of {self.irf_fwhm_ps:.3g} ps hides it"
            return f"lifetime < {self.lifetime_ps:.3g} ps (upper bound: {hidden})"
        high = f"{self.lifetime_high_ps:.3g}" if isfinite(self.lifetime_high_ps) else "no limit"
        error = f" +/- {self.lifetime_stderr_ps:.2g}" if self.lifetime_stderr_ps is not None else ""
        interval = f"{self.confidence:.0%} interval {self.lifetime_low_ps:.3g} to {high}"
        return f"lifetime {self.lifetime_ps:.3g}{error} ps ({interval})"

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON; an open upper end and an undefined standard error are None."""
        return {
            "lifetime_ps": self.lifetime_ps,
            "lifetime_stderr_ps": self.lifetime_stderr_ps,
            "lifetime_low_ps": self.lifetime_low_ps,
            "lifetime_high_ps": None if self.lifetime_high_ps == inf else self.lifetime_high_ps,
            "is_upper_bound": self.is_upper_bound,
            "irf_fwhm_ps": self.irf_fwhm_ps,
            "model": self.model,
            "aicc": self.aicc,
            "r_squared": self.r_squared,
            "irf_fitted": self.irf_fitted,
            "confidence": self.confidence,
            "convention": CONVENTIONS["tau"],
            "half_life_ps": self.half_life_ps,
            "time_zero_ps": self.time_zero_ps,
            "amplitude": self.amplitude,
            "offset": self.offset,
            "plateau": self.plateau,
            "noise": self.noise,
            "n_delays": len(self.trace),
            "signal_p_value": self.tests.signal_p_value,
            "lag1_autocorrelation": self.tests.lag1_autocorrelation,
            "ljung_box_p_value": self.tests.ljung_box_p_value,
            "comparison": [
                {
                    "model": s.model,
                    "aicc": s.aicc,
                    "delta_aicc": s.delta_aicc,
                    "lifetime_ps": s.lifetime_ps,
                    "parts": [{"share": share, "lifetime_ps": lifetime} for share, lifetime in s.parts],
                }
                for s in self.comparison
            ],
            "swapped": self.swapped,
            "warnings": list(self.warnings),
            "notes": list(self.trace.notes),
            "sources": [{"path": s.path, "sha256": s.sha256} for s in self.trace.sources],
        }
