# SPDX-License-Identifier: Apache-2.0
"""Everything that a recovery is planned from, read side by side.

Requests, with H failed hosts, S servers on them, and lists that fit one page:

=================  =====================================================
a token            at most one, and none if the session has one
nova               1 newest microversion, 1 services, 1 hypervisors,
                   2 groups, H servers, H + 1 migrations,
                   S instance actions, S shares (manila and 2.97 only),
                   1 for each member elsewhere of the servers' groups
placement          1 for each compute node of the hosts,
                   1 for each distinct set of resources held there
neutron            1 agents, 1 ports for each 100 servers
cinder             1 for each 100 volumes
glance             1 for each 100 images
masakari           1 + 1 a segment, if it is in the catalog
=================  =====================================================
"""

import dataclasses
from collections.abc import Iterable

from osc_recover import facts
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.image import Images
from osc_recover.gateways.masakari import Masakari
from osc_recover.gateways.network import Network
from osc_recover.gateways.volume import Volumes
from osc_recover.observe import capacity, groups
from osc_recover.observe.gathering import Future, Gathering, gathering
from osc_recover.observe.servers import (
    Servers,
    ask_evacuations,
    ask_shares,
    detailed,
    distinct,
    one,
)

ACCEPTED = 'accepted'
Migrations = tuple[facts.Migration, ...]


def situation(
    cloud: Cloud,
    hosts: Iterable[str],
    *,
    servers: Iterable[str] = (),
    workers: int = 8,
) -> facts.Situation:
    """Observe a cloud around some failed hosts.

    A service other than nova that is missing, forbidden or out of reach
    leaves a text in ``gaps``, and so does a cell that nova cannot reach.

    :param servers: IDs of further servers to observe, wherever they are;
        when given, only theirs are the evacuations and shares asked for
    :param workers: how many requests are under way at a time
    :raises errors.ApiError: what nova says no to
    :raises errors.AuthFailed: no token
    """
    with gathering(workers) as crowd:
        first = _ask_first(cloud, tuple(hosts), tuple(servers), crowd)
        return _finish(cloud, first, tuple(servers), crowd)


@dataclasses.dataclass(frozen=True, slots=True)
class _First:
    """The questions that need no other's answer."""

    hosts: tuple[str, ...]
    newest: str
    servers: 'list[Future[Servers]]'
    hypervisors: 'Future[tuple[facts.Hypervisor, ...]]'
    services: 'Future[tuple[facts.Service, ...]]'
    groups: 'Future[tuple[facts.Group, ...]]'
    migrations: 'list[Future[Migrations]]'
    agents: 'Future[tuple[facts.Agent, ...]]'
    masakari: 'Future[tuple[facts.MasakariHost, ...]]'


def _ask_first(
    cloud: Cloud,
    hosts: tuple[str, ...],
    named: tuple[str, ...],
    crowd: Gathering,
) -> _First:
    nova = Compute(cloud.compute)
    return _First(
        hosts=hosts,
        # Not side by side with the rest: it brings the token, and every read
        # of nova needs it.
        newest=cloud.compute_max(),
        servers=[crowd.ask(nova.servers, host) for host in hosts]
        + [crowd.ask(one, nova, server) for server in named],
        hypervisors=crowd.ask(nova.hypervisors),
        services=crowd.ask(nova.services),
        groups=crowd.ask(nova.groups),
        migrations=[crowd.ask(_from, nova, host) for host in hosts]
        + [crowd.ask(_accepted, nova)],
        agents=crowd.ask(Network(cloud.network).agents),
        masakari=crowd.ask(_masakari, cloud),
    )


def _finish(
    cloud: Cloud, first: _First, named: tuple[str, ...], crowd: Gathering
) -> facts.Situation:
    nova = Compute(cloud.compute)
    # What others wait for goes first, and what there is most of last.
    room = capacity.ask(cloud, first.hosts, first.hypervisors.result(), crowd)
    servers = distinct(first.servers)
    offered = room.ask_candidates(servers)
    ports = crowd.ask(_ports, cloud, servers)
    volumes = crowd.ask(_volumes, cloud, servers)
    images = crowd.ask(_images, cloud, servers)
    known_groups = first.groups.result()
    strangers = groups.ask_strangers(nova, known_groups, servers, crowd)
    details = [s for s in servers if not named or s.id in named]
    evacuations = ask_evacuations(nova, details, crowd)
    shares = ask_shares(cloud, first.newest, details, crowd)
    return facts.Situation(
        hosts=first.hosts,
        compute_max=first.newest,
        services=_services(first.services.result(), crowd),
        hypervisors=first.hypervisors.result(),
        servers=detailed(servers, evacuations, shares, crowd),
        images=crowd.may('images', images, ()),
        ports=crowd.may('ports', ports, ()),
        volumes=crowd.may('volumes', volumes, ()),
        migrations=_merged(first.migrations),
        groups=groups.placed(known_groups, servers, strangers),
        allocations=room.allocations,
        candidates=room.usable(offered),
        agents=crowd.may('network agents', first.agents, ()),
        masakari=crowd.may('masakari hosts', first.masakari, ()),
        gaps=tuple(crowd.gaps),
        unseen=tuple(crowd.unseen),
    )


def _from(nova: Compute, host: str) -> tuple[facts.Migration, ...]:
    return nova.migrations(source=host)


def _accepted(nova: Compute) -> tuple[facts.Migration, ...]:
    return nova.migrations(status=ACCEPTED)


def _merged(
    answers: 'Iterable[Future[tuple[facts.Migration, ...]]]',
) -> tuple[facts.Migration, ...]:
    # Ids are unique within a cell only.
    found = {(m.uuid, m.id): m for a in answers for m in a.result()}
    return tuple(sorted(found.values(), key=lambda m: (m.id, m.uuid)))


def _services(
    services: tuple[facts.Service, ...], crowd: Gathering
) -> tuple[facts.Service, ...]:
    if lost := sorted(s.host for s in services if not s.id):
        crowd.gap(
            'nova cannot reach the database of a cell, so that nothing is '
            f'known about {", ".join(lost)}'
        )
    return services


def _ports(cloud: Cloud, servers: Servers) -> tuple[facts.Port, ...]:
    return Network(cloud.network).ports(s.id for s in servers)


def _volumes(cloud: Cloud, servers: Servers) -> tuple[facts.Volume, ...]:
    wanted = {volume for s in servers for volume in s.volumes}
    return Volumes(cloud.volume).volumes(wanted) if wanted else ()


def _images(cloud: Cloud, servers: Servers) -> tuple[facts.Image, ...]:
    wanted = {s.image for s in servers if s.image}
    return Images(cloud.image).images(wanted) if wanted else ()


def _masakari(cloud: Cloud) -> tuple[facts.MasakariHost, ...]:
    api = cloud.instance_ha
    return Masakari(api).hosts() if api.present() else ()
