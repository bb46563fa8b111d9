# SPDX-License-Identifier: Apache-2.0
"""Servers are moved in nova's database to hosts that are asked first.

The hosts have real sshd, systemd and libvirt, and a disk that they share.
These tests take the bed of this machine: one that is up goes down.
"""

import contextlib
import dataclasses
import functools
import json
import re
import shutil

import pytest

from tests import practice as lib
from tests.cloud import lab
from tests.functional.network_disk import NetworkDisk
from tests.functional.planted_rows import one
from tests.functional.test_host import check_allocations
from tests.functional.test_host_storage import disk, instances, remake, shared
from tests.functional.test_instances_on_hosts import define, virsh
from tests.hosts import bed

pytestmark = pytest.mark.functional

HOST, THERE, WITNESS = 'cmp1', 'cmp2', 'cmp3'
WORDS = ('host', HOST, '--method', 'database', '--target', THERE)
WORDS += ('--fenced', 'a test cut its power')
INITIATOR = 'iqn.2026-01.org.practice:cmp2'
OPEN_ISCSI = '/etc/iscsi'


@pytest.fixture(scope='module')
def hosts(practice, joined_bed):
    """Three of them: the second to share the disk bears witness."""
    found = joined_bed.up(3)
    for host in found:
        practice.heal(host)
        remake(instances(host))
    initiator(THERE)
    yield found
    bed.run(THERE, ['rm', '-r', OPEN_ISCSI])
    for host in found:
        shutil.rmtree(instances(host), ignore_errors=True)


def initiator(host):
    """What the storage calls a host, as open-iscsi has made it up."""
    bed.run(host, ['mkdir', '-p', OPEN_ISCSI])
    path = f'{OPEN_ISCSI}/initiatorname.iscsi'
    bed.run(host, ['tee', path], feed=f'InitiatorName={INITIATOR}\n')


@pytest.fixture(scope='module')
def servers(clean, hosts, tmp_path_factory):
    """Kind -> id, on a host that is off; the disk is one that others see."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(lib.shared_disks())
        [image] = clean.boot(['image'], HOST)
        [volume] = clean.boot(['volume'], HOST, volume=True)
        network = NetworkDisk(tmp_path_factory.mktemp('disk'))
        stack.callback(network.end)
        here = stack.enter_context(shared([network], THERE, WITNESS))
        disk(here, image)
        lab.fail(HOST)
        clean.put_service(HOST, forced_down=True)
        yield {'image': image, 'volume': volume, 'folder': here / image}


# Without cinder's database: how a host is let in, only it can tell.
def asking(folder, hosts, **database):
    """A way to have commands run, with a clouds.yaml of these hosts."""
    known = {'nova_api': lib.database_urls()['nova_api'], **database}
    clouds = lib.reached(folder, hosts, database=known)
    return functools.partial(lib.recover, clouds)


@pytest.fixture(scope='module')
def recover(hosts, tmp_path_factory):
    return asking(tmp_path_factory.mktemp('moving'), hosts)


def rehearsed(recover, server, *words):
    done = recover(*WORDS, '--server', server, '--dry-run', *words)
    assert 'Traceback' not in done.stderr
    [row] = done.rows
    return row, done


def refused(recover, server):
    """Why a server is not moved, and what to do."""
    row, done = rehearsed(recover, server)
    assert (done.status, row['Verdict']) == (3, 'no-place'), done
    return row['Reason'], row['Way out']


def test_a_disk_that_is_not_on_the_destination_is_refused(recover, servers):
    folder = servers['folder']
    away = folder.rename(folder.with_name('away'))
    try:
        reason, _ = refused(recover, servers['image'])
    finally:
        away.rename(folder)
    assert f'{THERE}: its disk is not there' in reason


def test_a_disk_that_no_other_host_sees_is_refused(tmp_path, hosts, servers):
    alone = asking(tmp_path, {THERE: hosts[THERE]})
    reason, way_out = refused(alone, servers['image'])
    assert f'{THERE}: no other host shows that the disk it sees' in reason
    assert '--no-agent' in way_out


@contextlib.contextmanager
def left_over(server):
    """A domain of a server at the destination."""
    define(THERE, server, 'left-over', start=False)
    try:
        yield
    finally:
        virsh(THERE, 'undefine', server)


def test_a_domain_that_is_on_the_destination_is_refused(recover, servers):
    with left_over(servers['image']):
        reason, _ = refused(recover, servers['image'])
    assert f'{THERE}: libvirt there has domain left-over' in reason


def test_a_plan_does_not_start_once_a_domain_is_there(recover, servers, clean):
    server = servers['image']
    row, done = rehearsed(recover, server)
    assert (done.status, row['Verdict']) == (0, 'database'), done
    run = re.search(r'run start (\w+)', done.stderr)[1]
    with left_over(server):
        done = recover('run', 'start', run, '--yes')
    assert done.status == 3, done
    assert "code is 'no-place', was 'database'" in done.rows[0]['Reason']
    now = clean.server(server)
    assert (now['OS-EXT-SRV-ATTR:host'], now['locked']) == (HOST, False)


@pytest.fixture
def unreached(tmp_path, hosts):
    """A clouds.yaml in which nobody answers at the destination's address."""
    there = dataclasses.replace(hosts[THERE], port=1)
    known = {**hosts, THERE: there}
    cinder = lib.database_urls()['cinder']
    return asking(tmp_path, known, cinder=cinder)


UNKNOWN = {
    'image': 'whether it sees the disk is not known',
    'volume': 'whether it has a domain of it is not known',
}


@pytest.mark.parametrize('kind', UNKNOWN)
def test_a_destination_that_cannot_be_asked_is_refused(
    unreached, servers, kind
):
    reason, way_out = refused(unreached, servers[kind])
    assert f'{THERE}: {UNKNOWN[kind]}' in reason
    assert 'port 1' in reason
    assert '--no-agent' in way_out


def test_without_a_look_the_plan_says_what_is_unknown(unreached, servers):
    row, done = rehearsed(unreached, servers['image'], '--no-agent')
    assert (done.status, row['Verdict']) == (0, 'database'), done
    assert 'whether the destination sees its disk' in done.stderr + str(row)
    assert 'no host is asked (--no-agent)' in done.stderr


def test_a_host_that_does_not_tell_how_it_is_let_in_is_refused(
    recover, servers
):
    path = '/usr/local/bin/privsep-helper'
    bed.run(THERE, ['mv', path, f'{path}.away'])
    try:
        reason, _ = refused(recover, servers['volume'])
    finally:
        bed.run(THERE, ['mv', f'{path}.away', path])
    assert f'{THERE}: how it is let in to volumes is not known' in reason
    assert 'nova-manage ended with 1: Unexpected error' in reason


@pytest.fixture(scope='module')
def moved(recover, servers):
    return recover(*WORDS, '--yes')


def test_they_are_moved(moved, servers, clean):
    assert moved.status == 0, moved
    for kind in ('image', 'volume'):
        now = clean.server(servers[kind])
        assert now['OS-EXT-SRV-ATTR:host'] == THERE
        assert (now['status'], now['locked']) == ('ACTIVE', False)
    check_allocations(clean, [servers['image'], servers['volume']])


@pytest.mark.usefixtures('moved')
def test_the_volume_lets_in_what_the_host_calls_itself(servers, hosts):
    row = one('cinder.volume_attachment', instance_uuid=servers['volume'],
              deleted=0)  # fmt: skip
    told = json.loads(row['connector'])
    assert told['initiator'] == INITIATOR
    assert (told['host'], told['ip']) == (THERE, hosts[THERE].address)
    assert lab.volume_access()[row['volume_id']] == [THERE]


@pytest.mark.usefixtures('moved')
def test_nova_stops_and_starts_them(servers, clean):
    for kind in ('image', 'volume'):
        clean.stop(servers[kind])
        clean.action(servers[kind], **{'os-start': None})
    for kind in ('image', 'volume'):
        clean.wait(servers[kind], 'ACTIVE')


@pytest.mark.usefixtures('moved')
def test_the_host_that_returns_destroys_what_it_has_left(
    recover, servers, clean
):
    both = {servers['image'], servers['volume']}
    assert set(lab.guests()[HOST]) >= both
    lab.revive(HOST)
    clean.until(lambda: not clean.open_records(HOST), 'cleaned up')
    done = recover('return', HOST, '--yes')
    assert done.status == 0, done
    assert not set(lab.guests()[HOST]) & both
    assert set(lab.guests()[THERE]) >= both
    assert not lab.twice()
    assert clean.service(HOST)['status'] == 'enabled'
    check_allocations(clean, both)
