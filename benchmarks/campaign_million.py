"""From one new measurement to the next five suggestions in a space of a million compounds.

Virtual spacers with made-up descriptors in a warm oracle store; the commands are those that a user types.

    python benchmarks/campaign_million.py [COMPOUNDS] [FOLDER]
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from chemspace import Cation, CationLibrary
from chemspace.virtual import VirtualSpacers
from oracle import CationRecord, OracleStore, Protocol
from screening.dataset import SpinDataset

CAGES = ("MA", "FA", "GA", "DMA", "EA", "AZR", "IM", "HZ")
#: Compounds a spacer: n = 1, and every cage at n = 2 to 5.
PER_SPACER = 1 + 4 * len(CAGES)


def made_up(cation: Cation, protocol: Protocol) -> CationRecord:
    """A record whose numbers follow size and charge, with noise drawn from the InChIKey."""
    noise = np.random.default_rng(int.from_bytes(cation.inchikey[:7].encode(), "big")).normal(size=6)
    heavy = cation.n_heavy_atoms
    return CationRecord(
        cation.inchikey, cation.smiles, cation.charge, "ok", protocol.label, protocol.key,
        molar_mass_g_mol=cation.molar_mass_g_mol, electronegativity=2.4 + 0.05 * noise[0],
        polarizability_bohr3=12.0 * heavy * float(np.exp(0.05 * noise[1])),
        dipole_debye=abs(2.0 + 0.8 * heavy + 3 * noise[2]), homo_ev=-14.0 - 4 * (cation.charge - 1) + noise[3],
        lumo_ev=-5.0 - 4 * (cation.charge - 1) + noise[4], gap_ev=9.0, radius_angstrom=1.5 + 0.25 * heavy,
        geometry="x" * 60 * heavy, seconds=1.0,
    )  # fmt: skip


def prepare(root: Path, compounds: int) -> None:
    """A library file and a store that knows all of it."""
    spacers = list(VirtualSpacers(seed=1).generate(-(-compounds // PER_SPACER)))
    lines = (f"{c.smiles},{c.abbreviation},spacer" for c in spacers)
    (root / "spacers.csv").write_text("smiles,abbreviation,role\n" + "\n".join(lines) + "\n")
    measured = (c for compound in SpinDataset.published().compounds if compound for c, _ in compound.cation_counts)
    every = dict.fromkeys((*spacers, *CationLibrary.builtin(), *measured))
    protocol = Protocol()
    with OracleStore(root / "oracle.db") as store:
        store.put_many(made_up(cation, protocol) for cation in every if cation.is_organic)


def timed(what: str, *arguments: object, store: Path) -> tuple[float, float, float]:
    """Run a command: wall seconds, CPU seconds and largest memory (MB)."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "campaigns.cli", *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"SPINSCREEN_ORACLE_STORE": str(store)}
    )
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{what}: {done.stderr}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{what:34s} {wall:7.1f} s wall {cpu:7.1f} s CPU {after.ru_maxrss / 1000:6.0f} MB at most so far", flush=True)
    return wall, cpu, after.ru_maxrss / 1000


def main() -> None:
    """Prepare once, then time the commands."""
    compounds = int(float(sys.argv[1])) if len(sys.argv) > 1 else 10**6
    root = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(tempfile.mkdtemp())
    root.mkdir(exist_ok=True)
    if not (root / "oracle.db").exists():
        prepare(root, compounds)
    store, folder = root / "oracle.db", root / f"campaign-{int(time.time())}"
    launch = ("--library", root / "spacers.csv", "--cages", ",".join(CAGES), "--n-layers", "1-5")
    timed("launch", "launch", folder, *launch, store=store)

    def measured(formula: str) -> Path:
        (root / "one.csv").write_text(f"formula,lifetime_ps\n{formula},4.2\n")
        return root / "one.csv"

    timed("ingest --suggest 5", "ingest", folder, measured("(PEA)2(FA)Pb2I7"), "--suggest", 5, store=store)
    timed("the same with --json", "ingest", folder, measured("(BA)2(FA)Pb2I7"), "--suggest", 5, "--json", store=store)
    first = timed("ingest one measurement", "ingest", folder, measured("(BA)2(MA)Pb2I7"), store=store)
    second = timed("suggest five", "suggest", folder, "--json", store=store)
    print(f"{'these two together':34s} {first[0] + second[0]:7.1f} s wall {first[1] + second[1]:7.1f} s CPU")


if __name__ == "__main__":
    main()
