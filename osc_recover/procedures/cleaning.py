# SPDX-License-Identifier: Apache-2.0
"""The guide's six steps after a power loss, literally in their order.  Pure.

The relations of volumes and servers, the stalled state cleaned, the volumes
listed, the servers rebooted, the volumes attached again, the guests rebooted
from inside: each is a phase.  Roots are never cleaned, as no API attaches a
root; and only servers that are rebooted in the same run have anything
cleaned.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from osc_recover import records
from osc_recover.checks import disaster
from osc_recover.checks.cleaning import drops_by_itself, in_words
from osc_recover.checks.disaster import View, Wrong
from osc_recover.checks.disaster import cleaned as checks
from osc_recover.checks.disaster.cleaned import Data
from osc_recover.checks.request import CloudRecovery
from osc_recover.facts import Server
from osc_recover.facts.disaster import DisasterSeen
from osc_recover.plan import Lane, Phase, Plan, Step, Verdict
from osc_recover.procedures import disaster as keeping
from osc_recover.procedures import disaster_hosts as hosts
from osc_recover.procedures import ending, order

CLEAN = 'clean'
_LOSES = (
    'what is attached again gets the bus and the type that nova chooses '
    '(disk_bus, device_type), and a new attachment; --mode reconcile (the '
    'default) detaches nothing, and needs none of this'
)
_USUAL = {'', 'virtio', 'disk'}  # what nova chooses for a data volume


def recover(
    seen: DisasterSeen, request: CloudRecovery, wrong: Wrong | None = None
) -> Plan:
    """Plan a recovery in the mode that is asked for.

    :param wrong: what an audit says of servers whose volumes are wrong
    """
    if request.mode == CLEAN:
        return clean_cloud(seen, request)
    return keeping.recover_cloud(seen, request, wrong)


def reads(seen: DisasterSeen, request: CloudRecovery) -> None:
    """Read of the facts what a plan reads, whatever an audit says of volumes.

    A server that is left alone for its volumes is started once they are
    mended.
    """
    recover(seen, request)
    for server in disaster.broken(View(seen, request)):
        seen.actions.get(server)


def clean_cloud(seen: DisasterSeen, request: CloudRecovery) -> Plan:
    """Plan the guide's steps; a refusal is a verdict.

    A plan without phases: nothing is to be started, or may be.
    """
    view = View(seen, request)
    servers = order.by_priority(view.servers, request.priority_property)
    verdicts = [_verdict(view, server) for server in servers]
    going = [s for s, v in zip(servers, verdicts, strict=True) if v.act]
    verdicts.sort(key=lambda row: not row.act)
    places = hosts.places(view, going)
    cases = [_Case(view, server) for server in going]
    return Plan(
        procedure=keeping.PROCEDURE,
        hosts=places.computes or ('-',),
        phases=tuple(_phases(view, cases, places)) if going else (),
        verdicts=(*places.verdicts(), *verdicts) if going else (*verdicts,),
        notes=tuple(_notes(view, cases, verdicts)),
        request=records.to_data(request),
    )


def _phases(
    view: View, cases: Sequence['_Case'], places: hosts.Places
) -> Iterator[Phase]:
    yield Phase('services', tuple(places.awaited()))
    mapped = [one for one in cases if view.attachments(one.server.id)]
    if mapped:
        yield Phase('relations', tuple(one.relations() for one in mapped))
    ended = {a.id for one in cases for d in one.data for a, _ in d.ends}
    if cleaned := [lane for one in cases if (lane := one.cleaned()).steps]:
        yield Phase('clean', tuple(cleaned))
    if listed := [one.listed(ended) for one in cases if one.data]:
        yield Phase('list', tuple(listed))
    size = view.request.wave or len(cases)
    for number, start in enumerate(range(0, len(cases), size), 1):
        wave = cases[start : start + size]
        yield Phase(f'wave {number}', tuple(one.restart() for one in wave))
    if given := [one.attached() for one in cases if one.again]:
        yield Phase('reattach', tuple(given))
    proven = (one.proven() for one in cases)
    yield Phase('verify', (*proven, *places.compared()))
    yield from _inside(view, cases)


def _inside(view: View, cases: Sequence['_Case']) -> Iterator[Phase]:
    """Guests last, as all else is done whether or not they answer."""
    known = view.request.guests
    given = [one for one in cases if one.again and known]
    others = [one.server for one in cases if one not in given]
    if given:
        yield Phase('guests', tuple(one.rebooted() for one in given))
    if others:
        yield Phase('reached', tuple(map(keeping.reached, others)))


class _Case:
    """One server, and what is done with it in each phase."""

    def __init__(self, view: View, server: Server) -> None:
        self._view = view
        self.server = server
        self.data = checks.data(view, server)
        self._root = checks.root(view, server)
        self._once = keeping.once(view, server)

    @property
    def again(self) -> list[Data]:
        """The volumes that it is to have again, in their order."""
        return [one for one in self.data if one.given]

    def relations(self) -> Lane:
        """Look again at who has which volume."""
        mine = self._view.attachments(self.server.id)
        sides = {
            side: [[a.volume, a.id] for a in mine if side in a.sides]
            for side in ('nova', 'cinder')
        }
        clusters = {
            one.host: one.cluster for one in self._view.seen.now.storage
        }
        args = {
            **sides,
            'root': self._root,
            'host': self.server.host,
            'backends': {
                name: clusters.get(name, '')
                for name in hosts.backends(self._view, [self.server])
            },
        }
        return self._lane(self._step('relations', 'disaster.relations', args))

    def cleaned(self) -> Lane:
        """End what cinder has of its data volumes."""
        steps = [step for one in self.data for step in self._cleaned(one)]
        return self._lane(*steps, mutexes=self._shared)

    @property
    def _shared(self) -> tuple[str, ...]:
        """What no two servers are given or relieved of at a time."""
        found = [d.volume.id for d in self.data if d.volume.multiattach]
        return tuple(f'volume:{volume}' for volume in sorted(found))

    def _cleaned(self, one: Data) -> Iterator[Step]:
        for attachment, way in one.ends:
            yield ending.end(attachment, way, self._once, root=self._root)
        if not one.held and one.volume.status != 'available':
            yield ending.free(one.volume.id, self.server.id)
        row = checks.mapping(self._view, one)
        if row and not drops_by_itself(self._view.seen.means):
            yield ending.drop(row, self._once)

    def listed(self, ended: set[str]) -> Lane:
        """See them listed as available, or with all others that share it."""
        volumes = {
            one.volume.id: [a.id for a in one.held if a.id not in ended]
            for one in self.data
        }
        args = {'volumes': volumes}
        return self._lane(self._step('list', 'disaster.listed', args))

    def restart(self) -> Lane:
        """One hard reboot, also of what nova has stopped: a start of nova's
        keeps mappings of what was cleaned (nova/compute/manager.py).
        """
        args = {**self._once, 'how': 'reboot', 'root': self._root}
        return self._lane(self._step('start', 'disaster.restart', args))

    def attached(self) -> Lane:
        """Its data volumes, one after another."""
        args = {'root': self._root}
        return self._lane(
            self._step('dropped', 'disaster.dropped', args),
            *(
                self._step('attach', 'volume.attach', self._given(one),
                           one.volume.id)
                for one in self.again
            ),
            mutexes=self._shared,
        )  # fmt: skip

    def _given(self, one: Data) -> Mapping[str, Any]:
        assert one.given is not None
        was = one.given
        asked: dict[str, Any] = {
            'volume': one.volume.id,
            'host': self.server.host,
            'was': was.id,
        }
        if was.device:
            asked['device'] = was.device
        if was.tag:
            asked['tag'] = was.tag
        if was.delete_on_termination is not None:
            asked['delete_on_termination'] = was.delete_on_termination
        return asked

    def proven(self) -> Lane:
        """All of it, at the end."""
        again = [one.volume.id for one in self.again]
        args = {
            'source': '',
            'running': True,
            'ports': keeping.ports(self._view, self.server),
            'volumes': [*filter(None, [self._root]), *again],
        }
        return self._lane(self._step('prove', 'server.prove', args))

    def rebooted(self) -> Lane:
        """Its guest, from inside."""
        args = {'name': self.server.name}
        return self._lane(self._step('guest', 'guest.reboot', args))

    def _lane(self, *steps: Step, mutexes: tuple[str, ...] = ()) -> Lane:
        return Lane(self.server.id, steps, mutexes)

    def _step(
        self, word: str, verb: str, args: Mapping[str, Any], part: str = ''
    ) -> Step:
        name = f'{word}:{self.server.id}' + (f':{part}' if part else '')
        return Step(name, verb, self.server.id, args)


def _verdict(view: View, server: Server) -> Verdict:
    made = disaster.verdict(view, server, checks.wrong)
    if not made.act:
        return made
    data = checks.data(view, server)
    ways = {way for one in data for _, way in one.ends}
    texts = [made.reason]
    if again := [one for one in data if one.given]:
        how = f' ({in_words(ways)})' if ways else ''
        texts.append(
            f'{len(again)} data volumes are cleaned{how}, and attached again '
            'after its reboot'
        )
    alone = [one.volume.id for one in data if not one.given]
    if alone:
        texts.append(
            f'volume {", ".join(alone)} is on it for cinder alone, and is not '
            'attached again'
        )
    return dataclasses.replace(
        made,
        code=CLEAN if data else 'reboot',
        loss=_loss(view, data),
        reason='; '.join(text for text in texts if text),
    )


def _loss(view: View, data: Sequence[Data]) -> str:
    """What only nova's database knows, and is nowhere to be asked for."""
    rows = ((one.volume.id, checks.mapping(view, one)) for one in data)
    found = [
        f'{volume}: {row.bus or "?"}, {row.type or "?"}'
        for volume, row in rows
        if row and not {row.bus, row.type} <= _USUAL
    ]
    return f'bus and type of volume {"; ".join(found)}' if found else ''


def _notes(
    view: View, cases: Sequence[_Case], verdicts: Sequence[Verdict]
) -> Iterator[str]:
    yield from keeping.notes(view, verdicts)
    again = [one.server for one in cases if one.again]
    if again:
        yield _LOSES
    if again and not view.request.guests:
        yield (
            'left to do: reboot these guests from inside (shutdown -r now), '
            'as the guide has it, where a service or fstab needs the '
            'volumes: ' + ', '.join(server.name for server in again)
        )
