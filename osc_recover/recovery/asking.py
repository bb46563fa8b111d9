# SPDX-License-Identifier: Apache-2.0
"""What hosts are asked for beside the services, where it is said how."""

import dataclasses

from osc_recover import checks
from osc_recover.checks.numbers import GROUPS, USERS
from osc_recover.checks.request import Request
from osc_recover.checks.storage import local_disks
from osc_recover.checks.view import View, can_take
from osc_recover.facts import Situation
from osc_recover.gateways.compute import Compute
from osc_recover.observe.returning import returned
from osc_recover.observe.storage import storage
from osc_recover.settings import SshSettings


def with_storage(
    facts: Situation, request: Request, settings: SshSettings
) -> Situation:
    """Add what the destinations see of the servers' disks.

    Nobody is asked where nothing is said about SSH, with --no-agent, for
    servers without local disks, and for a plan that is refused anyway.
    """
    view = View(facts, request)
    servers = [s.id for s in view.servers if local_disks(s)]
    if settings == SshSettings() or not request.agent or not servers:
        return facts
    if any(f.weight == 'refuse' for f in checks.of_hosts(view)):
        return facts
    # A second host bears witness where there is one destination only.
    several = len(view.destinations) > 1
    hosts = view.destinations if several else view.usable
    found = storage(settings, sorted(hosts), servers)
    return dataclasses.replace(facts, storage=found)


def with_returned(
    facts: Situation, host: str, compute: Compute, settings: SshSettings
) -> Situation:
    """Add what a host says that is to take servers again.

    Its numbers are compared with those of the hosts that are in service.
    """
    if settings == SshSettings():
        return facts
    others = [s.host for s in facts.computes() if can_take(s)]
    told = returned(
        compute,
        settings,
        host,
        [server.id for server in facts.servers if server.host == host],
        sorted(other for other in others if other != host),
        (USERS, GROUPS),
    )
    return dataclasses.replace(facts, returned=told)
