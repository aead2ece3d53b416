"""How well the band gap of a compound is predicted by the crystals of other spacers.

    python -m benchmarks.crystal_gaps [--fit] [--describe]

Every spacer is left out in turn. Prints R2, mean error and how often 90% intervals hold, for all compounds and for lead
iodides. --fit searches the hyperparameters of each fold's rows anew and writes them beside the table; --describe does
so after computing the features in the table anew, by the oracle's default protocol; `screening.crystals.LEVEL` then has
to say which that is.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from chemspace import CationLibrary, Compound
from chemspace.cation import Cation
from oracle import OracleStore, compound_descriptors, default_store_path, describe
from screening.calibration import half_width
from screening.crystals import GAP_PROCESSES, REPEAT_EV, _gap, crystal_table, gap_rows
from screening.features import FEATURE_NAMES, to_features
from screening.surrogates.mixture import ARD, MixtureRecipe
from screening.surrogates.recipe import TrainingRows

TABLE = Path(__file__).parents[1] / "screening" / "data" / "layered_crystals.csv"


def describe_table() -> None:
    """Write the features of the table anew."""
    table, library = crystal_table(), CationLibrary.builtin()
    compounds = []
    for row in table.to_dict("records"):
        spacer = library.get_by_inchikey(row["spacer_inchikey"]) or Cation.from_smiles(row["spacer_smiles"])
        cage = library[row["cage"]] if row["cage"] else None
        parts = {"n_layers": row["n_layers"], "b_site": row["b_site"], "halide": row["halide"]}
        compounds.append(Compound.of(spacer, cage, **parts))
    cations = {cation.inchikey: cation for one in compounds for cation, _ in one.cation_counts if cation.is_organic}
    with OracleStore(default_store_path()) as store:
        records = {record.inchikey: record for record in describe(list(cations.values()), store=store)}
    table[list(FEATURE_NAMES)] = np.round(to_features(compound_descriptors(compounds, records)), 6)
    table.to_csv(TABLE, index=False, float_format="%.6g")


def fit_processes() -> None:
    """Write the log hyperparameters of every fold; of all rows first."""
    inputs, gaps, spacers, _ = gap_rows()
    rows = TrainingRows.of(inputs, gaps, np.full(len(gaps), REPEAT_EV), spacers.tolist())
    names = ["", *np.unique(spacers)]
    fits = MixtureRecipe("gp_ard", (ARD,), None).fit(rows, spacers != np.array(names)[:, None], 0)
    lines = zip(names, fits.processes[0].theta.tolist(), strict=True)
    told = "\n".join(",".join([name, *(f"{value:.6f}" for value in theta)]) for name, theta in lines)
    TABLE.with_name(GAP_PROCESSES).write_text(told + "\n", encoding="utf-8")


def main() -> None:
    """Print a row for all, for lead iodides and for those with one layer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--describe", action="store_true", help="compute the table's features anew first")
    parser.add_argument("--fit", action="store_true", help="search the hyperparameters anew first")
    asked = parser.parse_args()
    if asked.describe:
        describe_table()
    if asked.describe or asked.fit:
        fit_processes()
    inputs, gaps, spacers, ions = gap_rows()
    mean, sd = np.array([_gap(point, spacer) for point, spacer in zip(inputs, spacers, strict=True)]).T
    error, reach = gaps - mean, float(half_width(0.9)) * sd
    print("| compounds | number | R2 | mean error, eV | 90% intervals hold |")
    print("|---|---|---|---|---|")
    iodides, single = ions == "PbI", inputs[:, 7] == 1.0
    for name, rows in (("all", np.ones(len(gaps), bool)), ("Pb-I", iodides), ("Pb-I, n = 1", iodides & single)):
        r2 = 1.0 - (error[rows] ** 2).sum() / ((gaps[rows] - gaps[rows].mean()) ** 2).sum()
        holds = (np.abs(error[rows]) <= reach[rows]).mean()
        print(f"| {name} | {rows.sum()} | {r2:.2f} | {np.abs(error[rows]).mean():.3f} | {holds:.0%} |")


if __name__ == "__main__":
    main()
