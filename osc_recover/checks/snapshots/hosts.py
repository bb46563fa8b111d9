# SPDX-License-Identifier: Apache-2.0
"""Changes of what hosts tell: sessions, mounts, guests, rules.  Pure."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from osc_recover.checks.snapshots.change import (
    CHANGE,
    ID,
    Change,
    Field,
    Sort,
    between,
    by,
    compared,
    text,
)
from osc_recover.facts.snapshot import (
    Firewall,
    HostState,
    KeptSession,
    NodeRecord,
    Snapshot,
)


def changes(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    """What is not as it was, of hosts and parts that both know."""
    if not (before.knows('hosts') and after.knows('hosts')):
        return
    old, new = (by(lambda h: h.host, one.hosts) for one in (before, after))
    for name in dict.fromkeys([*old, *new]):
        if name not in new or name not in old:
            yield from compared(
                _HOST,
                {name: old[name]} if name in old else {},
                {name: new[name]} if name in new else {},
            )
        elif not (old[name].problem or new[name].problem):
            yield from between(_HOST, old[name], new[name])
            yield from _of_host(old[name], new[name])


def _of_host(old: HostState, new: HostState) -> Iterator[Change]:
    for part, sort, key in _PARTS:
        if old.knows(part) and new.knows(part):
            was, now = (by(key, getattr(one, part)) for one in (old, new))
            yield from compared(sort(new.host), was, now)
    if old.knows('sessions') and new.knows('sessions'):
        yield from _disks(old, new)
    for tool in dict.fromkeys(
        f.tool for f in (*old.firewalls, *new.firewalls)
    ):
        if old.knows(tool) and new.knows(tool):
            yield from _rules(new.host, tool, old.firewalls, new.firewalls)


def _disks(old: HostState, new: HostState) -> Iterator[Change]:
    """Which disks the sessions brought; the kernel names them as it likes."""
    was, now = (by(_session_key, one.sessions) for one in (old, new))
    for key in sorted(was.keys() & now.keys()):
        luns = [_luns(one[key]) for one in (was, now)]
        names = [_named(one[key]) for one in (was, now)]
        words = f'session to {key[0]} at {key[1]} on {new.host}'
        if luns[0] != luns[1]:
            yield Change(
                CHANGE, 'session-luns', key[0], new.host,
                f'{words}: brings other disks', *map(text, luns),
            )  # fmt: skip
        elif names[0] != names[1]:
            yield Change(
                ID, 'session-disks', key[0], new.host,
                f'{words}: its disks have other names', *map(text, names),
            )  # fmt: skip


def _luns(session: KeptSession) -> tuple[str, ...]:
    return tuple(f'LUN {one.lun}' for one in session.devices)


def _named(session: KeptSession) -> tuple[str, ...]:
    return tuple(
        ' below '.join([one.name, *one.holders]) for one in session.devices
    )


def _rules(
    host: str,
    tool: str,
    before: tuple[Firewall, ...],
    after: tuple[Firewall, ...],
) -> Iterator[Change]:
    """Rules that are missing or further, and their order."""
    old, new = (
        next((f.rules for f in one if f.tool == tool), ())
        for one in (before, after)
    )
    lost, found = Counter(old) - Counter(new), Counter(new) - Counter(old)
    for rule in lost.elements():
        yield Change(
            CHANGE, 'rule-gone', tool, host,
            f'a rule of {tool} on {host} is gone', rule,
        )  # fmt: skip
    for rule in found.elements():
        yield Change(
            CHANGE, 'rule-new', tool, host,
            f'a rule of {tool} on {host} is new', after=rule,
        )  # fmt: skip
    if not (lost or found) and old != new:
        yield Change(
            CHANGE, 'rule-order', tool, host,
            f'the rules of {tool} on {host} have another order',
        )  # fmt: skip


_HOST = Sort(
    'host',
    lambda h: ('', h.host, f'host {h.host}'),
    lambda h: h.problem or 'asked',
    (
        Field('boot_id', 'was booted since', ID),
        Field('absent', 'lacks other tools and services'),
    ),
)


def _session(host: str) -> Sort:
    return Sort(
        'session',
        lambda s: (
            s.target,
            host,
            f'session to {s.target} at {s.portal} on {host}',
        ),
        lambda s: f'session {s.number}, {s.state}',
        (
            Field('number', 'has another number', ID),
            Field('state', 'its state is another'),
        ),
    )


def _node(host: str) -> Sort:
    return Sort(
        'node',
        lambda n: (
            n.target,
            host,
            f'record of {n.target} at {n.portal} on {host}',
        ),
        lambda n: str(n.settings.get('node.startup', '')),
        (Field('settings', 'has other settings'),),
    )


def _mount(host: str) -> Sort:
    return Sort(
        'mount',
        lambda m: (m.point, host, f'{m.point} on {host}'),
        lambda m: f'{m.source} ({m.kind})',
        (
            Field('source', 'something else is mounted'),
            Field('kind', 'the file system is of another type'),
            Field('options', 'is mounted with other options'),
        ),
    )


def _domain(host: str) -> Sort:
    return Sort(
        'domain',
        lambda d: (d.uuid, host, f'domain {d.name} on {host}'),
        lambda d: str(d.state),
        (
            Field('state', 'its state is another'),
            Field('name', 'has another name'),
            Field('persistent', 'is kept when it stops or not, otherwise'),
        ),
    )


def _session_key(session: KeptSession) -> Any:
    return session.target, session.portal, session.iface


def _node_key(node: NodeRecord) -> Any:
    return node.target, node.portal, node.iface


_PARTS: Any = (
    ('sessions', _session, _session_key),
    ('nodes', _node, _node_key),
    ('mounts', _mount, lambda m: m.point),
    ('domains', _domain, lambda d: d.uuid),
)
