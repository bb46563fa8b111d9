# SPDX-License-Identifier: Apache-2.0
"""Which numbers accounts and files have on the hosts, and should have."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from osc_recover import errors
from osc_recover.checks import numbers
from osc_recover.checks.numbers import Key, Row
from osc_recover.checks.ownership import is_walked
from osc_recover.facts import HostAccounts, Leftover, Looked
from osc_recover.gateways.accounts import Accounts
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.host_services import Services
from osc_recover.gateways.hosts import Hosts
from osc_recover.gateways.ownership import Ground, Numbers
from osc_recover.gateways.trees import Trees, Walk
from osc_recover.observe.accounts import Numbers as LookedUp
from osc_recover.observe.accounts import accounts
from osc_recover.procedures.ownership_notes import KOLLA, in_container
from osc_recover.recovery.known import check_hosts
from osc_recover.settings import Settings

Tell = Callable[[str, dict[str, Any]], None] | None
_FIX = 'openstack recover ownership fix {host} --{kind} NAME={number}:NEW'


@dataclasses.dataclass(frozen=True, slots=True)
class Before:
    """What a run has changed on a host: what to look for there.

    :param manifest: of that run; '' where it has none
    """

    uids: Mapping[str, int]
    gids: Mapping[str, int]
    skip: tuple[str, ...] = ()
    manifest: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class FileRow:
    """Objects of a host that have a number which they should not have.

    ``state`` is ok, left, changed, nobody, unsure, unread or unknown; of ok
    ``objects`` are those that were looked at.
    """

    host: str
    state: str
    number: str = ''
    objects: int | None = None
    example: str = ''
    reason: str = ''
    way_out: str = ''


class Ownership:
    """Compares the numbers of accounts and files over compute hosts."""

    def __init__(self, compute: Compute, settings: Settings) -> None:
        self._compute = compute
        self._settings = settings

    def check(
        self,
        hosts: Sequence[str],
        *,
        users: Sequence[str] = (),
        groups: Sequence[str] = (),
        reference: str = '',
        files: bool = False,
        tell: Tell = None,
    ) -> list[Row]:
        """A row an account and host; changes nothing.

        :param hosts: none means every compute host of nova
        :param users: more than those of every compute host
        :param reference: the host whose numbers are right
        :param files: whether to look for files of nobody, too: a row a number
        :param tell: is told of the progress of that
        :raises errors.UnknownHost: for a name that is no compute host
        :raises errors.Refused: when the reference cannot be asked
        """
        names = self._names(hosts, reference)
        keys = numbers.keys_of(users, groups)
        with Hosts(self._settings.ssh) as asked:
            found = accounts(
                Accounts(asked), names,
                [name for kind, name in keys if kind == 'user'],
                [name for kind, name in keys if kind == 'group'],
                lambda seen: _of(numbers.proposals(seen, keys, reference)),
            )  # fmt: skip
            answered(found, reference)
            wanted = numbers.proposals(found, keys, reference)
            rows = list(numbers.rows(found, keys, wanted))
            rows = _with_kolla(asked, rows)
            if files:
                there = [host.host for host in found if not host.problem]
                rows += _of_nobody(_look(asked, there, {}, tell))
        return rows

    def verify(
        self,
        hosts: Sequence[str],
        before: Callable[[str], Before | None],
        tell: Tell = None,
    ) -> list[FileRow]:
        """What still has an old number, or one of nobody; changes nothing.

        :param before: host -> what a run has changed there, or None
        :raises errors.UnknownHost: for a name that is no compute host
        """
        names = self._names(hosts, '')
        known = {name: found for name in names if (found := before(name))}
        with Hosts(self._settings.ssh) as asked:
            looked = _look(asked, names, known, tell)
        return [row for one in looked for row in file_rows(one, known)]

    def _names(self, hosts: Sequence[str], reference: str) -> list[str]:
        known = computes(self._compute)
        wanted = {*hosts, *([reference] if reference else [])}
        check_hosts(sorted(wanted), known)
        return [name for name in known if name in wanted or not hosts]


def computes(compute: Compute) -> list[str]:
    """The names of all compute hosts of nova."""
    return sorted(
        service.host
        for service in compute.services()
        if service.binary == 'nova-compute'
    )


def answered(found: Sequence[HostAccounts], reference: str) -> None:
    """See that the host whose numbers are right has told them.

    :raises errors.Refused: when it has not
    """
    for host in found:
        if host.host == reference and host.problem:
            raise errors.Refused(
                f'the reference could not be asked: {host.problem}',
                host.way_out,
                'no-reference',
            )


def file_rows(
    looked: Looked, known: Mapping[str, Before]
) -> Iterator[FileRow]:
    """The rows of one host; one that says ok where nothing is wrong."""
    host = looked.host
    if looked.problem:
        yield FileRow(
            host, 'unknown', reason=looked.problem, way_out=looked.way_out
        )
        return
    rows = [_file_row(host, one) for one in looked.found]
    if looked.unsure and not (host in known and known[host].manifest):
        rows += [_unsure(host, what) for what in looked.unsure]
    rows += [_unread(host, sentence) for sentence in looked.trouble]
    yield from rows
    if not rows:
        yield FileRow(host, 'ok', '', looked.entries)


def _file_row(host: str, one: Leftover) -> FileRow:
    example = one.samples[0] if one.samples else ''
    kind, _, number = one.what.partition(' ')
    reason, way_out = _WORDS[one.state]
    if not number:
        way_out = f'getfacl -n, or getfattr -d -m - of them on {host}'
    fix = _FIX.format(host=host, kind=kind, number=number)
    return FileRow(
        host, one.state, one.what, one.count, example, reason,
        way_out.format(fix=fix, host=host),
    )  # fmt: skip


_WORDS = {
    'left': ('they have an old number', '{fix}'),
    'nobody': (
        'no account has this number',
        '{fix}, if they are those of an account; or chown -h them on {host}',
    ),
    'changed': (
        'they are not as the change left them',
        'somebody else has changed them since: look at them on {host}',
    ),
}


def _unsure(host: str, what: str) -> FileRow:
    return FileRow(
        host, 'unsure', what,
        reason='it is an old and a new number, so only a manifest can tell',
        way_out='openstack recover run list has the run that changed it',
    )  # fmt: skip


def _unread(host: str, sentence: str) -> FileRow:
    return FileRow(
        host, 'unread', reason=sentence,
        way_out=f'see dmesg on {host}, and what is mounted there',
    )  # fmt: skip


def _look(
    asked: Hosts,
    names: Sequence[str],
    known: Mapping[str, Before],
    tell: Tell,
) -> tuple[Looked, ...]:
    """Look at every local file of hosts."""
    none = Before({}, {})
    grounds = Ground(asked).show({name: Numbers() for name in names})
    walks = {}
    for one in grounds:
        if not one.problem:
            before = known.get(one.host, none)
            walks[one.host] = Walk(
                tuple(
                    m.point for m in one.mounts if is_walked(m, before.skip)
                ),
                (*one.skip, *before.skip),
                before.uids,
                before.gids,
                before.manifest,
            )
    looked = {one.host: one for one in Trees(asked).look(walks, tell)}
    return tuple(
        looked.get(
            g.host, Looked(g.host, problem=g.problem, way_out=g.way_out)
        )
        for g in grounds
    )


def _of_nobody(looked: Sequence[Looked]) -> Iterator[Row]:
    for one in looked:
        if one.problem:
            yield Row(
                one.host, '', '', None, None, 'unknown', one.problem,
                one.way_out,
            )  # fmt: skip
        for found in one.found:
            kind, _, number = found.what.partition(' ')
            fix = _FIX.format(host=one.host, kind=kind, number=number)
            yield Row(
                one.host,
                'user' if kind == 'uid' else 'group',
                '',
                int(number),
                None,
                'nobody',
                f'{found.count} objects have this number, which no account '
                f'has, such as {found.samples[0]!r}',
                f'{fix}, if they are those of an account',
            )


def _with_kolla(asked: Hosts, rows: list[Row]) -> list[Row]:
    """Say of accounts that are missing where nova is in a container."""
    lacking = {row.host for row in rows if row.state == 'missing'}
    shown = Services(asked).show(sorted(lacking)) if lacking else ()
    kolla = {one.host for one in shown if in_container(one)}
    return [
        dataclasses.replace(row, reason=f'{row.reason}: nova {KOLLA}')
        if row.host in kolla and row.state == 'missing'
        else row
        for row in rows
    ]


def _of(wanted: dict[Key, int]) -> LookedUp:
    return (
        frozenset(n for (kind, _), n in wanted.items() if kind == 'user'),
        frozenset(n for (kind, _), n in wanted.items() if kind == 'group'),
    )
