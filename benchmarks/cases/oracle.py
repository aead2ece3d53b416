"""The oracle against the xtb command and ASE on the same cations."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import numpy as np

from benchmarks import oracle_speed
from benchmarks.registry import Outcome, Setting, case
from benchmarks.timing import timed

#: CPU time, so one cation after the other and every contender on it in turn.
CATIONS = 16


@case("oracle-optimise", "Optimising a cation from a force-field geometry, GFN2-xTB", "CPU s", "one cation")
def optimise(setting: Setting) -> Outcome:
    """Ours, the xtb command, and ASE's optimisers on tblite."""
    outcome = Outcome()
    contenders = dict(oracle_speed.optimisers())
    _leave_out(contenders, outcome)
    starts = [oracle_speed.prepare(cation) for cation in oracle_speed.sample(setting.times(CATIONS))]
    oracle_speed.by_spinscreen(starts[0])  # the libraries are loaded before any clock starts
    energies: dict[str, list[float]] = {name: [] for name in contenders}
    outcome.samples = {name: [] for name in contenders}
    for start in starts:
        for name, run in contenders.items():
            end, spent = timed(lambda run=run, start=start: run(start))
            outcome.samples[name].append(spent)
            energies[name].append(oracle_speed.energy(start, end))
    ours = np.array(energies["spinscreen"])
    for name, values in energies.items():
        above = 1e6 * (np.array(values) - ours)
        if name != "spinscreen":
            outcome.notes.append(f"{name} ends {np.median(above):.2f} microhartree above ours in the median")
    return outcome


@case("oracle-smiles", "From SMILES to descriptors with one conformer", "CPU s", "one cation")
def smiles(setting: Setting) -> Outcome:
    """Ours, and the same way with the xtb command as optimiser."""
    outcome = Outcome()
    contenders: dict[str, Callable[..., object]] = {
        "spinscreen": oracle_speed.own_way,
        "xtb --opt tight": oracle_speed.xtb_way,
    }
    _leave_out(contenders, outcome)
    cations = oracle_speed.sample(setting.times(CATIONS))
    oracle_speed.own_way(cations[0])
    outcome.samples = {name: [] for name in contenders}
    for cation in cations:
        for name, run in contenders.items():
            outcome.samples[name].append(timed(lambda run=run, cation=cation: run(cation))[1])
    return outcome


def _leave_out(contenders: dict[str, Callable[..., object]], outcome: Outcome) -> None:
    try:
        import ase  # noqa: F401
    except ImportError:
        for name in [name for name in contenders if name.startswith("ASE")]:
            del contenders[name]
            outcome.absent[name] = "pip install ase"
    if shutil.which("xtb") is None:
        contenders.pop("xtb --opt tight", None)
        outcome.absent["xtb --opt tight"] = "the xtb command is not on this machine"
