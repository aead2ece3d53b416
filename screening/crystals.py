"""Crystals of layered halides and their band gaps: what is filed of a compound, and a model of any other one's gap.

The table holds numbers derived from the structure files of github.com/fanghj01234/Ensemble-Learning_SATGNN (MIT
licence, commit 30e2b78; doi 10.1039/d5dd00163c), with the number of each file; the crystals go back to depositions in
the CCDC. Only files whose composition and spacer are exact are in it, and three of (BA) compounds whose hydrogens are
disordered (flagged, without a gap). The source has no legend for its gaps; their
values are those of optical gaps, and repeats of a compound differ by 0.03 eV. Below: the descriptors that are measured
on a finished crystal, from a table or a file of its structure.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chemspace.errors import ChemspaceError
from screening.calibration import half_width
from screening.errors import DatasetError
from screening.features import FEATURE_NAMES

if TYPE_CHECKING:
    import pandas as pd

    from chemspace import Compound

__all__ = ["LEVEL", "BandGap", "BridgeAngle", "band_gap", "usual_bridge_angle"]


#: What the table holds of a crystal, in the words of the reference paper's second path (doi 10.1039/d5sc07406a).
CRYSTAL_COLUMNS = (
    "band_gap_ev",
    "layer_spacing_angstrom",
    "cell_volume_angstrom3",
    "b_x_b_angle_deg",
    "b_x_distance_angstrom",
)
#: Where the files and the gaps are from.
SOURCE = "10.1039/d5dd00163c"
#: Method, solvent, solvent of the conformers and polarizability of the features in the table;
#: `benchmarks.crystal_gaps --describe` writes those of another default.
LEVEL = ("GFN2-xTB", None, "dmf", "D4")
#: Log hyperparameters of the process of the gap without the crystals of each spacer, first block of its InChIKey, and
#: without none; `benchmarks.crystal_gaps --fit` writes them.
GAP_PROCESSES = "gap_processes.csv"
#: Pooled standard deviation of the gaps of one compound in several files, eV.
REPEAT_EV = 0.03
#: Metals and halides the gap is learnt of.
GAP_METALS, GAP_HALIDES = ("Pb", "Sn"), ("I", "Br", "Cl")

#: What a compound's crystals are found by: first block of the spacer's InChIKey, cage cation, metal, halide, layers.
Key = tuple[str, str, str, str, int]


@dataclass(frozen=True, slots=True)
class FiledCrystal:
    """What is filed of a compound, means over its crystals; None where no crystal has a value."""

    files: tuple[int, ...]  #: numbers of the files in the source
    band_gap_ev: float | None
    layer_spacing_angstrom: float | None  #: distance of two layers
    cell_volume_angstrom3: float | None  #: of one formula unit
    b_x_b_angle_deg: float | None  #: mean angle at the bridging halide
    b_x_distance_angstrom: float | None  #: mean length of a bond


@dataclass(frozen=True, slots=True)
class BandGap:
    """The band gap of a compound, eV."""

    filed_ev: float | None  #: mean over its crystals, None where none is filed
    files: tuple[int, ...]  #: their numbers in the source
    #: `predicted_ev`, `low_ev`, `high_ev`: by a model of the other spacers, with its 90% interval; None without
    #: descriptors of the level it was trained on.
    predicted_ev: float | None = None
    low_ev: float | None = None
    high_ev: float | None = None

    def __str__(self) -> str:
        parts = []
        if self.filed_ev is not None:
            numbers = ", ".join(map(str, self.files))
            parts.append(f"{self.filed_ev:.2f} eV filed (crystal {numbers} of doi {SOURCE})")
        if self.predicted_ev is not None:
            interval = f"{self.low_ev:.2f} to {self.high_ev:.2f}, 90%"
            parts.append(f"{self.predicted_ev:.2f} eV ({interval}) predicted from the crystals of other spacers")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class BridgeAngle:
    """Median angle metal-halide-metal, degrees, of so many filed crystals of a halide and a number of layers."""

    degrees: float
    n_crystals: int
    halide: str
    n_layers: int

    def __str__(self) -> str:
        crystals = f"{self.n_crystals} filed layered {self.halide} crystals with n = {self.n_layers}"
        return f"{self.degrees:.1f} degrees at the bridging halides, the median of {crystals}"


#: Fewer crystals than this of one number of layers are no median; those of the nearest number are taken.
FEWEST_CRYSTALS = 3


def usual_bridge_angle(compound: Compound) -> BridgeAngle | None:
    """How far octahedra tilt in the filed crystals of the compound's halide and number of layers, of all metals.

    Where fewer than three are filed, those of the nearest number of layers; None without layers, for a mixture of
    halides, or another halide.
    """
    n_layers = compound.n_layers
    if n_layers is None or len(compound.halide) > 1:
        return None
    table, halide = crystal_table(), compound.halide[0][0]
    alike = table[(table["halide"] == halide) & table["b_x_b_angle_deg"].notna()]
    counts = alike["n_layers"].value_counts()
    enough = [int(n) for n in counts.index[counts >= FEWEST_CRYSTALS]]
    if not enough:
        return None
    nearest = min(enough, key=lambda n: abs(n - n_layers))
    angles = alike[alike["n_layers"] == nearest]["b_x_b_angle_deg"]
    return BridgeAngle(float(angles.median()), len(angles), halide, nearest)


def crystal_table() -> pd.DataFrame:
    """One row a crystal: file, formula, parts, layers, `CRYSTAL_COLUMNS`, flags, `FEATURE_NAMES` of its compound."""
    import pandas as pd

    with resources.files("screening").joinpath("data", "layered_crystals.csv").open(encoding="utf-8") as stream:
        return pd.read_csv(stream, keep_default_na=False, na_values={name: [""] for name in CRYSTAL_COLUMNS})


def filed_crystal(compound: Compound) -> FiledCrystal | None:
    """What is filed of a compound; enantiomers and their racemate are one. None where nothing is."""
    key = _key(compound)
    return None if key is None else _filed().get(key)


def crystal_columns(compounds: Sequence[Compound | None]) -> NDArray[np.float64]:
    """`CRYSTAL_COLUMNS` of compounds, shape (k, 5); NaN where nothing is filed."""
    found = [None if compound is None else filed_crystal(compound) for compound in compounds]
    values = [[getattr(one, name, None) for name in CRYSTAL_COLUMNS] for one in found]
    return np.array(values, dtype=np.float64).reshape(len(found), len(CRYSTAL_COLUMNS))


def band_gap(compound: Compound, x: NDArray[np.float64] | None) -> BandGap | None:
    """The band gap of a layered compound of lead or tin and one halide; None where nothing is known of it. `x` is its
    `FEATURE_NAMES`, shape (8,), of `LEVEL`, or None where they are of another one.

    The model is one Gaussian process on the features, the halide and the metal, fitted without the crystals of this
    compound's own spacer, so that a filed gap is a check of it. `benchmarks.crystal_gaps` scores it, and writes the
    hyperparameters of each fit.
    """
    key, filed = _key(compound), filed_crystal(compound)
    known = None if filed is None or filed.band_gap_ev is None else BandGap(filed.band_gap_ev, filed.files)
    if x is None or key is None or key[2] not in GAP_METALS or key[3] not in GAP_HALIDES:
        return known
    predicted, sd = _gap(np.concatenate([x, _ions(key[3], key[2])]), key[0])
    reach = float(half_width(0.9)) * sd
    return replace(
        known or BandGap(None, ()), predicted_ev=predicted, low_ev=predicted - reach, high_ev=predicted + reach
    )


def _gap(point: NDArray[np.float64], spacer: str) -> tuple[float, float]:
    """Mean and standard deviation of the gap, eV, at inputs (11,) by the process without the crystals of a spacer."""
    from screening.frozen import FrozenProcess

    inputs, gaps, spacers, _ = gap_rows()
    own = spacers != spacer
    x_mean, x_sd, y_mean, y_sd = inputs[own].mean(0), inputs[own].std(0), gaps[own].mean(), gaps[own].std()
    with resources.files("screening").joinpath("data", GAP_PROCESSES).open(encoding="utf-8") as stream:
        thetas = {line[0]: line[1:] for line in csv.reader(stream)}
    theta = np.array(thetas.get(spacer, thetas[""]), dtype=np.float64)
    z = (inputs[own] - x_mean) / x_sd
    process = FrozenProcess.of(theta, z, (gaps[own] - y_mean) / y_sd, (REPEAT_EV / y_sd) ** 2)
    mean, latent = process.predict(((point - x_mean) / x_sd)[None])
    variance = y_sd**2 * (float(latent[0]) + np.exp(theta[2])) + REPEAT_EV**2
    return float(y_mean + y_sd * mean[0]), float(np.sqrt(variance))


@cache
def gap_rows() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.str_], NDArray[np.str_]]:
    """What the gap is learnt from, a row a compound: inputs (k, 11), gaps (eV), spacer's key, metal-halide (k,)."""
    table = crystal_table()
    table = table[table["band_gap_ev"].notna()]
    spacers = table["spacer_inchikey"].str.split("-").str[0]
    by = [spacers, table["cage"], table["b_site"], table["halide"], table["n_layers"]]
    rows = table.groupby(by, sort=False)[["band_gap_ev", *FEATURE_NAMES]].mean()
    named = rows.index.to_frame(index=False).to_numpy(dtype=str)
    ions = np.array([_ions(halide, metal) for metal, halide in zip(named[:, 2], named[:, 3], strict=True)])
    inputs = np.column_stack([rows[list(FEATURE_NAMES)].to_numpy(dtype=np.float64), ions])
    return inputs, rows["band_gap_ev"].to_numpy(dtype=np.float64), named[:, 0], np.char.add(named[:, 2], named[:, 3])


def _ions(halide: str, metal: str) -> NDArray[np.float64]:
    """Columns that say bromide, chloride and tin."""
    told: NDArray[np.float64] = np.array([halide == "Br", halide == "Cl", metal == "Sn"], dtype=np.float64)
    return told


def _key(compound: Compound) -> Key | None:
    """None of a compound without layers or with a mixture."""
    if compound.spacer is None or compound.n_layers is None or len(compound.halide) > 1 or len(compound.cage) > 1:
        return None
    cage = compound.cage[0][0].inchikey if compound.cage else ""
    return compound.spacer.inchikey.split("-")[0], cage, compound.b_site, compound.halide[0][0], compound.n_layers


@cache
def _filed() -> dict[Key, FiledCrystal]:
    from chemspace import CationLibrary

    library, table = CationLibrary.builtin(), crystal_table()
    cages = {name: library[name].inchikey if name else "" for name in table["cage"].unique()}
    blocks = table["spacer_inchikey"].str.split("-").str[0]
    by = [blocks, table["cage"].map(cages), table["b_site"], table["halide"], table["n_layers"]]
    files = table["file"].groupby(by, sort=False).agg(tuple)
    means = table.groupby(by, sort=False)[list(CRYSTAL_COLUMNS)].mean().round(4).to_numpy()
    return {
        (*key[:-1], int(key[-1])): FiledCrystal(
            tuple(map(int, own)), *(None if np.isnan(value) else float(value) for value in row)
        )
        for key, own, row in zip(files.index.tolist(), files, means, strict=True)
    }


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
    """Measured columns of some materials (k names), to be set beside `to_features`: values (k, q) and which rows have
    all of them (k,). `table` has the column `material_id` and any of `columns`, one row a material. `missing`: "refuse"
    raises where a value is absent; "keep" leaves NaN, for `TrainingRows.of(missing="impute")`, which fills it inside
    each fold; "drop" says which rows are complete. A `DatasetError` names row and column: unknown, filed twice, text,
    or absent."""
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


#: Columns that a crystal structure fills, and the name of each among `chemspace.crystal_reader.StructureDescriptors`.
STRUCTURE_COLUMNS = {
    "layer_spacing_angstrom": "layer_spacing_angstrom",
    "cell_volume_angstrom3": "volume_per_formula_angstrom3",
    "b_x_b_angle_deg": "mean_bridge_angle_deg",
    "b_x_distance_angstrom": "mean_bond_angstrom",
}


def measured_from_structures(files: Mapping[str, str | Path]) -> pd.DataFrame:
    """Measured descriptors of crystals, to be used like a table of them: `material_id` and `STRUCTURE_COLUMNS`. The
    volume is that of one formula unit, so that cells of different contents compare; a three-dimensional compound has no
    layer spacing (NaN). `files`: material identifier to a CIF (or any file that pymatgen reads). A `DatasetError` names
    the material whose file is missing, holds no crystal or no metal-halide network."""
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
    """A table of measured descriptors with the gaps filled from `measured_from_structures`; materials that the table
    lacks are added. A `DatasetError` where the two differ by more than `tolerance` (relative): one of them is wrong or
    of another phase; and for a material filed twice or text in a number's place."""
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
