"""Everything a round says about one compound, in the space or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from campaigns.errors import CampaignError
from chemspace import Compound
from oracle import CationRecord, compound_descriptors
from screening.features import FEATURE_NAMES, to_features
from screening.ranking import MeasuredSet
from screening.ranking.frame import lifetime_columns

if TYPE_CHECKING:
    from campaigns.round import Round

__all__ = ["Prediction", "predict"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model expects of a compound, and why.

    Attributes:
        formula: canonical formula.
        in_space: whether the campaign may suggest it.
        lifetime_ps, lifetime_low_ps, lifetime_high_ps: predicted median and calibrated 90% interval, ps.
        feasibility: probability that a phase-pure layered compound forms; None outside the layered family.
        feasibility_reasons: what that probability is made of.
        features: value of each feature.
        contributions: Shapley value of each feature, log10 rate; with `base_log10_rate` they add up to the prediction.
        base_log10_rate: what the model expects of a typical training row.
        nearest_measured, distance: nearest measured compound, root-mean-square difference in standard deviations.
        in_domain: whether that is as near as measured compounds usually are to each other.
        measured_ps: lifetimes measured of this very compound, ps.
        properties: predicted "mean" and "sd" of each further measured property of the campaign, by its name.
    """

    formula: str
    in_space: bool
    lifetime_ps: float
    lifetime_low_ps: float
    lifetime_high_ps: float
    feasibility: float | None
    feasibility_reasons: tuple[str, ...]
    features: dict[str, float]
    contributions: dict[str, float]
    base_log10_rate: float
    nearest_measured: str
    distance: float
    in_domain: bool
    measured_ps: tuple[float, ...]
    properties: dict[str, dict[str, float]]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def predict(done: Round, compound: Compound, records: Mapping[str, CationRecord]) -> Prediction:
    """Predict one compound.

    Args:
        done: a round.
        compound: any compound whose organic cations `records` holds.
        records: the oracle's records by InChIKey.

    Raises:
        CampaignError: if a cation of it has no descriptors, with the oracle's reason.
    """
    x = to_features(compound_descriptors([compound], records))
    _check_described(compound, records)
    mean, sd = done.surrogate.predict(x)
    told = done.explain(x)
    measured = MeasuredSet(done.training.formulas, done.training.x)
    row, distance = measured.nearest(x)
    lifetimes = {name: float(column[0]) for name, column in lifetime_columns(mean, sd).items()}
    layered = compound.spacer is not None
    table = done.training.dataset.table
    return Prediction(
        formula=compound.formula,
        in_space=compound in done.space,
        **lifetimes,
        feasibility=float(done.feasibility.probability([compound])[0]) if layered else None,
        feasibility_reasons=tuple(done.feasibility.reasons(compound)) if layered else (),
        features=dict(zip(FEATURE_NAMES, map(float, x[0]), strict=True)),
        contributions=dict(zip(FEATURE_NAMES, map(float, told.contributions[0]), strict=True)),
        base_log10_rate=told.base,
        nearest_measured=measured.labels[int(row[0])],
        distance=float(distance[0]),
        in_domain=bool(distance[0] <= measured.domain_radius),
        measured_ps=tuple(
            float(lifetime_ps)
            for formula, lifetime_ps in zip(done.training.formulas, table["lifetime_ps"], strict=True)
            if formula == compound.formula
        ),
        properties={
            learnt.name: dict(zip(("mean", "sd"), (float(part[0]) for part in learnt.predict(x)), strict=True))
            for learnt in done.properties
        },
    )


def _check_described(compound: Compound, records: Mapping[str, CationRecord]) -> None:
    organic = [cation for cation, _ in compound.cation_counts if cation.is_organic]
    if not organic:
        raise CampaignError(f"{compound.formula} has no organic cation; the descriptors describe organic cations only")
    for cation in organic:
        if not (record := records[cation.inchikey]).ok:
            raise CampaignError(f"{compound.formula}: {cation.abbreviation} has no descriptors ({record.error})")
