# SPDX-License-Identifier: Apache-2.0
"""What an audit finds of guests that libvirt really runs.

nova's hypervisor in the practice cloud is a double, so each guest that nova
would start is started here.  These tests take the bed of this machine: one
that is up goes down.
"""

import contextlib
import re
import uuid

import pytest

from tests import practice as lib
from tests.functional.test_instances_on_hosts import define, virsh
from tests.hosts import bed

pytestmark = pytest.mark.functional

ONE, TWO = 'cmp1', 'cmp2'


class Audited:
    """A server that nova runs on the first host, and what is told of it."""

    def __init__(self, clouds, server):
        self._clouds = clouds
        self.id = server['id']
        self.name = server['OS-EXT-SRV-ATTR:instance_name']

    def recover(self, *words):
        return lib.recover(self._clouds, *words)

    def rows(self):
        """State -> row of what is wrong with guests."""
        done = self.recover('audit', '--min-age', '0')
        assert done.status in (0, 1), done
        guests = [r for r in done.rows if r['Kind'] in ('server', 'domain')]
        return {row['State']: row for row in guests}

    def start(self, host):
        """Its guest, as nova would start it there."""
        if self.name not in virsh(host, 'list', '--all', '--name').split():
            define(host, self.id, self.name, start=False)
        virsh(host, 'start', self.name)

    @contextlib.contextmanager
    def running(self, *hosts):
        """Its guest runs there, and nowhere afterwards."""
        for host in hosts:
            self.start(host)
        try:
            yield
        finally:
            for host in (ONE, TWO):
                virsh(host, 'destroy', self.name, check=False)
                virsh(host, 'undefine', self.name, check=False)

    def mend(self, row):
        """Carry out what a row names: on the host, and then from here."""
        told = row['Way out']
        [host, name] = re.search(
            r'end it on (\S+): virsh destroy (\S+);', told
        ).groups()
        virsh(host, 'destroy', name)
        [words] = re.findall(r'openstack recover (.* [0-9a-f-]{36})', told)
        done = self.recover(*words.split(), '--yes')
        assert done.status == 0, done
        assert self.name not in virsh(host, 'list', '--all', '--name').split()


@pytest.fixture(scope='module')
def audited(clean, hosts, tmp_path_factory):
    folder = tmp_path_factory.mktemp('audit')
    for host in hosts:
        clean.heal(host)
    [server] = clean.boot(['guest-1'], ONE, port=False)
    clouds = lib.reached(folder, hosts)
    return Audited(clouds, clean.server(server))


def test_a_guest_that_runs_where_nova_has_it_has_no_row(audited):
    with audited.running(ONE):
        assert audited.rows() == {}


def test_a_guest_that_runs_on_two_hosts_is_ended_on_the_wrong_one(audited):
    with audited.running(ONE, TWO):
        [(state, row)] = audited.rows().items()
        assert (state, row['ID']) == ('two-places', audited.id)
        assert TWO in row['Hosts']
        audited.mend(row)
        assert audited.rows() == {}
        assert virsh(ONE, 'domstate', audited.id).strip() == 'running'


def test_a_guest_that_runs_elsewhere_is_ended_and_then_runs_nowhere(audited):
    with audited.running(TWO):
        [(state, row)] = audited.rows().items()
        assert (state, row['ID']) == ('runs-elsewhere', audited.id)
        audited.mend(row)
        [(state, row)] = audited.rows().items()
        assert (state, row['ID']) == ('not-running', audited.id)
        assert f'openstack server reboot --hard {audited.id}' in row['Way out']
        audited.start(ONE)
        assert audited.rows() == {}


def test_a_guest_of_no_server_is_a_stranger(audited):
    stranger = str(uuid.uuid4())
    with audited.running(ONE):
        define(TWO, stranger, 'of-nobody', start=True)
        try:
            [(state, row)] = audited.rows().items()
            assert (state, row['ID']) == ('stranger', stranger)
            assert (row['Name'], row['Hosts']) == ('of-nobody', TWO)
            [words] = re.findall(r'virsh (dumpxml \S+);', row['Way out'])
            assert stranger in virsh(TWO, *words.split())
        finally:
            virsh(TWO, 'destroy', stranger)
            virsh(TWO, 'undefine', stranger)
        assert audited.rows() == {}


def test_a_host_that_does_not_answer_is_a_gap_and_no_lack(audited):
    with audited.running(ONE):
        sockets = ['libvirtd.socket', 'libvirtd-ro.socket']
        sockets += ['libvirtd-admin.socket']
        bed.run(ONE, ['systemctl', 'stop', *sockets, 'libvirtd.service'])
        try:
            assert audited.rows() == {}
            done = audited.recover('audit', '--min-age', '0')
        finally:
            bed.run(ONE, ['systemctl', 'start', *sockets])
    gaps = [r['Name'] for r in done.rows if r['State'] == 'unknown']
    assert any(ONE in name for name in gaps), done
