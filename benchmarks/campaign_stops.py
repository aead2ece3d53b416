"""Stop commands by Ctrl+C at moments over their whole time: how soon each answers, and in which words.

    python -m benchmarks.campaign_stops [--moments 6] [--commands launch suggest ...] [--campaign FOLDER --store FILE]

A small campaign is made once, or FOLDER is taken with its store of descriptors; every command runs on a copy of its
own, first to its end, then once for each moment, when it gets SIGINT. A line a command: its whole time, the longest
wall seconds from the signal to its end, the moment of that, and the words. Exits 1 where a command fails, an end took
more than two seconds, a command was silent, `serve` was said to go on, or the command that it names (the same, where it
names none), run afterwards, does not end with 0; each fault is told.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.campaign_kills import LIBRARY
from benchmarks.synthetic_traces import Truth, synthetic_map

#: Seconds within which a stopped command answers.
BOUND_S = 2.0
#: Arguments by command: D the campaign's folder, N a new one; the others are in `FILES`.
COMMANDS = {
    "launch": "launch N --library L --n-layers 1,2",
    "launch --from": "launch N --config W --from D",
    "suggest": "suggest D -q 3",
    "suggest --more": "suggest D --more -q 3 --candidates all.parquet",
    "suggest --pool": "suggest --pool P --observed P --target rate --columns x,y",
    "amend": "amend D W --yes",
    "ingest": "ingest D T --suggest 3 --accept-extreme",
    "report": "report D",
    "explain": "explain D (BA)2(MA)Pb2I7",
    "validate": "validate D",
    "replay": "replay D",
    "backtest": "backtest P --target rate --columns x,y --seeds 5",
    "backtest --simulate": "backtest O --target rate --columns x,y --simulate --goal 25 --seeds 5",
    "fit-trace": "fit-trace --sc-map S --cc-map C --window 515 525",
    "oracle describe": "oracle describe L --oracle-store new.db",
    "library virtual": "library virtual new.csv --count 500",
    "check": "check D",
    "backup": "backup D copy.db",
    "log": "log D",
    "recipe": "recipe D (BA)2PbI4",
    "serve": "serve D --port 0",
    "status": "status D",
    "accept": "accept D (BA)2PbI4",
    "export": "export D out.csv",
    "export --format eln": "export D out.eln --format eln",
    "export --format model-card": "export D card.md --format model-card",
    "plugins": "plugins",
    "paper": "paper",
}
#: What the campaign's copy goes through before a command.
BEFORE = {"launch --from": "outcome D (BA)2PbI4 formed"}
#: Files of the arguments: a library, results, a table, the same with candidates, another description, two maps.
FILES = {"L": "L.csv", "T": "T.csv", "P": "P.csv", "O": "O.csv", "W": "W.yaml", "S": "SC.csv", "C": "CC.csv"}


def write_files(work: Path) -> None:
    """Write `FILES` into a folder."""
    (work / "L.csv").write_text(LIBRARY)
    (work / "T.csv").write_text("formula,lifetime_ps\n(BA)2PbI4,0.9\n(PA)2(MA)Pb2I7,1.1\n")
    (work / "W.yaml").write_text("library: L.csv\nspace: {n_layers: 1-3}\n")
    rows = [(x, y, f"{(x - 3) ** 2 + y:g}") for x in range(30) for y in range(20)]
    for name, every in (("P.csv", 1), ("O.csv", 40)):
        cells = (f"{x},{y},{rate if place % every == 0 else ''}" for place, (x, y, rate) in enumerate(rows))
        (work / name).write_text("\n".join(["x,y,rate", *cells]))
    wavelength, delay = np.linspace(500, 560, 61), np.linspace(-2, 20, 120)
    truth = Truth(lifetime_ps=4.0, snr=30.0, height=-1e-3)
    maps = synthetic_map(np.random.default_rng(0), wavelength, delay, truth, peak_nm=525.0)
    for name, each in zip(("SC.csv", "CC.csv"), maps, strict=True):
        lines = [[0.0, *delay], *([w, *line] for w, line in zip(wavelength, each.signal, strict=True))]
        np.savetxt(work / name, np.array(lines), delimiter=",")


def started(words: list[str], work: Path) -> subprocess.Popen[str]:
    """A command in `work`, with a store of descriptors there."""
    env = os.environ | {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(work / "cache")}
    command = [sys.executable, "-m", "campaigns.cli", *words]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=work, env=env, text=True, **pipes)  # type: ignore[call-overload]  # the pipes


def stopped(words: list[str], work: Path, moment: float) -> tuple[float, int, str]:
    """Seconds from the signal to the end, the exit code, and the last line it said."""
    with started(words, work) as process:
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        begin = time.monotonic()
        process.wait()
        seconds = time.monotonic() - begin
        said = process.communicate()[1].strip().splitlines()  # until its last child has ended, too
        return seconds, process.returncode, said[-1] if said else ""


def main() -> None:
    """Print a line a command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=6)
    parser.add_argument("--commands", nargs="*", default=list(COMMANDS), choices=COMMANDS)
    parser.add_argument("--campaign", type=Path, help="one that was launched")
    parser.add_argument("--store", type=Path, help="its oracle store")
    asked, faults = parser.parse_args(), list[str]()
    if asked.store is not None:
        os.environ["SPINSCREEN_ORACLE_STORE"] = str(asked.store.resolve())
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        write_files(work)
        made = asked.campaign or work / "made"
        first = [FILES.get(word, word) for word in COMMANDS["launch"].replace("N", str(made)).split()]
        if asked.campaign is None and started(first, work).wait():
            raise SystemExit("the campaign could not be launched")
        for command in asked.commands:
            slowest, seen = (0.0, 0.0, ""), set[str]()
            whole = 8.0
            for place in range(asked.moments + 1):
                shutil.rmtree(work / "D", ignore_errors=True)
                shutil.rmtree(work / "N", ignore_errors=True)
                shutil.copytree(made, work / "D")
                words = [FILES.get(word, word) for word in COMMANDS[command].split()]
                if command == "launch":
                    shutil.rmtree(work / "cache", ignore_errors=True)
                if command in BEFORE:
                    started(BEFORE[command].split(), work).wait()
                (work / "new.db").unlink(missing_ok=True)
                if place == 0:
                    if command != "serve":
                        begin = time.monotonic()
                        code, whole = started(words, work).wait(), time.monotonic() - begin
                        faults += [f"{command} ended with {code}"] if code else []
                    continue
                moment = whole * (place - 0.5) / asked.moments
                seconds, code, said = stopped(words, work, moment)
                slowest = max(slowest, (seconds, moment, said))
                seen.add(f"{code}: {said}")
                if seconds > BOUND_S or code not in (0, 130) or (code == 130 and not said):
                    faults.append(f"{command}, stopped at {moment:.1f} s: {code} after {seconds:.1f} s: {said}")
                if command == "serve":
                    faults += [f"serve says: {said}"] if "goes on" in said else []
                elif code == 130:
                    named = said.partition("spinscreen ")[2].split() or words
                    code = started(named, work).wait()
                    faults += [f"{' '.join(named)} after {command} was stopped ended with {code}"] if code else []
            print(f"{command}: {whole:.1f} s whole; ended {slowest[0]:.2f} s after the signal at {slowest[1]:.1f} s")
            for line in sorted(seen):
                print(f"    {line}")
    print(*faults, sep="\n")
    raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()
