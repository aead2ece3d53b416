"""Small campaigns in whose logs every kind of event stands, made through the command line alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.golden.commands import Commands

__all__ = ["ACQUISITIONS", "CAMPAIGNS", "acquisition_description", "write_inputs"]

CATIONS = """abbreviation,smiles,role,name
PEA,[NH3+]CCc1ccccc1,spacer,phenethylammonium
BA,CCCC[NH3+],spacer,butylammonium
PA,CCC[NH3+],spacer,propylammonium
EOA,OCC[NH3+],spacer,ethanolammonium
4AMP,[NH3+]CC1CC[NH2+]CC1,spacer,4-(aminomethyl)piperidinium
BDA,[NH3+]CCCC[NH3+],spacer,butane-1.4-diammonium
PDA,[NH3+]CCC[NH3+],spacer,propane-1.3-diammonium
MA,C[NH3+],cage,methylammonium
FA,NC=[NH2+],cage,formamidinium
XX,CC(=O)C,spacer,no ammonium
"""
#: A second library, of neutral amines.
AMINES = "NCCCN PDA\nCCCN PA\nCCCCCN C5A\n"
PRICES = """cation,per_mol,days,hazards
PEA,40,5,
BA,5,2,H225 H314
PA,8,3,H225
EOA,6,2,
BDA,60,14,
PDA,45,7,
4AMP,300,30,H300
MA,12,2,
FA,9,2,
"""
GAPS = """compound,value,error
(PEA)2PbI4,2.38,0.01
(BA)2PbI4,2.43,0.02
(BA)2(MA)Pb2I7,2.17,
(BA)2(MA)2Pb3I10,2.03,
(PEA)2(MA)Pb2I7,2.15,0.02
(PEA)2(FA)Pb2I7,2.12,
(BDA)PbI4,2.37,0.01
(PDA)PbI4,2.34,
(PA)2PbI4,2.45,0.03
(4AMP)PbI4,2.32,
"""
MORE_GAPS = "compound,Eg,error,sample\n(EOA)2PbI4,2.30,0.02,G1\n(BDA)(MA)Pb2I7,2.11,,G2\n(PA)2(MA)Pb2I7,2.19,,\n"
LEAD_RESULTS = """formula,lifetime_ps,lifetime_stderr_ps,sample,source,temperature_k,technique,note
(BDA)PbI4,6.2,0.4,K1,our lab,295,TA,first crystal
(BDA)PbI4,5.8,0.5,K2,our lab,295,TA,
(PA)2PbI4,<0.3,,K3,,,,below the response
(EOA)2(FA)Pb2I7,4.4,,K4,,,,
"""
LAB_RESULTS = """Compound;tau (fs);err;Crystal
(PA)2PbI4;410;30;L1
(BA)2(MA)2Pb3I10;2100;;L2
(XX)2PbI4;300;;L3
(BDA)(MA)Pb2I7;3.3e3;200;L4
"""
LAB_HALVES = """formula,lifetime_ps,convention,is_upper_bound,sample
(PDA)(FA)Pb2I7,2.0,half-life,no,L5
(EOA)2(MA)Pb2I7,0.2,tau,yes,L6
"""
#: What the tests ingest into a copy.
FURTHER = "formula,lifetime_ps,lifetime_stderr_ps,sample\n(PDA)PbI4,3.9,0.3,F1\n(PEA)2(FA)2Pb3I10,<0.4,,F2\n"

LAB = """library: cations.csv
space:
  n_layers: 1-3
  cages: [MA, FA]
  constraints:
    - heavy_atoms: {most: 12}
    - allowed_pairs: {pairs: [[BA, FA]], forbidden: true}
objective: {goal_lifetime_ps: 20}
surrogate: gp
acquisition: log_ei
budget: {batch_size: 3, max_per_spacer: 2, min_distance: 0.05, max_cost: 500, max_days: 30, mass_g: 0.5,
         refused_hazards: [H300]}
prices: prices.csv
properties:
  band_gap_ev: {table: gaps.csv}
seed: 3
"""
TRADEOFF = """library: cations.csv
space: {n_layers: [1, 2]}
objective:
  goal_lifetime_ps: 1
  tradeoff: {price: 200, feasibility: 0.2, novelty: 0}
surrogate: gp
acquisition: qlog_nehvi
budget: {batch_size: 2}
prices: {PEA: {per_mol: 40, days: 5}, BA: {per_mol: 5}, PA: {per_mol: 8}, BDA: {per_mol: 20}, PDA: {per_mol: 30},
         MA: {per_mol: 10}, FA: {per_mol: 12}}
properties:
  band_gap_ev: {table: gaps.csv}
"""
WISHES = """libraries: [cations.csv]
space: {n_layers: 1-3, cages: [MA]}
objective:
  wishes:
    - {column: lifetime_ps, useless: 0.5, perfect: 10, weight: 2}
    - {column: price, useless: 200, perfect: 10}
    - {column: novelty, useless: 0, perfect: 2, weight: 0.5}
    - {column: feasibility, useless: 0.1, perfect: 0.9}
    - {column: band_gap_ev, useless: 2.5, perfect: 1.9}
surrogate: gp
budget: {batch_size: 4}
prices: prices.csv
properties:
  band_gap_ev: {table: gaps.csv}
"""
TIN = """libraries: [cations.csv, amines.smi]
dications: true
space:
  n_layers: [1, 2]
  b_sites: [Pb, Sn]
  halides: [I, Br]
  halide_mixtures: [{I: 0.75, Br: 0.25}]
  cages: [MA]
  cage_mixtures: [{Cs: 0.1, FA: 0.9}]
oracle: {n_conformers: 2}
surrogate: linear
include_flagged: true
acquisition: random
budget: {batch_size: 4, max_cost: 300}
prices: prices.csv
seed: 11
"""
#: Every word that a description knows for what is ranked by, wishes apart.
ACQUISITIONS = (
    "auto", "log_ei", "log_pi", "lcb", "greedy", "max_variance", "qlog_nei", "qnipv", "thompson", "qlog_nehvi",
    "random",
)  # fmt: skip


def acquisition_description(name: str) -> str:
    """A campaign that ranks by the acquisition of this name."""
    gaps = "properties: {band_gap_ev: {table: gaps.csv, goal: maximize}}\n" if name == "qlog_nehvi" else ""
    return f"""library: cations.csv
edition: 1
space: {{n_layers: 1-3}}
surrogate: gp
acquisition: {name}
budget: {{batch_size: 3}}
seed: 2
{gaps}"""


def write_inputs(folder: Path) -> None:
    """Write the files that people hand in."""
    texts = {
        "cations.csv": CATIONS,
        "amines.smi": AMINES,
        "prices.csv": PRICES,
        "gaps.csv": GAPS,
        "more_gaps.csv": MORE_GAPS,
        "lead_results.csv": LEAD_RESULTS,
        "lab_results.csv": LAB_RESULTS,
        "lab_halves.csv": LAB_HALVES,
        "further.csv": FURTHER,
        "lab.yaml": LAB,
        "tradeoff.yaml": TRADEOFF,
        "wishes.yaml": WISHES,
        "tin.yaml": TIN,
    } | {f"{name}.yaml": acquisition_description(name) for name in ACQUISITIONS}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    _write_kinetics(folder)


def _write_kinetics(folder: Path) -> None:
    """SC and CC of a decay of 2 ps, of one that is too fast to be seen, and maps of one of 1.5 ps."""
    rng = np.random.default_rng(20)
    delay = np.concatenate([np.linspace(-1.0, 1.0, 50, endpoint=False), np.geomspace(1.0, 12.0, 40)])

    fine = np.arange(-3.0, 13.0, 0.005)

    def decay(lifetime_ps: float) -> NDArray[np.float64]:
        """A step that decays, seen through a response of 0.15 ps, of height 1."""
        sharp = (fine > 0) * np.exp(-np.clip(fine, 0.0, None) / lifetime_ps)
        response = np.exp(-0.5 * (np.arange(-0.3, 0.3, 0.005) / (0.15 / 2.3548)) ** 2)
        seen = np.convolve(sharp, response, mode="same")
        return np.asarray(np.interp(delay, fine, seen / seen.max()))

    def write(name: str, columns: list[NDArray[np.float64]], header: str) -> None:
        np.savetxt(folder / name, np.column_stack(columns), fmt="%.5g", delimiter=",", header=header, comments="")

    for name, lifetime_ps in (("slow", 2.0), ("fast", 0.01)):
        for polarisation, sign in (("sc", 0.5), ("cc", -0.5)):
            signal = 2.0 + sign * decay(lifetime_ps) + rng.normal(0, 0.02, len(delay))
            write(f"{name}_{polarisation}.csv", [delay, signal], "delay_ps,signal")
    both = [2.0 + sign * decay(4.0) + rng.normal(0, 0.02, len(delay)) for sign in (0.5, -0.5)]
    write("both.csv", [delay, *both], "delay_ps,sc,cc")
    wavelength = np.linspace(500.0, 540.0, 21)
    bleach = -np.exp(-0.5 * ((wavelength - 520.0) / 6.0) ** 2)
    for polarisation, sign in (("sc", 0.5), ("cc", -0.5)):
        after = np.where(delay > 0, 1.0, 0.0)
        kinetics = after * np.exp(-np.clip(delay, 0, None) / 300.0) + sign * decay(1.5)
        signal = bleach[:, None] * kinetics[None, :] + rng.normal(0, 0.01, (len(wavelength), len(delay)))
        rows = [",".join(["0", *(f"{value:.4g}" for value in delay)])]
        rows += [
            ",".join([f"{place:g}", *(f"{value:.4f}" for value in row)])
            for place, row in zip(wavelength, signal, strict=True)
        ]
        (folder / f"map_{polarisation}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def lead(run: Commands) -> None:
    """All by default: the shipped surrogate, the acquisition by its score card; a table, two rounds."""
    run("launch", "lead", "--library", "cations.csv", "--n-layers", "1-5")
    first, second, *_ = run("suggest", "lead", "--json").json
    run("accept", "lead", first["formula"])
    run("decline", "lead", second["formula"], "--reason", "not handled here")
    run("ingest", "lead", "lead_results.csv", "--yes")
    run("suggest", "lead", "-q", "3")


def lab(run: Commands) -> None:
    """Every step of a compound's life, every way in for a result, every way back, further rounds."""
    run("launch", "lab", "--config", "lab.yaml")
    formulas = [each["formula"] for each in run("suggest", "lab", "--json").json]
    run("accept", "lab", formulas[0], "--reason", "cheap")
    run("outcome", "lab", formulas[0], "in synthesis")
    run("decline", "lab", formulas[1], "--reason", "not handled here")
    run("suggest", "lab", "--more", "-q", "2")
    run("outcome", "lab", formulas[2], "stale")
    run("outcome", "lab", formulas[0], "formed")
    run("outcome", "lab", "(PEA)2(MA)2Pb3I10", "formed", "--made", "(PEA)2(MA)Pb2I7", "--reason", "XRD")
    run("outcome", "lab", "(PEA)2(FA)Pb2I7", "mixed phases", "--reason", "n = 1 and 3 in XRD")
    run("outcome", "lab", "(EOA)2(MA)2Pb3I10", "other dimensionality")
    run("outcome", "lab", "(EOA)2PbI4", "not formed")
    run("outcome", "lab", "(PA)2(FA)2Pb3I10", "decomposed")
    run("outcome", "lab", "(PA)2(FA)Pb2I7", "not measurable", "--reason", "too thin")
    run("outcome", "lab", "(BDA)(FA)2Pb3I10", "abandoned", "--reason", "the precursor never came")
    columns = ("--map", "formula=Compound", "--map", "lifetime=tau (fs)", "--map", "lifetime_stderr=err")
    run("ingest", "lab", "lab_results.csv", *columns, "--map", "sample=Crystal", "--unit", "fs", "--keep-going")
    run("suggest", "lab")
    run("ingest", "lab", "lab_halves.csv", "--yes")
    slow = ("--sc", "slow_sc.csv", "--cc", "slow_cc.csv", "--irf-fwhm", "0.15")
    run("ingest", "lab", "--formula", "(PDA)PbI4", "--sample", "T1", *slow)
    run(
        "ingest", "lab", "--formula", "(PA)2(MA)Pb2I7", "--sc", "fast_sc.csv", "--cc", "fast_cc.csv", "--irf-fwhm", 0.15
    )
    run("ingest", "lab", "--formula", "(PEA)2PbI4", "--trace", "both.csv")
    maps = ("--sc-map", "map_sc.csv", "--cc-map", "map_cc.csv", "--window", "515", "525", "--irf-fwhm", "0.15")
    run("ingest", "lab", "--formula", "(BDA)PbI4", *maps, "--sample", "M1")
    run("retract", "lab", "2", "--reason", "pump power was wrong")
    run("ingest", "lab", "more_gaps.csv", "--property", "band_gap_ev", "--map", "value=Eg")
    run("retract", "lab", "11", "--property", "band_gap_ev", "--reason", "wrong crystal")
    run("retract", "lab", "4", "--property", "band_gap_ev", "--reason", "read off wrongly")
    run("suggest", "lab")
    run("suggest", "lab", "--seed", "7", "-q", "2")


def tradeoff(run: Commands) -> None:
    """Rate, price, chance to form and novelty traded off; two rounds."""
    run("launch", "tradeoff", "--config", "tradeoff.yaml")
    run("ingest", "tradeoff", "lead_results.csv", "--yes", "--suggest", "1")


def wishes(run: Commands) -> None:
    """Five wishes at once; a value of the property that came in."""
    run("launch", "wishes", "--config", "wishes.yaml")
    run("ingest", "wishes", "more_gaps.csv", "--property", "band_gap_ev", "--map", "value=Eg", "--suggest", "2")


def tin(run: Commands) -> None:
    """Drawn at random; two libraries, tin, mixtures, another protocol of the oracle, the flagged rows too."""
    run("launch", "tin", "--config", "tin.yaml")
    run("ingest", "tin", "lead_results.csv", "--yes")
    run("suggest", "tin", "-q", "2")


CAMPAIGNS: dict[str, Callable[[Commands], None]] = {
    "lead": lead,
    "lab": lab,
    "tradeoff": tradeoff,
    "wishes": wishes,
    "tin": tin,
}
