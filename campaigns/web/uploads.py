"""Uploaded tables that somebody looks at row by row, and confirms, before anything of them is stored."""

from __future__ import annotations

import re
import secrets
import shutil
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from campaigns.errors import IngestError, UnconfirmedError
from campaigns.kinetics.errors import KineticsError
from campaigns.web.errors import NotServedError, QueryError
from campaigns.web.service import CampaignService
from chemspace.errors import TableError

if TYPE_CHECKING:
    from campaigns.ingest import ReadingOptions, ValueOptions
    from campaigns.kinetics import MeasuredFiles, ProbeWindow, Trace, TraceFit, TransientMap
    from campaigns.summary import IngestResult, RowReport


#: Uploads that are kept; the oldest go first.
KEPT = 60


class _Upload(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def campaign(self) -> str: ...

    @property
    def folder(self) -> Path: ...


Upload = TypeVar("Upload", bound=_Upload)


class Waiting(Generic[Upload]):
    """Uploads by their name; safe for several threads."""

    def __init__(self, gone: str) -> None:
        """Nothing waits yet; `gone` is what is said of an upload that is not here."""
        self._gone = gone
        self._lock = threading.Lock()
        self._uploads: OrderedDict[str, Upload] = OrderedDict()

    def put(self, upload: Upload) -> Upload:
        """Keep an upload; the oldest ones beyond `KEPT` are forgotten with their files."""
        with self._lock:
            self._uploads[upload.id] = upload
            while len(self._uploads) > KEPT:
                _, old = self._uploads.popitem(last=False)
                shutil.rmtree(old.folder, ignore_errors=True)
        return upload

    def get(self, campaign: str, name: str) -> Upload:
        """The upload called `name` of a campaign.

        Raises:
            NotServedError: if there is none (any more).
        """
        upload = self._uploads.get(name)
        if upload is None or upload.campaign != campaign:
            raise NotServedError(self._gone)
        return upload

    def change(self, upload: Upload) -> Upload:
        """Put a changed upload in the place of the one of its name, if that still waits."""
        with self._lock:
            if upload.id in self._uploads:
                self._uploads[upload.id] = upload
        return upload

    def drop(self, upload: Upload) -> None:
        """Forget an upload and its files."""
        with self._lock:
            self._uploads.pop(upload.id, None)
        shutil.rmtree(upload.folder, ignore_errors=True)


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


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How a trace is fitted; None leaves it to the fit. Delays in ps, wavelengths in nm."""

    irf_fwhm_ps: float | None = None
    time_zero_ps: float | None = None
    window_nm: tuple[float, float] | None = None
    exclude_ps: tuple[float, float] | None = None
    delay_unit: str | None = None
    model: str = "auto"


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """Files in the server's own folder, how they are fitted, and the fit.

    Attributes:
        id: its name.
        folder: where its files are, on the server.
        campaign: slug. by: who uploaded it.
        formula, sample: what was measured.
        files: paths by role.
        settings: of the fit.
        fit: the fit; None where it failed, and `problem` says why.
        maps, window: of a measurement that came as maps.
    """

    id: str
    folder: Path
    campaign: str
    by: str
    formula: str
    sample: str
    files: dict[str, tuple[Path, ...]]
    settings: FitSettings = field(default_factory=FitSettings)
    fit: TraceFit | None = None
    problem: str = ""
    maps: tuple[TransientMap, TransientMap] | None = None
    window: ProbeWindow | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files, in the order of `ROLES`."""
        return tuple(path for role in ROLES for path in self.files.get(role, ()))

    @property
    def file_names(self) -> str:
        """Their names, for people."""
        return ", ".join(path.name for path in self.paths)


class Drafts:
    """The drafts of all campaigns, in a folder of the server's own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._waiting: Waiting[Draft] = Waiting("this upload is not here (any more); upload the files again")

    def take(
        self,
        campaign: str,
        by: str,
        formula: str,
        sample: str,
        uploads: list[Uploaded],
        settings: FitSettings | None = None,
    ) -> Draft:
        """Keep files under names of the server's choosing, and fit them.

        Raises:
            QueryError: if they are not one trace, a pair of traces or a pair of maps.
        """
        _check_roles([upload.role for upload in uploads])
        name = secrets.token_urlsafe(12)
        folder, files = self.root / name, dict[str, tuple[Path, ...]]()
        for number, upload in enumerate(uploads):
            place = folder / f"{number:02d}"
            place.mkdir(parents=True)
            path = place / clean_name(upload.name)
            path.write_bytes(upload.content)
            files[upload.role] = (*files.get(upload.role, ()), path)
        return self._waiting.put(
            fit_draft(Draft(name, folder, campaign, by, formula, sample, files, settings or FitSettings()))
        )

    def get(self, campaign: str, name: str) -> Draft:
        """The draft called `name` of a campaign.

        Raises:
            NotServedError: if there is none (any more).
        """
        return self._waiting.get(campaign, name)

    def refit(self, draft: Draft, settings: FitSettings) -> Draft:
        """The draft fitted in another way."""
        return self._waiting.change(fit_draft(replace(draft, settings=settings)))

    def relabel(self, draft: Draft, formula: str, sample: str) -> Draft:
        """The draft of another compound or crystal; its fit stays."""
        return self._waiting.change(replace(draft, formula=formula, sample=sample))

    def drop(self, draft: Draft) -> None:
        """Forget a draft and its files."""
        self._waiting.drop(draft)


def fit_draft(draft: Draft) -> Draft:
    """The draft with its fit, or with the reason why there is none."""
    try:
        measured = _given(draft).read(delay_unit=draft.settings.delay_unit, window_nm=draft.settings.window_nm)
        fit = _fit(measured.trace, draft.settings, draft.folder)
        return replace(draft, fit=fit, problem="", maps=measured.maps, window=measured.probe)
    except KineticsError as problem:
        return replace(draft, fit=None, problem=_without_folder(str(problem), draft.folder), maps=_maps_of(draft))


def clean_name(name: str) -> str:
    """The last part of a file name in plain letters: what people recognise, and never a path."""
    last = re.split(r"[/\\]", name)[-1]
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", last).strip(". ")[-80:].lstrip(".- ")
    return plain or "upload.txt"


def _given(draft: Draft) -> MeasuredFiles:
    from campaigns.kinetics import MeasuredFiles

    sc, cc, trace = (next(iter(draft.files.get(role, ())), None) for role in ("sc", "cc", "trace"))
    return MeasuredFiles(sc, cc, trace, draft.files.get("sc_map", ()), draft.files.get("cc_map", ()))


def _maps_of(draft: Draft) -> tuple[TransientMap, TransientMap] | None:
    """The maps, to choose another window on, where only the fit failed."""
    from campaigns.kinetics import read_map

    if "sc_map" not in draft.files:
        return None
    unit = draft.settings.delay_unit
    try:
        return read_map(draft.files["sc_map"], delay_unit=unit), read_map(draft.files["cc_map"], delay_unit=unit)
    except KineticsError:
        return None


def _fit(trace: Trace, settings: FitSettings, folder: Path) -> TraceFit:
    from campaigns.kinetics import fit_trace

    if settings.exclude_ps is not None:
        trace = trace.without(*settings.exclude_ps)
    named = tuple(replace(source, path=Path(source.path).name) for source in trace.sources)
    notes = tuple(_without_folder(note, folder) for note in trace.notes)
    trace = replace(trace, sources=named, notes=notes)
    return fit_trace(trace, settings.irf_fwhm_ps, model=settings.model, time_zero_ps=settings.time_zero_ps)


def _check_roles(roles: list[str]) -> None:
    given = {role: roles.count(role) for role in ROLES if role in roles}
    if set(given) not in ({"sc", "cc"}, {"trace"}, {"sc_map", "cc_map"}):
        raise QueryError("give an SC and a CC trace, one file with both, or an SC and a CC map")
    if max(given.get(role, 0) for role in ("sc", "cc", "trace")) > 1:
        raise QueryError(
            "give one file for each of SC and CC, or one file with both; only maps may come as several scans"
        )
    if len(roles) > MAX_FILES:
        raise QueryError(f"{len(roles)} files are more than the {MAX_FILES} of one measurement")


def _without_folder(text: str, folder: Path) -> str:
    """A message without the server's own paths in it."""
    return re.sub(re.escape(str(folder)) + r"/\d\d/", "", text)


#: What the messages of the reader call options of the command line, in words of the page.
_WORDS = (
    (r"; if it is right, use --accept-extreme", "; if it is right, say so below"),
    (r"; say which: --map .*$", "; choose below"),
    (r", say so: --map \S+='?[^']*'?$", ", choose it below"),
    (r"; name it: --map \S+$", "; choose it below"),
    (r": leave --sheet out", ": leave the field empty"),
    (r": say which sheet, --sheet .*$", ": name the sheet below"),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a table is read: column of a field, unit of the lifetimes, sheet. Empty leaves it to the headings.
    `of_property` names the further measured property that it holds values of; empty is lifetimes."""

    columns: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    sheet: str = ""
    accept_extreme: bool = False
    of_property: str = ""

    def options(self) -> ReadingOptions:
        """As arguments of `Campaign.ingest`."""
        return {
            "columns": dict(self.columns),
            "unit": self.unit or None,
            "sheet": self.sheet or None,
            "accept_extreme": self.accept_extreme,
        }

    def value_options(self) -> ValueOptions:
        """As arguments of `Campaign.ingest_values`."""
        return {"columns": dict(self.columns), "sheet": self.sheet or None}


@dataclass(frozen=True, slots=True)
class TableDraft:
    """A table in the server's own folder that waits for somebody to confirm it."""

    id: str
    path: Path
    campaign: str
    reading: Reading

    @property
    def folder(self) -> Path:
        """What belongs to this table alone."""
        return self.path.parent

    @property
    def is_workbook(self) -> bool:
        """Whether it has sheets."""
        with self.path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Preview:
    """What taking a table in would do.

    Attributes:
        headings: of its columns; () where no table was found.
        columns: heading of each field that is read.
        unit: of the lifetimes; "" where each cell names its own, or none is known.
        guesses: what was recognised and not declared, as sentences; somebody has to say that it is right.
        problems: why nothing of it can be taken in.
        rows: what becomes of each row.
        result: what would be taken in; None where nothing can.
    """

    headings: tuple[str, ...]
    columns: Mapping[str, str]
    unit: str
    guesses: tuple[str, ...]
    problems: tuple[str, ...]
    rows: tuple[RowReport, ...]
    result: IngestResult | None


class Tables:
    """The tables of all campaigns that wait, in a folder of the server's own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._waiting: Waiting[TableDraft] = Waiting("this table is not here (any more); upload it again")

    def take(self, campaign: str, name: str, content: bytes, of_property: str = "") -> TableDraft:
        """Keep a table under a name of the server's choosing.

        Raises:
            QueryError: if it is empty.
        """
        if not content:
            wanted = "compound and value" if of_property else "formula and lifetime_ps"
            raise QueryError(f"choose a table first, with the columns {wanted}")
        draft_id = secrets.token_urlsafe(12)
        path = self.root / f"table-{draft_id}" / clean_name(name)
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        return self._waiting.put(TableDraft(draft_id, path, campaign, Reading(of_property=of_property)))

    def get(self, campaign: str, draft_id: str) -> TableDraft:
        """The table called `draft_id` of a campaign.

        Raises:
            NotServedError: if there is none (any more).
        """
        return self._waiting.get(campaign, draft_id)

    def read_as(self, draft: TableDraft, reading: Reading) -> TableDraft:
        """The table read in another way."""
        return self._waiting.change(replace(draft, reading=reading))


def look_at(service: CampaignService, draft: TableDraft) -> Preview:
    """What taking a table in would do; nothing is stored.

    Raises:
        PropertyError: if it is to hold values of a property that the campaign does not have.
    """
    if draft.reading.of_property:
        return _look_at_values(service, draft)
    headings, columns, unit = _layout(draft)
    options = draft.reading.options()
    guesses: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    rows: tuple[RowReport, ...] = ()
    result: IngestResult | None = None
    with service.writing() as campaign:
        try:
            try:
                result = campaign.ingest(draft.path, dry_run=True, keep_going=True, **options)
            except UnconfirmedError as question:
                guesses = question.guesses
                options["accept_guesses"] = True
                result = campaign.ingest(draft.path, dry_run=True, keep_going=True, **options)
            rows = result.rows
        except IngestError as error:
            problems, rows = tuple(for_people(problem) for problem in error.problems), error.rows
    return Preview(headings, columns, unit, guesses, problems, rows, result)


def take_in_draft(service: CampaignService, draft: TableDraft, *, keep_going: bool) -> IngestResult:
    """Take a confirmed table in, whole; or, where `keep_going`, the rows that are right.

    Raises:
        IngestError: listing every problem with its row and column.
    """
    if name := draft.reading.of_property:
        with service.writing() as campaign:
            return campaign.ingest_values(draft.path, name, keep_going=keep_going, **draft.reading.value_options())
    options = draft.reading.options()
    options["accept_guesses"] = True  # they were shown, and confirmed
    with service.writing() as campaign:
        return campaign.ingest(draft.path, keep_going=keep_going, **options)


def _look_at_values(service: CampaignService, draft: TableDraft) -> Preview:
    from campaigns.ingest.table import value_fields
    from chemspace.tables.grid import read_grid

    reading, name = draft.reading, draft.path.name
    headings: tuple[str, ...] = ()
    columns: Mapping[str, str] = reading.columns
    problems: tuple[str, ...] = ()
    rows: tuple[RowReport, ...] = ()
    result: IngestResult | None = None
    with service.writing() as campaign:
        try:
            grid = read_grid(name, draft.path.read_bytes(), reading.sheet or None)
            headings = tuple(column for column in grid.columns if column)
            columns = value_fields(name, grid, reading.of_property, reading.columns)
        except TableError:
            pass  # said below
        try:
            result = campaign.ingest_values(
                draft.path, reading.of_property, dry_run=True, keep_going=True, **reading.value_options()
            )
            rows = result.rows
        except IngestError as error:
            problems, rows = tuple(for_people(problem) for problem in error.problems), error.rows
    return Preview(headings, columns, "", (), problems, rows, result)


def for_people(problem: str) -> str:
    """A problem in words of the page, which has fields in place of options."""
    for pattern, words in _WORDS:
        problem = re.sub(pattern, words, problem)
    return problem


def _layout(draft: TableDraft) -> tuple[tuple[str, ...], Mapping[str, str], str]:
    """Headings, column of each field, unit of the lifetimes, as far as they can be told."""
    from campaigns.ingest.layout import layout_of
    from chemspace.tables.grid import read_grid

    reading, name = draft.reading, draft.path.name
    try:
        grid = read_grid(name, draft.path.read_bytes(), reading.sheet or None)
    except TableError:
        return (), reading.columns, reading.unit
    headings = tuple(column for column in grid.columns if column)
    try:
        layout = layout_of(name, grid, reading.columns, reading.unit or None)
    except TableError:
        return headings, reading.columns, reading.unit
    return headings, layout.columns, layout.units["lifetime"] or ""
