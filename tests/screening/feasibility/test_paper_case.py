"""(EOA)2(FA)3Pb4I13: the reference paper's own candidate, which grew as a mixture of n = 3 and n = 5."""

from __future__ import annotations

import numpy as np

from chemspace.formula import parse_formula
from chemspace.geometry import tolerance_factor
from screening.calibration import half_width
from screening.dataset import SpinDataset, published_descriptors
from screening.feasibility import RecordedOutcome, fit_feasibility
from screening.features import to_features
from screening.surrogate import fit_surrogate
from screening.surrogates import TrainingRows

FORMULA = "(EOA)2(FA)3Pb4I13"


def test_whatever_the_surrogate_says_the_recorded_outcome_lowers_its_feasibility() -> None:
    _, descriptors = published_descriptors()
    data = SpinDataset.published()
    formulas = list(data.rows["formula"])
    eoa, fa = descriptors[formulas.index("(EOA)2PbI4"), :8], descriptors[formulas.index("FAPbI3"), :8]
    average = (2.0 * eoa + 3.0 * fa) / 5.0
    row = np.concatenate([average, tolerance_factor(average[7:8], "Pb", "I"), [4.0]])[None, :]
    x, unflagged = to_features(descriptors), set(data.trainable().rows["material_id"])
    known = np.isfinite(x).all(axis=1) & np.array([name in unflagged for name in data.rows["material_id"]])
    groups = [group for group, keep in zip(data.groups, known, strict=True) if keep]
    surrogate = fit_surrogate(TrainingRows.of(x[known], data.log10_rate[known], data.noise[known], groups))
    mean, sd = surrogate.predict(to_features(row))
    width = half_width(0.9) * sd[0]
    low, high = 10.0 ** (mean[0] - width), 10.0 ** (mean[0] + width)
    print(f"{FORMULA}: rate {10.0 ** mean[0]:.2g} per ps, 90% interval {low:.2g} to {high:.2g}; the paper says 0.01")
    compound = parse_formula(FORMULA)
    before = fit_feasibility().probability([compound])[0]
    after = fit_feasibility([RecordedOutcome(compound, "mixed phases")]).probability([compound])[0]
    print(f"P(forms): {before:.2f} before its outcome is recorded, {after:.2f} after")
    rates = data.rows["rate_per_ps"]
    assert rates.min() < 10.0 ** mean[0] < rates.max()
    assert high > 2.0 * low  # no surer of it than replicates of one compound agree
    assert after < 0.6 * before
