"""Measured descriptors from crystal structures: one row a CIF, in the columns of `screening.structures`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chemspace.errors import ChemspaceError
from screening.errors import DatasetError

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
        missing: "refuse" raises where a value is absent; "keep" leaves NaN, for `TrainingRows.of(missing="impute")`,
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
    """Columns of a table as numbers, indexed by `material_id`. `DatasetError` for a missing one, a double, or text."""
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


#: Columns that a crystal structure fills, and the name of each among `chemspace.crystal.read.StructureDescriptors`.
STRUCTURE_COLUMNS = {
    "layer_spacing_angstrom": "layer_spacing_angstrom",
    "cell_volume_angstrom3": "volume_per_formula_angstrom3",
    "b_x_b_angle_deg": "mean_bridge_angle_deg",
    "b_x_distance_angstrom": "mean_bond_angstrom",
}


def measured_from_structures(files: Mapping[str, str | Path]) -> pd.DataFrame:
    """Measured descriptors of crystals, to be used like a table of them.

    Args:
        files: material identifier to a CIF (or any file that pymatgen reads).

    Returns:
        Column `material_id` and `STRUCTURE_COLUMNS`; the volume is that of one formula unit, so that cells of
        different contents compare. A three-dimensional compound has no layer spacing (NaN).

    Raises:
        DatasetError: naming the material whose file is missing, holds no crystal or no metal-halide network.
    """
    from chemspace.crystal import structure_descriptors  # loads pymatgen

    rows = []
    for material, path in files.items():
        try:
            told = structure_descriptors(path)
        except ChemspaceError as error:
            raise DatasetError(f"material {material!r}: {error}") from error
        rows.append({"material_id": material} | {own: getattr(told, name) for own, name in STRUCTURE_COLUMNS.items()})
    frame = pd.DataFrame(rows, columns=["material_id", *STRUCTURE_COLUMNS])
    return frame.astype(dict.fromkeys(STRUCTURE_COLUMNS, float))


def merge_measured(table: pd.DataFrame, structures: pd.DataFrame, tolerance: float = 0.02) -> pd.DataFrame:
    """A table of measured descriptors with the gaps filled from crystal structures.

    Args:
        table: column `material_id` and any measured columns, one row a material.
        structures: of `measured_from_structures`; materials that the table lacks are added.
        tolerance: largest relative difference between a value of the table and the structure's.

    Raises:
        DatasetError: where the two differ by more: one of them is wrong or of another phase. For a material filed
            twice or text in a number's place.
    """
    shared = [column for column in structures.columns if column in table.columns and column != "material_id"]
    filed_numbers, crystals = numbers_of_materials(table, shared), numbers_of_materials(structures, shared)
    own, other = table.set_index("material_id"), structures.set_index("material_id")
    own[shared] = filed_numbers
    both = own.index.intersection(other.index)
    for column in shared:
        a = filed_numbers.loc[both, column].to_numpy(dtype=float)
        b = crystals.loc[both, column].to_numpy(dtype=float)
        for material, filed, found in zip(both, a, b, strict=True):
            if abs(filed - found) > tolerance * abs(found):  # never true of NaN
                raise DatasetError(
                    f"material {material!r}, column {column!r}: the table says {filed:g}, its structure {found:g}; "
                    "leave the wrong one out"
                )
    return own.combine_first(other).reset_index()
