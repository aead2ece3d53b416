"""Uploaded traces that are fitted and wait for somebody to confirm them."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from campaigns.kinetics.errors import KineticsError
from campaigns.web.errors import QueryError
from campaigns.web.waiting import Waiting

if TYPE_CHECKING:
    from campaigns.kinetics import MeasuredFiles, ProbeWindow, Trace, TraceFit, TransientMap

__all__ = ["MAX_FILES", "ROLES", "Draft", "Drafts", "FitSettings", "Uploaded", "clean_name", "fit_draft"]

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
