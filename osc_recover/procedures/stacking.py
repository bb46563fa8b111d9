# SPDX-License-Identifier: Apache-2.0
"""What stands on a volume server's own disks: activated, mounted.  Pure.

Never on a compute host: guests have volume groups of their own on the disks
there.
"""

import dataclasses
from collections.abc import Iterator, Sequence

from osc_recover import records
from osc_recover.checks import backends, shared_targets
from osc_recover.checks import lost_sessions as checks
from osc_recover.checks.request import SessionOpen
from osc_recover.facts.sessions import SessionsSeen
from osc_recover.facts.snapshot import HostState, KeptMount, Snapshot
from osc_recover.plan import Lane, Phase, Step, Verdict


@dataclasses.dataclass(frozen=True, slots=True)
class Stack:
    """What stands on the disks of one host.

    ``targets`` are those that it may have in use; ``mounts`` are by trees,
    each mount after the one that it is below.
    """

    host: str
    targets: tuple[str, ...]
    mounts: tuple[tuple[KeptMount, ...], ...]
    backends: tuple[str, ...]

    def verdicts(self) -> Iterator[Verdict]:
        """A row for its groups, and one for each tree."""
        yield Verdict(
            self.host, self.host, 'volume groups', 'activate', True, self.host
        )
        for tree in self.mounts:
            points = ', '.join(mount.point for mount in tree)
            yield Verdict(
                self._name(tree), points, 'mount', 'mount', True, self.host
            )

    def activate(self) -> Lane:
        """Its volume groups first."""
        step = Step(
            f'activate:{self.host}', 'groups.activate', self.host,
            {'targets': list(self.targets)},
        )  # fmt: skip
        return Lane(self.host, (step,))

    def mount(self) -> Iterator[Lane]:
        """A tree that cannot be mounted keeps no other from it."""
        for tree in self.mounts:
            steps = [
                Step(
                    f'mount:{self.host}:{one.point}', 'mounts.mount',
                    self.host,
                    {'targets': list(self.targets), **records.to_data(one)},
                )
                for one in tree
            ]  # fmt: skip
            yield Lane(self._name(tree), tuple(steps))

    def see(self) -> Lane:
        """What cinder has there is to be up again."""
        step = Step(
            f'seen:{self.host}', 'storage.seen', self.host,
            {'backends': list(self.backends)},
        )  # fmt: skip
        return Lane(self.host, (step,))

    def _name(self, tree: Sequence[KeptMount]) -> str:
        return f'{self.host} {tree[0].point}'


def stacks(
    seen: SessionsSeen, before: Snapshot | None, request: SessionOpen
) -> list[Stack]:
    """Of each volume server that has something of its own to bring up."""
    found = (_stack(seen, before, host, request) for host in seen.hosts)
    return [one for one in found if one]


def phases(found: Sequence[Stack]) -> Iterator[Phase]:
    """In the order in which one stands on the other."""
    yield Phase('activate', tuple(one.activate() for one in found))
    yield Phase('mount', tuple(lane for one in found for lane in one.mount()))
    yield Phase('see cinder-volume', tuple(one.see() for one in found))


def held(
    seen: SessionsSeen, before: Snapshot | None, request: SessionOpen
) -> Iterator[Verdict]:
    """What is left, as another host has it."""
    for host in seen.hosts:
        for target in _own(seen, before, host, request):
            found = shared_targets.held(seen, before, host, target)
            if found:
                yield Verdict(
                    f'{host.host} {target}', target, 'volume groups',
                    found.code, False, host.host,
                    reason=f'{found.why}: two that write to it destroy it',
                    way_out='end that there (umount, vgchange -an), and then '
                    f'activate and mount it by hand on {host.host}',
                )  # fmt: skip


def _stack(
    seen: SessionsSeen,
    before: Snapshot | None,
    host: HostState,
    request: SessionOpen,
) -> Stack | None:
    own = _own(seen, before, host, request)
    targets = [
        target
        for target in own
        if not shared_targets.held(seen, before, host, target)
    ]
    if not targets:
        return None
    alone = bool(request.targets) or targets != own
    mounts = checks.mounts(before, host, targets, alone=alone)
    expected, _ = backends.awaited(seen, before, host.host)
    return Stack(
        host.host, tuple(targets), tuple(_trees(mounts)), tuple(expected)
    )


def _own(
    seen: SessionsSeen,
    before: Snapshot | None,
    host: HostState,
    request: SessionOpen,
) -> list[str]:
    """The targets of which a volume server has what stands on them."""
    if not (host.knows('sessions') and seen.serves_volumes(host.host)):
        return []
    return [
        target
        for target in checks.own_targets(seen, before, host)
        if not request.targets or target in request.targets
    ]


def _trees(mounts: Iterator[KeptMount]) -> list[tuple[KeptMount, ...]]:
    """Those that are below another one are with it, and after it."""
    trees: list[list[KeptMount]] = []
    for mount in sorted(mounts, key=lambda one: one.point.split('/')):
        above = trees[-1][0].point.rstrip('/') if trees else None
        if above is not None and mount.point.startswith(f'{above}/'):
            trees[-1].append(mount)
        else:
            trees.append([mount])
    return [tuple(tree) for tree in trees]
