# SPDX-License-Identifier: Apache-2.0
"""What has changed between two snapshots, in words, the worst first.  Pure."""

from osc_recover.checks.snapshots import cloud, hosts, volumes
from osc_recover.checks.snapshots.change import KINDS
from osc_recover.checks.snapshots.change import Change as Change
from osc_recover.checks.snapshots.names import Names
from osc_recover.facts.snapshot import Snapshot


def changes(before: Snapshot, after: Snapshot) -> tuple[Change, ...]:
    """A row for each thing that is not as it was.

    Parts that one of the two does not know are compared with nothing: what
    could not be asked is a row of its own, what was left out is none.
    """
    names = Names(before, after)
    found = [
        *cloud.changes(before, after, names),
        *volumes.changes(before, after, names),
        *hosts.changes(before, after),
        *_gaps(after, 'after'),
        *_gaps(before, 'before'),
    ]
    return tuple(sorted(found, key=lambda one: KINDS.index(one.kind)))


def not_compared(before: Snapshot, after: Snapshot) -> dict[str, str]:
    """The parts that one of the two has left out, and why."""
    return {**before.left_out, **after.left_out}


def _gaps(snapshot: Snapshot, where: str) -> list[Change]:
    return [
        Change(
            'unknown',
            'not-compared',
            '',
            gap.what,
            f'{gap.what}: not known {where}',
            note=f'{gap.problem}; {gap.way_out}',
        )
        for gap in snapshot.gaps
    ]
