"""Fifty readers and four writers at once on a served campaign of a million compounds, for a minute.

    python benchmarks/web_load.py FOLDER [SECONDS]

Makes the campaign in FOLDER where it is not there (three metals, three halides, n = 1 to 18 over the built-in library:
1.0 million compounds; needs the oracle's store filled, SPINSCREEN_ORACLE_STORE). Serves it in a process of its own on
loopback, waits until its ranking is laid out, then sends requests as fast as they are answered, while another process
hands in the hostile files of `benchmarks.web_calm` one after the other as dry runs. Prints median, 95th and 99th
percentile of each kind of read, the writes, and whether every acknowledged write is in the record. Then pages of the
ranking one at a time, from the first to the last. Exits 1 where 99% of the reads took more than 1 s, anything was
answered 5xx or wrong, or a write is missing.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx

from benchmarks.web_calm import hostile
from campaigns import Campaign, CampaignConfig
from campaigns.config import SpaceRules

READERS, WRITERS, PORT = 50, 4, 8790
#: File of computed descriptors; "" takes the user's cache.
ORACLE_STORE = os.environ.get("SPINSCREEN_ORACLE_STORE", "")
SORTS = ("acquisition", "lifetime_ps", "lifetime_high_ps", "feasibility")


class Line:
    """One kept-alive connection, which keeps its session's cookie as a browser does."""

    cookie = ""

    async def ask(self, verb: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body of one request."""
        if not hasattr(self, "reader"):
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", PORT, limit=2**24)
        kind = "content-type: application/json\r\n" if body else ""
        head = f"{verb} {path} HTTP/1.1\r\nhost: 127.0.0.1:{PORT}\r\n{kind}content-length: {len(body)}\r\n"
        self.writer.write(f"{head}{self.cookie}\r\n".encode() + body)
        await self.writer.drain()
        answered = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        told = answered.lower()
        if "set-cookie: " in told:
            given = answered[told.index("set-cookie: ") + len("set-cookie: ") :].split(";")[0]
            self.cookie = f"cookie: {given}\r\n"
        length = int(told.split("content-length: ")[1].split("\r\n")[0])
        return int(told.split(" ")[1]), await self.reader.readexactly(length)


def make(folder: Path) -> Path:
    """The campaign of a million compounds."""
    config = CampaignConfig(
        space=SpaceRules(n_layers=tuple(range(1, 19)), b_sites=("Pb", "Sn", "Ge"), halides=("I", "Br", "Cl"))
    )
    campaign = Campaign.create(folder, config, oracle_store=Path(ORACLE_STORE) if ORACLE_STORE else None)
    begin = time.perf_counter()
    campaign.describe(workers=2)
    campaign.suggest()
    print(f"{len(campaign.space):,} compounds, launched in {time.perf_counter() - begin:.0f} s")
    campaign.close()
    return folder


def address(here: str, total: int, rng: random.Random) -> tuple[str, str]:
    """Kind and path of a random read."""
    last = max(1, total // 50)
    return rng.choice(
        [
            ("ranking page", f"/api/{here}/ranking?page={rng.randint(1, last)}&sort={rng.choice(SORTS)}"),
            ("ranking page, filtered", f"/api/{here}/ranking?page={rng.randint(1, 5)}&n_layers={rng.randint(1, 4)}"),
            ("compounds, HTML", f"/c/{here.split('/')[1]}/compounds?page={rng.randint(1, last)}"),
            ("overview, HTML", f"/c/{here.split('/')[1]}"),
            ("suggestions, HTML", f"/c/{here.split('/')[1]}/suggestions"),
            ("campaign", f"/api/{here}"),
            ("events", f"/api/{here}/events?limit=20"),
        ]
    )


def hand_in(here: str, seconds: float) -> None:
    """Hand in hostile files for so long, as dry runs; what was answered is printed."""
    statuses, end = list[int](), time.perf_counter() + seconds
    address = f"http://127.0.0.1:{PORT}/api/{here}/measurements/table"
    while time.perf_counter() < end:
        for content in hostile().values():
            file = {"file": ("lab.csv", content)}
            answer = httpx.post(address, files=file, data={"dry_run": "true"}, timeout=600, trust_env=False)
            statuses.append(answer.status_code)
            if time.perf_counter() > end:
                break
    print(f"    {len(statuses)} hostile files, answered {sorted(set(statuses))}", flush=True)


def cpu_s(process: int) -> float:
    """CPU seconds that a process has used (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def load(here: str, seconds: float, server: int) -> bool:
    """Readers, writers and hostile files at once; whether all was well."""
    line = Line()
    total = json.loads((await line.ask("GET", f"/api/{here}/ranking?size=1"))[1])["total"]
    formulas: list[str] = []
    for page in range(1, 21):
        rows = json.loads((await line.ask("GET", f"/api/{here}/ranking?size=500&page={20 + page}"))[1])["rows"]
        formulas += [row["formula"] for row in rows]
    reads: dict[str, list[float]] = {}
    writes: list[float] = []
    wrong: list[tuple[str, int]] = []
    written: list[str] = []
    end = time.perf_counter() + seconds

    async def read(seed: int) -> None:
        rng, own = random.Random(seed), Line()
        while time.perf_counter() < end:
            kind, path = address(here, total, rng)
            begin = time.perf_counter()
            status, _ = await own.ask("GET", path)
            reads.setdefault(kind, []).append(time.perf_counter() - begin)
            if status != 200:
                wrong.append((path, status))

    async def write() -> None:
        own = Line()
        while time.perf_counter() < end:
            formula = formulas.pop()
            begin = time.perf_counter()
            body = json.dumps({"formula": formula, "stage": "accepted", "reason": "load"}).encode()
            status, _ = await own.ask("POST", f"/api/{here}/outcomes", body)
            writes.append(time.perf_counter() - begin)
            if status == 201:
                written.append(formula)
            else:
                wrong.append((formula, status))

    hostile_one = multiprocessing.get_context("spawn").Process(target=hand_in, args=(here, seconds))
    hostile_one.start()
    used = cpu_s(server)
    await asyncio.gather(*(read(seed) for seed in range(READERS)), *(write() for _ in range(WRITERS)))
    used = cpu_s(server) - used
    hostile_one.join()
    every = sorted(value for values in reads.values() for value in values)
    print(f"{READERS} readers, {WRITERS} writers, {seconds:g} s; load of the machine {os.getloadavg()[0]:.1f}")
    for kind, values in (*sorted(reads.items()), ("all reads", every), ("writes", writes)):
        values = sorted(values)
        shares = "   ".join(
            f"{share:.0%} {1000 * values[int(share * len(values))]:6.0f} ms" for share in (0.5, 0.95, 0.99)
        )
        print(f"    {kind:24s} {len(values):6d}   {shares}")
    line = Line()  # the first one has been idle for too long
    print(f"    the server used {used:.1f} CPU s, {1000 * used / (len(every) + len(writes)):.1f} ms a request")
    steps = json.loads((await line.ask("GET", f"/api/{here}/outcomes"))[1])
    kept = {step["formula"] for step in steps}
    print(
        f"    {len(wrong)} errors {wrong[:3]}; {len(written)} acknowledged writes, {len(set(written) - kept)} missing"
    )
    await pages(line, here, total)
    return every[int(0.99 * len(every))] <= 1.0 and not wrong and set(written) <= kept


async def pages(line: Line, here: str, total: int) -> None:
    """Pages one at a time."""
    await asyncio.sleep(2.0)
    last = total // 50
    times = []
    for sort in SORTS:
        for page in (1, 2, last // 4, last // 2, 3 * last // 4, last):
            for what in ("", f"&text={quote('fluoro')}"):
                begin = time.perf_counter()
                status, _ = await line.ask("GET", f"/api/{here}/ranking?page={page}&sort={sort}{what}")
                assert status == 200
                times.append(1000 * (time.perf_counter() - begin))
    times.sort()
    print(
        f"    ranking pages alone: median {times[len(times) // 2]:.0f} ms, slowest {times[-1]:.0f} ms of {len(times)}"
    )


async def ready(here: str) -> None:
    """Wait for the ranking."""
    begin = time.perf_counter()
    while True:
        try:
            if (await Line().ask("GET", f"/api/{here}/ranking?size=1"))[0] == 200:
                break
        except OSError:
            pass
        await asyncio.sleep(0.5)
    print(f"served and laid out in {time.perf_counter() - begin:.0f} s")
    while b'"running"' in (await Line().ask("GET", f"/api/{here}/jobs"))[1]:
        await asyncio.sleep(0.5)


def main(folder: Path, seconds: float) -> bool:
    """Make, serve, load; whether all was well."""
    if not (folder / "campaign.db").exists():
        make(folder)
    code = (
        "import sys; from pathlib import Path; from campaigns.web.app import run; "
        "from campaigns.web.settings import Settings; "
        "run(Settings((Path(sys.argv[1]),), Path(sys.argv[3]) if sys.argv[3] else None, dig=False), "
        "int(sys.argv[2]), print)"
    )
    command = [sys.executable, "-c", code, str(folder), str(PORT), ORACLE_STORE]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        here = f"campaigns/{folder.name.lower()}"
        asyncio.run(ready(here))
        return asyncio.run(load(here, seconds, server.pid))
    finally:
        server.terminate()
        server.wait(60)


if __name__ == "__main__":
    sys.exit(0 if main(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 60.0) else 1)
