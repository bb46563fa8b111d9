# SPDX-License-Identifier: Apache-2.0
"""The phases of a recovery, and the lanes and steps of evacuations."""

from collections.abc import Iterator, Sequence

from osc_recover import markers
from osc_recover.checks import versions
from osc_recover.checks.servers import RESETTABLE
from osc_recover.checks.view import View
from osc_recover.facts import Server, Service
from osc_recover.plan import Lane, Phase, Step, Verdict
from osc_recover.procedures import by_hand

Going = tuple[Server, Verdict]


def phases(view: View, going: Sequence[Going]) -> tuple[Phase, ...]:
    """Power off if asked to, force down, then server by server."""
    fence = Phase('fence', tuple(_fence(h) for h in view.hosts), must=True)
    services = (view.situation.service(host) for host in view.hosts)
    down = Phase(
        'force down',
        tuple(_force_down(service) for service in services if service),
        must=True,
    )
    lane = by_hand.lane if view.request.by_hand else _recover
    recover = Phase('recover', tuple(lane(view, *one) for one in going))
    return (fence, down, recover) if view.request.fence else (down, recover)


def _fence(host: str) -> Lane:
    return Lane(host, (Step(f'fence:{host}', 'host.fence', host),))


def _force_down(service: Service) -> Lane:
    host = service.host
    args = {'service': service.id, **_before(service)}
    step = Step(f'force-down:{host}', 'service.force-down', host, args)
    return Lane(host, (step,))


def _before(service: Service) -> dict[str, object]:
    """How the service stood before any run touched it.

    Under the marker of a run that is taken over, it was that run who disabled
    it, unless it kept a reason that was there before.
    """
    former = markers.former_in(service.disabled_reason)
    run = markers.run_in(service.disabled_reason)
    return {
        'was_enabled': service.enabled or bool(run and not former),
        'was_forced_down': service.forced_down and not run,
        'reason': former,
        'take_over': run,
    }


def _recover(view: View, server: Server, verdict: Verdict) -> Lane:
    group = view.hard_group(server)
    alone = group is not None and group.policy == 'anti-affinity'
    return Lane(
        server.id,
        tuple(_steps(view, server, verdict)),
        # Parallel evacuations break the policy and are aborted (LP 1735407).
        (f'group:{group.id}',) if group and alone else (),
    )


def _steps(view: View, server: Server, verdict: Verdict) -> Iterator[Step]:
    running = verdict.ran and not view.request.leave_stopped
    if server.vm_state in RESETTABLE:
        yield _step('reset-state', server, {'state': 'error'})
    yield _step('evacuate', server, _evacuate(view, server))
    if not running:
        # An ERROR server comes back ACTIVE, at 2.95 too.
        yield _step('stop', server, {})
    yield _step('prove', server, _prove(view, server, running))


def _step(verb: str, server: Server, args: dict[str, object]) -> Step:
    name = f'{verb}:{server.id}'
    return Step(name, f'server.{verb}', server.id, args, (server.host,))


def _evacuate(view: View, server: Server) -> dict[str, object]:
    newest = view.situation.compute_max
    stopped = view.request.leave_stopped
    return {
        'source': server.host,
        'target': view.request.target,
        'microversion': versions.for_evacuation(newest, stopped),
        'after': view.newest_migration(server.host),
        'actions': list(server.evacuations),
    }


def _prove(view: View, server: Server, running: bool) -> dict[str, object]:
    return {
        'source': server.host,
        'running': running,
        'ports': [port.id for port in view.ports(server)],
        'volumes': list(server.volumes),
    }
