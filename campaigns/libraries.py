"""The libraries of a campaign: read from the user's files when it is created, and from the kept ones ever after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from campaigns.config import CampaignConfig, LibraryFile
from campaigns.description import BUILTIN
from campaigns.errors import StoreError
from campaigns.space import library_from_content, merged
from chemspace import Cation, CationLibrary, LibraryError
from chemspace.library_read import ReadReport

if TYPE_CHECKING:
    from screening.feasibility import SpacerTraits

__all__ = ["Gathered", "copy_library", "gather", "kept_library", "spacer_traits", "write_rejects"]

#: Libraries smaller than this are read faster than a copy of what was read.
_WORTH_KEEPING = 500
_COPY, _TRAITS = "library.parquet", "spacers.npz"
_COLUMNS = ("smiles", "charge", "inchikey", "abbreviation", "names", "role", "source")


@dataclass(frozen=True)
class Gathered:
    """Libraries as read.

    Attributes:
        files: (name, content) of each; content None for the built-in library.
        library: all of them merged; its report tells what became of the rows of the files.
    """

    files: tuple[tuple[str, bytes | None], ...]
    library: CationLibrary


def gather(sources: Sequence[str | Path], *, dications: bool = False) -> Gathered:
    """Read libraries.

    Args:
        sources: "builtin" or the path of each.
        dications: whether the diamines of files take two protons.

    Raises:
        LibraryError: if a file cannot be read or holds no cation.
    """
    files = tuple((BUILTIN, None) if source == BUILTIN else _content(Path(source)) for source in sources)
    return Gathered(files, _merged(files, dications))


def kept_library(config: CampaignConfig, file: Callable[[str], bytes], folder: Path) -> CationLibrary:
    """The library of a campaign, from the files it keeps.

    Reading and protonating a large library takes minutes, so what was read is copied into the folder; the copy is
    believed only if it names the very files and settings, and is written again otherwise.

    Args:
        config: names the files by their hashes.
        file: content of a kept file by its SHA-256.
        folder: of the campaign.

    Raises:
        StoreError, LibraryError: if a kept file is not there or cannot be read.
    """
    if all(kept.sha256 is None for kept in config.library_files):
        return CationLibrary.builtin()
    key = _key(config)
    known = _read_copy(folder / _COPY, key)
    if known is not None:
        return known
    files = tuple((kept.name, None if kept.sha256 is None else file(kept.sha256)) for kept in config.library_files)
    library = _merged(files, config.dications)
    copy_library(config, library, folder)
    return library


def copy_library(config: CampaignConfig, library: CationLibrary, folder: Path) -> None:
    """Copy what was read of a large library into the campaign's folder; a folder that takes no copy goes without."""
    if len(library) < _WORTH_KEEPING or all(kept.sha256 is None for kept in config.library_files):
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    from campaigns.files import write_whole

    columns = {name: [getattr(cation, name) for cation in library] for name in _COLUMNS}
    table = pa.table(columns).replace_schema_metadata({"spinscreen_library": _key(config)})
    with suppress(StoreError):
        write_whole(folder / _COPY, lambda path: pq.write_table(table, path))


def spacer_traits(spacers: Sequence[Cation], folder: Path | None) -> SpacerTraits:
    """What feasibility reads off spacers, copied into the folder where there are many."""
    from campaigns.files import write_whole
    from screening.feasibility import SpacerTraits

    if folder is None or len(spacers) < _WORTH_KEEPING:
        return SpacerTraits.of(spacers)
    key = sha256("\n".join([_versions(), *(spacer.smiles for spacer in spacers)]).encode()).hexdigest()
    known = SpacerTraits.load(folder / _TRAITS, key)
    if known is None:
        known = SpacerTraits.of(spacers)
        with suppress(StoreError):
            write_whole(folder / _TRAITS, lambda path: known.save(path, key))
    return known


def write_rejects(library: CationLibrary, config: CampaignConfig, file: Callable[[str], bytes], target: Path) -> bool:
    """Write the rows of the user's files that became no cation, each with its reason; False if there are none."""
    if library.report is None or not library.report.n_rejected:
        return False
    texts: list[str] = []
    for kept in config.library_files:
        if kept.sha256 is None:
            continue
        library_from_content(kept.name, file(kept.sha256), rejects=target, dications=config.dications)
        lines = target.read_text(encoding="utf-8").splitlines(keepends=True)
        texts += lines[bool(texts) :]
    target.write_text("".join(texts), encoding="utf-8")
    return True


def _content(path: Path) -> tuple[str, bytes]:
    try:
        return path.name, path.read_bytes()
    except OSError as error:
        raise LibraryError(f"{path} cannot be read: {error.strerror}") from error


def _merged(files: Sequence[tuple[str, bytes | None]], dications: bool) -> CationLibrary:
    read = [
        CationLibrary.builtin() if content is None else library_from_content(name, content, dications=dications)
        for name, content in files
    ]
    library = merged(read)
    if len(read) > 1:
        library.report = _joined([one.report for one in read if one.report is not None])
    return library


def _joined(reports: Sequence[ReadReport]) -> ReadReport | None:
    """What became of the rows of several files together."""
    if not reports:
        return None
    return ReadReport(
        path=" and ".join(report.path for report in reports),
        n_in=sum(report.n_in for report in reports),
        n_kept=sum(report.n_kept for report in reports),
        n_merged=sum(report.n_merged for report in reports),
        n_rejected=sum(report.n_rejected for report in reports),
        kinds=sum((report.kinds for report in reports), Counter()),
        rejections=[rejection for report in reports for rejection in report.rejections],
    )


def _key(config: CampaignConfig) -> str:
    """What a copy was made from: the files, the setting, and the code that reads them."""
    files: tuple[LibraryFile, ...] = config.library_files
    parts = [f"{file.name} {file.sha256}" for file in files]
    said = "\n".join([_versions(), str(config.dications), *parts])
    return sha256(said.encode()).hexdigest()


@lru_cache(maxsize=1)
def _versions() -> str:
    """Looked up once: a process that later gives up its rights may no longer read where the packages lie."""
    from importlib.metadata import version

    return f"spinscreen {version('spinscreen')}, rdkit {version('rdkit')}"


def _read_copy(path: Path, key: str) -> CationLibrary | None:
    if not path.is_file():
        return None
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException):
        return None  # a damaged copy is written again
    if (table.schema.metadata or {}).get(b"spinscreen_library") != key.encode():
        return None
    columns = [table.column(name).to_pylist() for name in _COLUMNS]
    rows = zip(*columns, strict=True)
    return CationLibrary(
        Cation(smiles, charge, inchikey, abbreviation, tuple(names), role, source)
        for smiles, charge, inchikey, abbreviation, names, role, source in rows
    )
