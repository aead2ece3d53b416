"""Kill the server under writing clients; look whether what it acknowledged is there, once, and the campaign sound.

    python benchmarks/web_kills.py [--kills 40] [--clients 3] [--within 4] [--seed 7]

Each client says again and again that a synthesis failed, each time in words of its own and with an idempotency key, and
notes what was answered 201. The server gets SIGKILL at a moment drawn evenly from the first seconds of writing
(`--within`); it is started again, every client sends its last write once more with the same key, and the log is read:
each note must stand in it once, the repeated ones too, and `spinscreen check` must find nothing. Exits 1 otherwise.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import httpx

from benchmarks.campaign_kills import LIBRARY
from campaigns import Campaign, CampaignConfig
from campaigns.upkeep import look_over

_SERVER = """
import sys
from pathlib import Path
from campaigns.web.app import run
from campaigns.web.settings import Settings
settings = Settings(folders=(Path(sys.argv[1]),), prepare=False, dig=False)
run(settings, 0, lambda address: print(address, flush=True))
"""
_SPACERS = ("PEA", "BA", "PA", "EOA", "CMA")


class Client(threading.Thread):
    """One who writes until the server is gone."""

    def __init__(self, address: str, name: str) -> None:
        super().__init__(daemon=True)
        self.address, self.label = address, name
        self.sent: list[str] = []
        self.acknowledged: list[str] = []

    def run(self) -> None:
        """Write."""
        for number in range(10_000):
            self.sent.append(f"{self.label}-{number}")
            try:
                if send(self.address, self.sent[-1]) != 201:
                    return
            except httpx.HTTPError:
                return
            self.acknowledged.append(self.sent[-1])


def send(address: str, words: str) -> int:
    """Say that a synthesis failed; the status of the answer."""
    number = int(words.rpartition("-")[2])
    n = 2 + number % 11
    told = {
        "formula": f"({_SPACERS[number % 5]})2(MA){n - 1}Pb{n}I{3 * n + 1}",
        "stage": "not formed",
        "reason": words,
    }
    where = f"{address}api/campaigns/served/outcomes"
    answer = httpx.post(where, json=told, headers={"idempotency-key": words}, timeout=20, trust_env=False)
    return answer.status_code


def started(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """A server over the campaign, and its address."""
    command = [sys.executable, "-c", _SERVER, str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    while True:
        try:
            httpx.get(f"{address}api/campaigns", timeout=20, trust_env=False).raise_for_status()
            return process, address
        except httpx.TransportError:
            time.sleep(0.05)


def one_kill(folder: Path, kill: int, n_clients: int, seconds: float) -> tuple[int, list[str]]:
    """Start, write, kill, start, write the last again; how many writes were acknowledged, and what is wrong."""
    process, address = started(folder)
    clients = [Client(address, f"kill{kill}-client{i}") for i in range(n_clients)]
    for client in clients:
        client.start()
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for client in clients:
        client.join()
    process, address = started(folder)
    again = [client.sent[-1] for client in clients]
    problems = [f"{words}: sent again, answered {code}" for words in again if (code := send(address, words)) != 201]
    process.send_signal(signal.SIGKILL)
    process.wait()
    with Campaign.open(folder) as campaign:
        stands = Counter(step.reason for step in campaign.state.steps)
    wanted = [words for client in clients for words in (*client.acknowledged, client.sent[-1])]
    problems += [f"{words}: stands {stands[words]} times" for words in dict.fromkeys(wanted) if stands[words] != 1]
    problems += look_over(folder, folder / "none").damage
    return sum(len(client.acknowledged) for client in clients), problems


def main() -> int:
    """Kill, print, say whether all was there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", "--tries", type=int, default=40)
    parser.add_argument("--clients", type=int, default=3)
    parser.add_argument("--within", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    draw, acknowledged, problems = random.Random(options.seed), 0, list[str]()
    with tempfile.TemporaryDirectory() as work:
        folder, library = Path(work) / "served", Path(work) / "cations.csv"
        library.write_text(LIBRARY, encoding="utf-8")
        config = CampaignConfig.parse({"space": {"n_layers": "1-12"}, "surrogate": "mean"})
        Campaign.create(folder, config, libraries=[library]).close()
        for kill in range(options.kills):
            count, wrong = one_kill(folder, kill, options.clients, draw.uniform(0.0, options.within))
            acknowledged, problems = acknowledged + count, problems + wrong
    for line in problems:
        print(f"PROBLEM {line}")
    print(f"{options.kills} kills, {acknowledged} acknowledged writes, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
