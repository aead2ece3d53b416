"""Where a campaign's store is: a file in its folder, or a PostgreSQL database that a file in its folder names.

Everything that cannot be computed again (events, the library's file, raw traces and tables) is in the store, wherever
it is. The folder of a campaign in PostgreSQL holds its address and what can be written again: ranking, report, figures.
"""

from __future__ import annotations

from pathlib import Path

from campaigns.errors import StoreError
from campaigns.store.engine import postgres_engine, shown, without_password
from campaigns.store.log import EventLog

__all__ = ["DATABASE", "POINTER", "create_store", "open_store", "point_to"]

#: The SQLite file in a campaign's folder.
DATABASE = "campaign.db"
#: Holds the address of a store that is elsewhere, without its password.
POINTER = "store.url"


def create_store(folder: Path, url: str | None = None) -> EventLog:
    """Create the store of the campaign in `folder`, or open the one it has.

    Args:
        folder: the campaign's folder, made if missing.
        url: postgresql://user@host/database, with `?schema=name` where one database holds several campaigns; None
            takes what the folder says, or a SQLite file in it.

    Raises:
        StoreError: if the store cannot be made or reached, or the folder has another one.
        SchemaError: if a newer spinscreen wrote it.
    """
    known = _pointer(folder)
    if url is not None and (folder / DATABASE).exists():
        raise StoreError(f"{folder} keeps its campaign in {DATABASE}; a campaign in a database needs another folder")
    if url is not None and known is not None and without_password(url) != known:
        raise StoreError(f"{folder} keeps its campaign in {known}, not in {shown(url)}; take another folder")
    address = url or known
    if address is None:
        return EventLog.create(folder / DATABASE)
    log = EventLog.on(postgres_engine(address), shown(address))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot create the campaign folder ({error.strerror})") from error
    return log


def point_to(folder: Path, url: str | None) -> None:
    """Write the address of the campaign's store into its folder, without the password; None is a file that is there.

    Raises:
        StoreError: if it cannot be written.
    """
    from campaigns.files import write_whole

    if url is not None and _pointer(folder) is None:
        address = without_password(url)
        write_whole(folder / POINTER, lambda path: path.write_text(f"{address}\n", encoding="utf-8"))


def open_store(folder: Path) -> EventLog:
    """Open the store of the campaign in `folder`.

    Raises:
        CampaignNotFoundError: if there is none.
        StoreError, SchemaError: as `create_store`.
    """
    known = _pointer(folder)
    if known is not None:
        return EventLog.on(postgres_engine(known), shown(known))
    return EventLog.open(folder / DATABASE)


def _pointer(folder: Path) -> str | None:
    try:
        return (folder / POINTER).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(f"{folder / POINTER} cannot be read ({error.strerror})") from error
