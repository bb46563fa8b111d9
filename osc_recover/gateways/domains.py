# SPDX-License-Identifier: Apache-2.0
"""The domains of hosts, as facts, and what is done to them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from osc_recover import facts
from osc_recover.gateways.foreign import Foreign
from osc_recover.gateways.hosts import Hosts, fact_of

TIMEOUT = 60.0

T = TypeVar('T', facts.HostDomains, facts.HostLook)


class Domains:
    """What libvirt on hosts knows, asked side by side."""

    def __init__(self, hosts: Hosts, timeout: float = TIMEOUT) -> None:
        self._hosts = hosts
        self._timeout = timeout

    def list(self, names: Sequence[str]) -> tuple[facts.HostDomains, ...]:
        """The domains of hosts, in the order of the hosts' names.

        A host that cannot be asked, or has no libvirt that answers, is one
        with a problem.
        """
        return self._each(
            names, 'domains.list', {}, domains_from, facts.HostDomains
        )

    def look(
        self, names: Sequence[str], uuids: Sequence[str]
    ) -> tuple[facts.HostLook, ...]:
        """All that a check wants to know of hosts, in the names' order.

        :param uuids: the domains of which the XML is read
        """
        args = {'uuids': [*uuids]}
        return self._each(
            names, 'domains.look', args, look_from, facts.HostLook
        )

    def filters(
        self, host: str, names: Sequence[str], *, shipped: bool = False
    ) -> dict[str, facts.NetworkFilter]:
        """Network filters of a host, and all that they refer to, by name.

        :param shipped: those of libvirt's own set, not those defined
        :raises errors.HostError: when it cannot be asked, or says no
        :raises errors.ApiError: when the answer is not understood
        """
        args = {'names': [*names], 'shipped': shipped}
        told = self._ask(host, 'filters.show', args)
        return {
            name: facts.NetworkFilter(one.text('xml'), one.texts('refers'))
            for name, one in told.members('filters')
        }

    def define_filters(
        self, host: str, filters: Mapping[str, str], *, anew: bool
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Define network filters; their names, and files with what was.

        :param filters: name -> XML
        :param anew: those that are there, too, in place
        :raises errors.HostError: as ``filters`` does
        """
        args = {'filters': {**filters}, 'anew': anew}
        told = self._ask(host, 'filters.define', args)
        return told.texts('defined'), told.texts('kept')

    def define(
        self, host: str, uuid: str, listen: str, dhcp: str
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Give a domain other addresses; what was changed, and files.

        :param listen: where its consoles listen; empty: as they do
        :param dhcp: its DHCPSERVER; empty: as it is
        :raises errors.HostError: as ``filters`` does
        """
        args = {'uuid': uuid, 'listen': listen, 'dhcp': dhcp}
        told = self._ask(host, 'domains.define', args)
        return told.texts('changed'), told.texts('kept')

    def remove(self, host: str, uuid: str) -> tuple[str, ...]:
        """Forget a domain that does not run; files with what it was.

        :raises errors.HostError: as ``filters`` does
        """
        return self._ask(host, 'domains.remove', {'uuid': uuid}).texts('kept')

    def _ask(self, host: str, op: str, args: dict[str, Any]) -> Foreign:
        told = self._hosts.ask(host, op, args, timeout=self._timeout)
        return Foreign.of(host, op, told)

    def _each(
        self,
        names: Sequence[str],
        op: str,
        args: dict[str, Any],
        read: Callable[[str, Any], T],
        kind: type[T],
    ) -> tuple[T, ...]:
        asked = self._hosts.each(names, op, args, timeout=self._timeout)
        found = {
            host: fact_of(host, outcome, read, kind) for host, outcome in asked
        }
        return tuple(found[name] for name in names)


def domains_from(host: str, data: Any) -> facts.HostDomains:
    """Read what domains.list tells of a host.

    :raises errors.ApiError: for what it cannot be
    """
    record = Foreign.of(host, 'its domains', data)
    return facts.HostDomains(host, tuple(_domains(host, record)))


def look_from(host: str, data: Any) -> facts.HostLook:
    """Read what domains.look tells of a host.

    :raises errors.ApiError: for what it cannot be
    """
    record = Foreign.of(host, 'its domains', data)
    settings = record.inner('settings')
    filters = record.inner('filters')
    return facts.HostLook(
        host,
        tuple(_domains(host, record)),
        {uuid: _detail(told) for uuid, told in record.members('details')},
        {name: filters.texts(name) for name in filters.data},
        record.texts('addresses'),
        {name: _setting(told) for name, told in settings.members('values')},
        settings.text('problem', ''),
    )


def _domains(host: str, record: Foreign) -> Iterator[facts.Domain]:
    for uuid, told in record.members('domains'):
        yield facts.Domain(
            host,
            uuid,
            told.text('name'),
            told.text('state'),
            told.flag('persistent'),
        )


def _detail(told: Foreign) -> facts.DomainDetail:
    live, kept = told.inner('live', {}), told.inner('kept', {})
    legacy = told.inner('legacy')
    return facts.DomainDetail(
        _definition(live) if live.data else None,
        _definition(kept) if kept.data else None,
        {
            path: _definition(legacy.inner(path))
            for path, found in legacy.data.items()
            if found is not None
        },
        told.text('problem', ''),
    )


def _definition(told: Foreign) -> facts.Definition:
    return facts.Definition(
        tuple(
            facts.Console(one.text('type'), one.texts('listen'))
            for one in told.objects('graphics')
        ),
        told.texts('filters'),
        told.texts('dhcp'),
    )


def _setting(told: Foreign) -> facts.Setting:
    return facts.Setting(
        told.text('value'),
        told.texts('addresses'),
        told.text('file', ''),
        told.number('line', 0),
    )
