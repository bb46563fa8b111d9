# SPDX-License-Identifier: Apache-2.0
"""Do nova's databases, its API and libvirt say the same of a server?"""

from collections.abc import Iterator

from osc_recover.checks.audit.view import AuditView, server_subject
from osc_recover.checks.finding import Finding, found
from osc_recover.checks.instances.states import OFF, power_word
from osc_recover.checks.registry import check
from osc_recover.facts import Placed, Server

_SHOW = 'openstack recover instance show --long {}'


@check('not-in-database', 'instances')
def not_in_database(view: AuditView) -> Iterator[Finding]:
    """The API has it where no cell has it: it asks another database."""
    if not view.told('cells'):
        return
    for server in view.seen.servers:
        row = view.placed.get(server.id)
        if row is None or row.host != server.host:
            where = f'; it has it on {row.host}' if row else ''
            yield found(
                server_subject(server),
                f'the API has it on {server.host}, and no cell that answered'
                f'{where}',
                _SHOW.format(server.id),
            )


@check('not-in-api', 'instances')
def not_in_api(view: AuditView) -> Iterator[Finding]:
    """A row that nova_api maps to no cell, or to another one."""
    if not view.told('servers'):
        return
    for row, server in _rows(view):
        if server is None and row.host == view.seen.host:
            yield found(
                server_subject(server_of(row)),
                f'the database has it on {row.host}, and the API does not',
                _SHOW.format(row.uuid),
            )


@check('states-differ', 'instances')
def states_differ(view: AuditView) -> Iterator[Finding]:
    """It changed just now, or one of them is wrong."""
    for row, server in _rows(view):
        if row.task_state:
            continue
        if server is not None and states(server) != states(row):
            yield found(
                server_subject(server),
                'the API has other states than the database: it changed just '
                'now, or the API asks another database',
                _SHOW.format(row.uuid),
            )
        elif row.vm_state != 'active':
            yield from _power(view, row)


def _power(view: AuditView, row: Placed) -> Iterator[Finding]:
    server = server_of(row)
    domain = view.at_home(server)
    on = row.power_state not in (*OFF, None)
    if on and domain and not domain.runs:
        yield found(
            server_subject(server, at=domain.host),
            f'the database has {power_word(row.power_state)}, libvirt '
            f'{domain.state}',
            f'openstack recover instance set {row.uuid} --power-state 4',
        )


def _rows(view: AuditView) -> Iterator[tuple[Placed, Server | None]]:
    for row in view.placed.values():
        yield row, view.servers.get(row.uuid)


def server_of(row: Placed) -> Server:
    """A server as nova's database has it."""
    return Server(
        row.uuid,
        row.name,
        row.host,
        node=row.node,
        vm_state=row.vm_state,
        task_state=row.task_state,
        power_state=row.power_state or 0,
    )


def states(one: Placed | Server) -> str:
    """What it is meant to be, what nova does to it, and how its guest is."""
    parts = (
        one.vm_state or 'no vm_state',
        one.task_state or '',
        power_word(one.power_state),
    )
    return ', '.join(part for part in parts if part)
