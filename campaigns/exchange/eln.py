"""A campaign as an .eln file: an RO-Crate 1.1 in a zip, as the ELN Consortium lays it out, one entry a compound.
One that is handed in is not unpacked to disk, and nothing of it is believed without its hash.

Specification: github.com/TheELNConsortium/TheELNFileFormat; RO-Crate 1.1: w3id.org/ro/crate/1.1.
"""

from __future__ import annotations

import json
import mimetypes
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from html import escape
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pandas as pd
from rocrate.model import ContextEntity, Person
from rocrate.rocrate import ROCrate

from campaigns.errors import IngestError
from campaigns.events import LIFETIME_PS
from campaigns.files import TRACES, file_name, title_of, write_whole
from campaigns.intake import outcome_rows
from campaigns.summary import Step
from campaigns.targets import Recorded, Target, task_of
from chemspace.errors import ChemspaceError
from chemspace.tables.frame import write_csv
from chemspace.tables.grid import MAX_BYTES

if TYPE_CHECKING:
    from campaigns.campaign import Campaign
    from campaigns.ingest import ReadingOptions
    from campaigns.intake import OutcomeResult
    from campaigns.summary import IngestResult
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
    crate.name = title_of(campaign.folder)
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


METADATA = "ro-crate-metadata.json"
#: Of a crate: files, bytes of one file unpacked, and of all of them.
MAX_MEMBERS, MAX_MEMBER_BYTES, MAX_CRATE_BYTES = 10_000, MAX_BYTES, 1_000_000_000


@dataclass(frozen=True)
class Crate:
    """An .eln file whose files are all there and are what its metadata says."""

    name: str  #: of the file
    entries: tuple[str, ...]  #: name of each entry (a folder of the crate)
    tables: Mapping[str, bytes]  #: content of the tables that `ingest --eln` takes in, by name
    n_files: int  #: files that were checked


def read_crate(path: Path) -> Crate:
    """Read an .eln file and check every file in it."""
    name = path.name
    try:
        with zipfile.ZipFile(path) as archive:
            root = _root_of(name, archive)
            crate = _parsed(name, _content(name, archive, archive.getinfo(root + METADATA)))
            tables = _checked(name, archive, root, crate)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise IngestError(name, (f"it is no zip that can be read ({error}); an .eln file is one",)) from error
    except OSError as error:
        raise IngestError(name, (f"it cannot be read: {error.strerror or error}",)) from error
    entries = tuple(str(one.get("name", one.id)) for one in crate.get_by_type("Dataset") if one.id != "./")
    return Crate(name, entries, tables, len(crate.get_by_type("File")))


def ingest_crate(
    campaign: Campaign, path: Path, *, dry_run: bool = False, reading: ReadingOptions | None = None
) -> tuple[tuple[IngestResult, ...], OutcomeResult | None]:
    """Take in measurements, those of related tasks and outcomes of an .eln file that a campaign exported; what is known
    is passed over. Returns what came of the measurements, one for each task, and of the outcomes (None: there are
    none). Raises IngestError if the crate will not do, or holds neither table; UnconfirmedError as
    `Campaign.ingest`."""
    crate = read_crate(path)
    if not crate.tables:
        raise IngestError(
            crate.name,
            (
                f"it holds {len(crate.entries)} entries and neither {MEASUREMENTS} nor {OUTCOMES}, so spinscreen did "
                "not write it; hand in its table of results alone: spinscreen ingest CAMPAIGN TABLE",
            ),
        )
    measured: list[IngestResult] = []
    became = None
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{path.stem}_{name}" for name in crate.tables}
        for name, file in paths.items():
            file.write_bytes(crate.tables[name])
        if MEASUREMENTS in paths:
            measured.append(campaign.ingest(paths[MEASUREMENTS], dry_run=dry_run, **(reading or {})))
        if RELATED in paths:
            table = pd.read_csv(paths[RELATED], dtype=str, keep_default_na=False)
            for task, rows in table.groupby("task", sort=False):
                target = Target.of_task(str(task)).name
                own = rows.drop(columns="task")
                measured.append(campaign.ingest(own, target, dry_run=dry_run, **(reading or {})))
        if OUTCOMES in paths:
            became = campaign.ingest_outcomes(paths[OUTCOMES], dry_run=dry_run)
    return tuple(measured), became


def _root_of(name: str, archive: zipfile.ZipFile) -> str:
    """The one folder of the archive, with its slash; every name in it is checked before anything is read."""
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise IngestError(name, (f"it holds {len(members):,} files; {MAX_MEMBERS:,} at most are read",))
    total = 0
    for member in members:
        parts = PurePosixPath(member.filename).parts
        is_link = (member.external_attr >> 16) & 0o170000 == 0o120000
        if not parts or ".." in parts or member.filename.startswith("/") or "\\" in member.filename or ":" in parts[0]:
            raise IngestError(name, (f"{member.filename!r} leads out of its folder; nothing of the file was read",))
        if is_link:
            raise IngestError(name, (f"{member.filename!r} is a link; an .eln file holds files and folders only",))
        if member.flag_bits & 1:
            raise IngestError(name, (f"{member.filename!r} is encrypted; export it without a password",))
        total += member.file_size
        if member.file_size > MAX_MEMBER_BYTES or total > MAX_CRATE_BYTES:
            raise IngestError(
                name,
                (
                    f"{member.filename!r} has {member.file_size:,} bytes unpacked, with those before it {total:,}; "
                    f"{MAX_MEMBER_BYTES:,} a file and {MAX_CRATE_BYTES:,} in all are read",
                ),
            )
    roots = {PurePosixPath(member.filename).parts[0] for member in members}
    if len(roots) != 1:
        raise IngestError(name, (f"it holds {len(roots)} folders at its top; an .eln file holds one",))
    root = f"{roots.pop()}/"
    if root + METADATA not in archive.namelist():
        raise IngestError(name, (f"its folder {root} holds no {METADATA}, so it is no RO-Crate",))
    return root


def _content(name: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A member unpacked; what unpacks to more than its entry says is refused."""
    with archive.open(member) as stream:
        content = stream.read(MAX_MEMBER_BYTES + 1)
    if len(content) > MAX_MEMBER_BYTES:
        raise IngestError(name, (f"{member.filename!r} unpacks to more than {MAX_MEMBER_BYTES:,} bytes",))
    return content


def _parsed(name: str, content: bytes) -> Any:
    """The crate's metadata as the RO-Crate library reads it; it opens no file and no address."""
    try:
        metadata = json.loads(content)
        if not isinstance(metadata, dict) or "@graph" not in metadata:
            raise ValueError("there is no @graph")
        return ROCrate(metadata)
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError, RecursionError) as error:
        raise IngestError(name, (f"its {METADATA} describes no RO-Crate ({str(error)[:200] or 'nothing'})",)) from error


def _checked(name: str, archive: zipfile.ZipFile, root: str, crate: Any) -> dict[str, bytes]:
    """The tables, after every file of the metadata was compared with what is there."""
    held, problems, tables = set(archive.namelist()), [], {}
    for entity in crate.get_by_type("File"):
        identity = str(entity.id)
        if urlsplit(identity).scheme:
            continue  # elsewhere, as RO-Crate allows; it is not fetched
        path = unquote(identity).removeprefix("./")
        if root + path not in held:
            problems.append(f"{path} is described and missing")
            continue
        content = _content(name, archive, archive.getinfo(root + path))
        size, digest = entity.get("contentSize"), entity.get("sha256")
        if size is not None and str(size) != str(len(content)):
            problems.append(f"{path} has {len(content):,} bytes, its description says {size}")
        if digest is not None and str(digest).lower() != sha256(content).hexdigest():
            problems.append(f"{path} has another SHA-256 than its description says: it was changed or damaged")
        if path in (MEASUREMENTS, RELATED, OUTCOMES):
            tables[path] = content
            if digest is None:
                problems.append(f"{path} has no sha256 in its description, so it cannot be checked")
    if problems:
        raise IngestError(name, tuple(problems[:20]))
    return tables
