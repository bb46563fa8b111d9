# SPDX-License-Identifier: Apache-2.0
"""Sessions of hosts, and what nova and cinder say they are for.

Requests, for lists that fit one page: nova 3, cinder 4, one to each host.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from osc_recover import errors
from osc_recover.facts.audit import Gap
from osc_recover.facts.sessions import (
    SessionsSeen,
    home,
    named,
    volume_hosts,
)
from osc_recover.facts.snapshot import HostState, KeptAttachment
from osc_recover.gateways import inventory, kept_lists
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.observe.gathering import Future, gathering

T = TypeVar('T')
D = TypeVar('D')
Links = Callable[[Sequence[str]], tuple[HostState, ...]]
Chosen = Callable[[Sequence[str]], Sequence[str]]


def sessions(
    cloud: Cloud, links: Links, chosen: Chosen, workers: int = 8
) -> SessionsSeen:
    """What is seen of sessions; changes nothing.

    A cinder that is missing or does not tell is a gap.

    :param links: hosts -> what they tell of their sessions
    :param chosen: all hosts with nova-compute or cinder-volume -> those to
        ask; may raise for a name that is none of them
    :raises errors.ApiError: when nova does not tell
    """
    gaps: list[Gap] = []
    unseen: list[str] = []

    def may(what: str, answer: 'Future[T]', default: D) -> T | D:
        try:
            return answer.result()
        except errors.AuthFailed:
            raise
        except errors.RecoverError as exc:
            unseen.append(what)
            gaps.append(Gap(what, exc.sentence, exc.way_out))
            return default

    # Not side by side with the rest: it brings the token.
    cloud.compute_max()
    with gathering(workers) as crowd:
        services = crowd.ask(Compute(cloud.compute).services)
        servers = crowd.ask(inventory.servers, cloud.compute)
        volumes = crowd.ask(kept_lists.volumes, cloud.volume)
        attachments = crowd.ask(kept_lists.attachments, cloud.volume)
        storage = may(
            'cinder services', crowd.ask(inventory.storage, cloud.volume), ()
        )
        computes = sorted(
            s.host for s in services.result() if s.binary == 'nova-compute'
        )
        every = dict.fromkeys([*computes, *volume_hosts(storage)])
        asked = links(list(chosen(list(every))))
        return SessionsSeen(
            hosts=asked,
            computes=tuple(dict.fromkeys(computes)),
            servers=servers.result(),
            volumes=may('volumes', volumes, ((), {}))[0],
            attachments=may('attachments', attachments, ()),
            storage=storage,
            gaps=tuple(gaps),
            unseen=tuple(unseen),
        )


def serving(
    cloud: Cloud, host: str, targets: Iterable[str]
) -> tuple[KeptAttachment, ...]:
    """The attachments that lead to targets now, of servers on a host.

    Those that nova alone has have no ID.
    A server that is not there any more, on no host, or on its way from one to
    another, counts as well.

    :raises errors.ApiError: when nova or cinder does not tell
    """
    wanted = set(targets)
    servers = inventory.servers(cloud.compute)
    homes = {server.id: home(server) for server in servers}
    of_nova = (
        KeptAttachment('', volume, server.id, sides=('nova',))
        for server in servers
        if homes[server.id] in (host, '')
        for target in wanted
        for volume in named(target, server.volumes)
    )
    return (
        *(
            one
            for one in kept_lists.attachments(cloud.volume)
            if wanted & {one.target.name, *one.target.names}
            and homes.get(one.server) in (host, '', None)
        ),
        *of_nova,
    )
