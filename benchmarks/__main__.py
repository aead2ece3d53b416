"""Run benchmarks by name.

    python -m benchmarks --list
    python -m benchmarks oracle-optimise fit-trace
    python -m benchmarks --all --publish

Each case writes benchmarks/results/NAME.json; --publish brings those into benchmarks/summary.json and rewrites the
README's table, the page and the plot. Where `make bench-env` has made benchmarks/.venv, the cases run there, with the
peers in it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from pathlib import Path

PEERS = Path(__file__).parent / ".venv" / "bin" / "python"


def main() -> None:
    """List, run, publish."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true", help="name the cases and stop")
    parser.add_argument("--all", action="store_true", help="every case but the slow ones")
    parser.add_argument("--publish", action="store_true", help="bring the results into the README and the page")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=float, default=1.0, help="fewer repeats, for trying a case out")
    parser.add_argument("--csv", action="append", default=[], help="finished table: path:column[:max]; repeat")
    asked = parser.parse_args()
    if PEERS.exists() and Path(sys.prefix).resolve() != PEERS.parents[1].resolve() and (asked.names or asked.all):
        os.execv(PEERS, [str(PEERS), "-m", "benchmarks", *sys.argv[1:]])
    # Before a numerical library is loaded: one thread each, so that CPU time can be compared.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    from benchmarks.registry import Setting, chosen, load

    if asked.list or not (asked.names or asked.all or asked.publish):
        for case in load().values():
            print(f"{case.name:20s} {case.question}{' (slow: by name only)' if case.slow else ''}")
        return
    unknown = set(asked.names) - set(load())
    if unknown:
        parser.error(f"no case is called {', '.join(sorted(unknown))}; --list names them")
    warnings.simplefilter("ignore")  # the peers' own; the tests run with warnings as errors
    setting = Setting(asked.seed, asked.scale, tuple(asked.csv))
    for case in chosen(asked.names) if asked.names or asked.all else []:
        _run(case.name, setting)
    if asked.publish:
        from benchmarks.results import publish
        from benchmarks.table import write_all

        load()
        publish()
        write_all()


def _run(name: str, setting: object) -> None:
    from benchmarks.registry import CASES
    from benchmarks.results import record, save

    case = CASES[name]
    print(f"\n{name}: {case.question}", flush=True)
    begin = time.perf_counter()
    result = record(case, case.run(setting), setting, time.perf_counter() - begin)  # type: ignore[arg-type]
    for contender, told in result["summary"].items():
        print(
            f"  {contender:28s} {told['median']:10.4g} {case.unit} ({told['q25']:.3g} to {told['q75']:.3g}), "
            f"{told['ratio']:.3g} times ours ({told['ratio_q25']:.3g} to {told['ratio_q75']:.3g})"
        )
    for contender, ended in result["unfinished"].items():
        print(f"  {contender:28s} {ended['why']}")
    for note in [*result["notes"], *(f"{who} did not take part: {why}" for who, why in result["absent"].items())]:
        print(f"  {note}")
    print(f"  {save(result).name}, {result['stamp']['wall_s']:.0f} s", flush=True)


if __name__ == "__main__":
    main()
