"""The decay models that are compared: their names, their parameters, their curves.

Every model is written in terms of its mean lifetime, so one number means the same in all of them and one profile
serves all: the area under the decay divided by its initial height. For a single exponential that is tau.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, gamma

import numpy as np
from numpy.typing import NDArray

from campaigns.kinetics.errors import FitSettingError
from campaigns.kinetics.response import exponential_response, stretched_response

__all__ = ["DECAYS", "EXTRAS", "Model", "biexponential_parts", "decay_curve"]

Array = NDArray[np.float64]

#: Shape parameters each decay has beside its mean lifetime, with start, lower and upper limit.
DECAYS: dict[str, dict[str, tuple[float, float, float]]] = {
    "exponential": {},
    "biexponential": {"logit_fast": (-1.0, -6.0, 6.0), "log_slow": (0.0, -6.0, 6.0)},
    "stretched": {"beta": (0.8, 0.2, 1.0)},
}
#: Linear terms a decay may stand on: a baseline at all delays, a plateau that rises at time zero and stays.
EXTRAS = ("offset", "plateau")


@dataclass(frozen=True, slots=True)
class Model:
    """A decay and the linear terms it stands on. `name` reads "exponential", "stretched+offset" and so on."""

    decay: str
    extras: tuple[str, ...] = ()

    @classmethod
    def parse(cls, name: str) -> Model:
        """The model of that name; FitSettingError names the ones there are."""
        decay, *extras = (part.strip() for part in name.lower().split("+"))
        if decay not in DECAYS or not set(extras) <= set(EXTRAS) or len(set(extras)) < len(extras):
            raise FitSettingError(
                f"no model {name!r}: use auto, or one of {', '.join(DECAYS)}, each with +offset, +plateau or both"
            )
        return cls(decay, tuple(extra for extra in EXTRAS if extra in extras))

    @property
    def name(self) -> str:
        """The decay and what was added to it, as `--model` takes it: "exponential+offset"."""
        return "+".join((self.decay, *self.extras))

    def with_extra(self, extra: str) -> Model:
        """The same decay with one linear term more; `extra` is one of `EXTRAS`."""
        return Model(self.decay, tuple(e for e in EXTRAS if e in (*self.extras, extra)))


def decay_curve(
    decay: str, delay_ps: Array, time_zero_ps: float, lifetime_ps: float, sigma_ps: float, shape: tuple[float, ...]
) -> Array:
    """The decay through the response, shape (t,), height 1 before the convolution.

    Args:
        decay: a key of `DECAYS`.
        delay_ps: delays, shape (t,), ps.
        time_zero_ps: centre of the response, ps.
        lifetime_ps: mean lifetime, ps: tau; w tau1 + (1 - w) tau2; (tau / beta) Gamma(1 / beta).
        sigma_ps: standard deviation of the response, ps.
        shape: the decay's shape parameters in the order of `DECAYS`.

    Source: mean of a stretched exponential, Lindsey, Patterson, J. Chem. Phys. 73, 3348 (1980), doi 10.1063/1.440530.
    """
    if decay == "biexponential":
        weight, fast, slow = biexponential_parts(lifetime_ps, *shape)
        return weight * exponential_response(delay_ps, time_zero_ps, fast, sigma_ps) + (
            1.0 - weight
        ) * exponential_response(delay_ps, time_zero_ps, slow, sigma_ps)
    if decay == "stretched":
        (beta,) = shape
        tau = lifetime_ps * beta / gamma(1.0 / beta)
        return stretched_response(delay_ps, time_zero_ps, tau, sigma_ps, beta)
    return exponential_response(delay_ps, time_zero_ps, lifetime_ps, sigma_ps)


def biexponential_parts(lifetime_ps: float, logit_fast: float, log_slow: float) -> tuple[float, float, float]:
    """Weight of the fast part and both lifetimes (ps) of a biexponential of that mean lifetime.

    With tau1 = m / (1 + e^-a) < m and tau2 = m (1 + e^b) > m the weight that gives the mean m lies within 0 and 1.
    """
    fast, slow = 1.0 / (1.0 + exp(-logit_fast)), 1.0 + exp(log_slow)
    return (slow - 1.0) / (slow - fast), lifetime_ps * fast, lifetime_ps * slow
