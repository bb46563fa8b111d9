# SPDX-License-Identifier: Apache-2.0
"""Is each server's domain defined where nova has the server?"""

from collections.abc import Iterator

from osc_recover.checks.audit.guests import goes_on
from osc_recover.checks.audit.view import AuditView, server_subject
from osc_recover.checks.finding import Finding, found
from osc_recover.checks.registry import check
from osc_recover.facts import Domain, Server

# States in which nova keeps no domain, or has none yet.
_WITHOUT = ('building', 'shelved_offloaded', 'deleted', 'soft-delete')


@check('unknown', 'domain')
def unknown(view: AuditView) -> Iterator[Finding]:
    """An audit has a row for each such host, and none for its servers."""
    for server in view.seen.servers:
        home = view.told_by.get(server.host)
        if home is not None and home.problem and not goes_on(view, server):
            yield found(
                server_subject(server, at=home.host),
                f'{home.host} could not be asked',
                home.way_out,
                home.problem,
                weight='refuse',
            )


@check('name-taken', 'audit', 'domain')
def name_taken(view: AuditView) -> Iterator[Finding]:
    """libvirt defines no second domain of a name."""
    for server, taken in _undefined(view):
        for domain in taken:
            yield found(
                server_subject(server, at=domain.host),
                f'its domain cannot be defined on {domain.host}: another one '
                f'is called {domain.name}',
                'see whose it is (a leftover of another cloud or cell?): '
                f'virsh dumpxml {domain.uuid}; when nobody needs it: virsh '
                'undefine',
                f'that has the UUID {domain.uuid}',
                weight='refuse',
            )


@check('undefined', 'domain')
def undefined(view: AuditView) -> Iterator[Finding]:
    """A repair cannot mend what is not there; nova defines it anew."""
    for server, taken in _undefined(view):
        if not taken:
            yield _anew(server)


@check('undefined', 'audit')
def undefined_at_rest(view: AuditView) -> Iterator[Finding]:
    """Those that are to run are said to be not-running, or elsewhere."""
    for server, taken in _undefined(view):
        if not taken and server.vm_state != 'active' and view.steady(server):
            yield _anew(server)


def _undefined(view: AuditView) -> Iterator[tuple[Server, list[Domain]]]:
    """Servers without a domain at home, and who has its name there."""
    for server in view.seen.servers:
        if goes_on(view, server) or server.vm_state in _WITHOUT:
            continue
        if not view.answered(server.host) or server.host in view.ironic:
            continue
        if view.at_home(server) is None:
            others = view.told_by[server.host].domains
            yield server, [d for d in others if d.name == server.instance_name]


def _anew(server: Server) -> Finding:
    how = 'reboot --hard'
    if server.vm_state == 'stopped':
        how = 'start'
    return found(
        server_subject(server, at=server.host),
        f'it is not defined on {server.host}, where nova has it',
        f'openstack server {how} {server.id} defines it',
    )
