# SPDX-License-Identifier: Apache-2.0
"""A host of the bed whose accounts and files get other numbers."""

import os
import re

from tests.cloud import paths as cloud_paths
from tests.hosts import bed, paths
from tests.practice import recover
from tests.unit import zoo
from tests.unit.zoo import Zoo

ONE, TWO = 'cmp1', 'cmp2'
UNIT = 'nova-compute.service'
USERS = {
    'nova': zoo.NOVA,
    'libvirt-qemu': zoo.QEMU,
    'left': zoo.LEFT,
    'right': zoo.RIGHT,
}
GROUPS = {
    'nova': zoo.NOVA_G,
    'libvirt': zoo.LIBVIRT_G,
    'left': zoo.LEFT_G,
    'right': zoo.RIGHT_G,
}
RUNNING = ['active'] * 3


def numbers(moved=False):
    """The options that give the accounts their numbers of the tree."""
    uids, gids = (zoo.UIDS, zoo.GIDS) if moved else ({}, {})
    for name, number in USERS.items():
        yield from ('--uid', f'{name}={uids.get(number, number)}')
    for name, number in GROUPS.items():
        yield from ('--gid', f'{name}={gids.get(number, number)}')


def give_back():
    """What computes keep outlives their hosts: to root, as without one."""
    for folder in (cloud_paths.host(TWO), cloud_paths.state() / 'shared'):
        for path in folder.rglob('*'):
            os.lchown(path, 0, 0)


def begin(clouds):
    """Host two gets the numbers that the tree has at first."""
    for name in ('left', 'right'):
        bed.run(TWO, ['useradd', '-M', name], check=False)
    done = fix(clouds, *numbers())
    assert done.status == 0, done


def fix(clouds, *words, host=TWO):
    return recover(clouds, 'ownership', 'fix', host, *words, '--yes')


def root(host=TWO):
    """The root of a host's files, seen from this machine."""
    return paths.host(host) / 'root'


def build(many=40):
    """The tree, anew, on host two."""
    folder = root() / 'srv/zoo'
    bed.run(TWO, ['rm', '-rf', '/srv/zoo'])
    folder.mkdir()
    return Zoo(folder, many=many)


def listing():
    return zoo.listing(root() / 'srv/zoo/tree')


def active(host=TWO):
    """Which of the services run."""
    units = [UNIT, 'libvirtd.socket', 'libvirtd-ro.socket']
    done = bed.run(host, ['systemctl', 'is-active', *units], check=False)
    return done.stdout.split()


def state(host=TWO):
    """Accounts and the main process of a host: none of it may change."""
    files = bed.run(host, ['cat', '/etc/passwd', '/etc/group', '/etc/shadow'])
    pid = bed.run(host, ['systemctl', 'show', '-P', 'MainPID', UNIT])
    return files.stdout, pid.stdout


def uid(name='nova', host=TWO):
    return int(bed.run(host, ['id', '-u', name]).stdout)


def run_of(done):
    return re.search(r'\brun ([0-9a-f]{8}) on', done.stderr).group(1)
