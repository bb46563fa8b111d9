# SPDX-License-Identifier: Apache-2.0
"""Is a server as it was planned, and is its guest off?

A step that asks says in its arguments where the server is (``host``), its
``state``, what shows that it is off (``proof``), and what was asked for of it
last before the plan (``after``).
"""

import functools
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from osc_recover import errors
from osc_recover.effects import Control
from osc_recover.facts import HostDomains, Server
from osc_recover.facts.disaster import STARTING, Happened
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.domains import Domains
from osc_recover.gateways.hosts import Hosts
from osc_recover.operations.look import find
from osc_recover.operations.watch import Together

STARTS = ('start', 'reboot')  # actions of nova that start a guest
BY_LIBVIRT = 'domain'  # the proof without which nothing is done
# No host may be asked, as the operator has it; or what runs is to be rebooted.
UNASKED = ('unasked', '')
STOPPED = 'stopped'
_TICK = 0.5  # seconds
_STOPPING = 60.0  # seconds that a stop of nova may take

Args = Mapping[str, Any]


class Standing:
    """Looks at servers that are off, and at what their hosts tell."""

    def __init__(
        self,
        compute: Compute,
        hosts: Hosts,
        control: Control,
        *,
        tick: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._compute = compute
        self._guests = Together[str, HostDomains](
            functools.partial(_on_hosts, Domains(hosts)), tick
        )
        self._control = control
        self._clock = clock
        self._numbers = itertools.count()

    def since(self, server: str, args: Args) -> Iterator[Happened]:
        """What was asked for since the plan."""
        for one in self._compute.happened(server):
            if one.request == args['after']:
                return
            yield one

    def runs(self, server: str, args: Args) -> bool:
        """Whether its guest runs, where its host can tell.

        One that did not at the plan may by now: nova may start guests by
        itself, and notes no action of that (nova/compute/manager.py,
        _init_instance).

        :raises errors.StepFailed: when it does not tell any more
        """
        if args['proof'] in UNASKED:
            return False
        # Steps of several volumes may ask for their one server.
        asked = f'{server} {next(self._numbers)}'
        told = self._guests.ask(asked, args['host'], self._control, hurry=True)
        if told.problem and args['proof'] != BY_LIBVIRT:
            return False
        if told.problem:
            raise errors.StepFailed(
                f'nothing shows any more that it is off: {told.problem}',
                told.way_out,
            )
        return any(d.uuid == server and d.runs for d in told.domains)

    def woken(self, server: str, args: Args) -> str:
        """What was asked for since the plan that starts guests, in words."""
        names = {one.action for one in self.since(server, args)} & STARTING
        told = ', '.join(sorted(names))
        return told and f'nova was asked for its {told} since the plan'

    def settled(self, server: str) -> Server:
        """The server, when nova has ended a stop of its own."""
        deadline = self._clock() + _STOPPING
        while True:
            found = find(self._compute, server)
            stops = found.task_state == 'powering-off'
            if not stops or self._clock() > deadline:
                return found
            self._control.wait(_TICK)

    def moved(self, server: Server, args: Args) -> str:
        """What is not as it was planned, in words."""
        if server.host != args['host']:
            return f'nova has it on {server.host or "no host"} now'
        if server.task_state:
            return f'its task state is {server.task_state}'
        if server.vm_state != args['state'] and not (
            server.vm_state == STOPPED and self._by_nova(server.id)
        ):
            return f'it is {server.vm_state} now, not {args["state"]}'
        return ''

    def _by_nova(self, server: str) -> bool:
        """Whether nova has stopped it by itself, as it found its guest off.

        It compares some time after its host came up (nova/compute/manager.py,
        _sync_instance_power_state), be it while the plan is made.
        """
        newest = self._compute.happened(server)[:1]
        return any(one.action == 'stop' and not one.user for one in newest)

    def not_off(self, server: str, args: Args) -> str:
        """Why nothing of it may be taken away, in words, or ''.

        :raises errors.StepFailed: when it is gone, or its host does not tell
        """
        if problem := self.moved(self.settled(server), args):
            return problem
        if problem := self.woken(server, args):
            return problem
        return 'its guest runs' if self.runs(server, args) else ''


def _on_hosts(
    domains: Domains, asked: Mapping[str, str]
) -> dict[str, HostDomains]:
    """Question -> what its host tells; each host is asked once."""
    told = {one.host: one for one in domains.list(sorted({*asked.values()}))}
    return {question: told[host] for question, host in asked.items()}
