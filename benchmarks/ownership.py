# SPDX-License-Identifier: Apache-2.0
"""Files re-owned by us and by the peers, in paired rounds.

``python -m benchmarks.ownership`` needs root and a C compiler.  It makes a
tree of 200,000 entries (with ``--large`` one of a million too) in a temporary
folder, of which 2, 20 and 100 % belong to the old numbers, and removes it.

CPU is user and system time of a way's process and its children, the start of
Python included, and memory that of the largest of them; the figures are
medians of the rounds, and ratios within them.  The guide's commands start a
process for each file: where that would take too long, some are run and the
rest is extrapolated, which is said.
"""

import argparse
import dataclasses
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

UID, NEW_UID = 61108, 61112
GID, NEW_GID = 62120, 62119
SHARES = (2, 20, 100)
FOLDER = 20  # entries of a directory; two of them are directories
# The agent runs on the host's own Python.
PYTHON = shutil.which('python3', path='/usr/bin:/bin') or sys.executable
FORKS = 4000  # files that the guide's commands are run on, at most

OURS = """
import sys
sys.path.insert(0, sys.argv[1])
from osc_recover.agent.tree import operations as tree
args = {args!r}
result = tree.{call}(args, lambda event: None)
assert not result.get('trouble'), result
print({shown})
"""


@dataclasses.dataclass(frozen=True)
class Cost:
    """Seconds, and the most memory that one process had, in MiB."""

    cpu: float
    wall: float
    memory: float = 0


@dataclasses.dataclass(frozen=True)
class Tree:
    """A tree of so many entries, of which a share has the old numbers."""

    folder: pathlib.Path
    entries: int
    share: int
    walker: pathlib.Path

    @property
    def root(self) -> pathlib.Path:
        return self.folder / 'tree'

    @property
    def manifest(self) -> pathlib.Path:
        return self.folder / 'manifests' / 'm'

    @property
    def matching(self) -> int:
        return self.entries * self.share // 100

    def make(self) -> None:
        """Directories of twenty entries, a tenth of them directories, as on a
        host."""
        self.root.mkdir()
        todo, made = [self.root], 0
        while made < self.entries:
            folder = todo.pop(0)
            for number in range(min(FOLDER, self.entries - made)):
                path = folder / f'n{number}'
                if number < FOLDER // 10:
                    path.mkdir()
                    todo.append(path)
                else:
                    path.touch()
                # Spread evenly: every hundred has its share.
                if made * self.share % 100 < self.share:
                    os.chown(path, UID, GID)
                made += 1

    def restore(self) -> None:
        """Give the old numbers back."""
        self.walk(NEW_UID, UID, NEW_GID, GID)

    def walk(self, *numbers: int) -> Cost:
        return run([self.walker, self.root, *numbers])


def run(argv: list[object]) -> Cost:
    """Run a program to its end; it must succeed."""
    start = time.monotonic()
    process = subprocess.Popen(
        [str(word) for word in argv], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f'{argv[0]} ended with {process.returncode}')
    return Cost(
        usage.ru_utime + usage.ru_stime,
        time.monotonic() - start,
        usage.ru_maxrss / 1024,
    )


def added(*costs: Cost) -> Cost:
    return Cost(sum(c.cpu for c in costs), sum(c.wall for c in costs))


def guide(tree: Tree) -> Cost:
    """find -exec chown nova {} ; and the same for the group."""
    counts = ['-exec', 'chown', NEW_UID, '{}', ';']
    groups = ['-exec', 'chgrp', NEW_GID, '{}', ';']
    if tree.matching > FORKS:
        return _extrapolated(tree, counts, groups)
    return added(
        run(['find', tree.root, '-uid', UID, *counts]),
        run(['find', tree.root, '-gid', GID, *groups]),
    )


def _extrapolated(tree: Tree, user: list[object], group: list[object]) -> Cost:
    """What a fork costs times their number, and the two walks."""
    sample = tree.folder / 'sample'
    sample.mkdir()
    for number in range(FORKS // 4):
        (sample / str(number)).touch()
    forks = added(run(['find', sample, *user]), run(['find', sample, *group]))
    subprocess.run(['rm', '-rf', sample], check=True)
    times = tree.matching / (FORKS // 4 + 1)
    walks = finds(tree)
    return Cost(forks.cpu * times + walks.cpu, forks.wall * times + walks.wall)


def find_plus(tree: Tree) -> Cost:
    """find -xdev -exec chown -h {} + twice."""
    find = ['find', tree.root, '-xdev']
    return added(
        run([*find, '-uid', UID, '-exec', 'chown', '-h', NEW_UID, '{}', '+']),
        run([*find, '-gid', GID, '-exec', 'chgrp', '-h', NEW_GID, '{}', '+']),
    )


def chown(tree: Tree) -> Cost:
    """chown -R --from twice."""
    command = ['chown', '-R', '-h', '-P']
    return added(
        run([*command, f'--from={UID}', f'{NEW_UID}', tree.root]),
        run([*command, f'--from=:{GID}', f':{NEW_GID}', tree.root]),
    )


def limit(tree: Tree) -> Cost:
    """getdents, fstatat and fchownat in C, one pass."""
    return tree.walk(UID, NEW_UID, GID, NEW_GID)


def change(tree: Tree) -> Cost:
    """tree.change, manifest included."""
    return _change(tree, 'every')


def owned(tree: Tree) -> Cost:
    """The same without the ACLs of files that have other owners."""
    return _change(tree, 'owned')


def _change(tree: Tree, attributes: str) -> Cost:
    cost = _ours(
        tree, 'change', "result['counts']",
        manifest=str(tree.manifest), attributes=attributes,
    )  # fmt: skip
    tree.manifest.unlink()
    return cost


def finds(tree: Tree) -> Cost:
    """The guide's two finds."""
    return added(
        run(['find', tree.root, '-uid', UID]),
        run(['find', tree.root, '-gid', GID]),
    )


def look(tree: Tree) -> Cost:
    """One pass of the C walker that only looks."""
    return tree.walk(UID, UID, GID, GID)


def verify(tree: Tree) -> Cost:
    """tree.verify."""
    return _ours(tree, 'verify', "result['left']")


def _ours(tree: Tree, call: str, shown: str, **more: str) -> Cost:
    args = {
        'roots': [str(tree.root)],
        'uids': {str(UID): NEW_UID},
        'gids': {str(GID): NEW_GID},
        **more,
    }
    code = OURS.format(call=call, args=args, shown=shown)
    top = pathlib.Path(__file__).parents[1]
    return run([PYTHON, '-I', '-c', code, top])


def round_trip(tree: Tree) -> None:
    """Changed, proven and taken back by one manifest; printed."""
    numbers = {'manifest': str(tree.manifest)}
    for call, shown, more in [
        ('change', "result['counts']", {'attributes': 'every'}),
        ('verify', "result['manifest']['counts']", {'attributes': 'every'}),
        ('undo', "result['counts']", {}),
    ]:
        cost = _ours(tree, call, shown, **numbers, **more)
        print(
            f'{call:10} cpu {cost.cpu:8.2f} s  wall {cost.wall:8.2f} s   '
            f'memory {cost.memory:6.1f} MiB'
        )
    size = tree.manifest.stat().st_size / 1024 / 1024
    print(f'manifest   {size:.1f} MiB')
    tree.manifest.unlink()


Way = Callable[[Tree], Cost]
CHANGES: list[Way] = [change, owned, chown, find_plus, limit, guide]
LOOKS: list[Way] = [verify, finds, look]


def measured(
    tree: Tree, ways: list[Way], rounds: int
) -> dict[Way, list[Cost]]:
    """Every way in every round, on the same tree, in turn first."""
    found: dict[Way, list[Cost]] = {way: [] for way in ways}
    for number in range(rounds):
        turn = number % len(ways)
        for way in ways[turn:] + ways[:turn]:
            if way is guide and number:
                continue  # once: it takes minutes
            found[way].append(way(tree))
            if way in CHANGES:
                tree.restore()
    return found


def show(title: str, found: dict[Way, list[Cost]], mine: Way) -> None:
    """The medians, and one as a ratio of the others, round by round."""
    print(f'\n{title}')
    ours = found[mine]
    for way, costs in found.items():
        cpu = statistics.median(cost.cpu for cost in costs)
        wall = statistics.median(cost.wall for cost in costs)
        pairs = list(zip(ours, costs, strict=False))
        cpus = statistics.median(a.cpu / b.cpu for a, b in pairs)
        walls = statistics.median(a.wall / b.wall for a, b in pairs)
        print(
            f'{way.__name__:10} cpu {cpu:8.2f} s  wall {wall:8.2f} s   '
            f'{mine.__name__} of it: cpu {cpus:6.3f}  wall {walls:6.3f}'
        )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--large', action='store_true')
    parser.add_argument('--entries', type=int, default=200_000)
    parser.add_argument('--share', type=int, action='append')
    parser.add_argument('--without-guide', action='store_true')
    args = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit('needs root: files change their owners')
    for entries in [args.entries, *[1_000_000] * args.large]:
        for share in args.share or SHARES:
            _measure(entries, share, args)


def _measure(entries: int, share: int, args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        walker = folder / 'walker'
        source = pathlib.Path(__file__).with_name('walker.c')
        subprocess.run(['cc', '-O2', '-o', walker, source], check=True)
        tree = Tree(folder, entries, share, walker)
        tree.make()
        tree.walk(UID, UID, GID, GID)  # warm
        ways = [way for way in CHANGES if way is not guide]
        if not args.without_guide:
            ways.append(guide)
        title = f'{entries} entries, {share} % match'
        changes = measured(tree, ways, args.rounds)
        for mine in (change, owned):
            show(f'change, {title}', changes, mine)
        if tree.matching > FORKS and not args.without_guide:
            print(f'(guide: {FORKS // 2} of its forks were run)')
        print(f'\nround trip, {title}')
        round_trip(tree)
        limit(tree)  # nothing is left to find, as it should be
        looks = measured(tree, LOOKS, args.rounds)
        show(f'verify, {title}', looks, verify)


if __name__ == '__main__':
    main()
