"""How long readers of a served campaign wait while hostile files arrive, and what memory the server keeps.

    python -m benchmarks.web_calm [--requests 10000] [--ingests 0] [--trainings 25] [--surrogate mean] [--tries 5]
        [--kind "sound rows"]

A small campaign is served in a process of its own. Its memory is read before and after `--requests` GETs of twelve
addresses, each with another query, and while `--ingests` tables of one crystal are taken in; `--trainings` times on the
way it is waited until the surrogate has learnt from all of them, while readers ask. Then a server is started anew on
the same folder, and both are asked for a prediction and 240 pages: what the fresh one holds the campaign needs. At last
four readers ask for the campaign, one request after another; meanwhile every hostile file (what becomes of it is said)
is handed in `--tries` times as a dry run, and the longest wait of a reader during each kind is printed beside that of
quiet seconds. Exits 1 where one waited more than 300 ms, anything was answered 5xx, or the old server holds 5% more
than the fresh one.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from itertools import count
from pathlib import Path

import httpx
from openpyxl import Workbook

from benchmarks.campaign_kills import LIBRARY
from benchmarks.web_kills import started
from campaigns import Campaign, CampaignConfig

LIMIT_S, GROWN = 0.3, 1.05
HERE = "api/campaigns/served"
_HEAD = "formula,lifetime_ps\n"


def hostile() -> dict[str, bytes]:
    """Small files that ask for much, by kind."""
    book, stream, bomb = Workbook(), io.BytesIO(), io.BytesIO()
    book.active.append(["formula", "lifetime_ps"])
    book.active["A1048576"] = book.active["XFD1"] = "far"
    book.save(stream)
    with zipfile.ZipFile(stream) as sound, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as changed:
        for item in sound.infolist():
            content = sound.read(item)
            changed.writestr(item.filename, b"<x>" + b" " * 200_000_000 if "sheet1" in item.filename else content)
    unknown = "".join(f"(Q{number}X)2PbI4,1.2\n" for number in range(90_000))
    layers = [f"(PEA)2(MA){n - 1}Pb{n}I{3 * n + 1}" for n in range(2, 52)]
    sound = "".join(f"{layers[number % 50]},{0.1 + number * 1e-6:.6f}\n" for number in range(20_000))
    return {
        "cells at the sheet's end": stream.getvalue(),
        "a sheet of 200 MB, zipped": bomb.getvalue(),
        "20,000 columns in JSON": "\n".join(json.dumps({f"k{number}": 1}) for number in range(20_000)).encode(),
        "100,000 columns": ",".join(f"c{number}" for number in range(100_000)).encode(),
        "90,000 unknown cations": (_HEAD + unknown).encode(),
        "90,000 rows of one compound": (_HEAD + "(PEA)2PbI4,1.2\n" * 90_000).encode(),
        "20,000 sound rows": (_HEAD + sound).encode(),
        "lists in lists": b"[" * 1_000_000,
        "60 MB of line ends": b"\n" * 60_000_000,
        "100 MB, gzipped": gzip.compress(b"\n" * 100_000_000),
    }


class Readers:
    """Four who read until they are told to stop; the longest wait since it was last asked for."""

    def __init__(self, address: str) -> None:
        self.address, self.longest, self.wrong, self.stop = address, 0.0, 0, False
        self.threads = [threading.Thread(target=self._read, daemon=True) for _ in range(4)]
        for thread in self.threads:
            thread.start()

    def _read(self) -> None:
        with httpx.Client(base_url=self.address, timeout=60, trust_env=False) as client:
            while not self.stop:
                begun = time.perf_counter()
                self.wrong += client.get(HERE).status_code != 200
                self.longest = max(self.longest, time.perf_counter() - begun)
                time.sleep(0.02)

    def end(self) -> None:
        """Stop asking, and wait for the last answers."""
        self.stop = True
        for thread in self.threads:
            thread.join()

    def waited(self) -> float:
        """The longest wait since this was last asked."""
        longest, self.longest = self.longest, 0.0
        return longest


def memory_mb(process: int) -> float:
    """Resident memory of a process (Linux), 10^6 bytes."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4096e-6


def read_many(address: str, requests: int, process: int) -> None:
    """Ask for so many different pages, and print the memory on the way."""
    pages = ["ranking?page={}", "events?limit={}", "measurements?x={}", "suggestions?x={}", "jobs?x={}", "?x={}"]
    numbers, step = count(1), max(1, requests // 5)
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        for done in range(requests + 1):
            if done % step == 0:
                print(f"after {done:,} requests {memory_mb(process):.0f} MB", flush=True)
            client.get(f"{HERE}/{pages[done % len(pages)].format(next(numbers) % 400 + 1)}")


def learnt(client: httpx.Client) -> list[str]:
    """How each time that it learnt ended, once nothing more is to be learnt from."""
    while True:
        states = [job["state"] for job in client.get(f"{HERE}/jobs").json() if job["kind"] == "learn"]
        if set(states) <= {"done", "failed"}:
            return states
        time.sleep(0.2)


def ingest_many(address: str, ingests: int, trainings: int, process: int) -> float:
    """Hand in so many crystals, each a table of its own, and print the memory on the way; the longest wait, s."""
    readers, longest = Readers(address), 0.0
    with httpx.Client(base_url=address, timeout=600, trust_env=False) as client:
        for done in range(ingests + 1):
            if done and done % max(1, ingests // trainings) == 0:
                states = learnt(client)
                told = f"learnt {states.count('done')} times, {states.count('failed')} failed"
                longest = max(longest, waited := readers.waited())
                memory = f"{memory_mb(process):.0f} MB, longest wait {1000 * waited:.0f} ms"
                print(f"after {done:,} ingests, {told}: {memory}", flush=True)
            n = 2 + done % 11
            row = f"(PEA)2(MA){n - 1}Pb{n}I{3 * n + 1},{0.5 + done * 1e-3:.3f},K{done}\n"
            table = {"file": ("lab.csv", f"formula,lifetime_ps,sample\n{row}".encode())}
            client.post(f"{HERE}/measurements/table", files=table, data={"accept_extreme": "true"}).raise_for_status()
    readers.end()
    return longest


def beside_fresh(old: tuple[subprocess.Popen[str], str], folder: Path) -> float:
    """How many times the memory of a fresh server an old one on the same folder holds, after the same requests."""
    held, fresh = [], started(folder)
    try:
        for process, address in (old, fresh):
            with httpx.Client(base_url=address, timeout=600, trust_env=False) as client:
                asked = client.post(f"{HERE}/predictions", json={"formula": "(PEA)2(MA)6Pb7I22"}).raise_for_status()
                while client.get(f"api/jobs/{asked.json()['id']}").json()["state"] in ("queued", "running"):
                    time.sleep(0.1)
            read_many(address, 240, process.pid)
            held.append(memory_mb(process.pid))
    finally:
        fresh[0].kill()
        fresh[0].wait()
    print(f"the old server holds {held[0]:.0f} MB, a fresh one {held[1]:.0f} MB", flush=True)
    return held[0] / held[1]


def main() -> int:
    """Serve, read, hand in; say whether nobody waited."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--ingests", type=int, default=0)
    parser.add_argument("--trainings", type=int, default=25)
    parser.add_argument("--surrogate", default="mean", help="networks_processes is the default of campaigns")
    parser.add_argument("--tries", type=int, default=5)
    parser.add_argument("--kind", default="", help="only the files whose kind says so")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder, library = Path(work) / "served", Path(work) / "cations.csv"
        library.write_text(LIBRARY, encoding="utf-8")
        config = CampaignConfig.parse({"space": {"n_layers": "1-12"}, "surrogate": asked.surrogate})
        Campaign.create(folder, config, libraries=[library]).close()
        process, address = started(folder)
        try:
            read_many(address, asked.requests, process.pid)
            worst = ingest_many(address, asked.ingests, asked.trainings, process.pid) if asked.ingests else 0.0
            grown = beside_fresh((process, address), folder) if asked.ingests else 1.0
            readers = Readers(address)
            time.sleep(3)
            print(f"quiet: longest wait {1000 * readers.waited():.0f} ms", flush=True)
            for kind, content in hostile().items() if asked.tries else ():
                if asked.kind not in kind:
                    continue
                statuses, longest, begun = set[int](), 0.0, time.perf_counter()
                for _ in range(asked.tries):
                    answer = httpx.post(
                        f"{address}{HERE}/measurements/table",
                        files={"file": ("lab.csv", content)},
                        data={"dry_run": "true"},
                        timeout=600,
                        trust_env=False,
                    )
                    statuses.add(answer.status_code)
                    longest = max(longest, readers.waited())
                worst, readers.wrong = max(worst, longest), readers.wrong + any(status >= 500 for status in statuses)
                took = (time.perf_counter() - begun) / asked.tries
                told = "/".join(map(str, sorted(statuses)))
                print(f"{kind}: {told} after {took:.1f} s, longest wait {1000 * longest:.0f} ms", flush=True)
            readers.end()
            print(f"longest wait {1000 * worst:.0f} ms, {readers.wrong} wrong answers, {memory_mb(process.pid):.0f} MB")
        finally:
            process.kill()
            process.wait()
    return 0 if worst <= LIMIT_S and grown <= GROWN and not readers.wrong else 1


if __name__ == "__main__":
    sys.exit(main())
