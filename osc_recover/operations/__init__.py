# SPDX-License-Identifier: Apache-2.0
"""Verbs: for each, how to ask for its effect and how to bring it about."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Self

from osc_recover.effects import Control, Guard, Kept, Operation
from osc_recover.gateways.accounts import Accounts
from osc_recover.gateways.allocations import Allocations
from osc_recover.gateways.attachments import Attachments
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.database import Databases
from osc_recover.gateways.fstabs import Fstabs
from osc_recover.gateways.guests import Guests
from osc_recover.gateways.host_services import Services as HostServices
from osc_recover.gateways.hosts import Hosts
from osc_recover.gateways.links import Links
from osc_recover.gateways.network import Network
from osc_recover.gateways.ownership import Ground
from osc_recover.gateways.port_bindings import PortBindings
from osc_recover.gateways.server_rows import ServerRows
from osc_recover.gateways.trees import Trees
from osc_recover.gateways.volume import Volumes
from osc_recover.operations import (
    attach,
    audit,
    by_hand,
    cleaned,
    cleaning,
    disaster,
    domains,
    drill,
    evacuations,
    guard,
    host,
    host_services,
    instances,
    mounts,
    renumbering,
    server,
    service,
    sessions,
    standing,
    trees,
    volume_server,
)
from osc_recover.operations import guests as of_guests
from osc_recover.operations.watch import Shared
from osc_recover.runs import Run

TICK = 0.2  # seconds between two list calls that lanes wait for


@dataclasses.dataclass(frozen=True, slots=True)
class OfRun:
    """The operations of one run, and the guard of its effects."""

    operations: Mapping[str, Operation]
    guard: Guard


@dataclasses.dataclass(frozen=True, slots=True)
class Services:
    """The services that operations act on."""

    compute: Compute
    network: Network
    volumes: Volumes
    holders: by_hand.Holders | None = None  # for moves in the database

    @classmethod
    def of(cls, cloud: Cloud, databases: Callable[[], Databases]) -> Self:
        """Those of a cloud.

        :param databases: asked only when something is moved in them
        """
        return cls(
            Compute(cloud.compute),
            Network(cloud.network),
            Volumes(cloud.volume),
            by_hand.Holders(
                Allocations(cloud.placement),
                PortBindings(cloud.network),
                Attachments(cloud.volume),
                ServerRows(databases),
            ),
        )


def of_run(
    services: Services,
    run: Run,
    control: Control,
    *,
    power: host.Power,
    grace: float,
    mark: Callable[[str], str],
    looked: evacuations.Looked | None = None,
    tick: float = TICK,
) -> OfRun:
    """Make the operations of a run that moves servers off failed hosts.

    :param grace: seconds that a request without an answer may be queued
    :param mark: host -> when our own last write left its service record
    :param looked: what the plan saw, when this process has made it
    """
    compute = services.compute
    verbs: dict[str, Operation] = {
        'host.fence': host.Fence(power),
        'service.force-down': service.ForceDown(compute, run.id, grace),
        'service.up': service.Up(compute, grace),
        **evacuations.verbs(
            compute,
            services.network,
            services.volumes,
            run.plan,
            control,
            grace=grace,
            looked=looked,
            tick=tick,
        ),
    }
    if services.holders:
        verbs |= by_hand.verbs(
            compute,
            services.holders,
            run.id,
            tick=tick,
            grace=grace,
            timeout=float(run.plan.request.get('timeout', 0)),
        )
    alive = Shared(lambda: evacuations.services(compute, run.plan.hosts), tick)
    return OfRun(verbs, guard.StillDead(alive, mark, control))


def of_hosts(
    compute: Compute,
    hosts: Hosts,
    *,
    run: str,
    watch: trees.Watch,
    trap: host_services.Trap,
    grace: float,
    timeout: float,
) -> OfRun:
    """Make the operations of a run on hosts that are alive.

    :param run: its id, which its manifests on the hosts are called by
    :param watch: is told of the progress of what takes long
    :param trap: why nova-compute must not be started on a host, or None
    :param timeout: seconds that nova may take to see a started service
    """
    services, accounts = HostServices(hosts), Accounts(hosts)
    files, ground = Trees(hosts), Ground(hosts)
    verbs: dict[str, Operation] = {
        **domains.verbs(compute, hosts, grace),
        'services.stop': host_services.Change(services, 'stop', grace),
        'services.start': host_services.Change(services, 'start', grace, trap),
        'services.seen': host_services.Seen(compute, timeout=timeout),
        'processes.none': renumbering.Quiet(ground),
        'accounts.change': renumbering.ChangeAccounts(
            accounts, services, ground
        ),
        'ownership.verify': trees.Verify(files, accounts, run, watch),
        **{
            f'tree.{verb}': trees.Tree(files, services, verb, run, watch)
            for verb in ('prepare', 'change', 'undo')
        },
    }
    return OfRun(verbs, lambda run, host: None)


def of_audit(cloud: Cloud, grace: float) -> OfRun:
    """Make the operations of a run that mends records."""
    return OfRun(audit.verbs(cloud, grace), lambda run, host: None)


def of_attaching(cloud: Cloud, grace: float) -> OfRun:
    """Make the operations of a run that gives volumes to servers."""
    return OfRun(attach.verbs(cloud, grace), lambda run, host: None)


def of_volumes(
    cloud: Cloud, services: Services, run: str, *, grace: float, timeout: float
) -> OfRun:
    """Make the operations of a run that repairs volumes."""
    verbs = _of_mending(cloud, services, run, grace, timeout)
    return OfRun(verbs, lambda run, host: None)


def _of_mending(
    cloud: Cloud, services: Services, run: str, grace: float, timeout: float
) -> dict[str, Operation]:
    """The operations that mend volumes."""
    assert services.holders is not None
    verbs = {**audit.verbs(cloud, grace)}
    verbs['attachment.end'] = verbs.pop('attachment.delete')
    verbs |= by_hand.verbs(
        services.compute,
        services.holders,
        run,
        tick=TICK,
        grace=grace,
        timeout=timeout,
    )
    verbs['server.stop'] = server.Stop(
        services.compute, tick=TICK, grace=grace, timeout=timeout
    )
    return verbs


def of_disaster(
    cloud: Cloud,
    hosts: Hosts,
    run: Run,
    control: Control,
    databases: Callable[[], Databases],
    *,
    grace: float,
    guests: Guests,
    kept: Kept,
    tick: float = TICK,
    services: Services | None = None,
) -> OfRun:
    """Make the operations of a run that brings a cloud back.

    :param databases: of the cloud; asked only for what acts on them
    :param services: what volumes are mended by, if not these databases
    """
    timeout = float(run.plan.request.get('timeout', 0))
    verbs = disaster.verbs(
        cloud,
        hosts,
        control,
        databases,
        tick=tick,
        grace=grace,
        timeout=timeout,
    )
    workers = int(run.plan.request.get('workers', 1))
    mending = services or Services.of(cloud, databases)
    verbs = {
        **_of_mending(cloud, mending, run.id, grace, timeout),
        **verbs,
        **of_guests.verbs(
            guests,
            kept,
            control,
            workers=workers,
            timeout=min(timeout, of_guests.TIMEOUT),
        ),
    }
    return OfRun(verbs, lambda run, host: None)


def of_reset(
    cloud: Cloud,
    hosts: Hosts,
    control: Control,
    databases: Callable[[], Databases],
    *,
    grace: float,
    tick: float = TICK,
) -> OfRun:
    """Make the operations of a run that ends attachments.

    :param databases: of the cloud; asked only for what acts on them
    """
    compute = Compute(cloud.compute)
    off = standing.Standing(compute, hosts, control, tick=tick)
    verbs: dict[str, Operation] = {
        **cleaning.verbs(cloud, databases, off, grace),
        'disaster.listed': cleaned.Listed(cloud),
    }
    return OfRun(verbs, lambda run, host: None)


def of_sessions(
    serving: sessions.Serving,
    storage: volume_server.Storage,
    hosts: Hosts,
    *,
    grace: float,
    timeout: float,
) -> OfRun:
    """Make the operations of a run on sessions to storage.

    :param serving: host and targets -> the attachments that lead there now
    :param storage: the services of cinder
    :param timeout: seconds that cinder-volume may take to be seen
    """
    links = Links(hosts)
    verbs = {
        **sessions.verbs(links, serving, grace),
        **volume_server.verbs(links, storage, grace=grace, timeout=timeout),
    }
    return OfRun(verbs, lambda run, host: None)


def of_drill(
    cloud: Cloud,
    serving: sessions.Serving,
    hosts: Hosts,
    run: Run,
    control: Control,
    databases: Callable[[], Databases],
    *,
    grace: float,
    tick: float = TICK,
) -> OfRun:
    """Make the operations of a run that reproduces a power loss.

    :param databases: of the cloud; asked only for what acts on them
    :param serving: host and targets -> the attachments that lead there now
    """
    links = Links(hosts)
    closing = sessions.Close(links, serving, grace)
    verbs = {
        **disaster.verbs(
            cloud,
            hosts,
            control,
            databases,
            tick=tick,
            grace=grace,
            timeout=float(run.plan.request.get('timeout', 0)),
        ),
        **drill.verbs(Compute(cloud.compute), links, closing, tick=tick),
    }
    return OfRun(verbs, lambda run, host: None)


def of_mounts(hosts: Hosts, guests: Hosts, grace: float) -> OfRun:
    """Make the operations of a run on what machines mount at boot."""
    verbs = mounts.verbs(Fstabs(hosts), Fstabs(guests), grace)
    return OfRun(verbs, lambda run, host: None)


def of_instances(
    compute: Compute, databases: Databases, grace: float
) -> OfRun:
    """Make the operations of a run on the states of servers."""
    verbs = instances.verbs(compute, databases, grace)
    return OfRun(verbs, lambda run, host: None)
