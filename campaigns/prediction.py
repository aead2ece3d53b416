"""Everything a round says about one compound, in the space or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from campaigns.errors import CampaignError
from campaigns.summary import Prediction
from chemspace import Compound
from oracle import CationRecord, compound_descriptors
from screening.crystals import LEVEL, band_gap
from screening.features import FEATURE_NAMES, to_features
from screening.ranking.candidates import lifetime_columns

if TYPE_CHECKING:
    from campaigns.round import Round

__all__ = ["predict"]


def predict(fitted: Round, compound: Compound, records: Mapping[str, CationRecord]) -> Prediction:
    """Predict one compound.

    Args:
        fitted: a round.
        compound: any compound whose organic cations `records` holds.
        records: the oracle's records by InChIKey.

    Raises:
        CampaignError: if a cation of it has no descriptors, with the oracle's reason.
    """
    descriptors = fitted.training.descriptors
    x = to_features(compound_descriptors([compound], records, descriptors), descriptors)
    _check_described(compound, records)
    mean, sd = fitted.surrogate.predict(x)
    shares = fitted.explain(x)
    numbers = {**lifetime_columns(mean, sd), **fitted.measured.columns(x)}
    layered = compound.spacer is not None
    here = np.array([formula == compound.formula for formula in fitted.training.formulas])
    lifetimes = fitted.training.dataset.table["lifetime_ps"].to_numpy(dtype=float)
    protocol = fitted.inputs.config.protocol
    is_level = (protocol.method, protocol.solvent, protocol.conformer_solvent, protocol.polarizability) == LEVEL
    names = descriptors.feature_names
    return Prediction(
        formula=compound.formula,
        in_space=compound in fitted.space,
        **{name: values.tolist()[0] for name, values in numbers.items()},
        feasibility=float(fitted.feasibility.probability([compound])[0]) if layered else None,
        feasibility_reasons=tuple(fitted.feasibility.reasons(compound)) if layered else (),
        features=dict(zip(descriptors.feature_names, map(float, x[0]), strict=True)),
        contributions=dict(zip(descriptors.feature_names, map(float, shares.contributions[0]), strict=True)),
        base_log10_rate=shares.base,
        measured_ps=tuple(lifetimes[here & ~fitted.training.dataset.censored].tolist()),
        bounds_ps=tuple(lifetimes[here & fitted.training.dataset.censored].tolist()),
        properties={
            learnt.name: dict(zip(("mean", "sd"), (float(part[0]) for part in learnt.predict(x)), strict=True))
            for learnt in fitted.properties
        },
        band_gap=band_gap(compound, x[0, [names.index(name) for name in FEATURE_NAMES]] if is_level else None),
    )


def _check_described(compound: Compound, records: Mapping[str, CationRecord]) -> None:
    organic = [cation for cation, _ in compound.cation_counts if cation.is_organic]
    if not organic:
        raise CampaignError(f"{compound.formula} has no organic cation; the descriptors describe organic cations only")
    for cation in organic:
        if not (record := records[cation.inchikey]).ok:
            raise CampaignError(f"{compound.formula}: {cation.abbreviation} has no descriptors ({record.error})")
