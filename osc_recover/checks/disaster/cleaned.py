# SPDX-License-Identifier: Apache-2.0
"""May a server's data volumes be cleaned, and it be rebooted then?  Pure.

All of them or none: a reboot with some of them would change the order in
which its guest sees its disks.
"""

import dataclasses
from collections.abc import Iterator

from osc_recover.checks import cleaning
from osc_recover.checks.disaster import volumes
from osc_recover.checks.disaster.view import View, refusal
from osc_recover.checks.finding import Finding
from osc_recover.facts import Server
from osc_recover.facts.snapshot import (
    KeptAttachment,
    KeptMapping,
    KeptVolume,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Data:
    """One data volume of a server, as nova and cinder have it.

    ``given`` is nova's attachment of it, None for one that cinder alone has
    there; ``ends`` are cinder's, each with the way in which it is ended.
    """

    volume: KeptVolume
    given: KeptAttachment | None
    ends: tuple[tuple[KeptAttachment, str], ...]
    held: tuple[KeptAttachment, ...]  # of all servers


def root(view: View, server: Server) -> str:
    """The volume that it boots from, or ''."""
    found = (
        one.volume
        for one in view.attachments(server.id)
        if one.boot_index == 0 and 'nova' in one.sides
    )
    return next(found, '')


def data(view: View, server: Server) -> list[Data]:
    """Its data volumes, in the order of their devices."""
    mine = view.attachments(server.id)
    boots_from = root(view, server)
    names = dict.fromkeys(one.volume for one in mine)
    found = [
        _data(view, server, view.volumes[name])
        for name in names
        if name != boots_from and name in view.volumes
    ]
    return sorted(found, key=_order)


def _order(one: Data) -> int:
    return min(
        (a.order for a in ([one.given] if one.given else ())), default=10**6
    )


def _data(view: View, server: Server, volume: KeptVolume) -> Data:
    mine = [a for a in view.attachments(server.id) if a.volume == volume.id]
    held = view.held(volume.id)
    means = view.seen.means
    return Data(
        volume,
        next((a for a in mine if 'nova' in a.sides), None),
        tuple(
            (a, cleaning.way(means, held, in_nova='nova' in a.sides))
            for a in mine
            if 'cinder' in a.sides
        ),
        held,
    )


def wrong(view: View, server: Server) -> Finding | None:
    """What keeps its volumes from being cleaned, and so itself as it is."""
    if missing := volumes.unknown(view, server):
        return missing
    if found := _root(view, server):
        return found
    mine = data(view, server)
    refused = [text for one in mine for text in _kept_from(one, server)]
    if refused:
        return refusal(
            'not-cleanable',
            f'{"; ".join(refused)}: what cinder is at itself, or somebody '
            'else has, is not cleaned, and its server is left as it is',
            'openstack recover volume check --server '
            f'{server.id} tells more; once that is over, plan again',
        )
    return _no_way(mine) or _no_mapping(view, mine)


def _root(view: View, server: Server) -> Finding | None:
    """Its root must be whole: what is taken off there is lost for good."""
    boots_from = root(view, server)
    if server.image is None and not boots_from:
        return refusal(
            'root-missing',
            'it boots from a volume, and which of its volumes that is, is '
            'not known',
            f'openstack recover volume check --server {server.id} names the '
            'command that brings its mapping back',
        )
    found = [
        (volume, why)
        for volume, why in view.mapped(server).wrong()
        if volume == boots_from or volume not in view.volumes
    ]
    return volumes.disagreeing(server, found) if found else None


def _kept_from(one: Data, server: Server) -> Iterator[str]:
    if why := cleaning.kept_from(one.volume, one.held):
        yield f'volume {one.volume.id} {why}'
    elif one.given and not one.volume.multiattach:
        others = sorted({a.server for a in one.held} - {server.id})
        if others:
            whose = ', '.join(other or 'cinder itself' for other in others)
            yield f'volume {one.volume.id} is attached to {whose}, too'


def _no_way(mine: list[Data]) -> Finding | None:
    stuck = [
        one.volume.id for one in mine if any(not way for _, way in one.ends)
    ]
    if not stuck:
        return None
    return refusal(
        'no-way',
        f'volume {", ".join(stuck)} has further attachments, and nothing '
        'here can end just one of them',
        'recover: service_auth in clouds.yaml, or recover: database, makes '
        'it possible',
    )


def mapping(view: View, one: Data) -> KeptMapping | None:
    """nova's row of it, where nova's database was asked."""
    return view.mapping(one.given.mapping) if one.given else None


def _no_mapping(view: View, mine: list[Data]) -> Finding | None:
    """An older nova keeps mappings, and would connect the volumes again."""
    if cleaning.drops_by_itself(view.seen.means):
        return None
    lacks = [
        one.volume.id for one in mine if one.given and not mapping(view, one)
    ]
    if not lacks:
        return None
    return refusal(
        'no-database',
        f'this nova may be older than 28: it keeps its mapping of volume '
        f'{", ".join(lacks)}, which can only be dropped in its database, and '
        'that was not asked',
        'recover: database in clouds.yaml says where it is; --mode reconcile '
        'needs no cleaning',
    )
