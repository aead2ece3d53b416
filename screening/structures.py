"""Measured descriptors from crystal structures: one row a CIF, in the columns of `screening.measured`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from screening.errors import DatasetError
from screening.measured import numbers_of_materials

__all__ = ["STRUCTURE_COLUMNS", "measured_from_structures", "merge_measured"]

#: Columns that a crystal structure fills, and the name of each among `chemspace.crystal.StructureDescriptors`.
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
    from chemspace.errors import ChemspaceError

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
