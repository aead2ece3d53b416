"""From measurements and descriptors to a validated surrogate: the learning half of a round. Stateless."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from campaigns.config import CampaignConfig
from campaigns.errors import CampaignError
from campaigns.measurement import Measurement
from chemspace import CationLibrary, Compound
from oracle import CationRecord
from screening.dataset import SpinDataset
from screening.features import to_features
from screening.policy import EXCLUDING_FLAGS, UPPER_BOUND, excluding_flags

if TYPE_CHECKING:
    from screening.surrogates import Surrogate
    from screening.validation import Validation

__all__ = ["MIN_ROWS", "TrainingSet", "fit", "layered_ions", "measured_dataset", "training_set", "validate"]

#: Below this nothing can be validated: every fold must keep a handful of rows.
MIN_ROWS = 8


@dataclass(frozen=True)
class TrainingSet:
    """Rows that train, as arrays.

    Attributes:
        dataset: the k rows.
        x: features, shape (k, d).
        left_out: one line for each measured row that does not train, with the reason.
    """

    dataset: SpinDataset
    x: NDArray[np.float64]
    left_out: tuple[str, ...]

    @property
    def formulas(self) -> tuple[str, ...]:
        """Canonical formula of each row; a published row whose halides are uncertain keeps its filed one."""
        filed = self.dataset.table["formula"]
        return tuple(f if c is None else c.formula for c, f in zip(self.dataset.compounds, filed, strict=True))


def measured_dataset(measurements: Sequence[Measurement], library: CationLibrary) -> SpinDataset:
    """The published rows and a campaign's own."""
    published = SpinDataset.published()
    if not measurements:
        return published
    rows = pd.DataFrame([measurement.to_dict() for measurement in measurements])
    rows["flags"] = np.where(rows.pop("is_upper_bound"), UPPER_BOUND, "")
    rows = rows.rename(columns={"sample": "material_id", "source": "doi"})
    for column in ("lifetime_stderr_ps", "temperature_k"):
        rows[column] = pd.to_numeric(rows[column])
    return published.append(rows, library, confirm_range=True)


def layered_ions(compounds: Sequence[Compound]) -> frozenset[str]:
    """Metals and halides that the layered ones among `compounds` hold."""
    layered = [compound for compound in compounds if compound.spacer is not None]
    halides = {symbol for compound in layered for symbol, _ in compound.halide}
    return frozenset({compound.b_site for compound in layered} | halides)


def training_set(dataset: SpinDataset, records: Mapping[str, CationRecord], config: CampaignConfig) -> TrainingSet:
    """Rows of `dataset` that train, with their features.

    Args:
        dataset: every measured row.
        records: the oracle's records by InChIKey.
        config: says whether flagged rows train.

    Raises:
        CampaignError: if fewer than `MIN_ROWS` rows are left that are measurements, not bounds.
    """
    from oracle.descriptors import compound_descriptors

    compounds = dataset.compounds
    known = np.array([compound is not None for compound in compounds])
    x = np.full((len(dataset), to_features(np.empty((0, 10))).shape[1]), np.nan)
    x[known] = to_features(compound_descriptors([c for c in compounds if c is not None], records))
    reasons = [
        _why_not(flags, bool(row.all()), config.include_flagged)
        for flags, row in zip(dataset.table["flags"], np.isfinite(x), strict=True)
    ]
    keep = np.array([reason is None for reason in reasons])
    numbers = int((keep & ~dataset.censored).sum())
    if numbers < MIN_ROWS:
        raise CampaignError(f"only {numbers} measured rows can train a model; at least {MIN_ROWS} are needed")
    names = zip(dataset.table["material_id"], dataset.table["formula"], reasons, strict=True)
    left_out = tuple(f"{name} {formula}: {reason}".strip() for name, formula, reason in names if reason is not None)
    return TrainingSet(dataset.subset(keep), x[keep], left_out)


def validate(training: TrainingSet, config: CampaignConfig) -> Validation:
    """Out-of-fold predictions and score cards, leaving out one row and one spacer at a time."""
    from screening.validation import cross_validate

    data = training.dataset
    return cross_validate(
        training.x,
        data.log10_rate,
        data.noise,
        data.groups,
        seed=config.seed,
        name=config.surrogate,
        censored=data.censored,
    )


def fit(training: TrainingSet, config: CampaignConfig, validation: Validation) -> Surrogate:
    """The surrogate on all rows, its intervals recalibrated by the out-of-fold errors of `validation`."""
    from screening.surrogates import fit_surrogate

    data = training.dataset
    return fit_surrogate(
        training.x,
        data.log10_rate,
        data.noise,
        data.groups,
        seed=config.seed,
        name=config.surrogate,
        validation=validation,
        censored=data.censored,
    )


def _why_not(flags: str, described: bool, include_flagged: bool) -> str | None:
    """Why a row does not train, None if it does."""
    excluding = excluding_flags(flags)
    if excluding and not include_flagged:
        return "; ".join(EXCLUDING_FLAGS[flag] for flag in excluding)
    if not described:
        return "no descriptors: its composition is uncertain or the oracle failed for one of its cations"
    return None
