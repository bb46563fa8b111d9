# SPDX-License-Identifier: Apache-2.0
"""Facts to findings: pure functions in one registry.

Importing the package registers every check, in the order of their weight: of
several refusals of one server the first gives the verdict its code.
"""

from collections.abc import Iterator, Sequence

from osc_recover.checks import registry
from osc_recover.checks.finding import Finding
from osc_recover.checks.request import Return
from osc_recover.checks.view import View
from osc_recover.facts import Server, Situation

# isort: off
from osc_recover.checks import hosts as hosts
from osc_recover.checks import servers as servers
from osc_recover.checks import foreign as foreign
from osc_recover.checks import network as network
from osc_recover.checks import storage as storage
from osc_recover.checks import unseen as unseen
from osc_recover.checks import groups as groups
from osc_recover.checks import capacity as capacity
from osc_recover.checks import returning as returning
from osc_recover.checks import leftovers as leftovers
# isort: on


def of_hosts(view: View) -> list[Finding]:
    """What there is to say about the cloud and each failed host."""
    return [
        finding
        for check in registry.of('cloud', 'host')
        for finding in _of_hosts(view, check)
    ]


def of_server(view: View, server: Server) -> list[Finding]:
    """What there is to say about one server by itself."""
    return [
        finding
        for check in registry.of('server')
        for finding in check.findings(view, server, about=server.id)
    ]


def of_fleet(view: View, fleet: Sequence[Server]) -> list[Finding]:
    """What there is to say about servers that go together, in this order.

    A server that one check refuses takes no room in the next.
    """
    found: list[Finding] = []
    for check in registry.of('fleet'):
        out = {f.about for f in found if f.weight == 'refuse'}
        left = [server for server in fleet if server.id not in out]
        found += check.findings(view, left)
    return found


def of_return(situation: Situation, request: Return) -> list[Finding]:
    """What there is to say about a host that is to take servers again."""
    return [
        finding
        for check in registry.of('return')
        for finding in check.findings(situation, request, about=request.host)
    ]


def _of_hosts(view: View, check: registry.Check) -> Iterator[Finding]:
    if check.scope == 'cloud':
        yield from check.findings(view)
        return
    for host in view.hosts:
        yield from check.findings(view, host, about=host)
