# SPDX-License-Identifier: Apache-2.0
"""A dead host, and a proxy before the way to recover its servers."""

import pathlib
from typing import Any

from tests import practice as lib
from tests.cloud import ports
from tests.functional.proxy import OVERRIDES, Proxy

TIMEOUT = 3  # seconds that a request may take: what hangs is given up soon


def boot(cloud: lib.Practice, sort: str, count: int, host: str) -> list[str]:
    """Boot servers: plain, with a port and a data volume, paused, or off.

    What is off is in ERROR as well, so that nova would bring it back running.
    """
    names = [f'{sort}-{host}-{number}' for number in range(count)]
    made = cloud.boot(names, host, port=sort == 'data')
    for server in made:
        if sort == 'data':
            cloud.add_volume(server, f'of-{server}')
        if sort == 'paused':
            cloud.action(server, pause=None)
            cloud.until(
                lambda server=server: (
                    cloud.server(server)['status'] == 'PAUSED'
                ),
                'paused',
            )
        if sort == 'off':
            cloud.stop(server)
            cloud.action(server, **{'os-resetState': {'state': 'error'}})
    return made


class Line:
    """A dead host, its servers, and the way to recover them."""

    def __init__(
        self, host: str, folder: pathlib.Path, **settings: Any
    ) -> None:
        self.host = host
        self.cloud = lib.Practice()
        self.stock: dict[str, list[str]] = {}
        names = ('keystone', *OVERRIDES)
        self.proxy = Proxy({name: ports.url(name) for name in names})
        self.clouds = lib.write_clouds(
            folder, **{'request_timeout': TIMEOUT, **settings}
        )
        self.proxy.rewrite(self.clouds)

    def fill(self, wanted: dict[str, int]) -> None:
        """Boot so many of each sort."""
        for sort, count in wanted.items():
            self.stock[sort] = boot(self.cloud, sort, count, self.host)

    def recover(self, *words: str) -> lib.Done:
        """Run a command of ours through the proxy; it must come to an end."""
        return lib.recover(self.clouds, *words, timeout=150)

    def take(self, sort: str = 'plain') -> str:
        """A server that is not used yet."""
        return self.stock[sort].pop()

    def state(self, server: str) -> dict[str, Any]:
        """All of the cloud that a recovery of a server may change."""
        now = self.cloud.server(server)
        service = self.cloud.service(self.host)
        told = ('forced_down', 'status', 'disabled_reason')
        return {
            'host': now['OS-EXT-SRV-ATTR:host'],
            'vm_state': now['OS-EXT-STS:vm_state'],
            'evacuations': self.evacuations(server),
            'service': [service.get(key) for key in told],
        }

    def evacuations(self, server: str) -> list[int]:
        """The evacuation records of a server, off this host."""
        found = self.cloud.evacuations(self.host)
        return [r['id'] for r in found if r['instance_uuid'] == server]
