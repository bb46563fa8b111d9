# SPDX-License-Identifier: Apache-2.0
"""One recovery on nova 26, from the failure of a host to its return."""

from __future__ import annotations

import pathlib
import subprocess
import tempfile

from tests import debian, practice
from tests.cloud import lab
from tests.zed import databases, hosts, proofs, where

HOST = where.HOSTS[0]
# The words of each method. By hand, no host is asked, as none takes SSH.
METHODS = {
    'evacuate': (),
    'database': ('--method', 'database', '--no-agent'),
}
_COLUMNS = ('Name', 'Kind', 'Verdict', 'Destination', 'State', 'Reason')


class Zed(practice.Practice):
    """The region through its API, as an admin uses it."""

    def __init__(self) -> None:
        super().__init__(where.REGION)

    def revive(self, host: str) -> None:
        """Power on, and nova-compute started."""
        hosts.revive(host)


def run(method: str) -> int:
    """Boot, fail, recover, prove, return, delete.

    :param method: one of METHODS
    :returns: the exit status
    :raises AssertionError: when something is not as it must be
    """
    cloud = Zed()
    clean(cloud)
    version = debian.version(debian.unpacked(), 'nova')
    most = cloud.sdk.compute.get_endpoint_data().max_microversion
    say(f'nova {version}, microversions up to {most[0]}.{most[1]}')
    with (
        practice.shared_disks(where.HOSTS),
        tempfile.TemporaryDirectory(prefix='osc-recover-zed-') as folder,
    ):
        status = _story(cloud, method, _clouds(pathlib.Path(folder)))
    clean(cloud)
    return status


def clean(cloud: Zed) -> None:
    """Every host healthy, and no servers."""
    for host in where.HOSTS:
        cloud.heal(host)
    cloud.delete_servers()


def beside(cloud: Zed) -> None:
    """A volume on each other host; it tells how that is let in to volumes."""
    for host in where.HOSTS[1:]:
        cloud.boot([f'beside-{host}'], host, volume=True, port=False)


def database_urls() -> dict[str, str]:
    """Where its databases are; that of its cell is in nova's."""
    return {
        'nova_api': databases.url('nova_zed_api'),
        'cinder': databases.url('cinder'),
    }


def say(text: str) -> None:
    """One step of the demo."""
    print(f'==> {text}', flush=True)


def _story(cloud: Zed, method: str, clouds: pathlib.Path) -> int:
    beside(cloud)
    say(f'servers of several kinds on {HOST}')
    made = practice.fleet(cloud, HOST).values()
    states = {server: cloud.server(server)['status'] for server in made}
    volumes = {v for server in made for v in proofs.volumes(cloud, server)}
    disks = proofs.disks()
    say(f'{HOST} dies')
    lab.fail(HOST)
    if status := _recover(clouds, method):
        return status
    proofs.recovered(cloud, HOST, states)
    assert proofs.disks() == disks
    say(
        f'nova: {len(states)} servers, none on {HOST}, each as it was; their '
        'ports, volumes and disks with them'
    )
    hosts.revive(HOST)
    cloud.until(lambda: not cloud.open_records(HOST), 'records completed')
    if status := _shown(clouds, 'return', HOST, '--yes'):
        return status
    proofs.returned(cloud, HOST, states)
    say(f'{HOST} is in service; nothing of them is left there')
    cloud.delete_servers()
    proofs.deleted(volumes)
    say('nova has deleted them')
    return 0


def _recover(clouds: pathlib.Path, method: str) -> int:
    columns = [word for name in _COLUMNS for word in ('-c', name)]
    words = ['host', HOST, *METHODS[method], '--fence', '--yes']
    return _shown(clouds, *words, more=['--fit-width', *columns])


def _shown(
    clouds: pathlib.Path, *words: str, more: list[str] | None = None
) -> int:
    say(f'openstack --os-cloud {where.REGION} recover {" ".join(words)}')
    return subprocess.run(
        practice.command(*words, *(more or []), json_rows=False),
        env=practice.environment(clouds, where.REGION),
        check=False,
    ).returncode


def _clouds(folder: pathlib.Path) -> pathlib.Path:
    return practice.write_clouds(
        folder,
        fence=practice.fence_devices(where.HOSTS),
        database=database_urls(),
    )
