"""Thousands of real amines through the oracle: every input must end as a record or a typed failure.

    pip install chemicals && pip install --no-deps molsets
    python benchmarks/oracle_amines.py --count 20000 --store amines.db [--workers 2]

The amines come from the compound table of the package `chemicals` (PubChem and CAS structures, MIT licence) and, where
those do not suffice, from the purchasable compounds of `molsets` (ZINC Clean Leads, doi 10.3389/fphar.2020.565644, MIT
licence), protonated once, and twice where they have two basic sites. Resumable: a second run takes up where the first
one stopped.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import re
import time
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import files as files_of
from importlib.resources import files
from itertools import chain
from pathlib import Path

from rdkit import Chem

from chemspace.cation import Cation
from oracle import CationRecord, Limits, OracleStore, Protocol, describe_each
from oracle.store import read_inputs

#: One conformer: the question here is what breaks, not what is lowest.
PROTOCOL = Protocol(n_conformers=1, n_optimised=1)

#: Larger ions are hardly spacers, and would take most of the time.
MAX_HEAVY_ATOMS = 17

_HEAVY = re.compile(r"Cl|Br|Si|Se|[BCNOPSFIbcnops]")


def main() -> None:
    """Describes the amines and counts what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--store", type=Path, required=True)
    options = parser.parse_args()
    ends: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    start, seconds = time.monotonic(), 0.0
    with OracleStore(options.store) as store:
        records = describe_each(amines(options.count), PROTOCOL, store, workers=options.workers, limits=Limits(120.0))
        for record in records:
            ends[record.error_type or "ok"] += 1
            kinds.update(_kinds(record.smiles))
            seconds += record.seconds
            if sum(ends.values()) % 500 == 0:
                print(f"{sum(ends.values())} in {time.monotonic() - start:.0f} s: {dict(ends)}", flush=True)
    print(f"{sum(ends.values())} cations, {seconds / max(1, sum(ends.values())):.3f} s each: {dict(ends)}")
    print(f"of these: {dict(kinds)}")


def _kinds(smiles: str) -> list[str]:
    """What makes a cation awkward."""
    mol = Chem.MolFromSmiles(smiles)
    marks = {
        "halogens": any(atom.GetAtomicNum() in (9, 17, 35, 53) for atom in mol.GetAtoms()),
        "heteroaromatic rings": any(atom.GetIsAromatic() and atom.GetAtomicNum() != 6 for atom in mol.GetAtoms()),
        "dications": Chem.GetFormalCharge(mol) == 2,
        "stereo": any(mark in smiles for mark in "@/\\"),
    }
    return [name for name, found in marks.items() if found]


def amines(count: int) -> Iterator[Cation]:
    """Distinct cations of the tables' amines, mono- and dications in turn."""
    seen: set[str] = set()
    nitrogenous = (smiles for smiles in chain(_known(), _purchasable()) if "N" in smiles.upper())
    for smiles in (smiles for smiles in nitrogenous if len(_HEAVY.findall(smiles)) <= MAX_HEAVY_ATOMS):
        for dications in (False, True):
            for cation in _read(smiles, dications):
                if cation.inchikey not in seen and cation.is_organic and cation.n_heavy_atoms <= MAX_HEAVY_ATOMS:
                    seen.add(cation.inchikey)
                    yield cation
                    if len(seen) == count:
                        return


def _read(smiles: str, dications: bool) -> Iterator[Cation]:
    for each in read_inputs([smiles], PROTOCOL, dications=dications):
        if not isinstance(each, CationRecord):
            yield each


def _known() -> Iterator[str]:
    path = files("chemicals").joinpath("Identifiers", "chemical identifiers pubchem large.tsv")
    with path.open(encoding="utf-8") as text:
        for row in csv.reader(text, delimiter="\t", quoting=csv.QUOTE_NONE):
            if len(row) > 4:
                yield row[4]


def _purchasable() -> Iterator[str]:
    # The package is not imported: it asks for much more than its table.
    (table,) = (file for file in files_of("molsets") or () if file.name == "train.csv.gz")
    with gzip.open(Path(str(table.locate())), "rt", encoding="utf-8") as text:
        for row in csv.DictReader(text):
            yield row["SMILES"]


if __name__ == "__main__":
    main()
