"""How many of the best compounds a learned oracle finds with a small part of the calculations.

    python -m benchmarks.learned_oracle --make 20000 truth.npz    # the true descriptors, about 25 ms of a core each
    python -m benchmarks.learned_oracle truth.npz
    python -m benchmarks.learned_oracle truth.npz --count 2000 --plan 1000000

    python -m benchmarks.learned_oracle oracle.db --starts 100

The last but one says what a search of 10^6 such spacers costs at most beside its calculations, and the memory it adds,
as the launch says it, from the speed of this machine; the last one how well the force-field geometry that a calculation
starts from tells the dipole, of so many records of an oracle's store, computed by the default protocol.

The space: every spacer of the table with methylammonium and formamidinium, one to three layers. The list: its 100 best
compounds by log expected improvement, by the shipped surrogate on the measured rows, all with true descriptors. True
means: of virtual spacers of 4 to 11 heavy atoms, by one GFN2-xTB single point at one force-field geometry, which is
cheap enough for 10^5 (`--make 100000`, 40 core-minutes) and noisier than what campaigns compute.

Contenders, each with the same number of calculations: random spacers; greedy, which is our model and rounds without the
spread of the predictions; MolPAL's recipe (Chem. Sci. 2021, 12, 7866, doi 10.1039/d0sc06805e): 1% at random, then twice
the best 1% by a random forest of its defaults, on its fingerprint of atom pairs, that predicts the value of a spacer's
best compound, by the mean (greedy) or by the mean + 2 standard deviations (UCB).
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.timing import cpu_seconds
from campaigns.config import CampaignConfig
from campaigns.training import fit, measured_dataset, training_set, validate
from chemspace import Cation, CationLibrary, CompoundSpace
from chemspace.virtual import HeavyAtoms, VirtualSpacers, default_filters
from oracle import CationRecord, OracleStore, Protocol
from oracle.descriptors import CationTable
from screening.dataset import SpinDataset
from screening.devices import cores
from screening.learned_oracle import (
    REACH,
    Known,
    SearchPlan,
    SpacerFeatures,
    StartShapes,
    first_spacers,
    plan_round,
    spacer_features,
)
from screening.ranking import Candidates, PassSettings, rank
from screening.ranking.candidates import Pass, SinglePrecision, subset
from screening.ranking.rank import estimate_pass

TOP, SHARE = 100, 0.03
Array = NDArray[np.float64]
#: One embedded geometry, relaxed by the force field alone.
PROTOCOL = Protocol(accuracy=1.0, conformer_search="embedded", n_conformers=1, n_optimised=1, stretch=0.0)
FIELDS = (
    "molar_mass_g_mol", "electronegativity", "polarizability_bohr3", "dipole_debye", "homo_ev", "lumo_ev",
    "gap_ev", "radius_angstrom",
)  # fmt: skip


def listed(count: int) -> list[Cation]:
    """The organic cations of what is measured, the cages, and `count` virtual spacers in an order without meaning."""
    measured = {c for compound in SpinDataset.published().compounds if compound for c, _ in compound.cation_counts}
    known = [c for c in (*measured, *CationLibrary.builtin().cages) if c.is_organic]
    filters = (HeavyAtoms(4, 11), *default_filters()[1:])
    made = list(VirtualSpacers(seed=7, filters=filters).generate(count, workers=os.cpu_count() or 1))
    order = np.random.default_rng(1).permutation(len(made))
    return list(dict.fromkeys([*sorted(known, key=str), *(made[int(i)] for i in order)]))


def true_descriptors(cation: Cation) -> tuple[float, ...]:
    """`FIELDS` of a cation at one force-field geometry; all NaN where it fails."""
    from oracle.compute import build_molecule, start_geometries
    from oracle.engines.base import (
        ANGSTROM_PER_BOHR,
        DEBYE_PER_E_BOHR,
        EV_PER_HARTREE,
        atomic_masses,
        mean_electronegativity,
    )
    from oracle.engines.registry import open_tools
    from oracle.errors import OracleError

    tools = open_tools(PROTOCOL)
    try:
        mol = build_molecule(cation.smiles)
        numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()], dtype=np.int64)
        masses, positions = atomic_masses(numbers), start_geometries(mol, PROTOCOL, 1).positions[0]
        positions = positions - masses @ positions / masses.sum()
        point = tools.properties.single_point(numbers, positions, cation.charge)
    except OracleError:
        return (np.nan,) * len(FIELDS)
    extent = np.linalg.norm(positions[:, None] - positions[None], axis=-1).max()
    return (
        float(masses.sum()),
        mean_electronegativity(numbers),
        tools.polarizability(numbers, positions, cation.charge),
        float(np.linalg.norm(point.dipole)) * DEBYE_PER_E_BOHR,
        point.homo * EV_PER_HARTREE,
        point.lumo * EV_PER_HARTREE,
        (point.lumo - point.homo) * EV_PER_HARTREE,
        0.5 * float(extent) * ANGSTROM_PER_BOHR,
    )


def make(path: Path, count: int) -> None:
    """Compute the table, kept every 2,000 cations; a table that was begun goes on, and may be used as far as it is."""
    cations, values = listed(count), np.empty((0, len(FIELDS)))
    if path.exists():
        begun = np.load(path)
        values = begun["values"]
        if begun["smiles"].tolist() != [cation.smiles for cation in cations[: len(values)]]:
            raise SystemExit(f"{path} is no part of a table of {count:,} spacers")
    with ProcessPoolExecutor(os.cpu_count() or 1) as pool:
        while len(values) < len(cations):
            some = cations[len(values) : len(values) + 2000]
            values = np.vstack([values, [*pool.map(true_descriptors, some, chunksize=50)]])
            write(path, cations[: len(values)], values)
            print(f"{len(values):,} of {len(cations):,}", flush=True)


def write(path: Path, cations: Sequence[Cation], values: Array) -> None:
    """The table as a file, written whole."""
    part = path.with_suffix(".part.npz")
    np.savez_compressed(
        part,
        smiles=np.array([cation.smiles for cation in cations]),
        inchikey=np.array([cation.inchikey for cation in cations]),
        charge=np.array([cation.charge for cation in cations]),
        values=values,
    )
    part.replace(path)


def read(path: Path, count: int | None) -> tuple[Candidates, Array]:
    """The compounds with true descriptors and the surrogate, and the value of each spacer's best compound, (m,)."""
    held = np.load(path)
    rows = zip(held["smiles"].tolist(), held["charge"].tolist(), held["inchikey"].tolist(), strict=True)
    cations = [Cation(smiles, charge, key, key.replace("-", "")) for smiles, charge, key in rows]
    known = CationLibrary.builtin()
    records = [
        CationRecord(c.inchikey, c.smiles, c.charge, "ok" if np.isfinite(row).all() else "failed", "", "", *row)
        for c, row in zip(cations, held["values"].tolist(), strict=True)
    ]
    by_key, config = {record.inchikey: record for record in records}, CampaignConfig()
    training = training_set(measured_dataset((), known), by_key, config)
    surrogate = fit(training, config, validate(training, config))
    places = [i for i, c in enumerate(cations) if c not in known][:count]
    space = CompoundSpace(tuple(cations[i] for i in places), (known["MA"], known["FA"]), (1, 2, 3))
    table = CationTable.from_records(space.spacers, [records[i] for i in places])
    cages = CationTable.from_records(space.cage_cations, records)
    candidates = Candidates(space, table, cages, surrogate, training.best_inside(space))
    best = np.full(len(places), -np.inf)
    for block in space.blocks(65536):
        x = candidates.features(block)
        whole = np.flatnonzero(np.isfinite(x).all(axis=1))
        own = subset(block, whole)
        np.maximum.at(best, own.spacer, candidates.values(surrogate, x[whole], own))
    return candidates, best


def learned(
    candidates: Candidates,
    features: SpacerFeatures,
    shapes: StartShapes,
    budget: int,
    seed: int,
    *,
    spread: bool = True,
) -> Iterator[tuple[NDArray[np.bool_], float]]:
    """What a learned oracle has computed after each round, and the places of the list that it takes to be open."""
    truth = candidates.spacer_table
    computed = np.zeros(len(features), dtype=np.bool_)
    charges = np.array([spacer.charge for spacer in candidates.space.spacers])
    computed[first_spacers(computed, charges, budget, seed)] = True
    for number in range(1, 100):
        known = Known(features, computed, shapes)
        table = CationTable(np.where(computed[:, None], truth.values, np.nan), truth.organic)
        own, left = replace(candidates, spacer_table=table), budget - int(computed.sum())
        choice = plan_round(own, known, budget, left, (seed, number), PassSettings(single_precision=True), spread)
        yield computed.copy(), choice.open_places
        if not len(choice.spacers) or (spread and choice.is_stable):
            return
        computed[choice.spacers] = True


def plan(candidates: Candidates, count: int, share: float) -> None:
    """Print what a search among `count` spacers like these costs at most."""
    smiles = [spacer.smiles for spacer in candidates.space.spacers]
    times = -(-count // len(smiles))
    work = Pass(candidates, SinglePrecision(candidates.surrogate), None, 2 * REACH, 16384)
    a_pass = estimate_pass(work, cores()).seconds * times
    search = SearchPlan(count, 0, int(share * count))
    seconds, memory = search.cost((smiles * times)[:count], a_pass, len(candidates.space) * times, PROTOCOL)
    print(f"{count:,} spacers: {search.budget:,} calculations in {search.n_rounds} rounds at most, ", end="")
    print(f"beside them {seconds / 3600:.2f} h ({a_pass:.0f} s a pass) and adds {memory:,.0f} MB")


def starts(store: Path, count: int) -> None:
    """Print how the dipoles of records go with those of Gasteiger's charges at the geometry that each started from."""
    with OracleStore(store) as held:
        found = held.get_many([cation.inchikey for cation in CationLibrary.builtin()], Protocol()).values()
    records = sorted((one for one in found if one.status == "ok"), key=lambda one: one.inchikey)
    records = [records[int(i)] for i in np.random.default_rng(0).permutation(len(records))[:count]]
    begin = time.process_time()
    told = StartShapes(Protocol())([one.smiles for one in records])[:, 1] ** 2
    print(f"{(time.process_time() - begin) / len(records) * 1e3:.0f} CPU ms an ion")
    for charge in (1, 2):
        rows = [i for i, one in enumerate(records) if one.charge == charge]
        both = np.corrcoef(told[rows], [records[i].dipole_debye for i in rows])[0, 1]
        print(f"{len(rows)} ions of charge {charge}: dipoles correlate {both:.3f}")


def molpal(value: Array, bits: NDArray[np.uint8], budget: int, seed: int, beta: float) -> NDArray[np.bool_]:
    """What MolPAL's recipe has computed."""
    from sklearn.ensemble import RandomForestRegressor

    computed, size = np.zeros(len(value), dtype=np.bool_), budget // 3
    computed[np.random.default_rng(seed).choice(len(value), size, replace=False)] = True
    while left := budget - int(computed.sum()):
        rows = np.flatnonzero(computed & np.isfinite(value))
        forest = RandomForestRegressor(100, max_depth=8, random_state=seed).fit(bits[rows], value[rows])
        told = np.array([tree.predict(bits) for tree in forest.estimators_])
        score = told.mean(axis=0) + beta * told.std(axis=0)
        score[computed] = -np.inf
        computed[np.argsort(-score)[: min(left, size)]] = True
    return computed


def atom_pairs(smiles: Sequence[str]) -> NDArray[np.uint8]:
    """MolPAL's fingerprint: pairs of atoms one to three bonds apart, 2048 bits, shape (m, 2048)."""
    from rdkit import Chem
    from rdkit.Chem.rdFingerprintGenerator import GetAtomPairGenerator

    generator = GetAtomPairGenerator(minDistance=1, maxDistance=3, fpSize=2048)
    return np.array([generator.GetFingerprintAsNumPy(Chem.MolFromSmiles(s)) for s in smiles], dtype=np.uint8)


def main() -> None:
    """Make the table, or run and print."""
    parser = argparse.ArgumentParser(description="How many of the best compounds a learned oracle finds.")
    parser.add_argument("table", type=Path)
    parser.add_argument("--make", type=int, help="compute the table of so many virtual spacers")
    parser.add_argument("--count", type=int, help="take so many spacers of the table")
    parser.add_argument("--share", type=float, default=SHARE, help="of the spacers that may be computed")
    parser.add_argument("--plan", type=int, help="the cost of a search among so many spacers, and nothing else")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help="the learned oracle without the other contenders")
    parser.add_argument("--starts", type=int, help="start geometries against so many records, the table being a store")
    asked = parser.parse_args()
    if asked.starts is not None:
        starts(asked.table, asked.starts)
        return
    if asked.make is not None:
        make(asked.table, asked.make)
        return
    candidates, value = read(asked.table, asked.count)
    if asked.plan is not None:
        plan(candidates, asked.plan, asked.share)
        return
    smiles, budget = [c.smiles for c in candidates.space.spacers], int(asked.share * len(value))
    holders, spacers = rank(candidates, TOP).spacer, np.argsort(-value)[:TOP]
    n_failed = int(np.isinf(value).sum())
    print(f"{len(candidates.space):,} compounds of {len(value):,} spacers, {n_failed} of them failed")
    print(f"{budget:,} calculations; the {TOP} best compounds are of {len(set(holders.tolist()))} spacers", flush=True)
    begin = cpu_seconds()
    features, shapes = spacer_features(smiles, cores()), StartShapes(PROTOCOL, cores())
    print(f"features: {(cpu_seconds() - begin) / len(smiles) * 1e3:.2f} CPU ms a spacer", flush=True)

    def told(name: str, computed: NDArray[np.bool_], note: str = "") -> None:
        found = f"{computed[holders].mean():6.1%} of the {TOP} best compounds, {computed[spacers].mean():6.1%} of the "
        print(f"{name:26s} {computed.sum():6,} computed: {found}{TOP} best spacers{note}", flush=True)

    bits = None if asked.alone else atom_pairs(smiles)
    for seed in range(asked.seeds):
        begin = cpu_seconds()
        for computed, open_places in learned(candidates, features, shapes, budget, seed):
            told(f"  learned oracle, seed {seed}", computed, f"; takes {open_places:.1f} places for open")
        told(
            f"learned oracle, seed {seed}",
            computed,
            f" ({cpu_seconds() - begin:.0f} CPU s, {len(shapes.known)} start geometries so far)",
        )
        if bits is not None:
            *_, (computed, _) = learned(candidates, features, shapes, budget, seed, spread=False)
            told(f"greedy, seed {seed}", computed)
            for beta, name in ((0.0, "greedy"), (2.0, "UCB")):
                told(f"MolPAL {name}, seed {seed}", molpal(value, bits, budget, seed, beta))
            computed = np.zeros(len(value), dtype=np.bool_)
            computed[np.random.default_rng(seed).choice(len(value), budget, replace=False)] = True
            told(f"random, seed {seed}", computed)
    print(f"largest memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
