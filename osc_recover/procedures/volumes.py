# SPDX-License-Identifier: Apache-2.0
"""Repair what is wrong with volumes, and no more than that.  Pure.

Records that contradict each other are mended as an audit does.  A mapping of
nova's whose attachment cinder has not, or that a reboot has dropped, gets a
fresh attachment, before its server is rebooted again, as that would drop what
is left: the server is stopped, as nova reads mappings when it starts
(nova/compute/manager.py, _get_instance_block_device_info).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from osc_recover import records
from osc_recover.checks import volume_mending
from osc_recover.checks.audit.volume_states import WEDGED
from osc_recover.checks.finding import Finding
from osc_recover.checks.request import VolumeRepair as VolumeRepair
from osc_recover.checks.volume_rows import GOOD, VERDICTS, Row
from osc_recover.facts import BlockDevice, Server
from osc_recover.facts.mending import Mending
from osc_recover.plan import Lane, Phase, Plan, Step, Verdict
from osc_recover.procedures.by_hand import Renewal, in_order, takes_lock

PROCEDURE = 'volume'
# Statuses that a volume without attachments does not stay in.
_STUCK = ('in-use', *WEDGED)
# What deletes an attachment by its own ID; the verb of an audit is another
# one's here.
_VERBS = {'attachment.delete': 'attachment.end'}


def repair(
    findings: Sequence[Finding],
    facts: Mending,
    request: VolumeRepair,
    rows: Iterable[Row] = (),
) -> Plan:
    """Plan the repair of volumes; what cannot be is a verdict.

    :param findings: of an audit, about the volumes and servers in question
    :param rows: what a check says of these volumes
    """
    mine = [
        f for f in findings if f.code in VERDICTS and _is_meant(f, request)
    ]
    by_record = [f for f in mine if f.remedy]
    by_mapping = [f for f in mine if f.code in volume_mending.BY_MAPPING]
    left = [f for f in mine if f not in by_record and f not in by_mapping]
    cases = [
        Case(facts, server, [f for f in by_mapping if f.about == server])
        for server in dict.fromkeys(f.about for f in by_mapping)
    ]
    verdicts = [
        *(case.verdict() for case in cases),
        *map(_of_record, _by_subject(by_record)),
        *map(_left, left),
        *map(_passing, (row for row in rows if _is_passing(row))),
    ]
    # Servers are stopped for the latter, and nova is at them then.
    phases = {
        'records': [
            Lane(found[0].about, tuple(map(mend, found)), mutexes(found))
            for found in _by_subject(by_record)
        ],
        'repair': [c.lane(request) for c in cases if not c.refusals()],
    }
    return Plan(
        procedure=PROCEDURE,
        hosts=_hosts(mine),
        phases=tuple(
            Phase(title, tuple(lanes))
            for title, lanes in phases.items()
            if lanes
        ),
        verdicts=tuple(verdicts),
        request=records.to_data(request),
    )


def _is_meant(finding: Finding, request: VolumeRepair) -> bool:
    if finding.about in request.servers:
        return True
    subject = finding.subject
    volumes = subject.volumes if subject else ()
    return bool(set(volumes) & set(request.volumes))


def _by_subject(findings: Iterable[Finding]) -> list[list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.about, []).append(finding)
    return list(found.values())


def _hosts(findings: Sequence[Finding]) -> tuple[str, ...]:
    hosts = {h for f in findings if f.subject for h in f.subject.hosts if h}
    return tuple(sorted(hosts)) or ('-',)


def mutexes(found: Iterable[Finding]) -> tuple[str, ...]:
    """Names of the volumes that no two lanes may be at."""
    volumes = {v for f in found if f.subject for v in f.subject.volumes}
    return tuple(f'volume:{volume}' for volume in sorted(volumes))


# Records


def mend(finding: Finding) -> Step:
    """The step that mends a record."""
    remedy = finding.remedy
    assert remedy is not None
    verb = _VERBS.get(remedy.verb, remedy.verb)
    name = f'{finding.code}:{finding.about}'
    return Step(name, verb, finding.about, remedy.args)


def _of_record(found: Sequence[Finding]) -> Verdict:
    subject = found[0].subject
    assert subject is not None
    return Verdict(
        found[0].about,
        subject.name,
        subject.kind,
        found[0].code,
        True,
        reason='; '.join(finding.text for finding in found),
    )


def _left(finding: Finding) -> Verdict:
    subject = finding.subject
    assert subject is not None
    return Verdict(
        finding.about,
        subject.name,
        subject.kind,
        finding.code,
        False,
        reason=finding.text,
        way_out=finding.way_out,
    )


def _is_passing(row: Row) -> bool:
    """Whether it is not known to be intact, and no finding says more."""
    return row.state not in GOOD and not row.code


def _passing(row: Row) -> Verdict:
    return Verdict(
        row.volume or row.name,
        row.name,
        'volume',
        row.state,
        False,
        reason=row.reason,
        way_out=row.way_out,
    )


class Case:
    """One server, and what is wrong with its mappings."""

    def __init__(
        self, facts: Mending, server: str, findings: Sequence[Finding]
    ) -> None:
        self._facts = facts
        self._key = server
        self._findings = findings
        self._server = facts.records.server(server)

    @property
    def _volumes(self) -> list[str]:
        found = (f.subject.volumes for f in self._findings if f.subject)
        return list(dict.fromkeys(v for some in found for v in some))

    def refusals(self) -> list[Finding]:
        """What keeps it from being repaired."""
        return volume_mending.of_server(
            self._facts, self._key, self._volumes, self._findings
        )

    def verdict(self) -> Verdict:
        """What is done with it, and why not."""
        server = self._server
        stops = self.refusals()
        return Verdict(
            self._key,
            server.name if server else '',
            f'{len(self._volumes)} volumes',
            stops[0].code if stops else self._findings[0].code,
            not stops,
            server.host if server else '',
            loss='' if stops else self._loss(),
            reason='; '.join(f.text for f in (stops or self._findings)),
            way_out='; '.join(dict.fromkeys(f.way_out for f in stops)),
        )

    def _loss(self) -> str:
        runs = self._server is not None and self._server.vm_state == 'active'
        return 'it is stopped meanwhile' if runs else ''

    def lane(self, request: VolumeRepair) -> Lane:
        """Its steps, in order; a lock keeps others from starting it."""
        return Lane(self._key, tuple(self.steps(start=request.start)))

    def steps(self, *, start: bool) -> Iterator[Step]:
        """The same, one by one.

        :param start: whether it is started again, if it ran
        """
        server = self._server
        assert server is not None
        ran = server.vm_state == 'active'
        locks = takes_lock(server)
        if locks:
            yield self._step('lock', 'server.lock', {})
        if ran:
            yield self._step('stop', 'server.stop', {})
        for mapping, is_dropped in self._mappings():
            yield from self._renewed(server, mapping, is_dropped)
        if ran and start:
            args = {'host': server.host, 'request': ''}
            yield self._step('start', 'server.start', args)
        if locks:
            yield self._step('unlock', 'server.unlock', {})

    def _mappings(self) -> list[tuple[BlockDevice, bool]]:
        """The root first, then by device."""
        live = {m.volume: m for m in self._facts.records.mappings
                if m.server == self._key}  # fmt: skip
        gone = {m.volume: m for m in self._facts.dropped
                if m.server == self._key}  # fmt: skip
        found = [
            (live[v], False) if v in live else (gone[v], True)
            for v in self._volumes
        ]
        return sorted(found, key=lambda pair: in_order(pair[0]))

    def _renewed(
        self, server: Server, mapping: BlockDevice, is_dropped: bool
    ) -> Iterator[Step]:
        held = self._facts.records.attached(self._key, mapping.volume)
        renewal = Renewal(
            mapping,
            held,
            self._facts.records.connector(server.host),
            self._facts.cells[self._key],
            server.host,
        )
        yield from self._freed(mapping.volume, held)
        for word, verb, args in renewal.steps():
            if verb == 'attachment.delete':
                yield from self._let_go(mapping, held)
            elif verb == 'mapping.point' and is_dropped:
                yield self._step(
                    'revive', 'mapping.revive', args, mapping.volume
                )
            else:
                yield self._step(word, verb, args, mapping.volume)

    def _freed(self, volume: str, held: Sequence[str]) -> Iterator[Step]:
        """cinder reserves only what is available, or has an attachment."""
        status = self._facts.statuses.get(volume, '')
        others = self._facts.holders.get(volume)
        if status in _STUCK and not held and others == ():
            args = {'was': status, 'to': 'available', 'servers': []}
            name = f'free:{self._key}:{volume}'
            yield Step(name, 'volume.settle', volume, args)

    def _let_go(
        self, mapping: BlockDevice, held: Sequence[str]
    ) -> Iterator[Step]:
        """Attachments of the same pair that nova does not name."""
        for one in held:
            args = {'volume': mapping.volume, 'old': one, 'known': list(held)}
            yield self._step('let-go', 'attachment.delete', args, one)

    def _step(
        self, word: str, verb: str, args: Mapping[str, Any], part: str = ''
    ) -> Step:
        name = f'{word}:{self._key}' + (f':{part}' if part else '')
        return Step(name, verb, self._key, args)
