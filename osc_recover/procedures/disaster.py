# SPDX-License-Identifier: Apache-2.0
"""A cloud back after its power was lost: facts in, a plan out.  Pure.

The guide's order, with nothing in its cleaning step: services first, then
what is wrong with volumes is mended, then every attachment is looked at, then
servers are started or rebooted, each once and none a second time, then it is
seen whether they answer, then all is compared with what was kept.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from osc_recover import records
from osc_recover.checks import disaster
from osc_recover.checks.disaster import View, Wrong, proof, repairs
from osc_recover.checks.request import CloudRecovery as CloudRecovery
from osc_recover.checks.snapshots import copies
from osc_recover.facts import Server
from osc_recover.facts.disaster import DisasterSeen
from osc_recover.plan import Lane, Phase, Plan, Step, Verdict
from osc_recover.procedures import disaster_hosts as hosts
from osc_recover.procedures import disaster_repair, order

PROCEDURE = 'cloud'
WARNING = (
    'there is potential for data loss while running instances during this '
    'procedure (OpenStack Compute administration guide, recover cloud after '
    'disaster)'
)


def recover_cloud(
    seen: DisasterSeen, request: CloudRecovery, wrong: Wrong | None = None
) -> Plan:
    """Plan to start what ran; a refusal is a verdict.

    A plan without phases: nothing is to be started, or may be.

    :param wrong: what an audit says of servers whose volumes are wrong
    """
    view = View(seen, request, wrong)
    servers = order.by_priority(view.servers, request.priority_property)
    verdicts = [disaster.verdict(view, server) for server in servers]
    going = [s for s, v in zip(servers, verdicts, strict=True) if v.act]
    verdicts.sort(key=lambda row: not row.act)
    places = hosts.places(view, going)
    return Plan(
        procedure=PROCEDURE,
        hosts=places.computes or ('-',),
        phases=tuple(_phases(view, going, places)) if going else (),
        verdicts=(*places.verdicts(), *verdicts) if going else (*verdicts,),
        notes=tuple(notes(view, verdicts)),
        request=records.to_data(request),
    )


def _phases(
    view: View, going: Sequence[Server], places: hosts.Places
) -> Iterator[Phase]:
    yield Phase('services', tuple(places.awaited()))
    asked = {server.id: once(view, server) for server in going}
    if mended := tuple(disaster_repair.lanes(view, going, asked)):
        yield Phase('repair', mended)
    mapped = [s for s in going if repairs.volumes(view, s)]
    if mapped:
        yield Phase('attachments', tuple(_mapped(view, s) for s in mapped))
    size = view.request.wave or len(going)
    for number, start in enumerate(range(0, len(going), size), 1):
        wave = going[start : start + size]
        yield Phase(f'wave {number}', tuple(_start(view, s) for s in wave))
    yield Phase('reached', tuple(reached(server) for server in going))
    if compared := tuple(places.compared()):
        yield Phase('verify', compared)


def _mapped(view: View, server: Server) -> Lane:
    step = Step(
        f'attachments:{server.id}',
        'disaster.attachments',
        server.id,
        {
            'volumes': repairs.volumes(view, server),
            'backends': hosts.served_by(view, server),
        },
    )
    return Lane(server.id, (step,))


def _start(view: View, server: Server) -> Lane:
    return Lane(
        server.id,
        (
            Step(
                f'start:{server.id}',
                'disaster.start',
                server.id,
                once(view, server),
            ),
            Step(
                f'prove:{server.id}',
                'server.prove',
                server.id,
                {
                    'source': '',
                    'running': True,
                    'ports': ports(view, server),
                    'volumes': repairs.volumes(view, server),
                },
            ),
        ),
    )


def reached(server: Server) -> Lane:
    """See whether its guest answers."""
    step = Step(
        f'reached:{server.id}',
        'guest.reached',
        server.id,
        {'name': server.name},
    )
    return Lane(server.id, (step,))


def once(view: View, server: Server) -> dict[str, Any]:
    """What the request needs, and to tell it from any of before."""
    shown = proof.off(view, server)
    newest = view.actions(server)[:1]
    return {
        'how': repairs.way(view, server),
        'host': server.host,
        'state': repairs.state(view, server),
        'proof': shown.how if shown else '',
        'after': newest[0].request if newest else '',
        'volumes': repairs.volumes(view, server),
    }


def ports(view: View, server: Server) -> list[str]:
    """The ports of a server."""
    found = view.seen.now.ports
    return sorted(port.id for port in found if port.server == server.id)


def notes(view: View, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """What is said with a plan of either mode."""
    seen = view.seen
    yield f'WARNING: {WARNING}'
    if seen.before is None:
        yield (
            'there is no snapshot: only servers that nova itself stopped '
            'after their hosts had booted are started'
        )
    else:
        yield f'compared with snapshot {view.request.snapshot} of {seen.made}'
        yield from _late(view)
    yield from _gone(view)
    yield from _bare(view, verdicts)
    for gap in (*seen.now.gaps, *seen.ceph.gaps):
        yield f'{gap.what}: {gap.problem}'
    if why := seen.now.left_out.get('attachment ids'):
        yield (
            f'{why}: whether it means the same attachment of a volume as '
            'cinder is seen before its server is started'
        )
    if why := seen.now.left_out.get('hosts'):
        yield f'{why}: nothing shows that a guest is off'
    if not view.request.guests and any(v.act for v in verdicts):
        yield (
            'recover: guests in clouds.yaml does not say how guests are '
            'reached: of those with a floating address it is seen whether '
            'something answers there, the others are not asked'
        )
    unproven = [v for v in verdicts if v.code == 'not-proven-off']
    if unproven:
        yield f'{len(unproven)} left alone, as they are not proven off'


def _late(view: View) -> Iterator[str]:
    """In a snapshot of after the loss what nova has stopped was stopped."""
    names = sorted({server.host for server in view.servers})
    pairs = [(view.host_before(name), view.host(name)) for name in names]
    boots = [
        (was.boot_id, now.boot_id)
        for was, now in pairs
        if was and now and was.boot_id and now.boot_id
    ]
    if boots and all(was == now for was, now in boots):
        yield (
            'no host has booted since that snapshot: if it was saved after '
            'the power loss, what nova had stopped by then counts as stopped '
            'before; --snapshot takes an older one (openstack recover '
            'snapshot list)'
        )


def _bare(view: View, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """What is lost for good if it is lost now: the guide has backups first."""
    going = [verdict.server for verdict in verdicts if verdict.act]
    volumes = {one.volume for s in going for one in view.attachments(s)}
    if bare := copies.without_backup(view.seen.now, volumes):
        yield (
            'volumes without a backup, of servers that are started: '
            f'{len(bare)}; {copies.mandatory(bare)} ({copies.REMEDY})'
        )


def _gone(view: View) -> Iterator[str]:
    before = view.seen.before
    there = {server.id for server in view.seen.now.servers}
    gone = [
        server
        for server in (before.servers if before else ())
        if server.id not in there
    ]
    if gone:
        yield (
            f"{len(gone)} of the snapshot's servers are not there any more: "
            + ', '.join(f'{server.name} ({server.id})' for server in gone)
        )
