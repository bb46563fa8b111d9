# SPDX-License-Identifier: Apache-2.0
"""Can consoles listen where they are to, and does the proxy find them?

nova writes ``[vnc] server_listen`` into the domain and sends its proxy to
``[vnc] server_proxyclient_address`` (nova/virt/libvirt/driver.py); a
nova.conf that was copied from another host has that one's address.
"""

import dataclasses
from collections.abc import Iterable, Iterator

from osc_recover.checks.audit.settings import Case, cases
from osc_recover.checks.audit.view import AuditView
from osc_recover.checks.domains.settings import (
    CLIENT,
    EVERYWHERE,
    LISTEN,
    is_own,
    listen_address,
)
from osc_recover.checks.finding import Finding
from osc_recover.checks.registry import check
from osc_recover.facts import HostLook, Setting


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """An address that a console of a definition is to listen at.

    ``wanted`` is server_listen of its host's nova.conf.
    """

    case: Case
    where: str
    kind: str
    address: str
    wanted: Setting

    @property
    def differs(self) -> bool:
        """Whether nova.conf says otherwise; if that is wrong, it is there."""
        known = (self.wanted.value, *self.wanted.addresses)
        return self.address not in known


@check('listen', 'audit', 'domain')
def listen(view: AuditView) -> Iterator[Finding]:
    """Such a domain does not start."""
    for place in _places(view):
        host = place.case.look.host
        if place.differs and not is_own(place.case.look, place.address):
            yield place.case.found(
                f'{place.kind} is to listen at {place.address}, which is no '
                f'address of {host}',
                _mended(place),
                place.where,
            )


@check('other-listen', 'domain')
def other_listen(view: AuditView) -> Iterator[Finding]:
    """It listens, and not where it will once nova writes the XML again."""
    for place in _places(view):
        look, wanted = place.case.look, place.wanted
        if not wanted.value or look.settings_problem:
            continue
        if place.differs and is_own(look, place.address):
            yield place.case.found(
                f'{place.kind} listens at {place.address}, and nova.conf says '
                f'{wanted.value}: so it will be once nova generates the XML '
                'again',
                '',
                place.where,
                'note',
            )


@check('conf-listen', 'audit', 'domain')
def conf_listen(view: AuditView) -> Iterator[Finding]:
    """The next domain that nova defines there does not start."""
    for case, kind in _kinds(view):
        wanted = _setting(case.look, kind, LISTEN)
        if wanted.value and not listen_address(case.look, kind):
            yield _faulty(
                case, f'[{kind}] {LISTEN}', wanted,
                f', then openstack server reboot --hard {case.server.id}',
            )  # fmt: skip


@check('conf-client', 'audit', 'domain')
def conf_client(view: AuditView) -> Iterator[Finding]:
    """The proxy is sent where nobody listens."""
    for case, kind in _kinds(view):
        look = case.look
        wanted = _setting(look, kind, LISTEN)
        client = _setting(look, kind, CLIENT)
        if not client.value:
            continue
        if wanted.value and not listen_address(look, kind):
            continue
        known = [a for a in client.addresses if is_own(look, a)]
        if not known or set(known) & set(EVERYWHERE):
            yield _faulty(case, f'[{kind}] {CLIENT}', client, '')
        elif not _meet(wanted.addresses, known):
            yield case.found(
                f'the {kind} proxy is sent to {client.value}, and guests '
                f'listen at {wanted.value}',
                _mend(look, f'[{kind}] {LISTEN} or {CLIENT}', ''),
                f'{_place(client)}; {_place(wanted)}',
            )


def _places(view: AuditView) -> Iterator[_Place]:
    for case in cases(view):
        for where, definition in case.detail.all():
            for console in definition.consoles:
                wanted = _setting(case.look, console.kind, LISTEN)
                for address in console.listen:
                    yield _Place(case, where, console.kind, address, wanted)


def _kinds(view: AuditView) -> Iterator[tuple[Case, str]]:
    """The kinds of consoles that domains have, where nova.conf is known."""
    for case in cases(view):
        if case.look.settings_problem:
            continue
        kinds = {
            console.kind: None
            for _, definition in case.detail.all()
            for console in definition.consoles
        }
        for kind in kinds:
            yield case, kind


def _setting(look: HostLook, kind: str, name: str) -> Setting:
    return look.settings.get(f'{kind}.{name}', Setting())


def _mended(place: _Place) -> str:
    repair = f'openstack recover domain repair {place.case.server.id}'
    if listen_address(place.case.look, place.kind):
        return repair
    return f'{repair} --listen <address>, as nova.conf names none of this host'


def _faulty(case: Case, name: str, setting: Setting, then: str) -> Finding:
    return case.found(
        f'{name} is {setting.value}, which is no address of {case.look.host}',
        _mend(case.look, name, then, setting),
        _place(setting),
    )


def _mend(
    look: HostLook, name: str, then: str, setting: Setting | None = None
) -> str:
    line = name
    if setting and setting.line:
        line = f'{setting.file} line {setting.line}'
    return (
        f'mend {line} on {look.host}, then openstack recover service restart '
        f'{look.host}{then}'
    )


def _place(setting: Setting) -> str:
    if not setting.file:
        return f'{setting.value} is the default of nova'
    if not setting.line:
        return setting.file
    return f'{setting.file} line {setting.line}'


def _meet(listening: Iterable[str], client: Iterable[str]) -> bool:
    """Whether who is sent to an address finds somebody who listens there."""
    return bool({*EVERYWHERE, *client} & set(listening))
