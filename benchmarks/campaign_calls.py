"""Kill the commands that record at each system call by which they change a file; look whether anything is lost.

    python -m benchmarks.campaign_calls [--commands accept decline outcome retract undo] [--every 1]

Needs strace (Linux). A small campaign is made once. For each command strace counts the calls of `pwrite64`,
`fdatasync`, `ftruncate`, `unlink` and `rename`; then the command runs on a fresh copy for each of them (or each
`--every`th) and gets SIGKILL as that call begins: in the middle of a write, between log and database, inside the
checkpoint. Afterwards `spinscreen check` must find nothing, every event of before must be there, and the same command,
run again, must end with 0 and its words stand in the log once. Exits 1 otherwise.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.campaign_kills import LIBRARY
from campaigns import Campaign, CampaignConfig
from campaigns.upkeep import look_over

CALLS = ("pwrite64", "fdatasync", "ftruncate", "unlink", "rename")
REASON = "killed on purpose"
#: Arguments behind the folder.
COMMANDS = {
    "accept": ["(PEA)2PbI4", "--reason", REASON],
    "decline": ["(BA)2PbI4", "--reason", REASON],
    "outcome": ["(PA)2PbI4", "not formed", "--reason", REASON],
    "retract": ["1", "--reason", REASON],
    "undo": ["2", "--reason", REASON],
}


def run(folder: Path, command: str, strace: list[str]) -> subprocess.CompletedProcess[str]:
    """Run one command, traced or not."""
    told = [*strace, sys.executable, "-m", "campaigns.cli", command, str(folder), *COMMANDS[command]]
    return subprocess.run(told, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


def traced(*what: str) -> list[str]:
    """The command line of strace; with its quicker --seccomp-bpf no signal is injected."""
    return ["strace", "-f", "-qq", *what]


def counted(made: Path, work: Path, command: str) -> Counter[str]:
    """How often a command makes each of the calls."""
    folder, trace = Path(shutil.copytree(made, work / "counted")), work / "trace"
    done = run(folder, command, traced("-o", str(trace), "-e", f"trace={','.join(CALLS)}"))
    shutil.rmtree(folder)
    if done.returncode:
        raise SystemExit(f"{command} ended with {done.returncode}: {done.stderr}")
    return Counter(line.split()[1].partition("(")[0] for line in trace.read_text().splitlines() if "(" in line)


def one_kill(made: Path, work: Path, command: str, call: str, number: int) -> tuple[bool, list[str]]:
    """Kill at one call; whether the process died of it, and what is wrong afterwards."""
    folder = Path(shutil.copytree(made, work / "killed"))
    inject = f"inject={call}:signal=SIGKILL:when={number}"
    died = run(folder, command, traced("-o", os.devnull, "-e", f"trace={call}", "-e", inject)).returncode != 0
    problems = list(look_over(folder, folder / "none").damage)
    with Campaign.open(made) as before, Campaign.open(folder) as campaign:
        kept = [event.payload for event in before.events()]
        if [event.payload for event in campaign.events()][: len(kept)] != kept:
            problems.append("events of before are lost")
    again = run(folder, command, [])
    if again.returncode:
        problems.append(f"run again, it ends with {again.returncode}: {again.stderr[-200:]}")
    with Campaign.open(folder) as campaign:
        stands = sum(REASON in str(event.payload) for event in campaign.events())
    if stands != 1:
        problems.append(f"what it says stands {stands} times")
    shutil.rmtree(folder)
    return died, [f"{command}, {call} {number}: {problem}" for problem in problems]


def main() -> int:
    """Count, kill, say whether all was there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--every", type=int, default=1)
    asked = parser.parse_args()
    kills, problems = 0, list[str]()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        made, library, table = work / "made", work / "cations.csv", work / "results.csv"
        library.write_text(LIBRARY, encoding="utf-8")
        table.write_text("formula,lifetime_ps\n(EOA)2PbI4,0.4\n", encoding="utf-8")
        config = CampaignConfig.parse({"space": {"n_layers": "1-2"}, "surrogate": "mean"})
        with Campaign.create(made, config, libraries=[library]) as campaign:
            campaign.ingest(table)
        for command in asked.commands:
            calls = counted(made, work, command)
            for call, count in sorted(calls.items()):
                for number in range(1, count + 1, asked.every):
                    died, wrong = one_kill(made, work, command, call, number)
                    kills, problems = kills + died, problems + wrong
            print(f"{command}: {dict(sorted(calls.items()))}; {kills} kills, {len(problems)} problems", flush=True)
    for line in problems:
        print(f"PROBLEM {line}")
    if not kills:
        print("nothing was killed: does strace inject signals here?")
    return 1 if problems or not kills else 0


if __name__ == "__main__":
    sys.exit(main())
