# SPDX-License-Identifier: Apache-2.0
"""Whether the states of a server may be changed in the database.  Pure.

nova-compute compares what is in the database with what the hypervisor says
every ten minutes, and acts on it (nova/compute/manager.py,
_sync_instance_power_state).
"""

from collections.abc import Iterator

from osc_recover.checks.finding import Finding, note, refuse, warn
from osc_recover.checks.foreign import ENDED
from osc_recover.checks.instances.states import OFF, leaving, power_word
from osc_recover.checks.request import InstanceChange
from osc_recover.facts import InstanceStanding

_SOON = 'within ten minutes (_sync_instance_power_state)'


def of_change(
    seen: InstanceStanding, request: InstanceChange
) -> Iterator[Finding]:
    """What refuses a change, and what is to be said about it."""
    for check in (
        _deleted, _kept, _no_host, _moves, _guest, _guest_unseen,
        _active_off, _powered, _task,
    ):  # fmt: skip
        if found := check(seen, request):
            yield found


def is_up(seen: InstanceStanding) -> bool:
    """Whether a nova-compute may act on the row now."""
    return seen.service is not None and seen.service.up


def _deleted(
    seen: InstanceStanding, request: InstanceChange
) -> Finding | None:
    if not seen.row.deleted:
        return None
    return _coded(
        'deleted',
        refuse(
            'the server is deleted: nova does not look at its states any more',
            'nothing is to be done about it',
            f'deleted at {seen.row.text("deleted_at") or "an unknown time"}',
        ),
    )


def _kept(seen: InstanceStanding, request: InstanceChange) -> Finding | None:
    row = seen.row
    kept = leaving(row.vm_state) if _is_new(seen, request) else None
    if kept is None or row.deleted:
        return None
    why, way_out = kept
    way_out = f'{way_out}: {row.uuid}' if 'openstack' in way_out else way_out
    return _coded(
        'keeps-state',
        refuse(f'its vm_state is {row.vm_state}: {why}', way_out),
    )


def _no_host(
    seen: InstanceStanding, request: InstanceChange
) -> Finding | None:
    if seen.row.host or request.vm_state in ('', 'error'):
        return None
    return _coded(
        'no-host',
        refuse(
            f'it is on no host, so that it cannot be {request.vm_state}',
            'openstack server event list '
            f'{seen.row.uuid} tells how it came; --vm-state error is allowed',
        ),
    )


def _moves(seen: InstanceStanding, request: InstanceChange) -> Finding | None:
    """A move that somebody carries out would find the states of another."""
    open_ = [one for one in seen.migrations if one.status not in ENDED]
    # An evacuation that is done ends when its source returns.
    open_ = [one for one in open_ if one.status not in ('done', 'finished')]
    if not open_ or not (request.vm_state or request.task_state):
        return None
    newest = open_[0]
    evidence = f'migration {newest.id}, {newest.type}, is {newest.status}'
    if not is_up(seen):
        return warn(
            'it was being moved when its host failed, and nobody ends that',
            '',
            evidence,
        )
    return _coded(
        'under-way',
        refuse(
            'it is being moved now, and its states are part of that',
            f'wait for it (openstack server migration list --server '
            f'{seen.row.uuid}), or abort it: openstack '
            '--os-compute-api-version 2.24 server migration abort '
            f'{seen.row.uuid} {newest.id}',
            evidence,
        ),
    )


def _guest(seen: InstanceStanding, request: InstanceChange) -> Finding | None:
    """A running guest of a stopped server is ended, as if power failed."""
    if request.vm_state != 'stopped' or not _may_run(seen):
        return None
    return _coded(
        'guest-runs',
        refuse(
            f'its guest runs on {seen.row.host}: nova-compute would cut its '
            f'power {_SOON}, and what it has not written is lost',
            f'openstack server stop {seen.row.uuid} lets it shut down',
            _why_it_runs(seen),
        ),
    )


def _may_run(seen: InstanceStanding) -> bool:
    if seen.runs is not None:
        return seen.runs
    # Nobody ends it while nova-compute is away; that is said instead.
    return is_up(seen) and seen.row.power_state not in OFF


def _why_it_runs(seen: InstanceStanding) -> str:
    if seen.runs:
        return 'libvirt says so'
    return f'power_state {power_word(seen.row.power_state) or "NULL"}'


def _guest_unseen(
    seen: InstanceStanding, request: InstanceChange
) -> Finding | None:
    if request.vm_state != 'stopped' or seen.runs is not None:
        return None
    if is_up(seen) or not seen.row.host:
        return None
    return warn(
        f'whether its guest runs on {seen.row.host} is not known: if it does, '
        'nova-compute ends it when it is back',
        f'see that {seen.row.host} is off',
    )


def _active_off(
    seen: InstanceStanding, request: InstanceChange
) -> Finding | None:
    known = seen.runs is None and seen.row.power_state in OFF
    if request.vm_state != 'active' or not (seen.runs is False or known):
        return None
    return warn(
        f'its guest is off: nova-compute makes it stopped {_SOON}, unless it '
        'is started',
        f'openstack server reboot --hard {seen.row.uuid}',
    )


def _powered(
    seen: InstanceStanding, request: InstanceChange
) -> Finding | None:
    if request.power_state is None:
        return None
    if request.power_state == 1:
        return warn(
            'power_state is what the hypervisor said last: nova-compute '
            f'writes it anew {_SOON}, and where '
            'resume_guests_state_on_host_boot is set, it starts the guest '
            'when it starts itself',
            'see that the guest runs nowhere else: openstack recover domain '
            f'check {seen.row.uuid}',
        )
    return note(
        'power_state is what the hypervisor said last: nova-compute writes '
        f'it anew {_SOON}'
    )


def _task(seen: InstanceStanding, request: InstanceChange) -> Finding | None:
    row = seen.row
    clears = request.task_state or request.vm_state in ('active', 'error')
    if not row.task_state or not clears or not is_up(seen):
        return None
    return warn(
        f'nova-compute of {row.host} is up, and may be at {row.task_state}: '
        'two tasks on one server are not foreseen',
        f'openstack server event list {row.uuid} tells whether it has ended',
        f'task_state since {row.text("updated_at")}',
    )


def _is_new(seen: InstanceStanding, request: InstanceChange) -> bool:
    return request.vm_state not in ('', seen.row.vm_state)


def _coded(code: str, finding: Finding) -> Finding:
    return Finding(
        code, finding.about, finding.what, finding.evidence, finding.way_out,
        finding.weight,
    )  # fmt: skip
