"""What a folder lies on, by the kernel's own table."""

from __future__ import annotations

from pathlib import Path

import pytest

from chemspace.mounts import Mount, mount_in, mount_of

TABLE = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
30 22 0:40 / /home rw,relatime shared:2 - nfs4 server:/home rw,vers=4.2,hard,local_lock=none
31 22 0:41 / /old rw,relatime - nfs server:/old rw,vers=3,nolock
32 22 0:42 / /mnt/my\\040share rw,relatime - cifs //server/share rw,vers=3.1.1
33 22 0:43 / /mnt/ssh rw,nosuid - fuse.sshfs lab@server: rw,user_id=0
34 30 0:44 / /home/scratch rw - ext4 /dev/vdb rw
35 22 0:45 / /mnt/usb rw - fuseblk /dev/sda1 rw
broken line
"""


@pytest.mark.parametrize(
    ("folder", "kind", "is_shared", "locks_hold"),
    [
        ("/data/demo", "ext4", False, True),
        ("/home/anna/demo", "nfs4", True, True),
        ("/homes", "ext4", False, True),
        ("/home/scratch/demo", "ext4", False, True),
        ("/old/demo", "nfs", True, False),
        ("/mnt/my share/demo", "cifs", True, True),
        ("/mnt/ssh/demo", "fuse.sshfs", True, False),
        ("/mnt/usb", "fuseblk", False, True),
    ],
)
def test_the_innermost_mount_says_what_a_folder_lies_on(
    folder: str, kind: str, is_shared: bool, locks_hold: bool
) -> None:
    found = mount_in(TABLE, Path(folder))
    assert (found.kind, found.is_shared, not found.lock_problem) == (kind, is_shared, locks_hold)


def test_a_refusal_names_what_is_mounted_and_the_option_that_is_to_blame() -> None:
    assert "lies on nfs (nolock), where locks do not hold" in mount_in(TABLE, Path("/old/demo")).lock_problem


def test_without_a_table_nothing_is_held_against_a_folder() -> None:
    assert mount_in("", Path("/data")) == Mount()
    assert not mount_of(Path("/proc/self/nowhere")).lock_problem
