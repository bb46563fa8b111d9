# SPDX-License-Identifier: Apache-2.0
"""The state of a whole cloud, read side by side.

Requests, with C compute nodes and V servers that have volumes, for lists that
fit one page:

=================  =====================================================
nova               1 newest microversion, 1 services, 1 servers,
                   V volume attachments (none where ``each`` is False)
placement          1 providers, C allocations
neutron            1 ports
cinder             1 services, 1 volumes, 2 attachments (the second is
                   empty), 1 backups, 1 snapshots
hosts              1 each, where it is said how they are reached
databases          1 + 1 a cell, where it is said where they are
=================  =====================================================
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from osc_recover import errors
from osc_recover.facts import Server, Service
from osc_recover.facts.audit import StorageService
from osc_recover.facts.snapshot import (
    HostState,
    KeptAttachment,
    KeptMapping,
    Snapshot,
)
from osc_recover.gateways import inventory, kept_lists
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.database import Databases
from osc_recover.gateways.database.kept import mappings
from osc_recover.observe import attached
from osc_recover.observe.gathering import gathering
from osc_recover.observe.questions import Questions

T = TypeVar('T')
D = TypeVar('D')
States = Callable[[Sequence[str]], tuple[HostState, ...]]

NO_AGENT = 'hosts were not asked: --no-agent was given'
NO_SSH = 'hosts were not asked: nothing says how they are reached'
NO_DATABASE = 'no database was asked: nothing says where they are'
# The part that lists alone do not tell.
IDS = 'attachment ids'


def snapshot(
    cloud: Cloud,
    states: States | None,
    databases: Databases | None,
    *,
    why_no_states: str = NO_SSH,
    each: bool = True,
    workers: int = 8,
) -> Snapshot:
    """Observe a whole cloud; changes nothing.

    A service other than nova that is missing, forbidden or out of reach is a
    gap, and so is a cell that nova cannot reach.

    :param states: hosts -> what they tell of themselves; None: not asked,
        for the reason that is given
    :param databases: those of the cloud, where it is said where they are
    :param each: whether nova is asked for the volumes of each server; else
        they are taken from its list of servers and its mappings, and without
        mappings nobody knows which attachment nova has of a volume
    :raises errors.ApiError: when nova does not tell
    :raises errors.AuthFailed: no token
    """
    left_out: dict[str, str] = {}
    if states is None:
        left_out['hosts'] = why_no_states
    if databases is None:
        left_out['mappings'] = NO_DATABASE
    with gathering(workers) as crowd:
        looking = _Looking(Questions(cloud, crowd), databases, each)
        return looking.all(states, left_out)


class _Looking:
    """The questions, and what becomes of those without an answer."""

    def __init__(
        self,
        questions: Questions,
        databases: Databases | None,
        each: bool,
    ) -> None:
        self._questions = questions
        self._cloud = questions.cloud
        self._ask, self._may = questions.ask, questions.may
        self._databases = databases
        self._each = each

    def all(self, states: States | None, left_out: dict[str, str]) -> Snapshot:
        """Every list, and then what is asked one by one."""
        cloud, ask = self._cloud, self._ask
        services = ask(Compute(cloud.compute).services)
        servers = ask(inventory.servers, cloud.compute)
        providers = ask(inventory.providers, cloud.placement)
        ports = ask(kept_lists.ports, cloud.network)
        volumes = ask(kept_lists.volumes, cloud.volume)
        attachments = ask(kept_lists.attachments, cloud.volume)
        backups = ask(kept_lists.backups, cloud.volume)
        snapshots = ask(kept_lists.snapshots, cloud.volume)
        storage = ask(inventory.storage, cloud.volume)
        rows = ask(self._mappings)
        if self._each:
            given, unasked = self._given(servers.result())
        trees = self._may('allocations', providers, ())
        listed, places = self._may('volumes', volumes, ((), {}))
        found = self._may('attachments', attachments, ())
        stores = self._may('cinder services', storage, ())
        known = rows.result()
        if not self._each:
            given, unasked = (
                attached.listed(servers.result(), found, known),
                (),
            )
            if any(not one.mapping for one in given):
                left_out[IDS] = 'nova was not asked server by server'
        return Snapshot(
            servers=servers.result(),
            services=services.result(),
            ports=self._may('ports', ports, ()),
            volumes=listed,
            attachments=attached.joined(
                servers.result(), given, found, places, known
            ),
            copies=(
                *self._may('backups', backups, ()),
                *self._may('snapshots', snapshots, ()),
            ),
            mappings=known,
            providers=trees,
            allocations=self._questions.held([one.id for one in trees]),
            storage=stores,
            hosts=self._states(states, services.result(), stores),
            gaps=tuple(self._questions.gaps),
            unseen=tuple(self._questions.unseen),
            unasked=unasked,
            left_out=left_out,
        )

    def _given(
        self, servers: Iterable[Server]
    ) -> tuple[tuple[KeptAttachment, ...], tuple[str, ...]]:
        """The volumes of servers, as nova has them; servers it was mute on."""
        api = self._cloud.compute
        asked = {
            server.id: self._ask(kept_lists.of_server, api, server.id)
            for server in servers
            if server.volumes
        }
        given: list[KeptAttachment] = []
        mute: dict[str, errors.RecoverError] = {}
        for server, answer in asked.items():
            try:
                given += answer.result()
            except errors.AuthFailed:
                raise
            except errors.RecoverError as exc:
                mute[server] = exc
        self._mute(mute)
        return tuple(given), tuple(mute)

    def _mute(self, mute: Mapping[str, errors.RecoverError]) -> None:
        if mute:
            server, exc = next(iter(mute.items()))
            self._questions.gap(
                f'volumes of {len(mute)} servers',
                f'such as {server}: {exc.sentence}',
                exc.way_out,
            )

    def _mappings(self) -> tuple[KeptMapping, ...]:
        """What the cells' own databases have; with one mute, the others'."""
        if self._databases is None:
            return ()
        found: list[KeptMapping] = []
        try:
            cells = self._databases.cells()
        except errors.DatabaseError as exc:
            self._questions.lack('mappings', exc.sentence, exc.way_out)
            return ()
        for cell in cells:
            try:
                found += mappings(cell.name or cell.uuid, cell.database)
            except errors.DatabaseError as exc:
                self._questions.lack('mappings', exc.sentence, exc.way_out)
        return tuple(found)

    def _states(
        self,
        states: States | None,
        services: Iterable[Service],
        stores: Iterable[StorageService],
    ) -> tuple[HostState, ...]:
        """What hosts tell that compute, or serve volumes."""
        self._questions.lost_cells(services)
        names = {s.host for s in services if s.binary == 'nova-compute'}
        names |= {
            store.host.partition('@')[0]
            for store in stores
            if store.binary == 'cinder-volume'
        }
        told = states(sorted(names)) if states else ()
        for host in told:
            if host.problem:
                self._questions.gap(
                    f'host {host.host}', host.problem, host.way_out
                )
            for part, problem in host.problems.items():
                self._questions.gap(
                    f'{part} of {host.host}',
                    problem,
                    'mend that on the host, then keep another snapshot',
                )
        return told
