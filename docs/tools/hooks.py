"""What MkDocs fills in while it builds: tables from the package's own data, and the reference's list of modules."""

from __future__ import annotations

import ast
import csv
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
#: Modules of the command line and of the web pages are no library; their users have --help and the pages.
NO_REFERENCE = ("campaigns.cli", "campaigns.web", "campaigns.migrations")


def on_config(config: Any, **_: Any) -> Any:
    """Pages that nobody put into the navigation stand at the end of "In depth", so that none is out of reach."""
    docs = Path(config["docs_dir"])
    (depth,) = (section["In depth"] for section in config["nav"] if "In depth" in section)
    known = set(re.findall(r"[\w/-]+\.md", repr(config["nav"])))
    depth += sorted({page.relative_to(docs).as_posix() for page in docs.rglob("*.md")} - known)
    return config


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Replace every `<!-- insert: NAME ARGUMENT -->` by what the function of that name writes."""
    del page
    return re.sub(r"( *)<!-- insert: (\w+)(?: (\S+))? -->", _written, markdown)


def _written(found: re.Match[str]) -> str:
    """What stands at a marker, indented as the marker is (inside a box that folds)."""
    return "\n".join(found[1] + line if line else line for line in WRITERS[found[2]](found[3] or "").splitlines())


def modules(floor: str) -> str:
    """One mkdocstrings block for each module of a floor that offers names of its own."""
    blocks = []
    for path in sorted((ROOT / floor).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if not name.startswith(NO_REFERENCE) and _offers(path) and parts[-1] != "__init__":
            blocks.append(f"::: {name}")
    return "\n\n".join(blocks)


def _offers(path: Path) -> bool:
    """Whether a module defines names of its `__all__` itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(
        isinstance(node, ast.Assign) and any(getattr(target, "id", "") == "__all__" for target in node.targets)
        for node in tree.body
    )


def lifetimes(_: str) -> str:
    """Every measured compound with where its number comes from and what is doubtful about it."""
    return _table(
        ("row", "compound", "rate (1/ps)", "lifetime (ps)", "source", "flags and notes"),
        [
            (
                row["material_id"],
                row["formula"],
                row["rate_per_ps"],
                f"{1.0 / float(row['rate_per_ps']):.3g}",
                _measured_by(row),
                " ".join(filter(None, (_flags_of(row), _filed_as(row), row["note"]))),
            )
            for row in _read("screening/data/published_lifetimes.csv")
        ],
    )


def _measured_by(row: dict[str, str]) -> str:
    paper = _doi(row["doi"])
    if row["split"] == "synthesised":
        return f"{paper}, own crystal"
    return (
        f"reference {row['reference_in_paper']} of {paper}"
        if row["reference_in_paper"]
        else f"{paper}, origin not named"
    )


def _flags_of(row: dict[str, str]) -> str:
    return ", ".join(f"`{flag}`" for flag in row["flags"].split(";")) + "." if row["flags"] else ""


def _filed_as(row: dict[str, str]) -> str:
    return f"Filed as {row['formula_as_filed']}." if row["formula_as_filed"] != row["formula"] else ""


def flags(_: str) -> str:
    """What each flag of a measured row means, those that keep it out of training first."""
    from screening.dataset import EXCLUDING_FLAGS, FLAGS

    return _table(
        ("flag", "trains", "meaning"),
        [(f"`{flag}`", "no" if flag in EXCLUDING_FLAGS else "yes", meaning) for flag, meaning in FLAGS.items()],
    )


def corrections(_: str) -> str:
    """Rows of the published descriptor table that were corrected, column by column."""
    found = []
    for row in _read("screening/data/published_descriptors.csv"):
        for column in filter(None, re.split(r"[;, ]+", row["corrected"])):
            found.append((row["material_id"], column, row.get(f"{column}_filed", ""), row.get(column, "")))
    return _table(("row", "descriptor", "filed", "used"), found)


def formability(_: str) -> str:
    """Every spacer with a reported outcome and its source."""
    return _table(
        ("spacer", "SMILES", "charge", "reports", "layered", "doi", "note", "against it"),
        [
            (
                *(r["abbreviation"], f"`{r['smiles']}`", r["charge"], r["reports"], r["layered"], _doi(r["doi"])),
                *(r["note"], f"{r['against_note']} {_doi(r['against'])}".strip()),
            )
            for r in _read("screening/data/formability.csv")
        ],
    )


def cations(_: str) -> str:
    """Every cation of the built-in library with its source."""
    return _table(
        ("abbreviation", "also written", "name", "SMILES", "charge", "role", "source"),
        [
            (
                r["abbreviation"],
                r["aliases"].replace(";", ", "),
                r["name"],
                f"`{r['smiles']}`",
                r["charge"],
                r["role"],
                r["source"],
            )
            for r in _read("chemspace/data/cations.csv")
        ],
    )


def ambiguous(_: str) -> str:
    """Abbreviations with several meanings, which are refused."""
    return _table(
        ("written", "may mean", "why"),
        [(r["name"], r["readings"].replace(";", ", "), r["note"]) for r in _read("chemspace/data/ambiguous_names.csv")],
    )


def radii(_: str) -> str:
    """Effective radii of cage cations with their source."""
    return _table(
        ("cation", "radius (angstrom)", "source"),
        [(r["abbreviation"], r["radius_angstrom"], r["source"]) for r in _read("chemspace/data/effective_radii.csv")],
    )


def counts(path: str) -> str:
    """How many rows a table has, and how many a source."""
    rows = _read(path)
    sources = Counter(row.get("doi") or row.get("source") or "not stated" for row in rows)
    return f"{len(rows)} rows from {len(sources)} source{'s' if len(sources) > 1 else ''}"


def _read(path: str) -> list[dict[str, str]]:
    with (ROOT / path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _doi(text: str) -> str:
    dois = [part.strip() for part in text.split(";") if part.strip()]
    return ", ".join(f"[{doi}](https://doi.org/{doi})" if doi.startswith("10.") else doi for doi in dois)


WRITERS: dict[str, Callable[[str], str]] = {
    each.__name__: each
    for each in (modules, lifetimes, flags, corrections, formability, cations, ambiguous, radii, counts)
}
