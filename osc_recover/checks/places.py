# SPDX-License-Identifier: Apache-2.0
"""What nova will find of a server's local disks on a destination.

Where nova's account may write to the directory of the server, nova takes the
disk for shared, whatever is in there (nova/virt/libvirt/driver.py,
instance_on_disk); what is missing is then made anew.  With all disks in Ceph
it does not look at the directory.
"""

from typing import Literal

from osc_recover.facts import Folder, HostStorage, Server

State = Literal['shared', 'absent', 'empty', 'shut', 'stale', 'unknown']
# In these nova makes the disk anew, although it may believe to share it.
LACKING: tuple[State, ...] = ('absent', 'empty', 'shut')
_CEPH = 'rbd'


def state(
    told: HostStorage | None, folder: Folder | None, server: Server
) -> State:
    """What a destination sees of a server.

    shared   the disk, where others see the same files
    absent   no directory
    empty    a directory without the disk
    shut     a directory that nova may not write to
    stale    a directory of its own, on a file system that is not shared
    unknown  it was not asked, did not answer, nobody agrees with what it
             sees, or its disks are in Ceph
    """
    if told is None or told.problem or told.backend == _CEPH:
        return 'unknown'
    if folder is None:
        return 'absent'
    if not (told.share or told.network):
        return 'stale'
    if not folder.writable:
        return 'shut'
    if not _has_disk(folder, server):
        return 'empty'
    return 'shared' if told.share else 'unknown'


def _has_disk(folder: Folder, server: Server) -> bool:
    if server.image:
        return 'disk' in folder.files
    # nova/virt/libvirt/blockinfo.py: what is beside a volume; disk.local is
    # an older name.
    return any(
        name.startswith(('disk.eph', 'disk.local')) for name in folder.files
    )
