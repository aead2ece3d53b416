"""How long the command takes to say anything: CPU seconds of `spinscreen --help`, and of an empty Python beside it.

python -m benchmarks.startup
"""

from __future__ import annotations

import statistics
import subprocess
import sys

from benchmarks.timing import in_turn

REPEATS = 9
CONTENDERS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "spinscreen --help": [sys.executable, "-m", "campaigns.cli", "--help"],
}


def main() -> None:
    """Print the median and the extremes of each contender, run in turn."""
    run = {
        name: lambda command=command: subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        for name, command in CONTENDERS.items()
    }
    taken = in_turn(run, REPEATS)
    for name, seconds in taken.items():
        print(f"{name:20s} {statistics.median(seconds):.3f} s CPU ({min(seconds):.3f} to {max(seconds):.3f})")


if __name__ == "__main__":
    main()
