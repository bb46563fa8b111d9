# SPDX-License-Identifier: Apache-2.0
"""One server before a drill, as facts.

Requests: those for the sessions of a host, and of nova 3 and of neutron 1
more.
"""

from osc_recover.facts import Server
from osc_recover.facts.disaster import Mapped
from osc_recover.facts.drill import DrillSeen
from osc_recover.facts.sessions import SessionsSeen
from osc_recover.gateways import kept_lists
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.network import Network
from osc_recover.observe import attached
from osc_recover.observe.sessions import Links, sessions


def seen(cloud: Cloud, links: Links, name: str, workers: int = 8) -> DrillSeen:
    """Look at a server and at its host; changes nothing.

    :param links: hosts -> what they tell of their sessions
    :param name: the ID of the server
    :raises errors.Gone: when there is no such server
    :raises errors.ApiError: when nova, or neutron, does not tell
    """
    compute = Compute(cloud.compute)
    server = compute.server(name)
    actions = compute.happened(name)
    where = [server.host] if server.host else []
    found = sessions(cloud, links, lambda every: where, workers)
    ports = Network(cloud.network).ports([name])
    return DrillSeen(
        server,
        _mapped(cloud, server, found),
        found,
        compute.compute_service(server.host),
        tuple(sorted(port.id for port in ports)),
        actions[0].request if actions else '',
    )


def _mapped(cloud: Cloud, server: Server, found: SessionsSeen) -> Mapped:
    mine = [one for one in found.attachments if one.server == server.id]
    given = kept_lists.of_server(cloud.compute, server.id)
    both = attached.joined([server], given, mine, {}, ())
    return Mapped(both, {one.id: one.status for one in found.volumes})
