# SPDX-License-Identifier: Apache-2.0
"""What hosts tell of Ceph's images, as facts."""

from collections.abc import Mapping, Sequence
from typing import Any

from osc_recover import errors
from osc_recover.facts.audit import Gap
from osc_recover.facts.ceph import (
    Blocked,
    CephSeen,
    Image,
    ImageLock,
    ImageWatcher,
)
from osc_recover.gateways import side_by_side
from osc_recover.gateways.foreign import Foreign
from osc_recover.gateways.hosts import Hosts

TIMEOUT = 240.0
_WORKERS = 32

Wanted = Mapping[str, Sequence[str]]  # host -> images


def look(hosts: Hosts, wanted: Wanted, also: Sequence[str] = ()) -> CephSeen:
    """Ask each host for its images, and others for what it did not tell.

    :param also: hosts that are asked, one after another, for the rest
    """
    seen = _asked(hosts, wanted)
    for host in also:
        left = _left(wanted, seen)
        if not left:
            break
        more = _asked(hosts, {host: left})
        if more.images:
            seen = CephSeen(
                (*seen.images, *more.images),
                tuple(dict.fromkeys((*seen.blocked, *more.blocked))),
                seen.gaps,
            )
    left = _left(wanted, seen)
    gaps = [gap for gap in seen.gaps if left]
    return CephSeen(seen.images, seen.blocked, tuple(gaps[:1]))


def _left(wanted: Wanted, seen: CephSeen) -> list[str]:
    told = {image.name for image in seen.images}
    every = dict.fromkeys(i for images in wanted.values() for i in images)
    return [image for image in every if image not in told]


def _asked(hosts: Hosts, wanted: Wanted) -> CephSeen:
    def ask(host: str) -> CephSeen:
        args = {'images': [*wanted[host]]}
        try:
            told = hosts.ask(host, 'ceph.look', args, timeout=TIMEOUT)
            return ceph_from(host, told)
        except (errors.HostError, errors.ApiError) as exc:
            gap = Gap(f'Ceph, as {host} has it', exc.sentence, exc.way_out)
            return CephSeen(gaps=(gap,))

    found = side_by_side.in_order(ask, sorted(wanted), _WORKERS)
    return CephSeen(
        tuple(image for one in found for image in one.images),
        tuple(dict.fromkeys(b for one in found for b in one.blocked)),
        tuple(gap for one in found for gap in one.gaps),
    )


def ceph_from(host: str, data: Any) -> CephSeen:
    """Read what ceph.look tells.

    :raises errors.ApiError: for what it cannot be
    """
    record = Foreign.of(host, 'what Ceph has', data)
    problems = record.words('problems')
    return CephSeen(
        tuple(
            Image(
                name,
                tuple(
                    ImageLock(
                        lock.text('id'),
                        lock.text('locker'),
                        lock.text('address'),
                    )
                    for lock in told.objects('locks')
                ),
                tuple(
                    ImageWatcher(one.text('client'), one.text('address'))
                    for one in told.objects('watchers')
                ),
            )
            for name, told in record.members('images')
        ),
        tuple(
            Blocked(one.text('address'), one.text('until'))
            for one in record.objects('blocked')
        ),
        tuple(
            Gap(
                f'image {name}',
                problem,
                f'on {host}: rbd status {name}',
            )
            for name, problem in problems.items()
        ),
    )
