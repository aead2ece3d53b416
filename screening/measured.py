"""Measured descriptors as optional columns: used only when asked for, missing ones refused or marked for imputation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from screening.errors import DatasetError

__all__ = ["MEASURED_COLUMNS", "measured_features", "numbers_of_materials"]

#: What the reference paper measures on the finished compound (its second path; doi 10.1039/d5sc07406a).
MEASURED_COLUMNS = (
    "exciton_binding_energy_mev",
    "band_gap_ev",
    "layer_spacing_angstrom",
    "cell_volume_angstrom3",
    "b_x_b_angle_deg",
    "b_x_distance_angstrom",
)


def measured_features(
    material_ids: Sequence[str], table: pd.DataFrame, columns: Sequence[str] = MEASURED_COLUMNS, missing: str = "refuse"
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Measured columns of some materials, to be set beside `to_features`.

    Args:
        material_ids: the rows wanted, length k.
        table: column `material_id` and any of `columns`, one row a material.
        columns: the measured descriptors to use, q names.
        missing: "refuse" raises where a value is absent; "keep" leaves NaN, for `make_problem(missing="impute")`,
            which fills it inside each fold; "drop" says which rows are complete.

    Returns:
        Values (k, q) and which rows have all of them (k,).

    Raises:
        DatasetError: for an unknown column or material, a material filed twice, text in a number's place, or an
            absent value when they are refused; the message names row and column.
    """
    if missing not in ("refuse", "keep", "drop"):
        raise DatasetError(f"missing is {missing!r}; it is refuse, keep or drop")
    values = numbers_of_materials(table, columns).reindex(list(material_ids)).to_numpy(dtype=np.float64)
    gaps = np.argwhere(np.isnan(values))
    if gaps.size and missing == "refuse":
        row, column = (int(i) for i in gaps[0])
        raise DatasetError(
            f"material {material_ids[row]!r} has no {columns[column]!r} ({len(gaps)} values are absent); measure it, "
            "drop the row or ask for imputation"
        )
    return values, ~np.isnan(values).any(axis=1)


def numbers_of_materials(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Some columns of a table as numbers, one row a material, indexed by `material_id`.

    Raises:
        DatasetError: for a missing column, a material filed twice or text in a number's place.
    """
    absent = [name for name in ("material_id", *columns) if name not in table.columns]
    if absent:
        raise DatasetError(f"the table of measured descriptors has no column {absent[0]!r}")
    own = table.set_index("material_id")[list(columns)]
    if own.index.has_duplicates:
        raise DatasetError(f"material {own.index[own.index.duplicated()][0]!r} stands in the table twice")
    numbers: pd.DataFrame = own.apply(pd.to_numeric, errors="coerce")
    text = np.argwhere((numbers.isna() & own.notna()).to_numpy())
    if text.size:
        row, column = (int(i) for i in text[0])
        raise DatasetError(f"material {own.index[row]!r}, column {columns[column]!r}: not a number")
    return numbers
