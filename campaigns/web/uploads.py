"""Uploaded traces and tables that somebody looks at, corrects and confirms before anything of them is stored."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from cachetools import LRUCache
from fastapi import UploadFile

from campaigns.errors import IngestError, KineticsError, NotServedError, QueryError, UnconfirmedError
from campaigns.ingest import grid_of, layout_for, read_table
from campaigns.kinetics.maps import paired, read_map
from campaigns.kinetics.measurement import Measured, MeasuredFiles, TraceSettings
from campaigns.targets import LIFETIME, Target
from campaigns.web.jobs import read_apart
from campaigns.web.service import CampaignService

if TYPE_CHECKING:
    from campaigns.ingest import ObservationTable, ReadingOptions
    from campaigns.kinetics import ProbeWindow, TraceFit, TransientMap
    from campaigns.kinetics.maps import Chirp
    from campaigns.summary import Doubt, IngestResult, RowReport
    from chemspace import CationLibrary


#: Uploads that are kept; those that were not looked at for longest go first.
KEPT = 60
#: What an uploaded file can be.
ROLES = ("sc", "cc", "trace", "sc_map", "cc_map")
#: Scans of one map at most.
MAX_FILES = 24


@dataclass(frozen=True, slots=True)
class Uploaded:
    """One file of a request: its role, the name it had, its content."""

    role: str
    name: str
    content: bytes


def uploaded(files: Mapping[str, Sequence[UploadFile | None]]) -> list[Uploaded]:
    """The files of a request by role; empty fields of a form are passed over."""
    return [
        Uploaded(role, file.filename or "", file.file.read())
        for role, of_role in files.items()
        for file in of_role
        if file is not None and (file.filename or file.size)
    ]


@dataclass(frozen=True, kw_only=True, eq=False)
class Upload:
    """Files in a folder of their own that somebody looks at before anything of them is stored in a campaign (slug)."""

    id: str
    folder: Path
    campaign: str

    #: What is said of one that is not here.
    GONE: ClassVar[str] = "this upload is not here (any more); upload the files again"


@dataclass(frozen=True, kw_only=True, eq=False)
class TraceUpload(Upload):
    """Traces (paths by role), how they are fitted, and the fit, None where it failed, and `problem` says why; of maps,
    also these, the window and the chirp."""

    formula: str
    sample: str
    files: dict[str, tuple[Path, ...]]
    settings: TraceSettings = field(default_factory=TraceSettings)
    fit: TraceFit | None = None
    problem: str = ""
    maps: tuple[TransientMap, TransientMap] | None = None
    window: ProbeWindow | None = None
    chirp: Chirp | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files, in the order of `ROLES`."""
        return tuple(path for role in ROLES for path in self.files.get(role, ()))

    @property
    def is_extreme(self) -> bool:
        """Whether the fitted lifetime is far from any measured before."""
        return self.fit is not None and bool(LIFETIME.problem(self.fit.lifetime_ps))

    @property
    def file_names(self) -> str:
        """Their names, for people."""
        return ", ".join(path.name for path in self.paths)


@dataclass(frozen=True, kw_only=True, eq=False)
class TableUpload(Upload):
    """A table, and how it is read."""

    path: Path
    reading: Reading

    GONE: ClassVar[str] = "this table is not here (any more); upload it again"

    @property
    def is_workbook(self) -> bool:
        """Whether it has sheets."""
        with self.path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"


Kind = TypeVar("Kind", bound=Upload)


class _Held(LRUCache[str, Upload]):
    def popitem(self) -> tuple[str, Upload]:
        name, upload = super().popitem()
        shutil.rmtree(upload.folder, ignore_errors=True)
        return name, upload


class Uploads:
    """The uploads of all campaigns that wait for a decision; safe for several threads."""

    def __init__(self, root: Path) -> None:
        """Keep them in folders of their own in `root`."""
        self.root = root
        self._lock = threading.Lock()
        self._held = _Held(KEPT)

    def traces(
        self, campaign: str, formula: str, sample: str, files: list[Uploaded], settings: TraceSettings | None = None
    ) -> TraceUpload:
        """Keep traces or maps of one crystal, and fit them. Raises QueryError if they are no trace or pair."""
        _check_roles([file.role for file in files])
        name = secrets.token_urlsafe(12)
        paths = dict[str, tuple[Path, ...]]()
        for number, file in enumerate(files):
            path = _written(self.root / name / f"{number:02d}", file)
            paths[file.role] = (*paths.get(file.role, ()), path)
        upload = TraceUpload(
            id=name, folder=self.root / name, campaign=campaign, formula=formula, sample=sample, files=paths
        )
        return self._keep(fitted(replace(upload, settings=settings or TraceSettings())))

    def table(self, campaign: str, file: Uploaded, target: Target = LIFETIME) -> TableUpload:
        """Keep a table of a target's values. Raises QueryError if it is empty."""
        if not file.content:
            wanted = "formula and lifetime_ps" if target.is_lifetime else "compound and value"
            raise QueryError(f"choose a table first, with the columns {wanted}")
        name = secrets.token_urlsafe(12)
        path = _written(self.root / name, file)
        reading = Reading(target=target)
        return self._keep(TableUpload(id=name, folder=path.parent, campaign=campaign, path=path, reading=reading))

    def get(self, kind: type[Kind], campaign: str, name: str) -> Kind:
        """The upload called `name` of a campaign. Raises NotServedError if there is none (any more)."""
        with self._lock:
            upload = self._held.get(name)
        if not isinstance(upload, kind) or upload.campaign != campaign:
            raise NotServedError(kind.GONE)
        return upload

    def change(self, upload: Kind) -> Kind:
        """Put a changed upload in the place of the one of its name, if that still waits."""
        with self._lock:
            if upload.id in self._held:
                self._held[upload.id] = upload
        return upload

    def drop(self, upload: Upload) -> None:
        """Forget an upload and its files."""
        with self._lock:
            self._held.pop(upload.id, None)
        shutil.rmtree(upload.folder, ignore_errors=True)

    @contextmanager
    def as_file(self, file: Uploaded) -> Iterator[Path]:
        """A file of a request for as long as it is read."""
        with tempfile.TemporaryDirectory(dir=self.root) as folder:
            yield _written(Path(folder), file)

    def _keep(self, upload: Kind) -> Kind:
        with self._lock:
            self._held[upload.id] = upload
        return upload


def _written(folder: Path, file: Uploaded) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / clean_name(file.name)
    path.write_bytes(file.content)
    return path


def fitted(upload: TraceUpload) -> TraceUpload:
    """The upload with its fit, or with the reason why there is none."""
    return read_apart(upload.paths, _fitted, upload)


def _fitted(upload: TraceUpload) -> TraceUpload:
    try:
        measured = upload.settings.read(MeasuredFiles(**{role: upload.files.get(role, ()) for role in ROLES}))
        named = tuple(replace(source, path=Path(source.path).name) for source in measured.trace.sources)
        notes = tuple(_without_folder(note, upload.folder) for note in measured.trace.notes)
        fit = upload.settings.fit(replace(measured.trace, sources=named, notes=notes))
        return replace(upload, fit=fit, problem="", maps=measured.maps, window=measured.probe, chirp=measured.chirp)
    except KineticsError as problem:
        return replace(upload, fit=None, problem=_without_folder(str(problem), upload.folder), maps=_maps_of(upload))


def doubt_of(service: CampaignService, upload: TraceUpload) -> Doubt | None:
    """What contradicts the fitted lifetime; None where nothing does, or nobody said of what it is."""
    if upload.fit is None or not upload.formula:
        return None
    with service.reading() as campaign:
        told = campaign.ingest_trace(upload.formula, upload.fit, upload.paths, dry_run=True, expected=service.expected)
    return next(iter(told.doubts), None)


def take_in_trace(service: CampaignService, upload: TraceUpload, *, accept_extreme: bool) -> IngestResult:
    """Take the fitted lifetime of an upload into the campaign, with its raw files; once, however many people confirm
    it. Raises QueryError without a fit or compound, UnconfirmedError if it contradicts what is known, unless
    accepted."""
    if upload.fit is None:
        raise QueryError(upload.problem or "there is no fit to confirm")
    if not upload.formula:
        raise QueryError("say which compound was measured")
    measured = Measured(upload.fit.trace, upload.maps, upload.window, upload.chirp)
    with service.writing() as campaign:
        return campaign.ingest_trace(
            upload.formula,
            upload.fit,
            upload.paths,
            sample=upload.sample,
            measured=measured,
            accept_extreme=accept_extreme,
            expected=service.expected,
        )


def clean_name(name: str) -> str:
    """The last part of a file name in plain letters: what people recognise, and never a path."""
    last = re.split(r"[/\\]", name)[-1]
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", last).strip(". ")[-80:].lstrip(".- ")
    return plain or "upload.txt"


def _maps_of(upload: TraceUpload) -> tuple[TransientMap, TransientMap] | None:
    """The maps, to choose another window on, where only the fit failed."""
    if "sc_map" not in upload.files:
        return None
    settings = upload.settings
    how: dict[str, Any] = {"delay_unit": settings.delay_unit, "passes": settings.passes, "axes": settings.mapping}
    try:
        return paired(*(read_map(upload.files[role], **how) for role in ("sc_map", "cc_map")))
    except KineticsError:
        return None


def _check_roles(roles: list[str]) -> None:
    given = {role: roles.count(role) for role in ROLES if role in roles}
    if set(given) not in ({"sc", "cc"}, {"trace"}, {"sc_map", "cc_map"}):
        raise QueryError("give an SC and a CC trace, one file with both, or an SC and a CC map")
    if given.get("sc") != given.get("cc"):
        raise QueryError("give as many scans of SC as of CC: each CC is subtracted from its own SC")
    if len(roles) > MAX_FILES:
        raise QueryError(f"{len(roles)} files are more than the {MAX_FILES} of one measurement")


def _without_folder(text: str, folder: Path) -> str:
    """A message without the server's own paths in it."""
    return re.sub(re.escape(str(folder)) + r"/\d\d/", "", text)


#: What the messages of the reader call options of the command line, in words of the page.
_WORDS = (
    (r" \((?:delay_unit, )?--delay-unit\)", " below"),
    (r"--delay-unit (\w+)", r"\1 below"),
    (r" \(--(?:sc|cc|sc-map)[^)]*\)", ""),
    (r"; --passes says how often it passes along the stage", ""),
    (r"--map (delay|sc|cc|signal|difference)=", r"\1="),
    (r"; if it is right, use --accept-extreme", "; if it is right, say so below"),
    (r"; say which: --map .*$", "; choose below"),
    (r", say so: --map \S+='?[^']*'?$", ", choose it below"),
    (r"; name it: --map \S+$", "; choose it below"),
    (r": leave --sheet out", ": leave the field empty"),
    (r": say which sheet, --sheet .*$", ": name the sheet below"),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a table of a target's values is read: column of a field, unit of the lifetimes, sheet. Empty leaves it to the
    headings."""

    columns: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    sheet: str = ""
    accept_extreme: bool = False
    target: Target = LIFETIME

    def options(self) -> ReadingOptions:
        """As arguments of `Campaign.ingest`."""
        return {
            "columns": dict(self.columns),
            "unit": self.unit or None,
            "sheet": self.sheet or None,
            "accept_extreme": self.accept_extreme,
        }


@dataclass(frozen=True, slots=True)
class Preview:
    """What taking a table in would do: its headings (() where no table was found), the one each field is read from, the
    unit ("" where each cell names its own, or none is known), guesses that somebody has to confirm, why nothing of it
    can be taken in, what becomes of each row, what would be taken in, and rows that contradict what is known."""

    headings: tuple[str, ...]
    columns: Mapping[str, str]
    unit: str
    guesses: tuple[str, ...]
    problems: tuple[str, ...]
    rows: tuple[RowReport, ...]
    result: IngestResult | None
    doubts: tuple[str, ...] = ()


def look_at(service: CampaignService, upload: TableUpload) -> Preview:
    """What taking a table in would do; nothing is stored."""
    seen, table = read_apart([upload.path], _looked_at, upload, service.campaign.names)
    if table is None:
        return seen
    dry: dict[str, Any] = {"dry_run": True, "keep_going": True, "expected": service.expected}
    with service.reading() as campaign:
        try:
            result = campaign.ingest(table, upload.reading.target.name, **dry, **upload.reading.options())
        except IngestError as error:
            return replace(seen, problems=tuple(map(for_people, error.problems)), rows=error.rows)
    return replace(seen, rows=result.rows, result=result, doubts=tuple(doubted.sentence for doubted in result.doubts))


def _looked_at(upload: TableUpload, names: CationLibrary) -> tuple[Preview, ObservationTable | None]:
    """What a table says, before a campaign is asked, and its rows; None where it cannot be read."""
    target, options = upload.reading.target, upload.reading.options()
    seen = Preview(*_layout(upload), (), (), (), None)
    try:
        try:
            return seen, read_table(upload.path, target, names, options)
        except UnconfirmedError as question:
            seen = replace(seen, guesses=question.guesses)
            return seen, read_table(upload.path, target, names, options | {"accept_guesses": True})
    except IngestError as error:
        return replace(seen, problems=tuple(map(for_people, error.problems)), rows=error.rows), None


def take_in_table(service: CampaignService, upload: TableUpload, *, keep_going: bool) -> IngestResult:
    """Take a confirmed table in, whole or, where `keep_going`, its right rows. IngestError listing every problem."""
    options = upload.reading.options()
    options |= {"accept_guesses": True, "accept_corrections": True}  # they were shown, and confirmed
    table = read_results(service, upload.path, upload.reading.target, options)
    options["accept_extreme"] = True  # the doubts were shown too
    with service.writing() as campaign:
        target = upload.reading.target.name
        return campaign.ingest(table, target, keep_going=keep_going, expected=service.expected, **options)


def read_results(service: CampaignService, path: Path, target: Target, options: ReadingOptions) -> ObservationTable:
    """Read an uploaded table of results for `Campaign.ingest`, apart from whoever reads and writes."""
    return read_apart([path], read_table, path, target, service.campaign.names, options)


def for_people(problem: str) -> str:
    """A problem in words of the page, which has fields in place of options."""
    for pattern, words in _WORDS:
        problem = re.sub(pattern, words, problem)
    return problem


def _layout(upload: TableUpload) -> tuple[tuple[str, ...], Mapping[str, str], str]:
    """Headings, column of each field, unit of the lifetimes, as far as they can be told."""
    reading, name = upload.reading, upload.path.name
    headings: tuple[str, ...] = ()
    try:
        grid = grid_of(name, upload.path.read_bytes(), reading.sheet or None)
        headings = tuple(column for column in grid.columns if column)
        layout = layout_for(name, grid, reading.target, **reading.options())
    except IngestError:
        return headings, reading.columns, reading.unit
    return headings, layout.columns, layout.units.get("lifetime") or ""
