"""Our descriptors against the published table's: correlations, outliers, and the Hartree-Fock level of a few ions.

    python -m benchmarks.oracle_published [--parts correlations level torsion]

The table is that of doi 10.1039/d5sc07406a, 22 pure cations, with its known errors flagged. `level` and `torsion` need
PySCF (pip install "spinscreen[pyscf]").
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from chemspace.cation import Cation
from oracle import CationRecord, Protocol, describe

TABLE = Path(__file__).parent.parent / "tests" / "oracle" / "data" / "published_cations.csv"
PARTS = ("correlations", "level", "torsion")

COLUMNS = ("polarizability_bohr3", "radius_angstrom", "homo_ev", "dipole_debye", "lumo_ev")

#: HOMO and LUMO (eV) by HF/def2-TZVP on a geometry that is not recorded, as given with the reference data.
COMPARED = {"FA": (-17.63, -1.85), "MA": (-21.14, -2.60), "BZA": (-12.98, -1.69)}

#: Ions of the Hartree-Fock comparison: those, and two whose GFN2 dipole is far above the filed one.
LEVEL = (*COMPARED, "F-PMA", "4,4-DFPD")

#: Degrees of the ammonium group about the bond to the ring.
TORSIONS = (0.0, 30.0, 60.0, 90.0)


def main() -> None:
    """Prints the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_args()
    filed = pd.read_csv(TABLE, comment="#").fillna({"flag": ""})
    run = {"correlations": lambda: _correlations(filed), "level": lambda: _level(filed), "torsion": _torsion}
    for part in options.parts:
        run[part]()


def _describe(smiles: list[str], protocol: Protocol) -> list[CationRecord]:
    records = describe([Cation.from_smiles(each) for each in smiles], protocol)
    failed = [f"{record.smiles}: {record.error}" for record in records if not record.ok]
    if failed:
        raise SystemExit("\n".join(failed))
    return records


def _correlations(filed: pd.DataFrame) -> None:
    records = _describe(filed["smiles"].tolist(), Protocol())
    ours = pd.DataFrame({name: [getattr(record, name) for record in records] for name in COLUMNS})
    right = (filed["flag"] == "").to_numpy()
    print(f"\n{records[0].protocol}\n")
    print(f"| descriptor | Spearman, all {len(filed)} | without the {(~right).sum()} flagged |\n|---|---|---|")
    for name in COLUMNS:
        each, sound = (spearmanr(filed[name][rows], ours[name][rows])[0] for rows in (slice(None), right))
        print(f"| {name} | {each:.3f} | {sound:.3f} |")
    print("\n| ion | " + " | ".join(f"{name} filed | here" for name in COLUMNS) + " |")
    print("|" + "---|" * (2 * len(COLUMNS) + 1))
    for row, (_, here) in zip(filed.to_dict("records"), ours.iterrows(), strict=True):
        cells = " | ".join(f"{row[name]:.2f} | {here[name]:.2f}" for name in COLUMNS)
        print(f"| {row['abbreviation']}{'*' if row['flag'] else ''} | {cells} |")


def _level(filed: pd.DataFrame) -> None:
    by_name = filed.set_index("abbreviation")
    smiles = [str(by_name["smiles"][name]) for name in LEVEL]
    records, by_xtb = _describe(smiles, Protocol(engine="pyscf")), _describe(smiles, Protocol())
    print(f"\n{records[0].protocol}\n")
    print(
        "| ion | HOMO here | to compare | filed | LUMO here | to compare | filed | dipole here | GFN2 | filed |\n"
        "|---|---|---|---|---|---|---|---|---|---|"
    )
    for name, record, rough in zip(LEVEL, records, by_xtb, strict=True):
        row = by_name.loc[name]
        homo, lumo = (f"{value:.2f}" for value in COMPARED[name]) if name in COMPARED else ("", "")
        print(
            f"| {name} | {record.homo_ev:.2f} | {homo} | {row['homo_ev']:.2f} "
            f"| {record.lumo_ev:.2f} | {lumo} | {row['lumo_ev']:.2f} "
            f"| {record.dipole_debye:.2f} | {rough.dipole_debye:.2f} | {row['dipole_debye']:.2f} |"
        )


def _torsion() -> None:
    from rdkit.Chem import MolFromSmarts, rdMolTransforms

    from oracle.compute import build_molecule, embed
    from oracle.engines.base import ANGSTROM_PER_BOHR, EV_PER_HARTREE
    from oracle.engines.shipped import PyscfEngine

    mol = build_molecule("[NH3+]Cc1ccccc1")
    conformer = mol.GetConformer(embed(mol, 1, 42).ids[0])
    atoms = mol.GetSubstructMatch(MolFromSmarts("[N][C]c:c"))
    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()], dtype=np.int64)
    print("\nBZA, HF/def2-TZVP on the MMFF94 geometry\n\n| N-C-C-C, degrees | HOMO, eV | LUMO, eV |\n|---|---|---|")
    for angle in TORSIONS:
        rdMolTransforms.SetDihedralDeg(conformer, *atoms, angle)
        point = PyscfEngine().single_point(numbers, conformer.GetPositions() / ANGSTROM_PER_BOHR, 1)
        print(f"| {angle:.0f} | {point.homo * EV_PER_HARTREE:.2f} | {point.lumo * EV_PER_HARTREE:.2f} |", flush=True)


if __name__ == "__main__":
    main()
