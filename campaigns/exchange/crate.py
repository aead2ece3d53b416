"""Reading an .eln file that somebody hands in: nothing is unpacked to disk, nothing believed without its hash."""

from __future__ import annotations

import json
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pandas as pd
from rocrate.rocrate import ROCrate

from campaigns.errors import IngestError
from campaigns.exchange.eln import MEASUREMENTS, OUTCOMES, RELATED
from campaigns.targets import Target
from chemspace.tables.limits import MAX_BYTES

if TYPE_CHECKING:
    from campaigns.campaign import Campaign
    from campaigns.ingest import ReadingOptions
    from campaigns.outcome_table import OutcomeResult
    from campaigns.summary import IngestResult

METADATA = "ro-crate-metadata.json"
#: Of a crate: files, bytes of one file unpacked, and of all of them.
MAX_MEMBERS, MAX_MEMBER_BYTES, MAX_CRATE_BYTES = 10_000, MAX_BYTES, 1_000_000_000


@dataclass(frozen=True)
class Crate:
    """An .eln file whose files are all there and are what its metadata says.

    Attributes:
        name: of the file.
        entries: name of each entry (a folder of the crate).
        tables: content of the tables that `ingest --eln` takes in, by name.
        n_files: files that were checked.
    """

    name: str
    entries: tuple[str, ...]
    tables: Mapping[str, bytes]
    n_files: int


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
    is passed over.

    Returns:
        What came of the measurements, one for each task, and of the outcomes; None where the crate holds none.

    Raises:
        IngestError: if the crate will not do, or holds neither table.
        UnconfirmedError: as `Campaign.ingest`.
    """
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
