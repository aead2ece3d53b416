"""How long the documentation's sentences are: words in the median, and the share above 25, by page.

python -m benchmarks.sentences
"""

from __future__ import annotations

import re
import statistics
from pathlib import Path

ROOT = Path(__file__).parents[1]
LONG = 25
#: What is no sentence of ours: code, tables, headings, comments, and the lists of sources.
_NO_PROSE = re.compile(
    r"```.*?```|<!--.*?-->|<svg.*?</svg>|^(?: {4}|\||#|:::|<|- [^\n]*doi)[^\n]*$", re.DOTALL | re.MULTILINE
)
_MARKUP = re.compile(r"!\[.*?\]\(.*?\)|\[([^\]]*)\]\([^)]*\)|[*`]")
#: Where a sentence ends: a stop before a capital letter, a colon before a list, an empty line, or a list's next entry.
_END = re.compile(r"(?<=[.?!])[\"')]*\s+(?=[A-Z\"(])|\n\s*\n|\n\s*(?:[-*]|\d+\.)\s+|:\n")


def lengths(text: str) -> list[int]:
    """Words of each sentence of a page in Markdown."""
    prose = _MARKUP.sub(lambda found: found[1] or "", re.sub(_NO_PROSE, "\n\n", text))
    words = [len(re.findall(r"[\w'’.,/-]*\w[\w'’.,/-]*", sentence)) for sentence in _END.split(prose)]
    return [count for count in words if count > 2]


def main() -> None:
    """Print a line a page, those with the longest sentences first."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    rows = []
    for page in pages:
        if found := lengths(page.read_text(encoding="utf-8")):
            share = sum(count > LONG for count in found) / len(found)
            rows.append((statistics.median(found), share, len(found), str(page.relative_to(ROOT))))
    for median, share, n, name in sorted(rows, reverse=True):
        print(f"{name:34s} median {median:4.1f} words, {share:4.0%} of {n:4d} sentences above {LONG}")


if __name__ == "__main__":
    main()
