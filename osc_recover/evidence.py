# SPDX-License-Identifier: Apache-2.0
"""How it is known that failed hosts are off, and whether that still holds."""

import dataclasses
import time

from osc_recover import errors
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.fence import FenceAgents
from osc_recover.journal import Journal
from osc_recover.operations.guard import problem_with
from osc_recover.runs import Event, Run, State

_BEATS = 15  # seconds; nova's report_interval is 10 unless configured


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    """What an operator gives on a resume."""

    fence: bool = False
    fenced: str = ''


class HostsOff:
    """Checks the evidence of a run again, whenever it goes on."""

    def __init__(
        self, journal: Journal, compute: Compute, agents: FenceAgents
    ) -> None:
        self._journal = journal
        self._compute = compute
        self._agents = agents

    def mark(self, run: str, host: str) -> str:
        """When our own last write left the service record of a host."""
        marks = [
            event.data
            for event in self._journal.events(run)
            if _is_mark(event, host)
        ]
        return str(marks[-1].get('updated_at', '')) if marks else ''

    def check(self, run: Run, evidence: Evidence) -> None:
        """See, as far as the run had come, that its hosts are still off.

        :raises errors.Refused: naming what speaks against it
        """
        for host in run.plan.hosts:
            self._check_power(run, host, evidence)
            if mark := self.mark(run.id, host):
                self._check_silence(run, host, mark, evidence)
            elif self._journal.events(run.id, ''):
                self._check_dead(run, host)

    def _check_dead(self, run: Run, host: str) -> None:
        """A run was cut off before it knew its own mark; what was said of the
        host then may be long ago.
        """
        if run.plan.step(f'fence:{host}'):
            return  # its switch was asked, or will be
        service = self._compute.compute_service(host)
        if service is None:
            return
        # nova shows what is forced down as down, whatever it sends.
        if service.up or (
            service.forced_down
            and beats(self._compute, host, service.updated_at)
        ):
            raise errors.Refused(
                f'{host} sends heartbeats to nova: it is not off',
                'switch it off, then resume',
                'host-up',
            )

    def _check_power(self, run: Run, host: str, evidence: Evidence) -> None:
        fenced = self._journal.last(run.id, f'fence:{host}')
        done = fenced is not None and fenced.state == State.DONE
        if (done or evidence.fence) and not self._agents.is_off(host):
            raise errors.Refused(
                f'the fence device says that {host} is on',
                'see that it is off, then resume',
                'host-up',
            )

    def _check_silence(
        self, run: Run, host: str, mark: str, evidence: Evidence
    ) -> None:
        problem = self._problem(run, host, mark)
        if not problem:
            return
        if not (evidence.fence or evidence.fenced):
            raise errors.Refused(
                f'{host}: {problem}',
                f'see that {host} is off, then: openstack recover run resume '
                f'{run.id} --fence (or --fenced "how you know")',
                'host-up',
            )
        self._accept(run, host, evidence)

    def _problem(self, run: Run, host: str, mark: str) -> str:
        service = self._compute.compute_service(host)
        return problem_with(service, run.id, mark)

    def _accept(self, run: Run, host: str, evidence: Evidence) -> None:
        """Take fresh evidence for a host that had shown signs of life."""
        service = self._compute.compute_service(host)
        mark = service.updated_at if service else ''
        if beats(self._compute, host, mark):
            raise errors.Refused(
                f'{host} still sends heartbeats to nova: it is not off',
                'switch it off, then resume',
                'host-up',
            )
        if problem := self._problem(run, host, mark):
            raise errors.Refused(
                f'{host}: {problem}', 'make a new plan', 'host-up'
            )
        self._journal.record(
            run.id,
            '',
            'evidence',
            evidence.fenced or 'fenced, verified off',
            data={'host': host, 'updated_at': mark},
        )


def beats(compute: Compute, host: str, seen: str) -> bool:
    """Whether a host's record changes while we look at it for some seconds.

    :param seen: its ``updated_at`` as it was read before
    """
    for _ in range(_BEATS):
        service = compute.compute_service(host)
        if service is not None and service.updated_at != seen:
            return True
        time.sleep(1)
    return False


def _is_mark(event: Event, host: str) -> bool:
    if event.state == 'evidence':
        return bool(event.data.get('host') == host)
    return event.step == f'force-down:{host}' and event.state == State.DONE
