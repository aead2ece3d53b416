"""Sixty synthetic traces and what `spinscreen fit-trace` makes of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tests.golden.commands import FIXED, GOLDEN, Commands

__all__ = ["FITTED", "TRACES", "draw_traces", "fits"]

TRACES = GOLDEN / "fits" / "traces.npz"
#: What is kept of a fit.
FITTED = ("model", "is_upper_bound", "lifetime_ps", "lifetime_low_ps", "lifetime_high_ps", "systematic_interval_ps")
#: Written once with 0.1.0: response 0.15 ps, both grids, SNR 5 to 50, time zero within 0.2 ps, lifetimes 0.05 to 40 ps
#: with the response given, fitted, over an offset, before a plateau, and ones that are hidden by the response.
_DRAW = """
import sys
import numpy as np
from campaigns.kinetics.synthetic import delay_grid, synthetic_trace

rng, kept = np.random.default_rng(60), {}
kinds = [({}, 0.05, 40.0, 0.15)] * 24 + [({}, 0.2, 40.0, 0.0)] * 12 + [({"offset": 0.05}, 0.1, 40.0, 0.15)] * 8
kinds += [({"plateau": 0.1}, 0.1, 40.0, 0.15)] * 8 + [({}, 0.004, 0.05, 0.15)] * 8
for at, (extra, low, high, fwhm) in enumerate(kinds):
    lifetime, snr = np.exp(rng.uniform(np.log(low), np.log(high))), np.exp(rng.uniform(np.log(5), np.log(50)))
    delay = delay_grid(("linear", "log")[at % 2], int(rng.integers(90, 140)), lifetime)
    zero = float(rng.uniform(-0.2, 0.2))
    trace = synthetic_trace(rng, delay, lifetime, snr, irf_fwhm_ps=0.15, time_zero_ps=zero, **extra)
    kept[f"{at:02d}"] = np.column_stack([trace.delay_ps, trace.sc, trace.cc]).astype(np.float32)
    kept[f"{at:02d}_irf_fwhm"] = np.float32(fwhm)
np.savez_compressed(sys.argv[1], **kept)
"""


def draw_traces(code: Path) -> None:
    """Write the traces with the synthetic kinetics of a checkout."""
    TRACES.parent.mkdir(exist_ok=True)
    environment = os.environ | FIXED | {"PYTHONPATH": str(code)}
    subprocess.run([sys.executable, "-P", "-c", _DRAW, str(TRACES)], check=True, env=environment)


def fits(run: Commands) -> dict[str, dict[str, Any]]:
    """Model, bound flag, lifetime and interval of each trace by its number; what is said where a trace is refused."""
    found: dict[str, dict[str, Any]] = {}
    with np.load(TRACES) as traces:
        for name in (name for name in traces.files if not name.endswith("_irf_fwhm")):
            file, fwhm = run.folder / f"{name}.csv", float(traces[f"{name}_irf_fwhm"])
            np.savetxt(file, traces[name], fmt="%.7g", delimiter=",", header="delay_ps,sc,cc", comments="")
            given = ("--irf-fwhm", "0.15") if fwhm else ()
            answer = run("fit-trace", "--trace", file.name, *given, "--json", code=None)
            found[name] = {"code": answer.code}
            found[name] |= {"refused": answer.err} if answer.code else {key: answer.json[key] for key in FITTED}
    return found
