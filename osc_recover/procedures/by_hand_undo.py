# SPDX-License-Identifier: Apache-2.0
"""Take back what a run has moved by hand, as long as it was not started.

The plan is the run's own steps backwards: of each that was begun, what takes
it back, which asks first whether there is anything to take back.  Pure.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from osc_recover import records
from osc_recover.checks.finding import Finding, refuse
from osc_recover.checks.request import MoveUndo as MoveUndo
from osc_recover.facts import Moved, Server
from osc_recover.plan import Lane, Phase, Plan, Step, Verdict
from osc_recover.procedures.undone_volumes import Volumes
from osc_recover.runs import State

PROCEDURE = 'host-undo'
_ANEW = 'openstack server show {} tells how it is; nova can move it again'


def undo(
    facts: Moved, plan: Plan, begun: Mapping[str, str], request: MoveUndo
) -> Plan:
    """Plan to take a run back, server by server.

    :param plan: of that run
    :param begun: its steps that were begun, and how they stand
    """
    cases = [
        _Case(facts, plan, verdict, begun)
        for verdict in plan.verdicts
        if verdict.act
    ]
    rows = [case.verdict() for case in cases]
    lanes = [
        Lane(case.key, tuple(case.steps()))
        for case, row in zip(cases, rows, strict=True)
        if row.act
    ]
    title = 'take servers back'
    return Plan(
        procedure=PROCEDURE,
        hosts=plan.hosts,
        phases=(Phase(title, tuple(lanes)),) if lanes else (),
        verdicts=tuple(rows),
        notes=(
            'nova-compute stays forced down and disabled on '
            f'{", ".join(plan.hosts)}',
        ),
        request=records.to_data(request),
    )


class _Case:
    """One server of the run."""

    def __init__(
        self,
        facts: Moved,
        plan: Plan,
        verdict: Verdict,
        begun: Mapping[str, str],
    ) -> None:
        self.key = verdict.server
        self._facts = facts
        self._before = verdict
        self._begun = begun
        mine = next(lane for lane in plan.lanes() if lane.name == self.key)
        self._steps = {step.name: step for step in mine.steps}
        self._move = self._steps[f'move:{self.key}'].args
        self._room = self._steps[f'room:{self.key}'].args
        self._volumes = Volumes(facts, self.key, mine.steps, begun)

    @property
    def source(self) -> str:
        return str(self._move['move']['before']['host'])

    @property
    def place(self) -> str:
        return str(self._move['move']['to']['host'])

    def verdict(self) -> Verdict:
        """Whether it can be taken back, and why not."""
        touched = [name for name in self._steps if name in self._begun]
        if not touched:
            return self._row('ok', False, 'the run did nothing with it')
        why = self._refusal()
        if why:
            return self._row(why.code, False, why.text, why.way_out)
        return self._row('undo', True, self._unwired())

    def _unwired(self) -> str:
        """What neutron leaves to do: it cannot wire a port on a dead host,
        and does not when that is back.
        """
        ports = [step.args['port'] for step in self._named('port.bind')]
        if not ports:
            return ''
        return (
            f'its ports are not wired on {self.source} while that is dead; '
            f'once it is back: openstack port set --host {self.source} '
            f'{", ".join(ports)}, each (an evacuation does it as well)'
        )

    def _row(
        self, code: str, act: bool, reason: str, way_out: str = ''
    ) -> Verdict:
        return Verdict(
            server=self.key,
            name=self._before.name,
            kind=self._before.kind,
            code=code,
            act=act,
            destination=self.source,
            reason=reason,
            way_out=way_out,
            ran=self._before.ran,
        )

    def _refusal(self) -> Finding | None:
        server = self._facts.server(self.key)
        if server is None:
            return _coded(
                'gone', refuse('it was deleted meanwhile', 'nothing is left')
            )
        if problem := self._facts.unread.get(self.key, ''):
            return _coded(
                'records-unread',
                refuse(
                    'its records in the database are not known',
                    'openstack recover setup check tells which database '
                    'does not answer',
                    problem,
                ),
            )
        return self._misplaced(server) or self._no_way_back()

    def _misplaced(self, server: Server) -> Finding | None:
        if server.host not in (self.source, self.place):
            return _coded(
                'moved-on',
                refuse(
                    f'it is on {server.host or "no host"} now',
                    _ANEW.format(self.key),
                ),
            )
        if server.host == self.source:
            return None
        # A request that was cut off is looked for when it is taken back.
        ran = self._begun.get(f'start:{self.key}') == State.DONE
        if server.task_state or server.vm_state != 'stopped':
            state = server.task_state or server.vm_state
            return self._started(f'it is {state}')
        return self._started('the run has started it') if ran else None

    def _started(self, evidence: str) -> Finding:
        return _coded(
            'already-started',
            refuse(
                f'it has been started on {self.place}: its disks may have '
                'changed since, and records taken back would have it run '
                'twice',
                f'leave it on {self.place}, or let nova move it: openstack '
                f'server migrate {self.key}',
                evidence,
            ),
        )

    def _no_way_back(self) -> Finding | None:
        told = self._facts.connector(self.source)
        for step in self._volumes.steps:
            if self._volumes.mapping(step) is None:
                return _coded(
                    'mapping-gone',
                    refuse(
                        'somebody has detached its volume meanwhile',
                        _ANEW.format(self.key),
                        step.args['volume'],
                    ),
                )
            if told.problem and not self._volumes.is_kept(step):
                return _coded(
                    'no-connector',
                    refuse(
                        'its volume is attached anew already, and how '
                        f'{self.source} is let in to it is not known',
                        told.way_out
                        or 'openstack recover run resume goes on instead',
                        told.problem,
                    ),
                )
        return None

    # Steps

    def steps(self) -> Iterator[Step]:
        """What takes it back, in order."""
        move = self._move['move']
        yield self._step(
            'unstarted',
            'server.unstarted',
            {'source': self.source, 'request': move['request']},
        )
        if self._was('room'):
            yield self._step('room', 'placement.double', self._back())
        for word, verb, args, part in self._volumes.back(
            self._move['cell'], self.source, self.place
        ):
            yield self._step(word, verb, args, part)
        if self._was('move'):
            yield self._step('take-back', 'server.take-back', self._move)
        for step in reversed(self._named('port.bind')):
            yield self._step(
                'bind',
                'port.bind',
                {
                    'port': step.args['port'],
                    'source': step.args['host'],
                    'host': step.args['source'],
                    'owner': step.args['former_owner'],
                    # Its agent is as dead as the host.
                    'wired': False,
                },
                step.args['port'],
            )
        if self._was('room'):
            yield self._step('give-back', 'placement.drop', self._back())
        if self._was('lock'):
            yield self._step('unlock', 'server.unlock', {})

    def _back(self) -> dict[str, Any]:
        room = self._room
        return {
            **room,
            'source': room['destination'],
            'destination': room['source'],
        }

    def _named(self, verb: str) -> list[Step]:
        return [
            step
            for step in self._steps.values()
            if step.verb == verb and step.name in self._begun
        ]

    def _was(self, word: str) -> bool:
        return f'{word}:{self.key}' in self._begun

    def _step(
        self, word: str, verb: str, args: Mapping[str, Any], part: str = ''
    ) -> Step:
        name = f'{word}:{self.key}' + (f':{part}' if part else '')
        return Step(name, verb, self.key, args)


def _coded(code: str, finding: Finding) -> Finding:
    return dataclasses.replace(finding, code=code)
