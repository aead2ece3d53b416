"""Run the commands that a page shows and put what they print where the page shows it.

    python docs/tools/blocks.py PAGE... [--here]

A block is what stands between `<!-- output of: COMMAND -->` and `<!-- end of output -->`. The commands of a page run
one after the other in one empty folder (with --here: in this repository), with the environment's own commands first on
the path; only what they print on stdout is shown. A command that fails ends the run and leaves the page as it was.
`<!-- file: NAME -->` above a code block writes that block into the folder first, so that what is read is what is run.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
STEP = re.compile(
    r"<!-- output of: (?P<command>.+?) -->\n(?P<shown>.*?)<!-- end of output -->\n"
    r"|<!-- file: (?P<name>\S+) -->\n```\w*\n(?P<content>.*?)```\n",
    re.DOTALL,
)


def fill(page: str, folder: Path) -> str:
    """The page with every block as its command prints it now."""

    def step(found: re.Match[str]) -> str:
        if found["name"]:
            (folder / found["name"]).write_text(found["content"], encoding="utf-8")
            return found[0]
        command = found["command"]
        print(f"  {command}", file=sys.stderr, flush=True)
        shown = printed(command, folder)
        return f"<!-- output of: {command} -->\n```text\n{shown}\n```\n<!-- end of output -->\n"

    return STEP.sub(step, page)


def printed(command: str, folder: Path) -> str:
    """What a command prints on stdout, in 110 columns, without spaces at line ends."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**outside, "PATH": path, "COLUMNS": "110", "OMP_NUM_THREADS": "1", "NO_COLOR": "1"},
    )
    if done.returncode:
        raise SystemExit(f"{command} ended with {done.returncode}:\n{done.stderr}")
    return "\n".join(line.rstrip() for line in done.stdout.strip("\n").splitlines())


def main() -> None:
    """Fill the pages named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--here", action="store_true", help="run the commands in the repository")
    asked = parser.parse_args()
    for page in asked.pages:
        print(page, file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            filled = fill(page.read_text(encoding="utf-8"), ROOT if asked.here else Path(folder))
        page.write_text(filled, encoding="utf-8")


if __name__ == "__main__":
    main()
