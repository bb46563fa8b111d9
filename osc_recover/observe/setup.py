# SPDX-License-Identifier: Apache-2.0
"""Is all there that a recovery needs?  Tried, and nothing changed."""

import difflib
from collections.abc import Callable, Iterator

from osc_recover import errors
from osc_recover.facts import Probe
from osc_recover.gateways import identity, microversions
from osc_recover.gateways.api import Api
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.database import Databases
from osc_recover.gateways.fence import FenceAgents
from osc_recover.observe import setup_databases, setup_hosts
from osc_recover.settings import KEYS, Settings

LOWEST = '2.68'  # the last microversion that changed evacuate before 2.95
_CLIENT_HOSTS = 'openstack compute service list --service nova-compute'
_CLIENT_FIX = 'see the endpoint in the catalog: openstack catalog list'


def probes(
    cloud: Cloud,
    databases: Databases,
    settings: Settings,
    open_journal: Callable[[], object],
) -> Iterator[Probe]:
    """One record for each thing that a recovery of hosts needs."""
    compute = Compute(cloud.compute)
    yield _settings(settings)
    yield _tried('token', lambda: _scope(cloud))
    yield _tried('compute API', lambda: _version(cloud))
    yield _tried('compute rights', lambda: _rights(compute))
    yield _tried('compute hosts', lambda: _hosts(compute))
    for check, api, path in _others(cloud):
        yield _tried(check, lambda a=api, p=path: _answers(a, p))  # type: ignore[misc]
    yield _tried('masakari', lambda: _masakari(cloud))
    yield _tried('journal', lambda: _journal(settings, open_journal))
    yield _shared_storage(settings)
    hosts = _compute_hosts(compute)
    yield from _fence(settings, hosts)
    yield from setup_hosts.probes(settings.ssh, hosts)
    yield from setup_databases.probes(databases, settings.database, hosts)


def _tried(check: str, probe: Callable[[], Probe]) -> Probe:
    try:
        found = probe()
    except errors.RecoverError as exc:
        return Probe(check, 'broken', exc.sentence, exc.way_out)
    return Probe(check, found.state, found.detail, found.fix)


def _ok(detail: str) -> Probe:
    return Probe('', 'ok', detail)


def _broken(detail: str, fix: str) -> Probe:
    return Probe('', 'broken', detail, fix)


def _scope(cloud: Cloud) -> Probe:
    scope = identity.scope(cloud.session)
    roles = ', '.join(sorted(scope.roles)) or 'none'
    if not scope.project:
        return _broken(
            'the token is not scoped to a project; nova evacuates for '
            'project-scoped admins only',
            'give project_name in the auth section of clouds.yaml',
        )
    if 'admin' not in scope.roles:
        return Probe(
            '',
            'broken',
            f'roles in project {scope.project}: {roles}',
            'nova lets admins evacuate (os_compute_api:os-evacuate) unless '
            'its policy says otherwise: use an account with that role',
        )
    return _ok(f'project {scope.project}, roles {roles}')


def _version(cloud: Cloud) -> Probe:
    newest = cloud.compute_max()
    if not microversions.offers(newest, LOWEST):
        return _broken(
            f'nova speaks {newest} at most',
            f'evacuations need {LOWEST} or newer (nova 18)',
        )
    return _ok(f'microversion {newest}')


def _rights(compute: Compute) -> Probe:
    # What an evacuation itself needs cannot be tried without doing one.
    compute.services()
    compute.hypervisors()
    compute.migrations(status='accepted')
    compute.groups()
    return _ok('services, hypervisors, migrations, server groups are readable')


def _hosts(compute: Compute) -> Probe:
    hosts = [s for s in compute.services() if s.binary == 'nova-compute']
    down = sorted(s.host for s in hosts if not s.up)
    if not hosts:
        return _broken('nova has no compute hosts', 'is this the right cloud?')
    if 3 * len(down) > len(hosts):
        return _broken(
            f'{len(down)} of {len(hosts)} are down: {", ".join(down)}',
            'more than a third at once is more often the network or the '
            'message queue; look there first',
        )
    return _ok(f'{len(hosts) - len(down)} of {len(hosts)} are up')


def _others(cloud: Cloud) -> Iterator[tuple[str, Api, str]]:
    yield 'placement API', cloud.placement, '/resource_providers'
    yield 'network API', cloud.network, '/agents'
    yield 'volume API', cloud.volume, '/volumes?all_tenants=1&limit=1'
    yield 'image API', cloud.image, '/images?limit=1'


def _answers(api: Api, path: str) -> Probe:
    if not api.present():
        return Probe('', 'unused', 'not in the catalog', _CLIENT_FIX)
    api.get(path)
    return _ok('answers')


def _masakari(cloud: Cloud) -> Probe:
    if not cloud.instance_ha.present():
        return Probe('', 'unused', 'not in the catalog')
    cloud.instance_ha.get('/segments')
    return _ok('answers; its hosts are refused unless on maintenance')


def _journal(settings: Settings, open_journal: Callable[[], object]) -> Probe:
    open_journal()
    return _ok(str(settings.journal_path))


def _settings(settings: Settings) -> Probe:
    if not settings.unknown:
        return Probe('settings', 'ok', 'recover: in clouds.yaml is understood')
    near = {
        name
        for key in settings.unknown
        for name in difflib.get_close_matches(key, KEYS, n=1)
    }
    meant = f'did you mean {" and ".join(sorted(near))}? ' if near else ''
    return Probe(
        'settings',
        'unknown',
        f'recover: has what means nothing: {", ".join(settings.unknown)}',
        f'{meant}the manual names the keys',
    )


def _shared_storage(settings: Settings) -> Probe:
    check = 'shared storage'
    if settings.shared_storage is not None:
        told = 'shared' if settings.shared_storage else 'not shared'
        return Probe(check, 'ok', f'asserted: local disks are {told}')
    if settings.shared_hosts:
        return Probe(
            check, 'ok', f'asserted for {", ".join(settings.shared_hosts)}'
        )
    return Probe(
        check,
        'unknown',
        'nothing is said about local disks, so they count as lost',
        'say recover: shared_storage: true, false or a list of hosts',
    )


def _compute_hosts(compute: Compute) -> tuple[str, ...]:
    try:
        services = compute.services()
    except errors.RecoverError:
        return ()  # other rows say so
    return tuple(
        sorted(s.host for s in services if s.binary == 'nova-compute')
    )


def _fence(settings: Settings, hosts: tuple[str, ...]) -> Iterator[Probe]:
    agents = FenceAgents(settings.fence, settings.fence_timeout)
    without = [host for host in hosts if not agents.knows(host)]
    fix = 'add recover: fence to clouds.yaml; --fenced "how" is the other way'
    if not settings.fence:
        yield Probe('fence', 'unused', 'no device is configured', fix)
    elif not hosts:
        told = 'whether every compute host has one is not known'
        yield Probe('fence', 'unknown', told, 'mend the rows of compute first')
    elif without:
        told = f'there is no device for {", ".join(without)}'
        yield Probe('fence', 'unknown', told, fix)
    else:
        yield Probe('fence', 'ok', 'every compute host has a device')
    for device in settings.fence:
        yield _tried(
            f'fence {device.host}',
            lambda host=device.host: _power(agents, host, hosts),  # type: ignore[misc]
        )


def _power(agents: FenceAgents, host: str, hosts: tuple[str, ...]) -> Probe:
    if hosts and host not in hosts:
        near = difflib.get_close_matches(host, hosts)
        return _broken(
            'nova has no compute host of that name',
            f'recover: fence takes the names of {_CLIENT_HOSTS}'
            + (f'; did you mean {near[0]}?' if near else ''),
        )
    return _ok('is off' if agents.is_off(host) else 'is on')
