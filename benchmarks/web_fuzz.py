"""Thousands of made-up requests to a served campaign: no answer outside the OpenAPI document, no 5xx, no trace.

    python benchmarks/web_fuzz.py CAMPAIGN [REQUESTS] [SEED]

Works on a copy of the campaign's folder; a campaign that was served once has its ranking laid out, so that pages of it
are answered. Jobs are queued and not run (the interface is tried, not the learning), so the
limit on waiting jobs is met too. Prints how often each operation gave each status.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from campaigns.web.app import create_app
from campaigns.web.jobs import JobQueue
from campaigns.web.settings import Role, Settings, TokenFile
from tests.campaigns.web.fuzzing import fuzz

#: Two ways (valid, invalid) of each of this many operations.
OPERATIONS = 17


def main(folder: Path, requests: int, seed: int) -> None:
    """Send them as an editor, as a viewer, and without a token."""
    JobQueue.start = lambda self: None  # type: ignore[method-assign]  # see above
    with tempfile.TemporaryDirectory() as scratch:
        copy, tokens = Path(scratch) / "campaign", TokenFile(Path(scratch) / "tokens.json")
        shutil.copytree(folder, copy)
        who = {"editor": tokens.add("editor", Role.EDITOR), "viewer": tokens.add("viewer", Role.VIEWER), "nobody": None}
        app = create_app(Settings(folders=(copy,), tokens=tokens, prepare=False, dig=False))
        service = app.state.registry.service("campaign")
        total, begin = 0, time.perf_counter()
        for name, token in who.items():
            before = len(service.events())
            examples = max(1, requests // (2 * OPERATIONS) if name == "editor" else requests // (20 * OPERATIONS))
            seen = fuzz(app, token, "campaign", examples, seed=seed)
            statuses: dict[int, int] = {}
            for (_, status), count in seen.items():
                statuses[status] = statuses.get(status, 0) + count
            service.campaign.refresh()
            written = len(service.events()) - before
            total += sum(statuses.values())
            print(
                f"{name}: {sum(statuses.values())} requests, {dict(sorted(statuses.items()))}, {written} events written"
            )
            if name == "editor":
                for (operation, status), count in sorted(seen.items()):
                    print(f"    {operation:70s} {status} {count:6d}")
            elif written:
                raise SystemExit(f"{name} wrote {written} events")
        print(f"{total} requests in {time.perf_counter() - begin:.0f} s, none answered with 5xx or a trace")


if __name__ == "__main__":
    numbers = [*map(int, sys.argv[2:]), *(5000, 0)[len(sys.argv) - 2 :]]
    main(Path(sys.argv[1]), *numbers)
