# SPDX-License-Identifier: Apache-2.0
"""May a server lose its sessions on purpose?  Pure.

What is lost must be what comes back: a server that runs, whose volumes nova
and cinder agree about, all over iSCSI, on a host that tells its sessions.
"""

from collections.abc import Callable, Iterator, Sequence

from osc_recover import errors
from osc_recover.checks import sessions as checks
from osc_recover.checks.request import PowerLoss
from osc_recover.facts.drill import DrillSeen
from osc_recover.facts.sessions import Way
from osc_recover.facts.snapshot import HostState, KeptSession

MARK, ALLOWED = 'recover_drill', 'allowed'
_RUNNING = 1  # nova/compute/power_state.py

Check = Callable[[DrillSeen, PowerLoss], errors.Refused | None]


def first(seen: DrillSeen, request: PowerLoss) -> errors.Refused | None:
    """The first thing that forbids the drill, or None."""
    found = (check(seen, request) for check in CHECKS)
    return next((refusal for refusal in found if refusal), None)


def is_marked(seen: DrillSeen) -> bool:
    """Whether its owner or an operator has said that it may be drilled."""
    return seen.server.metadata.get(MARK) == ALLOWED


def own(seen: DrillSeen, host: HostState) -> list[KeptSession]:
    """The sessions of a host that lead to the server's volumes, every path."""
    targets = {way.target for way in _ways(seen)}
    return [one for one in host.sessions if one.target in targets]


def _ways(seen: DrillSeen) -> Iterator[Way]:
    for one in seen.mapped.attachments:
        yield from checks.ways_to(one)


def _marked(seen: DrillSeen, request: PowerLoss) -> errors.Refused | None:
    if is_marked(seen) or request.force:
        return None
    return errors.Refused(
        f'{seen.server.name} is not marked for drills: its guest loses what '
        'it has not written yet',
        f'openstack server set --property {MARK}={ALLOWED} {seen.server.id}; '
        'or --force',
        'not-marked',
    )


def _runs(seen: DrillSeen, _request: PowerLoss) -> errors.Refused | None:
    server = seen.server
    active = (server.vm_state, server.power_state) == ('active', _RUNNING)
    if active and not server.task_state:
        return None
    state = f'it is {server.vm_state} with power state {server.power_state}'
    task = f' and task {server.task_state}' if server.task_state else ''
    return errors.Refused(
        f'{server.name} does not run: {state}{task}',
        'a drill is for a server that runs, with nothing under way',
        'not-running',
    )


def _compute_up(seen: DrillSeen, _request: PowerLoss) -> errors.Refused | None:
    if seen.service is not None and seen.service.up:
        return None
    return errors.Refused(
        f'nova-compute on {seen.server.host or "its host"} is down, and would '
        'not bring it back',
        f'openstack recover service start {seen.server.host}',
        'compute-down',
    )


def _agreed(seen: DrillSeen, _request: PowerLoss) -> errors.Refused | None:
    """The reboot must not drop a mapping."""
    parts = ('volumes', 'attachments')
    gaps = [gap for gap in seen.sessions.gaps if gap.what in parts]
    if gaps:
        return errors.Refused(
            f'its volumes are not known: {gaps[0].problem}',
            gaps[0].way_out,
            'unknown-use',
        )
    found = [f'volume {v}: {why}' for v, why in seen.mapped.wrong()]
    if not found:
        return None
    return errors.Refused(
        f'{"; ".join(found)}; a reboot could take it away for good',
        f'openstack recover volume check --server {seen.server.id} names the '
        'command that repairs it',
        'volumes-wrong',
    )


def _iscsi(seen: DrillSeen, _request: PowerLoss) -> errors.Refused | None:
    others = [
        f'volume {one.volume} is reached by {one.target.driver or "?"}'
        for one in seen.mapped.attachments
        if not checks.is_iscsi(one)
    ]
    if seen.mapped.attachments and not others:
        return None
    return errors.Refused(
        '; '.join(others) or f'{seen.server.name} has no volume',
        'only iSCSI sessions can be closed for a drill',
        'not-iscsi',
    )


def _told(seen: DrillSeen, _request: PowerLoss) -> errors.Refused | None:
    for host in seen.sessions.hosts:
        if host.knows('sessions'):
            continue
        return errors.Refused(
            f'the sessions of {host.host} are not known: '
            + (host.problem or host.problems['sessions']),
            host.way_out or 'openstack recover setup check',
            'unknown',
        )
    return None


def _open(seen: DrillSeen, _request: PowerLoss) -> errors.Refused | None:
    """Each volume has a session: else the power is lost already."""
    there = {s.target for host in seen.sessions.hosts for s in host.sessions}
    closed = [
        one.volume
        for one in seen.mapped.attachments
        if not there & {way.target for way in checks.ways_to(one)}
    ]
    if not closed:
        return None
    return errors.Refused(
        f'{seen.server.host} has no session to volume {", ".join(closed)}: '
        'what a drill would close is lost already',
        f'openstack recover session open {seen.server.host}',
        'session-missing',
    )


CHECKS: Sequence[Check] = (
    _marked, _runs, _compute_up, _agreed, _iscsi, _told, _open,
)  # fmt: skip
