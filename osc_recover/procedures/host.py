# SPDX-License-Identifier: Apache-2.0
"""Recover the servers of failed hosts: facts and a request in, a plan out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from osc_recover import checks, errors, records
from osc_recover.checks import places_by_hand
from osc_recover.checks.finding import Finding
from osc_recover.checks.request import Request as Request
from osc_recover.checks.view import View
from osc_recover.facts import Server, Situation
from osc_recover.plan import Plan, Verdict
from osc_recover.procedures import lanes, order, verdicts
from osc_recover.procedures.drift import differences as differences


def recover_host(situation: Situation, request: Request) -> Plan:
    """Plan the recovery of every server in question.

    A plan without verdicts: there is nothing on the hosts.  A plan with
    verdicts and without phases: every server is refused.

    :raises errors.Refused: when nothing at all may be done
    :raises errors.UnknownHost: when nova has no compute on one of the hosts
    :raises errors.UnknownServer: when a name means several servers
    """
    view = View(situation, request)
    _hosts_exist(view)
    _names_are_clear(view)
    found = checks.of_hosts(view)
    # A cell out of reach looks like an empty host.
    _no_refusals(f for f in found if f.code == 'cell-down')
    if not view.servers:
        return _plan(view, (), ())
    _no_refusals(found)
    return _judged(view, found)


def _judged(view: View, of_hosts: Iterable[Finding]) -> Plan:
    servers = order.by_priority(view.servers, view.request.priority_property)
    about = {s.id: checks.of_server(view, s) for s in servers}
    fleet = [s for s in servers if not verdicts.refused(about[s.id])]
    notes = list(of_hosts)
    for finding in checks.of_fleet(view, fleet):
        about.get(finding.about, notes).append(finding)
    going = [s for s in servers if not verdicts.refused(about[s.id])]
    to = _destinations(view, going)
    rows = [
        verdicts.verdict(view, s, about[s.id], to.get(s.id, ''))
        for s in servers
    ]
    return _plan(view, sorted(rows, key=lambda row: not row.act), notes)


def _destinations(view: View, going: Sequence[Server]) -> Mapping[str, str]:
    """Where each goes, as far as the plan says it and not the scheduler."""
    if not view.request.by_hand:
        return {server.id: view.request.target for server in going}
    places = places_by_hand.choose(view, going)
    return {server: place.host for server, place in places.items()}


def _plan(
    view: View, rows: Sequence[Verdict], of_hosts: Iterable[Finding]
) -> Plan:
    acting = {row.server: row for row in rows if row.act}
    servers = {s.id: s for s in view.servers}
    going = [(servers[key], row) for key, row in acting.items()]
    return Plan(
        procedure='host',
        hosts=view.hosts,
        phases=lanes.phases(view, going) if going else (),
        verdicts=tuple(rows),
        notes=_notes(view, of_hosts),
        request=records.to_data(view.request),
    )


def _notes(view: View, of_hosts: Iterable[Finding]) -> tuple[str, ...]:
    said = [
        finding.text + (f'; {finding.way_out}' if finding.way_out else '')
        for finding in of_hosts
    ]
    others = len(view.all_servers) - len(view.servers)
    if others:
        said.append(f'other servers there, not named: {others}')
    return (*said, *view.situation.gaps)


def _no_refusals(found: Iterable[Finding]) -> None:
    refusals = [f for f in found if f.weight == 'refuse']
    if refusals:
        raise errors.Refused(
            reason='; '.join(f.text for f in refusals),
            advice='; '.join(dict.fromkeys(f.way_out for f in refusals)),
            why=refusals[0].code,
        )


def _hosts_exist(view: View) -> None:
    known = [s.host for s in view.situation.computes()]
    for host in view.hosts:
        if host not in known:
            near = (k for k in known if k.split('.')[0] == host.split('.')[0])
            raise errors.UnknownHost(host, tuple(near))


def _names_are_clear(view: View) -> None:
    """Each name must mean one server here: a typo must not move another."""
    request = view.request
    called = Counter(s.name for s in view.all_servers)
    losing = (name for name in request.accept_data_loss if name != 'all')
    for name in (*request.servers, *request.exclude, *losing):
        if name in view.ids:
            continue
        if called[name] > 1:
            raise errors.UnknownServer(name, _called(view, name))
        if not called[name]:
            raise _not_here(view, name)


def _called(view: View, name: str) -> tuple[str, ...]:
    return tuple(s.id for s in view.all_servers if s.name == name)


def _not_here(view: View, name: str) -> errors.Refused:
    hosts = ' or '.join(view.hosts)
    return errors.Refused(
        reason=f'server {name!r} is not on {hosts}',
        advice='openstack server list --all-projects --host '
        f'{view.hosts[0]} names those that are',
        why='not-on-host',
    )
