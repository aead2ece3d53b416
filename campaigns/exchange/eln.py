"""A campaign as an .eln file: an RO-Crate 1.1 in a zip, as the ELN Consortium lays it out, one entry a compound.

Specification: github.com/TheELNConsortium/TheELNFileFormat; RO-Crate 1.1: w3id.org/ro/crate/1.1.
"""

from __future__ import annotations

import json
import mimetypes
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rocrate.model import ContextEntity, Person
from rocrate.rocrate import ROCrate

from campaigns.events import LIFETIME_PS
from campaigns.files import TRACES, file_name, write_whole
from campaigns.outcome_table import outcome_rows
from campaigns.summary import Step
from campaigns.targets import Recorded, task_of
from chemspace.errors import ChemspaceError
from chemspace.tables.write import write_csv

if TYPE_CHECKING:
    from campaigns.campaign import Campaign
    from chemspace.recipe import Recipe

#: Tables at the top of the crate, by which `ingest --eln` takes a campaign in.
MEASUREMENTS, RELATED, OUTCOMES = "measurements.csv", "related.csv", "outcomes.csv"
#: What the crate holds of a compound in a form for programs.
RECORD = "record.json"
_SCRIPT = "plotly.min.js"


@dataclass(frozen=True)
class _Entry:
    """What a campaign knows of one compound."""

    formula: str
    stage: str
    rows: tuple[Recorded, ...]
    steps: tuple[Step, ...]
    recipe: Recipe | None

    @property
    def people(self) -> list[str]:
        """Who recorded it, the first of them first."""
        told: list[Recorded | Step] = sorted([*self.rows, *self.steps], key=lambda one: one.at)
        return list(dict.fromkeys(one.actor for one in told))

    @property
    def times(self) -> list[datetime]:
        return sorted([*(row.at for row in self.rows), *(step.at for step in self.steps)])

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "formula": self.formula,
            "stage": self.stage,
            "recipe": None if self.recipe is None else self.recipe.to_dict(),
            "observations": [{"target": row.observation.target, **row.to_dict()} for row in self.rows],
            "steps": [
                {**step.payload, "at": step.at.isoformat(timespec="seconds"), "actor": step.actor}
                for step in self.steps
            ],
        }

    def text(self) -> str:
        """For people, HTML."""
        lines = [f"{self.formula}: {self.stage or 'nothing stands'}"]
        for row in self.rows:
            told = row.observation
            sign, error = "<" if told.is_bound else "", "" if told.stderr is None else f" ± {told.stderr:.2g}"
            gone = "" if row.retracted is None else f", taken back: {row.retracted}"
            sample = f", sample {told.sample}" if told.sample else ""
            lines.append(f"{told.target} {sign}{told.value:.4g}{error}{sample} ({row.actor}, {row.at:%Y-%m-%d}){gone}")
        for step in self.steps:
            made = f", {step.made} was made" if step.made else ""
            why = f": {step.reason}" if step.reason else ""
            lines.append(f"{step.stage.value}{made} ({step.actor}, {step.at:%Y-%m-%d}){why}")
        if self.recipe is not None:
            lines += [f"recipe {self.recipe.line}", self.recipe.equation]
        return "".join(f"<p>{escape(line)}</p>" for line in lines)


def _entries(campaign: Campaign) -> Iterator[_Entry]:
    state = campaign.state
    rows = [row for record in state.records.values() for row in record if not row.of_launch]
    formulas = dict.fromkeys((*state.stages, *(row.observation.formula for row in rows)))
    for formula in formulas:
        try:
            recipe = campaign.recipe(formula)
        except ChemspaceError:
            recipe = None
        stage = state.stages.get(formula)
        yield _Entry(
            formula,
            "" if stage is None else stage.value,
            tuple(row for row in rows if row.observation.formula == formula),
            tuple(step for step in state.steps if formula in (step.formula, step.made)),
            recipe,
        )


class _Writer:
    """The crate and the content of its files, by their paths in it."""

    def __init__(self) -> None:
        self.crate = ROCrate(version="1.1")
        self.crate.metadata.extra_terms["sha256"] = "http://schema.org/sha256"  # younger than RO-Crate 1.1's context
        self.contents: dict[str, bytes] = {}

    def add_file(self, path: str, content: bytes, description: str, created: str) -> Any:
        name = path.rpartition("/")[2]
        self.contents[path] = content
        about = {
            "name": name,
            "description": description,
            "encodingFormat": mimetypes.guess_type(name)[0] or "application/octet-stream",
            "contentSize": str(len(content)),
            "sha256": sha256(content).hexdigest(),
            "dateCreated": created,
        }
        return self.crate.add_file(BytesIO(content), path, properties=about)

    def person(self, name: str) -> Any:
        identity = f"#{file_name(name, '')}"
        known = self.crate.dereference(identity)
        return known or self.crate.add(Person(self.crate, identity, properties={"name": name}))

    def write(self, path: Path, folder: str) -> None:
        metadata = json.dumps(self.crate.metadata.generate(), indent=2, ensure_ascii=False)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{folder}/ro-crate-metadata.json", metadata)
            for name, content in self.contents.items():
                archive.writestr(f"{folder}/{name}", content)


def write_eln(campaign: Campaign, path: Path) -> int:
    """Write an .eln file: recipes, raw files, fits, lifetimes, outcomes, people, hashes; the number of entries."""
    state, writer = campaign.state, _Writer()
    crate, created = writer.crate, campaign.state.created_at.isoformat(timespec="seconds")
    crate.name = campaign.folder.resolve().name
    crate.description = f"Screening campaign {crate.name}: layered halide perovskites with a long spin lifetime"
    terms = {"@type": "CreativeWork", "name": "No licence is stated", "description": "Ask those who measured"}
    crate.license = crate.add(ContextEntity(crate, "#licence", properties=terms))
    maker = {"@type": "Organization", "name": "spinscreen", "url": "https://pypi.org/project/spinscreen"}
    crate.metadata["version"] = "1.0"  # which the consortium's checks want
    # Of the root: for one of the descriptor, the consortium's eln2md wants a name where RO-Crate wants a reference.
    crate.publisher = crate.add(ContextEntity(crate, "#spinscreen", properties=maker))
    known = {name: [row.to_dict() for row in rows if not row.is_undone] for name, rows in state.records.items()}
    related = [{"task": task, **row} for name, rows in known.items() if (task := task_of(name)) for row in rows]
    for name, rows in ((MEASUREMENTS, known[LIFETIME_PS]), (RELATED, related), (OUTCOMES, outcome_rows(state))):
        if rows:
            writer.add_file(name, _csv(rows), f"Every row of the campaign's {name.partition('.')[0]}", created)
    raw = {name.partition("_")[0]: (name, content) for name, content in campaign.raw_files()}
    entries, latest = list(_entries(campaign)), campaign.state.created_at
    for entry in entries:
        times = entry.times or [state.created_at]
        latest = max(latest, times[-1])
        _add_entry(writer, entry, times, raw, campaign.folder / TRACES)
    crate.root_dataset["datePublished"] = latest.isoformat(timespec="seconds")
    crate.metadata["dateCreated"] = latest.isoformat(timespec="seconds")
    write_whole(path, lambda target: writer.write(target, path.stem))
    return len(entries)


def _add_entry(
    writer: _Writer, entry: _Entry, times: list[datetime], raw: dict[str, tuple[str, bytes]], pages: Path
) -> None:
    folder = file_name(entry.formula, "")
    created, modified = (f"{time:%Y-%m-%dT%H:%M:%S%z}" for time in (times[0], times[-1]))
    about = {"name": entry.formula, "text": entry.text(), "dateCreated": created, "dateModified": modified}
    if entry.stage:
        about["keywords"] = entry.stage
    dataset = writer.crate.add_dataset(dest_path=f"{folder}/", properties=about)
    people = [writer.person(name) for name in entry.people]
    for role, those in (("author", people[:1]), ("contributor", people[1:])):
        if those:  # one author, not a list of one, which the consortium's schema refuses
            dataset[role] = those[0] if len(those) == 1 else those
    record = json.dumps(entry.record(), indent=2, ensure_ascii=False).encode()
    parts = [writer.add_file(f"{folder}/{RECORD}", record, "Everything about the compound, for programs", created)]
    for digest in dict.fromkeys(digest for row in entry.rows for digest in row.files):
        if (found := raw.get(digest[:12])) is not None:
            parts.append(writer.add_file(f"{folder}/{found[0]}", found[1], "Raw file, as it was handed in", created))
    for row in entry.rows:
        parts += _add_fit(writer, folder, row, pages, created)
    dataset["hasPart"] = parts


def _add_fit(writer: _Writer, folder: str, row: Recorded, pages: Path, created: str) -> list[Any]:
    """The figures of a fit and its numbers, where the campaign's folder has them."""
    added = []
    for ending, what in ((".html", "The trace and its fit, drawn"), (".json", "The fit's numbers")):
        page = pages / f"{row.number:04d}-{file_name(row.observation.formula, ending)}"
        if row.observation.target != "lifetime_ps" or not page.is_file():
            continue
        content = page.read_bytes()
        if ending == ".html" and (script := pages / _SCRIPT).is_file():
            content = content.replace(f'src="{_SCRIPT}"'.encode(), f'src="../{_SCRIPT}"'.encode())
            if _SCRIPT not in writer.contents:
                writer.add_file(_SCRIPT, script.read_bytes(), "Draws the figures (plotly.js)", created)
        added.append(writer.add_file(f"{folder}/{page.name}", content, what, created))
    return added


def _csv(rows: list[dict[str, Any]]) -> bytes:
    import pandas as pd

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        write_csv(pd.DataFrame(rows), path)
        return path.read_bytes()
