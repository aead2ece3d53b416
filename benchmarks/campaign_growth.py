"""What one ingest and one suggestion cost as results and open suggestions grow, with the default engine.

    python -m benchmarks.campaign_growth [--rows 50 150 500 1000] [--awaited 5 500] [--surrogate NAME]

The campaign is the one of `spinscreen launch demo`; descriptors come from the oracle's store, and what is not there is
computed first. Lifetimes of compounds drawn from its space (shorter with n, longer with the spacer's radius, 0.1
decades of scatter) are recorded without training until so many rows are known; then `spinscreen ingest` of one crystal
more runs: recording, validation, fit, ranking and batch. For `--awaited`, so many compounds are accepted when
`spinscreen suggest --more` runs. Every command in a process of its own with one thread: CPU seconds and peak memory,
imports included.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from campaigns import Campaign, CampaignConfig

_COMMAND = """
import resource, sys
from pathlib import Path
mark = Path(sys.argv.pop())
from campaigns.cli import main
try:
    main()
finally:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
    mark.write_text(f"{spent.ru_utime + spent.ru_stime} {int(peak) * 1024e-9}")
"""


def crystals(campaign: Campaign, count: int, seed: int) -> str:
    """A table of made-up results, one crystal each of so many compounds of the space."""
    rng, records = np.random.default_rng(seed), campaign.records()
    rows = ["formula,lifetime_ps,sample"]
    for number, place in enumerate(rng.choice(len(campaign.space), count, replace=False)):
        compound = campaign.space[int(place)]
        radius = 0.0 if compound.spacer is None else records[compound.spacer.inchikey].radius_angstrom
        log_tau = 0.5 - 0.5 * np.log10(compound.n_layers or 1) + 0.1 * (radius - 3.0) + 0.1 * rng.standard_normal()
        rows.append(f'"{compound.formula}",{10**log_tau:.4f},g{seed}-{number}')
    return "\n".join(rows) + "\n"


def spent(work: Path, *arguments: str, tree: Path | None = None, **environment: str) -> tuple[float, float]:
    """CPU seconds and peak memory (10^9 bytes) of one command, of the checkout `tree` where one is given; modules are
    compiled once, as in an installation."""
    mark, own = work / "spent", {**os.environ, "OMP_NUM_THREADS": "1", **environment, "PYTHONDONTWRITEBYTECODE": ""}
    if tree is not None:
        own["PYTHONPATH"] = str(tree)
    command = [sys.executable, "-c", _COMMAND, *arguments, str(mark)]
    done = subprocess.run(command, capture_output=True, text=True, env=own, cwd=tree)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    seconds, memory = mark.read_text().split()
    return float(seconds), float(memory)


def after_rows(launched: Path, work: Path, rows: int) -> tuple[float, float]:
    """One crystal is taken in where `rows` are known."""
    folder, table = Path(shutil.copytree(launched, work / f"rows{rows}")), work / "results.csv"
    with Campaign.open(folder) as campaign:
        missing = rows - len(campaign.dataset().table)
        if missing > 0:
            table.write_text(crystals(campaign, missing, 0))
            campaign.ingest(table, accept_extreme=True)
        table.write_text(crystals(campaign, 1, 1))
    return spent(work, "ingest", str(folder), str(table), "--accept-extreme", "--yes")


def while_awaited(launched: Path, work: Path, awaited: int) -> tuple[float, float]:
    """A batch is suggested while the results of `awaited` compounds are."""
    folder = Path(shutil.copytree(launched, work / f"awaited{awaited}"))
    with Campaign.open(folder) as campaign:
        for place in np.random.default_rng(0).choice(len(campaign.space), awaited, replace=False):
            campaign.step(campaign.space[int(place)].formula, "accepted")
    return spent(work, "suggest", str(folder), "--more")


def main() -> None:
    """Launch, then print a line a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[50, 150, 500, 1000])
    parser.add_argument("--awaited", type=int, nargs="*", default=[5, 500])
    parser.add_argument("--surrogate", help="of the campaign; default: that of new campaigns")
    asked = parser.parse_args()
    sections = {"surrogate": asked.surrogate} if asked.surrogate else {}
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        with Campaign.create(work / "launched", CampaignConfig.parse(sections)) as campaign:
            campaign.describe()
            campaign.suggest()
            print(f"{campaign.config.surrogate}, {len(campaign.space):,} compounds; CPU s and GB of a command")
        for measure, sizes, words in (
            (after_rows, asked.rows, "rows known, one more is ingested"),
            (while_awaited, asked.awaited, "compounds awaited, others are suggested"),
        ):
            for size in sizes:
                seconds, memory = measure(work / "launched", work, size)
                print(f"{size:5} {words}: {seconds:6.1f} CPU s, {memory:.2f} GB", flush=True)


if __name__ == "__main__":
    main()
