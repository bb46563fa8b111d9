# SPDX-License-Identifier: Apache-2.0
"""The compute services of hosts, by whatever runs them, as facts."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from osc_recover import errors, facts
from osc_recover.gateways.foreign import Foreign
from osc_recover.gateways.hosts import Hosts

TIMEOUT = 60.0
# A nova-compute that was asked to stop first ends what it does; systemd waits
# 90 s before it kills (DefaultTimeoutStopSec), and for units in a row longer.
CHANGE_TIMEOUT = 180.0

# Of Debian, RDO and kolla-ansible; libvirt as one daemon and as many, whose
# sockets would start what is stopped before them.
_SOCKETS = tuple(
    f'{daemon}{suffix}.socket'
    for daemon in (
        'libvirtd', 'virtqemud', 'virtlogd', 'virtlockd', 'virtnodedevd',
        'virtsecretd', 'virtstoraged', 'virtnetworkd', 'virtnwfilterd',
        'virtinterfaced', 'virtproxyd',
    )
    for suffix in ('', '-ro', '-admin', '-tls', '-tcp')
)  # fmt: skip
UNITS = (
    'nova-compute.service',
    'openstack-nova-compute.service',
    'kolla-nova_compute-container.service',
    'kolla-nova_libvirt-container.service',
    *dict.fromkeys(
        f'{socket.partition(".")[0].partition("-")[0]}.service'
        for socket in _SOCKETS
    ),
    *_SOCKETS,
)
CONTAINERS = ('nova_compute', 'nova_libvirt', 'nova_ssh', 'nova_virtlogd')


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """Services of one host, by what runs them."""

    units: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()


class Services:
    """What runs nova-compute and libvirt on hosts."""

    def __init__(self, hosts: Hosts, timeout: float = TIMEOUT) -> None:
        self._hosts = hosts
        self._timeout = timeout

    def show(self, names: Sequence[str]) -> tuple[facts.HostServices, ...]:
        """The services of hosts, in the order of their names."""
        units = dict(self._each(names, 'units.show', {'units': UNITS}))
        there = [name for name in names if not units[name].problem]
        asked = {'containers': CONTAINERS}
        others = dict(self._each(there, 'containers.show', asked))
        return tuple(_joined(units[name], others.get(name)) for name in names)

    def change(self, host: str, verb: str, wanted: Wanted) -> None:
        """Start or stop services of a host, and wait until they are.

        Nothing is tried twice; what is so already is left so.

        :param verb: start or stop
        :raises errors.HostError: when it cannot be asked, or says no
        """
        for part, names in dataclasses.asdict(wanted).items():
            if names:
                args = {part: list(names), 'seconds': CHANGE_TIMEOUT}
                # It is silent all the while.
                self._hosts.ask(
                    host,
                    f'{part}.{verb}',
                    args,
                    timeout=CHANGE_TIMEOUT + self._timeout,
                )

    def active(self, host: str, wanted: Wanted) -> tuple[bool, ...]:
        """Of each of the services, whether it runs.

        :raises errors.HostError: when the host cannot be asked
        """
        [found] = self.show([host])
        if found.problem:
            raise errors.HostSilent(host, found.problem, found.way_out)
        running = {s.name for s in found.services if s.runs}
        return tuple(
            name in running for name in (*wanted.units, *wanted.containers)
        )

    def _each(
        self,
        names: Sequence[str],
        operation: str,
        args: Mapping[str, Sequence[str]],
    ) -> Iterator[tuple[str, facts.HostServices]]:
        wanted = {key: list(value) for key, value in args.items()}
        outcomes = self._hosts.each(
            names, operation, wanted, timeout=self._timeout
        )
        for host, outcome in outcomes:
            try:
                if isinstance(outcome, errors.HostError):
                    raise outcome
                yield host, services_from(host, outcome)
            except (errors.HostError, errors.ApiError) as exc:
                yield (
                    host,
                    facts.HostServices(
                        host, problem=exc.sentence, way_out=exc.way_out
                    ),
                )


def services_from(host: str, data: object) -> facts.HostServices:
    """Read what units.show or containers.show tells of a host."""
    record = Foreign.of(host, 'its services', data)
    kind = 'unit' if 'units' in record.data else record.text('engine', '')
    found = record.members('units' if kind == 'unit' else 'containers')
    key = 'active' if kind == 'unit' else 'state'
    return facts.HostServices(
        host,
        tuple(
            facts.HostService(
                host, name, kind, told.text(key), told.text('file', '')
            )
            for name, told in found
        ),
    )


def _joined(
    units: facts.HostServices, others: facts.HostServices | None
) -> facts.HostServices:
    if others is None:
        return units
    return facts.HostServices(
        units.host,
        (*units.services, *others.services),
        others.problem,
        others.way_out,
    )
