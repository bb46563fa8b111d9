# SPDX-License-Identifier: Apache-2.0
"""nova, as facts.

Reads are sent at the older of 2.96 and nova's newest (nova 26 has 2.93), so
that one reading fits all releases; a read that needs another one says so.
"""

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from osc_recover import errors, facts
from osc_recover.gateways import microversions
from osc_recover.gateways.api import Api, Reply
from osc_recover.gateways.foreign import Foreign

READS = '2.96'
# From 2.88 nova may ask each compute for its uptime, dead ones included
# (nova/api/openstack/compute/hypervisors.py).
HYPERVISORS = '2.87'
SHARES = '2.97'
WRITES = '2.68'
LOCKS = '2.73'  # the first that keeps a reason
GROUPS_A_PAGE = 1000


class Compute:
    """nova's API over one Api."""

    def __init__(self, api: Api) -> None:
        self.api = api

    @property
    def _reads(self) -> str:
        return microversions.lower(READS, self.api.newest)

    # Reads.

    def services(self) -> tuple[facts.Service, ...]:
        """Every nova service.

        Those of a cell whose database does not answer come with no id, down,
        and no time (nova's handling of down cells).
        """
        return tuple(map(service_from, self._list('/os-services', 'services')))

    def compute_service(self, host: str) -> facts.Service | None:
        """The nova-compute service of a host, or None."""
        asked = {'host': host, 'binary': 'nova-compute'}
        found = map(
            service_from, self._list('/os-services', 'services', **asked)
        )
        wanted = (host, asked['binary'])
        fitting = (s for s in found if (s.host, s.binary) == wanted)
        return next(fitting, None)

    def hypervisors(self) -> tuple[facts.Hypervisor, ...]:
        """Every compute node."""
        found = self.api.pages(
            '/os-hypervisors/detail', 'hypervisors', microversion=HYPERVISORS
        )
        return tuple(map(hypervisor_from, found))

    def servers(self, host: str) -> tuple[facts.Server, ...]:
        """The servers of a host, of all projects, without deleted ones."""
        found = self._list(
            '/servers/detail', 'servers', all_tenants=1, host=host
        )
        # nova leaves the filter out where a policy forbids it.
        return tuple(s for s in map(server_from, found) if s.host == host)

    def server(self, server: str) -> facts.Server:
        """One server by its ID.

        :raises errors.Gone: when there is none
        """
        path = f'/servers/{server}'
        found = self.api.get(path, microversion=self._reads)
        return server_from(_of('GET ' + path, found).inner('server').data)

    def find_servers(self, name_or_id: str) -> tuple[facts.Server, ...]:
        """The servers, of all projects, with that ID or exactly that name."""
        if _is_uuid(name_or_id):
            try:
                return (self.server(name_or_id),)
            except errors.Gone:
                pass
        # nova's name filter is a regular expression, in the database's idea
        # of one.
        pattern = re.sub(r'([^\w -])', r'\\\1', name_or_id)
        found = self._list(
            '/servers/detail', 'servers', all_tenants=1, name=f'^{pattern}$'
        )
        servers = map(server_from, found)
        return tuple(s for s in servers if s.name == name_or_id)

    def servers_changed(self, since: str) -> tuple[facts.Server, ...]:
        """The servers changed since then, deleted ones with status DELETED.

        :param since: a time of nova's own, such as a server's ``updated``
        """
        found = self._list(
            '/servers/detail',
            'servers',
            all_tenants=1,
            **{'changes-since': since},
        )
        return tuple(map(server_from, found))

    def migrations(
        self,
        *,
        source: str = '',
        host: str = '',
        status: str = '',
        server: str = '',
        type: str = '',
        since: str = '',
    ) -> tuple[facts.Migration, ...]:
        """The migration records that fit all that is given, newest first.

        :param host: source or destination
        :param since: changed since that time of nova's own
        """
        asked = {
            'source_compute': source,
            'host': host,
            'status': status,
            'instance_uuid': server,
            'migration_type': type,
            'changes-since': since,
        }
        wanted = {key: value for key, value in asked.items() if value}
        found = self._list('/os-migrations', 'migrations', **wanted)
        return tuple(map(migration_from, found))

    def evacuations_since(
        self, source: str, after: int, page: int
    ) -> tuple[facts.Migration, ...]:
        """The evacuation records off a host, newest first, up to an older one.

        One request where the newer ones fit into a page, however many old
        ones there are.

        :param after: the ID of a record; newer ones have larger IDs, as all
            of a host are in one cell
        :param page: how many are asked for; nova may send fewer (its
            api.max_limit, 1000 by default), and links more of them then
        """
        found: list[facts.Migration] = []
        while True:
            records, more = self._evacuations(source, page, found)
            found += records
            if not more or records[-1].id <= after:
                return tuple(record for record in found if record.id > after)

    def _evacuations(
        self, source: str, page: int, before: Sequence[facts.Migration]
    ) -> tuple[list[facts.Migration], bool]:
        """Those of one page, and whether there may be more."""
        path = '/os-migrations'
        params = {
            'source_compute': source,
            'migration_type': 'evacuation',
            'limit': page,
            **({'marker': before[-1].uuid} if before else {}),
        }
        answer = self.api.get(path, microversion=self._reads, params=params)
        told = _of(f'GET {path}', answer)
        found = told.objects('migrations')
        linked = bool(told.objects('migrations_links', []))
        more = bool(found) and (linked or len(found) == page)
        return [migration_from(record.data) for record in found], more

    def groups(self) -> tuple[facts.Group, ...]:
        """Every server group of all projects; without its members' hosts.

        nova links no pages here and may send fewer than asked for, so the end
        is where nothing new comes.
        """
        found: dict[str, facts.Group] = {}
        count = 0
        while page := self._groups(count):
            count += len(page)
            new = {g.id: g for g in page if g.id not in found}
            if not new:
                break
            found |= new
        return tuple(found.values())

    def _groups(self, offset: int) -> list[facts.Group]:
        params = {'all_projects': 1, 'limit': GROUPS_A_PAGE, 'offset': offset}
        path = '/os-server-groups'
        page = self.api.get(path, microversion=self._reads, params=params)
        groups = _of(f'GET {path}', page).objects('server_groups')
        return [group_from(group.data) for group in groups]

    def evacuate_actions(self, server: str) -> tuple[str, ...]:
        """The request ids of the evacuations asked for, newest first.

        Deleted servers are answered for as well (from 2.21).
        """
        found = self.actions(server)
        return tuple(request for name, request in found if name == 'evacuate')

    def actions(self, server: str) -> tuple[tuple[str, str], ...]:
        """What was asked for, with the request ids, newest first."""
        found = self._list(
            f'/servers/{server}/os-instance-actions', 'instanceActions'
        )
        actions = (_of('an instance action', action) for action in found)
        return tuple(
            (action.text('action', ''), action.text('request_id', ''))
            for action in actions
        )

    def happened(self, server: str) -> tuple[facts.Happened, ...]:
        """What was asked for, by whom and when, newest first."""
        found = self._list(
            f'/servers/{server}/os-instance-actions', 'instanceActions'
        )
        actions = (_of('an instance action', action) for action in found)
        return tuple(
            facts.Happened(
                one.text('action', ''),
                one.text('request_id', ''),
                one.text('user_id', ''),
                one.text('start_time', ''),
            )
            for one in actions
        )

    def share_count(self, server: str) -> int:
        """How many manila shares are attached; 0 where nova has no 2.97."""
        if not microversions.offers(self.api.newest, SHARES):
            return 0
        path = f'/servers/{server}/shares'
        found = self.api.get(path, microversion=SHARES)
        return len(_of(f'GET {path}', found).objects('shares', []))

    # Writes: each is one request.

    def evacuate(
        self, server: str, host: str | None, microversion: str
    ) -> Reply:
        """Ask nova to rebuild a server elsewhere; it may be asked twice."""
        return self._action(
            server, 'evacuate', {'host': host} if host else {}, microversion
        )

    def reset_state(self, server: str, state: str = 'error') -> Reply:
        """Set vm_state to error or active, and the task state to none."""
        return self._action(server, 'os-resetState', {'state': state})

    def stop(self, server: str) -> Reply:
        """Ask nova to stop a server."""
        return self._action(server, 'os-stop', None)

    def start(self, server: str) -> Reply:
        """Ask nova to start a server that is stopped."""
        return self._action(server, 'os-start', None)

    def reboot(self, server: str) -> Reply:
        """Ask nova to make a guest anew from its records."""
        return self._action(server, 'reboot', {'type': 'HARD'})

    def lock(self, server: str, reason: str) -> Reply:
        """Keep all but admins from changing a server, and say why."""
        told = {'locked_reason': reason[:255]}
        return self._action(server, 'lock', told, LOCKS)

    def unlock(self, server: str) -> Reply:
        """Let others change it again."""
        return self._action(server, 'unlock', None)

    def update_service(
        self,
        service: str,
        *,
        enabled: bool | None = None,
        reason: str = '',
        forced_down: bool | None = None,
    ) -> Reply:
        """Change a service in one request; None leaves a field as it is.

        :param reason: why it is disabled; nova takes it only with that
        """
        body: dict[str, Any] = {}
        if enabled is not None:
            body['status'] = 'enabled' if enabled else 'disabled'
        if reason and enabled is False:
            body['disabled_reason'] = reason[:255]
        if forced_down is not None:
            body['forced_down'] = forced_down
        return self.api.write(
            'PUT', f'/os-services/{service}', body, microversion=WRITES
        )

    def _action(
        self,
        server: str,
        action: str,
        args: Mapping[str, Any] | None,
        microversion: str = WRITES,
    ) -> Reply:
        return self.api.write(
            'POST',
            f'/servers/{server}/action',
            {action: args},
            microversion=microversion,
        )

    def _list(
        self, path: str, key: str, **params: Any
    ) -> Iterator[dict[str, Any]]:
        return self.api.pages(
            path, key, microversion=self._reads, params=params
        )


def service_from(data: Any) -> facts.Service:
    """Read one service of GET /os-services (2.53 or newer)."""
    record = _of('a compute service', data)
    return facts.Service(
        id=record.text('id', ''),
        host=record.text('host'),
        binary=record.text('binary'),
        zone=record.text('zone', ''),
        enabled=record.text('status') != 'disabled',
        up=record.text('state', 'down') == 'up',
        forced_down=record.flag('forced_down', False),
        disabled_reason=record.text('disabled_reason', ''),
        updated_at=record.text('updated_at', ''),
    )


def hypervisor_from(data: Any) -> facts.Hypervisor:
    """Read one hypervisor of GET /os-hypervisors/detail (2.53 or newer)."""
    record = _of('a hypervisor', data)
    return facts.Hypervisor(
        id=record.text('id'),
        host=record.inner('service').text('host'),
        node=record.text('hypervisor_hostname'),
        type=record.text('hypervisor_type', ''),
    )


def server_from(data: Any) -> facts.Server:
    """Read one server of GET /servers/detail (2.47 or newer).

    In a cell whose database does not answer, it has an id and the status
    UNKNOWN.
    """
    record = _of('a server', data)
    attributes = 'OS-EXT-SRV-ATTR:'
    states = 'OS-EXT-STS:'
    flavor = record.inner('flavor', {})
    volumes = record.objects('os-extended-volumes:volumes_attached', [])
    status = record.text('status')
    return facts.Server(
        id=record.text('id'),
        name=record.text('name', ''),
        host=record.text(f'{attributes}host', ''),
        node=record.text(f'{attributes}hypervisor_hostname', ''),
        project=record.text('tenant_id', ''),
        user=record.text('user_id', ''),
        status=status,
        vm_state=record.text(f'{states}vm_state', 'unknown'),
        task_state=record.word(f'{states}task_state'),
        power_state=record.number(f'{states}power_state', 0),
        launched=bool(record.text('OS-SRV-USG:launched_at', '')),
        updated=record.text('updated', ''),
        image=_image(record),
        flavor=flavor.text('original_name', ''),
        root_gb=flavor.number('disk', 0),
        ephemeral_gb=flavor.number('ephemeral', 0),
        swap_mb=flavor.number('swap', 0),
        extra_specs=flavor.words('extra_specs'),
        volumes=tuple(volume.text('id') for volume in volumes),
        zone=record.text('OS-EXT-AZ:availability_zone', ''),
        pinned_zone=record.word('pinned_availability_zone'),
        metadata=record.words('metadata'),
        tags=record.texts('tags', ()),
        fault=record.inner('fault', {}).text('message', ''),
        instance_name=record.text(f'{attributes}instance_name', ''),
        root_device=record.text(f'{attributes}root_device_name', ''),
        locked=record.flag('locked', False),
        locked_reason=record.text('locked_reason', ''),
    )


def migration_from(data: Any) -> facts.Migration:
    """Read one migration of GET /os-migrations (2.59 or newer)."""
    record = _of('a migration', data)
    return facts.Migration(
        id=record.number('id'),
        uuid=record.text('uuid', ''),
        server=record.text('instance_uuid'),
        type=record.text('migration_type', ''),
        status=record.text('status'),
        source=record.text('source_compute', ''),
        destination=record.word('dest_compute'),
        created_at=record.text('created_at', ''),
        updated_at=record.text('updated_at', ''),
    )


def group_from(data: Any) -> facts.Group:
    """Read one group of GET /os-server-groups (2.64 or newer)."""
    record = _of('a server group', data)
    rules = record.inner('rules', {})
    return facts.Group(
        id=record.text('id'),
        name=record.text('name', ''),
        policy=record.text('policy'),
        members=record.texts('members', ()),
        max_per_host=rules.number('max_server_per_host', 1),
    )


def _image(record: Foreign) -> str | None:
    # An empty text says that the server boots from a volume.
    if isinstance(record.data.get('image'), str):
        return None
    return record.inner('image', {}).word('id')


def _of(what: str, data: Any) -> Foreign:
    return Foreign.of('nova', what, data)


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
