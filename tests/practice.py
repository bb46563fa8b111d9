# SPDX-License-Identifier: Apache-2.0
"""What tests, demo and benchmarks do with the practice cloud as its users.

Servers of every kind through the API, our own commands through the real
``openstack``, and a clouds.yaml with a ``recover:`` section.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import openstack
import pymysql
import yaml

from tests.cloud import keys, lab, ports

CLOUD = 'practice'
DEADLINE = 180
# recover: service_auth of the practice cloud.
SERVICE = {
    'username': 'service',
    'password': keys.PASSWORD,
    'user_domain_id': 'default',
    'project_name': 'service',
    'project_domain_id': 'default',
}


@dataclasses.dataclass(frozen=True)
class Done:
    """What a command of ours printed, and how it exited."""

    status: int
    stdout: str
    stderr: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The JSON array on stdout: it must be one, and nothing else."""
        found = json.loads(self.stdout)
        assert isinstance(found, list), self.stdout
        return found

    @property
    def run(self) -> str:
        """The run that it began, as it told on stderr, or ''."""
        begun = re.search(r'^run (\w+) on', self.stderr, re.M)
        return begun[1] if begun else ''


def write_clouds(folder: pathlib.Path, **recover: Any) -> pathlib.Path:
    """The practice cloud's clouds.yaml, with our section in each cloud."""
    known = yaml.safe_load(lab.clouds_yaml().read_text())
    for cloud in known['clouds'].values():
        cloud['recover'] = {
            'journal': str(folder / 'journal.sqlite'),
            'fence': fence_devices(),
            'shared_storage': True,
            **recover,
        }
    path = folder / 'clouds.yaml'
    path.write_text(yaml.safe_dump(known))
    return path


def reached(
    folder: pathlib.Path,
    hosts: Mapping[str, Any],
    ssh: Mapping[str, Any] | None = None,
    **recover: Any,
) -> pathlib.Path:
    """A clouds.yaml in which hosts of the bed are dialled where they are.

    :param hosts: by name
    :param ssh: more of its ``ssh`` section
    """
    return write_clouds(folder, **section(hosts, ssh), **recover)


def section(
    hosts: Mapping[str, Any], ssh: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What recover: in clouds.yaml says of hosts of the bed."""
    one = next(iter(hosts.values()))
    known = {
        'user': 'root',
        'identity_file': str(one.key),
        'known_hosts': str(one.known_hosts),
    }
    addresses = [
        {'name': host.name, 'address': host.address, 'port': host.port}
        for host in hosts.values()
    ]
    return {'ssh': {**known, **(ssh or {})}, 'hosts': addresses}


def fence_devices(
    hosts: Sequence[str] = lab.HOSTS,
) -> list[dict[str, Any]]:
    """The practice cloud's power switches, one a host."""
    state = str(lab.state_dir())
    return [
        {
            'host': host,
            'agent': str(lab.fence_agent()),
            'options': {'plug': host, 'state': state},
        }
        for host in hosts
    ]


def environment(clouds: pathlib.Path, cloud: str = CLOUD) -> dict[str, str]:
    """The environment in which our commands run."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith('OS_')}
    return {**kept, 'OS_CLIENT_CONFIG_FILE': str(clouds), 'OS_CLOUD': cloud}


def recover(
    clouds: pathlib.Path,
    *words: str,
    cloud: str = CLOUD,
    json_rows: bool = True,
    timeout: float = 600,
) -> Done:
    """Run ``openstack recover …`` as an operator's script does.

    :raises subprocess.TimeoutExpired: when it does not come to an end
    """
    argv = command(*words, json_rows=json_rows)
    return _run[-1](argv, environment(clouds, cloud), timeout)


def started(argv: list[str], env: Mapping[str, str], timeout: float) -> Done:
    """Start a program, and wait for its end; it has no stdin."""
    done = subprocess.run(
        argv,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


_run: list[Callable[[list[str], Mapping[str, str], float], Done]] = [started]


@contextlib.contextmanager
def commands_run_by(
    run: Callable[[list[str], Mapping[str, str], float], Done],
) -> Iterator[None]:
    """Have ``recover`` run its commands otherwise than by starting them."""
    _run.append(run)
    try:
        yield
    finally:
        _run.remove(run)


def command(*words: str, json_rows: bool = True) -> list[str]:
    """The argv of one of our commands, in this environment."""
    client = str(pathlib.Path(sys.executable).with_name('openstack'))
    form = ['-f', 'json'] if json_rows else []
    return [client, 'recover', *words, *form]


def database(name: str = 'nova') -> Any:
    """One of the cloud's databases, to look at and to plant what is wrong."""
    return pymysql.connect(
        host='127.0.0.1',
        port=ports.port('mariadb'),
        user='practice',
        password=keys.PASSWORD,
        database=name,
        autocommit=True,
    )


def database_urls(**changed: str) -> dict[str, str]:
    """What recover: database says of the practice cloud.

    :param changed: other URLs
    """
    base = (
        f'mysql+pymysql://practice:{keys.PASSWORD}@127.0.0.1:'
        f'{ports.port("mariadb")}'
    )
    return {
        'nova_api': f'{base}/nova_api',
        'cinder': f'{base}/cinder',
        **changed,
    }


class Practice:
    """The practice cloud through its API, as an admin uses it."""

    def __init__(self, cloud: str = CLOUD) -> None:
        self.name = cloud
        config = openstack.config.OpenStackConfig(
            config_files=[str(lab.clouds_yaml())]
        )
        self.sdk = openstack.connection.Connection(
            config=config.get_one(cloud)
        )
        # What it would read in each request pytest writes in another thread.
        self.sdk.session.session.trust_env = False
        self.nova = self.sdk.compute

    def call(
        self, method: str, path: str, body: Any = None, version: str = '2.90'
    ) -> Any:
        """One request to nova, at a microversion."""
        answer = self.nova.request(
            path, method, json=body, microversion=version
        )
        assert answer.status_code < 400, answer.text
        return answer.json() if answer.content else {}

    # Hosts

    def service(self, host: str) -> dict[str, Any]:
        """The nova-compute service of a host."""
        found = self.call('GET', f'/os-services?host={host}')['services']
        return next(s for s in found if s['binary'] == 'nova-compute')

    def put_service(self, host: str, **values: Any) -> None:
        """Change the service of a host."""
        name = self.service(host)['id']
        self.call('PUT', f'/os-services/{name}', values)

    def heal(self, host: str) -> None:
        """A host as it was before anything happened to it."""
        self.revive(host)
        self.until(lambda: not self.open_records(host), f'{host} cleaned up')
        service = self.service(host)
        if service['forced_down'] or service['status'] != 'enabled':
            self.put_service(host, forced_down=False, status='enabled')
        self.until(lambda: self.service(host)['state'] == 'up', f'{host} up')

    def revive(self, host: str) -> None:
        """Power on, and nova-compute started."""
        lab.revive(host)

    def open_records(self, host: str) -> list[dict[str, Any]]:
        """Evacuations off a host that it has not cleaned up after."""
        return [
            record
            for record in self.evacuations(host)
            if record['status'] in ('accepted', 'pre-migrating', 'done')
        ]

    def evacuations(self, host: str) -> list[dict[str, Any]]:
        """Every evacuation record whose source is this host."""
        found = self.call(
            'GET', f'/os-migrations?source_compute={host}&limit=1000'
        )
        return [
            m
            for m in found['migrations']
            if m['migration_type'] == 'evacuation'
        ]

    # Servers

    def boot(
        self,
        names: Iterable[str],
        host: str,
        *,
        port: bool = True,
        volume: bool = False,
        group: str = '',
        flavor: str = '',
        image: str = 'practice',
        metadata: dict[str, str] | None = None,
        data: int = 0,
    ) -> list[str]:
        """Boot servers on a host, all at once; returns their ids.

        :param data: how many data volumes each has, with a tag each
        """
        made = []
        for name in names:
            body: dict[str, Any] = {
                'server': {
                    'name': name,
                    'flavorRef': flavor
                    or ('tiny-nodisk' if volume else 'tiny'),
                    'networks': self.networks(port),
                    'host': host,
                    'metadata': metadata or {},
                }
            }
            body['server'] |= self.disks(volume, image, data)
            if group:
                body['os:scheduler_hints'] = {'group': group}
            made.append(self.call('POST', '/servers', body)['server']['id'])
        for server in made:
            self.wait(server, 'ACTIVE')
        return made

    def networks(self, port: bool) -> Any:
        """What a new server is connected to: nova's `networks`."""
        if not port:
            return 'none'
        found = self.sdk.network.find_network('practice-net')
        return [{'uuid': found.id}]

    def disks(
        self, volume: bool, image: str = 'practice', data: int = 0
    ) -> dict[str, Any]:
        """What a new server has as disks: keys of nova's `server`.

        :param volume: whether its root is one
        :param data: how many data volumes it has, with a tag each
        """
        source = self.sdk.image.find_image(image).id
        if not volume and not data:
            return {'imageRef': source}
        root = {
            'boot_index': 0,
            'uuid': source,
            'source_type': 'image',
            'destination_type': 'volume' if volume else 'local',
            'delete_on_termination': True,
        }
        blank = {
            'boot_index': -1,
            'source_type': 'blank',
            'destination_type': 'volume',
            'volume_size': 1,
            'delete_on_termination': True,
        }
        more = [{**blank, 'tag': f'data-{number}'} for number in range(data)]
        size = {'volume_size': 1} if volume else {}
        told = {} if volume else {'imageRef': source}
        return {**told, 'block_device_mapping_v2': [root | size, *more]}

    def add_volume(self, server: str, name: str) -> str:
        """A data volume on a server; returns its id."""
        made = self.sdk.block_storage.create_volume(
            size=1, name=name, volume_type='practice-lvm'
        )
        self.sdk.block_storage.wait_for_status(made, 'available', interval=0.3)
        self.call(
            'POST',
            f'/servers/{server}/os-volume_attachments',
            {
                'volumeAttachment': {
                    'volumeId': made.id,
                    'delete_on_termination': True,
                }
            },
        )
        self.sdk.block_storage.wait_for_status(made, 'in-use', interval=0.3)
        return str(made.id)

    def group(
        self, name: str, policy: str = 'anti-affinity', most: int = 0
    ) -> str:
        """A server group; ``most`` members may share a host; its id."""
        body: dict[str, Any] = {'name': name, 'policy': policy}
        if most:
            body['rules'] = {'max_server_per_host': most}
        made = self.call('POST', '/os-server-groups', {'server_group': body})
        return str(made['server_group']['id'])

    def action(self, server: str, **body: Any) -> None:
        """An action of a server, such as ``**{'os-stop': None}``."""
        self.call('POST', f'/servers/{server}/action', body)

    def stop(self, server: str) -> None:
        """Stop a server, and wait for it."""
        self.action(server, **{'os-stop': None})
        self.wait(server, 'SHUTOFF')

    def server(self, server: str) -> dict[str, Any]:
        """A server as nova shows it."""
        found: dict[str, Any] = self.call('GET', f'/servers/{server}')
        return dict(found['server'])

    def servers(self, host: str = '') -> list[dict[str, Any]]:
        """Every server, or those of a host."""
        path = '/servers/detail?all_tenants=1'
        found = self.call('GET', path + (f'&host={host}' if host else ''))
        return list(found['servers'])

    def wait(self, server: str, status: str) -> None:
        """Wait for a status; an ERROR that is not wanted is the end."""

        def there() -> bool:
            now = self.server(server)
            assert now['status'] in (status, *_PASSING), now
            task = now['OS-EXT-STS:task_state']
            return bool(now['status'] == status and not task)

        self.until(there, f'{server} {status}')

    def until(self, there: Callable[[], Any], what: str) -> None:
        """Wait until something is so."""
        end = time.monotonic() + DEADLINE
        while not there():
            assert time.monotonic() < end, f'not in {DEADLINE} s: {what}'
            time.sleep(0.3)

    def delete_all(self) -> None:
        """Delete every server, its volumes, and the groups."""
        self.delete_servers()
        for volume in self.sdk.block_storage.volumes(details=True):
            with contextlib.suppress(openstack.exceptions.SDKException):
                self.sdk.block_storage.delete_volume(volume)

    def delete_servers(self) -> None:
        """Delete every server and group; volumes that go with them go."""
        for server in self.servers():
            with contextlib.suppress(AssertionError):
                self.call('DELETE', f'/servers/{server["id"]}')
        self.until(lambda: not self.servers(), 'all servers deleted')
        groups = self.call('GET', '/os-server-groups?all_projects=1')
        for group in groups['server_groups']:
            self.call('DELETE', f'/os-server-groups/{group["id"]}')


_PASSING = ('BUILD', 'REBUILD', 'ACTIVE', 'SHUTOFF', 'REBOOT', 'HARD_REBOOT')


def fleet(practice: Practice, host: str) -> dict[str, str]:
    """The servers of the demo, one of each kind; name -> id."""
    group = practice.group('demo-anti', most=2)
    image = practice.boot(['image-1', 'image-2', 'stopped-1', 'data-1'], host)
    anti = practice.boot(['anti-1', 'anti-2'], host, group=group)
    volume = practice.boot(['volume-1'], host, volume=True)
    practice.add_volume(image[3], 'data')
    practice.stop(image[2])
    names = ['image-1', 'image-2', 'stopped-1', 'data-1', 'anti-1', 'anti-2']
    return dict(zip([*names, 'volume-1'], image + anti + volume, strict=True))


@contextlib.contextmanager
def shared_disks(hosts: Sequence[str] = lab.HOSTS) -> Iterator[None]:
    """Local disks that every host sees, as on NFS or Ceph."""
    for host in hosts:
        lab.knob(host, shared_storage=True)
    yield
    lab.reset_knobs()
