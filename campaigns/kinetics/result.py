"""The fitted lifetime of one trace, with everything needed to judge it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from math import inf, isfinite, log
from statistics import NormalDist
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from campaigns.errors import FitSettingError
from campaigns.kinetics.model import Model, Response, linear_terms
from campaigns.kinetics.select import ResidualTests
from campaigns.kinetics.trace import Trace

if TYPE_CHECKING:
    from campaigns.kinetics.select import ModelScore

__all__ = ["CONVENTIONS", "difference_lifetime_ps"]


#: Name of each convention and what the number under it is.
CONVENTIONS = {
    "tau": "1/e time of the difference SC - CC, ps; the lifetime spinscreen keeps",
    "half-life": "time in which the difference halves, tau ln 2, ps",
    "t1": "longitudinal relaxation time, 1 / T1 = 1 / tau - 1 / tau_pop, ps",
    "flip": "mean time between flips of one spin, 2 T1, ps",
}


def half_life_ps(lifetime_ps: float) -> float:
    """Half-life (ps) of a difference that decays with `lifetime_ps`."""
    return lifetime_ps * log(2.0)


def t1_ps(lifetime_ps: float, population_lifetime_ps: float = float("inf")) -> float:
    """T1 (ps) from tau of the difference, less the population's decay. FitSettingError if that is as fast or faster."""
    if not 0.0 < lifetime_ps < population_lifetime_ps:
        raise FitSettingError(
            f"no T1 from a difference lifetime of {lifetime_ps:g} ps and a population lifetime of "
            f"{population_lifetime_ps:g} ps: the difference must decay faster than the population"
        )
    return 1.0 / (1.0 / lifetime_ps - 1.0 / population_lifetime_ps)


def spin_flip_time_ps(lifetime_ps: float, population_lifetime_ps: float = float("inf")) -> float:
    """Mean time between flips of one spin, ps: twice T1. Raises as `t1_ps`."""
    return 2.0 * t1_ps(lifetime_ps, population_lifetime_ps)


def difference_lifetime_ps(value_ps: float, convention: str, population_lifetime_ps: float = float("inf")) -> float:
    """tau of the difference (ps) from a number published in another convention, a key of `CONVENTIONS`; the inverse of
    the functions above. Raises FitSettingError for a number that is not positive or an unknown convention."""
    if not value_ps > 0.0:
        raise FitSettingError(f"a lifetime of {value_ps:g} ps: it must be positive")
    match convention.lower():
        case "tau":
            return value_ps
        case "half-life":
            return value_ps / log(2.0)
        case "t1":
            return 1.0 / (1.0 / value_ps + 1.0 / population_lifetime_ps)
        case "flip":
            return 1.0 / (2.0 / value_ps + 1.0 / population_lifetime_ps)
    raise FitSettingError(f"no convention {convention!r}: use one of {', '.join(CONVENTIONS)}")


Array = NDArray[np.float64]
#: Fields that `to_dict` says otherwise or leaves out, and what it says of the residuals.
_NO_PLAIN_VALUES = ("time_zero_stderr_ps", "comparison", "tests", "trace", "theta", "heights")
_OF_RESIDUALS = ("signal_p_value", "lag1_autocorrelation", "ljung_box_p_value")


@dataclass(frozen=True, slots=True, eq=False)
class TraceFit:
    """Lifetime of the difference SC - CC. Where `is_upper_bound`, the lifetime is censored: it is not longer than
    `lifetime_ps`, and no number was measured.
    """

    #: What the wider interval answers for beside the noise.
    UNSEEN: ClassVar = "a stage that drifts, a tail of the response and a second lifetime, which no trace shows"
    #: Tau of the difference (mean lifetime of a stretched decay), ps; where `is_upper_bound`, the bound, equal to
    #: `lifetime_high_ps`.
    lifetime_ps: float
    lifetime_stderr_ps: float | None  #: standard error by the noise alone (curvature), ps; None for a bound
    lifetime_low_ps: float  #: lower end of the profile-likelihood interval, by the noise alone, ps; 0 for a bound
    lifetime_high_ps: float  #: upper end, ps; infinite where the trace is too short to say
    is_upper_bound: bool  #: whether the trace only says that the lifetime is shorter than the response resolves
    #: Both ends, ps, with what would move the lifetime and leaves no mark in the trace (a drift of time zero, a tail of
    #: the response, a second lifetime); None where it adds less than a tenth of the interval.
    systematic_interval_ps: tuple[float, float] | None
    irf_fwhm_ps: float  #: full width at half maximum of the response, ps; a given one as far as the trace corrects it
    irf_shape: str  #: of the response, "gaussian" or "sech2"
    irf_given_ps: float | None  #: width that was given, ps; None where nothing was known of it
    model: str  #: "exponential", "exponential+offset" and so on
    aicc: float  #: corrected Akaike criterion of that model, comparable within one trace only
    r_squared: float  #: share of the trace's variance that the fit explains
    confidence: float  #: of the interval
    time_zero_ps: float  #: centre of the response, ps
    #: Its standard error, ps; 0 where it was given, NaN where the delays are too coarse to say.
    time_zero_stderr_ps: float
    amplitude: float  #: height of the decay at time zero before the response, in the unit of the signal
    offset: float  #: baseline at all delays, same unit; 0 where the model has none
    plateau: float  #: what stays after time zero, same unit; 0 where the model has none
    sum_share: float  #: share of (SC + CC) / 2 in the difference (unequal pump power, imperfect polarisation)
    zeros_apart_ps: float  #: by how much the zero of CC is later than that of SC, ps; 0 where the trace does not say
    left_out_ps: tuple[float, ...]  #: delays of single bad points that were left out, ps
    noise: float  #: standard deviation of one point, same unit
    comparison: tuple[ModelScore, ...]  #: every model that was tried, best AICc first
    tests: ResidualTests  #: of the residuals
    swapped: bool | None  #: whether SC and CC seem to be exchanged; None where only the difference is known
    warnings: tuple[str, ...]  #: what a reader should know before using the number, one sentence each
    trace: Trace = field(repr=False)  #: what was fitted; its notes say how it was read
    #: The non-linear parameters behind `curve`, in the order of `campaigns.kinetics.solve.Problem`.
    theta: tuple[float, ...] = field(repr=False)
    #: The linear ones, in the order of `campaigns.kinetics.model.Model.slices`, in the unit of the signal.
    heights: tuple[float, ...] = field(repr=False)

    @property
    def irf_fitted(self) -> bool:
        """Whether the width of the response was fitted without a given one."""
        return self.irf_given_ps is None

    @property
    def interval_ps(self) -> tuple[float, float]:
        """Both ends, ps, of the interval that is shown first and that a campaign keeps: the systematic one where it is
        given, else that of the noise."""
        return self.systematic_interval_ps or (self.lifetime_low_ps, self.lifetime_high_ps)

    @property
    def error_ps(self) -> float | None:
        """Standard error (ps) that `interval_ps` stands for, even in logarithm; None for a bound. A lower end alone
        counts where there is no upper one."""
        if self.is_upper_bound:
            return None
        low, high = self.interval_ps
        half = 0.5 * log(high / low) if high < inf else log(self.lifetime_ps / low)
        return self.lifetime_ps * half / NormalDist().inv_cdf(0.5 + 0.5 * self.confidence)

    @property
    def half_life_ps(self) -> float:
        """Time in which the difference halves, ps (a bound where the lifetime is one)."""
        return half_life_ps(self.lifetime_ps)

    def curve(self, delay_ps: Array) -> Array:
        """The fitted curve at any delays, shape (t,), in the unit of the signal."""
        delay, trace = np.asarray(delay_ps, dtype=np.float64), self.trace
        order = np.argsort(delay, kind="stable")
        beside = {name: np.interp(delay[order], trace.delay_ps, row) for name, row in trace.beside.items()}
        response = Response(self.irf_fwhm_ps, self.irf_shape, self.zeros_apart_ps)
        # The share of the sum is a number, the other heights are in the unit of the signal.
        model, heights = Model.parse(self.model), np.array(self.heights)
        if "sum" in model.extras:
            heights[model.slices["sum"]] = self.sum_share
        curve = np.empty(len(delay))
        curve[order] = heights @ linear_terms(model, delay[order], np.array(self.theta), response, beside)[0]
        return curve

    def summary(self) -> str:
        """One line for people."""
        if self.is_upper_bound:
            hidden = f"the response of {self.irf_fwhm_ps:.3g} ps hides it"
            return f"lifetime < {self.lifetime_ps:.3g} ps (upper bound: {hidden})"
        error = f" +/- {self.error_ps:.2g}" if self.error_ps is not None else ""
        return f"lifetime {self.lifetime_ps:.3g}{error} ps ({self.interval_words()})"

    def interval_words(self) -> str:
        """The interval, and what the noise alone leaves of it where it answers for more."""
        of_noise = f"{self.confidence:.0%} interval {_to(self.lifetime_low_ps, self.lifetime_high_ps)}"
        return f"{_to(*self.interval_ps)}; by noise alone {of_noise}" if self.systematic_interval_ps else of_noise

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON; an open upper end and an undefined standard error are None."""
        return {
            **{each.name: getattr(self, each.name) for each in fields(self) if each.name not in _NO_PLAIN_VALUES},
            **{name: getattr(self.tests, name) for name in _OF_RESIDUALS},
            "irf_fitted": self.irf_fitted,
            "half_life_ps": self.half_life_ps,
            "interval_ps": _ends(self.interval_ps),
            "error_ps": self.error_ps,
            "systematic_interval_ps": _ends(self.systematic_interval_ps),
            "lifetime_high_ps": None if self.lifetime_high_ps == inf else self.lifetime_high_ps,
            "convention": CONVENTIONS["tau"],
            "left_out_ps": list(self.left_out_ps),
            "n_delays": len(self.trace),
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
            "warnings": list(self.warnings),
            "notes": list(self.trace.notes),
            "sources": [{"path": s.path, "sha256": s.sha256} for s in self.trace.sources],
        }


def _to(low_ps: float, high_ps: float) -> str:
    return f"{low_ps:.3g} to {f'{high_ps:.3g} ps' if isfinite(high_ps) else 'no limit'}"


def _ends(interval_ps: tuple[float, float] | None) -> list[float | None] | None:
    return interval_ps and [end if isfinite(end) else None for end in interval_ps]
