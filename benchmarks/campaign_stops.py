"""Stop commands by Ctrl+C at moments over their whole time: how soon each answers, and in which words.

    python -m benchmarks.campaign_stops [--moments 6] [--commands launch suggest ...]

A small campaign is made once; every command runs on a copy of its own, first to its end, then once for each moment,
when it gets SIGINT. A line a command: its whole time, the longest wall seconds from the signal to its end, the moment
of that, and the words. Exits 1 where an end took more than two seconds, a command was silent, or the same command, run
again, does not end with 0.
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

from benchmarks.campaign_kills import LIBRARY

#: Seconds within which a stopped command answers.
BOUND_S = 2.0
#: Arguments by command: D the campaign's folder, N a new one, T a table of results, L a library.
COMMANDS = {
    "launch": "launch N --library L --n-layers 1,2",
    "suggest": "suggest D -q 3",
    "ingest": "ingest D T --suggest 3 --accept-extreme",
    "report": "report D",
    "explain": "explain D (BA)2(MA)Pb2I7",
    "validate": "validate D",
    "replay": "replay D",
    "backtest": "backtest P --target rate --columns x,y --seeds 200",
    "serve": "serve D --port 0",
    "status": "status D",
    "accept": "accept D (BA)2PbI4",
    "export": "export D out.csv",
    "plugins": "plugins",
    "paper": "paper",
}


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
        said = process.communicate()[1].strip().splitlines()
        return time.monotonic() - begin, process.returncode, said[-1] if said else ""


def main() -> None:
    """Print a line a command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=6)
    parser.add_argument("--commands", nargs="*", default=list(COMMANDS), choices=COMMANDS)
    asked, bad = parser.parse_args(), 0
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "L.csv").write_text(LIBRARY)
        (work / "T.csv").write_text("formula,lifetime_ps\n(BA)2PbI4,0.9\n(PA)2(MA)Pb2I7,1.1\n")
        rows = (f"{x},{y},{(x - 3) ** 2 + y:g}" for x in range(30) for y in range(20))
        (work / "P.csv").write_text("\n".join(["x,y,rate", *rows]))
        made, places = work / "made", {"L": "L.csv", "T": "T.csv", "P": "P.csv"}
        first = [places.get(word, word) for word in COMMANDS["launch"].replace("N", str(made)).split()]
        if started(first, work).wait():
            raise SystemExit("the campaign could not be launched")
        for command in asked.commands:
            slowest, seen = (0.0, 0.0, ""), set[str]()
            whole = 8.0
            for place in range(asked.moments + 1):
                shutil.rmtree(work / "D", ignore_errors=True)
                shutil.rmtree(work / "N", ignore_errors=True)
                shutil.copytree(made, work / "D")
                words = [places.get(word, word) for word in COMMANDS[command].split()]
                if command == "launch":
                    shutil.rmtree(work / "cache")
                if place == 0 and command != "serve":
                    begin = time.monotonic()
                    code, whole = started(words, work).wait(), time.monotonic() - begin
                    bad += code != 0
                    continue
                moment = whole * (place - 0.5) / asked.moments
                seconds, code, said = stopped(words, work, moment)
                slowest = max(slowest, (seconds, moment, said))
                seen.add(f"{code}: {said}")
                bad += seconds > BOUND_S or code not in (0, 130) or (code == 130 and not said)
                if code == 130 and command != "serve":
                    bad += started(words, work).wait() != 0
            print(f"{command}: {whole:.1f} s whole; ended {slowest[0]:.2f} s after the signal at {slowest[1]:.1f} s")
            for line in sorted(seen):
                print(f"    {line}")
    raise SystemExit(bad > 0)


if __name__ == "__main__":
    main()
