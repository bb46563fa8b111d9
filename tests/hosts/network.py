# SPDX-License-Identifier: Apache-2.0
"""The bed's network: a bridge that leads nowhere but to this machine.

The bridge is in a network namespace of the bed's own, each host in one of
its own.  Tests dial the hosts over a leg: a veth pair from the bridge to this
machine's namespace.  Its range is on no other interface, the machine forwards
nothing that comes over it, and no host has a default route.
"""

from __future__ import annotations

import ipaddress
import json
import pathlib

from tests.hosts import calls, errors

BED = 'osc-bed'
LEG = 'osc-bed0'
RANGE = ipaddress.ip_network('10.203.0.0/22')
GATEWAY = str(RANGE[1])
_FIRST = 10
# Some are left for hosts of the other kind, and ten for us.
ROOM = 500
_NAMESPACES = pathlib.Path('/run/netns')
_SETTINGS = pathlib.Path('/proc/sys/net')


def address(number: int) -> str:
    """The address of host number 1, 2, …"""
    return str(RANGE[_FIRST + number])


def bridge() -> None:
    """Make the bridge and the leg to it.

    :raises errors.BedError: when others use the range, or iproute2 fails
    """
    _check_range()
    calls.call(['ip', 'netns', 'add', BED])
    _ip(BED, 'link set lo up', 'link add br0 type bridge', 'link set br0 up')
    _ip('', f'link add {LEG} type veth peer name leg netns {BED}')
    (_SETTINGS / 'ipv4/conf' / LEG / 'forwarding').write_text('0')
    _ip('', f'addr add {GATEWAY}/{RANGE.prefixlen} dev {LEG}')
    _ip('', f'link set {LEG} up')
    _ip(BED, 'link set leg master br0', 'link set leg up')


def add(name: str, host_address: str) -> None:
    """Make a host's namespace, wired to the bridge; it outlives its boots."""
    mine = namespace(name)
    calls.call(['ip', 'netns', 'add', mine])
    _ip(
        BED,
        f'link add v-{name} type veth peer name host0 netns {mine}',
        f'link set v-{name} master br0',
        f'link set v-{name} up',
    )
    _ip(
        mine,
        'link set lo up',
        f'addr add {host_address}/{RANGE.prefixlen} dev host0',
        'link set host0 up',
    )


def cut(name: str) -> None:
    """Pull a host's cable: what is sent is lost, nobody is told."""
    _ip(BED, f'link set v-{name} down')


def mend(name: str) -> None:
    _ip(BED, f'link set v-{name} up')


def namespace(name: str) -> str:
    return f'{BED}-{name}'


def path(name: str) -> pathlib.Path:
    return _NAMESPACES / namespace(name)


def remove(name: str) -> None:
    """Remove the namespace of a host, and its cable with it."""
    if name in cables():
        # It would go with its namespace, but some time later.
        _ip(BED, f'link delete v-{name}')
    _remove(namespace(name))


def cables() -> set[str]:
    """The hosts that are wired to the bridge."""
    if not (_NAMESPACES / BED).exists():
        return set()
    links = json.loads(calls.call(['ip', '-n', BED, '-json', 'link', 'show']))
    return {
        link['ifname'].removeprefix('v-')
        for link in links
        if link['ifname'].startswith('v-')
    }


def remove_all() -> None:
    """Remove every namespace of the bed, the bridge and the leg."""
    if (pathlib.Path('/sys/class/net') / LEG).exists():
        # It too would go with its namespace.
        _ip('', f'link delete {LEG}')
    for one in namespaces():
        _remove(one)


def namespaces() -> list[str]:
    """The network namespaces of the bed, the bridge's last."""
    found = (entry.name for entry in _NAMESPACES.glob(f'{BED}*'))
    return sorted(found, reverse=True)


def mounted() -> bool:
    """Whether /run/netns is the mount that "ip netns add" makes of it."""
    # Not is_mount(), which sees no mount of a folder on itself.
    mounts = pathlib.Path('/proc/self/mounts').read_text().splitlines()
    return str(_NAMESPACES) in (line.split()[1] for line in mounts)


def unmount() -> None:
    """Take that mount away, if nobody has a namespace in it."""
    if mounted() and not any(_NAMESPACES.iterdir()):
        calls.call(['umount', str(_NAMESPACES)])
        _NAMESPACES.rmdir()


def _remove(one: str) -> None:
    if (_NAMESPACES / one).exists():
        calls.call(['ip', 'netns', 'delete', one])


def _check_range() -> None:
    routes = json.loads(calls.call(['ip', '-json', '-4', 'route', 'show']))
    for route in routes:
        if route['dst'] == 'default':
            continue
        if ipaddress.ip_network(route['dst']).overlaps(RANGE):
            raise errors.BedError(
                f'{route["dst"]} by {route.get("dev")} overlaps with '
                f'{RANGE}, the range of the bed; take that route away, or '
                'change RANGE in tests/hosts/network.py'
            )


def _ip(where: str, *lines: str) -> None:
    space = ['-n', where] if where else []
    calls.call(['ip', *space, '-batch', '-'], '\n'.join(lines) + '\n')
