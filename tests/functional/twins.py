# SPDX-License-Identifier: Apache-2.0
"""Servers of every kind a move knows, several exactly alike of each."""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests import practice as lib
from tests.cloud import lab
from tests.oracle import reading
from tests.oracle.shares import Index, Share

SOURCE = 'cmp1'
WHEN = ('before', 'moved', 'returned')  # shares are kept
SAME = 4  # times that all was the same: nothing is under way any more
# Zone -> its hosts: who moves to cmp2 comes into another zone.
ZONES = {'east': ('cmp1', 'cmp3'), 'west': ('cmp2',)}


@dataclasses.dataclass(frozen=True)
class Kind:
    """What a server is made of, and where it is to go."""

    name: str
    root_on_volume: bool = False
    data: int = 0  # volumes besides the root
    ports: int = 1
    stopped: bool = False
    zone: str = ''  # asked for when it was booted
    target: str = 'cmp2'
    host: str = SOURCE


KINDS = (
    Kind('image'),
    Kind('volume', root_on_volume=True),
    Kind('data', data=2),
    Kind('ports', ports=2),
    Kind('stopped', stopped=True, data=1),
    Kind('zone', zone='east', target='cmp3'),
)


@contextlib.contextmanager
def zones(cloud: lib.Practice) -> Iterator[None]:
    """The hosts in zones; a host must be empty to change its zone."""
    _forget_zones(cloud)
    try:
        for zone, hosts in ZONES.items():
            body = {'aggregate': {'name': zone, 'availability_zone': zone}}
            made = cloud.call('POST', '/os-aggregates', body)['aggregate']
            for host in hosts:
                body = {'add_host': {'host': host}}
                path = f'/os-aggregates/{made["id"]}/action'
                cloud.call('POST', path, body)
        yield
    finally:
        cloud.delete_all()
        _forget_zones(cloud)


def _forget_zones(cloud: lib.Practice) -> None:
    for made in cloud.call('GET', '/os-aggregates')['aggregates']:
        if made['name'] in ZONES:
            path = f'/os-aggregates/{made["id"]}'
            for host in made['hosts']:
                body = {'remove_host': {'host': host}}
                cloud.call('POST', f'{path}/action', body)
            cloud.call('DELETE', path)


def boot(
    cloud: lib.Practice, kinds: Sequence[Kind], names: Sequence[str]
) -> dict[str, dict[str, str]]:
    """One server of each kind for each name: name -> kind -> id.

    What makes a server is done to all of them in the same order, so that
    their histories are the same too.
    """
    made: dict[str, dict[str, str]] = {name: {} for name in names}
    for kind in kinds:
        for name in names:
            body = _body(cloud, kind, f'twin-{kind.name}-{name}')
            server = cloud.call('POST', '/servers', body)['server']['id']
            made[name][kind.name] = server
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(
            lambda one: _complete(cloud, *one),
            [(kind, made[n][kind.name]) for kind in kinds for n in names],
        ):
            pass
    return made


def _body(cloud: lib.Practice, kind: Kind, name: str) -> dict[str, Any]:
    server = {
        'name': name,
        'flavorRef': 'tiny-nodisk' if kind.root_on_volume else 'tiny',
        'networks': cloud.networks(True) * kind.ports,
        'host': kind.host,
        **cloud.disks(kind.root_on_volume),
    }
    if kind.zone:
        server['availability_zone'] = kind.zone
    return {'server': server}


def _complete(cloud: lib.Practice, kind: Kind, server: str) -> None:
    cloud.wait(server, 'ACTIVE')
    for number in range(kind.data):
        cloud.add_volume(server, f'{server}-{number}')
    if kind.stopped:
        cloud.stop(server)


@dataclasses.dataclass
class Story:
    """The twins, and their shares as they became."""

    cloud: lib.Practice
    servers: dict[str, dict[str, str]]  # name -> kind -> id
    shares: dict[str, dict[str, Share]] = dataclasses.field(
        default_factory=dict
    )  # when -> server -> share

    def keep(self, when: str) -> None:
        """Remember how all of them look now."""
        every = [s for made in self.servers.values() for s in made.values()]
        self.shares[when] = settled(self.cloud, every)

    def come_back(self) -> None:
        """All are moved; then the failed host is back in service."""
        self.keep('moved')
        self.cloud.heal(SOURCE)
        self.keep('returned')

    def pair(self, when: str, kind: str, *names: str) -> list[Share]:
        """The shares of those that are alike."""
        return [self.shares[when][self.servers[name][kind]] for name in names]

    def past(self, name: str, kind: str, *when: str) -> list[Share]:
        """The shares of one server, one after the other."""
        return [self.shares[w][self.servers[name][kind]] for w in when]


@contextlib.contextmanager
def story(cloud: lib.Practice, names: Sequence[str]) -> Iterator[Story]:
    """Servers of every kind, alike, on a host that is dead."""
    with lib.shared_disks(), zones(cloud):
        told = Story(cloud, boot(cloud, KINDS, names))
        told.keep('before')
        fail(cloud)
        yield told


def fail(cloud: lib.Practice) -> None:
    """The host with the servers dies, and nova knows it."""
    lab.fail(SOURCE)
    cloud.until(lambda: cloud.service(SOURCE)['state'] == 'down', 'down')


def move(
    clouds: Any, kinds: Sequence[Kind], servers: dict[str, str], *words: str
) -> list[dict[str, Any]]:
    """Recover servers (kind -> id), each where its kind is to go."""
    rows = []
    for target in sorted({kind.target for kind in kinds}):
        ids = [servers[k.name] for k in kinds if k.target == target]
        done = lib.recover(
            clouds, 'server', *ids, '--fenced', 'its power was seen off',
            '--target', target, '--many-down', '--yes', *words,
        )  # fmt: skip
        assert done.status == 0, done
        rows += done.rows
    return rows


def settled(cloud: lib.Practice, servers: Sequence[str]) -> dict[str, Share]:
    """Shares by server, once all that was under way has come to its end.

    neutron tells nova of each port that is wired, and nova writes it down.
    """
    seen: list[Any] = []
    shares: list[Share] = []

    def quiet() -> bool:
        index = Index(reading.snapshot())
        shares[:] = [index.share(server) for server in servers]
        seen.append(_contents(shares))
        return seen[-SAME:] == [seen[-1]] * SAME

    cloud.until(quiet, 'nothing changes any more')
    return dict(zip(servers, shares, strict=True))


def _contents(shares: Sequence[Share]) -> list[Any]:
    return [
        (name, row)
        for share in shares
        for name in sorted(t.name for t in share.tables())
        for row in share.rows(name)
    ]
