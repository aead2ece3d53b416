"""The features a surrogate sees, made from descriptors without looking at any data set."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from oracle.descriptors import DEFAULT_DESCRIPTORS, DESCRIPTORS, Descriptor, DescriptorSet
from screening.errors import TrainingDataError

__all__ = ["FEATURE_NAMES", "feature_label", "feature_text", "feature_words", "input_label", "to_features"]

#: Of the ten descriptors, eight enter. The layer number enters as 1/n: bounded, 3D is its limit 0. Mass and
#: polarizability are positive and skewed, ratios of them mean more than differences: they enter as logarithms, the
#: dipole as log(1 + D).
FEATURE_NAMES = DEFAULT_DESCRIPTORS.feature_names

#: The published table writes a three-dimensional compound as n = 100 (doi 10.1039/d5sc07406a); we read it as infinite.
N_LAYERS_OF_3D = 100.0


def to_features(descriptors: NDArray[np.float64], of: DescriptorSet = DEFAULT_DESCRIPTORS) -> NDArray[np.float64]:
    """Features of compounds, shape (m, d), columns `of.feature_names`, from their descriptors (m, c + 2), columns
    `of.names`; `n_layers` is infinite (or 100) for 3D, NaN stays NaN. A row's features depend on that row only, so
    nothing leaks between folds. A `TrainingDataError` for other columns, a layer number below 1, a mass or
    polarizability that is not positive or a negative dipole."""
    table = np.asarray(descriptors, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != len(of):
        raise TrainingDataError(f"descriptors have shape {table.shape}; {len(of)} columns are needed: {of.names}")
    return np.column_stack(
        [entering(one, column) for one, column in zip(of.columns, table.T, strict=True) if one.enters]
    )


def feature_text(name: str, value: float) -> str:
    """A feature's value as the descriptor it was made from, with its unit: 4.81 of `log_molar_mass` is "123 g/mol"; the
    value as it is where no descriptor makes the feature."""
    made_from = _made_from(name)
    if made_from is None:
        return f"{value:.3g}"
    if made_from.enters == "inverse":
        return "3D" if value <= 1.0 / N_LAYERS_OF_3D else f"n = {1.0 / value:.3g}"
    back = {"log": np.exp, "log1p": np.expm1}.get(made_from.enters, float)
    return f"{round(back(value), 3):.3g} {made_from.unit}".rstrip()


def feature_words(name: str, value: float, usual: float) -> str:
    """What is special about a feature's value beside the usual one: "low HOMO of -19.8 eV", "no dipole"."""
    made_from, text = _made_from(name), feature_text(name, value)
    if made_from is not None and made_from.enters == "inverse":
        return text
    if made_from is not None and made_from.enters == "log1p" and value < _NONE * usual:
        return f"no {feature_label(name)}"
    return f"{'low' if value < usual else 'high'} {feature_label(name)} of {text}"


def feature_label(name: str) -> str:
    """A feature in words; its name where no descriptor makes it."""
    made_from = _made_from(name)
    return name if made_from is None else made_from.feature_label


def input_label(name: str) -> str:
    """A feature in words where its own sign or size is shown: the model sees 1/n, which falls as n grows."""
    made_from = _made_from(name)
    return f"1 / {made_from.label}" if made_from is not None and made_from.enters == "inverse" else feature_label(name)


#: Share of the usual value below which there is as good as none.
_NONE = 0.05


def _made_from(feature: str) -> Descriptor | None:
    for known in (DEFAULT_DESCRIPTORS.columns, (entry.item for entry in DESCRIPTORS.entries())):
        for descriptor in known:
            if descriptor.enters and descriptor.feature == feature:
                return descriptor
    return None


#: Least value that may enter, by how it enters, and the feature of it.
_ENTERING: dict[str, tuple[float, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    "linear": (-np.inf, np.asarray),
    "log": (np.nextafter(0.0, 1.0), np.log),
    "log1p": (0.0, np.log1p),
    "inverse": (1.0, lambda n: np.where(n >= N_LAYERS_OF_3D, 0.0, 1.0 / n)),
}


def entering(descriptor: Descriptor, column: NDArray[np.float64]) -> NDArray[np.float64]:
    """The feature that a column (m,) enters as, shape (m,). `TrainingDataError` for a value that cannot be."""
    least, feature = _ENTERING[descriptor.enters]
    below = np.flatnonzero(column < least)
    if below.size:
        wrong = f"row {int(below[0])}: {descriptor.name} is {column[below[0]]}; it "
        raise TrainingDataError(wrong + ("is 1 or more, inf for 3D" if least == 1.0 else "cannot be that small"))
    return feature(column)
