# SPDX-License-Identifier: Apache-2.0
"""What keeps a guest from its image in Ceph.  Pure.

Who loses power leaves its lock behind.  The next one takes it over and has
the dead client blocklisted, where its rights let it (``profile rbd``);
without them it waits for good, and a client that was blocklisted while it
lived gets nothing but errors.
"""

import dataclasses
import ipaddress
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

from osc_recover.facts.ceph import Blocked, CephSeen, Image

LOCKED, BLOCKED = 'ceph-lock', 'ceph-blocklisted'
_PREFIX = re.compile('(?:v1|v2|any|cidr):')
_ADDRESS = re.compile(r'(?:\[(?P<six>[^\]]+)\]|(?P<four>[0-9.]+)):\d+/(\d+)')


@dataclasses.dataclass(frozen=True, slots=True)
class Hint:
    """What is so of an image, and the command that ends it."""

    code: str
    text: str
    way_out: str


def hints(seen: CephSeen, names: Iterable[str]) -> Iterator[Hint]:
    """What there is to say about images.

    :param names: as pool/image; of those that nobody told of is said nothing
    """
    for name in dict.fromkeys(names):
        image = seen.image(name)
        if image is not None:
            yield from _stale(image, seen.blocked)
            yield from _shut_out(image, seen.blocked)


def _stale(image: Image, blocked: Sequence[Blocked]) -> Iterator[Hint]:
    """Locks whose holder does not have the image open any more."""
    alive = {one.client for one in image.watchers}
    for lock in image.locks:
        if lock.locker in alive:
            continue
        until = [e.until for e in blocked if covers(e, lock.address)]
        words = ['rbd', 'lock', 'rm', image.name, lock.id, lock.locker]
        yield Hint(
            LOCKED,
            f'image {image.name} is locked by {lock.locker} at '
            f'{lock.address or "?"}, which does not have it open any more'
            + (f' and is blocklisted until {until[0]}' if until else ''),
            f'once no guest has it: {shlex.join(words)}',
        )


def _shut_out(image: Image, blocked: Sequence[Blocked]) -> Iterator[Hint]:
    """Clients of it that Ceph answers no more.

    The own entry of a dead one is what protects the image from it.
    """
    alive = {one.client: one.address for one in image.watchers}
    known = {**{one.locker: one.address for one in image.locks}, **alive}
    for entry in blocked:
        wide = _is_wide(entry)
        clients = [c for c, at in (known if wide else alive).items()
                   if covers(entry, at)]  # fmt: skip
        if not clients:
            continue
        yield Hint(
            BLOCKED,
            f'{", ".join(clients)} of image {image.name} is blocklisted '
            f'until {entry.until}'
            + (f', as all of {entry.address}' if wide else ''),
            ('' if wide else 'a hard reboot of its server gives it a new '
             'client; ')
            + f'once its guest is off: ceph osd blocklist {_removed(entry)}',
        )  # fmt: skip


def _is_wide(entry: Blocked) -> bool:
    """Whether it is about more than one client: a new one is hit as well."""
    listed = _parsed(entry.address)
    return entry.address.startswith('cidr:') or (
        listed is not None and not listed[1]
    )


def covers(entry: Blocked, address: str) -> bool:
    """Whether an entry of the blocklist is about an address.

    One without a nonce is about all clients of its address, and a range about
    all in it (src/osd/OSDMap.cc, is_blocklisted).
    """
    listed, whose = _parsed(entry.address), _parsed(address)
    if listed is None or whose is None:
        return False
    if entry.address.startswith('cidr:'):
        try:
            network = ipaddress.ip_network(f'{listed[0]}/{listed[1]}', False)
        except ValueError:
            return False
        return ipaddress.ip_address(whose[0]) in network
    return listed == whose or (listed[0] == whose[0] and not listed[1])


def _parsed(address: str) -> tuple[str, int] | None:
    """The address itself, and its nonce, or the length of a range."""
    match = _ADDRESS.fullmatch(_PREFIX.sub('', address, count=1))
    if match is None:
        return None
    text = match['six'] or match['four']
    try:
        return str(ipaddress.ip_address(text)), int(match[3])
    except ValueError:
        return None


def _removed(entry: Blocked) -> str:
    """The rest of the command that takes an entry away."""
    listed = _parsed(entry.address)
    if listed and entry.address.startswith('cidr:'):
        return f'range rm {listed[0]}/{listed[1]}'
    return f'rm {_PREFIX.sub("", entry.address, count=1)}'
