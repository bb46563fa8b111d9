# SPDX-License-Identifier: Apache-2.0
"""Verdicts on servers after a power loss, from findings.  Pure."""

from osc_recover.checks.disaster import proof, servers, volumes
from osc_recover.checks.disaster.servers import Check
from osc_recover.checks.disaster.view import View as View
from osc_recover.checks.finding import Finding
from osc_recover.facts import Server
from osc_recover.plan import Verdict


def verdict(
    view: View, server: Server, wrong: Check = volumes.wrong
) -> Verdict:
    """What is done with a server: started, rebooted, or left, and why.

    :param wrong: which of its volumes keep it as it is
    """
    for finding in (
        servers.first(view, server),
        wrong(view, server),
        volumes.fewer(view, server),
    ):
        if finding and finding.weight != 'warn':
            return _left(view, server, finding)
    warned = volumes.fewer(view, server)
    shown = proof.off(view, server)
    texts = [shown.text if shown else '', warned.text if warned else '']
    return Verdict(
        server.id,
        server.name,
        _kind(view, server),
        servers.way(view, server),
        True,
        server.host,
        reason='; '.join(text for text in texts if text),
        way_out=warned.way_out if warned else '',
    )


def _left(view: View, server: Server, why: Finding) -> Verdict:
    was = view.was(server) or server
    return Verdict(
        server.id,
        server.name,
        _kind(view, server),
        why.code,
        False,
        server.host,
        reason=why.text,
        way_out=why.way_out,
        ran=was.vm_state in servers.REBOOTED,
    )


def _kind(view: View, server: Server) -> str:
    data = len(server.volumes) - (0 if server.image else 1)
    words = ['image' if server.image else 'volume']
    if data > 0:
        words[0] += f' + {data} data'
    was = view.was(server)
    if was and was.vm_state != 'active':
        words.append(f'was {was.vm_state}')
    return ', '.join(words)
