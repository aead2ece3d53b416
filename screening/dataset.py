"""Measured spin lifetimes: the published ones as package data, and those of a campaign appended to them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from screening.errors import DatasetError
from screening.features import DESCRIPTOR_ORDER
from screening.measurements import MEASUREMENT_COLUMNS, checked_measurements
from screening.policy import DOUBTFUL_LOG10_SD, UPPER_BOUND, excluding_flags

if TYPE_CHECKING:
    from chemspace import CationLibrary, Compound

__all__ = ["DATASET_COLUMNS", "SpinDataset", "published_descriptors"]

#: Columns of a data set's table; units stand in the names.
DATASET_COLUMNS = (
    "material_id",
    "formula",
    "lifetime_ps",
    "lifetime_stderr_ps",
    "rate_per_ps",
    "log10_rate",
    "log10_rate_stderr",
    "group",
    "phase",
    "n_layers",
    *(name for name in MEASUREMENT_COLUMNS if name not in ("material_id", "lifetime_stderr_ps")),
)


@dataclass(frozen=True)
class SpinDataset:
    """Rows of measured lifetimes, replicates kept as rows.

    Attributes:
        table: one row a measurement, columns `DATASET_COLUMNS`. `log10_rate_stderr` is the row's own standard error
            where it is known, else the pooled standard deviation of replicates; half a decade for rows with an
            excluding flag. `group` is the spacer's InChIKey, or "3D". Do not change it in place: `rows` hands out
            copies.
        parts: what a compound is built from, one entry a row: a `Compound`, a (spacer SMILES, cage, b_site, halide,
            n_layers) tuple still to be read, or None where the composition is unknown.
    """

    table: pd.DataFrame
    parts: tuple[object, ...]

    @classmethod
    def published(cls) -> SpinDataset:
        """The 52 measurements of the reference paper (doi 10.1039/d5sc07406a; its public table, MIT licence,
        github.com/DogofKristin-hue/SRR), formulas and spacers corrected, doubtful rows flagged (`screening.policy`).
        """
        filed = _read_csv("published_lifetimes.csv")
        table = filed.drop(columns=["rate_per_ps"]).assign(
            lifetime_ps=1.0 / filed["rate_per_ps"].astype(float),
            group=filed["spacer_inchikey"].replace("", "3D"),
            n_layers=filed["n_layers"].astype(float),
            lifetime_stderr_ps=pd.to_numeric(filed["lifetime_stderr_ps"]),
            temperature_k=pd.to_numeric(filed["temperature_k"]),
            fluence_uj_cm2=pd.to_numeric(filed["fluence_uj_cm2"]),
        )
        columns = ("spacer_smiles", "spacer", "cage", "b_site", "halide", "n_layers")
        parts = tuple(_published_parts(*row) for row in filed[list(columns)].itertuples(index=False, name=None))
        return cls(_with_rates(table), parts)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def rows(self) -> pd.DataFrame:
        """A copy of the table."""
        return self.table.copy()

    @cached_property
    def compounds(self) -> tuple[Compound | None, ...]:
        """One compound a row; None where the composition is unknown."""
        return tuple(_build(part) for part in self.parts)

    @property
    def log10_rate(self) -> NDArray[np.float64]:
        """Targets, log10 of the rate in 1/ps, shape (k,)."""
        return self.table["log10_rate"].to_numpy(dtype=np.float64)

    @property
    def noise(self) -> NDArray[np.float64]:
        """Standard deviation of each target in log10 units, shape (k,)."""
        return self.table["log10_rate_stderr"].to_numpy(dtype=np.float64)

    @property
    def censored(self) -> NDArray[np.bool_]:
        """Rows whose lifetime is only an upper bound, so that `log10_rate` is a lower one, shape (k,)."""
        return _is_bound(self.table)

    @property
    def groups(self) -> tuple[str, ...]:
        """Spacer of each row (InChIKey), or "3D"."""
        return tuple(self.table["group"])

    def trainable(self, include_flagged: bool = False) -> SpinDataset:
        """The rows a model trains on: those without an excluding flag, or all of them if asked."""
        if include_flagged:
            return self
        return self.subset(np.array([not excluding_flags(flags) for flags in self.table["flags"]]))

    def subset(self, keep: NDArray[np.bool_]) -> SpinDataset:
        """The rows where `keep`, shape (k,), is true; their errors stay as they are."""
        chosen = self.table[keep].reset_index(drop=True)
        return SpinDataset(chosen, tuple(p for p, k in zip(self.parts, keep, strict=True) if k))

    def append(
        self,
        rows: pd.DataFrame,
        library: CationLibrary | None = None,
        *,
        convert: bool = False,
        confirm_range: bool = False,
    ) -> SpinDataset:
        """The data set with further measurements.

        Args:
            rows: needs `formula` and `lifetime_ps`, may have the columns of `MEASUREMENT_COLUMNS`; the flag
                `upper_bound` says that a lifetime is only that.
            library: where the formulas' abbreviations are looked up, by default the built-in one.
            convert: turn other definitions of a lifetime into tau instead of refusing them.
            confirm_range: accept lifetimes of an implausible size.

        Raises:
            DatasetError: naming row and column.
            ChemspaceError: for a formula that cannot be read.
        """
        from chemspace import parse_formula  # RDKit loads only when formulas are read

        checked = checked_measurements(rows, convert=convert, confirm_range=confirm_range)
        compounds = tuple(parse_formula(str(text), library) for text in checked["formula"])
        checked = checked.assign(
            group=["3D" if c.spacer is None else c.spacer.inchikey for c in compounds],
            phase=[c.phase for c in compounds],
            n_layers=[np.inf if c.n_layers is None else float(c.n_layers) for c in compounds],
        )
        own = self.table.drop(columns=["log10_rate_stderr"])
        return SpinDataset(_with_rates(pd.concat([own, checked], ignore_index=True)), (*self.parts, *compounds))


def published_descriptors(*, as_filed: bool = False) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The ten published descriptors of the 52 rows, corrected or as filed.

    Args:
        as_filed: the values of the paper's public file, errors included (zeros for the orbitals of Cs).

    Returns:
        Material identifiers and an array (52, 10), columns `DESCRIPTOR_ORDER`, NaN where a value is a placeholder.
    """
    table = _read_csv("published_descriptors.csv")
    columns = [name if not as_filed or name == "n_layers" else f"{name}_filed" for name in DESCRIPTOR_ORDER]
    return tuple(table["material_id"]), table[columns].replace("", "nan").astype(float).to_numpy()


def _read_csv(name: str) -> pd.DataFrame:
    with resources.files("screening").joinpath("data", name).open(encoding="utf-8") as stream:
        return pd.read_csv(stream, dtype=str, keep_default_na=False)


def _with_rates(table: pd.DataFrame) -> pd.DataFrame:
    """Rates, their logarithms and errors; columns in the order of DATASET_COLUMNS."""
    lifetime = table["lifetime_ps"].astype(float)
    full = table.assign(lifetime_ps=lifetime, rate_per_ps=1.0 / lifetime, log10_rate=-np.log10(lifetime))
    own = full["lifetime_stderr_ps"].astype(float) / (lifetime * np.log(10.0))
    doubtful = [bool(excluding_flags(flags)) for flags in full["flags"]]
    full["log10_rate_stderr"] = own.fillna(_replicate_sd(full)).mask(doubtful, DOUBTFUL_LOG10_SD)
    return full.loc[:, list(DATASET_COLUMNS)]


def _replicate_sd(table: pd.DataFrame) -> float:
    """Pooled standard deviation of log10 rate within materials, rows with an excluding flag left out.

    Raises:
        DatasetError: if no material is measured twice, so that no error is known at all.
    """
    sound = table[[not excluding_flags(flags) for flags in table["flags"]] & ~_is_bound(table)]
    within = sound.groupby("formula")["log10_rate"]
    squares, freedom = within.var(ddof=1) * (within.count() - 1), within.count() - 1
    if int(freedom.sum()) == 0:
        raise DatasetError("no standard errors and no replicates: give lifetime_stderr_ps or keep the published rows")
    return float(np.sqrt(squares.sum() / freedom.sum()))


def _is_bound(table: pd.DataFrame) -> NDArray[np.bool_]:
    return np.array([UPPER_BOUND in str(flags).split(";") for flags in table["flags"]], dtype=bool)


def _published_parts(smiles: str, spacer: str, cage: str, b_site: str, halide: str, n_layers: str) -> object:
    if "/" in halide or "/" in cage:
        return None
    return (smiles, spacer, cage, b_site, halide, n_layers)


def _build(part: object) -> Compound | None:
    from chemspace import Cation, CationLibrary, Compound

    if not isinstance(part, tuple):
        return part if isinstance(part, Compound) else None
    smiles, abbreviation, cage, b_site, halide, n_layers = part
    library = CationLibrary.builtin()
    spacer = None
    if smiles:
        own = Cation.from_smiles(smiles, abbreviation=abbreviation)
        spacer = library.get_by_inchikey(own.inchikey) or own
    return Compound.of(
        spacer,
        library[cage] if cage else None,
        n_layers=None if n_layers == "inf" else int(n_layers),
        b_site=b_site,
        halide=halide,
    )
