# SPDX-License-Identifier: Apache-2.0
"""Are the ports of servers bound where the servers are?"""

from collections.abc import Iterator

from osc_recover.checks.audit.view import AuditView, port_subject
from osc_recover.checks.finding import Finding, Remedy, found
from osc_recover.checks.network import OWN_HOST
from osc_recover.checks.registry import check
from osc_recover.facts import Server
from osc_recover.facts.audit import ListedPort

OF_COMPUTES = 'compute:'  # and the zone
# Where neutron has no bindings at all, it tells no type.
_UNBOUND = ('unbound', 'binding_failed')
# Of these, the binding's host is the one that nova has the server on; ports
# of others may be bound to a card or a bare-metal node.
_PLAIN = ('normal', 'direct', 'macvtap')
# Agents that wire no port.
_BESIDE = {'Metadata agent', 'OVN Metadata agent'}


@check('port-elsewhere', 'audit', 'instance')
def port_elsewhere(view: AuditView) -> Iterator[Finding]:
    """A port bound to another host has no network there (LP 1659062)."""
    for port, server in _resting(view):
        if port.host and port.host != server.host:
            yield found(
                port_subject(port, server),
                f'it is bound to {port.host}, and its server {server.id} is '
                f'on {server.host}',
                _way_out('port-elsewhere', view, port, server),
                view.since('neutron', port.updated_at),
                _bind(view, port, server),
            )


@check('port-unbound', 'audit', 'instance')
def port_unbound(view: AuditView) -> Iterator[Finding]:
    """neutron found no way to wire it when it was bound, or lost it."""
    for port, server in _resting(view):
        mine = port.host in ('', server.host)
        if mine and port.vif_type in _UNBOUND and server.vm_state == 'active':
            yield found(
                port_subject(port, server),
                f'it is not bound ({port.vif_type}), and its '
                f'server {server.id} runs on {server.host}',
                _way_out('port-unbound', view, port, server),
                view.since('neutron', port.updated_at),
                _bind(view, port, server),
            )


@check('orphan-port', 'audit')
def orphan_port(view: AuditView) -> Iterator[Finding]:
    """A port that a deleted server has left, which keeps its address.

    Others than nova name ports compute:… as well (kuryr): the zone tells.
    """
    owners = {f'{OF_COMPUTES}{s.zone}' for s in view.services.values()}
    for port in view.seen.ports:
        if port.server not in view.gone or port.owner not in owners:
            continue
        if not view.young('neutron', port.updated_at):
            yield found(
                port_subject(port),
                f'it belongs to server {port.server}, which nova does not '
                'know',
                f'openstack port delete {port.id}; or, if somebody made it '
                'to keep its address, openstack port unset --device '
                f'{port.id}',
                view.since('neutron', port.updated_at),
            )


def _resting(view: AuditView) -> Iterator[tuple[ListedPort, Server]]:
    for port in view.seen.ports:
        server = view.servers.get(port.server)
        if server is None or not server.host or server.host in view.ironic:
            continue
        if port.vnic_type not in _PLAIN or not view.steady(server):
            continue
        if not view.young('neutron', port.updated_at):
            yield port, server


def _wired(view: AuditView, host: str) -> bool:
    """Whether an agent that wires ports is alive on a host."""
    return any(
        agent.host == host and agent.alive
        for agent in view.seen.agents
        if agent.type in OWN_HOST - _BESIDE
    )


def _bind(view: AuditView, port: ListedPort, server: Server) -> Remedy | None:
    # One that is given a card was given that of its host.
    if port.vnic_type != 'normal' or not _wired(view, server.host):
        return None
    args = {'server': server.id, 'host': server.host, 'was': port.host}
    return Remedy('port.bind', args)


def _way_out(
    code: str, view: AuditView, port: ListedPort, server: Server
) -> str:
    after = (
        f'if the guest has no network then, openstack server reboot --hard '
        f'{server.id}'
    )
    if port.vnic_type != 'normal':
        return (
            f'openstack port set --host {server.host} {port.id}, when a '
            f'device of its kind ({port.vnic_type}) is free there; {after}'
        )
    fix = f'openstack recover audit --fix {code}'
    if not view.told('network agents'):
        return (
            f'{fix} binds it there, when neutron tells that an agent on '
            f'{server.host} is alive (openstack network agent list --host '
            f'{server.host}); {after}'
        )
    if not _wired(view, server.host):
        return (
            f'no neutron agent on {server.host} is alive that could wire it: '
            'openstack network agent list --host '
            f'{server.host}; then {fix}'
        )
    return f'{fix} binds it there; {after}'
