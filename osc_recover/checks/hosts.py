# SPDX-License-Identifier: Apache-2.0
"""Is the host really down, and may it be recovered at all?"""

from osc_recover import markers
from osc_recover.checks import versions
from osc_recover.checks.finding import Finding, refuse, warn
from osc_recover.checks.registry import check
from osc_recover.checks.view import View
from osc_recover.facts import Hypervisor, Service

SEVERAL = 3  # fewer computes than this have no meaningful share


@check('old-nova', 'cloud')
def old_nova(view: View) -> Finding | None:
    """Evacuate as we ask for it came with 2.68 (nova 18)."""
    newest = view.situation.compute_max
    if versions.at_least(newest, versions.OLDEST):
        return None
    return refuse(
        f'this nova speaks compute API {newest} at most; evacuations are '
        f'asked for with {versions.OLDEST} or newer',
        'upgrade nova',
    )


@check('leave-stopped', 'cloud')
def leave_stopped(view: View) -> Finding | None:
    """Only from 2.95 on nova leaves an evacuated server stopped."""
    newest = view.situation.compute_max
    if not view.request.leave_stopped or versions.at_least(
        newest, versions.STOPS
    ):
        return None
    return refuse(
        f'--leave-stopped needs compute API {versions.STOPS} (nova 27), and '
        f'this nova speaks {newest} at most',
        'leave out --leave-stopped: servers that ran will run again',
    )


@check('cell-down', 'host')
def cell_down(view: View, host: str) -> Finding | None:
    """A service without an id is in a cell that nova cannot reach.

    nova shows what it can of such a cell (nova doc admin/cells, "Handling
    cell failures"), and can change nothing in it.
    """
    service = view.situation.service(host)
    if service is None or service.id:
        return None
    return refuse(
        f'nova cannot reach the database of the cell of {host}: nothing is '
        'known about its servers',
        "bring that cell's database back first",
    )


@check('host-up', 'host')
def host_up(view: View, host: str) -> Finding | None:
    """A heartbeat is evidence of life, whatever a person states.

    nova refuses to evacuate from a host that is up (nova/compute/api.py,
    ComputeServiceInUse).
    """
    service = view.situation.service(host)
    if service is None or not service.up or service.forced_down:
        return None
    if view.request.fence:
        return None
    if view.request.rehearsal:
        return warn(f'{host} is up: this is what would be done if it failed')
    return refuse(
        f'nova-compute on {host} is up: its guests may be running',
        'wait until "openstack compute service list" shows it down, or have '
        'the host powered off with --fence',
        f'last heartbeat {service.updated_at}' if service.updated_at else '',
    )


@check('no-evidence', 'cloud')
def no_evidence(view: View) -> Finding | None:
    """A silent host is not a dead one: its guests may still write."""
    if view.request.fence or view.request.fenced:
        return None
    if view.request.rehearsal:
        return warn(
            'a rehearsal: without evidence that the host is off this plan is '
            'never carried out'
        )
    return refuse(
        f'nothing shows that {_list(view.hosts)} is off; a host that nova '
        'cannot hear may still run its guests',
        'have it powered off with --fence, or say with --fenced "how" how '
        'you know that it is off',
        flag='--fence, --fenced',
    )


@check('many-down', 'cloud')
def many_down(view: View) -> Finding | None:
    """Many silent hosts are mostly a broken network or message queue."""
    computes = view.situation.computes()
    down = [service.host for service in computes if not service.up]
    if len(computes) < SEVERAL or len(down) * 3 <= len(computes):
        return None
    what = (
        f'{len(down)} of {len(computes)} nova-computes are down: more often '
        'the network or the message queue than the hosts'
    )
    if view.request.many_down:
        return warn(what, evidence=_list(down))
    return refuse(
        what,
        'look at RabbitMQ and the management network; if the hosts really '
        'are dead, --many-down',
        _list(down),
        flag='--many-down',
    )


@check('ironic', 'host')
def ironic(view: View, host: str) -> Finding | None:
    """Bare metal cannot be evacuated (a node is the server)."""
    nodes = _nodes(view, host)
    if not any(node.type.lower() == 'ironic' for node in nodes):
        return None
    return refuse(
        f'{host} manages bare metal: its servers are nodes and cannot move',
        'start its nova-compute again, on this or another machine with the '
        'same host name',
        f'{len(nodes)} nodes of type {nodes[0].type}',
    )


@check('several-nodes', 'host')
def several_nodes(view: View, host: str) -> Finding | None:
    """A renamed hypervisor leaves its former node behind.

    An evacuation takes the node that the server's record names
    (nova/conductor/manager.py, _allocate_for_evacuate_dest_host).
    """
    nodes = _nodes(view, host)
    metal = any(node.type.lower() == 'ironic' for node in nodes)
    if metal or len(nodes) <= 1:
        return None
    what = (
        f'{host} has {len(nodes)} compute nodes and is not bare metal: one '
        'is left from a former name of its hypervisor'
    )
    names = _list([node.node for node in nodes])
    if not view.request.by_hand:
        return warn(what, evidence=names)
    return refuse(
        what,
        'recover it without --method database, as nova takes the right '
        'node; or see about the former one first: openstack hypervisor list',
        names,
    )


def _nodes(view: View, host: str) -> list[Hypervisor]:
    return [h for h in view.situation.hypervisors if h.host == host]


@check('no-destination', 'cloud')
def no_destination(view: View) -> Finding | None:
    """Without a compute that is up and enabled nothing can move."""
    if view.usable:
        return None
    return refuse(
        'no other nova-compute is up and enabled',
        'bring one up or enable one: openstack compute service set --enable '
        '<host> nova-compute',
    )


@check('bad-target', 'cloud')
def bad_target(view: View) -> Finding | None:
    """The --target must be able to take servers."""
    target = view.request.target
    if not target or target in view.usable:
        return None
    problem = _problem(view, target)
    return refuse(
        f'--target {target} cannot take servers: {problem}',
        'name another host, or leave out --target and let nova choose',
        about=target,
    )


@check('other-run', 'host')
def other_run(view: View, host: str) -> Finding | None:
    """The marker of another run: two runs must not share a host."""
    service = view.situation.service(host)
    run = markers.run_in(service.disabled_reason) if service else ''
    if not run:
        return None
    if view.request.take_over == run:
        return warn(f'run {run} had taken {host}; it is taken over')
    return refuse(
        f'{host} is being recovered by run {run}, perhaps from another '
        'machine',
        f'openstack recover run resume {run} where it was started; if that '
        f'journal is gone for good, --take-over {run}',
        flag='--take-over',
    )


def _problem(view: View, target: str) -> str:
    if target in view.hosts:
        return 'it is the failed host'
    service = view.situation.service(target)
    return _unusable(service) if service else 'nova has no compute there'


def _unusable(service: Service) -> str:
    if service.forced_down:
        return 'it is forced down'
    if not service.up:
        return 'its nova-compute is down'
    reason = service.disabled_reason
    return 'it is disabled' + (f': {reason}' if reason else '')


def _list(items: list[str] | tuple[str, ...]) -> str:
    return ', '.join(sorted(items))
