# SPDX-License-Identifier: Apache-2.0
"""Is a guest off?  nova's records do not tell after a power loss.  Pure.

A guest is off where libvirt on its host says so, or where the host has booted
since the snapshot and nothing has started the guest since.  All else is a
guess, and a guess would take volumes from servers that run.
"""

import dataclasses
import re

from osc_recover.checks.disaster.view import View, refusal
from osc_recover.checks.finding import Finding
from osc_recover.facts import Server
from osc_recover.facts.disaster import STARTING
from osc_recover.facts.snapshot import HostState

DOMAIN, BOOT = 'domain', 'boot'
# How ironic and vCenter name the nodes of a nova-compute that is on none of
# them (nova/virt/ironic/driver.py, nova/virt/vmwareapi/driver.py).
_AWAY = re.compile(
    r'(domain-c?[0-9]+\.)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'
)


@dataclasses.dataclass(frozen=True, slots=True)
class Proof:
    """What shows that a guest is off: how, and in words."""

    how: str
    text: str


def runs(view: View, server: Server) -> bool:
    """Whether libvirt on its host says that its guest runs."""
    domain = view.domain(server)
    return domain is not None and domain.runs


def off(view: View, server: Server) -> Proof | None:
    """What shows that it is off, or None."""
    if _is_away(server):
        return None
    host = view.host(server.host)
    if host and _has_libvirt(host):
        domain = view.domain(server)
        if domain is None:
            return Proof(DOMAIN, f'{server.host} has no domain of it')
        if not domain.runs:
            return Proof(DOMAIN, f'its domain is {domain.state}')
        return None
    if has_booted(view, server) and not _started_since(view, server):
        return Proof(BOOT, f'{server.host} has booted since the snapshot')
    return None


def not_off(view: View, server: Server) -> Finding | None:
    """Why it is not touched, where nothing shows that it is off."""
    if there := view.elsewhere(server):
        return refusal(
            'runs-elsewhere',
            f'its guest runs on {there}, and nova has it on {server.host}',
            f'openstack recover domain check {server.id} tells which is '
            'right; never start it in two places',
        )
    if off(view, server):
        return None
    return refusal(
        'not-proven-off',
        f'nothing shows that its guest is off: {why_not(view, server)}',
        'have the host tell (openstack recover setup check), or see for '
        f'yourself that it is off, then openstack server reboot --hard '
        f'{server.id}',
    )


def _is_away(server: Server) -> bool:
    """Whether it is on another machine than its nova-compute.

    Neither libvirt nor a boot of that host tells of it: bare metal may run on.
    """
    return _AWAY.fullmatch(server.node) is not None


def _has_libvirt(host: HostState) -> bool:
    return host.knows('domains') and 'libvirt' not in host.absent


def has_booted(view: View, server: Server) -> bool:
    """Whether the host that it was on at the snapshot has booted since."""
    was = view.was(server)
    before, now = view.host_before(server.host), view.host(server.host)
    if not (was and before and now) or was.host != server.host:
        return False
    return bool(before.boot_id and now.boot_id) and (
        before.boot_id != now.boot_id
    )


def _started_since(view: View, server: Server) -> bool:
    """Whether somebody may have started it after the boot.

    Where the host does not tell when that was: after the snapshot.
    """
    was = view.was(server)
    since = view.booted_at(server.host) or (was.updated if was else '')
    return any(
        one.action in STARTING and one.at[:19] >= since[:19]
        for one in view.actions(server)
    )


def why_not(view: View, server: Server) -> str:
    """Why nothing shows that it is off, in words."""
    if _is_away(server):
        return f'it is on node {server.node}, and not on {server.host} itself'
    if why := _mute(view, server.host):
        return why
    if has_booted(view, server):
        return 'it was started or rebooted since its host has booted'
    return (
        f'{server.host} has no libvirt, and has not booted since a snapshot '
        'that knows its boot'
    )


def why_silent(view: View, name: str) -> str:
    """Why a host does not tell which guests run on it, in words, or ''."""
    if why := _mute(view, name):
        return why
    host = view.host(name)
    return '' if host and _has_libvirt(host) else f'{name} has no libvirt'


def _mute(view: View, name: str) -> str:
    host = view.host(name)
    if host is None:
        why = view.seen.now.left_out.get('hosts', '')
        return why or f'{name} was not asked'
    if host.problem:
        return f'{name} does not tell: {host.problem}'
    if problem := host.problems.get('domains'):
        return f'libvirt on {name} does not tell: {problem}'
    return ''
