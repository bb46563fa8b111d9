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
from osc_recover.checks import by_hand as by_hand
from osc_recover.checks import host_claims as host_claims
from osc_recover.checks import places_by_hand as places_by_hand
from osc_recover.checks import returning as returning
from osc_recover.checks import leftovers as leftovers
# isort: on


def of_hosts(view: View) -> list[Finding]:
    """What there is to say about the cloud and each failed host."""
    left_out = by_hand.NOT_OF_HOSTS if view.request.by_hand else ()
    return [
        finding
        for check in registry.of('cloud', 'host')
        if check.code not in left_out
        for finding in _of_hosts(view, check)
    ]


def of_server(view: View, server: Server) -> list[Finding]:
    """What there is to say about one server by itself."""
    return [
        finding
        for check in _of_server(view)
        for finding in check.findings(view, server, about=server.id)
    ]


def of_fleet(view: View, fleet: Sequence[Server]) -> list[Finding]:
    """What there is to say about servers that go together, in this order.

    A server that one check refuses takes no room in the next.
    """
    found: list[Finding] = []
    scope: registry.Scope = 'fleet'
    if view.request.by_hand:
        scope = 'fleet-by-hand'
    for check in registry.of(scope):
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


def _of_server(view: View) -> Iterator[registry.Check]:
    by_method = view.request.by_hand
    for check in registry.of('server'):
        if not by_method or check.code in by_hand.ALSO:
            yield check
    if by_method:
        yield from registry.of('by-hand')


def _of_hosts(view: View, check: registry.Check) -> Iterator[Finding]:
    if check.scope == 'cloud':
        yield from check.findings(view)
        return
    for host in view.hosts:
        yield from check.findings(view, host, about=host)
