# SPDX-License-Identifier: Apache-2.0
"""A change that is killed, and one that an owner plays against."""

import itertools
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import types

import pytest

from osc_recover.agent import errors
from osc_recover.agent.tree import manifest
from osc_recover.agent.tree import operations as tree
from tests.unit import zoo
from tests.unit.test_agent_tree import arguments, change, quiet, undo, wrong
from tests.unit.zoo import NOVA, QEMU, UIDS, Zoo

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason=zoo.NEEDS_ROOT)

# What changes the world, as Python's audit events call it.
EFFECTS = ('os.chown', 'os.chmod', 'os.setxattr', 'os.rename')
# Those that give back what a chown has just taken.
REPAIRS = ('os.chmod', 'os.setxattr')
ROUNDS = 60


@pytest.fixture(scope='module')
def wanted(tmp_path_factory):
    right = Zoo(tmp_path_factory.mktemp('right') / 'new', moved=True)
    return zoo.listing(right.root.parent)


def killed(call, at, effects=EFFECTS):
    """Run a call in a child that is killed before its effect number ``at``.

    :returns: whether it was killed; it may have ended before
    """
    child = os.fork()
    if child == 0:
        _die_at(at, effects)
        try:
            call()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def _die_at(at, effects):
    count = itertools.count()

    def hook(event, args):
        if event in effects and next(count) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def cuts(first):
    """Moments all over a change: dense at first, then further apart."""
    return [*range(first), *range(first, 600, 23)]


@pytest.mark.parametrize('at', cuts(12))
def test_a_change_that_is_killed_is_carried_on_with(tmp_path, wanted, at):
    old = Zoo(tmp_path / 'old')
    was_killed = killed(lambda: change(old), at)
    assert was_killed or wrong(old, wanted) == {}
    result = change(old)
    assert wrong(old, wanted) == {}
    assert set(result['counts']) <= {'changed', 'already'}


@pytest.mark.parametrize('at', range(20))
def test_what_a_chown_has_taken_comes_back_after_a_kill(tmp_path, wanted, at):
    old = Zoo(tmp_path / 'old')
    before = zoo.listing(old.root.parent)
    assert killed(lambda: change(old), at, REPAIRS)
    change(old)
    assert wrong(old, wanted) == {}
    assert killed(lambda: undo(old), at, REPAIRS)
    undo(old)
    assert zoo.differences(before, zoo.listing(old.root.parent)) == {}


@pytest.mark.parametrize('at', cuts(3)[::3])
def test_an_undo_that_is_killed_is_carried_on_with(tmp_path, at):
    old = Zoo(tmp_path / 'old')
    before = zoo.listing(old.root)
    change(old)
    killed(lambda: undo(old), at)
    undo(old)
    assert zoo.differences(before, zoo.listing(old.root)) == {}


def test_many_of_the_moments_are_within_the_change(tmp_path):
    old = Zoo(tmp_path / 'old')
    assert killed(lambda: change(old), cuts(12)[-1])


def test_what_came_meanwhile_with_a_new_number_is_not_taken(tmp_path, wanted):
    old = Zoo(tmp_path / 'old')
    assert killed(lambda: change(old), 100)
    # nova's new number is qemu's old one: a find would take this file.
    late = old.root / 'late'
    late.write_text('')
    os.chown(late, UIDS[NOVA], 0)
    change(old)
    assert late.stat().st_uid == UIDS[NOVA] == QEMU
    late.unlink()
    assert wrong(old, wanted) == {}


def test_an_object_that_may_be_another_one_by_now_is_left_alone(tmp_path):
    old = Zoo(tmp_path / 'old')
    assert killed(lambda: change(old), 1)  # 0 puts the manifest in place
    doubtful = old.root / 'owned-1'
    os.chmod(doubtful, 0o600)
    result = change(old)
    assert result['counts']['touched'] == 1
    assert result['samples'][0]['path'] == str(doubtful)
    assert doubtful.stat().st_uid == QEMU


def test_a_list_that_was_cut_off_is_written_anew(tmp_path, wanted):
    old = Zoo(tmp_path / 'old')
    assert killed(lambda: change(old), 0)
    folder = tmp_path / 'manifests'
    assert [path.name for path in folder.iterdir()] == ['m.part']
    assert not change(old)['continued']
    assert wrong(old, wanted) == {}


def test_two_changes_at_once_do_not_share_a_manifest(tmp_path):
    old = Zoo(tmp_path / 'old')
    change(old)
    with manifest.Manifest(arguments(old)['manifest']):
        with pytest.raises(errors.Refused) as caught:
            change(old)
    assert caught.value.code == 'busy'


def reboot(monkeypatch):
    """Have the kernel's name for this boot be another one."""
    monkeypatch.setattr(
        'osc_recover.agent.tree.listing.boot_id', lambda: 'the next one'
    )


def test_a_change_goes_on_after_a_reboot(tmp_path, wanted, monkeypatch):
    old = Zoo(tmp_path / 'old')
    assert killed(lambda: change(old), 100)
    reboot(monkeypatch)
    change(old)
    assert wrong(old, wanted) == {}


def test_a_file_system_that_is_not_mounted_any_more_is_gone(
    tmp_path, monkeypatch
):
    root = tmp_path / 'tree'
    root.mkdir()
    old = types.SimpleNamespace(root=root)
    args = arguments(old, manifest=str(tmp_path / 'manifests' / 'm'))
    with zoo.mounted('-t', 'tmpfs', 'none', at=root):
        (root / 'file').write_text('')
        os.chown(root / 'file', NOVA, 0)
        tree.change(args, quiet)
    (root / 'file').write_text('of the file system below')
    os.chown(root / 'file', NOVA, 0)
    reboot(monkeypatch)
    assert tree.change(args, quiet)['counts'] == {'gone': 1}
    assert (root / 'file').stat().st_uid == NOVA


@pytest.fixture
def anybodys():
    """A folder that other users than root can come to, unlike tmp_path."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield pathlib.Path(name)


def test_a_directory_that_cannot_be_read_refuses_the_change(anybodys):
    closed = anybodys / 'tree' / 'closed'
    closed.mkdir(parents=True)
    closed.chmod(0o700)
    manifests = anybodys / 'manifests'
    manifests.mkdir(mode=0o700)
    os.chown(manifests, zoo.OTHER, 0)
    where = types.SimpleNamespace(root=closed.parent)
    args = arguments(where, manifest=str(manifests / 'm'))
    program = (
        'import os\n'
        'from osc_recover.agent import errors\n'
        'from osc_recover.agent.tree import operations as tree\n'
        f'os.setuid({zoo.OTHER})\n'
        f'try: tree.change({args!r}, print)\n'
        'except errors.Refused as exc: print(exc.code, exc.text)'
    )
    top = pathlib.Path(zoo.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, '-c', program],
        cwd=top, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith('unreadable')
    assert f'{closed}: Permission denied' in done.stdout
    assert list(manifests.iterdir()) == []


class Race:
    """A folder whose owner swaps it for a link to the outside, on and on."""

    def __init__(self, folder):
        self.root = folder / 'tree'
        self.outside = folder / 'outside'
        self.changed = 0
        self.root.mkdir()
        self.outside.mkdir()
        (self.root / 'd').mkdir()
        for number in range(200):
            (self.root / 'd' / str(number)).write_text('')
            (self.outside / str(number)).write_text('')
        self.root.chmod(0o777)
        self.restore()

    def __enter__(self):
        self.attacker = os.fork()
        if self.attacker == 0:
            try:
                self._attack()
            finally:
                os._exit(1)
        return self

    def __exit__(self, *exc):
        os.kill(self.attacker, signal.SIGKILL)
        _, status = os.waitpid(self.attacker, 0)
        assert os.WIFSIGNALED(status), 'it had given up'

    def _attack(self):
        os.chdir(self.root)
        os.setgid(65534)
        os.setuid(NOVA)
        while True:
            os.rename('d', 'aside')
            os.symlink('../outside', 'd')
            os.unlink('d')
            os.rename('aside', 'd')

    def taken(self):
        """How many outside files do not belong to root any more."""
        owners = [path.stat().st_uid for path in self.outside.iterdir()]
        return len([uid for uid in owners if uid != 0])

    def restore(self):
        for path in [self.outside, *self.outside.iterdir()]:
            os.chown(path, 0, 0)
        folder = self.root / 'd'
        if folder.is_symlink():
            folder.unlink()
        if not folder.exists():
            (self.root / 'aside').rename(folder)
        for path in [folder, *folder.iterdir()]:
            os.chown(path, NOVA, 0)


def find(race):
    new = str(UIDS[NOVA])
    subprocess.run(
        ['find', race.root, '-xdev', '-uid', str(NOVA), '-exec',
         'chown', '-h', new, '{}', '+'],
        stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip


def ours(race):
    args = arguments(race, uids={str(NOVA): UIDS[NOVA]}, gids={})
    race.changed += tree.change(args, quiet)['counts'].get('changed', 0)
    os.unlink(args['manifest'])


def rounds_with_loot(race, attempt, rounds):
    return sum(played(race, attempt) > 0 for _ in range(rounds))


def played(race, attempt):
    with race:
        attempt(race)
    taken = race.taken()
    race.restore()
    return taken


def test_what_goes_away_meanwhile_keeps_nobody_else(
    tmp_path, wanted, monkeypatch
):
    old, names = Zoo(tmp_path / 'old'), os.listdir
    with monkeypatch.context() as patched:
        patched.setattr(os, 'listdir', lambda path: [b'gone', *names(path)])
        change(old)
    assert wrong(old, wanted) == {}


def test_an_owner_that_swaps_a_folder_for_a_link_gets_nothing(tmp_path):
    race = Race(tmp_path)
    assert rounds_with_loot(race, ours, ROUNDS) == 0
    assert race.changed > 0
    # The control: the same attack on the usual command pays.
    assert any(played(race, find) for _ in range(500))
