"""CPU seconds of the commands of a lab's week, in the demo as launched, and after 50 and 1,000 events.

    python -m benchmarks.campaign_commands [--events 50 1000] [--repeats 3] [--quick]
    python -m benchmarks.campaign_commands --beside CHECKOUT [--store FILE] [--repeats 3] [--commands "status D" ...]

The campaign is the one of `spinscreen launch demo`. Events are steps of compounds (seven of ten), fits and rounds, the
last two with other numbers in place of the first fit's and round's, so that what is measured is the length of the log
and not the number of lifetimes. Every command is a process of its own with one thread; medians, imports included, and
how much longer than at the fewest events. `--help` stands beside them, for how fast the machine is just now; `--quick`
leaves out what trains. What `explain` and `report` need is trained by the `suggest` before them, as in a week.

`--beside` takes a checkout of another version, and `--store` an oracle store that it can read (else it computes one).
Both launch the demo and run each command in turn, the other one first, on a copy of the campaign as launched. Medians
and their ratio, which can be trusted on a machine that is slow or busy too.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.campaign_growth import crystals, spent
from campaigns import Campaign, CampaignConfig
from campaigns.events import EventKind

#: Commands that only look, and those that may train; F is a formula, T a table of one crystal.
LOOKING = ("--help", "status D", "log D", "recipe D F", "export D", "suggest D", "plugins", "accept D F")
TRAINING = ("explain D F", "report D", "ingest D T --suggest 5 --accept-extreme --yes")

#: Those that release 0.1.0 knows.
COMPARED = ("--help", "status D", "log D", "suggest D", "explain D F", "report D", "ingest D R --suggest 5")


def lengthened(launched: Path, folder: Path, n_events: int) -> Path:
    """A copy of the campaign whose log goes on to so many events."""
    shutil.copytree(launched, folder)
    with Campaign.open(folder) as campaign:
        fitted, suggested = (
            next(event for event in campaign.events() if event.kind is kind)
            for kind in (EventKind.FITTED, EventKind.SUGGESTED)
        )
        formulas = [campaign.space[int(i)].formula for i in np.random.default_rng(0).choice(len(campaign.space), 400)]
        log, steps = campaign._log, cycle(("accepted", "in synthesis", "abandoned"))
        for number in range(len(campaign.events()), n_events - 1):
            match number % 20:
                case 0 | 7 | 14:
                    log.append(EventKind.FITTED, {**fitted.payload, "data_key": f"{number:016d}"}, key=f"fit:{number}")
                case 1 | 8 | 15:
                    payload = {**suggested.payload, "data_key": f"{number - 1:016d}", "seed": number}
                    log.append(EventKind.SUGGESTED, payload, key=f"suggest:{number}")
                case _:
                    step = {"formula": formulas[number // 3 % len(formulas)], "stage": next(steps)}
                    log.append(EventKind.STEPPED, {**step, "made": "", "reason": "of a benchmark"})
    return folder


def measured(folder: Path, work: Path, commands: tuple[str, ...], repeats: int) -> dict[str, float]:
    """Median CPU seconds of each command, each repeat on a campaign as it was."""
    with Campaign.open(folder) as campaign:
        (work / "one.csv").write_text(crystals(campaign, 1, 1))
        formula = campaign.state.batches[0].suggestions[0].formula
    names = {"D": str(work / "now"), "F": formula, "T": str(work / "one.csv")}
    shutil.copytree(folder, work / "now")
    spent(work, "suggest", names["D"])
    taken: dict[str, list[float]] = {command: [] for command in commands}
    for _ in range(repeats):
        for command in commands:
            words = [names.get(word, word) for word in command.split()]
            more = [str(work / "out.csv")] if command.startswith("export") else []
            taken[command].append(spent(work, *words, *more)[0])
        if "T" in " ".join(commands).split():
            shutil.rmtree(work / "now")
            shutil.copytree(folder, work / "now")
            spent(work, "suggest", names["D"])
    shutil.rmtree(work / "now")
    return {command: statistics.median(seconds) for command, seconds in taken.items()}


def print_beside(work: Path, tree: Path, store: Path | None, commands: Sequence[str], repeats: int) -> None:
    """A line a command: median CPU seconds of the other version and of this one, in turn, and their ratio."""
    other = {"tree": tree.resolve(), "SPINSCREEN_ORACLE_STORE": str(store.resolve() if store else work / "oracle.db")}
    versions: list[tuple[str, dict[str, Any]]] = [("other", other), ("this", {})]
    for name, version in versions:
        spent(work, "launch", str(work / name), **version)
    with Campaign.open(work / "this") as campaign:
        formula = campaign.state.batches[0].suggestions[0].formula
    (work / "one.csv").write_text(f"formula,lifetime_ps\n{formula},2.0\n")
    words = {"D": str(work / "now"), "F": formula, "R": str(work / "one.csv")}
    print("| CPU s | other | this | ratio |\n|---|---|---|---|")
    for command in commands:
        taken: dict[str, list[float]] = {"other": [], "this": []}
        for name, version in versions * repeats:
            shutil.copytree(work / name, work / "now")
            taken[name].append(spent(work, *(words.get(word, word) for word in command.split()), **version)[0])
            shutil.rmtree(work / "now")
        other_s, this_s = (statistics.median(seconds) for seconds in taken.values())
        print(f"| {command} | {other_s:.2f} | {this_s:.2f} | {this_s / other_s:.2f} |", flush=True)


def main() -> None:
    """Launch, then print a line a command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="*", default=[50, 1000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--beside", type=Path, help="a checkout of another version")
    parser.add_argument("--store", type=Path, help="its oracle store")
    parser.add_argument("--commands", nargs="*", default=COMPARED, help="to run beside it")
    asked = parser.parse_args()
    if asked.beside is not None:
        with tempfile.TemporaryDirectory() as name:
            print_beside(Path(name), asked.beside, asked.store, asked.commands, asked.repeats)
        return
    commands = LOOKING if asked.quick else LOOKING + TRAINING
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        with Campaign.create(work / "launched", CampaignConfig()) as campaign:
            campaign.describe()
            campaign.suggest()
        columns = {"demo": measured(work / "launched", work, commands, asked.repeats)}
        for n_events in asked.events:
            folder = lengthened(work / "launched", work / f"events{n_events}", n_events)
            columns[f"{n_events:,} events"] = measured(folder, work, commands, asked.repeats)
    print("| CPU s | " + " | ".join(columns) + " | longer |\n|---" + "|---" * len(columns) + "|---|")
    for command in commands:
        seconds = [column[command] for column in columns.values()]
        grown = f"{seconds[-1] / seconds[1] - 1:+.0%}" if len(seconds) > 2 else ""
        print(f"| {command} | " + " | ".join(f"{one:.2f}" for one in seconds) + f" | {grown} |")


if __name__ == "__main__":
    main()
