# SPDX-License-Identifier: Apache-2.0
"""What an fstab should say, so that a disaster does not get worse.  Pure.

From the guide's tips for its disaster procedure: errors=remount-ro, so that
nothing is written to a disk that fails; no disk of a SAN on a volume server,
whose boot would hang on it; a home that lets one in without the volume.
"""

import dataclasses
from collections.abc import Iterator, Sequence

from osc_recover.facts.mounts import Fstab, FstabEntry

_EXT = ('ext2', 'ext3', 'ext4')
_READ_ONLY = 'errors=remount-ro'
_STOPS = {_READ_ONLY, 'errors=panic'}
# As fstab(5) names devices; all else is of the network or of the kernel.
_DEVICE = ('/dev/', 'UUID=', 'LABEL=', 'PARTUUID=', 'PARTLABEL=')
# What no boot mounts; the second waits until somebody goes there.
_LATER = {'noauto', 'x-systemd.automount'}
_SYSTEM = ('/', '/boot', '/boot/efi', '/usr', '/var', '/etc')


@dataclasses.dataclass(frozen=True, slots=True)
class Advice:
    """One thing about an entry, and how it would be mended.

    ``add``: options that it is to have; ``comment``: it is to be kept as a
    comment.  With neither it is for the operator.  A ``note`` says what is
    left as it is for good reason.
    """

    code: str
    text: str
    way_out: str
    add: tuple[str, ...] = ()
    comment: bool = False
    note: bool = False

    @property
    def mends(self) -> bool:
        """Whether it can be mended here."""
        return bool(self.add or self.comment)


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """An entry of a machine, and what is said about it."""

    host: str
    role: str
    point: str
    source: str
    type: str
    options: str
    state: str
    reason: str = ''
    way_out: str = ''


def rows(fstabs: Sequence[Fstab]) -> Iterator[Row]:
    """A row a piece of advice, or an entry that is right."""
    for fstab in fstabs:
        name = fstab.name or fstab.host
        if fstab.problem:
            yield Row(
                name, fstab.role, '', '', '', '', 'unknown', fstab.problem,
                fstab.way_out,
            )  # fmt: skip
        for entry in fstab.entries:
            found = list(advice(fstab, entry))
            for one in found:
                state = 'note' if one.note else one.code
                yield _row(fstab, entry, state, one.text, one.way_out)
            if not found:
                yield _row(fstab, entry, 'ok')
        for entry in fstab.recorded:
            yield _row(
                fstab, entry, 'recorded',
                'it is mounted by recover session open, and not at boot',
            )  # fmt: skip


def is_in_order(row: Row) -> bool:
    """Whether a row says nothing that is wrong."""
    return row.state in ('ok', 'note', 'recorded')


def advice(fstab: Fstab, entry: FstabEntry) -> Iterator[Advice]:
    """All that is to be said about an entry."""
    yield from _errors(fstab, entry)
    if not _has_device(entry):
        return
    if entry.target and fstab.role == 'volume server':
        if not _LATER & set(entry.options):
            yield _from_san(fstab, entry)
    elif entry.target:
        yield from _not_waited_for(fstab, entry, ('nofail', '_netdev'))
    elif fstab.role == 'guest' and _is_volume(fstab, entry):
        yield from _not_waited_for(fstab, entry, ('nofail',))
    elif not entry.disks and _waits(entry):
        yield Advice(
            'absent',
            'its device is not there, and a boot waits for it',
            'mend or remove the entry, or give it nofail',
        )
    if entry.point == '/home' and _is_volume(fstab, entry):
        yield from _home(fstab)


def _errors(fstab: Fstab, entry: FstabEntry) -> Iterator[Advice]:
    if entry.kind in _EXT and not _STOPS & set(entry.options):
        if fstab.role == 'host':
            return
        yield Advice(
            'errors',
            'writes go on after an error of its disk',
            _fix(fstab),
            add=(_READ_ONLY,),
        )
    elif entry.kind in ('xfs', 'btrfs') and fstab.role != 'host':
        yield Advice(
            'errors',
            f'{entry.kind} has no {_READ_ONLY}, and its mount would fail with '
            'it; it stops by itself at such an error',
            '',
            note=True,
        )


def _from_san(fstab: Fstab, entry: FstabEntry) -> Advice:
    if entry.point in _SYSTEM or set(entry.disks) & set(fstab.root):
        return Advice(
            'san',
            f'the system itself boots from {entry.target}, and cannot do '
            'without it',
            '',
            note=True,
        )
    return Advice(
        'san',
        f'its disk comes from {entry.target}: a boot hangs while the SAN '
        'is not there, and cinder-volume with it',
        _fix(fstab),
        comment=True,
    )


def _not_waited_for(
    fstab: Fstab, entry: FstabEntry, wanted: tuple[str, ...]
) -> Iterator[Advice]:
    lacking = tuple(o for o in wanted if o not in entry.options)
    if entry.point in _SYSTEM or _LATER & set(entry.options):
        return
    if lacking:
        yield Advice(
            'nofail',
            f'a boot waits for it: it lacks {", ".join(lacking)}',
            _fix(fstab),
            add=lacking,
        )


def _home(fstab: Fstab) -> Iterator[Advice]:
    if fstab.role == 'guest' and fstab.keys_below is False:
        yield Advice(
            'home',
            'without this volume nobody can log in: below it, the root disk '
            'has no home with authorized_keys',
            'leave a home with .ssh/authorized_keys on the root disk: mount '
            '--bind / /mnt shows what is below',
        )


def _is_volume(fstab: Fstab, entry: FstabEntry) -> bool:
    """Whether it lies on another disk than the root file system."""
    return bool(entry.disks) and set(entry.disks).isdisjoint(fstab.root)


def _has_device(entry: FstabEntry) -> bool:
    return (
        entry.spec.startswith(_DEVICE)
        and entry.kind != 'swap'
        and not {'bind', 'rbind', 'loop'} & {*entry.options}
    )


def _waits(entry: FstabEntry) -> bool:
    return not {'nofail', *_LATER} & set(entry.options)


def _fix(fstab: Fstab) -> str:
    kind = '--guest ' if fstab.role == 'guest' else ''
    return f'openstack recover mount fix {kind}{fstab.host}'


def _row(
    fstab: Fstab,
    entry: FstabEntry,
    state: str,
    reason: str = '',
    way_out: str = '',
) -> Row:
    return Row(
        fstab.name or fstab.host, fstab.role, entry.point, entry.spec,
        entry.kind, ','.join(entry.options), state, reason, way_out,
    )  # fmt: skip
