"""The prior of the feasibility model: rules that a reader can see, question and replace.

The cage window comes from the literature, with its source in the rule. From which n on mixtures are common, and how
much a broken rule costs, no data set says: those are stated opinions, and recorded outcomes overrule them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from chemspace.cation import Cation
from chemspace.errors import UnknownRadiusError
from chemspace.geometry import cage_tolerance_factor
from screening.errors import FeasibilityError

__all__ = ["CageWindow", "FeasibilityPrior", "ThickLayers", "cage_tolerance"]


@dataclass(frozen=True, slots=True)
class ThickLayers:
    """Compounds of many layers tend to grow as mixtures of neighbouring thicknesses.

    Formation enthalpies are unfavourable above n = 7, the thickest crystal then known (Soe et al., PNAS 116, 58 (2019),
    doi 10.1073/pnas.1811006115). That mixtures are common from n = 4 on is our opinion, like the odds factor.
    """

    from_layers: int = 4
    odds_factor: float = 0.25

    def log_odds(self, n_layers: NDArray[np.integer]) -> NDArray[np.float64]:
        """What the rule adds to the log-odds of each compound, shape (m,)."""
        return np.where(n_layers >= self.from_layers, np.log(self.odds_factor), 0.0)


@dataclass(frozen=True, slots=True)
class CageWindow:
    """The cage cation has to fit its cuboctahedral hole: tolerance factor 0.8 to 1.0.

    Window and effective radii: Kieslich, Sun and Cheetham, Chem. Sci. 5, 4712 (2014), doi 10.1039/c4sc02211d, and 6,
    3430 (2015), doi 10.1039/c5sc00961h. Layered hosts take larger cations up to guanidinium, 1.04 (Fu et al., ACS Cent.
    Sci. 5, 1377 (2019), doi 10.1021/acscentsci.9b00367), so up to `relaxed_high` the odds fall by `odds_factor` only;
    beyond it, and below `low`, by `misfit_factor`. A cage cation without a published effective radius has not been
    shown to fit and pays `unknown_factor`. The three factors are opinions; a recorded outcome overrules them.
    """

    low: float = 0.8
    high: float = 1.0
    relaxed_high: float = 1.05
    odds_factor: float = 0.5
    misfit_factor: float = 0.1
    unknown_factor: float = 0.25

    def log_odds(self, tolerance: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the rule adds to the log-odds of each compound, shape (m,).

        Args:
            tolerance: from `cage_tolerance`, shape (m,); NaN (no cage) adds 0.
        """
        factor = np.select(
            [
                np.isnan(tolerance),
                np.isinf(tolerance),
                (tolerance < self.low) | (tolerance > self.relaxed_high),
                tolerance > self.high,
            ],
            [1.0, self.unknown_factor, self.misfit_factor, self.odds_factor],
            default=1.0,
        )
        return np.asarray(np.log(factor), dtype=np.float64)

    def words(self, tolerance: float) -> str:
        """The rule as it meets one compound, empty where it says nothing."""
        factor = float(np.exp(self.log_odds(np.array([tolerance]))[0]))
        if factor == 1.0:
            return ""
        if np.isinf(tolerance):
            return f"cage cation without a published radius: odds x {factor:g}"
        return f"cage tolerance factor {tolerance:.2f} outside {self.low:g} to {self.high:g}: odds x {factor:g}"


@dataclass(frozen=True, slots=True)
class FeasibilityPrior:
    """Everything believed before the campaign's first crystal.

    Attributes:
        thick_layers: rule on the number of layers.
        cage_window: rule on the cage cation.
        base_rate: share of untried spacers thought to form a layered compound; None keeps the share in the reported
            outcomes, which flatters: failures are published less often than successes.
        outcome_log_odds: prior standard deviation, in log-odds, of what one recorded outcome can reveal; larger means
            that the campaign's own record counts for more.
        layer_reach: number of layers over which an outcome's influence falls to 1/e.
        other_cage: correlation between compounds that differ only in the cage cation, B site or halide.
    """

    thick_layers: ThickLayers = field(default_factory=ThickLayers)
    cage_window: CageWindow = field(default_factory=CageWindow)
    base_rate: float | None = None
    outcome_log_odds: float = 2.0
    layer_reach: float = 2.0
    other_cage: float = 0.5

    def __post_init__(self) -> None:
        if self.base_rate is not None and not 0.0 < self.base_rate < 1.0:
            raise FeasibilityError(f"base_rate = {self.base_rate} is no probability: give a number between 0 and 1")
        window = self.cage_window
        factors = {
            "thick_layers.odds_factor": self.thick_layers.odds_factor,
            "cage_window.odds_factor": window.odds_factor,
            "cage_window.misfit_factor": window.misfit_factor,
            "cage_window.unknown_factor": window.unknown_factor,
        }
        for name, factor in factors.items():
            if not factor > 0.0:
                raise FeasibilityError(f"{name} = {factor}: an odds factor is greater than 0")
        if not (self.outcome_log_odds > 0.0 and self.layer_reach > 0.0 and 0.0 <= self.other_cage <= 1.0):
            raise FeasibilityError(
                "outcome_log_odds and layer_reach must be greater than 0 and other_cage between 0 and 1, not "
                f"{self.outcome_log_odds}, {self.layer_reach} and {self.other_cage}"
            )


def cage_tolerance(cage: Cation | None, b_site: str, halide: str) -> float:
    """Tolerance factor of one cage cation; NaN without a cage cation, infinite for one without a published radius."""
    if cage is None:
        return float("nan")
    try:
        return cage_tolerance_factor(cage, b_site, halide)
    except UnknownRadiusError:
        return float("inf")
