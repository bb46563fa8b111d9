# SPDX-License-Identifier: Apache-2.0
"""Verdicts on servers after a power loss, from findings.  Pure."""

import dataclasses

from osc_recover.checks.disaster import proof, repairs, servers, volumes
from osc_recover.checks.disaster.repairs import Repair
from osc_recover.checks.disaster.servers import Check
from osc_recover.checks.disaster.view import View as View
from osc_recover.checks.disaster.view import Wrong as Wrong
from osc_recover.checks.finding import Finding
from osc_recover.facts import Server
from osc_recover.plan import Verdict

# What keeps a server off, unless it is mended first.
_MENDED = (volumes.WRONG, volumes.ROOTLESS)


def broken(view: View) -> tuple[str, ...]:
    """Servers that are to run, and whose volumes may have to be mended.

    Of these an audit is to be asked.
    """
    return tuple(
        server.id
        for server in view.servers
        if not servers.first(view, server) and _is_broken(view, server)
    )


def _is_broken(view: View, server: Server) -> bool:
    found = volumes.wrong(view, server) or volumes.rootless(view, server)
    if found:
        return found.code in _MENDED
    return volumes.fewer(view, server) is not None


def verdict(
    view: View, server: Server, wrong: Check = volumes.wrong
) -> Verdict:
    """What is done with a server: started, rebooted, or left, and why.

    :param wrong: which of its volumes keep it as it is
    """
    if finding := servers.first(view, server):
        return _left(view, server, finding)
    repair = repairs.of(view, server)
    for check in (wrong, volumes.rootless):
        finding = check(view, server)
        if finding and not (repair.findings and finding.code in _MENDED):
            return _left(view, server, _with_stops(finding, repair))
    warned = volumes.fewer(view, server, repair.volumes)
    shown = proof.off(view, server)
    hints = volumes.kept_from(view, server)
    texts = [
        shown.text if shown else '',
        _mended(repair),
        warned.text if warned else '',
        *(hint.text for hint in hints),
    ]
    ways = [warned.way_out if warned else '', *(h.way_out for h in hints)]
    return Verdict(
        server.id,
        server.name,
        _kind(view, server),
        repairs.way(view, server),
        True,
        server.host,
        reason='; '.join(text for text in texts if text),
        way_out='; '.join(way for way in ways if way),
    )


def _mended(repair: Repair) -> str:
    told = '; '.join(finding.text for finding in repair.findings)
    return f'mended before its start: {told}' if told else ''


def _with_stops(finding: Finding, repair: Repair) -> Finding:
    """The same, with what keeps it from being mended."""
    if not repair.stops or finding.code not in _MENDED:
        return finding
    told = '; '.join(stop.text for stop in repair.stops)
    return dataclasses.replace(
        finding,
        what=f'{finding.what}; it is not mended from here: {told}',
        way_out='; '.join(dict.fromkeys(s.way_out for s in repair.stops)),
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
        ran=servers.has_run(was),
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
