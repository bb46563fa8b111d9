# SPDX-License-Identifier: Apache-2.0
"""Network file systems that several hosts use: which, and what is in the way.

Each is walked once, by one host, for all.  That is right only while a number
means the same account on every host that may write there.  Pure.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from osc_recover.checks import renumbering
from osc_recover.checks.finding import Finding
from osc_recover.checks.ownership import Case, is_below
from osc_recover.facts import Mount, Ownership
from osc_recover.facts.hosts import Kind

Maps = dict[Kind, dict[int, int]]


@dataclasses.dataclass(frozen=True, slots=True)
class Share:
    """A network file system, and where each host has it mounted."""

    kind: str
    source: str
    mounts: Mapping[str, Mount]

    def walker(self, hosts: Sequence[str]) -> str:
        """The first of the hosts that may write to it, or ''."""
        for host in hosts:
            if host in self.mounts and not self.mounts[host].read_only:
                return host
        return ''


def shares(facts: Ownership, cases: Sequence[Case]) -> list[Share]:
    """The network file systems of hosts, each once."""
    found: dict[tuple[str, str], dict[str, Mount]] = {}
    for case in cases:
        for mount in facts.files_of(case.host).mounts:
            if mount.group == 'network' and not is_below(
                mount.point, case.skip
            ):
                where = found.setdefault((mount.kind, mount.source), {})
                where.setdefault(case.host, mount)
    return [Share(*key, mounts) for key, mounts in sorted(found.items())]


def maps(share: Share, cases: Sequence[Case]) -> Maps:
    """Old numbers -> new ones, of every host that uses it."""
    found: Maps = {'user': {}, 'group': {}}
    for case in cases:
        if case.host in share.mounts:
            for kind, known in found.items():
                known.update(renumbering.of_kind(case.changes, kind))
    return found


def refusals(
    facts: Ownership, share: Share, cases: Sequence[Case]
) -> Iterator[Finding]:
    """Why its files cannot be changed for all hosts at once."""
    mine = [case for case in cases if case.host in share.mounts]
    wanted = maps(share, mine)
    if not share.walker([case.host for case in mine]):
        yield _refuse(
            'read-only', share, 'no host may write to it',
            'mount it read-write on one of them, or leave it out with --skip',
        )  # fmt: skip
    for kind, numbers in wanted.items():
        if set(numbers) & set(numbers.values()):
            yield _refuse(
                'shared-chain', share,
                f'numbers of {kind}s are old and new ones at once',
                'go by way of numbers that nobody has, in two runs: '
                '--uid NAME=NUMBER, --gid NAME=NUMBER',
            )  # fmt: skip
        yield from _others(facts, share, kind, numbers, mine)


def _others(
    facts: Ownership,
    share: Share,
    kind: Kind,
    numbers: Mapping[int, int],
    cases: Sequence[Case],
) -> Iterator[Finding]:
    """Hosts on which an old number means something else."""
    changed = {case.host: case for case in cases}
    for host in facts.accounts:
        if not _may_use(facts, share, host.host):
            continue
        used = host.uids if kind == 'user' else host.gids
        case = changed.get(host.host)
        own = renumbering.of_kind(case.changes, kind) if case else {}
        for old in sorted(numbers.keys() & set(used)):
            if own.get(old) != numbers[old]:
                yield _refuse(
                    'shared-conflict', share,
                    f'{old} is another {kind} on {host.host}, or the same '
                    'one that keeps it',
                    f'name {host.host}, too, or change its number there first',
                )  # fmt: skip


def _may_use(facts: Ownership, share: Share, host: str) -> bool:
    files = facts.files_of(host)
    known = {(mount.kind, mount.source) for mount in files.mounts}
    return bool(files.problem) or (share.kind, share.source) in known


def _refuse(code: str, share: Share, what: str, way_out: str) -> Finding:
    return Finding(code, '', f'{share.source}: {what}', '', way_out, 'refuse')
