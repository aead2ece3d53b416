"""Cut the power while commands record, on a simulated disk; look whether anything that was acknowledged is lost.

    python -m benchmarks.campaign_power [--cuts 60] [--seed 7]

Needs strace (Linux), no device of its own. Each command runs once, traced with the data of its writes, on a copy of a
small campaign. From the trace the folder is built again as a disk may hold it when the power goes as a drawn call
begins: of each file every 512-byte sector as it was at the last fsync or after any write since then, its length
likewise; of each name in a folder that was not synced since, what it was before or after any of its changes. (ALICE
finds crash states so: Pillai et al., OSDI 2014; CrashMonkey: Mohan et al., OSDI 2018.) Shared memory is not there.
Then `spinscreen check` must find nothing, every event that was acknowledged by then must be there as it was, and the
same command, run again, must end with 0 and its words stand in the log once. Exits 1 otherwise.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.campaign_kills import LIBRARY, finish, forked, preload
from campaigns import Campaign, CampaignConfig
from campaigns.upkeep import look_over

SECTOR = 512
WORD = "the power went"
#: Arguments behind the folder; "ingest" takes the table in by `Campaign.ingest`, which learns nothing.
COMMANDS = {
    "accept": ["(PEA)2PbI4", "--reason", WORD],
    "decline": ["(BA)2PbI4", "--reason", WORD],
    "outcome": ["(PA)2PbI4", "not formed", "--reason", WORD],
    "retract": ["1", "--reason", WORD],
    "undo": ["2", "--reason", WORD],
    "ingest": [],
}
TABLE = "formula,lifetime_ps,note\n(PEA)2(MA)Pb2I7,1.4,{}\n"
#: Runs one command, and writes a byte to a file whenever the store has acknowledged an event.
RECORDING = """
import os, sys
from campaigns.database import EventLog
notes, plain = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT), EventLog.append
def append(self, *what, **how):
    added = plain(self, *what, **how)
    os.write(notes, b".")
    return added
EventLog.append = append
from benchmarks.campaign_power import command
command(sys.argv[2:])
"""
CALLS = (
    "openat,creat,close,dup,dup2,dup3,lseek,write,writev,pwrite64,pwritev,sendfile,copy_file_range,fsync,fdatasync,"
    "ftruncate,truncate,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,link,linkat,fallocate"
)
_CALL = re.compile(r"(?:\d+ +)?(\w+)\((.*)\) += (\d+)(?:<.*>)?")
_HANDLE = re.compile(r"(\d+|AT_FDCWD)<((?:\\x[0-9a-f]{2})*)>")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def command(words: list[str]) -> None:
    """Run one command in this process: its name, the campaign's folder, the rest."""
    if words[0] == "ingest":
        with Campaign.open(words[1]) as campaign:
            campaign.ingest(words[2])
        return
    from campaigns.cli import main

    sys.argv = ["spinscreen", *words]
    main()


@dataclass(eq=False)
class File:
    """What a file may hold: its content at the last fsync, and after each write since then."""

    versions: list[bytes] = field(default_factory=lambda: [b""])

    def write(self, data: bytes, at: int) -> None:
        last = self.versions[-1].ljust(at, b"\0")
        self.versions.append(last[:at] + data + last[at + len(data) :])

    def cut(self, length: int) -> None:
        self.versions.append(self.versions[-1][:length].ljust(length, b"\0"))

    def sync(self) -> None:
        del self.versions[:-1]

    def after_cut(self, rng: random.Random) -> bytes:
        """One of the contents that a disk may hold: old, new, or each sector of its own age."""
        how, last = rng.random(), len(self.versions) - 1
        if how < 0.2:
            return self.versions[0]
        if how < 0.4:
            return self.versions[last]
        length, parts = len(rng.choice(self.versions)), []
        for at in range(0, length, SECTOR):
            one = rng.choice(self.versions)[at : at + SECTOR]
            parts.append(one.ljust(min(SECTOR, length - at), b"\0"))
        return b"".join(parts)


class Disk:
    """The files of one folder as a trace writes them, and what of that the power leaves."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        #: What each name may stand for: since its folder was synced, the oldest first.
        self.names: dict[str, list[File | None]] = {}
        self.folders = {self.folder}
        self.open: dict[int, tuple[str, File]] = {}
        self.at: dict[int, int] = {}
        for path in folder.rglob("*"):
            if path.is_file():
                self.names[str(path)] = [File([path.read_bytes()])]
            else:
                self.folders.add(str(path))

    def holds(self, path: str) -> bool:
        """Whether a path lies in the folder."""
        return path.startswith(f"{self.folder}/")

    def _file(self, path: str) -> File:
        there = self.names.setdefault(path, [None])
        if there[-1] is None:
            there.append(File())
        made = there[-1]
        assert made is not None
        return made

    def apply(self, call: Call) -> None:
        """Do what a call did."""
        name, handle, path = call.name, call.handle, call.path
        match name:
            case "openat" | "creat":
                if self.holds(path) and ("O_WRONLY" in call.rest or "O_RDWR" in call.rest or name == "creat"):
                    self.open[call.result], self.at[call.result] = (path, self._file(path)), 0
                    if "O_TRUNC" in call.rest or name == "creat":
                        self._file(path).cut(0)
                    if "O_APPEND" in call.rest:
                        self.at[call.result] = len(self._file(path).versions[-1])
            case "close":
                self.open.pop(handle, None)
            case "lseek" if handle in self.open:
                self.at[handle] = call.result
            case "write" if handle in self.open:
                self.open[handle][1].write(call.data[: call.result], self.at[handle])
                self.at[handle] += call.result
            case "pwrite64" if handle in self.open:
                self.open[handle][1].write(call.data[: call.result], call.numbers[-1])
            case "ftruncate" if handle in self.open:
                self.open[handle][1].cut(call.numbers[-1])
            case "fsync" | "fdatasync":
                if path in self.folders:
                    for one in self.names:
                        if os.path.dirname(one) == path:
                            del self.names[one][:-1]
                elif self.holds(path) and (file := self.names[path][-1]) is not None:
                    file.sync()
            case "unlink" | "unlinkat" if path in self.names:
                self.names[path].append(None)
            case "rename" | "renameat" | "renameat2" if path in self.names:
                file = self.names[path][-1]
                self.names[path].append(None)
                self.names.setdefault(call.other, [None]).append(file)
            case "mkdir" | "mkdirat" if self.holds(path):
                self.folders.add(path)
            case "write" | "pwrite64" | "lseek" | "ftruncate" | "unlink" | "unlinkat" | "rename" | "dup" | "mkdir":
                pass
            case _ if self.holds(path) and name != "openat":
                raise SystemExit(f"{name} on {path}: the simulated disk does not know that call")

    def rebuild(self, folder: Path, rng: random.Random) -> None:
        """Write what the power left of it into a new folder."""
        for path in self.folders:
            (folder / Path(path).relative_to(self.folder)).mkdir(parents=True, exist_ok=True)
        for path, versions in self.names.items():
            file = rng.choice([versions[0], versions[-1], rng.choice(versions)])
            if file is not None:
                (folder / Path(path).relative_to(self.folder)).write_bytes(file.after_cut(rng))


class Call(NamedTuple):
    """One system call: the file its first argument stands for, and the rest."""

    name: str
    handle: int
    path: str
    other: str
    data: bytes
    numbers: list[int]
    rest: str
    result: int


def calls_of(trace: Path, folder: Path, notes: Path) -> list[Call]:
    """The successful calls of a trace in the folder (no shared memory) or on the notes of acknowledged events."""
    begun, found = dict[str, str](), list[Call]()
    for line in trace.read_text(encoding="ascii").splitlines():
        process = line.split(maxsplit=1)[0]
        if line.endswith("<unfinished ...>"):
            begun[process] = line.removesuffix(" <unfinished ...>")
            continue
        if "resumed>" in line:
            line = begun.pop(process) + line.partition("resumed>")[2]
        if (parts := _CALL.fullmatch(line)) is None:
            continue
        name, words, result = parts[1], parts[2], int(parts[3])
        handle = _HANDLE.match(words)
        texts = [bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(words)]
        named = name.startswith(("open", "creat", "unlink", "rename", "mkdir", "link", "truncate"))
        paths = [text.decode() for text in texts] if named else []
        if handle is not None and not named:
            paths = [bytes.fromhex(handle[2].replace("\\x", "")).decode()]
        if not paths or not paths[0].startswith((str(folder), str(notes))) or paths[0].endswith("-shm"):
            continue
        number = int(handle[1]) if handle is not None and handle[1].isdigit() else -1
        rest = _TEXT.sub("", _HANDLE.sub("", words))
        numbers = [int(word) for word in re.findall(r"(?<![\w])\d+(?!\w)", rest)]
        data = texts[0] if texts and not named else b""
        found.append(Call(name, number, paths[0], paths[1] if len(paths) > 1 else "", data, numbers, rest, result))
    return found


@dataclass(frozen=True)
class Recorded:
    """A command that ran, traced.

    Attributes:
        before: the campaign's folder as it was. folder: where it stood.
        calls: what it did. events: hashes of the log's events afterwards, of which `n_before` were there before.
    """

    name: str
    before: Path
    folder: Path
    notes: Path
    words: list[str]
    calls: list[Call]
    events: list[str | None]
    n_before: int


def hashes(folder: Path) -> list[str | None]:
    """Hash of each event in a campaign's log."""
    with Campaign.open(folder) as campaign:
        return [stored.hash for stored in campaign._log.raw_events()]


def recorded(made: Path, work: Path, name: str) -> Recorded:
    """Run a command, traced."""
    before, folder, notes, trace = work / f"{name}-before", work / f"{name}", work / f"{name}.notes", work / "trace"
    shutil.copytree(made, before)
    shutil.copytree(made, folder)
    words = [name, str(folder), *(COMMANDS[name] or [str(work / "new.csv")])]
    strace = ["strace", "-f", "-qq", "--seccomp-bpf", "-o", str(trace), "-y", "-xx", "-s", "100000000"]
    told = [*strace, "-e", f"trace={CALLS}", sys.executable, "-c", RECORDING, str(notes), *words]
    done = subprocess.run(told, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    if done.returncode:
        raise SystemExit(f"{name} ended with {done.returncode}: {done.stderr[-500:]}")
    written = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    calls, events = calls_of(trace, folder, notes), hashes(folder)
    shutil.rmtree(folder)
    shutil.copytree(before, folder)
    disk = Disk(folder)
    for call in calls:
        disk.apply(call)
    last = {path: files[-1].versions[-1] for path, files in disk.names.items() if files[-1] is not None}
    if last != {path: content for path, content in written.items() if disk.holds(path)}:
        raise SystemExit(f"{name}: the trace does not give what the command wrote")
    return Recorded(name, before, folder, notes, words, calls, events, len(hashes(before)))


def one_cut(run: Recorded, at: int, rng: random.Random) -> list[str]:
    """Cut the power as call number `at` begins; what is wrong afterwards."""
    shutil.rmtree(run.folder)
    shutil.copytree(run.before, run.folder)
    disk, acknowledged = Disk(run.folder), 0
    for call in run.calls[:at]:
        if call.path == str(run.notes):
            acknowledged += call.name == "write"
        else:
            disk.apply(call)
    shutil.rmtree(run.folder)
    disk.rebuild(run.folder, rng)
    problems = list(look_over(run.folder, run.folder / "none").damage)
    try:
        there = hashes(run.folder)
    except Exception as error:
        return [*problems, f"it cannot be opened: {error}"]
    if len(there) < run.n_before + acknowledged or there != run.events[: len(there)]:
        problems.append(f"{run.n_before} events, {acknowledged} acknowledged; {len(there)} are there")
    if code := finish(forked(lambda: command(run.words), run.notes)):
        problems.append(f"run again, it ends with {code}: {run.notes.read_text()[-200:]}")
    with Campaign.open(run.folder) as campaign:
        stands = sum(WORD in str(event.payload) for event in campaign.events())
    if stands != 1:
        problems.append(f"what it says stands {stands} times")
    problems += look_over(run.folder, run.folder / "none").damage
    return problems


def main() -> int:
    """Record, cut, say whether all was there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    asked = parser.parse_args()
    rng, problems, total = random.Random(asked.seed), list[str](), 0
    preload()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name).resolve()
        made, library, table = work / "made", work / "cations.csv", work / "results.csv"
        library.write_text(LIBRARY, encoding="utf-8")
        table.write_text("formula,lifetime_ps\n(EOA)2PbI4,0.4\n", encoding="utf-8")
        (work / "new.csv").write_text(TABLE.format(WORD), encoding="utf-8")
        config = CampaignConfig.parse({"space": {"n_layers": "1-2"}, "surrogate": "mean"})
        with Campaign.create(made, config, libraries=[library]) as campaign:
            campaign.ingest(table)
        for number, command_name in enumerate(asked.commands):
            run = recorded(made, work, command_name)
            share = asked.cuts // len(asked.commands) + (number < asked.cuts % len(asked.commands))
            for _ in range(share):
                at = rng.randint(1, len(run.calls))
                wrong = one_cut(run, at, rng)
                total, problems = total + 1, problems + [f"{command_name}, call {at}: {line}" for line in wrong]
            print(f"{command_name}: {len(run.calls)} calls; {total} cuts, {len(problems)} problems", flush=True)
    for line in problems:
        print(f"PROBLEM {line}")
    return 1 if problems or not total else 0


if __name__ == "__main__":
    sys.exit(main())
