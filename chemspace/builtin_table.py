"""Tables that come with the package, read once."""

from __future__ import annotations

import csv
from functools import lru_cache
from importlib.resources import files


def package_table(name: str) -> list[dict[str, str]]:
    """Rows of one CSV file of the package's data folder."""
    text = files("chemspace").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@lru_cache(maxsize=1)
def known_roles() -> dict[str, str]:
    """Role of each built-in cation, by InChIKey."""
    return {row["inchikey"]: row["role"] for row in package_table("cations.csv")}
