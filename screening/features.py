"""The features a surrogate sees, made from the ten descriptors without looking at any data set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from screening.errors import TrainingDataError

__all__ = ["FEATURE_NAMES", "feature_text", "to_features"]

#: Column order of a descriptor array, the same as `oracle.descriptors.DESCRIPTOR_NAMES` (a test holds them equal).
DESCRIPTOR_ORDER = (
    "molar_mass_g_mol",
    "electronegativity",
    "polarizability_bohr3",
    "dipole_debye",
    "homo_ev",
    "lumo_ev",
    "gap_ev",
    "radius_angstrom",
    "tolerance_factor",
    "n_layers",
)

#: The reference paper drops the radius and the gap because each has |r| > 0.9 with a descriptor that stays
#: (doi 10.1039/d5sc07406a). The layer number enters as 1/n: bounded, 3D is its limit 0. Mass and polarizability are
#: positive and skewed, ratios of them mean more than differences: they enter as logarithms, the dipole as log(1 + D).
FEATURE_NAMES = (
    "log_molar_mass",
    "electronegativity",
    "log_polarizability",
    "log1p_dipole",
    "homo_ev",
    "lumo_ev",
    "tolerance_factor",
    "inverse_n_layers",
)

#: The published table writes a three-dimensional compound as n = 100 (doi 10.1039/d5sc07406a); we read it as infinite.
N_LAYERS_OF_3D = 100.0

#: Features that are logarithms, and the unit of what they are the logarithm of (one bohr3 is one atomic unit).
_LOGARITHMS = {"log_molar_mass": "g/mol", "log_polarizability": "bohr³"}


def to_features(descriptors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Features of compounds from their ten descriptors.

    Stateless: a row's features depend on that row only, so nothing leaks between folds.

    Args:
        descriptors: shape (m, 10), columns `DESCRIPTOR_ORDER`; `n_layers` is infinite (or 100) for 3D. NaN stays NaN.

    Returns:
        Features, shape (m, 8), columns `FEATURE_NAMES`.

    Raises:
        TrainingDataError: if the array has not ten columns, a layer number is below 1, a mass or polarizability is
            not positive or a dipole is negative.
    """
    table = np.asarray(descriptors, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != len(DESCRIPTOR_ORDER):
        raise TrainingDataError(
            f"descriptors have shape {table.shape}; {len(DESCRIPTOR_ORDER)} columns are needed: {DESCRIPTOR_ORDER}"
        )
    column = {name: table[:, i] for i, name in enumerate(DESCRIPTOR_ORDER)}
    for name, least in (("molar_mass_g_mol", 1e-9), ("polarizability_bohr3", 1e-9), ("dipole_debye", 0.0)):
        below = np.flatnonzero(column[name] < least)
        if below.size:
            raise TrainingDataError(f"row {int(below[0])}: {name} is {column[name][below[0]]}; it cannot be that small")
    return np.column_stack(
        [
            np.log(column["molar_mass_g_mol"]),
            column["electronegativity"],
            np.log(column["polarizability_bohr3"]),
            np.log1p(column["dipole_debye"]),
            column["homo_ev"],
            column["lumo_ev"],
            column["tolerance_factor"],
            _inverse_n_layers(column["n_layers"]),
        ]
    )


def feature_text(name: str, value: float) -> str:
    """A feature's value as the descriptor it was made from, with its unit: 4.81 of `log_molar_mass` is "123 g/mol".

    Args:
        name: one of `FEATURE_NAMES`; of any other name the value is given as it is.
        value: the feature.
    """
    if name == "inverse_n_layers":
        return "3D" if value <= 1.0 / N_LAYERS_OF_3D else f"n = {1.0 / value:.3g}"
    if name == "log1p_dipole":
        return f"{np.expm1(value):.3g} D"
    if name in _LOGARITHMS:
        return f"{np.exp(value):.3g} {_LOGARITHMS[name]}"
    return f"{value:.3g}{' eV' if name.endswith('_ev') else ''}"


def _inverse_n_layers(n_layers: NDArray[np.float64]) -> NDArray[np.float64]:
    below = np.flatnonzero(n_layers < 1.0)
    if below.size:
        raise TrainingDataError(f"row {int(below[0])}: n_layers is {n_layers[below[0]]}; it is 1 or more, inf for 3D")
    inverse: NDArray[np.float64] = np.where(n_layers >= N_LAYERS_OF_3D, 0.0, 1.0 / n_layers)
    return inverse
