# SPDX-License-Identifier: Apache-2.0
"""What libvirt on real hosts has, beside databases and API."""

import pytest

from tests import practice as lib
from tests.hosts import bed

pytestmark = pytest.mark.functional

ONE, TWO = 'cmp1', 'cmp2'
GUEST = """\
<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>32</memory>
  <os><type arch='x86_64'>hvm</type></os>
  <devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices>
</domain>
"""


def virsh(host, *words, feed='', check=True):
    argv = ['virsh', '-q', '-c', 'qemu:///system', *words]
    return bed.run(host, argv, feed=feed, check=check, timeout=90).stdout


def define(host, uuid, name, *, start=True):
    text = GUEST.format(uuid=uuid, name=name)
    virsh(host, 'define', '/dev/stdin', feed=text)
    if start:
        virsh(host, 'start', uuid)


@pytest.fixture
def server(clean, hosts):
    for host in hosts:
        clean.heal(host)
    (made,) = clean.boot(['inst-1'], ONE, port=False)
    yield clean.server(made)
    for host in hosts:
        for uuid in virsh(host, 'list', '--all', '--uuid').split():
            virsh(host, 'destroy', uuid, check=False)
            virsh(host, 'undefine', '--nvram', uuid)
    clean.delete_all()


@pytest.fixture
def clouds(tmp_path, hosts):
    return lib.reached(tmp_path, hosts, database=lib.database_urls())


def listed(clouds):
    done = lib.recover(
        clouds, 'instance', 'list', '--host', ONE, '--host', TWO
    )
    told = [(row['Host'], row['Libvirt'], row['State']) for row in done.rows]
    return done.status, told


def test_all_three_are_side_by_side(clouds, server):
    uuid, name = server['id'], server['OS-EXT-SRV-ATTR:instance_name']
    assert listed(clouds) == (1, [(ONE, None, 'not-running')])
    define(ONE, uuid, name)
    assert listed(clouds) == (0, [(ONE, 'running', 'ok')])
    define(TWO, uuid, name)
    assert listed(clouds) == (
        1,
        [(ONE, 'running', 'ok'), (TWO, 'running', 'two-places')],
    )
    virsh(TWO, 'destroy', uuid)
    status, told = listed(clouds)
    assert (status, told[1]) == (1, (TWO, 'shut off', 'stale'))


def test_a_guest_that_libvirt_has_running_is_not_made_stopped(clouds, server):
    uuid, name = server['id'], server['OS-EXT-SRV-ATTR:instance_name']
    define(ONE, uuid, name)
    words = ('instance', 'set', uuid, '--vm-state', 'stopped', '--yes')
    refused = lib.recover(clouds, *words)
    [row] = refused.rows
    assert (refused.status, row['Verdict']) == (3, 'guest-runs')
    assert 'libvirt says so' in row['Reason']
    virsh(ONE, 'destroy', uuid)
    done = lib.recover(clouds, *words)
    assert (done.status, done.rows[0]['State']) == (0, 'done'), done
