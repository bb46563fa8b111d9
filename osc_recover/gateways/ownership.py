# SPDX-License-Identifier: Apache-2.0
"""What a change of numbers would meet on hosts, as facts."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence

from osc_recover import errors, facts
from osc_recover.gateways import side_by_side
from osc_recover.gateways.foreign import Foreign
from osc_recover.gateways.hosts import Hosts

TIMEOUT = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers of a host that are to be looked for: ``old`` and ``new``."""

    old_uids: Collection[int] = ()
    old_gids: Collection[int] = ()
    new_uids: Collection[int] = ()
    new_gids: Collection[int] = ()


class Ground:
    """File systems, processes and mentions of numbers on hosts."""

    def __init__(
        self, hosts: Hosts, timeout: float = TIMEOUT, workers: int = 32
    ) -> None:
        self._hosts = hosts
        self._timeout = timeout
        self._workers = workers

    def show(
        self, numbers: Mapping[str, Numbers]
    ) -> tuple[facts.HostFiles, ...]:
        """What there is on hosts, in their order; each has its numbers."""
        return side_by_side.in_order(
            lambda pair: self._one(*pair), numbers.items(), self._workers
        )

    def processes(
        self, host: str, uids: Collection[int], gids: Collection[int]
    ) -> tuple[facts.Process, ...]:
        """The processes of a host that run under one of the numbers.

        :raises errors.HostError: when it cannot be asked
        :raises errors.ApiError: when its answer is not understood
        """
        args = {'uids': sorted(uids), 'gids': sorted(gids)}
        told = self._ask(host, 'processes.of', args)
        return tuple(map(_process, told.objects('processes')))

    def _one(self, host: str, numbers: Numbers) -> facts.HostFiles:
        try:
            return self._told(host, numbers)
        except (errors.HostError, errors.ApiError) as exc:
            return facts.HostFiles(
                host, problem=exc.sentence, way_out=exc.way_out
            )

    def _told(self, host: str, numbers: Numbers) -> facts.HostFiles:
        mounts = self._ask(host, 'mounts.list', {})
        room = self._ask(host, 'tree.room', {})
        uids = sorted({*numbers.old_uids, *numbers.new_uids})
        gids = sorted({*numbers.old_gids, *numbers.new_gids})
        found = self._ask(host, 'ids.elsewhere', {'uids': uids, 'gids': gids})
        return facts.HostFiles(
            host,
            tuple(map(_mount, mounts.objects('mounts'))),
            mounts.texts('skip'),
            room.text('folder'),
            room.number('free'),
            room.flag('read_only'),
            self.processes(host, numbers.old_uids, numbers.old_gids),
            tuple(map(_mention, found.objects('mentions'))),
            tuple(_unread(found.objects('trouble'))),
        )

    def _ask(
        self, host: str, operation: str, args: dict[str, list[int]]
    ) -> Foreign:
        told = self._hosts.ask(host, operation, args, timeout=self._timeout)
        return Foreign.of(host, operation, told)


def _mount(told: Foreign) -> facts.Mount:
    return facts.Mount(
        told.text('point'),
        told.text('type'),
        told.text('source'),
        told.text('class'),
        told.flag('covered'),
        told.text('why'),
        told.flag('read_only'),
        told.flag('frozen'),
    )


def _process(told: Foreign) -> facts.Process:
    return facts.Process(
        told.number('pid'),
        told.text('command'),
        told.text('unit', ''),
        told.text('guest', ''),
        told.texts('under'),
    )


def _mention(told: Foreign) -> facts.Mention:
    return facts.Mention(
        told.text('file'),
        told.number('line'),
        told.text('text'),
        told.text('kind'),
        told.number('first'),
        told.number('last'),
    )


def _unread(trouble: Sequence[Foreign]) -> Iterator[str]:
    for one in trouble:
        yield f'{one.text("file")}: {one.text("error")}'
