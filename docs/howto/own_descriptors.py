"""Own descriptors: a column of your own beside the eight features, and an honest answer whether it helps.

Run: python docs/howto/own_descriptors.py
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rdkit.Chem import rdMolDescriptors

from chemspace import Compound, parse_formula
from screening import SpinDataset, cross_validate, fit_surrogate
from screening.dataset import published_descriptors
from screening.features import FEATURE_NAMES, to_features
from screening.surrogates import TrainingRows

SURROGATE = "gp"


def stiffness(compounds: list[Compound]) -> NDArray[np.float64]:
    """The own descriptor: rings less rotatable bonds of the spacer, shape (m,); 0 where there is no spacer."""
    mols = [None if compound.spacer is None else compound.spacer.mol for compound in compounds]
    return np.array(
        [
            0.0 if mol is None else rdMolDescriptors.CalcNumRings(mol) - rdMolDescriptors.CalcNumRotatableBonds(mol)
            for mol in mols
        ]
    )


def main() -> None:
    """Score with and without the column, fit with it, ask about a compound."""
    _, descriptors = published_descriptors()
    data = SpinDataset.published()
    keep = np.isin(data.rows["material_id"], data.trainable().rows["material_id"])
    rows = data.subset(keep)
    x = to_features(descriptors[keep])
    wider = np.column_stack([x, stiffness([compound for compound in rows.compounds if compound is not None])])
    for name, table in ((f"{len(FEATURE_NAMES)} features", x), ("and stiffness", wider)):
        scores = cross_validate(
            TrainingRows.of(table, rows.log10_rate, rows.noise, rows.groups), name=SURROGATE
        ).score_cards
        card = scores["leave_one_spacer_out"]
        print(f"{name:14s} spacer left out: R2 {card.r2_log:.2f}, 90% intervals hold {card.coverage_90:.0%}")

    surrogate = fit_surrogate(TrainingRows.of(wider, rows.log10_rate, rows.noise, rows.groups), name=SURROGATE)
    compound = parse_formula("(PEA)2PbI4")
    measured = [each == compound for each in rows.compounds]
    mean, sd = surrogate.predict(wider[measured][:1])
    low, high = 10 ** (-mean[0] - 1.645 * sd[0]), 10 ** (-mean[0] + 1.645 * sd[0])
    print(f"{compound}: {10 ** -mean[0]:.2f} ps (90% interval {low:.2f} to {high:.2f}), trained on it among others")


if __name__ == "__main__":
    main()
