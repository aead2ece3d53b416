"""Kill every command that writes at random moments; look what is lost, damaged, or does not finish when run again.

    python benchmarks/campaign_kills.py [--kills 200] [--near 60] [--seed 7] [--oracle-store FILE]

Every command runs in a process of its own that gets SIGKILL at a moment drawn evenly from its usual duration; further
ones (`--near`) get it within 30 ms of the beginning of a write to the store, where an even draw hardly ever falls. The
processes are forked from one that has only imported the packages, so that the kills fall into the work and not into
three seconds of imports. In them every event that the store has acknowledged is noted in a file the moment `append`
returns; all of them must be in the store afterwards. The store is looked over as by `spinscreen check`, and what the
command says must be there once after it was run again. Exits 1 where anything is lost, damaged, doubled or unfinished.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

LIBRARY = """abbreviation,smiles,role,name
PEA,[NH3+]CCc1ccccc1,spacer,phenethylammonium
BA,CCCC[NH3+],spacer,butylammonium
PA,CCC[NH3+],spacer,propylammonium
EOA,OCC[NH3+],spacer,ethanolammonium
4AMP,[NH3+]CC1CC[NH2+]CC1,spacer,4-(aminomethyl)piperidinium
BDA,[NH3+]CCCC[NH3+],spacer,butane-1.4-diammonium
PDA,[NH3+]CCC[NH3+],spacer,propane-1.3-diammonium
CMA,[NH3+]CC1CCCCC1,spacer,cyclohexylmethylammonium
MA,C[NH3+],cage,methylammonium
FA,NC=[NH2+],cage,formamidinium
"""
#: The cheapest surrogate: what is tested is the memory, and a quick model puts more of the kills into it.
DESCRIPTION = """library: cations.csv
space: {n_layers: 1-12}
surrogate: mean
budget: {batch_size: 2}
"""
#: Events that each command records.
WRITES = {"launch": 3, "ingest": 2, "suggest": 2, "accept": 1, "decline": 1, "outcome": 1, "retract": 1, "undo": 1}
PRELOADED = (
    "alembic.command",
    "campaigns.campaign",
    "campaigns.cli.app",
    "campaigns.cli.show",
    "campaigns.files",
    "campaigns.outputs",
    "campaigns.report.view",
    "campaigns.round",
    "campaigns.upkeep",
    "screening.features",
    "screening.surrogates",
    "screening.validation",
    "sklearn.ensemble",
    "sklearn.model_selection",
    "pymatgen.core",
)
#: A campaign is replaced by a fresh copy after so many kills, so that the training set stays small.
KILLS_A_CAMPAIGN = 12


@dataclass
class Ground:
    """Where it all happens."""

    root: Path
    oracle: Path
    description: Path
    pristine: Path
    acknowledged: Path
    begun: Path
    output: Path


@dataclass
class Tally:
    """What came out."""

    kills: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    too_late: int = 0
    acknowledged: int = 0
    litter: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Command:
    """A command, the campaign it works on, the samples it brings, and the reason it gives."""

    name: str
    arguments: list[str]
    folder: Path
    samples: tuple[str, ...] = ()
    reason: str = ""


def preload() -> None:
    """Import what the commands import, and compute nothing: a fork of a process that has computed may hang."""
    for name in PRELOADED:
        import_module(name)


def start(ground: Ground, arguments: list[str]) -> int:
    """Run `spinscreen` with these arguments in a forked process; its id."""

    def command() -> None:
        os.setsid()
        _note_acknowledged(ground)
        sys.argv = ["spinscreen", *arguments]
        from campaigns.cli import main

        main()

    return forked(command, ground.output)


def forked(command: Callable[[], None], output: Path) -> int:
    """Run a command in a forked process, what it prints into a file; the id of the process."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        sink = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        command()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _note_acknowledged(ground: Ground) -> None:
    from campaigns.database import EventLog

    plain = EventLog.append
    notes, begun = (os.open(p, os.O_WRONLY | os.O_CREAT | os.O_APPEND) for p in (ground.acknowledged, ground.begun))

    def append(self: EventLog, kind: object, payload: dict[str, object], **how: object) -> bool:
        os.write(begun, b".")
        added = plain(self, kind, payload, **how)  # type: ignore[arg-type]  # handed through
        if added:
            os.write(notes, f"{self._name}\t{kind}\t{how.get('key')}\n".encode())
        return added

    EventLog.append = append  # type: ignore[method-assign, assignment]  # in this forked process alone


def finish(pid: int) -> int:
    """Wait for a process; its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def kill_after(pid: int, seconds: float) -> bool:
    """Kill a process and its children after so many seconds; False if it had ended before."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) < 0
        time.sleep(min(0.002, max(deadline - time.monotonic(), 0.0)))
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # it has no group of its own yet
        os.kill(pid, signal.SIGKILL)
    return finish(pid) == -signal.SIGKILL


def kill_near(ground: Ground, pid: int, write: int, seconds: float) -> bool:
    """Kill a process so many seconds after its write number `write` began; False if it had ended before."""
    while ground.begun.stat().st_size < write:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) < 0
        time.sleep(0.0002)
    return kill_after(pid, seconds)


def launch_arguments(ground: Ground, folder: Path) -> list[str]:
    return [
        "launch", str(folder), "--config", str(ground.description), "--json", "--oracle-store", str(ground.oracle),
    ]  # fmt: skip


def table(ground: Ground, rng: random.Random, number: int) -> tuple[Path, tuple[str, ...]]:
    """A table of two new crystals."""
    path = ground.root / f"results{number}.csv"
    samples = (f"k{number}a", f"k{number}b")
    spacers = rng.sample(["PEA", "BA", "PA", "EOA", "CMA"], 2)
    rows = [
        f"({spacer})2(MA){n - 1}Pb{n}I{3 * n + 1},{rng.uniform(0.8, 5):.4f},{sample}"
        for spacer, sample, n in zip(spacers, samples, rng.sample(range(2, 13), 2), strict=True)
    ]
    path.write_text("formula,lifetime_ps,sample\n" + "\n".join(rows) + "\n")
    return path, samples


def next_command(ground: Ground, rng: random.Random, number: int, folder: Path) -> Command:
    """Launch a new campaign, or ingest into the present one, or have it suggest on data it has not seen, or say what
    became of a compound, or take something back."""
    oracle = ["--oracle-store", str(ground.oracle), "--json"]
    spacers = ("PEA", "BA", "PA", "EOA", "CMA")
    n = 2 + number // 5 % 11
    formula, reason = f"({spacers[number % 5]})2(FA){n - 1}Pb{n}I{3 * n + 1}", f"r{number}"
    why = ["--reason", reason, "--json"]
    match number % len(WRITES):
        case 0:
            new = ground.root / f"launched{number}"
            return Command("launch", launch_arguments(ground, new), new)
        case 1:
            path, samples = table(ground, rng, number)
            return Command("ingest", ["ingest", str(folder), str(path), "--accept-extreme", *oracle], folder, samples)
        case 3:
            return Command("accept", ["accept", str(folder), formula, *why], folder, reason=reason)
        case 4:
            return Command("decline", ["decline", str(folder), formula, *why], folder, reason=reason)
        case 5:
            return Command("outcome", ["outcome", str(folder), formula, "not formed", *why], folder, reason=reason)
        case 6:
            path, _ = table(ground, rng, number)
            row = _ingest_only(ground, folder, path)
            return Command("retract", ["retract", str(folder), str(row), *why], folder, reason=reason)
        case 7:
            path, _ = table(ground, rng, number)
            _ingest_only(ground, folder, path)
            with sqlite3.connect(folder / "campaign.db") as connection:
                (last,) = connection.execute("SELECT max(id) FROM event").fetchone()
            connection.close()
            return Command("undo", ["undo", str(folder), str(last), *why], folder, reason=reason)
        case _:
            path, samples = table(ground, rng, number)
            _ingest_only(ground, folder, path)
            return Command("suggest", ["suggest", str(folder), "-q", "2", *oracle], folder, samples)


def _ingest_only(ground: Ground, folder: Path, path: Path) -> int:
    """Take a table in without training, in a process of its own; the number of its first crystal."""
    before = len(_crystals(folder))
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            from campaigns.campaign import Campaign

            _note_acknowledged(ground)
            code = (
                0
                if Campaign.open(folder, oracle_store=ground.oracle).ingest(path, accept_extreme=True).added == 2
                else 3
            )
        finally:
            os._exit(code)
    if code := finish(pid):
        raise SystemExit(f"taking in {path} ended with {code}")
    return before + 1


def _crystals(folder: Path) -> list[str]:
    """Samples of all crystals that were ever taken in, in order."""
    with sqlite3.connect(folder / "campaign.db") as connection:
        query = "SELECT payload FROM event WHERE kind = 'observed' ORDER BY id"
        payloads = [json.loads(payload) for (payload,) in connection.execute(query)]
    connection.close()
    return [row["sample"] for payload in payloads for row in payload["rows"]]


def check_store(ground: Ground, command: Command, tally: Tally) -> Counter[str]:
    """The store is whole and holds what was acknowledged; how many events of each kind it has."""
    database = command.folder / "campaign.db"
    if not database.exists() or database.stat().st_size == 0:
        keys, kinds, free = set(), Counter[str](), Counter[str]()
    else:
        with sqlite3.connect(database) as connection:
            verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
            if verdict != "ok":
                tally.problems.append(f"{command.name}: {database} is damaged: {verdict}")
            there = connection.execute("SELECT name FROM sqlite_master WHERE name = 'event'").fetchone()
            rows = connection.execute("SELECT kind, key FROM event").fetchall() if there else []
        connection.close()
        kinds, keyed = Counter(kind for kind, _ in rows), [key for _, key in rows if key is not None]
        keys, free = set(keyed), Counter(kind for kind, key in rows if key is None)
        if len(keys) != len(keyed):
            tally.problems.append(f"{command.name}: an event stands twice in {database}")
    for line in ground.acknowledged.read_text().splitlines():
        name, kind, key = line.split("\t")
        if Path(name) == database:
            tally.acknowledged += 1
            free[kind] -= key == "None"  # without a key it may stand more than once: that many must be there
            if free[kind] < 0 if key == "None" else key not in keys:
                tally.problems.append(f"{command.name}: the acknowledged event {kind} {key} is lost")
    return kinds


def check_again(ground: Ground, command: Command, tally: Tally) -> None:
    """The same command finishes now, and what it brought is there once."""
    from campaigns.upkeep import look_over

    code = finish(start(ground, command.arguments))
    said = ground.output.read_text()
    if code != 0:
        tally.problems.append(f"{command.name}: run again, it ends with {code}: {said[-300:]}")
        return
    check_store(ground, command, tally)
    with sqlite3.connect(command.folder / "campaign.db") as connection:
        events = [json.loads(payload) for (payload,) in connection.execute("SELECT payload FROM event")]
    connection.close()
    if command.reason and (n := sum(event.get("reason") == command.reason for event in events)) != 1:
        tally.problems.append(f"{command.name}: what it says is there {n} times")
    tally.problems += (f"{command.name}: {line}" for line in look_over(command.folder, command.folder / "none").damage)
    samples = Counter(_crystals(command.folder))
    for sample in command.samples:
        if samples[sample] != 1:
            tally.problems.append(f"{command.name}: the crystal {sample} is there {samples[sample]} times")
    if command.name == "launch" and not (command.folder / "report.html").exists():
        tally.problems.append("launch: run again, it leaves no report")


def one_kill(
    ground: Ground, rng: random.Random, command: Command, usual: dict[str, float], tally: Tally, *, near: bool
) -> None:
    """Kill one command, look, run it again."""
    before = check_store(ground, command, Tally())
    ground.begun.write_bytes(b"")
    pid = start(ground, command.arguments)
    if near:
        killed = kill_near(ground, pid, rng.randint(1, WRITES[command.name]), rng.uniform(0.0, 0.03))
    else:
        killed = kill_after(pid, rng.uniform(0.0, 1.02 * usual[command.name]))
    after = check_store(ground, command, tally)
    if killed:
        tally.kills[f"{command.name}{' near a write' if near else ''}"] += 1
        tally.reached[f"{command.name}: {', '.join(after - before) or 'nothing'} recorded before the kill"] += 1
    else:
        tally.too_late += 1
    check_again(ground, command, tally)
    tally.litter += sum(1 for path in command.folder.iterdir() if path.name.startswith("."))


def prepare(root: Path, oracle: Path | None) -> tuple[Ground, dict[str, float]]:
    """A library, a warm store of descriptors, a launched campaign, and the usual duration of each command."""
    warm = root / "oracle.db"
    if oracle is not None:
        shutil.copy(oracle, warm)
    (root / "cations.csv").write_text(LIBRARY)
    description = root / "campaign.yaml"
    description.write_text(DESCRIPTION)
    ground = Ground(root, warm, description, root / "pristine", root / "acknowledged", root / "begun", root / "output")
    ground.acknowledged.touch()
    if code := finish(start(ground, launch_arguments(ground, ground.pristine))):
        raise SystemExit(f"launch ended with {code}: {ground.output.read_text()}")
    folder, usual = root / "usual", {}
    shutil.copytree(ground.pristine, folder)
    for number in range(len(WRITES)):
        command = next_command(ground, random.Random(number), number, folder)
        began = time.monotonic()
        if code := finish(start(ground, command.arguments)):
            raise SystemExit(f"{command.name} ended with {code}: {ground.output.read_text()}")
        usual[command.name] = time.monotonic() - began
    print("usual durations: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in usual.items()), flush=True)
    return ground, usual


def run(root: Path, kills: int, near: int, seed: int, oracle: Path | None) -> Tally:
    """Kill until `kills` commands were killed at any moment and `near` near a write."""
    ground, usual = prepare(root, oracle)
    rng, tally, number = random.Random(seed), Tally(), len(WRITES)
    folder = ground.pristine
    while (done := sum(tally.kills.values())) < kills + near:
        if (number - len(WRITES)) % KILLS_A_CAMPAIGN == 0:
            folder = root / f"campaign{number}"
            shutil.copytree(ground.pristine, folder)
        command = next_command(ground, rng, number, folder)
        known = len(tally.problems)
        one_kill(ground, rng, command, usual, tally, near=done >= kills)
        for problem in tally.problems[known:]:
            print(f"PROBLEM {number} {problem}", flush=True)
        if command.name == "launch":
            shutil.rmtree(command.folder)
        number += 1
        if number % 20 == 0:
            print(f"{done} kills, {len(tally.problems)} problems", flush=True)
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", "--tries", type=int, default=200)
    parser.add_argument("--near", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--oracle-store", type=Path, help="a store that has the library's descriptors already")
    options = parser.parse_args()
    preload()
    with tempfile.TemporaryDirectory() as root:
        tally = run(Path(root), options.kills, options.near, options.seed, options.oracle_store)
    print(f"\n{sum(tally.kills.values())} kills: " + ", ".join(f"{name} {n}" for name, n in tally.kills.items()))
    for what, n in sorted(tally.reached.items()):
        print(f"  {n:4d}  {what}")
    print(f"{tally.too_late} further commands ended before their kill")
    print(f"{tally.acknowledged} look-ups of acknowledged events, {tally.litter} unfinished files left lying")
    print(f"{len(tally.problems)} problems")
    return 1 if tally.problems else 0


if __name__ == "__main__":
    sys.exit(main())
