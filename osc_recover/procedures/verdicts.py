# SPDX-License-Identifier: Apache-2.0
"""Findings about a server to its one verdict."""

from collections.abc import Iterable, Sequence

from osc_recover.checks.finding import Finding
from osc_recover.checks.servers import RESETTABLE
from osc_recover.checks.view import View, ran
from osc_recover.facts import Server
from osc_recover.plan import Verdict


def refused(findings: Iterable[Finding]) -> bool:
    """Whether any of the findings leaves the server alone."""
    return any(finding.weight == 'refuse' for finding in findings)


def verdict(
    view: View, server: Server, findings: Sequence[Finding], destination: str
) -> Verdict:
    """What the plan does with a server, from what was found about it."""
    if refused(findings):
        return _left_alone(view, server, _decisive(findings))
    return Verdict(
        server=server.id,
        name=server.name,
        kind=kind(view, server),
        code='database' if view.request.by_hand else _way(server),
        act=True,
        destination=destination,
        loss='; '.join(f.loss for f in findings if f.loss),
        reason='; '.join(f.text for f in findings),
        way_out='; '.join(f.way_out for f in findings if f.way_out),
        ran=ran(server),
    )


def kind(view: View, server: Server) -> str:
    """What sort of server it is, in a few words for the table."""
    words = [_disks(view, server) + _data(server)]
    if server.vm_state != 'active':
        words.append(server.vm_state)
    if group := view.group(server):
        words.append(f'{group.policy} {group.name}')
    return ', '.join(words)


def _left_alone(view: View, server: Server, why: Sequence[Finding]) -> Verdict:
    return Verdict(
        server=server.id,
        name=server.name,
        kind=kind(view, server),
        code=why[0].code,
        act=False,
        reason='; '.join(f.text for f in why),
        way_out='; '.join(f.way_out for f in why),
        ran=ran(server),
    )


def _decisive(findings: Iterable[Finding]) -> list[Finding]:
    """The refusals that count: a flag does not help where one has none."""
    all_ = [f for f in findings if f.weight == 'refuse']
    if all_[0].code == 'excluded':
        return all_[:1]
    return [f for f in all_ if not f.flag] or all_


def _way(server: Server) -> str:
    if server.vm_state in RESETTABLE:
        return 'reset-state'
    return 'error-state' if server.vm_state == 'error' else 'evacuate'


def _disks(view: View, server: Server) -> str:
    place = 'shared disk' if view.shared(server) else 'local disk'
    if server.image:
        return f'image, {place}'
    return f'volume, {place}' if server.ephemeral_gb else 'volume'


def _data(server: Server) -> str:
    extra = len(server.volumes) - (0 if server.image else 1)
    return f' + {extra} data' if extra > 0 else ''
