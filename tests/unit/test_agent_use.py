# SPDX-License-Identifier: Apache-2.0
"""A session is not closed under what uses its disk; the disk is a real one."""

import contextlib
import os
import subprocess
import sys

import pytest

from osc_recover.agent import errors, hello, run
from osc_recover.agent.links import close, use
from osc_recover.agent.state import sessions
from tests.unit.iscsi_double import PORTAL, A, Iscsi

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason='needs root: it makes a block device'
)
WEB = '5f0c8c1e-web'
OPENED = """
import os, sys
os.open(sys.argv[1], {mode})
print('open', flush=True)
sys.stdin.read()
"""


@pytest.fixture
def iscsi(tmp_path, monkeypatch):
    """A session whose disk is a loop device."""
    made = Iscsi(tmp_path / 'iscsi')
    monkeypatch.setattr(run, 'PATH', f'{made.folder}/bin:{run.PATH}')
    monkeypatch.setattr(sessions, 'SYS', str(made.folder / 'sys'))
    monkeypatch.setattr(hello, '_BOOT_ID', str(made.folder / 'boot_id'))
    made.offer(A, PORTAL)
    made.open(A)
    with loop(tmp_path / 'image') as made.disk:
        [block] = made.folder.glob('sys/**/block')
        (block / 'sdza').rename(block / os.path.basename(made.disk))
        yield made


@contextlib.contextmanager
def loop(image):
    image.write_bytes(b'')
    os.truncate(image, 2**20)
    words = ['losetup', '--find', '--show', str(image)]
    path = subprocess.check_output(words, text=True).strip()
    try:
        yield path
    finally:
        subprocess.run(['losetup', '--detach', path], check=True)


@contextlib.contextmanager
def opened(path, mode, *words):
    """A process that has it open; its words are those of a program."""
    code = OPENED.format(mode=mode)
    name, *more = words or ('writer',)
    with subprocess.Popen(
        [name, '-c', code, path, *more],
        executable=sys.executable,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        process.stdout.readline()
        yield process


def closed(*servers):
    args = {
        'number': 1, 'target': A, 'boot_id': 'boot-1', 'servers': servers,
    }  # fmt: skip
    close.close(args, lambda event: None)


def refused(*servers):
    with pytest.raises(errors.Refused) as no:
        closed(*servers)
    assert no.value.code == 'in-use'
    return no.value.text


def test_a_disk_that_is_free_is_given_up_and_left_alone(iscsi):
    with opened(iscsi.disk, 'os.O_RDONLY'):
        closed()
    assert iscsi.sessions() == []


def test_a_claim_that_shows_nowhere_else_is_seen(iscsi, monkeypatch):
    name = os.path.basename(iscsi.disk)
    with opened(iscsi.disk, 'os.O_RDONLY | os.O_EXCL'):
        assert f'{name} (claimed in the kernel)' in refused()
        udev = iscsi.folder / 'udev'
        udev.mkdir()
        major, minor = use.number(iscsi.disk)
        told = udev / f'b{major}:{minor}'
        told.write_text('I:1\nE:ID_FS_TYPE=zfs_member\nE:ID_FS_USAGE=raid\n')
        monkeypatch.setattr(use, '_UDEV', str(udev))
        assert f'{name} (zfs_member)' in refused()
    assert iscsi.sessions() == [1]


def test_a_process_that_writes_to_it_is_named(iscsi):
    with opened(iscsi.disk, 'os.O_RDWR') as process:
        assert f'(process {process.pid})' in refused(WEB)
    assert iscsi.sessions() == [1]


def test_a_name_of_its_own_for_the_disk_hides_nothing(iscsi, tmp_path):
    other = tmp_path / 'block'
    os.mknod(other, 0o60600, os.stat(iscsi.disk).st_rdev)
    with opened(str(other), 'os.O_WRONLY') as process:
        assert f'(process {process.pid})' in refused()


def test_the_guest_of_its_server_may_have_it_and_no_other(iscsi):
    guest = 'qemu-system-x86_64', '-name', 'guest=i-7,debug=on', '-uuid', WEB
    with opened(iscsi.disk, 'os.O_RDWR', *guest):
        assert 'the guest i-7 (process' in refused('db-id')
        assert 'the guest i-7 (process' in refused()
        closed(WEB)
    assert iscsi.sessions() == []


@pytest.mark.parametrize('kind', ['path', 'partition'])
def test_a_map_of_multipath_claims_its_paths_for_nobody_else(iscsi, kind):
    """Only what is on the top of all tells whether a disk is free."""
    [disk] = iscsi.folder.glob('sys/**/block/loop*')
    (disk / 'holders/dm-0').mkdir()
    made = {'dm-0': 'mpath-36001', 'dm-1': 'part1-mpath-36001'}
    for kernel, uuid in made.items():
        mapped = iscsi.folder / 'sys/class/block' / kernel
        (mapped / 'dm').mkdir(parents=True)
        (mapped / 'dm/uuid').write_text(uuid + '\n')
    if kind == 'partition':
        (iscsi.folder / 'sys/class/block/dm-0/holders/dm-1').mkdir(
            parents=True
        )
    with opened(iscsi.disk, 'os.O_RDONLY | os.O_EXCL'):
        closed()
    assert iscsi.sessions() == []


def test_where_nobody_may_look_nothing_is_closed(iscsi, monkeypatch):
    really = os.open

    def no(path, *rest, **more):
        if str(path) == iscsi.disk:
            raise PermissionError(1, 'Operation not permitted')
        return really(path, *rest, **more)

    monkeypatch.setattr(os, 'open', no)
    assert 'nobody may look' in refused()
