# SPDX-License-Identifier: Apache-2.0
"""Which host the ports of a server are bound to, read and changed.

A change names the revision of the port that was read (If-Match), so that it
never undoes what somebody else wrote meanwhile.
"""

from typing import Any

from osc_recover import errors, facts
from osc_recover.gateways.api import Api, Reply
from osc_recover.gateways.foreign import Foreign

CHANGED = 412  # the revision is another one
FIELDS = (
    'id',
    'device_id',
    'device_owner',
    'revision_number',
    'binding:host_id',
    'binding:vif_type',
    'binding:vnic_type',
    'binding:profile',
)


class PortBindings:
    """neutron's ports, as far as they are bound to hosts."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def of_server(self, server: str) -> tuple[facts.BoundPort, ...]:
        """The ports of a server, by ID."""
        asked = {'device_id': server, 'fields': FIELDS}
        pages = self.api.pages('/ports', 'ports', params=asked)
        found = map(bound_port_from, pages)
        return tuple(sorted(found, key=lambda port: port.id))

    def port(self, port: str) -> facts.BoundPort:
        """One port.

        :raises errors.Gone: when there is none
        """
        path = f'/ports/{port}'
        page = self.api.get(path, params={'fields': FIELDS})
        record = Foreign.of('neutron', f'GET {path}', page).inner('port')
        return bound_port_from(record.data)

    def bindings(self, port: str) -> tuple[facts.Binding, ...]:
        """All bindings of a port, also those of a live migration."""
        path = f'/ports/{port}/bindings'
        pages = self.api.pages(path, 'bindings')
        return tuple(map(binding_from, pages))

    def bind(self, port: facts.BoundPort, host: str, owner: str) -> Reply:
        """Bind a port to a host, if nobody has changed it since it was read.

        neutron wires it again (neutron/plugins/ml2/plugin.py,
        _process_port_binding); whether it could the port's vif_type tells.

        :param owner: its device_owner, such as compute:nova
        :raises errors.ChangedMeanwhile: somebody has
        :raises errors.Gone: when it was deleted
        """
        body = {'binding:host_id': host, 'device_owner': owner}
        try:
            return self.api.write(
                'PUT',
                f'/ports/{port.id}',
                {'port': body},
                headers={'If-Match': f'revision_number={port.revision}'},
            )
        except errors.ApiRefused as exc:
            if exc.status != CHANGED:
                raise
            raise exc.named(errors.ChangedMeanwhile) from exc


def bound_port_from(data: Any) -> facts.BoundPort:
    """Read one port as an admin sees it."""
    record = Foreign.of('neutron', 'a port', data)
    return facts.BoundPort(
        id=record.text('id'),
        server=record.text('device_id', ''),
        host=record.text('binding:host_id', ''),
        vif_type=record.text('binding:vif_type', ''),
        vnic_type=record.text('binding:vnic_type', 'normal'),
        owner=record.text('device_owner', ''),
        revision=record.number('revision_number'),
        profile=tuple(sorted(record.inner('binding:profile', {}).data)),
    )


def binding_from(data: Any) -> facts.Binding:
    """Read one binding of GET /ports/{id}/bindings."""
    record = Foreign.of('neutron', 'a binding', data)
    return facts.Binding(
        host=record.text('host'),
        active=record.text('status', '') == 'ACTIVE',
        vif_type=record.text('vif_type', ''),
    )
