"""The file system that a folder lies on, and what a database may expect of it. Linux tells; elsewhere it is unknown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

__all__ = ["mount_of"]

_TABLE = Path("/proc/self/mountinfo")
#: Shared by several machines, or served by another program: memory shared by mapping a file cannot be relied on.
_SHARED = re.compile(
    "nfs4?|cifs|smb[23]|smbfs|afs|ceph|lustre|gpfs|beegfs|glusterfs|panfs|pvfs2|orangefs|ocfs2|gfs2|ncpfs|coda|"
    r"9p|virtiofs|vboxsf|prl_fs|davfs|fuse(\..*)?"
)
#: Where a lock is known to this machine alone, or to nobody.
_LOCKLESS = frozenset(
    ("davfs", "fuse.davfs2", "fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.mount-s3", "fuse.gcsfuse", "fuse.goofys")
)
#: Options of NFS, SMB and Lustre with the same effect.
_LOCKLESS_OPTIONS = frozenset(("nolock", "local_lock=all", "local_lock=posix", "nobrl", "noflock", "localflock"))


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system."""

    kind: str = ""  #: as the kernel calls it: ext4, nfs4, fuse.sshfs; "" where it is unknown
    options: frozenset[str] = frozenset()  #: words such as rw and nolock

    @property
    def is_shared(self) -> bool:
        """Whether SQLite's write-ahead log does not work here (https://www.sqlite.org/wal.html, section 1)."""
        return _SHARED.fullmatch(self.kind) is not None

    @property
    def lock_problem(self) -> str:
        """Why two writers could destroy a file here, as the end of a sentence; "" where locks hold."""
        words = sorted(self.options & _LOCKLESS_OPTIONS) if self.is_shared else []
        if self.kind in _LOCKLESS or words:
            how = f"{self.kind} ({words[0]})" if words else self.kind
            return f"lies on {how}, where locks do not hold between machines: two writers could destroy it"
        return ""


@lru_cache(maxsize=64)
def mount_of(folder: Path) -> Mount:
    """The file system of a folder, or of the nearest one above it that is there; as it was when first asked."""
    try:
        return mount_in(_TABLE.read_text(encoding="utf-8", errors="replace"), folder.resolve())
    except OSError:
        return Mount()


def mount_in(table: str, folder: Path) -> Mount:
    """As `mount_of`, by the text of /proc/self/mountinfo (proc(5)); `folder` is absolute."""
    found, depth = Mount(), -1
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        left, right = before.split(), after.split()
        if len(left) < 6 or len(right) < 3:
            continue
        place = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), left[4]))
        if len(place.parts) >= depth and folder.is_relative_to(place):  # a later mount covers an earlier one
            found = Mount(right[0], frozenset((*left[5].split(","), *right[2].split(","))))
            depth = len(place.parts)
    return found
