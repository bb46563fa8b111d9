# SPDX-License-Identifier: Apache-2.0
"""Facts to findings: pure functions in one registry.

Importing the package registers every check, in the order of their weight: of
several refusals of one server the first gives the verdict its code.
"""

from collections.abc import Iterator, Sequence

from osc_recover.checks import registry
from osc_recover.checks.finding import Finding
from osc_recover.checks.view import View
from osc_recover.facts import Server

# isort: off
from osc_recover.checks import hosts as hosts
from osc_recover.checks import servers as servers
from osc_recover.checks import foreign as foreign
from osc_recover.checks import network as network
from osc_recover.checks import storage as storage
from osc_recover.checks import groups as groups
from osc_recover.checks import capacity as capacity
from osc_recover.checks import returning as returning
# isort: on


def of_hosts(view: View) -> list[Finding]:
    """What there is to say about the cloud and each failed host."""
    return [*_of_cloud(view), *_of_each_host(view)]


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


def _of_cloud(view: View) -> Iterator[Finding]:
    for check in registry.of('cloud'):
        yield from check.findings(view)


def _of_each_host(view: View) -> Iterator[Finding]:
    for host in view.hosts:
        for check in registry.of('host'):
            yield from check.findings(view, host, about=host)
