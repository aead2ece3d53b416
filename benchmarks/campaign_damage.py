"""Change single bytes of a campaign's file; count the changes that nothing notices, and the exceptions that escape.

    python benchmarks/campaign_damage.py [--tries 10000] [--seed 7] [--campaign FOLDER]

The campaign (default: one of the tests' logs of 0.1.0, taken over) is copied; of the copy one byte at a time, drawn
evenly, gets another value, drawn evenly too. Opening it and `check` are asked in turn, and the byte is put back.
Exits 1 where a change passes both, or either ends in anything but a sentence.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from campaigns.chain import SUMS
from campaigns.database import DATABASE, EventLog
from campaigns.errors import CampaignError
from campaigns.state import replay
from campaigns.upkeep import look_over

__all__ = ["try_bytes"]

GOLDEN = Path(__file__).parent.parent / "tests" / "golden" / "0.1.0" / "lab"


def try_bytes(campaign: Path, tries: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Change bytes of a copy of a campaign's file, one at a time.

    Returns:
        How many were noticed on opening, by `check` alone, by nothing; and a line for each that was not noticed or
        ended in an exception that is no sentence.
    """
    draw, told, lines = random.Random(seed), Counter[str](), []
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "campaign"
        folder.mkdir()
        for name in (DATABASE, SUMS):
            if (campaign / name).exists():
                shutil.copy(campaign / name, folder / name)
        EventLog.open(folder / DATABASE).close()  # taken over where it is of an older schema
        content, sums = (folder / DATABASE).read_bytes(), (folder / SUMS).read_bytes()
        for _ in range(tries):
            place = draw.randrange(len(content))
            value = (content[place] + draw.randrange(1, 256)) % 256
            for old in folder.iterdir():
                old.unlink()
            (folder / SUMS).write_bytes(sums)
            (folder / DATABASE).write_bytes(content[:place] + bytes([value]) + content[place + 1 :])
            what = f"byte {place} from {content[place]} to {value}"
            try:
                how = _noticed(folder)
            except Exception as error:  # what is looked for
                how = "exception"
                what += f": {type(error).__name__}: {error}"
            told[how] += 1
            if how in ("nothing", "exception"):
                lines.append(what)
    return told, lines


def _noticed(folder: Path) -> str:
    try:
        replay(EventLog.open(folder / DATABASE).events())
    except CampaignError:
        return "opening"
    return "check" if look_over(folder, folder / "none").damage else "nothing"


def main() -> int:
    """Try, print, say whether all was noticed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--campaign", type=Path, default=GOLDEN)
    options = parser.parse_args()
    begin = time.perf_counter()
    told, lines = try_bytes(options.campaign, options.tries, options.seed)
    for line in lines:
        print(line)
    print(
        f"{options.tries} single bytes changed in {time.perf_counter() - begin:.0f} s: {told['opening']} noticed on "
        f"opening, {told['check']} by check alone, {told['nothing']} by nothing, {told['exception']} raw exceptions"
    )
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
