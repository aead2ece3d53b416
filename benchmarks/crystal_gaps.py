"""How well the band gap of a compound is predicted by the crystals of other spacers.

    python -m benchmarks.crystal_gaps [--describe]

Every spacer is left out in turn, hyperparameters are those of each fold's rows. Prints R2, mean error and how often
90% intervals hold, for all compounds and for lead iodides. --describe computes the features in the table anew, by the
oracle's default protocol; `screening.crystals.LEVEL` then has to say which that is.
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
from screening.crystals import crystal_table, fit_gaps, gap_rows
from screening.features import FEATURE_NAMES, to_features

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


def main() -> None:
    """Print a row for all, for lead iodides and for those with one layer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--describe", action="store_true", help="compute the table's features anew first")
    if parser.parse_args().describe:
        describe_table()
    inputs, gaps, spacers, ions = gap_rows()
    names = np.unique(spacers)
    mask = spacers != names[:, None]
    mean, sd = (told[np.searchsorted(names, spacers), np.arange(len(gaps))] for told in
                fit_gaps(inputs, gaps, spacers, mask, inputs))  # fmt: skip
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
