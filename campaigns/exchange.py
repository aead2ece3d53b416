"""What a campaign gives away, and takes: an .eln file, its tables as a data package, its compounds for NOMAD, its
model's card.

An .eln file is an RO-Crate 1.1 in a zip, as the ELN Consortium lays it out, one entry a compound. One that is handed in
is not unpacked to disk, and nothing of it is believed without its hash. Specification:
github.com/TheELNConsortium/TheELNFileFormat; RO-Crate 1.1: w3id.org/ro/crate/1.1.

A Frictionless data package is a zip of CSV files with types, units and descriptions (specification:
specs.frictionlessdata.io, Data Package and Table Schema). NOMAD takes perovskite compositions, one archive a compound
(schema: Perovskite_composition, github.com/Jesperkemist/Perovskite_composition; NOMAD's class
perovskite_solar_cell_database.composition.PerovskiteComposition reads them). The card says in Markdown and JSON what
the model is, what it learnt from, how well it predicts, and what not to trust.
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
from fractions import Fraction
from hashlib import sha256
from html import escape
from io import BytesIO
from pathlib import Path, PurePosixPath
from statistics import fmean
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pandas as pd

from campaigns.errors import CampaignError, IngestError
from campaigns.events import LIFETIME_PS, Stage
from campaigns.files import TRACES, file_name, title_of, write_whole
from campaigns.intake import outcome_rows
from campaigns.outputs import table
from campaigns.summary import Step
from campaigns.targets import Recorded, Target, task_of
from chemspace import parse_formula
from chemspace.errors import ChemspaceError
from chemspace.tables.frame import write_csv
from chemspace.tables.grid import MAX_BYTES, package_table

if TYPE_CHECKING:
    from campaigns.campaign import Campaign
    from campaigns.ingest import ReadingOptions
    from campaigns.intake import OutcomeResult
    from campaigns.summary import IngestResult
    from chemspace import Compound
    from chemspace.compound import Recipe

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
        from rocrate.rocrate import ROCrate

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
        from rocrate.model import Person

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
    from rocrate.model import ContextEntity

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
    from rocrate.rocrate import ROCrate

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


#: What a package holds, by the name of its file (empty tables are left out), and what its columns mean.
_RESOURCES, _COLUMNS = (
    {row["name"]: row["description"] for row in package_table("data_package.csv", "campaigns") if row["kind"] == kind}
    for kind in ("table", "column")
)
_UNITS = {"_per_ps": "1/ps", "_ps": "ps", "_ev": "eV", "_k": "K"}


def write_data_package(campaign: Campaign, path: Path) -> int:
    """Write the campaign's tables as a zip with a datapackage.json. Returns the number of tables."""
    frames = {name: frame for name in _RESOURCES if len(frame := _frame(campaign, name))}
    package = {
        "profile": "tabular-data-package",
        "name": "".join(c if c.isalnum() or c in "-_." else "-" for c in title_of(campaign.folder).lower())
        or "campaign",
        "title": f"Screening campaign {title_of(campaign.folder)}",
        "created": campaign.state.created_at.isoformat(timespec="seconds"),
        "resources": [
            {
                "name": name,
                "path": f"{name}.csv",
                "profile": "tabular-data-resource",
                "format": "csv",
                "mediatype": "text/csv",
                "encoding": "utf-8",
                "description": _RESOURCES[name],
                "schema": {"fields": [_field(str(column), frame[column]) for column in frame], "missingValues": [""]},
            }
            for name, frame in frames.items()
        ],
    }

    def write(target: Path) -> None:
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, frame in frames.items():
                table = Path(folder) / f"{name}.csv"
                write_csv(frame, table)
                archive.write(table, table.name)
            archive.writestr("datapackage.json", json.dumps(package, indent=2, ensure_ascii=False))

    write_whole(path, write)
    return len(frames)


def _frame(campaign: Campaign, name: str) -> pd.DataFrame:
    if name == "outcomes":
        return pd.DataFrame(outcome_rows(campaign.state))
    frame = table(campaign, name)
    if name != "suggestions" or "properties" not in frame:
        return frame
    predicted = [
        {f"{of}_{what}": value for of, both in row.items() for what, value in both.items()}
        for row in frame.pop("properties")
    ]
    return frame.join(pd.DataFrame(predicted, index=frame.index))


def _field(name: str, values: pd.Series[Any]) -> dict[str, Any]:
    kind = "string"
    if pd.api.types.is_bool_dtype(values):
        kind = "boolean"
    elif pd.api.types.is_integer_dtype(values):
        kind = "integer"
    elif pd.api.types.is_numeric_dtype(values) or values.isna().all():
        kind = "number" if name not in ("retracted", "warned") else "string"
    elif name == "at":
        kind = "datetime"
    field: dict[str, Any] = {"name": name, "type": kind, "description": _COLUMNS.get(name, name.replace("_", " "))}
    if kind == "boolean":
        return field | {"trueValues": ["True"], "falseValues": ["False"]}
    unit = next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), "")
    if kind == "datetime":
        field["format"] = "any"
    return field | ({"unit": unit} if unit else {})


#: What no score shows; docs/limits.md says more.
_LIMITS = (
    "A single predicted lifetime is not to be trusted; its 90% interval is.",
    "Contributions say what the model used, not how spins relax.",
    "Few dozen rows, lead iodides at room temperature: other metals, halides and temperatures are extrapolation.",
    "Every score is of rows that were left out; a difference that is smaller than its standard error says nothing.",
)


def model_card(campaign: Campaign) -> dict[str, Any]:
    """The card of the model on the present data, plain values."""
    fit = campaign.fit()
    if fit is None:
        raise CampaignError("nothing is learnt from the present data yet; learn first: spinscreen suggest CAMPAIGN")
    data, config = campaign.dataset(), campaign.config
    return {
        "campaign": title_of(campaign.folder),
        "predicts": "log10 of the spin relaxation rate (1/ps) of layered halide perovskites, before synthesis",
        "model": {
            "surrogate": config.surrogate,
            "edition": config.edition,
            "seed": config.seed,
            "descriptors": [*config.descriptor_set.names],
            "oracle": config.protocol.key,
            "versions": fit.versions,
        },
        "data": {
            "rows_known": fit.n_measured,
            "rows_trained_on": fit.n_train,
            "rows_of_this_campaign": len(campaign.state.measurements),
            "left_out": [*fit.left_out],
            "sources": sorted({str(source) for source in data.table["doi"].dropna()} - {""}),
            "key": fit.data_key,
        },
        "verdict": fit.grade,
        "strategy": fit.strategy,
        "scores_by_split": fit.scores,
        "related_tasks": fit.related,
        "further_properties": fit.properties,
        "limits": [*_LIMITS],
    }


def write_model_card(campaign: Campaign, path: Path) -> int:
    """Write the card as JSON or, by any other ending, as Markdown. Returns the number of splits that are scored."""
    card = model_card(campaign)
    text = json.dumps(card, indent=2, ensure_ascii=False) if path.suffix == ".json" else as_markdown(card)
    write_whole(path, lambda target: target.write_text(text + "\n", encoding="utf-8"))
    return len(card["scores_by_split"])


def as_markdown(card: dict[str, Any]) -> str:
    """A card for people."""
    model, data = card["model"], card["data"]
    lines = [
        f"# Model card: {card['campaign']}",
        "",
        f"Predicts {card['predicts']}.",
        "",
        f"**{card['verdict']}** {card['strategy']}",
        "",
        "## Model",
        "",
        *(f"- {name}: {_words(value)}" for name, value in model.items()),
        "",
        "## Data",
        "",
        *(f"- {name.replace('_', ' ')}: {_words(value)}" for name, value in data.items() if name != "left_out"),
        *(["- left out:"] + [f"    - {line}" for line in data["left_out"]] if data["left_out"] else []),
        "",
        "## Scores of rows that were left out",
        "",
        *_table(card["scores_by_split"]),
    ]
    if card["related_tasks"]:
        lines += ["", "## Related tasks", "", *(f"- {told['sentence']}" for told in card["related_tasks"].values())]
    for name, told in card["further_properties"].items():
        lines += ["", f"## {name}", "", f"{told['n_rows']} values: {told['grade']}", "", *_table(told["scores"])]
    lines += ["", "## Limits", "", *(f"- {line}" for line in card["limits"])]
    return "\n".join(lines)


def _table(scores: dict[str, dict[str, Any]]) -> list[str]:
    names = list(dict.fromkeys(name for card in scores.values() for name in card))
    rows = [
        f"| {split} | " + " | ".join(_words(card.get(name)) for name in names) + " |" for split, card in scores.items()
    ]
    return [f"| left out | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|", *rows]


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_words, value)) or "none"
    text = f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


#: NOMAD's class of the archives.
CLASS = "perovskite_solar_cell_database.composition.PerovskiteComposition"
#: The measured property that NOMAD calls band_gap, eV.
GAP = "band_gap_ev"
_MADE = frozenset({Stage.FORMED, Stage.MEASURED, Stage.NOT_MEASURABLE})
_CHARGES = {"Pb": "+2", "Sn": "+2", "Ge": "+2", "I": "-", "Br": "-", "Cl": "-"}


def composition(compound: Compound) -> dict[str, Any]:
    """A compound as NOMAD describes it: short and long form, dimensionality, and the ions of each site.

    The forms list the ions of each site in the order of the alphabet, names of three letters or more in parentheses.

    Example:
        >>> from chemspace import CationLibrary, parse_formula
        >>> told = composition(parse_formula("(PEA)2(MA)2Pb3I10", CationLibrary.builtin()))
        >>> told["long_form"], told["short_form"], told["dimensionality"]
        ('MA2(PEA)2Pb3I10', 'MA(PEA)PbI', '2D')
    """
    a_site = [
        {
            "abbreviation": cation.abbreviation,
            "coefficient": _number(count),
            "molecular_formula": cation.formula,
            "smiles": cation.smiles,
        }
        for cation, count in sorted(compound.cation_counts, key=lambda pair: pair[0].abbreviation)
    ]
    b_site = [_element(compound.b_site, Fraction(compound.n_b_sites))]
    x_site = [_element(symbol, share * compound.n_halides) for symbol, share in sorted(compound.halide)]
    ions = [*a_site, *b_site, *x_site]
    return {
        "long_form": "".join(_named(ion) + ("" if ion["coefficient"] == "1" else ion["coefficient"]) for ion in ions),
        "short_form": "".join(map(_named, ions)),
        "dimensionality": "3D" if compound.spacer is None else "2D",
        "ions_a_site": a_site,
        "ions_b_site": b_site,
        "ions_x_site": x_site,
    }


def write_nomad(campaign: Campaign, path: Path) -> int:
    """Write what was suggested, tried or measured into a zip that NOMAD takes; returns the number of compounds."""
    stages = campaign.state.stages
    gaps: dict[str, list[float]] = {}
    for row in campaign.state.records.get(GAP, ()):
        if row.retracted is None:
            compound = parse_formula(row.observation.formula, campaign.names)
            gaps.setdefault(compound.formula, []).append(row.observation.value)

    def write(target: Path) -> None:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for formula, stage in stages.items():
                made = "Estimated from precursor solutions" if stage in _MADE else "Hypothetical compound"
                data = {"m_def": CLASS, **composition(parse_formula(formula, campaign.names))}
                data["composition_estimate"] = made
                if formula in gaps:
                    data["band_gap"] = fmean(gaps[formula])
                text = json.dumps({"data": data}, indent=2, ensure_ascii=False)
                archive.writestr(file_name(formula, ".archive.json"), text)

    write_whole(path, write)
    return len(stages)


def _element(symbol: str, count: Fraction) -> dict[str, str]:
    charge = _CHARGES[symbol]
    return {
        "abbreviation": symbol,
        "coefficient": _number(count),
        "molecular_formula": f"{symbol}{charge}",
        "smiles": f"[{symbol}{charge}]",
    }


def _named(ion: dict[str, str]) -> str:
    name = ion["abbreviation"]
    return f"({name})" if len(name) > 2 else name


def _number(count: Fraction) -> str:
    return f"{float(count):.6g}"
