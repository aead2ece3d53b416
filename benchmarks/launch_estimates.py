"""What `launch --dry-run` estimates against what the launch takes, for both kinds of launch, wall seconds and memory.

    python -m benchmarks.launch_estimates [--plain 20 60 180] [--learned 300:40 1000:60 5000:80] [--rounds 1]

Each launch begins with an empty store of descriptors: of virtual spacers that are all computed, and with a learned
oracle, spacers and calculations given. A line a launch; exits 1 where an estimate of time (oracle and learning
together) or of memory is off by more than a factor of 1.5. Estimate and launch follow each other at once, so that both
meet the machine at the same speed as far as it has one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from chemspace.virtual import VirtualSpacers

BOUND = 1.5


def command(*words: str, store: Path) -> tuple[str, float, float]:
    """What a command prints, its wall seconds, and the largest memory (MB) of its processes, one by one."""
    begin = time.perf_counter()
    told = {"SPINSCREEN_ORACLE_STORE": str(store)}
    line = [sys.executable, "-m", "campaigns.cli", *words, "--json"]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | told)
    assert process.stdout is not None
    printed = process.stdout.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"spinscreen {' '.join(words)} ended with {process.returncode}")
    return printed, time.perf_counter() - begin, used.ru_maxrss / 1e3


def compare(spacers: int, budget: int | None, seed: int) -> bool:
    """Print one launch's estimates and truth; whether both hold."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        made = VirtualSpacers(seed=seed).generate(spacers, workers=2)
        (work / "spacers.smi").write_text("".join(f"{cation.smiles}\n" for cation in made))
        words = ["launch", str(work / "made"), "--library", str(work / "spacers.smi"), "--n-layers", "1-3"]
        if budget is not None:
            words += ["--oracle", "learned", "--budget", str(budget)]
        plan = json.loads(command(*words, "--dry-run", store=work / "oracle.db")[0])
        _, seconds, memory = command(*words, store=work / "oracle.db")
    expected = plan["oracle_seconds"] + plan["learning_seconds"]
    times, memories = expected / seconds, plan["memory_mb"] / memory
    kind = "every spacer" if budget is None else f"learned, {budget:,} calculations"
    print(
        f"{spacers:,} spacers, {kind}, {plan['n_compounds']:,} compounds: {expected:.0f} of {seconds:.0f} s "
        f"({plan['oracle_seconds']:.0f} + {plan['learning_seconds']:.0f}), {times:.2f}; {plan['memory_mb']:.0f} of "
        f"{memory:.0f} MB, {memories:.2f}; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    return all(1 / BOUND <= ratio <= BOUND for ratio in (times, memories))


def main() -> None:
    """Every launch asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plain", nargs="*", default=["20", "60", "180"], help="spacers")
    parser.add_argument("--learned", nargs="*", default=["300:40", "1000:60", "5000:80"], help="spacers:calculations")
    parser.add_argument("--rounds", type=int, default=1)
    asked = parser.parse_args()
    held = [
        compare(int(spacers), int(budget) if budget else None, seed)
        for seed in range(asked.rounds)
        for spacers, _, budget in (one.partition(":") for one in [*asked.plain, *asked.learned])
    ]
    raise SystemExit(not all(held))


if __name__ == "__main__":
    main()
