# SPDX-License-Identifier: Apache-2.0
"""Is there room for what is coming?"""

from collections.abc import Iterator, Sequence

from osc_recover.checks import versions
from osc_recover.checks.finding import Finding, note, refuse, warn
from osc_recover.checks.registry import check
from osc_recover.checks.view import View
from osc_recover.facts import Candidate, Resources, Server, request_key

TELLS_PINS = '2.96'


@check('zone-unknown', 'host')
def zone_unknown(view: View, host: str) -> Finding | None:
    """Before 2.96 nova does not tell which servers are bound to a zone."""
    service = view.situation.service(host)
    newest = view.situation.compute_max
    if service is None or versions.at_least(newest, TELLS_PINS):
        return None
    zones = {s.zone for s in view.destinations.values()}
    if not zones or service.zone in zones:
        return None
    return warn(
        f'the servers of {host} leave zone {service.zone}; one that was '
        'created for that zone will end in ERROR, and this nova does not '
        'tell which',
        f'enable a host in zone {service.zone}',
    )


@check('zone-pinned')
def zone_pinned(view: View, server: Server) -> Finding | None:
    """The zone asked for at creation binds the scheduler for good."""
    zone = server.pinned_zone
    if not zone or any(view.may_go(server, h) for h in view.destinations):
        return None
    target = view.request.target
    if target:
        problem, also = (
            f'--target {target} is not there',
            'leave out --target, ',
        )
    else:
        problem, also = 'no host there is up and enabled', ''
    return refuse(
        f'it is bound to zone {zone}, and {problem}',
        f'{also}enable a host in zone {zone}, or unbind it (nova 34: PUT '
        '/servers with microversion 2.104)',
    )


@check('no-capacity', 'fleet')
def no_capacity(view: View, servers: Sequence[Server]) -> Iterator[Finding]:
    """Fill what placement offers, in order; what comes last may not fit.

    An estimate: nova spreads servers in its own way.
    """
    room = Room(view)
    for server in servers:
        if (problem := room.take(server)) is not None:
            yield refuse(
                problem,
                'enable more hosts or free some room, or leave other servers '
                'out with --exclude, then plan again',
                request_key(view.resources(server)),
                about=server.id,
            )


@check('capacity-unknown', 'fleet')
def capacity_unknown(view: View, servers: Sequence[Server]) -> Finding | None:
    """Where placement was not asked, room is not promised."""
    unknown = [s for s in servers if view.candidates(s) is None]
    if not unknown:
        return None
    return note(
        f'whether there is room for {len(unknown)} of {len(servers)} servers '
        'is not known: placement was not asked, or holds nothing for them'
    )


class Room:
    """What is left of each provider while servers are being placed."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._free: dict[str, dict[str, int]] = {}

    def take(self, server: Server) -> str | None:
        """Place a server; return why that fails, or None."""
        offered = self._view.candidates(server)
        if offered is None:
            return None
        possible = [c for c in offered if self._view.may_go(server, c.host)]
        if not possible:
            return 'placement offers no usable host with room for it'
        need = self._view.resources(server)
        fitting = [c for c in possible if self._fits(c, need)]
        if not fitting:
            return 'the servers before it take all the room'
        self._fill(min(fitting, key=lambda c: self._slack(c, need)), need)
        return None

    def take_on(self, server: Server, hosts: Sequence[str]) -> str | None:
        """Place a server on the one of these hosts with the most room.

        Returns that host, or None where there is no room on any.
        """
        offered = self._view.candidates(server) or ()
        need = self._view.resources(server)
        fitting = [
            c for c in offered if c.host in hosts and self._fits(c, need)
        ]
        if not fitting:
            return None
        chosen = max(fitting, key=lambda c: self._slack(c, need))
        self._fill(chosen, need)
        return chosen.host

    def _left(self, candidate: Candidate) -> dict[str, int]:
        return self._free.setdefault(candidate.provider, dict(candidate.free))

    def _fits(self, candidate: Candidate, need: Resources) -> bool:
        # A class the provider lacks comes from a sharing provider.
        left = self._left(candidate)
        return all(left.get(name, n) >= n for name, n in need.items())

    def _slack(
        self, candidate: Candidate, need: Resources
    ) -> tuple[float, str]:
        left = self._left(candidate)
        share = sum(left.get(name, n) / n for name, n in need.items() if n)
        return share, candidate.provider

    def _fill(self, candidate: Candidate, need: Resources) -> None:
        left = self._left(candidate)
        for name in left.keys() & need.keys():
            left[name] -= need[name]
