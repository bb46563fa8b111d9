# SPDX-License-Identifier: Apache-2.0
"""Open the iSCSI sessions that hosts have lost, and what stood on them.  Pure.

The guide's way for a SAN that is not in fstab: discovery and login first, and
the mounts after them.
"""

from collections.abc import Iterator, Sequence

from osc_recover import errors, records
from osc_recover.checks import backends
from osc_recover.checks import lost_sessions as checks
from osc_recover.checks.lost_sessions import Lost
from osc_recover.checks.request import SessionOpen
from osc_recover.facts.sessions import SessionsSeen
from osc_recover.facts.snapshot import HostState, Snapshot
from osc_recover.plan import Lane, Phase, Plan, Step, Verdict
from osc_recover.procedures import stacking

_UNSTABLE = (
    '{host}: {points} was mounted by a name that a disk may not have again; '
    'mount it by hand, and name it by UUID in future'
)
_OF_NOBODY = (
    '{host}: fstab keeps {points} for a target that it does not name: without '
    '--target it is mounted as well'
)
_MUTE = (
    '{hosts} does not tell what it has in use: if it may have the same '
    'targets, see that nothing of them is active there before you go on'
)
_STALE = (
    '{host}: {names} is down, as before, and has no volume: it is not awaited;'
    ' if it has gone for good: cinder-manage service remove cinder-volume '
    '<host@backend>'
)
_NO_SNAPSHOT = (
    'without --snapshot only volumes of servers that run are known to be '
    "missing: what a host had of its own, such as cinder's volume group, is "
    'only where fstab keeps it'
)


def open_sessions(
    seen: SessionsSeen, before: Snapshot | None, request: SessionOpen
) -> Plan:
    """Plan to open what is missing; what is there is left as it is.

    :param before: what was open; None: cinder alone tells
    :raises errors.Refused: for a target that nobody knows
    """
    if strange := checks.strangers(seen, before, request.targets):
        raise errors.Refused(
            f'nothing leads, or has led, to {", ".join(strange)}',
            'openstack recover session list names the targets; those that a '
            'host had of its own need --snapshot',
            'unknown-target',
        )
    opened = [*_opened(seen, before, request)]
    stacks = stacking.stacks(seen, before, request)
    lanes = tuple(_lane(host, one) for host, one in opened if not one.why_not)
    phases = (Phase('open sessions', lanes), *stacking.phases(stacks))
    return Plan(
        procedure='session-open',
        hosts=tuple(host.host for host in seen.hosts),
        phases=tuple(phase for phase in phases if phase.lanes),
        verdicts=(
            *(_mute(host) for host in seen.hosts if _problem(host)),
            *(_verdict(host, one) for host, one in opened),
            *_untold(seen, before),
            *stacking.held(seen, before, request),
            *(verdict for one in stacks for verdict in one.verdicts()),
        ),
        notes=(
            *_notes(seen, before),
            *_of_nobody(seen, before, request),
            *_stale(seen, before, [one.host for one in stacks]),
            *(_mute_others(seen) if stacks else ()),
        ),
        request=records.to_data(request),
    )


def _opened(
    seen: SessionsSeen, before: Snapshot | None, request: SessionOpen
) -> Iterator[tuple[str, Lost]]:
    for host in seen.hosts:
        if not _problem(host):
            for one in checks.lost(seen, before, host):
                if not request.targets or one.way.target in request.targets:
                    yield host.host, one


def _lane(host: str, one: Lost) -> Lane:
    way = one.way
    name = _name(host, one)
    return Lane(
        name,
        (
            Step(
                f'open:{name}', 'session.open', host,
                {
                    'target': way.target, 'portal': way.portal,
                    'iface': way.iface,
                },
            ),
        ),
    )  # fmt: skip


def _name(host: str, one: Lost) -> str:
    way = one.way
    return ' '.join(filter(None, (host, way.target, way.portal, way.iface)))


def _verdict(host: str, one: Lost) -> Verdict:
    return Verdict(
        _name(host, one), one.way.target, one.what, one.code or 'open',
        not one.why_not, host, reason=one.why_not, way_out=one.way_out,
    )  # fmt: skip


def _problem(host: HostState) -> str:
    return host.problem or host.problems.get('sessions', '')


def _mute(host: HostState) -> Verdict:
    return Verdict(
        host.host, host.host, '', 'unknown', False, host.host,
        reason=_problem(host),
        way_out=host.way_out or 'mend that on the host',
    )  # fmt: skip


def _untold(seen: SessionsSeen, before: Snapshot | None) -> Iterator[Verdict]:
    """Hosts of which not all can be concluded, as cinder does not tell."""
    for host in seen.hosts:
        if not _problem(host) and checks.is_untold(seen, before, host):
            gap = next(g for g in seen.gaps if g.what == 'attachments')
            yield Verdict(
                host.host, host.host, 'volumes of servers', 'unknown', False,
                host.host,
                reason=f'what cinder has attached is not known: {gap.problem}',
                way_out=gap.way_out,
            )  # fmt: skip


def _notes(seen: SessionsSeen, before: Snapshot | None) -> Sequence[str]:
    if before is None:
        return [_NO_SNAPSHOT]
    found = []
    for host in seen.hosts:
        targets = checks.own_targets(seen, before, host)
        if points := checks.unstable(before, host, targets):
            found.append(
                _UNSTABLE.format(host=host.host, points=', '.join(points))
            )
    return found


def _mute_others(seen: SessionsSeen) -> Iterator[str]:
    mute = [host.host for host in seen.others if _problem(host)]
    if mute:
        yield _MUTE.format(hosts=', '.join(mute))


def _of_nobody(
    seen: SessionsSeen, before: Snapshot | None, request: SessionOpen
) -> Iterator[str]:
    for host in seen.hosts if request.targets else ():
        if points := checks.of_nobody(before, host):
            yield _OF_NOBODY.format(host=host.host, points=', '.join(points))


def _stale(
    seen: SessionsSeen, before: Snapshot | None, hosts: Sequence[str]
) -> Iterator[str]:
    for host in hosts:
        _, stale = backends.awaited(seen, before, host)
        if stale:
            yield _STALE.format(host=host, names=', '.join(stale))
