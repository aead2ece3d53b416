"""What the model that did not know the newest measurements expected of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from campaigns.config import CampaignConfig
from campaigns.learning import TrainingSet
from campaigns.measurement import Measurement
from campaigns.reason import picoseconds
from campaigns.round import Round
from screening.calibration import half_width

__all__ = ["Expectation", "expectations", "rows_of"]

#: Half-width of a central 95% interval in standard deviations.
_Z95 = float(half_width(0.95))


@dataclass(frozen=True, slots=True)
class Expectation:
    """A new measurement and what was expected of it by the rows known before.

    Attributes:
        formula: the compound.
        x: its features, shape (d,).
        measured_ps: the lifetime, or its upper bound where `is_upper_bound`, ps.
        expected_ps, low_ps, high_ps: predicted median and calibrated 95% interval of such a measurement, ps.
    """

    formula: str
    x: NDArray[np.float64]
    measured_ps: float
    is_upper_bound: bool
    expected_ps: float
    low_ps: float
    high_ps: float

    @property
    def outside(self) -> bool:
        """Whether the measurement lies outside its interval; a bound only where the whole interval is longer."""
        return self.measured_ps < self.low_ps or (self.measured_ps > self.high_ps and not self.is_upper_bound)

    @property
    def sentence(self) -> str:
        """What was measured and what was expected."""
        how = "below " if self.is_upper_bound else ""
        return (
            f"{self.formula} was measured at {how}{picoseconds(self.measured_ps)} ps; without it the model expects "
            f"{picoseconds(self.expected_ps)} ps ({picoseconds(self.low_ps)} to {picoseconds(self.high_ps)} with 95%)"
        )


def expectations(done: Round, fresh: Sequence[Measurement], config: CampaignConfig) -> tuple[Expectation, ...]:
    """What a model without the `fresh` measurements expects of them: one fit on all the other rows.

    Args:
        done: a round on all rows.
        fresh: measurements that are new in it.
        config: names the surrogate and its seed.

    Returns:
        One for each fresh row that trains; none where nothing else does.
    """
    from screening.surrogates.problem import MIN_ROWS, make_problem
    from screening.surrogates.registry import get_recipe
    from screening.validation.cross_validate import out_of_fold

    data, x = done.training.dataset, done.training.x
    rows = rows_of(done.training, fresh)
    if not rows.size or len(data) - rows.size < MIN_ROWS:
        return ()
    problem = make_problem(x, data.log10_rate, data.noise, data.groups, censored=data.censored)
    ((mean, sd),) = out_of_fold(get_recipe(config.surrogate), problem, [rows], config.seed)
    reach = _Z95 * sd * _calibration(done, rows)
    return tuple(
        Expectation(
            formula=done.training.formulas[row],
            x=x[row],
            measured_ps=float(10.0 ** -data.log10_rate[row]),
            is_upper_bound=bool(data.censored[row]),
            expected_ps=float(10.0**-middle),
            low_ps=float(10.0 ** -(middle + half)),
            high_ps=float(10.0 ** -(middle - half)),
        )
        for row, middle, half in zip(rows.tolist(), mean, reach, strict=True)
    )


def _calibration(done: Round, rows: NDArray[np.int64]) -> float:
    """The factor of the standard deviations, by the out-of-fold errors of all rows but these."""
    from screening.calibration import fit_scale
    from screening.surrogates.surrogate import CALIBRATION_SPLIT

    out = done.validation.predictions
    out = out[(out["split"] == CALIBRATION_SPLIT) & ~out["row"].isin(rows)]
    return fit_scale((out["y"] - out["mean"]).to_numpy(dtype=float), out["sd"].to_numpy(dtype=float))


def rows_of(training: TrainingSet, measurements: Sequence[Measurement]) -> NDArray[np.int64]:
    """Training rows that are these measurements of the campaign, shape (e,)."""
    wanted = {(m.formula, m.lifetime_ps, m.sample) for m in measurements}
    table = training.dataset.table
    keys = zip(table["formula"], table["lifetime_ps"], table["material_id"], table["split"], strict=True)
    found = [
        row
        for row, (formula, lifetime_ps, sample, split) in enumerate(keys)
        if split == "campaign" and (formula, lifetime_ps, sample) in wanted
    ]
    return np.array(found, dtype=np.int64)
