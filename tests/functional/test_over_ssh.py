# SPDX-License-Identifier: Apache-2.0
"""What hosts tell over SSH: accounts, services, whether they can be asked."""

import json
import pathlib

import pytest

from tests.cloud import lab
from tests.practice import recover, write_clouds
from tests.unit import sshd

pytestmark = pytest.mark.functional

COLUMNS = json.loads(
    (pathlib.Path(__file__).parents[1] / 'golden/columns.json').read_text()
)


@pytest.fixture(scope='module')
def machine(tmp_path_factory):
    """This machine, which plays every compute host."""
    with sshd.running(tmp_path_factory.mktemp('sshd')) as one:
        yield one


@pytest.fixture
def clouds(clean, machine, tmp_path):
    return reached(tmp_path, machine, lab.HOSTS)


def reached(folder, machine, hosts):
    """A clouds.yaml in which hosts are dialled where a machine listens."""
    return write_clouds(folder, **machine.section(hosts))


def test_hosts_that_agree_exit_with_0(clouds):
    done = recover(
        clouds, 'ownership', 'check', '--user', 'daemon', '--group', 'adm'
    )
    assert done.status == 0, done.stderr
    assert list(done.rows[0]) == COLUMNS['ownership check']
    told = {
        (row['Host'], row['Kind'], row['Account'], row['State'])
        for row in done.rows
    }
    for host in lab.HOSTS:
        assert (host, 'user', 'daemon', 'ok') in told
        assert (host, 'group', 'adm', 'ok') in told


def test_named_hosts_only_are_asked(clouds):
    words = ('ownership', 'check', 'cmp2', '--user', 'daemon')
    done = recover(clouds, *words)
    assert {row['Host'] for row in done.rows} == {'cmp2'}


def test_a_host_that_is_not_novas_is_refused_with_the_nearest(clouds):
    done = recover(clouds, 'ownership', 'check', 'cpm2')
    assert done.status == 3
    assert 'cmp2' in done.rows[0]['Way out']


def test_a_host_out_of_reach_is_a_row_and_the_others_are_told(
    clean, machine, tmp_path
):
    clouds = reached(tmp_path, machine, lab.HOSTS[1:])
    lost = lab.HOSTS[0]
    done = recover(clouds, 'ownership', 'check', '--user', 'daemon')
    assert done.status == 1
    rows = {row['Host']: row for row in done.rows}
    assert rows[lost]['State'] == 'unknown'
    assert rows[lost]['Number'] is None
    assert lost in rows[lost]['Reason']
    assert rows[lost]['Way out']
    assert rows[lab.HOSTS[1]]['State'] == 'ok'


def test_a_reference_out_of_reach_is_refused(clean, machine, tmp_path):
    clouds = reached(tmp_path, machine, lab.HOSTS[1:])
    words = ('ownership', 'check', '--reference', lab.HOSTS[0])
    done = recover(clouds, *words)
    assert done.status == 3
    assert 'the reference could not be asked' in done.rows[0]['Reason']


def test_services_are_listed_as_host_and_nova_see_them(clouds):
    done = recover(clouds, 'service', 'list', 'cmp2')
    assert list(done.rows[0]) == COLUMNS['service list']
    assert {row['Host'] for row in done.rows} == {'cmp2'}
    # Without systemd this machine cannot tell, and the row says so.
    if done.status:
        assert done.rows[0]['Reason'], done
        assert done.rows[0]['Nova'] == 'up'


def test_a_service_list_of_a_host_out_of_reach_still_has_novas_view(
    clean, machine, tmp_path
):
    clouds = reached(tmp_path, machine, lab.HOSTS[1:])
    done = recover(clouds, 'service', 'list', *lab.HOSTS[:2])
    rows = {row['Host']: row for row in done.rows}
    assert done.status == 1
    assert rows[lab.HOSTS[0]]['Nova'] == 'up'
    assert 'no address' in rows[lab.HOSTS[0]]['Reason']


def test_the_setup_check_dials_every_host(clouds):
    done = recover(clouds, 'setup', 'check')
    rows = {row['Check']: row for row in done.rows}
    for host in lab.HOSTS:
        assert rows[f'ssh {host}']['State'] == 'ok'
        assert 'python 3.' in rows[f'ssh {host}']['Detail']


def test_the_setup_check_tells_of_a_host_it_cannot_ask(
    clean, machine, tmp_path
):
    clouds = reached(tmp_path, machine, lab.HOSTS[1:])
    done = recover(clouds, 'setup', 'check')
    rows = {row['Check']: row for row in done.rows}
    broken = rows[f'ssh {lab.HOSTS[0]}']
    assert (done.status, broken['State']) == (1, 'broken')
    assert broken['Fix']


def test_without_a_word_about_ssh_nobody_is_dialled(clean, tmp_path):
    done = recover(write_clouds(tmp_path), 'setup', 'check')
    [row] = [r for r in done.rows if r['Check'].startswith('ssh')]
    assert (row['Check'], row['State']) == ('ssh', 'unused')
